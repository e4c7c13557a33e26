"""Deleted is deleted: what Twitter no longer has loses its words here, and leaves a tombstone in the conversation."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from inbox.domain import arrivals
from inbox.domain.events import Line
from inbox.enums import EventKind
from inbox.models import Deletion, Message


@dataclass
class CarriedOut:
    """The conversations that lost a message, and what to tell of it."""

    conversation_ids: list[int] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)


def carry_out(tweet_ids: Sequence[int], *, now: datetime) -> CarriedOut:
    """Take the words of these tweets away; unknown ones are remembered. Their arrivals are `forget`'s."""
    if not tweet_ids:
        return CarriedOut()
    Deletion.objects.bulk_create([Deletion(pk=pk, deleted_at=now) for pk in set(tweet_ids)], ignore_conflicts=True)
    gone = Message.objects.filter(pk__in=tweet_ids, deleted_at=None)
    rows = list(gone.order_by("pk").values_list("pk", "conversation_id"))
    gone.update(text="", reasons=[], deleted_at=now)
    return CarriedOut(
        conversation_ids=sorted({conversation_id for _, conversation_id in rows}),
        lines=[Line(EventKind.MESSAGE_DELETED, home, now, message_id=pk) for pk, home in rows],
    )


def forget(settled_tweet_ids: Iterable[int], deletions: Iterable[int]) -> None:
    """Take the words out of arrivals: of tweets deleted now, and of those that were settled now and deleted before.

    An arrival that still waits keeps its words until it is carried: its turn comes in seconds, and what is known of
    a tweet must not depend on which of the two came first.
    """
    gone = set(Deletion.objects.filter(pk__in=settled_tweet_ids).values_list("pk", flat=True)) | set(deletions)
    if gone:
        arrivals.take_words_away(gone)
