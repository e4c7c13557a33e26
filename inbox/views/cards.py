"""What pages draw: conversations, messages and replies as plain values, made inside the brand and safe to take out."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from accounts import queries as people
from accounts.enums import Right, may
from accounts.models import User
from accounts.queries import Person
from inbox import policies, queries
from inbox.domain.replies import seen_as
from inbox.enums import Answerable, Direction, ReplyStatus, Urgency
from inbox.models import ApprovalRule, Conversation, Customer, Disposition, Event, Message, Note, Reply, Tag
from inbox.twitter import addresses, pictures
from inbox.views import media, timeline
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


def customer_card(customer: Customer, *, badge: Badge | None = None) -> dict[str, Any]:
    """The customer as pages show them; with the brand's badge, their face too, by way of our own server."""
    name = customer.name or customer.username
    has_face = badge and customer.suspended_at is None and pictures.is_ours_to_fetch(customer.avatar_url)
    return {
        "pk": str(customer.pk),
        "username": customer.username,
        "name": timeline.without_controls(name),
        "initials": timeline.initials(name),
        "hue": customer.pk % 360,
        "followers": customer.followers,
        "profile_url": addresses.profile(customer.username),
        "face_url": media.address(badge.url, "face", customer.pk) if badge and has_face else "",
        "is_protected": customer.is_protected,
        "is_suspended": customer.suspended_at is not None,
        "blocks_us": customer.blocks_us_at is not None,
        "is_blocked": customer.blocked_at is not None,
        "is_muted": customer.muted_at is not None,
        "follows_us": customer.follows_us_at is not None,
        "takes_private": customer.takes_private,
        "opted_out": customer.opted_out_at is not None,
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
        "customer": customer_card(conversation.customer, badge=badge),
        "went_private_at": conversation.went_private_at,
        "closed_at": conversation.closed_at,
        "disposition": endings.get(conversation.disposition, conversation.disposition) or None,
        "reasons": list(dict.fromkeys(reasons)),
        "opened_at": conversation.opened_at,
        "twitter_url": _newest_in_public(messages),
    }


def _newest_in_public(messages: Sequence[Message]) -> str | None:
    public = [message.pk for message in messages if not message.is_private]
    return addresses.status(public[-1]) if public else None


def message_cards(
    messages: Sequence[Message], conversation: Conversation, *, badge: Badge, names: Mapping[int, Person]
) -> list[dict[str, Any]]:
    """A conversation's messages, ready to draw."""
    customer = customer_card(conversation.customer, badge=badge)
    return timeline.draw(messages, customer, badge=badge, names=names, loudness=queries.retweets_of(messages))


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
    replies = list(replies)
    files = _files_of(replies, badge)
    edited, stopped, gone = _edited_since(replies), _behind_a_stopped_part(replies), _stuck_at_a_deleted(replies)
    acts = partial(_acts, user=user, role=role, rule=rule, now=now)
    return [
        {
            "pk": reply.pk,
            "text": reply.text,
            "seen": seen_as(reply),
            "status": str(reply.status),
            "status_words": reply.get_status_display(),
            "why": reply.why,
            "was_edited": reply.pk in edited,
            "author": names.get(reply.author_id or 0),
            "approver": names.get(reply.approved_by_id or 0) if reply.needs_approval else None,
            "sent_back_by": names.get(reply.sent_back_by_id or 0),
            "changed_by": names.get(reply.changed_by_id or 0),
            "original_text": reply.original_text,
            **_times(reply, now),
            **_way_of(reply, files),
            "answers_gone": reply.pk in gone,
            **acts(
                reply, root=f"{badge.url}replies/{reply.pk}/", is_stopped=reply.pk in stopped, is_gone=reply.pk in gone
            ),
            "continue_url": _composer_of(reply, badge) if _is_own_draft(reply, user) else None,
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
        "was_edited": bool(_edited_since([reply])),
        "why": reply.why,
        "by": names.get(reply.sent_back_by_id or 0),
        "discard_url": f"{badge.url}replies/{reply.pk}/discard/",
    }


def _behind_a_stopped_part(replies: Iterable[Reply]) -> set[int]:
    """Those parts of long answers that wait behind one which Twitter refused, or whose fate is unknown."""
    waiting = {reply.pk: reply for reply in replies if reply.follows_id and reply.status == ReplyStatus.APPROVED}
    stopped = {reply.pk for reply in replies if reply.status in (ReplyStatus.REFUSED, ReplyStatus.UNKNOWN)}
    found: set[int] = set()
    for reply in sorted(waiting.values(), key=lambda each: each.pk):  # each part was made after the one before
        if reply.follows_id in stopped | found:
            found.add(reply.pk)
    return found


def _edited_since(replies: Iterable[Reply]) -> set[int]:
    """Those of these replies, not posted yet, whose tweet was edited since they were written."""
    over = (ReplyStatus.POSTED, ReplyStatus.REFUSED, ReplyStatus.UNKNOWN, ReplyStatus.POSTING)
    waiting = [reply for reply in replies if reply.status not in over]
    rows = Message.objects.filter(pk__in={reply.answers_id for reply in waiting}, edited_at__isnull=False)
    edited_at = {pk: at for pk, at in rows.values_list("pk", "edited_at") if at}
    return {
        reply.pk
        for reply in waiting
        if reply.answers_id in edited_at and edited_at[reply.answers_id] > (reply.submitted_at or reply.created_at)
    }


def _stuck_at_a_deleted(replies: Iterable[Reply]) -> set[int]:
    """Those of these replies that went nowhere and never will: what they answer was deleted."""
    stuck = [reply for reply in replies if reply.status in (ReplyStatus.REFUSED, ReplyStatus.UNKNOWN)]
    if not stuck:
        return set()
    rows = Message.objects.filter(pk__in={reply.answers_id for reply in stuck}, deleted_at__isnull=False)
    gone = set(rows.values_list("pk", flat=True))
    return {reply.pk for reply in stuck if reply.answers_id in gone}


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
    reply: Reply,
    *,
    user: User,
    role: str,
    rule: ApprovalRule,
    now: datetime,
    root: str,
    is_stopped: bool,
    is_gone: bool,
) -> dict[str, str | None]:
    """The addresses of what this person can do about this reply; none where a policy would refuse it."""
    stuck = reply.status in (ReplyStatus.UNKNOWN, ReplyStatus.REFUSED) and may(role, Right.DECIDE_FATE)
    may_decide = _is_allowed(policies.check_can_decide, user, role, reply, rule)
    may_undo = _is_allowed(policies.check_can_take_back, user, role, reply) and (
        reply.status == ReplyStatus.SUBMITTED or is_stopped or _undo_left(reply, now) > 0
    )
    return {
        "try_again_url": f"{root}retry/" if stuck and not is_gone else None,
        "it_was_posted_url": f"{root}posted/" if stuck else None,
        "approve_url": f"{root}approval/" if may_decide else None,
        "send_back_url": f"{root}sending-back/" if may_decide else None,
        "undo_url": f"{root}undo/" if may_undo else None,
        "discard_url": f"{root}discard/" if _is_own_draft(reply, user) else None,
    }


def _times(reply: Reply, now: datetime) -> dict[str, Any]:
    """When a reply came to be what it is: a draft since it was begun, all else since somebody sent it, or let it go."""
    sent_at = reply.submitted_at if reply.status == ReplyStatus.SUBMITTED else reply.approved_at or reply.submitted_at
    return {
        "at": reply.created_at if reply.status == ReplyStatus.DRAFT else sent_at or reply.created_at,
        "submitted_at": reply.submitted_at,
        "not_before": reply.not_before,
        "undo_left": _undo_left(reply, now),
    }


def _way_of(reply: Reply, files: Mapping[int, list[dict[str, str]]]) -> dict[str, Any]:
    """How a reply reaches its customer, and what it shows."""
    return {
        "way": str(reply.way),
        "way_words": reply.get_way_display(),
        "is_further_part": reply.follows_id is not None,
        "invites_private": reply.invites_private,
        "files": files.get(reply.pk, []),
    }


def _files_of(replies: Sequence[Reply], badge: Badge) -> dict[int, list[dict[str, str]]]:
    """Where the files of these replies are, without what is in them."""
    found: dict[int, list[dict[str, str]]] = {}
    for each in queries.files_of(replies):
        card = {"url": f"{badge.url}files/{each.pk}/", "alt": each.alt_text, "kind": str(each.kind)}
        found.setdefault(each.reply_id, []).append(card)
    return found


def _composer_of(reply: Reply, badge: Badge) -> str:
    return f"{badge.url}conversations/{reply.conversation_id}/?draft={reply.pk}"


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
        "excerpt": timeline.excerpt(last, _EXCERPT),
        "last_is_ours": bool(last and last.direction == Direction.OUTBOUND),
        "is_private": bool(last and last.is_private),
        "is_for_x": bool(last and _is_for_x(last)),
        "last_message_at": conversation.last_message_at,
        "message_count": conversation.message_count,
    }


def _is_for_x(last: Message) -> bool:
    """Whether only a person can answer it, in X; what is deleted nobody can."""
    is_theirs = last.direction == Direction.INBOUND and last.deleted_at is None
    return is_theirs and last.answerable == Answerable.NOT_ELIGIBLE


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
