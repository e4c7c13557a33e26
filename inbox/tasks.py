"""The worker's door. Each task may run twice: what it does is claimed in the database first."""

import logging
from datetime import datetime
from typing import Any

from django.utils import timezone

from inbox import queries
from inbox.domain import calls, connecting, credentials, deliveries, posting, routing
from inbox.twitter.client import Unavailable
from tenants import live
from tenants.nudge import brand_task, fan_out_task, in_each_brand, nudge

log = logging.getLogger(__name__)


@brand_task(name="inbox.post_replies")
def post_replies(**_future: Any) -> None:
    """Post what is approved."""
    posting.post_waiting(clock=timezone.now)


def post_soon(undo_until: datetime | None) -> None:
    """Have what is approved posted; a reply that can be taken back until then, as soon as it no more can."""
    wait = (undo_until - timezone.now()).total_seconds() if undo_until else 0
    # A little later than the very instant: a worker that comes too early leaves it to the sweep.
    nudge(post_replies, after=max(0, wait + 0.2) if undo_until else 0)


@brand_task(name="inbox.find_out")
def find_out(**_future: Any) -> None:
    """Find out what became of replies whose fate is unknown, then post what is approved."""
    posting.find_out(clock=timezone.now)
    posting.post_waiting(clock=timezone.now)


@brand_task(name="inbox.repair_desk")
def repair_desk(**_future: Any) -> None:
    """Make the brand's copies of who has what equal to the desk."""
    routing.repair(now=timezone.now())


@brand_task(name="inbox.tell_webhooks")
def tell_webhooks(**_future: Any) -> None:
    """Make deliveries of what happened, and send what is due."""
    deliveries.tell(now=timezone.now())
    deliveries.deliver(clock=timezone.now)


@brand_task(name="inbox.forget_deliveries")
def forget_deliveries(**_future: Any) -> None:
    """Remove deliveries that need not be kept any longer."""
    deliveries.forget(now=timezone.now())


@brand_task(name="inbox.renew_keys")
def renew_keys(**_future: Any) -> None:
    """Fetch the next keys of this brand's handles, where they are due."""
    for handle_id in credentials.due_now():
        credentials.renew(handle_id, now=timezone.now())


@fan_out_task(name="inbox.keep_connected")
def keep_connected(**_future: Any) -> None:
    """The look at keys that come to their end, for every brand that has any."""
    in_each_brand(renew_keys, asking=credentials.is_any_due)


@fan_out_task(name="inbox.keep_subscribed")
def keep_subscribed(**_future: Any) -> None:
    """The look at what Twitter sends us: what is missing is asked for, what is of nobody any more is given up."""
    try:
        connecting.reconcile()
    except Unavailable as error:
        log.warning("Twitter could not be asked what it sends us: %s", error)


@fan_out_task(name="inbox.sweep")
def sweep(**_future: Any) -> None:
    """The look that always comes: every brand with replies to post, or whose fate is not known."""
    in_each_brand(find_out, asking=queries.replies_to_post)
    live.mark("sweep")


@fan_out_task(name="inbox.sweep_desk")
def sweep_desk(**_future: Any) -> None:
    """The look at who has what, for every brand."""
    in_each_brand(repair_desk)


@fan_out_task(name="inbox.canary")
def canary(*, key: str, **_future: Any) -> None:
    """Say that a worker works, to the doctor who listens."""
    live.publish(live.channel("canary", key), "alive")


@fan_out_task(name="inbox.sweep_webhooks")
def sweep_webhooks(**_future: Any) -> None:
    """The look at what webhooks are to be told, for every brand that has any."""
    in_each_brand(tell_webhooks, asking=queries.webhooks_to_call)


@brand_task(name="inbox.forget_calls")
def forget_calls(**_future: Any) -> None:
    """Forget writes of programs that were kept for a day."""
    calls.forget(now=timezone.now())


@fan_out_task(name="inbox.sweep_calls")
def sweep_calls(**_future: Any) -> None:
    """The look for writes of programs that are kept long enough, for every brand."""
    in_each_brand(forget_calls, asking=queries.has_calls_to_forget)


@fan_out_task(name="inbox.sweep_deliveries")
def sweep_deliveries(**_future: Any) -> None:
    """The look for deliveries that are too old to be kept, for every brand."""
    in_each_brand(forget_deliveries, asking=queries.has_deliveries_to_forget)
