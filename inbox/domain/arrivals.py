"""Arrivals: what Twitter sent, stored before anything is done about it, and settled when something was."""

import zlib
from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db import connection

from inbox.enums import ArrivalKind, Outcome
from inbox.models import Arrival
from inbox.twitter.shapes import without_words


def claim(*, limit: int) -> list[Arrival]:
    """The oldest waiting arrivals of this brand, locked until the transaction ends.

    One carrier per brand at a time: the second finds the brand taken and gets nothing.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended('carry ' || current_schema(), 0))")
        if not cursor.fetchone()[0]:
            return []
    return list(Arrival.objects.filter(carried_at=None).order_by("pk")[:limit])


def hold() -> None:
    """Keep carriers of this brand out until the transaction ends, as whoever else writes messages must."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('carry ' || current_schema(), 0))")


def orphans_of(ids: Iterable[int]) -> list[Arrival]:
    """Arrivals that were set aside because one of these tweets was missing."""
    wanted = list(ids)
    if not wanted:
        return []
    return list(Arrival.objects.filter(awaits_id__in=wanted).order_by("pk"))


def body_of(arrival: Arrival) -> bytes:
    """The payload as Twitter sent it; without its words when its tweet was deleted since."""
    return zlib.decompress(arrival.payload) if arrival.payload else b""


def settle(outcomes: Mapping[int, tuple[Outcome, int | None]], *, now: datetime) -> None:
    """Say what became of these arrivals (by key), and which missing tweet an orphan awaits."""
    if not outcomes:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE inbox_arrival a SET carried_at = %s, outcome = r.outcome, awaits_id = r.awaits "
            "FROM unnest(%s::bigint[], %s::text[], %s::bigint[]) AS r(id, outcome, awaits) WHERE a.id = r.id",
            [
                now,
                list(outcomes),
                [outcome for outcome, _ in outcomes.values()],
                [awaits for _, awaits in outcomes.values()],
            ],
        )


def take_words_away(tweet_ids: Iterable[int]) -> None:
    """Leave ids and times alone of these tweets' payloads: enough to thread one that is still to be threaded."""
    carried = Arrival.objects.filter(carried_at__isnull=False)
    rows = list(carried.filter(kind=ArrivalKind.TWEET, twitter_id__in=tweet_ids).order_by("pk"))
    for row in rows:
        row.payload = zlib.compress(without_words(body_of(row)), 1)
    Arrival.objects.bulk_update(rows, ["payload"])


def store(*, kind: ArrivalKind, twitter_id: int, handle_id: int, body: bytes, now: datetime) -> None:
    """Keep one arrival of the current brand, unless it is known. The webhook does the same by the letterbox."""
    Arrival.objects.bulk_create(
        [
            Arrival(
                kind=kind, twitter_id=twitter_id, handle_id=handle_id, received_at=now, payload=zlib.compress(body, 1)
            )
        ],
        ignore_conflicts=True,
    )
