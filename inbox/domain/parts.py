"""Long answers: cut into parts when they are let go, each a reply of its own that follows the one before.

Until the first part is being posted, the answer is one: what is taken back, sent back or changed is the whole of it.
"""

from collections.abc import Sequence

from inbox.enums import ReplyStatus, ReplyWay
from inbox.models import ChannelSettings, Credential, Reply
from inbox.twitter.splitting import MOST_PARTS, Part, TooLong, split_answer
from inbox.twitter.text import MAX_WEIGHTED_LENGTH, weighted_length
from tenants.refusals import NotNow

LONGEST_PRIVATE = 10_000


def limit_for(way: str, handle_id: int) -> int:
    """How many of Twitter's units one reply of this handle may have; of a direct message, how many signs."""
    if way == ReplyWay.PRIVATE:
        return LONGEST_PRIVATE
    found = Credential.objects.filter(pk=handle_id).values_list("text_limit", flat=True).first()
    return found or MAX_WEIGHTED_LENGTH


def length_of(text: str, way: str) -> int:
    """How long a text is, as its way counts."""
    return len(text) if way == ReplyWay.PRIVATE else weighted_length(text)


def cut(text: str, *, way: str, handle_id: int) -> list[Part]:
    """The parts in which this text would be posted; one, where it fits. Raises `NotNow` where they are too many."""
    if way == ReplyWay.PRIVATE:
        return [Part(text, text)]
    numbered = ChannelSettings.objects.filter(pk=1, numbers_parts=True).exists()
    try:
        return split_answer(text, limit=limit_for(way, handle_id), numbered=numbered)
    except TooLong as error:
        raise NotNow(f"Nobody reads an answer of more than {MOST_PARTS} tweets. Shorten it.") from error


def lay_out(reply: Reply, *, handle_id: int) -> None:
    """Make of a reply that was let go as many as it has parts; it becomes the first of them. The caller saves it."""
    parts = cut(reply.text, way=reply.way, handle_id=handle_id)
    if len(parts) == 1:
        reply.rest = ""
        return
    invites, reply.invites_private = reply.invites_private, False
    reply.text, reply.rest = parts[0].text, parts[0].rest
    reply.save()
    before = reply
    for part in parts[1:]:
        before = Reply.objects.create(
            conversation_id=reply.conversation_id,
            answers_id=reply.answers_id,
            author_id=reply.author_id,
            text=part.text,
            rest=part.rest if part.rest != part.text else "",
            # The button that opens a direct message stands below the last words.
            invites_private=invites and part is parts[-1],
            follows=before,
            status=reply.status,
            created_at=reply.created_at,
            needs_approval=reply.needs_approval,
            submitted_at=reply.submitted_at,
            approved_by_id=reply.approved_by_id,
            approved_at=reply.approved_at,
            undo_until=reply.undo_until,
        )


def fold(reply: Reply) -> None:
    """Make one reply again of this part and all that follow it, none of which was tried. The caller saves it."""
    after = following(reply)
    reply.invites_private = reply.invites_private or any(each.invites_private for each in after)
    for each in reversed(after):
        each.delete()
    if reply.rest:
        reply.text, reply.rest = reply.rest, ""


def following(reply: Reply) -> Sequence[Reply]:
    """The parts that follow this one, in their order."""
    by_follows = {
        each.follows_id: each
        for each in Reply.objects.filter(conversation_id=reply.conversation_id, follows__isnull=False).order_by("pk")
    }
    found, last = [], reply
    while last.pk in by_follows:
        last = by_follows[last.pk]
        found.append(last)
    return found


def whole_text(reply: Reply) -> str:
    """What an answer says from this part on, however many parts it has."""
    return reply.rest or reply.text


def first_unsent(reply: Reply) -> Reply:
    """The part of the same answer with which all that has not been tried begins."""
    while reply.follows_id is not None:
        before = Reply.objects.get(pk=reply.follows_id)
        if before.status not in (ReplyStatus.APPROVED, ReplyStatus.SUBMITTED):
            break
        reply = before
    return reply


def set_free(reply: Reply) -> None:
    """What followed a part that was stopped is an answer of its own: to the customer's tweet, as the first part was.

    The parts before no longer say it: neither of them would be laid out with it again. The caller saves the reply.
    """
    said, before = whole_text(reply), reply
    while before.follows_id is not None:
        before = Reply.objects.get(pk=before.follows_id)
        if before.rest:
            left = before.rest.removesuffix(said)
            before.rest = left.rstrip() if left != before.rest else ""
            before.save(update_fields=["rest"])
    reply.answers_id, reply.follows = before.answers_id, None


def is_stopped(reply: Reply) -> bool:
    """Whether this part waits for one that may never be posted: Twitter refused it, or its fate is unknown."""
    before = Reply.objects.filter(pk=reply.follows_id) if reply.follows_id else Reply.objects.none()
    return before.filter(status__in=[ReplyStatus.REFUSED, ReplyStatus.UNKNOWN]).exists()
