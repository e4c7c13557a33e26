"""The pace of all of Twitter, through the real carriers: sustained, with its lag, its floor, and how far it goes."""

import itertools
import json
import time
import zlib
from typing import Any

import psycopg
from django.conf import settings
from django.utils import timezone
from psycopg import sql

from inbox.domain import arrivals, flow
from inbox.enums import ArrivalKind
from inbox.management.benches import house, lags, payloads, stages
from inbox.management.benches.figures import rate
from inbox.management.benches.stream import Phase, Stream, number, people_at_work, seconds
from tenants import entry
from tenants.models import Brand

ALL_OF_TWITTER = 5787  # tweets a second, as once quoted
PACE = 5800  # what is offered: a little more, so that what is carried is not less by what is just under way
BRANDS = 100
SUSTAINED_SECONDS = 60.0
CEILING_SECONDS = 10.0
CEILING_STEPS = 6
PEOPLE = 300
FLOOR_ROWS = 20_000
NAIVE_TWEETS = 300


def measure() -> dict[str, Any]:
    """All of Twitter's pace for a minute over a hundred brands under their own roles, people being given work."""
    brands = house.brands(number("BRANDS", BRANDS))
    pace, time_for = number("RATE", PACE), seconds(SUSTAINED_SECONDS)
    floor = _floor()
    naive = _naive(house.brands(len(brands) + 1)[-1])
    # A tenth of what comes is given to somebody, so that assignment goes on for as long as the measurement.
    capacity = max(1, min(30_000, int(pace * time_for / 10 / PEOPLE)))
    with people_at_work(PEOPLE, capacity=capacity), Stream(brands) as stream:
        stream.offer(rate=pace / 2, seconds=min(8.0, time_for))  # models loaded, plans made
        sustained = stream.offer(rate=pace, seconds=time_for)
        told = stream.stop_carriers()
        checked = stream.check()
        stream.start_carriers()
        ceiling, tried = _ceiling(stream, pace)
        stream.stop_carriers()
        stream.check()
    return {
        "value": sustained.carried_per_s,
        "unit": "tweets/s",
        "goal": ALL_OF_TWITTER,
        **sustained.told(),
        "seconds": sustained.seconds,
        "brands": len(brands),
        "carriers": settings.CARRIERS,
        "payloads": payloads.source(),
        **checked,
        "share_of_machine": sustained.machine,
        "share_of_stages": stages.shares(told),
        "share_waiting_for_database": stages.database_share(told),
        "tweets_in_a_batch": round(sustained.offered / max(1, sum(each["batches"] for each in told)), 1),
        "ceiling_per_s": ceiling,
        "ceiling_tried": tried,
        **{f"floor_{name}_per_s": value for name, value in floor.items()},
        **{f"of_floor_{name}": round(sustained.carried_per_s / value, 3) for name, value in floor.items()},
        "naive_per_s": naive,
        "times_naive_here": round(sustained.carried_per_s / naive, 1),
    }


def _ceiling(stream: Stream, pace: int) -> tuple[float, list[dict[str, float]]]:
    """The highest rate at which what waits does not grow; half as much again each time until it does."""
    best, tried = 0.0, []
    for step in range(1, 1 + number("CEILING_STEPS", CEILING_STEPS)):
        phase = stream.offer(rate=pace * (1 + step / 4), seconds=seconds(CEILING_SECONDS))
        told = phase.told()
        held = not _fails(phase, told)
        tried.append({name: told[name] for name in ("offered_per_s", "carried_per_s", "lag_p99_ms", _GROWTH)})
        if not held:
            # While more waits than can be taken, what is taken is all that can be.
            return max(best, phase.carried_per_s), tried
        best = phase.carried_per_s
    return best, tried


_GROWTH = "backlog_growth_per_s"


def _fails(phase: Phase, told: dict[str, Any]) -> bool:
    return lags.grows(told[_GROWTH], phase.offered_per_s)


def _floor() -> dict[str, float]:
    """The same rows by a bare COPY into one table: as JSON, and compressed. A table without anything else."""
    events = list(payloads.events(handle_id=house.FIRST_HANDLE, username="Brand0", count=number("ROWS", FLOOR_ROWS)))
    return {
        "json": _copy("jsonb", [(pk, json.dumps(json.loads(body))) for pk, body in events]),
        "compressed": _copy("bytea", [(pk, "\\x" + zlib.compress(body, 1).hex()) for pk, body in events]),
    }


def _copy(kind: str, rows: list[tuple[int, str]]) -> float:
    """Rows a second, durable; the lines lie ready as the producer's do."""
    lines = [f"{pk}\t{_escaped(text)}\n".encode() for pk, text in rows]
    with psycopg.connect(settings.OWNER_DATABASE_URL, autocommit=True) as owner, owner.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS floor")
        cursor.execute(sql.SQL("CREATE TABLE floor (id bigint PRIMARY KEY, body {})").format(sql.SQL(kind)))
        began = time.perf_counter()
        for place in range(0, len(lines), flow.BATCH):
            with cursor.copy("COPY floor FROM STDIN") as copy:
                copy.write(b"".join(lines[place : place + flow.BATCH]))
        took = time.perf_counter() - began
        cursor.execute("DROP TABLE floor")
    return rate(len(lines), took)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


def _naive(brand: Brand) -> float:
    """One tweet after another: stored and committed, then carried by itself."""
    count = number("NAIVE", NAIVE_TWEETS)
    events = payloads.events(handle_id=house.handle_of(brand), username=f"Brand{brand.pk}", count=count + 10)
    began = 0.0
    for place, (tweet_id, body) in zip(itertools.count(), events, strict=False):
        if place == 10:
            began = time.perf_counter()
        now = timezone.now()
        with entry.brand(brand):
            arrivals.store(
                kind=ArrivalKind.TWEET, twitter_id=tweet_id, handle_id=house.handle_of(brand), body=body, now=now
            )
        with entry.brand(brand):
            flow.carry(brand=brand, now=now, limit=1)
    return rate(count, time.perf_counter() - began)
