"""A process that stores arrivals as they would come from Twitter, so many a second, and costs as little as can be.

Everything is made before the clock starts: payloads are encoded and compressed, and lie ready as lines of a COPY. What
is left to do is to write the instant into them, to send them as the letterbox's role, to commit, and to nudge. What
the real door and letterbox cost is measured by `webhook` and `whole`.
"""

import json
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
    """Arrivals of one brand that are stored together: when, counted from the start, and as lines of a COPY."""

    due: float
    schema: str
    lines: list[tuple[bytes, bytes]]


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
        arrival = f"tweet\t{tweet_id}\t{offer.handle_id}\t".encode()
        payload = f"{tweet_id}\ttweet\t\\\\x{zlib.compress(body, 1).hex()}\n".encode()
        groups[-1].lines.append((arrival, payload))
    return groups


def _store(database: psycopg.Connection, groups: Sequence[_Group]) -> int:
    """One transaction, durable when this returns."""
    at = datetime.now(UTC).isoformat().encode() + b"\n"
    stored = 0
    with database.cursor() as cursor:
        for group in groups:
            with cursor.copy(_COPY_PAYLOADS.format(sql.Identifier(group.schema))) as copy:
                copy.write(b"".join(payload for _, payload in group.lines))
            with cursor.copy(_COPY_ARRIVALS.format(sql.Identifier(group.schema))) as copy:
                copy.write(b"".join(arrival + at for arrival, _ in group.lines))
            stored += len(group.lines)
            group.lines.clear()
        database.commit()
    return stored


_COPY_ARRIVALS = sql.SQL("COPY {}.inbox_arrival (kind, twitter_id, handle_id, received_at) FROM STDIN")
_COPY_PAYLOADS = sql.SQL("COPY {}.inbox_payload (twitter_id, kind, body) FROM STDIN")
