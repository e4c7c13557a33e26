"""Scenes: what Twitter sends about a few people talking, and what our rows say afterwards, without the order."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.models import DeskRow
from inbox.domain import arrivals, flow
from inbox.enums import ArrivalKind, EventKind
from inbox.models import Amplification, Arrival, Conversation, Customer, Deletion, Event, Message
from tenants.models import Brand
from tests.conftest import NOON
from tests.factories import tweet_id
from tests.payloads import deletion_event, payload_of, tweet_event

HOUR = 3600
_OF_A_CONVERSATION = (
    "customer_id",
    "handle_id",
    "opened_at",
    "last_message",
    "last_message_at",
    "message_count",
    "waiting_since",
    "respond_by",
    "urgency",
    "polarity",
    "language",
    "reach",
    "settled_through",
    "assignee_id",
    "closed_at",
    "disposition",
)
_OF_A_MESSAGE = {
    EventKind.MESSAGE_ARRIVED,
    EventKind.MESSAGE_POSTED,
    EventKind.MESSAGE_DELETED,
    EventKind.AMPLIFIED,
}


@dataclass(frozen=True)
class Sent:
    """One event as Twitter sends it."""

    kind: ArrivalKind
    twitter_id: int
    handle_id: int
    body: bytes = field(repr=False)

    def arrive(self) -> None:
        arrivals.store(kind=self.kind, twitter_id=self.twitter_id, handle_id=self.handle_id, body=self.body, now=NOON)


def tweet(*, id: int, for_id: int, **said: Any) -> Sent:
    return Sent(ArrivalKind.TWEET, id, for_id, tweet_event(id=id, for_id=for_id, **said))


def deletion(*, id: int, for_id: int) -> Sent:
    return Sent(ArrivalKind.DELETION, id, for_id, deletion_event(id=id, author_id=for_id, for_id=for_id))


def hours(count: float, number: int = 0) -> int:
    """The id of a tweet so many hours after noon."""
    return tweet_id(count * HOUR, number)


def carry(brand: Brand, sent: Iterable[Sent], *, now: datetime = NOON) -> None:
    """Let all of these arrive, then carry them in one batch."""
    for each in sent:
        each.arrive()
    flow.carry_all(brand=brand, now=now)


def outcome_of(brand: Brand, batches: Sequence[Sequence[Sent]]) -> dict[str, Any]:
    """What our rows say after these batches were carried one after another; nothing of it stays."""
    point = transaction.savepoint()
    try:
        for batch in batches:
            carry(brand, batch)
        return snapshot()
    finally:
        transaction.savepoint_rollback(point)


def snapshot() -> dict[str, Any]:
    """All that is known of the brand's customers, comparable between two orders of arrival.

    A conversation goes by its messages, not by its key, which is that of the tweet that arrived first.
    """
    messages: dict[int, list[tuple]] = {}
    for row in Message.objects.order_by("pk"):
        messages.setdefault(row.conversation_id, []).append(
            (
                row.pk,
                row.direction,
                row.author_id,
                row.text,
                row.in_reply_to_id,
                row.language,
                row.polarity,
                row.urgency,
                tuple(row.reasons),
                row.deleted_at,
            )
        )
    conversations = {row.pk: row for row in Conversation.objects.order_by("pk")}
    return {
        "conversations": {
            tuple(messages.get(pk, ())): {name: getattr(row, name) for name in _OF_A_CONVERSATION}
            for pk, row in conversations.items()
        },
        "customers": sorted(Customer.objects.values_list("pk", "username", "name", "followers", "described_by_id")),
        "arrivals": sorted(
            (row.kind, row.twitter_id, row.outcome, row.awaits_id or 0, _words_in(row))
            for row in Arrival.objects.order_by("pk")
            if row.kind == ArrivalKind.TWEET
        ),
        "amplifications": sorted(Amplification.objects.values_list("pk", "of_id", "author_id")),
        "deletions": sorted(Deletion.objects.values_list("pk", flat=True)),
        "desk": {
            tuple(messages.get(row.conversation_id, ())): (
                row.urgency,
                row.language,
                row.waiting_since,
                row.respond_by,
                row.assignee_id,
            )
            for row in DeskRow.objects.order_by("pk")
        },
        "events": _events(conversations),
    }


def _words_in(arrival: Arrival) -> str | None:
    return json.loads(payload_of(arrival))["data"]["payload"].get("text")


def _events(conversations: Iterable[int]) -> Counter[tuple]:
    """How often what happened. That a conversation was opened is left out where a late tweet showed that it should not
    have been: history keeps it, the conversation is no more."""
    told: Counter[tuple] = Counter()
    for event in Event.objects.order_by("seq"):
        if event.kind in _OF_A_MESSAGE:
            told[event.kind, event.message_id] += 1
        elif event.conversation_id in conversations:
            told[event.kind, None] += 1
    return told


def partition() -> set[tuple[int, ...]]:
    """Which messages are together, nothing else."""
    together: dict[int, list[int]] = {}
    for pk, conversation_id in Message.objects.order_by("pk").values_list("pk", "conversation_id"):
        together.setdefault(conversation_id, []).append(pk)
    return {tuple(ids) for ids in together.values()}
