"""The desk: the agency's one line of waiting work across its brands. Who has a conversation is decided here."""

import heapq
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection, transaction

from accounts.domain import presence
from accounts.domain.presence import Free
from accounts.models import DeskRow, User
from tenants import entry
from tenants.database.bulk import ask, bigints, numbers, times, words
from tenants.refusals import NotNow


class Waiting(NamedTuple):
    """What a brand says of one of its open conversations."""

    conversation_id: int
    urgency: int
    language: str
    waiting_since: datetime | None
    respond_by: datetime | None


_PUT = """
INSERT INTO accounts_deskrow AS d
    (agency_id, brand_id, conversation_id, urgency, language, waiting_since, respond_by)
SELECT $1, $2, r.* FROM unnest($3::bigint[], $4::smallint[], $5::text[], $6::timestamptz[], $7::timestamptz[]) AS r
ON CONFLICT (brand_id, conversation_id) DO UPDATE SET
    urgency = excluded.urgency, language = excluded.language,
    waiting_since = excluded.waiting_since, respond_by = excluded.respond_by
"""


def put(rows: Sequence[Waiting]) -> None:
    """Bring the desk's rows of the current brand up to date: set-based, inside the brand's own transaction."""
    brand_id, agency_id = entry.current_brand_id(), entry.current_agency_id()
    quiet = [row.conversation_id for row in rows if row.waiting_since is None]
    waiting = [row for row in rows if row.waiting_since is not None]
    with connection.cursor() as cursor:
        if waiting:
            ids, urgency, language, since, by = zip(*waiting, strict=True)
            columns = [bigints(ids), numbers(urgency), words(language), times(since), times(by)]
            ask(_PUT, [agency_id, brand_id, *columns])
        if quiet:
            cursor.execute(
                "DELETE FROM accounts_deskrow "
                "WHERE brand_id = %s AND conversation_id = ANY(%s) AND assignee_id IS NULL",
                [brand_id, quiet],
            )
            cursor.execute(
                "UPDATE accounts_deskrow SET waiting_since = NULL, respond_by = NULL "
                "WHERE brand_id = %s AND conversation_id = ANY(%s)",
                [brand_id, quiet],
            )


def clear(conversation_id: int) -> None:
    """Take a closed conversation of the current brand off the desk."""
    DeskRow.objects.filter(brand_id=entry.current_brand_id(), conversation_id=conversation_id).delete()


def rename(conversation_id: int, into: int) -> None:
    """A conversation of the current brand was merged into another: its place in the line is the other's now."""
    rows = DeskRow.objects.filter(brand_id=entry.current_brand_id())
    rows.filter(conversation_id=conversation_id).update(conversation_id=into)


@transaction.atomic
def take(*, brand_id: int, conversation_id: int, by: User, now: datetime) -> DeskRow:
    """Give a conversation to the agent who asks for it; raises `NotNow` when somebody else has it.

    Inside the agency. The brand's copy is written next, in the brand, by `inbox.domain.routing.take`.
    """
    row = DeskRow.objects.select_for_update().filter(brand_id=brand_id, conversation_id=conversation_id).first()
    if row is None:
        raise NotNow("This conversation is not waiting for anybody.")
    if row.assignee_id not in (None, by.pk):
        raise NotNow("Somebody else has taken this conversation.")
    if row.assignee_id is None:
        row.assignee, row.assigned_at = by, now
        row.save(update_fields=["assignee", "assigned_at"])
    return row


@transaction.atomic
def give_back(*, brand_id: int, conversation_id: int, by: User) -> None:
    """Put a conversation back into the line; raises `NotNow` when it is not this agent's."""
    row = DeskRow.objects.select_for_update().filter(brand_id=brand_id, conversation_id=conversation_id).first()
    if row is None or row.assignee_id != by.pk:
        raise NotNow("This conversation is not yours to give back.")
    if row.waiting_since is None:
        row.delete()
        return
    row.assignee, row.assigned_at = None, None
    row.save(update_fields=["assignee", "assigned_at"])


MOST_GIVEN = 500


@dataclass(frozen=True, slots=True)
class Given:
    """A conversation that the desk gave to somebody; the brand's copy is to be written."""

    brand_id: int
    conversation_id: int
    user_id: int


@transaction.atomic
def assign(*, now: datetime) -> list[Given]:
    """Give waiting conversations of live brands, in order, to people who take them, serve that brand and have room.

    Inside the agency; at most `MOST_GIVEN`. Each goes to whoever holds the fewest. A second run at the same time finds
    the agency taken and gives nothing; rows that somebody is just taking are passed over. One statement where nobody
    takes conversations, five otherwise, however many there are.
    """
    agency_id = entry.current_agency_id()
    with connection.cursor() as cursor:
        cursor.execute(_ONE_AT_A_TIME, [agency_id, agency_id])
        if cursor.fetchone() != (True,):
            return []
        people = presence.free()
        if not people:
            return []
        most = min(MOST_GIVEN, sum(each.room for each in people))
        cursor.execute(_IN_ORDER, [json.dumps(_served(people)), agency_id, most])
        chosen = list(_shared_out(cursor.fetchall(), people))
        cursor.execute(_GIVE, [now, [pk for pk, _ in chosen], [given.user_id for _, given in chosen]])
    return [given for _, given in chosen]


# A statement of its own: what the one before has given is seen by whoever looks after it.
_ONE_AT_A_TIME = """
SELECT pg_try_advisory_xact_lock(hashtextextended('assign ' || %s, 0))
WHERE EXISTS (SELECT FROM accounts_presence WHERE agency_id = %s AND available_since IS NOT NULL)
"""

# For each of the different sets of brands that people serve, as many as there is room for in all. Which brands these
# are is asked of each row, within a CASE: along the index of brands, every row that waits would be read and sorted.
_IN_ORDER = """
SELECT DISTINCT d.respond_by, -d.urgency, d.id, d.brand_id, d.conversation_id
FROM jsonb_to_recordset(%s) AS served(everywhere boolean, brands bigint[], but bigint[])
CROSS JOIN LATERAL (
    SELECT respond_by, urgency, id, brand_id, conversation_id FROM accounts_deskrow
    WHERE agency_id = %s AND waiting_since IS NOT NULL AND assignee_id IS NULL
        AND CASE WHEN brand_id = ANY(ARRAY(SELECT id FROM tenants_brand WHERE state = 'live')) THEN
            CASE WHEN everywhere THEN brand_id <> ALL(but) ELSE brand_id = ANY(brands) END END
    ORDER BY respond_by, urgency DESC, id LIMIT %s
    FOR UPDATE SKIP LOCKED
) AS d
ORDER BY 1, 2, 3
"""

_GIVE = """
UPDATE accounts_deskrow d SET assignee_id = r.user_id, assigned_at = %s
FROM unnest(%s::bigint[], %s::bigint[]) AS r(id, user_id) WHERE d.id = r.id
"""


def _served(people: Iterable[Free]) -> list[dict[str, Any]]:
    """The different sets of brands that these people serve."""
    different = {_set_of(each) for each in people}
    return [
        {"everywhere": everywhere, "brands": sorted(brands), "but": sorted(but)}
        for everywhere, brands, but in sorted(different, key=repr)
    ]


def _set_of(person: Free) -> tuple[bool, frozenset[int], frozenset[int]]:
    brands = frozenset(pk for pk, serves in person.in_brands.items() if serves)
    but = frozenset(person.in_brands) - brands
    return (True, frozenset(), but) if person.everywhere else (False, brands, frozenset())


def _shared_out(rows: Iterable[tuple[Any, ...]], people: Iterable[Free]) -> Iterable[tuple[int, Given]]:
    """Who gets which of these rows: of those who serve its brand and have room, whoever holds the fewest."""
    lines: dict[tuple[bool, frozenset[int], frozenset[int]], list[tuple[int, int, Free]]] = {}
    for each in people:
        lines.setdefault(_set_of(each), []).append((each.held, each.user_id, each))
    for line in lines.values():
        heapq.heapify(line)
    for *_, pk, brand_id, conversation_id in rows:
        fitting = [line for line in lines.values() if line and line[0][2].serves(brand_id)]
        if not fitting:
            continue
        line = min(fitting, key=lambda one: one[0][:2])
        _, user_id, person = heapq.heappop(line)
        person.held, person.room = person.held + 1, person.room - 1
        if person.room:
            heapq.heappush(line, (person.held, user_id, person))
        yield pk, Given(brand_id, conversation_id, user_id)
