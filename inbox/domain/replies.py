"""Replies, from the first word to approval. From then on they are `posting`'s. Their states: `docs/replies.md`.

Whoever locks a reply and then its conversation keeps carriers out first (`arrivals.hold`): they lock the other way.
"""

import hashlib
from datetime import datetime

from django.conf import settings
from django.db import transaction

from accounts.domain import audit
from accounts.enums import AuditKind
from accounts.models import User
from inbox import policies
from inbox.domain import arrivals, eligibility, events, media, parts, rules
from inbox.domain.events import Line
from inbox.enums import REPLY_MOVES, Answerable, Direction, EventKind, ReplyStatus, ReplyWay
from inbox.models import Conversation, Customer, Message, Reply
from inbox.twitter.text import without_leading_mentions
from playbooks.domain import canned
from tenants.refusals import NotNow

LONGEST_DRAFT = 25_000
LONGEST_WHY = 300


@transaction.atomic
def compose(
    *,
    conversation: Conversation,
    text: str,
    answers_id: int,
    by: User,
    role: str,
    now: datetime,
    reply: Reply | None = None,
    way: str = ReplyWay.PUBLIC,
    invites_private: bool = False,
    in_parts: bool = False,
    by_hand: bool = False,
) -> Reply:
    """Write a reply and let it go out, or put it before a second person where the brand's rule asks for one.

    With `reply`, what was their draft (or was sent back to them) goes out with this text. A public one that is too
    long is refused unless it may go out `in_parts`; one that X takes from no program, unless somebody posts it there
    `by_hand`. Nothing is enqueued here: the worker that posts looks for approved
    replies.
    """
    if reply is None:
        conversation = Conversation.objects.select_for_update().get(pk=conversation.pk)
        policies.check_can_write(role, conversation)
        reply = Reply(conversation=conversation, author=by, created_at=now)
    else:
        reply, conversation = _own(reply, by=by, role=role)
    reply.text, reply.rest, reply.answers_id = text.strip(), "", answers_id
    reply.way, reply.invites_private = way, invites_private and way != ReplyWay.PRIVATE
    return _send(reply, conversation, by=by, role=role, now=now, in_parts=in_parts, by_hand=by_hand)


@transaction.atomic
def save_draft(
    *,
    conversation: Conversation,
    text: str,
    answers_id: int | None,
    by: User,
    role: str,
    now: datetime,
    reply: Reply | None = None,
    way: str = "",
    invites_private: bool = False,
    for_a_file: bool = False,
) -> Reply:
    """Keep what somebody has typed, for them alone: in their draft `reply`, or as a new one, so that what another
    screen keeps is never overwritten. The brand need not be live, and the text need not be ready; to put a file to it
    there need be none."""
    policies.check_can_write(role, conversation)
    if not text.strip() and not for_a_file:
        raise NotNow("The draft is empty. Write something first.")
    if len(text) > LONGEST_DRAFT:
        raise NotNow(f"The draft is {len(text)} characters long; {LONGEST_DRAFT} can be kept.")
    reply = reply or (_the_same_draft(by, conversation, text) if text.strip() else None)
    if reply is None:
        reply = Reply(conversation=conversation, author=by, created_at=now)
    else:
        reply = Reply.objects.select_for_update().get(pk=reply.pk)
        policies.check_is_own(by, role, reply)
    answered = answers_id or reply.answers_id or _last_of_customer(conversation)
    if answered is None or not Message.objects.filter(pk=answered, conversation_id=reply.conversation_id).exists():
        raise NotNow("The tweet you answer is not in this conversation.")
    reply.text, reply.rest, reply.answers_id = text.replace("\x00", ""), "", answered
    if way:
        reply.way, reply.invites_private = way, invites_private and way != ReplyWay.PRIVATE
    reply.original_text, reply.changed_by, reply.changed_at = "", None, None
    reply.save()
    return reply


@transaction.atomic
def submit(*, reply: Reply, by: User, role: str, now: datetime, in_parts: bool = False) -> Reply:
    """Send one's draft, or what was sent back: it goes out, or before a second person, by the brand's rule."""
    reply, conversation = _own(reply, by=by, role=role)
    return _send(reply, conversation, by=by, role=role, now=now, in_parts=in_parts)


@transaction.atomic
def approve(
    *, reply: Reply, by: User, role: str, now: datetime, text: str | None = None, seen: str | None = None
) -> Reply:
    """Let a colleague's submitted reply go out, as it is or with a changed text; the first one is kept.

    With `seen` (`seen_as`), only if it still says what the approver has read.
    """
    arrivals.hold()
    reply = Reply.objects.select_for_update().get(pk=reply.pk)
    rule = rules.current()
    policies.check_can_decide(by, role, reply, rule)
    if seen is not None and seen != seen_as(reply):
        raise NotNow("This reply was changed since you read it. Read it again, then decide.")
    policies.check_brand_is_live(rules.state_of_brand())
    conversation = Conversation.objects.select_for_update().get(pk=reply.conversation_id)
    policies.check_open(conversation)

    lines, in_parts = [], _is_long(reply, conversation)
    if text is not None and text.strip() != reply.text:
        reply.original_text = reply.original_text or reply.text
        reply.text, reply.changed_by, reply.changed_at = text.strip(), by, now
        lines.append(_line(EventKind.REPLY_CHANGED, reply, now, by))
    _check_can_go_out(reply, conversation, in_parts=in_parts, by_hand=True)
    _let_go(reply, conversation, by=by, now=now)
    facts = {"reply": reply.pk, **({"changed": True} if lines else {})}
    audit.record_here(AuditKind.REPLY_APPROVED, now=now, by_id=by.pk, facts=facts)
    events.record([*lines, _line(EventKind.REPLY_APPROVED, reply, now, by)])
    return reply


@transaction.atomic
def send_back(*, reply: Reply, by: User, role: str, why: str, now: datetime) -> Reply:
    """Give a submitted reply back to its author, with the reason, which they see when they open it."""
    reply = Reply.objects.select_for_update().get(pk=reply.pk)
    policies.check_can_decide(by, role, reply, rules.current())
    why = " ".join(why.replace("\x00", "").split())
    if not why:
        raise NotNow("Say why, so that the author knows what to change.")
    if len(why) > LONGEST_WHY:
        raise NotNow(f"The reason is {len(why)} characters long; {LONGEST_WHY} are allowed.")

    move(reply, ReplyStatus.SENT_BACK)
    reply.sent_back_by, reply.sent_back_at, reply.why = by, now, why
    reply.save()
    audit.record_here(AuditKind.REPLY_SENT_BACK, now=now, by_id=by.pk, facts={"reply": reply.pk})
    events.record([_line(EventKind.REPLY_SENT_BACK, reply, now, by)])
    return reply


@transaction.atomic
def take_back(*, reply: Reply, by: User, role: str, now: datetime) -> Reply:
    """Undo: a reply that waits for approval, or that was approved and has not left, is its author's draft again.

    An approver takes back their yes: it waits for approval once more. Either this or the poster's claim comes first;
    the other one finds the reply in another state. Of an answer in parts all is taken back, or all that has not left
    where one of its parts was stopped.
    """
    reply = Reply.objects.select_for_update().get(pk=parts.first_unsent(reply).pk)
    policies.check_can_take_back(by, role, reply)
    is_stopped = parts.is_stopped(reply)
    if reply.status == ReplyStatus.APPROVED and not (is_stopped or (reply.undo_until and now < reply.undo_until)):
        raise NotNow("Too late: this reply is going out, or has gone.")
    was_approved, is_author = reply.status == ReplyStatus.APPROVED, reply.author_id == by.pk

    parts.fold(reply)
    if is_stopped:
        parts.set_free(reply)
    move(reply, ReplyStatus.DRAFT if is_author else ReplyStatus.SUBMITTED)
    if was_approved:
        reply.text = as_written(reply.text)
    reply.approved_by = reply.approved_at = reply.undo_until = reply.not_before = None
    reply.save()
    if was_approved:
        facts = {"reply": reply.pk, "taken_back": True}
        audit.record_here(AuditKind.REPLY_APPROVED, now=now, by_id=by.pk, facts=facts)
    events.record([_line(EventKind.REPLY_TAKEN_BACK, reply, now, by)])
    return reply


@transaction.atomic
def discard(*, reply: Reply, by: User, role: str, now: datetime) -> None:
    """Throw one's own draft away, or what was sent back. History keeps that there was one, if anybody saw it."""
    reply = Reply.objects.select_for_update().get(pk=reply.pk)
    policies.check_is_own(by, role, reply)
    lines = [_line(EventKind.REPLY_DISCARDED, reply, now, by)] if reply.submitted_at else []
    reply.delete()
    events.record(lines)


@transaction.atomic
def try_again(*, reply: Reply, by: User, role: str, now: datetime) -> Reply:
    """Post a reply again after all: a person says that it is not on Twitter, or that the reason is gone."""
    arrivals.hold()
    reply = Reply.objects.select_for_update().get(pk=reply.pk)
    policies.check_can_decide_fate(role, reply)
    policies.check_brand_is_live(rules.state_of_brand())
    conversation = Conversation.objects.select_for_update().get(pk=reply.conversation_id)
    policies.check_can_write(role, conversation)
    _check_answerable(conversation, reply.answers_id)
    _check_not_twice(parts.whole_text(reply), answers_id=reply.answers_id, but=reply)

    # Somebody may have posted it in X by hand: looked for from now on as what was tried once is.
    reply.attempt = max(reply.attempt, 1)
    move(reply, ReplyStatus.APPROVED)
    reply.posting_since, reply.not_before, reply.why, reply.undo_until = None, None, "", None
    media.again(reply)
    if not reply.needs_approval:  # else the second person's yes stands: the words are the same
        reply.approved_by, reply.approved_at = by, now
    reply.save()
    audit.record_here(AuditKind.FATE_DECIDED, now=now, by_id=by.pk, facts={"reply": reply.pk, "fate": "again"})
    events.record([_line(EventKind.REPLY_RETRIED, reply, now, by)])
    return reply


def way_to(answers_id: int) -> ReplyWay:
    """How a message is answered where nobody says how: in private what was said in private, all else in public."""
    is_private = Message.objects.filter(pk=answers_id, is_private=True).exists()
    return ReplyWay.PRIVATE if is_private else ReplyWay.PUBLIC


def move(reply: Reply, status: ReplyStatus) -> None:
    """Take a reply to its next state, in memory. Nothing else changes a state; a move that is not drawn is a bug."""
    if status not in REPLY_MOVES[reply.status]:
        raise ValueError(f"A reply does not go from {reply.status} to {status}.")
    reply.status = status


def seen_as(reply: Reply) -> str:
    """What a reply says to whom, in few letters: an approver's page carries it, so that a yes is to the words read."""
    return hashlib.sha256(f"{reply.answers_id} {reply.text}".encode()).hexdigest()[:16]


def as_written(text: str) -> str:
    """An approved text, which went out or would have, as one writes it: what is no blank has its braces doubled."""
    return text.replace("{", "{{").replace("}", "}}")


def _own(reply: Reply, *, by: User, role: str) -> tuple[Reply, Conversation]:
    """One's own draft, or what was sent back to one, and its conversation; both locked."""
    arrivals.hold()
    reply = Reply.objects.select_for_update().get(pk=reply.pk)
    policies.check_is_own(by, role, reply)
    conversation = Conversation.objects.select_for_update().get(pk=reply.conversation_id)
    policies.check_can_write(role, conversation)
    return reply, conversation


def _the_same_draft(by: User, conversation: Conversation, text: str) -> Reply | None:
    drafts = Reply.objects.filter(conversation_id=conversation.pk, author=by, status=ReplyStatus.DRAFT, text=text)
    return drafts.order_by("-pk").first()


def _last_of_customer(conversation: Conversation) -> int | None:
    theirs = Message.objects.filter(conversation_id=conversation.pk, direction=Direction.INBOUND)
    return theirs.order_by("-pk").values_list("pk", flat=True).first()


def _send(
    reply: Reply,
    conversation: Conversation,
    *,
    by: User,
    role: str,
    now: datetime,
    in_parts: bool,
    by_hand: bool = False,
) -> Reply:
    rule = rules.current()
    policies.check_brand_is_live(rules.state_of_brand())
    _check_can_go_out(reply, conversation, in_parts=in_parts, by_hand=by_hand)
    lines = [] if reply.submitted_at else [EventKind.REPLY_COMPOSED]

    reply.needs_approval, reply.submitted_at = rules.needs_approval(rule, role), now
    reply.sent_back_by = reply.sent_back_at = reply.changed_by = reply.changed_at = None
    reply.why, reply.original_text = "", ""
    if reply.needs_approval:
        move(reply, ReplyStatus.SUBMITTED)
        reply.approved_by = reply.approved_at = None
        lines.append(EventKind.REPLY_SUBMITTED)
    else:
        _let_go(reply, conversation, by=by, now=now)
        lines.append(EventKind.REPLY_APPROVED)
    reply.save()
    if reply.status == ReplyStatus.APPROVED:
        audit.record_here(AuditKind.REPLY_APPROVED, now=now, by_id=by.pk, facts={"reply": reply.pk})
    events.record([_line(kind, reply, now, by) for kind in lines])
    return reply


def _let_go(reply: Reply, conversation: Conversation, *, by: User, now: datetime) -> None:
    move(reply, ReplyStatus.APPROVED)
    reply.text = canned.plain(reply.text)
    reply.approved_by, reply.approved_at = by, now
    reply.undo_until = rules.undo_until(rules.current(), now)
    parts.lay_out(reply, handle_id=conversation.handle_id)
    reply.save()


def _line(kind: EventKind, reply: Reply, now: datetime, by: User) -> Line:
    return Line(kind, reply.conversation_id, now, by_id=by.pk, reply_id=reply.pk)


def _check_can_go_out(reply: Reply, conversation: Conversation, *, in_parts: bool, by_hand: bool) -> None:
    message = _check_answerable(conversation, reply.answers_id)
    _check_way(reply, message, conversation, by_hand=by_hand)
    media.check_way(reply)
    _check_text(reply, conversation, in_parts=in_parts)
    _check_not_twice(canned.plain(reply.text), answers_id=reply.answers_id, but=reply)


def _check_answerable(conversation: Conversation, answers_id: int) -> Message:
    message = Message.objects.filter(pk=answers_id, conversation=conversation).first()
    if message is None:
        raise NotNow("The tweet you answer is not in this conversation.")
    if message.deleted_at:
        raise NotNow("The tweet you answer was deleted. Answer another one of this conversation.")
    return message


def _check_way(reply: Reply, message: Message, conversation: Conversation, *, by_hand: bool) -> None:
    """What X allows, as far as it is known: what it would refuse is not tried in the brand's name."""
    if message.is_private and reply.way != ReplyWay.PRIVATE:
        raise NotNow("This is a direct message. Answer it in private.")
    if reply.way == ReplyWay.QUOTE and settings.TWITTER_PLAN != "enterprise":
        raise NotNow("X lets only programs of its Enterprise plan quote a tweet. Answer it, or quote it in X by hand.")
    customer = Customer.objects.get(pk=conversation.customer_id)
    verdict = eligibility.now_for(message, customer, conversation)
    if reply.way == ReplyWay.PRIVATE and not verdict.may_private:
        raise NotNow(verdict.private_sentence)
    is_for_x = by_hand and eligibility.is_for_x(message, customer, conversation)
    if reply.way == ReplyWay.PUBLIC and verdict.public == Answerable.NOT_ELIGIBLE and not is_for_x:
        raise NotNow(verdict.sentence)


def _check_text(reply: Reply, conversation: Conversation, *, in_parts: bool) -> None:
    """The text as it is written, with doubled braces; it is counted as it goes out."""
    if not reply.text.strip():
        raise NotNow("The reply is empty. Write something first.")
    if "\x00" in reply.text:
        raise NotNow("There is a character in the reply that cannot be sent. Type the text anew.")
    canned.check_filled(reply.text)
    plain = canned.plain(reply.text).strip()
    limit, length = parts.limit_for(reply.way, conversation.handle_id), parts.length_of(plain, reply.way)
    if reply.way == ReplyWay.PRIVATE and length > limit:
        raise NotNow(f"The message is {length} characters long; {limit} are allowed.")
    if length > limit and not in_parts:
        raise NotNow(f"The reply is {length} characters long as Twitter counts; {limit} are allowed.")
    parts.cut(plain, way=reply.way, handle_id=conversation.handle_id)


def _is_long(reply: Reply, conversation: Conversation) -> bool:
    """Whether a reply that waits for its yes was written to go out in parts."""
    length = parts.length_of(canned.plain(reply.text), reply.way)
    return length > parts.limit_for(reply.way, conversation.handle_id)


def _check_not_twice(text: str, *, answers_id: int, but: Reply) -> None:
    """Pressing the button twice must not say it twice, nor a part of it. What was deleted at Twitter may be said."""
    others = Reply.objects.filter(conversation__messages=answers_id, answers_id=answers_id).exclude(
        status__in=[ReplyStatus.REFUSED, ReplyStatus.SENT_BACK, ReplyStatus.DRAFT]
    )
    others = others.exclude(messages__deleted_at__isnull=False).exclude(pk=but.pk)
    said = {_as_said(words) for other in others for words in (other.text, _whole_of_first(other))}
    if _as_said(text) in said:
        raise NotNow("This very reply is already on its way or posted.")


def _whole_of_first(reply: Reply) -> str:
    """The whole answer, of its first part; of a further one what it says itself."""
    return parts.whole_text(reply) if reply.follows_id is None else reply.text


def _as_said(text: str) -> str:
    """A text as a reader hears it: white space and the @names in front say nothing of their own."""
    return " ".join(without_leading_mentions(text).split())
