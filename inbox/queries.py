"""Questions about a brand's conversations. Asked inside the brand; they change nothing."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import connection
from django.db.models import Count, F, Q, QuerySet

from inbox.enums import ReplyStatus
from inbox.models import Amplification, Arrival, Conversation, Event, EventLine, Message, Reply

FILTERS = ("waiting", "mine", "unassigned", "open", "closed")
PAGE = 40
MOST_COUNTED = 1_000


def newest_seq() -> int:
    """The number of the brand's newest event."""
    return EventLine.objects.values_list("last_seq", flat=True).first() or 0


def events_since(seq: int, *, limit: int = 500) -> QuerySet[Event]:
    """The brand's history after this number, in order. A reader that keeps the last number skips nothing."""
    return Event.objects.filter(seq__gt=seq).order_by("seq")[:limit]


def conversations_in(name: str, *, user_id: int) -> QuerySet[Conversation]:
    """One of the inbox's lists, ordered and ready to draw: waiting ones by promise, others by their last message."""
    conversations = Conversation.objects.select_related("customer")
    waiting = Q(waiting_since__isnull=False, closed_at=None)
    if name == "closed":
        return conversations.filter(closed_at__isnull=False).order_by("-last_message_at", "-pk")
    if name == "open":
        return conversations.filter(closed_at=None).order_by("-last_message_at", "-pk")
    if name == "mine":
        return conversations.filter(closed_at=None, assignee=user_id).order_by(
            F("respond_by").asc(nulls_last=True), "pk"
        )
    if name == "unassigned":
        return conversations.filter(waiting, assignee=None).order_by("respond_by", "pk")
    return conversations.filter(waiting).order_by("respond_by", "pk")


def after(
    conversations: QuerySet[Conversation], name: str, cursor: tuple[datetime | None, int]
) -> QuerySet[Conversation]:
    """The same list after the row with this instant (if it has one) and key."""
    at, pk = cursor
    if at is None:
        return conversations.filter(respond_by=None, pk__gt=pk)
    if name in ("closed", "open"):
        # The first condition says nothing new; it is the one that lets the index begin in the middle.
        earlier = Q(last_message_at__lt=at) | Q(last_message_at=at, pk__lt=pk)
        return conversations.filter(earlier, last_message_at__lte=at)
    later = Q(respond_by__gt=at) | Q(respond_by=at, pk__gt=pk)
    return conversations.filter(later | Q(respond_by=None) if name == "mine" else later & Q(respond_by__gte=at))


def counts(*, user_id: int) -> dict[str, int]:
    """How many conversations are in the lists that an agent works from; `MOST_COUNTED` stands for that many or more."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, {"user_id": user_id, "most": MOST_COUNTED})
        found = cursor.fetchone()
    return dict(zip(("waiting", "mine", "unassigned", "breached"), found, strict=True))


# Each count ends at `most` rows of an index: a list of a hundred thousand is drawn again as fast as a short one.
_COUNTS = """
SELECT
    (SELECT count(*) FROM (SELECT FROM inbox_conversation
        WHERE waiting_since IS NOT NULL AND closed_at IS NULL LIMIT %(most)s) AS waiting),
    (SELECT count(*) FROM (SELECT FROM inbox_conversation
        WHERE assignee_id = %(user_id)s AND closed_at IS NULL LIMIT %(most)s) AS mine),
    (SELECT count(*) FROM (SELECT FROM inbox_conversation
        WHERE waiting_since IS NOT NULL AND closed_at IS NULL AND assignee_id IS NULL LIMIT %(most)s) AS unassigned),
    (SELECT count(*) FROM (SELECT FROM inbox_conversation
        WHERE waiting_since IS NOT NULL AND closed_at IS NULL AND respond_by < now() LIMIT %(most)s) AS breached)
"""


def last_messages(conversations: Iterable[Conversation]) -> dict[int, Message]:
    """The last message of each of these conversations, by conversation."""
    ids = [conversation.last_message for conversation in conversations if conversation.last_message]
    return {message.conversation_id: message for message in Message.objects.filter(pk__in=ids)}


def conversations_with(ids: Sequence[int]) -> dict[int, Conversation]:
    """These conversations with their customers, by key."""
    return {each.pk: each for each in Conversation.objects.select_related("customer").filter(pk__in=ids)}


def conversation_with(pk: int) -> Conversation | None:
    """One conversation with its customer."""
    return Conversation.objects.select_related("customer").filter(pk=pk).first()


def messages_of(conversation: Conversation) -> QuerySet[Message]:
    """A conversation's messages in Twitter's order, each with the reply it came from; the last 400."""
    newest = Message.objects.filter(conversation=conversation).order_by("-pk").values("pk")[:400]
    return Message.objects.filter(pk__in=newest).select_related("reply").order_by("pk")


def retweets_of(messages: Iterable[Message]) -> dict[int, int]:
    """How often each of these messages was retweeted."""
    rows = (
        Amplification.objects.filter(of_id__in=[message.pk for message in messages])
        .values("of_id")
        .annotate(n=Count("pk"))
        .order_by("of_id")
    )
    return {row["of_id"]: row["n"] for row in rows}


def replies_under_way(conversation: Conversation) -> QuerySet[Reply]:
    """Replies that are on their way or stuck, the oldest first."""
    return (
        Reply.objects.filter(conversation=conversation)
        .exclude(status__in=[ReplyStatus.POSTED, ReplyStatus.DRAFT])
        .order_by("pk")
    )


def history_of(conversation: Conversation) -> QuerySet[Event]:
    """A conversation's events, in order; the last 200."""
    newest = Event.objects.filter(conversation_id=conversation.pk).order_by("-seq").values("seq")[:200]
    return Event.objects.filter(seq__in=newest).order_by("seq")


def replies_to_post() -> bool:
    """Whether this brand has replies that wait to be posted or whose fate is not known."""
    return Reply.objects.filter(status__in=[ReplyStatus.APPROVED, ReplyStatus.POSTING]).exists()


def arrivals_waiting() -> int:
    """How many arrivals of this brand are not carried yet."""
    return Arrival.objects.filter(carried_at=None).count()


def outcomes() -> dict[str, int]:
    """How many arrivals came to what, and how many still wait (under the empty name)."""
    rows = Arrival.objects.values("outcome").annotate(n=Count("pk")).order_by("outcome")
    return {row["outcome"]: row["n"] for row in rows}
