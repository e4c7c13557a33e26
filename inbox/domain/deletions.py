"""Deleted is deleted: what Twitter no longer has loses its words here, and leaves a tombstone in the conversation."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from inbox.domain.events import Line
from inbox.enums import ArrivalKind, EventKind
from inbox.models import Arrival, Deletion, Message


@dataclass
class CarriedOut:
    """The conversations that lost a message, and what to tell of it."""

    conversation_ids: list[int] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)


def carry_out(tweet_ids: Sequence[int], *, now: datetime) -> CarriedOut:
    """Take the words of these tweets away, from messages and from their arrivals; unknown ones are remembered."""
    if not tweet_ids:
        return CarriedOut()
    Deletion.objects.bulk_create([Deletion(pk=pk, deleted_at=now) for pk in set(tweet_ids)], ignore_conflicts=True)
    gone = Message.objects.filter(pk__in=tweet_ids, deleted_at=None)
    rows = list(gone.order_by("pk").values_list("pk", "conversation_id"))
    gone.update(text="", reasons=[], deleted_at=now)
    Arrival.objects.filter(kind=ArrivalKind.TWEET, twitter_id__in=tweet_ids).update(payload=b"")
    return CarriedOut(
        conversation_ids=sorted({conversation_id for _, conversation_id in rows}),
        lines=[Line(EventKind.MESSAGE_DELETED, home, now, message_id=pk) for pk, home in rows],
    )
