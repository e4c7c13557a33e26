"""A process that stores arrivals as they would come from Twitter, so many a second, and costs as little as can be.

Everything is made before the clock starts: payloads are encoded and compressed, and lie ready as rows of a COPY. What
is left to do is to write the instant into them, to send them as the letterbox's role, to commit, and to nudge. What
the real door and letterbox cost is measured by `webhook` and `whole`.
"""

import json
import struct
import sys
import time
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
from django.conf import settings
from psycopg import sql
from redis import Redis

from inbox.management.benches import payloads

# Each brand's arrivals come in groups, a little apart from every other brand's: a webhook's letterbox gathers too.
GROUP_SECONDS = 0.2
# Groups that are due within so long share a commit.
TICK_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Offer:
    """What one brand is to be sent: so many, and how many it was sent in phases before."""

    schema: str
    handle_id: int
    username: str
    count: int
    start: int


@dataclass(slots=True)
class _Group:
    """Arrivals of one brand that are stored together: when, counted from the start, and as rows of two COPYs: of
    arrivals, where the last field is missing, and of payloads.
    """

    due: float
    schema: str
    rows: list[tuple[bytes, bytes]]


def orders(offers: Sequence[Offer], *, seconds: float) -> str:
    """What a producer is told on its standard input."""
    return json.dumps({"offers": [asdict(each) for each in offers], "seconds": seconds})


def run() -> dict[str, Any]:
    """The process itself: orders from standard input, `ready`, and when told to go, everything in its time."""
    told = json.loads(sys.stdin.readline())
    offers, seconds = [Offer(**each) for each in told["offers"]], float(told["seconds"])
    groups = sorted(
        (group for place, offer in enumerate(offers) for group in _groups(offer, seconds, place / len(offers))),
        key=lambda group: group.due,
    )
    channel = f"nightjar:{settings.DATABASES['default']['NAME']}:arrivals"
    with psycopg.connect(settings.LETTERBOX_DATABASE_URL) as database, Redis.from_url(settings.REDIS_URL) as redis:
        redis.ping()
        print("ready", flush=True)  # noqa: T201, said to the process that started this one
        sys.stdin.readline()
        began, began_at, stored, latest = time.monotonic(), time.time(), 0, 0.0
        place = 0
        while place < len(groups):
            passed = time.monotonic() - began
            if groups[place].due > passed:
                time.sleep(min(groups[place].due - passed, TICK_SECONDS))
                continue
            latest = max(latest, passed - groups[place].due)
            due = [groups[place]]
            while place + len(due) < len(groups) and groups[place + len(due)].due <= passed and len(due) < 50:
                due.append(groups[place + len(due)])
            stored += _store(database, due)
            redis.publish(channel, " ".join(group.schema for group in due))
            place += len(due)
        took = time.monotonic() - began
    # Said at once; the memory of it all takes a while to be given back.
    return {"stored": stored, "began_at": began_at, "seconds": round(took, 3), "latest_s": round(latest, 3)}


def _groups(offer: Offer, seconds: float, offset: float) -> list[_Group]:
    """This brand's arrivals, spread evenly over the time; `offset` (0 to 1) sets its groups apart from the others'."""
    events = payloads.events(handle_id=offer.handle_id, username=offer.username, count=offer.count, start=offer.start)
    groups: list[_Group] = []
    for number, (tweet_id, body) in enumerate(events):
        nth = int(number * seconds / (offer.count * GROUP_SECONDS) + 1e-9)
        due = (nth + offset) * GROUP_SECONDS
        if not groups or groups[-1].due != due:
            groups.append(_Group(due, offer.schema, []))
        arrival = _row(4, b"tweet", _number(tweet_id), _number(offer.handle_id))
        payload = _row(3, _number(tweet_id), b"tweet", zlib.compress(body, 1))
        groups[-1].rows.append((arrival, payload))
    return groups


def _store(database: psycopg.Connection, groups: Sequence[_Group]) -> int:
    """One transaction, durable when this returns."""
    at = _field(_number(int((datetime.now(UTC) - _ERA).total_seconds() * 1_000_000)))
    stored = 0
    with database.cursor() as cursor:
        for group in groups:
            with cursor.copy(_COPY_PAYLOADS.format(sql.Identifier(group.schema))) as copy:
                copy.write(b"".join([_HEAD, *(payload for _, payload in group.rows), _END]))
            with cursor.copy(_COPY_ARRIVALS.format(sql.Identifier(group.schema))) as copy:
                copy.write(b"".join([_HEAD, *(arrival + at for arrival, _ in group.rows), _END]))
            stored += len(group.rows)
            group.rows.clear()
        database.commit()
    return stored


_COPY_ARRIVALS = sql.SQL("COPY {}.inbox_arrival (kind, twitter_id, handle_id, received_at) FROM STDIN BINARY")
_COPY_PAYLOADS = sql.SQL("COPY {}.inbox_payload (twitter_id, kind, body) FROM STDIN BINARY")

# PostgreSQL's binary form of a COPY: numbers big-endian, instants in microseconds since its own era.
_HEAD, _END = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
_ERA = datetime(2000, 1, 1, tzinfo=UTC)


def _number(value: int) -> bytes:
    return struct.pack("!q", value)


def _field(value: bytes) -> bytes:
    return struct.pack("!i", len(value)) + value


def _row(count: int, *values: bytes) -> bytes:
    """A row of so many fields, as far as these go."""
    return struct.pack("!h", count) + b"".join(map(_field, values))
