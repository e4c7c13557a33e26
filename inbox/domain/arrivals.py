"""Arrivals: what Twitter sent, stored before anything is done about it, and settled when something was."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import connection
from isal import isal_zlib

from inbox.enums import ArrivalKind, Outcome, Source
from inbox.models import Arrival
from inbox.twitter.events import without_words
from tenants import entry
from tenants.database.bulk import ask, names, numbers


class Waiting(NamedTuple):
    """An arrival that is to be carried, as much of it as that needs."""

    pk: int
    kind: str
    handle_id: int
    source: str
    received_at: datetime
    payload: bytes


class Claimed(NamedTuple):
    """A batch of arrivals, and what the brand's rows say that the whole batch is read by."""

    waiting: list[Waiting]
    ours: frozenset[int]  # the brand's handles
    first_response: timedelta
    next_response: timedelta


def claim(*, limit: int) -> Claimed:
    """The oldest waiting arrivals of this brand, which no other carrier touches until the transaction ends.

    One carrier per brand at a time: the second finds the brand taken and gets nothing.
    """
    [(is_mine, handles, first_response, next_response)] = ask(_TAKE_THE_BRAND, [entry.current_brand_id()])
    rows = ask(_OLDEST, [limit]) if is_mine else []
    return Claimed([Waiting(*row) for row in rows], frozenset(handles or ()), first_response, next_response)


# A statement of its own: what the carrier before has settled is seen by the next one that looks.
_TAKE_THE_BRAND = """
SELECT pg_try_advisory_xact_lock(hashtextextended('carry ' || current_schema(), 0)),
    (SELECT array_agg(twitter_id) FROM tenants_handle WHERE brand_id = $1), p.first_response, p.next_response
FROM inbox_slapolicy p
"""
_OLDEST = """
SELECT id, kind, handle_id, source, received_at, payload FROM inbox_arrival WHERE carried_at IS NULL
ORDER BY id LIMIT $1
"""


def hold() -> None:
    """Keep carriers of this brand out until the transaction ends, as whoever else writes messages must."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('carry ' || current_schema(), 0))")


def orphans_of(ids: Iterable[int]) -> list[Waiting]:
    """Arrivals that were set aside because one of these tweets was missing."""
    wanted = list(ids)
    return [Waiting(*row) for row in ask(_ORPHANS, [numbers(wanted)])] if wanted else []


_ORPHANS = """
SELECT id, kind, handle_id, source, received_at, payload FROM inbox_arrival WHERE awaits_id = ANY($1::bigint[])
ORDER BY id
"""


def body_of(arrival: Waiting | Arrival) -> bytes:
    """The payload as Twitter sent it; without its words when its tweet was deleted since."""
    return isal_zlib.decompress(arrival.payload) if arrival.payload else b""


def settle(outcomes: Mapping[int, tuple[Outcome, int | None]], *, now: datetime) -> None:
    """Say what became of these arrivals (by key), and which missing tweet an orphan awaits."""
    if not outcomes:
        return
    ask(
        _SETTLE,
        [
            now,
            numbers(outcomes),
            names([outcome for outcome, _ in outcomes.values()]),
            numbers([awaits for _, awaits in outcomes.values()]),
        ],
    )


_SETTLE = """
UPDATE inbox_arrival a SET carried_at = $1, outcome = r.outcome, awaits_id = r.awaits
FROM unnest($2::bigint[], $3::text[], $4::bigint[]) AS r(id, outcome, awaits) WHERE a.id = r.id
"""


def take_words_away(tweet_ids: Iterable[int]) -> None:
    """Leave ids and times alone of these tweets' payloads: enough to thread one that is still to be threaded."""
    carried = Arrival.objects.filter(carried_at__isnull=False)
    worded = [ArrivalKind.TWEET, ArrivalKind.PRIVATE]
    rows = list(carried.filter(kind__in=worded, twitter_id__in=tweet_ids).order_by("pk"))
    for row in rows:
        row.payload = isal_zlib.compress(without_words(row.kind, body_of(row)), 1)
    Arrival.objects.bulk_update(rows, ["payload"])


def store(*, kind: ArrivalKind, twitter_id: int, handle_id: int, body: bytes, now: datetime) -> None:
    """Keep one arrival of the current brand, unless it is known. The webhook does the same by the letterbox."""
    Arrival.objects.bulk_create(
        [
            Arrival(
                kind=kind,
                twitter_id=twitter_id,
                handle_id=handle_id,
                received_at=now,
                payload=isal_zlib.compress(body, 1),
            )
        ],
        ignore_conflicts=True,
    )


def store_all(
    bodies: Sequence[tuple[int, bytes]], *, kind: ArrivalKind, handle_id: int, source: Source, now: datetime
) -> None:
    """Keep what an answer of Twitter's brought, by Twitter's ids; what is known stays as it is."""
    rows = [
        Arrival(
            kind=kind,
            twitter_id=twitter_id,
            handle_id=handle_id,
            received_at=now,
            source=source,
            payload=isal_zlib.compress(body, 1),
        )
        for twitter_id, body in bodies
    ]
    Arrival.objects.bulk_create(rows, ignore_conflicts=True)
