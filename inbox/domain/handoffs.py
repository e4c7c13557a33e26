"""What goes on elsewhere: in X by a person's hand, or in direct messages; and the way back.

Where the API may not answer, a reply is written, approved and kept as any other; then a person posts it in X
(`ReplyStatus.ELSEWHERE`). When it comes back as the brand's own tweet, `posting.recognise` knows it by its words. Where
the words were changed in X, a tweet that answers the same message is offered to a person, who says whether it is it.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from accounts.enums import Right, may
from accounts.models import User
from inbox import policies
from inbox.domain import arrivals, eligibility, events, ledger, replies
from inbox.domain.events import Line
from inbox.enums import Answerable, Direction, EventKind, ReplyStatus, ReplyWay
from inbox.models import Conversation, Message, Reply
from inbox.twitter.terms import OUTCOMES
from tenants.refusals import NotNow, NotYours

# From when on a reply that was handed over and did not come back is pointed out.
REMIND_AFTER = timedelta(hours=2)
_WITHIN = timedelta(days=2)
_CLOCK_SKEW = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A public reply that tells how a matter ended which went on in private, and the message it answers."""

    text: str
    answers_id: int


@transaction.atomic
def hand_over(
    *,
    conversation: Conversation,
    text: str,
    answers_id: int,
    by: User,
    role: str,
    now: datetime,
    reply: Reply | None = None,
) -> Reply:
    """Write a reply that a person posts in X by hand; or put it before a second person where the rule asks for one.

    It is checked as if it went out from here, and waits until it comes back as the brand's own tweet.
    """
    arrivals.hold()  # before any row, as carriers do: else the two wait for each other
    reply = replies.compose(
        conversation=conversation,
        text=text,
        answers_id=answers_id,
        by=by,
        role=role,
        now=now,
        reply=reply,
        by_hand=True,
    )
    return _divert(reply, by=by, now=now) if reply.status == ReplyStatus.APPROVED else reply


@transaction.atomic
def approve(
    *, reply: Reply, by: User, role: str, now: datetime, text: str | None = None, seen: str | None = None
) -> Reply:
    """Let a colleague's reply go out, as `replies.approve` does; one that the API may not post is handed over to X."""
    arrivals.hold()  # before any row, as carriers do
    reply = replies.approve(reply=reply, by=by, role=role, now=now, text=text, seen=seen)
    return _divert(reply, by=by, now=now) if is_for_x(reply) else reply


@transaction.atomic
def take_back(*, reply: Reply, by: User, role: str, now: datetime) -> Reply:
    """Make what was handed over its author's draft again, as long as it has not come back as a tweet."""
    reply = Reply.objects.select_for_update().get(pk=reply.pk)
    is_theirs = by.pk in (reply.author_id, reply.approved_by_id)
    if not is_theirs and not may(role, Right.DECIDE_FATE):
        raise NotYours("Taking a reply back is for whoever wrote it or let it go out.")
    if reply.status != ReplyStatus.ELSEWHERE:
        raise NotNow("This reply is not waiting to be posted in X any more.")
    replies.move(reply, ReplyStatus.DRAFT)
    reply.text = replies.as_written(reply.text)
    reply.approved_by = reply.approved_at = reply.undo_until = reply.not_before = None
    reply.save()
    events.record([Line(EventKind.REPLY_TAKEN_BACK, reply.conversation_id, now, by_id=by.pk, reply_id=reply.pk)])
    return reply


def is_for_x(reply: Reply) -> bool:
    """Whether the API would refuse this public reply for what X allows programs, and a person may post it."""
    if reply.way != ReplyWay.PUBLIC:
        return False
    conversation = Conversation.objects.select_related("customer").get(pk=reply.conversation_id)
    message = Message.objects.filter(pk=reply.answers_id, conversation=conversation).first()
    return message is not None and eligibility.is_for_x(message, conversation.customer, conversation)


def likely(handed: Sequence[Reply]) -> dict[int, Message]:
    """By reply, the brand's own tweet that may be it with other words: the only one that answers the same message
    since, and that no other reply is. A person decides."""
    answered = {reply.answers_id for reply in handed}
    if not answered:
        return {}
    rivals = Reply.objects.filter(answers_id__in=answered, status=ReplyStatus.ELSEWHERE)
    taken = Counter(rivals.values_list("answers_id", flat=True))
    own = Message.objects.filter(
        direction=Direction.OUTBOUND, in_reply_to_id__in=answered, reply=None, deleted_at=None
    ).order_by("pk")
    found: dict[int, list[Message]] = {}
    for message in own:
        for reply in handed:
            if _may_be(message, reply):
                found.setdefault(reply.pk, []).append(message)
    alone = {reply.pk for reply in handed if taken[reply.answers_id] == 1}
    return {pk: rows[0] for pk, rows in found.items() if len(rows) == 1 and pk in alone}


def waiting() -> Sequence[Reply]:
    """What was handed over to X in this brand and has not come back, the longest waiting first."""
    rows = Reply.objects.filter(status=ReplyStatus.ELSEWHERE).select_related("conversation__customer")
    return list(rows.order_by("approved_at", "pk")[:200])


def is_overdue(reply: Reply, now: datetime) -> bool:
    """Whether it is time to ask what became of it."""
    return reply.approved_at is not None and reply.approved_at + REMIND_AFTER < now


def go_private(conversation_ids: Iterable[int], *, now: datetime) -> list[Line]:
    """Note that these conversations went on in private: somebody was invited to, or wrote there; returns what to tell.

    For those that did not yet. Runs inside the transaction that makes it so.
    """
    wanted = set(conversation_ids)
    if not wanted:
        return []
    fresh = Conversation.objects.filter(pk__in=wanted, went_private_at=None)
    ids = sorted(fresh.values_list("pk", flat=True))
    if not ids:
        return []
    Conversation.objects.filter(pk__in=ids).update(went_private_at=now)
    return [Line(EventKind.WENT_PRIVATE, pk, now) for pk in ids]


def invited(reply: Reply, *, now: datetime) -> list[Line]:
    """A reply with a button to direct messages was posted: kept in the ledger; returns what to tell."""
    if not reply.invites_private:
        return []
    ledger.record("invite", "invited_to_private", reply=reply, now=now)
    return go_private([reply.conversation_id], now=now)


def outcome_of(conversation: Conversation) -> Outcome | None:
    """What could be said in public now that a private matter is settled; none where that would be out of place.

    The words are the brand's stock ones, in the customer's language where there are some: never anything from what
    was said in private. Offered only where the matter began in public, and nothing was said there since.
    """
    if conversation.went_private_at is None:
        return None
    public = Message.objects.filter(conversation=conversation.pk, is_private=False, deleted_at=None, hidden_at=None)
    last = (
        public.filter(direction=Direction.INBOUND).exclude(answerable=Answerable.NOT_ELIGIBLE).order_by("-pk").first()
    )
    if last is None:
        return None
    said = public.filter(direction=Direction.OUTBOUND, created_at__gt=conversation.went_private_at)
    if said.exclude(reply__invites_private=True).exists():
        return None
    return Outcome(OUTCOMES.get(conversation.language, OUTCOMES["en"]), last.pk)


@transaction.atomic
def draft_outcome(*, conversation: Conversation, by: User, role: str, now: datetime) -> Reply:
    """Begin a public reply that tells how it ended, as a draft of whoever asked; recorded in the ledger."""
    policies.check_can_write(role, conversation)
    outcome = outcome_of(conversation)
    if outcome is None:
        raise NotNow("There is no public part of this conversation that waits to hear how it ended.")
    reply = replies.save_draft(
        conversation=conversation, text=outcome.text, answers_id=outcome.answers_id, by=by, role=role, now=now
    )
    ledger.record("outcome", "public_outcome", reply=reply, now=now)
    return reply


def _may_be(message: Message, reply: Reply) -> bool:
    since = (reply.approved_at or reply.created_at) - _CLOCK_SKEW
    is_of_it = (message.in_reply_to_id, message.conversation_id) == (reply.answers_id, reply.conversation_id)
    return is_of_it and since <= message.created_at <= since + _WITHIN


def _divert(reply: Reply, *, by: User, now: datetime) -> Reply:
    arrivals.hold()
    reply = Reply.objects.select_for_update().get(pk=reply.pk)
    replies.move(reply, ReplyStatus.ELSEWHERE)
    reply.undo_until = reply.not_before = None
    reply.save()
    ledger.record("by_hand", "by_hand", reply=reply, now=now)
    events.record([Line(EventKind.REPLY_ELSEWHERE, reply.conversation_id, now, by_id=by.pk, reply_id=reply.pk)])
    return reply
