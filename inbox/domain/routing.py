"""Routing: a waiting conversation goes on the agency's desk; an agent takes it or gives it back."""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import DatabaseError, connection, transaction

from accounts.domain import desk
from accounts.models import DeskRow, User
from inbox.domain import events
from inbox.domain.events import Line
from inbox.domain.filing import ConversationRow
from inbox.enums import EventKind
from inbox.models import Conversation
from tenants import entry
from tenants.database.bulk import ask, bigints
from tenants.models import Brand

log = logging.getLogger(__name__)


def offer(conversation_ids: Sequence[int], *, known: Sequence[ConversationRow] = ()) -> None:
    """Bring the desk up to date about these conversations of the current brand; of some it is `known` what to say."""
    waiting = [desk.Waiting(row.id, row.urgency, row.language, row.waiting_since, row.respond_by) for row in known]
    if conversation_ids:
        rows = Conversation.objects.filter(pk__in=conversation_ids).order_by("pk")
        columns = rows.values_list("pk", "urgency", "language", "waiting_since", "respond_by")
        waiting += [desk.Waiting(*row) for row in columns]
    desk.put(waiting)


def follow(merged: Mapping[int, int]) -> None:
    """Let a conversation that was merged into another leave its place on the desk to that one."""
    for emptied, into in merged.items():
        desk.rename(emptied, into)


@transaction.atomic
def copy_taken(*, conversation_id: int, by: User, now: datetime) -> None:
    """Write the brand's copy of what the desk decided: this agent has the conversation."""
    conversation = Conversation.objects.select_for_update().get(pk=conversation_id)
    if conversation.assignee_id == by.pk or conversation.is_closed:
        return
    conversation.assignee, conversation.assigned_at = by, now
    conversation.save(update_fields=["assignee", "assigned_at"])
    events.record([Line(EventKind.TAKEN, conversation.pk, now, by_id=by.pk)])


def share_out(*, agency_id: int, now: datetime) -> int:
    """Have the desk give waiting conversations to people who take them, and write the brands' copies; how many.

    Outside of agencies and brands, often: it costs one statement where nobody takes any. A copy that cannot be written
    now is left to `repair`.
    """
    with entry.agency(agency_id):
        given = desk.assign(now=now)
        brands = list(Brand.objects.filter(pk__in={each.brand_id for each in given}).order_by("pk")) if given else []
    left: dict[int, dict[int, int]] = defaultdict(dict)
    for each in given:
        left[each.brand_id][each.conversation_id] = each.user_id
    for brand in [*brands, *brands]:  # twice: by then a carrier is done with what it held
        try:
            if left[brand.pk]:
                left[brand.pk] = entry.in_brand(brand, copy_given, left[brand.pk], now=now)
        except DatabaseError as error:
            log.error("%s was not told who has what: %s", brand.schema_name, str(error).strip())
            connection.close()
    return len(given)


@transaction.atomic
def copy_given(given: Mapping[int, int], *, now: datetime) -> dict[int, int]:
    """Write the brand's copies of what the desk gave: to whom, by conversation. Returns those that somebody holds now.

    It never waits for a conversation: carriers lock them in whichever order they come upon them.
    """
    found = ask(_COPY_GIVEN, [bigints(given), bigints(given.values()), now])
    written = [pk for pk, is_new in found if is_new]
    events.record([Line(EventKind.TAKEN, pk, now, by_id=given[pk]) for pk in sorted(written)])
    return {pk: user_id for pk, user_id in given.items() if pk not in {pk for pk, _ in found}}


_COPY_GIVEN = """
WITH held AS (
    SELECT c.id, r.user_id, c.closed_at IS NULL AND c.assignee_id IS DISTINCT FROM r.user_id AS is_new
    FROM unnest($1::bigint[], $2::bigint[]) AS r(id, user_id) JOIN inbox_conversation c ON c.id = r.id
    FOR UPDATE OF c SKIP LOCKED
), written AS (
    UPDATE inbox_conversation c SET assignee_id = held.user_id, assigned_at = $3
    FROM held WHERE c.id = held.id AND held.is_new
)
SELECT id, is_new FROM held
"""


@transaction.atomic
def copy_given_back(*, conversation_id: int, by: User, now: datetime) -> None:
    """Write the brand's copy of what the desk decided: nobody has the conversation."""
    conversation = Conversation.objects.select_for_update().get(pk=conversation_id)
    if conversation.assignee_id is None:
        return
    conversation.assignee, conversation.assigned_at = None, None
    conversation.save(update_fields=["assignee", "assigned_at"])
    events.record([Line(EventKind.GIVEN_BACK, conversation.pk, now, by_id=by.pk)])


@transaction.atomic
def repair(*, now: datetime) -> int:
    """Make the brand's copies equal to the desk, where the act that writes both was cut in two; returns how many."""
    on_desk = {
        row.conversation_id: row
        for row in DeskRow.objects.filter(brand_id=entry.current_brand_id(), assignee__isnull=False)
    }
    copies = Conversation.objects.select_for_update().filter(closed_at=None).order_by("pk")
    wrong = [
        copy
        for copy in copies.filter(pk__in=list(on_desk)) | copies.filter(assignee__isnull=False)
        if copy.assignee_id != getattr(on_desk.get(copy.pk), "assignee_id", None)
    ]
    lines = []
    for copy in wrong:
        row = on_desk.get(copy.pk)
        copy.assignee_id = row.assignee_id if row else None
        copy.assigned_at = row.assigned_at if row else None
        copy.save(update_fields=["assignee", "assigned_at"])
        kind = EventKind.TAKEN if row else EventKind.GIVEN_BACK
        lines.append(Line(kind, copy.pk, now, by_id=copy.assignee_id))
    events.record(lines)
    return len(lines)
