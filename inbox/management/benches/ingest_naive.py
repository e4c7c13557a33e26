"""How fast tweets come in one at a time: posted to the webhook, answered when they are on the disk, and so on."""

import time
from typing import Any

from inbox import queries
from inbox.management.benches import house, payloads
from inbox.management.benches.figures import milliseconds, rate
from inbox.management.benches.webhook import Webhook
from tenants import entry
from tenants.models import Brand

TWEETS = 1000
WARM_UP = 50


def measure() -> dict[str, Any]:
    """Answered a second; beside it, how many were carried into conversations a second by the running carrier."""
    brand = house.brands(1)[0]
    events = payloads.events(handle_id=house.handle_of(brand), username="Brand0", count=TWEETS + WARM_UP)
    bodies = [body for _, body in events]
    with Webhook() as webhook:
        for body in bodies[:WARM_UP]:
            webhook.post(body)
        _wait_until_carried(brand)
        times = []
        began = time.monotonic()
        for body in bodies[WARM_UP:]:
            before = time.monotonic()
            times.append(webhook.post(body) - before)
        answered = time.monotonic() - began
        _wait_until_carried(brand)
        carried = time.monotonic() - began
    return {
        "value": rate(TWEETS, answered),
        "unit": "tweets/s",
        "carried_per_s": rate(TWEETS, carried),
        "tweets": TWEETS,
        "payloads": payloads.source(),
        **{f"answer_{name}": value for name, value in milliseconds(times).items()},
    }


def _wait_until_carried(brand: Brand) -> None:
    until = time.monotonic() + 60
    with entry.brand(brand):
        while queries.arrivals_waiting():
            if time.monotonic() > until:
                raise RuntimeError("What the webhook stored was not carried within a minute.")
            time.sleep(0.01)
