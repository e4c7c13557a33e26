"""How fast stored arrivals become routed conversations, each with its desk row and its events."""

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from django.conf import settings
from django.utils import timezone

from accounts.models import DeskRow
from inbox.domain import flow
from inbox.management.benches import house, payloads
from inbox.management.benches.figures import milliseconds, rate
from inbox.models import Arrival, Conversation, Event
from tenants import entry
from tenants.letterbox import Letter, Letterbox
from tenants.models import Brand

BRANDS = 50
PER_BRAND = 2 * flow.BATCH
WARM_UP, ONE_PROCESS, TWO_PROCESSES = range(3)
STAGES = (
    (flow.arrivals, "claim"),
    (flow._Batch, "read"),
    (flow._Batch, "adopt_orphans"),
    (flow.triage, "assess"),
    (flow.conversations, "thread"),
    (flow.conversations, "refresh"),
    (flow.triage, "settle"),
    (flow.sla, "promise"),
    (flow.routing, "offer"),
    (flow.arrivals, "settle"),
    (flow.events, "record"),
)


def measure() -> dict[str, Any]:
    """One process, with the time of each batch and the share of each stage; then the same again with two."""
    brands = house.brands(BRANDS)
    _store(brands[:2], WARM_UP)
    for brand in brands[:2]:
        _carry(brand)

    stored_per_s = _store(brands, ONE_PROCESS)
    seconds, times, shares = _carry_all(brands)
    _check(brands)
    _store(brands, TWO_PROCESSES)
    with_two = _carry_with_two()
    _check(brands)
    count = BRANDS * PER_BRAND
    return {
        "value": rate(count, seconds),
        "unit": "tweets/s",
        "two_processes": rate(count, with_two),
        "brands": BRANDS,
        "tweets": count,
        "payloads": payloads.source(),
        "batch": flow.BATCH,
        **{f"batch_{name}": value for name, value in milliseconds(times).items()},
        "share_of_stages": shares,
        "letterbox_stored_per_s": stored_per_s,
    }


def share(*, part: int, of: int) -> dict[str, Any]:
    """Carry every so-manieth brand, once somebody says go: what one of several processes does."""
    mine = house.brands(BRANDS)[part::of]
    with entry.brand(mine[0]):
        Arrival.objects.filter(carried_at=None).exists()
    flow.triage.language_of("bonjour tout le monde")  # loads its model
    print("ready", flush=True)  # noqa: T201, said to the process that started this one
    sys.stdin.readline()
    for brand in mine:
        _carry(brand)
    return {"carried": len(mine)}


def _store(brands: list[Brand], batch: int) -> float:
    """Put the events into each brand as the webhook's letterbox does; how many a second."""
    letters = [
        Letter("tweet", tweet_id, handle_id, body)
        for handle_id in map(house.handle_of, brands)
        for tweet_id, body in payloads.events(
            handle_id=handle_id, username=f"Brand{handle_id % 1000}", count=PER_BRAND, batch=batch
        )
    ]
    began = time.perf_counter()
    asyncio.run(_post(letters))
    return rate(len(letters), time.perf_counter() - began)


async def _post(letters: list[Letter]) -> None:
    letterbox = Letterbox(settings.LETTERBOX_DATABASE_URL)
    await letterbox.open()
    for place in range(0, len(letters), 5000):
        await asyncio.gather(*(letterbox.put(letter) for letter in letters[place : place + 5000]))
    await letterbox.close()


def _carry(brand: Brand) -> None:
    with entry.brand(brand):
        flow.carry_all(brand=brand, now=timezone.now())


def _carry_all(brands: list[Brand]) -> tuple[float, list[float], dict[str, float]]:
    times: list[float] = []
    spent: Counter[str] = Counter()
    with ExitStack() as stack:
        for owner, name in STAGES:
            label = f"{owner.__name__.rpartition('.')[2].strip('_').lower()}.{name}"
            stack.enter_context(_timed(owner, name, partial(_add, spent, label)))
        stack.enter_context(_timed(flow, "carry", times.append))
        began = time.perf_counter()
        for brand in brands:
            _carry(brand)
        seconds = time.perf_counter() - began
    calls = PER_BRAND // flow.BATCH + 1  # the last one in each brand finds nothing to do
    full = [took for place, took in enumerate(times, start=1) if place % calls]
    shares = {label: round(took / sum(times), 3) for label, took in spent.most_common()}
    return seconds, full, {**shares, "commit and the rest": round(1 - sum(shares.values()), 3)}


def _add(spent: Counter[str], label: str, took: float) -> None:
    spent.update({label: took})


@contextmanager
def _timed(owner: Any, name: str, tell: Callable[[float], None]) -> Iterator[None]:
    original = getattr(owner, name)

    def timed(*args: Any, **kwargs: Any) -> Any:
        began = time.perf_counter()
        try:
            return original(*args, **kwargs)
        finally:
            tell(time.perf_counter() - began)

    setattr(owner, name, timed)
    yield
    setattr(owner, name, original)


def _carry_with_two() -> float:
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "bench", "ingest_batch", "--share"]
    workers = [
        subprocess.Popen([*command, f"{part}/2"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for part in range(2)
    ]
    for worker in workers:
        assert worker.stdout
        worker.stdout.readline()
    began = time.perf_counter()
    for worker in workers:
        assert worker.stdin
        worker.stdin.write("go\n")
        worker.stdin.flush()
    answers = [worker.communicate(timeout=300)[0] for worker in workers]
    seconds = time.perf_counter() - began
    assert sum(json.loads(answer)["carried"] for answer in answers) == BRANDS
    return seconds


def _check(brands: list[Brand]) -> None:
    """Nothing waits, and every conversation is on the desk and in the history: otherwise the figures mean nothing."""
    for brand in (brands[0], brands[-1]):
        with entry.brand(brand):
            assert not Arrival.objects.filter(carried_at=None).exists()
            opened = Conversation.objects.count()
            assert opened == Event.objects.filter(kind="opened").count()
            assert opened == DeskRow.objects.filter(brand_id=brand.pk).count()
