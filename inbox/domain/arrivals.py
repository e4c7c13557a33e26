"""Arrivals: what Twitter sent, stored before anything is done about it, and settled when something was."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection, transaction
from isal import isal_zlib

from inbox.enums import ArrivalKind, Outcome, Source
from inbox.models import Arrival, Payload
from inbox.twitter.events import without_words
from tenants import entry
from tenants.database.bulk import ask, bigints, blobs, names, rare

_rare_ids = rare(bigints)


class Waiting(NamedTuple):
    """An arrival that is to be carried, as much of it as that needs."""

    pk: int
    kind: str
    handle_id: int
    source: str
    received_at: datetime
    payload: bytes | None


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


_PAYLOAD = "(SELECT body FROM inbox_payload p WHERE p.twitter_id = a.twitter_id AND p.kind = a.kind)"
# A statement of its own: what the carrier before has settled is seen by the next one that looks.
_TAKE_THE_BRAND = """
SELECT pg_try_advisory_xact_lock(hashtextextended('carry ' || current_schema(), 0)),
    (SELECT array_agg(twitter_id) FROM tenants_handle WHERE brand_id = $1), p.first_response, p.next_response
FROM inbox_slapolicy p
"""
_OLDEST = f"""
SELECT id, kind, handle_id, source, received_at, {_PAYLOAD} FROM inbox_arrival a WHERE carried_at IS NULL
ORDER BY id LIMIT $1
"""


def hold() -> None:
    """Keep carriers of this brand out until the transaction ends, as whoever else writes messages must."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('carry ' || current_schema(), 0))")


def orphans_of(ids: Iterable[int]) -> list[Waiting]:
    """Arrivals that were set aside because one of these tweets was missing."""
    wanted = list(ids)
    return [Waiting(*row) for row in ask(_ORPHANS, [bigints(wanted)])] if wanted else []


_ORPHANS = f"""
SELECT id, kind, handle_id, source, received_at, {_PAYLOAD} FROM inbox_arrival a WHERE awaits_id = ANY($1::bigint[])
ORDER BY id
"""


def body_of(arrival: Waiting) -> bytes:
    """The payload as Twitter sent it; without its words when its tweet was deleted since, empty when it is gone."""
    return isal_zlib.decompress(arrival.payload) if arrival.payload else b""


def settle(outcomes: Mapping[int, tuple[Outcome, int | None]], *, now: datetime) -> None:
    """Say what became of these arrivals (by key), and which missing tweet an orphan awaits."""
    if not outcomes:
        return
    ask(
        _SETTLE,
        [
            now,
            bigints(outcomes),
            names([outcome for outcome, _ in outcomes.values()]),
            _rare_ids([awaits for _, awaits in outcomes.values()]),
        ],
    )


_SETTLE = """
UPDATE inbox_arrival a SET carried_at = $1, outcome = r.outcome, awaits_id = r.awaits
FROM unnest($2::bigint[], $3::text[], $4::bigint[]) AS r(id, outcome, awaits) WHERE a.id = r.id
"""


def take_words_away(tweet_ids: Iterable[int]) -> None:
    """Leave ids and times alone of these tweets' payloads: enough to thread one that is still to be threaded."""
    rows = ask(_CARRIED_PAYLOADS, [bigints(tweet_ids), _WORDED])
    bodies = [without_words(kind, isal_zlib.decompress(body)) for _, kind, body in rows]
    if rows:
        packed = blobs([isal_zlib.compress(body, 1) for body in bodies])
        ask(_REPLACE_PAYLOADS, [bigints([row[0] for row in rows]), names([row[1] for row in rows]), packed])


_WORDED = names([ArrivalKind.TWEET, ArrivalKind.PRIVATE])
_CARRIED_PAYLOADS = """
SELECT twitter_id, kind, body FROM inbox_payload p WHERE twitter_id = ANY($1::bigint[]) AND kind = ANY($2::text[])
AND EXISTS (SELECT FROM inbox_arrival a WHERE a.twitter_id = p.twitter_id AND a.kind = p.kind
    AND a.carried_at IS NOT NULL)
ORDER BY twitter_id, kind
"""
_REPLACE_PAYLOADS = """
UPDATE inbox_payload p SET body = r.body FROM unnest($1::bigint[], $2::text[], $3::bytea[]) AS r(twitter_id, kind, body)
WHERE p.twitter_id = r.twitter_id AND p.kind = r.kind
"""


def store(*, kind: ArrivalKind, twitter_id: int, handle_id: int, body: bytes, now: datetime) -> None:
    """Keep one arrival of the current brand, unless it is known. The webhook does the same by the letterbox."""
    store_all([(twitter_id, body)], kind=kind, handle_id=handle_id, source=Source.WEBHOOK, now=now)


@transaction.atomic
def store_all(
    bodies: Sequence[tuple[int, bytes]], *, kind: ArrivalKind, handle_id: int, source: Source, now: datetime
) -> None:
    """Keep what an answer of Twitter's brought, by Twitter's ids; what is known stays as it is."""
    if not bodies:
        return
    named: dict[str, Any] = {"kind": kind}
    payloads = [Payload(twitter_id=pk, body=isal_zlib.compress(body, 1), **named) for pk, body in bodies]
    rows = [Arrival(twitter_id=pk, handle_id=handle_id, received_at=now, source=source, **named) for pk, _ in bodies]
    Payload.objects.bulk_create(payloads, ignore_conflicts=True)
    Arrival.objects.bulk_create(rows, ignore_conflicts=True)
