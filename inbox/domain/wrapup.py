"""Wrap-up: the end of a conversation, with how it ended."""

from datetime import datetime

from django.db import transaction

from accounts.domain import desk
from accounts.models import User
from inbox.domain import events
from inbox.domain.events import Line
from inbox.enums import EventKind, ReplyStatus
from inbox.models import Conversation, Reply
from tenants.refusals import NotNow


@transaction.atomic
def close(*, conversation: Conversation, disposition: str, by: User, now: datetime) -> Conversation:
    """Close a conversation: no more work in it, until the customer writes within the reopen window."""
    conversation = Conversation.objects.select_for_update().get(pk=conversation.pk)
    if conversation.is_closed:
        raise NotNow("This conversation is closed already.")
    under_way = Reply.objects.filter(
        conversation=conversation, status__in=[ReplyStatus.APPROVED, ReplyStatus.POSTING, ReplyStatus.UNKNOWN]
    )
    if under_way.exists():
        raise NotNow("A reply is still on its way. Close the conversation when its fate is known.")

    conversation.closed_at, conversation.closed_by, conversation.disposition = now, by, disposition
    conversation.settled_through = conversation.last_message or 0
    conversation.waiting_since = conversation.respond_by = None
    conversation.assignee = conversation.assigned_at = None
    conversation.save()
    desk.clear(conversation.pk)
    events.record([Line(EventKind.CLOSED, conversation.pk, now, by_id=by.pk, facts={"disposition": disposition})])
    return conversation
