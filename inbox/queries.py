"""Questions about a brand's conversations. Asked inside the brand; they change nothing."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Now

from accounts.enums import Right, may
from inbox.enums import Direction, ErrandState, EventKind, ReplyStatus
from inbox.models import (
    Amplification,
    Arrival,
    Conversation,
    Delivery,
    Disposition,
    Errand,
    Event,
    EventLine,
    IdempotentCall,
    Message,
    Note,
    PolicyLine,
    Reply,
    ReplyMedia,
    Tag,
    Webhook,
)
from tenants.models import AppState

FILTERS = ("waiting", "mine", "unassigned", "open", "closed")
PAGE = 40
MOST_COUNTED = 1_000
MOST_TAKEN_BACK = 5  # lines on the page of approvals
CALLS_KEPT_FOR = timedelta(hours=24)
DELIVERIES_KEPT_FOR = timedelta(days=30)


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
    """The last message of each of these conversations that still is on Twitter, by conversation; where all were
    deleted, the last one."""
    ids = [conversation.last_message for conversation in conversations if conversation.last_message]
    found = {message.conversation_id: message for message in Message.objects.filter(pk__in=ids)}
    if gone := [pk for pk, message in found.items() if message.deleted_at]:
        # One look into `message_in_order` for each, from its end; most lists need none of it.
        standing = Message.objects.filter(conversation=OuterRef("pk"), deleted_at=None).order_by("-pk").values("pk")[:1]
        newest = Conversation.objects.filter(pk__in=gone).values_list(Subquery(standing), flat=True)
        found |= {message.conversation_id: message for message in Message.objects.filter(pk__in=newest)}
    return found


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


def last_answer(conversation: Conversation) -> Message | None:
    """The last message of a conversation that is ours."""
    return (
        Message.objects.filter(conversation=conversation, direction=Direction.OUTBOUND, deleted_at=None)
        .order_by("-pk")
        .first()
    )


def retweets_of(messages: Iterable[Message]) -> dict[int, int]:
    """How often each of these messages was retweeted."""
    rows = (
        Amplification.objects.filter(of_id__in=[message.pk for message in messages])
        .values("of_id")
        .annotate(n=Count("pk"))
        .order_by("of_id")
    )
    return {row["of_id"]: row["n"] for row in rows}


def replies_visible_to(role: str, *, user_id: int | None = None) -> QuerySet[Reply]:
    """The replies that somebody of this role may see. With a person: without the drafts of others.

    A client sees what was sent or posted; its approver also what waits for a yes.
    """
    replies = Reply.objects.order_by("pk")
    if not may(role, Right.DRAFT):
        inside = [ReplyStatus.DRAFT, ReplyStatus.SENT_BACK]
        return replies.exclude(status__in=inside if may(role, Right.APPROVE) else [*inside, ReplyStatus.SUBMITTED])
    if user_id is None:
        return replies
    return replies.exclude(~Q(author=user_id), status=ReplyStatus.DRAFT)


def replies_under_way(conversation: Conversation, *, role: str) -> QuerySet[Reply]:
    """Replies that are waiting, on their way or stuck, the oldest first, as far as this role may see them."""
    return replies_visible_to(role).filter(conversation=conversation).exclude(status__in=_AT_AN_END)


_AT_AN_END = [ReplyStatus.POSTED, ReplyStatus.DRAFT]


def drafts_of(conversation: Conversation, *, user_id: int) -> QuerySet[Reply]:
    """What this person has written here and not sent, and what was sent back to them; the last one first."""
    drafts = Reply.objects.filter(conversation=conversation, author=user_id)
    return drafts.filter(status__in=[ReplyStatus.DRAFT, ReplyStatus.SENT_BACK]).order_by("-pk")


def files_of(replies: Iterable[Reply]) -> QuerySet[ReplyMedia]:
    """What these replies will show, without the files' content."""
    found = ReplyMedia.objects.filter(reply__in=[reply.pk for reply in replies]).defer("content")
    return found.order_by("reply_id", "position", "pk")


def errands_of(messages: Iterable[Message]) -> dict[int, Errand]:
    """The newest errand of each of these messages, where that is under way or stuck."""
    rows = Errand.objects.filter(message__in=[message.pk for message in messages])
    newest = rows.order_by("message_id", "-pk").distinct("message_id")
    return {errand.message_id: errand for errand in newest if errand.state != ErrandState.DONE}


def replies_to_approve() -> QuerySet[Reply]:
    """Replies that wait for a second person, the longest first, each with its conversation and customer."""
    waiting = Reply.objects.filter(status=ReplyStatus.SUBMITTED)
    return waiting.select_related("conversation__customer").order_by("submitted_at", "pk")


def still_to_take_back(user_id: int, *, now: datetime) -> QuerySet[Reply]:
    """What this person has just let go out and can still take back, the last one first; with its customer.

    A long answer once, by its first part: it is taken back as a whole.
    """
    going = {"status": ReplyStatus.APPROVED, "follows": None}
    approved = Reply.objects.filter(approved_by=user_id, undo_until__gt=now, **going)
    return approved.select_related("conversation__customer").order_by("-approved_at", "-pk")[:MOST_TAKEN_BACK]


def count_to_approve() -> int:
    """How many replies wait for a second person; `MOST_COUNTED` stands for that many or more."""
    return Reply.objects.filter(status=ReplyStatus.SUBMITTED).order_by()[:MOST_COUNTED].count()


def messages_with(ids: Iterable[int]) -> dict[int, Message]:
    """These messages, by key."""
    return {message.pk: message for message in Message.objects.filter(pk__in=list(ids))}


def notes_of(conversation: Conversation) -> QuerySet[Note]:
    """A conversation's notes in their order; the last 200."""
    newest = Note.objects.filter(conversation=conversation).order_by("-pk").values("pk")[:200]
    return Note.objects.filter(pk__in=newest).order_by("noted_at", "pk")


def tags_of(conversation: Conversation) -> QuerySet[Tag]:
    """The tags on a conversation, by name; retired ones too."""
    return Tag.objects.filter(taggings__conversation=conversation).order_by("name", "pk")


def tags(*, retired: bool = False) -> QuerySet[Tag]:
    """The brand's tags, by name; those that are offered no more only when asked for."""
    return (Tag.objects.all() if retired else Tag.objects.filter(retired_at=None)).order_by("name", "pk")


def dispositions() -> list[Disposition]:
    """Every way in which this brand's conversations end or have ended, in the brand's order."""
    return list(Disposition.objects.order_by("position", "pk"))


def history_of(conversation: Conversation, *, role: str) -> QuerySet[Event]:
    """A conversation's events, in order, as far as this role may know of them; the last 200."""
    newest = Event.objects.filter(conversation_id=conversation.pk)
    if not may(role, Right.READ_NOTES):
        newest = newest.exclude(kind__in=[EventKind.NOTED, EventKind.REPLY_DISCARDED])
    return Event.objects.filter(seq__in=newest.order_by("-seq").values("seq")[:200]).order_by("seq")


def replies_to_post() -> bool:
    """Whether this brand has replies to post, others whose fate is not known, or errands at Twitter to do."""
    stuck = Q(follows__status__in=[ReplyStatus.REFUSED, ReplyStatus.UNKNOWN])
    on_their_way = Reply.objects.filter(status__in=[ReplyStatus.APPROVED, ReplyStatus.POSTING]).exclude(stuck)
    to_do = Errand.objects.filter(state__in=[ErrandState.WANTED, ErrandState.UNDER_WAY])
    return on_their_way.exists() or to_do.exists()


def arrivals_waiting() -> int:
    """How many arrivals of this brand are not carried yet."""
    return Arrival.objects.filter(carried_at=None).count()


def outcomes() -> dict[str, int]:
    """How many arrivals came to what, and how many still wait (under the empty name)."""
    rows = Arrival.objects.values("outcome").annotate(n=Count("pk")).order_by("outcome")
    return {row["outcome"]: row["n"] for row in rows}


def webhooks() -> QuerySet[Webhook]:
    """The brand's webhooks, by name."""
    return Webhook.objects.order_by("name", "pk")


def webhook_with(pk: int) -> Webhook | None:
    """One webhook."""
    return Webhook.objects.filter(pk=pk).first()


def deliveries_of(webhook: Webhook, *, before: int | None = None) -> QuerySet[Delivery]:
    """The log of a webhook, the newest first; from the delivery before this one on."""
    older = Q(pk__lt=before) if before else Q()
    return Delivery.objects.filter(older, webhook=webhook).order_by("-pk")


def kinds_of_events(seqs: Iterable[int]) -> dict[int, str]:
    """What kind of event each of these numbers is."""
    return dict(Event.objects.filter(seq__in=seqs).values_list("seq", "kind"))


def webhooks_to_call() -> bool:
    """Whether a webhook of this brand has something due, or does not know of the newest events yet."""
    awake = Webhook.objects.filter(paused_at=None)
    due = Delivery.objects.filter(webhook__in=awake, due_at__lte=Now())
    return awake.filter(told_through__lt=newest_seq()).exists() or due.exists()


def has_deliveries_to_forget() -> bool:
    """Whether there are deliveries that need not be kept any longer."""
    return Delivery.objects.filter(made_at__lt=Now() - DELIVERIES_KEPT_FOR).exists()


def has_calls_to_forget() -> bool:
    """Whether there are writes of programs that need not be kept any longer."""
    return IdempotentCall.objects.filter(begun_at__lt=Now() - CALLS_KEPT_FOR).exists()


def credits_gone() -> AppState | None:
    """Why nothing billable is called at Twitter just now, and since when; none: it is."""
    return AppState.objects.filter(pk="credits").first()


def policy_lines(
    *,
    after: tuple[datetime | None, int] | None,
    limit: int,
    rule: str | None = None,
    is_automatic: bool | None = None,
    is_allowed: bool | None = None,
) -> list[PolicyLine]:
    """The brand's policy ledger, the newest first; narrowed to a rule, to who did it, to what was answered."""
    lines = PolicyLine.objects.order_by("-at", "-pk")
    for name, value in (("rule", rule), ("is_automatic", is_automatic), ("is_allowed", is_allowed)):
        lines = lines if value is None else lines.filter(**{name: value})
    if after is not None and after[0] is not None:
        at, pk = after
        lines = lines.filter(Q(at__lt=at) | Q(at=at, pk__lt=pk))
    return list(lines[:limit])
