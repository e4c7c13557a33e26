"""Replies, from the first word to approval. From then on they are `posting`'s. Their states: `docs/replies.md`."""

from datetime import datetime

from django.db import transaction

from accounts.domain import audit
from accounts.enums import AuditKind
from accounts.models import User
from inbox import policies
from inbox.domain import arrivals, events
from inbox.domain.events import Line
from inbox.enums import REPLY_MOVES, EventKind, ReplyStatus
from inbox.models import Conversation, Credential, Message, Reply
from inbox.twitter.text import weighted_length, without_leading_mentions
from tenants.refusals import NotNow


@transaction.atomic
def compose(*, conversation: Conversation, text: str, answers_id: int, by: User, role: str, now: datetime) -> Reply:
    """Write a reply and let it go out: no second person is needed yet.

    Nothing is enqueued here: the worker that posts looks for approved replies.
    """
    conversation = Conversation.objects.select_for_update().get(pk=conversation.pk)
    policies.check_can_answer(by, role, conversation)
    answered = _check_answerable(conversation, answers_id)
    _check_text(text, conversation.handle_id)
    _check_not_twice(text, answers_id=answered.pk)

    reply = Reply.objects.create(
        conversation=conversation,
        answers_id=answered.pk,
        author=by,
        text=text.strip(),
        status=ReplyStatus.APPROVED,
        created_at=now,
        approved_by=by,
        approved_at=now,
    )
    audit.record_here(AuditKind.REPLY_APPROVED, now=now, by_id=by.pk, facts={"reply": reply.pk})
    events.record(
        [
            Line(EventKind.REPLY_COMPOSED, conversation.pk, now, by_id=by.pk, reply_id=reply.pk),
            Line(EventKind.REPLY_APPROVED, conversation.pk, now, by_id=by.pk, reply_id=reply.pk),
        ]
    )
    return reply


@transaction.atomic
def try_again(*, reply: Reply, by: User, role: str, now: datetime) -> Reply:
    """Post a reply again after all: a person says that it is not on Twitter, or that the reason is gone."""
    arrivals.hold()
    reply = Reply.objects.select_for_update().get(pk=reply.pk)
    policies.check_can_decide_fate(role, reply)
    conversation = Conversation.objects.select_for_update().get(pk=reply.conversation_id)
    policies.check_can_answer(by, role, conversation)
    _check_answerable(conversation, reply.answers_id)
    _check_not_twice(reply.text, answers_id=reply.answers_id, but=reply)

    move(reply, ReplyStatus.APPROVED)
    reply.posting_since, reply.not_before, reply.why = None, None, ""
    reply.approved_by, reply.approved_at = by, now
    reply.save()
    audit.record_here(AuditKind.FATE_DECIDED, now=now, by_id=by.pk, facts={"reply": reply.pk, "fate": "again"})
    events.record([Line(EventKind.REPLY_RETRIED, reply.conversation_id, now, by_id=by.pk, reply_id=reply.pk)])
    return reply


def move(reply: Reply, status: ReplyStatus) -> None:
    """Take a reply to its next state, in memory. Nothing else changes a state; a move that is not drawn is a bug."""
    if status not in REPLY_MOVES[reply.status]:
        raise ValueError(f"A reply does not go from {reply.status} to {status}.")
    reply.status = status


def _check_answerable(conversation: Conversation, answers_id: int) -> Message:
    message = Message.objects.filter(pk=answers_id, conversation=conversation).first()
    if message is None:
        raise NotNow("The tweet you answer is not in this conversation.")
    if message.deleted_at:
        raise NotNow("The tweet you answer was deleted. Answer another one of this conversation.")
    return message


def _check_text(text: str, handle_id: int) -> None:
    if not text.strip():
        raise NotNow("The reply is empty. Write something first.")
    limit = Credential.objects.filter(pk=handle_id).values_list("text_limit", flat=True).first() or 280
    length = weighted_length(text.strip())
    if length > limit:
        raise NotNow(f"The reply is {length} characters long as Twitter counts; {limit} are allowed.")


def _check_not_twice(text: str, *, answers_id: int, but: Reply | None = None) -> None:
    """Pressing the button twice must not say it twice. What was deleted on Twitter may be said again."""
    others = Reply.objects.filter(conversation__messages=answers_id, answers_id=answers_id).exclude(
        status__in=[ReplyStatus.REFUSED, ReplyStatus.SENT_BACK]
    )
    others = others.exclude(message__deleted_at__isnull=False)
    if any(other != but and _as_said(other.text) == _as_said(text) for other in others):
        raise NotNow("This very reply is already on its way or posted.")


def _as_said(text: str) -> str:
    """A text as a reader hears it: white space and the @names in front say nothing of their own."""
    return " ".join(without_leading_mentions(text).split())
