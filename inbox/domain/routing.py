"""Routing: a waiting conversation goes on the agency's desk; an agent takes it or gives it back."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import transaction

from accounts.domain import desk
from accounts.models import DeskRow, User
from inbox.domain import events
from inbox.domain.events import Line
from inbox.enums import EventKind
from inbox.models import Conversation
from tenants import entry


def offer(conversation_ids: Sequence[int]) -> None:
    """Bring the desk up to date about these conversations of the current brand."""
    rows = Conversation.objects.filter(pk__in=conversation_ids).order_by("pk")
    columns = rows.values_list("pk", "urgency", "language", "waiting_since", "respond_by")
    desk.put([desk.Waiting(*row) for row in columns])


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
