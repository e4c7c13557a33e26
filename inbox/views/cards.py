"""What pages draw: conversations, messages and replies as plain values, made inside the brand and safe to take out."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from accounts import queries as people
from accounts.enums import Right, may
from accounts.models import User
from accounts.queries import Person
from inbox import policies, queries
from inbox.domain.replies import seen_as
from inbox.enums import Direction, ReplyStatus, Urgency
from inbox.models import ApprovalRule, Conversation, Customer, Disposition, Event, Message, Note, Reply, Tag
from inbox.twitter import text as twitter_text
from tenants import entry
from tenants.badges import Badge
from tenants.refusals import Refusal

_EXCERPT = 160


def rows(
    conversations: Sequence[Conversation], *, badge: Badge, agency_id: int, user: User, now: datetime
) -> list[dict]:
    """These conversations as rows of a list, in the same order."""
    last = queries.last_messages(conversations)
    names = colleagues((each.assignee_id for each in conversations), agency_id=agency_id)
    return [_row(each, last.get(each.pk), badge=badge, names=names, user=user, now=now) for each in conversations]


def colleagues(ids: Iterable[int | None], *, agency_id: int) -> dict[int, Person]:
    """People by id, read in the agency's role, since a brand's role sees no people."""
    wanted = [pk for pk in ids if pk]
    if not wanted:
        return {}
    with entry.agency(agency_id):
        return people.people_named(wanted)


def customer_card(customer: Customer) -> dict[str, Any]:
    """The customer as pages show them."""
    name = customer.name or customer.username
    return {
        "username": customer.username,
        "name": _without_controls(name),
        "initials": _initials(name),
        "hue": customer.pk % 360,
        "followers": customer.followers,
        "profile_url": f"https://x.com/{customer.username}",
    }


def conversation_card(
    conversation: Conversation,
    messages: Sequence[Message],
    *,
    badge: Badge,
    names: Mapping[int, Person],
    user: User,
    now: datetime,
    dispositions: Sequence[Disposition],
) -> dict[str, Any]:
    """One conversation as its page shows it."""
    endings = {each.key: each.name for each in dispositions}
    reasons = [reason for message in messages if message.urgency == conversation.urgency for reason in message.reasons]
    return {
        **_facts(conversation, badge=badge, names=names, user=user, now=now),
        "closed_at": conversation.closed_at,
        "disposition": endings.get(conversation.disposition, conversation.disposition) or None,
        "reasons": list(dict.fromkeys(reasons)),
        "opened_at": conversation.opened_at,
        "twitter_url": f"https://x.com/i/status/{messages[-1].pk}" if messages else None,
    }


def message_cards(
    messages: Sequence[Message], conversation: Conversation, *, badge: Badge, names: Mapping[int, Person]
) -> list[dict[str, Any]]:
    """A conversation's messages, ready to draw."""
    loudness = queries.retweets_of(messages)
    customer = customer_card(conversation.customer)
    return [_message(each, customer, badge, names, loudness.get(each.pk, 0)) for each in messages]


def reply_cards(
    replies: Iterable[Reply],
    *,
    badge: Badge,
    names: Mapping[int, Person],
    user: User,
    role: str,
    rule: ApprovalRule,
    now: datetime,
) -> list[dict[str, Any]]:
    """Replies that wait, are on their way or stuck, with what this person can do about them."""
    return [
        {
            "pk": reply.pk,
            "text": reply.text,
            "seen": seen_as(reply),
            "status": str(reply.status),
            "status_words": reply.get_status_display(),
            "why": reply.why,
            "author": names.get(reply.author_id or 0),
            "approver": names.get(reply.approved_by_id or 0) if reply.needs_approval else None,
            "sent_back_by": names.get(reply.sent_back_by_id or 0),
            "changed_by": names.get(reply.changed_by_id or 0),
            "original_text": reply.original_text,
            "created_at": reply.created_at,
            "submitted_at": reply.submitted_at,
            "not_before": reply.not_before,
            "undo_left": _undo_left(reply, now),
            **_acts(reply, user=user, role=role, rule=rule, now=now, root=f"{badge.url}replies/{reply.pk}/"),
            "continue_url": f"{badge.url}conversations/{reply.conversation_id}/?draft={reply.pk}"
            if _is_own_draft(reply, user)
            else None,
        }
        for reply in replies
    ]


def held_card(reply: Reply | None, *, badge: Badge, names: Mapping[int, Person]) -> dict[str, Any] | None:
    """The draft that the composer holds: what became of it so far."""
    if reply is None:
        return None
    return {
        "pk": str(reply.pk),
        "answers": str(reply.answers_id),
        "was_sent_back": reply.status == ReplyStatus.SENT_BACK,
        "why": reply.why,
        "by": names.get(reply.sent_back_by_id or 0),
        "discard_url": f"{badge.url}replies/{reply.pk}/discard/",
    }


def note_cards(notes: Iterable[Note], *, names: Mapping[int, Person]) -> list[dict[str, Any]]:
    """Notes as the timeline shows them, between the messages."""
    return [
        {"pk": note.pk, "is_note": True, "text": note.text, "at": note.noted_at, "by": names.get(note.noted_by_id)}
        for note in notes
    ]


def tag_cards(tags: Iterable[Tag]) -> list[dict[str, Any]]:
    """Tags as the pane shows them."""
    return [{"pk": tag.pk, "name": tag.name} for tag in tags]


def _acts(
    reply: Reply, *, user: User, role: str, rule: ApprovalRule, now: datetime, root: str
) -> dict[str, str | None]:
    """The addresses of what this person can do about this reply; none where a policy would refuse it."""
    stuck = reply.status in (ReplyStatus.UNKNOWN, ReplyStatus.REFUSED) and may(role, Right.DECIDE_FATE)
    may_decide = _is_allowed(policies.check_can_decide, user, role, reply, rule)
    may_undo = _is_allowed(policies.check_can_take_back, user, role, reply) and (
        reply.status == ReplyStatus.SUBMITTED or _undo_left(reply, now) > 0
    )
    return {
        "try_again_url": f"{root}retry/" if stuck else None,
        "it_was_posted_url": f"{root}posted/" if stuck and reply.status == ReplyStatus.UNKNOWN else None,
        "approve_url": f"{root}approval/" if may_decide else None,
        "send_back_url": f"{root}sending-back/" if may_decide else None,
        "undo_url": f"{root}undo/" if may_undo else None,
        "discard_url": f"{root}discard/" if _is_own_draft(reply, user) else None,
    }


def _is_own_draft(reply: Reply, user: User) -> bool:
    return reply.author_id == user.pk and reply.status in (ReplyStatus.DRAFT, ReplyStatus.SENT_BACK)


def _is_allowed(check: Callable[..., None], *about: Any) -> bool:
    try:
        check(*about)
    except Refusal:
        return False
    return True


def _undo_left(reply: Reply, now: datetime) -> float:
    """For how many seconds an approved reply can still be taken back."""
    if reply.status != ReplyStatus.APPROVED or reply.undo_until is None:
        return 0
    return max(0, round((reply.undo_until - now).total_seconds(), 1))


def history_cards(events: Iterable[Event], *, names: Mapping[int, Person]) -> list[dict[str, Any]]:
    """A conversation's events as sentences' beginnings: when, what, by whom."""
    return [{"at": event.at, "text": event.get_kind_display(), "by": names.get(event.by_id or 0)} for event in events]


def _row(
    conversation: Conversation,
    last: Message | None,
    *,
    badge: Badge,
    names: Mapping[int, Person],
    user: User,
    now: datetime,
) -> dict[str, Any]:
    return {
        **_facts(conversation, badge=badge, names=names, user=user, now=now),
        "excerpt": _excerpt(last),
        "last_is_ours": bool(last and last.direction == Direction.OUTBOUND),
        "last_message_at": conversation.last_message_at,
        "message_count": conversation.message_count,
    }


def _facts(
    conversation: Conversation, *, badge: Badge, names: Mapping[int, Person], user: User, now: datetime
) -> dict[str, Any]:
    return {
        "pk": str(conversation.pk),
        "url": f"{badge.url}conversations/{conversation.pk}/",
        "customer": customer_card(conversation.customer),
        "brand": badge,
        "waiting_since": conversation.waiting_since,
        "respond_by": conversation.respond_by,
        "is_breached": bool(conversation.respond_by and conversation.respond_by < now),
        "urgency": Urgency(conversation.urgency).name.lower(),
        "language": conversation.language,
        "polarity": conversation.polarity,
        "reach": conversation.reach,
        "assignee": names.get(conversation.assignee_id or 0),
        "mine": conversation.assignee_id == user.pk,
        "is_closed": conversation.is_closed,
    }


def _message(
    message: Message, customer: Mapping[str, Any], badge: Badge, names: Mapping[int, Person], amplified: int
) -> dict[str, Any]:
    is_ours = message.direction == Direction.OUTBOUND
    author = (
        {"username": badge.handle, "name": badge.name, "initials": _initials(badge.name), "hue": 0}
        if is_ours
        else customer
    )
    return {
        "pk": str(message.pk),
        "is_outbound": is_ours,
        "author": author,
        "text": message.text,
        "parts": parts(message.text),
        "at": message.created_at,
        "is_deleted": message.deleted_at is not None,
        "was_typed_on_twitter": is_ours and message.reply_id is None,
        "agent": names.get(message.reply.author_id or 0) if message.reply else None,
        "in_reply_to_pk": str(message.in_reply_to_id) if message.in_reply_to_id else None,
        "amplified_count": amplified,
        "url": f"https://x.com/i/status/{message.pk}",
    }


def parts(text: str) -> list[dict[str, str]]:
    """A tweet's text, cut into plain text, mentions, hashtags and links; only http and https links become links."""
    found = [(span.start, span.end, kind) for kind, spans in _spans(text).items() for span in spans]
    pieces, place = [], 0
    for start, end, kind in sorted(found):
        if start < place:
            continue
        if start > place:
            pieces.append({"kind": "text", "text": text[place:start], "url": ""})
        piece = text[start:end]
        pieces.append({"kind": kind, "text": piece, "url": _address(kind, piece)})
        place = end
    if place < len(text):
        pieces.append({"kind": "text", "text": text[place:], "url": ""})
    return pieces


def _spans(text: str) -> dict[str, Any]:
    return {
        "mention": twitter_text.mentions(text),
        "hashtag": twitter_text.hashtags(text),
        "link": twitter_text.urls(text),
    }


def _address(kind: str, piece: str) -> str:
    if kind == "mention":
        return f"https://x.com/{piece[1:]}"
    if kind == "hashtag":
        return f"https://x.com/hashtag/{piece[1:]}"
    return piece if piece.lower().startswith(("http://", "https://")) else f"https://{piece}"


def _excerpt(message: Message | None) -> str:
    if message is None:
        return ""
    if message.deleted_at:
        return "deleted on Twitter"
    return twitter_text.without_leading_mentions(message.text)[:_EXCERPT] or message.text[:_EXCERPT]


def _initials(name: str) -> str:
    words = [word for word in name.split() if word[0].isalnum()]
    return "".join(word[0] for word in words[:1] + words[1:][-1:]).upper() or "?"


# Marks that turn the direction of what follows: stripped from names, which stand amid our own words.
_DIRECTION_MARKS = dict.fromkeys([0x200E, 0x200F, 0x061C, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])


def _without_controls(name: str) -> str:
    return name.translate(_DIRECTION_MARKS)
