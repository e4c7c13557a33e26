"""Wrap-up: the end of a conversation, with how it ended."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from accounts.domain import desk
from accounts.models import User
from inbox import policies
from inbox.domain import events, notes, rules, tags
from inbox.domain.events import Line
from inbox.enums import EventKind, ReplyStatus
from inbox.models import Conversation, Reply
from tenants.refusals import NotNow

# What keeps a conversation open: it may still be said in public.
_UNDER_WAY = [ReplyStatus.SUBMITTED, ReplyStatus.APPROVED, ReplyStatus.POSTING, ReplyStatus.UNKNOWN]


@transaction.atomic
def close(
    *,
    conversation: Conversation,
    disposition: str,
    by: User,
    role: str,
    now: datetime,
    note: str = "",
    tagged: Sequence[str] = (),
) -> Conversation:
    """Close a conversation: no more work in it, until the customer writes within the reopen window.

    A note and tags are written in the same act: all of it happened, or none.
    """
    conversation = Conversation.objects.select_for_update().get(pk=conversation.pk)
    if conversation.is_closed:
        raise NotNow("This conversation is closed already.")
    policies.check_can_work(role, conversation)
    _check_nothing_under_way(conversation)
    disposition = rules.check_disposition(disposition)
    lines = []
    for name in tagged:
        lines += tags.lay(conversation=conversation, name=name, by=by, role=role, now=now)[1]
    if note.strip():
        lines.append(notes.line_of(notes.lay(conversation=conversation, text=note, by=by, role=role, now=now)))

    conversation.closed_at, conversation.closed_by, conversation.disposition = now, by, disposition
    conversation.settled_through = conversation.last_message or 0
    conversation.waiting_since = conversation.respond_by = None
    conversation.assignee = conversation.assigned_at = None
    conversation.save()
    desk.clear(conversation.pk)
    facts = {"disposition": disposition}
    events.record([*lines, Line(EventKind.CLOSED, conversation.pk, now, by_id=by.pk, facts=facts)])
    return conversation


def _check_nothing_under_way(conversation: Conversation) -> None:
    under_way = Reply.objects.filter(conversation=conversation, status__in=_UNDER_WAY)
    found = set(under_way.values_list("status", flat=True))
    if found == {ReplyStatus.SUBMITTED}:
        raise NotNow("A reply still waits for approval. Close the conversation when somebody has decided.")
    if found:
        raise NotNow("A reply is still on its way. Close the conversation when its fate is known.")
