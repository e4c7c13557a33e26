"""What became of replies: read back from Twitter, recognised when it tells of them, or said by a person.

A call whose outcome is not known is never simply repeated. The brand's own timeline, or the direct messages with the
customer, are read; where that does not settle it, a person decides. `docs/replies.md` has the whole table.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import groupby

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q

from accounts.domain import audit
from accounts.enums import AuditKind
from accounts.models import User
from inbox import policies
from inbox.domain import arrivals, conversations, credentials, events, handoffs, replies, routing, sla, triage
from inbox.domain.events import Line
from inbox.enums import REPLY_MOVES, Direction, EventKind, Reach, ReplyStatus, ReplyWay
from inbox.models import Conversation, Deletion, Message, Reply
from inbox.twitter.client import Twitter, Unavailable
from inbox.twitter.shapes import Tweet, instant_of
from inbox.twitter.text import normalised
from tenants.entry import current_schema
from tenants.refusals import NotNow

# From the claim on: a call is begun within 20 s or not at all, and the gateway ends it within 20 s more.
LONGEST_CALL = timedelta(seconds=50)
# How long Twitter may not answer before a person is asked instead.
_PATIENCE = timedelta(minutes=10)
_CLOCK_SKEW = timedelta(minutes=2)
# What a link looks like once normalised: Twitter adds one of its own for what is quoted or shown.
_LINK = "https://t.co"
# States of a reply that may be on Twitter, if it was ever tried: somebody said "try again", and may have been wrong.
_PERHAPS_OUT = {ReplyStatus.APPROVED, ReplyStatus.POSTING, ReplyStatus.UNKNOWN}

Connect = Callable[[int], Twitter]


def connect(handle_id: int) -> Twitter:
    """The gateway for one of the current brand's handles."""
    return credentials.twitter_for(credentials.opened(handle_id))


@contextmanager
def alone() -> Iterator[bool]:
    """Whether nobody else looks after this brand's fates at this moment; nobody does while the block runs.

    A lock of the session and not of a transaction: calls to Twitter are made meanwhile. A worker that dies gives it up.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended('fates ' || %s, 0))", [current_schema()])
        is_ours = bool(cursor.fetchone()[0])
    try:
        yield is_ours
    finally:
        if is_ours:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended('fates ' || %s, 0))", [current_schema()])


def find_out(*, connect: Connect = connect, clock: Callable[[], datetime]) -> int:
    """Ask Twitter what became of replies left in POSTING; returns how many fates are known now.

    A reply that Twitter still does not show beyond its index lag goes before a person.
    """
    known = 0
    for (handle_id, customer_id), group in groupby(_of_unknown_fate(clock()), key=_where_to_ask):
        asking, asked_at = list(group), clock()
        since = min(map(_perhaps_since, asking)) - _CLOCK_SKEW
        try:
            with connect(handle_id) as twitter:
                shown = (
                    twitter.own_privates(with_id=customer_id, since=since)
                    if customer_id
                    else twitter.own_tweets(since=since)
                )
        except (Unavailable, NotNow) as error:
            for reply in asking:
                _ask_a_person_if_long(reply, why=str(error), now=clock())
            continue
        shown = [each for each in shown if each.author_id == handle_id]
        known += sum(conclude(reply.pk, shown, asked_at=asked_at, now=clock()) for reply in asking)
    return known


def recognise(tweets: Iterable[Tweet], *, ours: frozenset[int], now: datetime) -> list[Line]:
    """Match the brand's own tweets, newly arrived, to replies of ours: they were posted, by whatever way.

    A reply that nobody ever tried to post is left alone, unless it was handed over to be posted in X by hand. Runs
    inside the transaction that carries the tweets; returns what to tell.
    """
    own = [tweet for tweet in tweets if tweet.author_id in ours and _says_something_to_somebody(tweet)]
    if not own:
        return []
    tried = _perhaps_these(own)
    lines = []
    for tweet in own:
        reply = _the_one([each for each in tried if each.conversation.handle_id == tweet.author_id], tweet)
        if reply is not None and not is_taken(tweet.id, reply):
            tried.remove(reply)
            was_known = reply.status == ReplyStatus.POSTED
            _write_posted(reply, tweet_id=tweet.id, at=tweet.created_at)
            _keep_message(reply, tweet_id=tweet.id, text=tweet.text)
            if not was_known:
                lines += [_line(EventKind.REPLY_POSTED, reply, now), *handoffs.invited(reply, now=now)]
    return lines


@transaction.atomic
def it_was_posted(*, reply: Reply, tweet_id: int | None, by: User, role: str, now: datetime) -> Reply:
    """A person says that this reply is on Twitter, and as which tweet; of a direct message, that it was sent."""
    arrivals.hold()
    reply = locked(reply.pk)
    policies.check_can_decide_fate(role, reply)
    if tweet_id is not None:
        _check_can_be(tweet_id, reply, now=now)
    elif reply.way != ReplyWay.PRIVATE:
        raise NotNow("Say which tweet it is: paste its address.")
    facts = {"reply": reply.pk, "tweet": str(tweet_id or "")}
    audit.record_here(AuditKind.FATE_DECIDED, now=now, by_id=by.pk, facts=facts)
    mark_posted(reply, tweet_id=tweet_id, text=reply.text, now=now, by=by)
    return reply


@transaction.atomic
def conclude(reply_id: int, tweets: Sequence[Tweet], *, asked_at: datetime, now: datetime) -> int:
    """Decide from what Twitter shows whether a reply is there; 1 where its fate is known now, else 0."""
    arrivals.hold()
    reply = locked(reply_id)
    if reply.status != ReplyStatus.POSTING or reply.posting_since is None:
        return 0
    found = _find(reply, tweets)
    if found is not None:
        mark_posted(reply, tweet_id=found.id, text=found.text, now=now)
        return 1
    if asked_at < (reply.not_before or reply.posting_since + LONGEST_CALL + settings.TWITTER_INDEX_LAG):
        return 0
    where = "among the direct messages" if reply.way == ReplyWay.PRIVATE else "on the brand's timeline"
    why = (reply.why + " " if reply.why else "") + f"It is not {where}."
    move(reply, ReplyStatus.UNKNOWN, EventKind.REPLY_UNKNOWN, why=why, now=now)
    return 1


def in_a_call(now: datetime) -> Q:
    """Claimed by somebody who may be calling Twitter right now. A claim from the future was made before a clock was
    set back: nobody is held up by it."""
    return Q(posting_since__gt=now - LONGEST_CALL, posting_since__lte=now + LONGEST_CALL, why="")


def mark_posted(reply: Reply, *, tweet_id: int | None, text: str, now: datetime, by: User | None = None) -> None:
    """Twitter has it: the reply, its message, its conversation and the history say so."""
    _write_posted(reply, tweet_id=tweet_id, at=instant_of(tweet_id) if tweet_id else now)
    if tweet_id:
        _keep_message(reply, tweet_id=tweet_id, text=text)
    touched = [reply.conversation_id]
    conversations.refresh(touched)
    triage.settle(touched)
    sla.promise(touched)
    routing.offer(touched)
    events.record([_line(EventKind.REPLY_POSTED, reply, now, by=by), *handoffs.invited(reply, now=now)])


def move(reply: Reply, status: ReplyStatus, kind: EventKind, *, why: str, now: datetime) -> None:
    """Take a reply to a state in which it is not posted, with the reason, and tell it."""
    replies.move(reply, status)
    reply.why, reply.not_before = why[:300], None
    if status != ReplyStatus.UNKNOWN:
        reply.posting_since = None
    reply.save()
    events.record([_line(kind, reply, now)])


def can_be_posted(reply: Reply) -> bool:
    """Whether a reply in this state may turn out to be on Twitter."""
    return ReplyStatus.POSTED in REPLY_MOVES[reply.status]


def is_taken(tweet_id: int, reply: Reply) -> bool:
    """Whether a tweet is another reply already."""
    return Reply.objects.filter(twitter_id=tweet_id).exclude(pk=reply.pk).exists()


def locked(reply_id: int) -> Reply:
    """A reply and its conversation, held until the transaction ends."""
    return Reply.objects.select_for_update(of=("self",)).select_related("conversation").get(pk=reply_id)


# --- whose fate is not known


def _of_unknown_fate(now: datetime) -> Sequence[Reply]:
    waiting = Reply.objects.filter(~in_a_call(now), status=ReplyStatus.POSTING).select_related("conversation")
    return sorted(waiting.order_by("pk")[:50], key=_where_to_ask)


def _where_to_ask(reply: Reply) -> tuple[int, int]:
    """The handle, and for a direct message the customer whose messages are read."""
    conversation = reply.conversation
    return conversation.handle_id, conversation.customer_id if reply.way == ReplyWay.PRIVATE else 0


def _perhaps_since(reply: Reply) -> datetime:
    """Since when a reply may be on Twitter: a second attempt may find the first."""
    assert reply.posting_since is not None
    return reply.posting_since if reply.attempt < 2 else min(reply.posting_since, reply.created_at)


@transaction.atomic
def _ask_a_person_if_long(reply: Reply, *, why: str, now: datetime) -> None:
    reply = locked(reply.pk)
    if reply.status == ReplyStatus.POSTING and reply.posting_since and reply.posting_since < now - _PATIENCE:
        move(reply, ReplyStatus.UNKNOWN, EventKind.REPLY_UNKNOWN, why=f"Twitter cannot be asked: {why}", now=now)


# --- which tweet is which reply


def _says_something_to_somebody(tweet: Tweet) -> bool:
    return bool(tweet.in_reply_to_id or tweet.quote_of or tweet.is_private)


def _perhaps_these(own: Sequence[Tweet]) -> list[Reply]:
    """Replies of ours that these tweets could be, locked: those of the conversations that the tweets belong to."""
    about = {pk for tweet in own for pk in (tweet.id, tweet.in_reply_to_id, tweet.quote_of) if pk}
    homes = set(Message.objects.filter(pk__in=about).values_list("conversation_id", flat=True))
    people = {tweet.in_reply_to_user_id for tweet in own if tweet.is_private and tweet.in_reply_to_user_id}
    if people:
        homes |= set(Conversation.objects.filter(customer_id__in=people).values_list("pk", flat=True))
    was_tried = Q(status__in=_PERHAPS_OUT | {ReplyStatus.REFUSED, ReplyStatus.SENT_BACK}, attempt__gt=0)
    by_hand = Q(status=ReplyStatus.ELSEWHERE)
    said_to_be_sent = Q(status=ReplyStatus.POSTED, twitter_id=None)
    found = Reply.objects.select_for_update(of=("self",)).select_related("conversation")
    return list(found.filter(was_tried | by_hand | said_to_be_sent, conversation__in=homes).order_by("pk"))


def _find(reply: Reply, tweets: Sequence[Tweet]) -> Tweet | Message | None:
    """This reply among the brand's own tweets: those just read, and those that the webhook brought before."""
    known = Message.objects.filter(conversation=reply.conversation_id, direction=Direction.OUTBOUND, reply=None)
    rivals = list(
        Reply.objects.select_related("conversation").filter(
            conversation=reply.conversation_id, answers_id=reply.answers_id, status__in=_PERHAPS_OUT, attempt__gt=0
        )
    )
    own: list[Tweet | Message] = [*tweets, *known.filter(_said_as(reply)).order_by("pk")]
    return next((each for each in own if _the_one(rivals, each) == reply and not is_taken(each.id, reply)), None)


def _said_as(reply: Reply) -> Q:
    if reply.way == ReplyWay.PRIVATE:
        return Q(is_private=True)
    return Q(quote_of_id=reply.answers_id) if reply.way == ReplyWay.QUOTE else Q(in_reply_to_id=reply.answers_id)


def _the_one(tried: Sequence[Reply], tweet: Tweet | Message) -> Reply | None:
    """Which of these replies a tweet is. None where two could be it: they differ in a link, which Twitter replaces."""
    same = [reply for reply in tried if _is_the_same(reply, tweet)]
    likelier = [reply for reply in same if reply.status != ReplyStatus.REFUSED] or same
    return likelier[0] if len(likelier) == 1 else None


def _is_the_same(reply: Reply, tweet: Tweet | Message) -> bool:
    if not _is_said_where(reply, tweet):
        return False
    theirs, ours = normalised(tweet.text), normalised(reply.text)
    return theirs == ours or (_brings_a_link(reply) and theirs.removesuffix(_LINK).rstrip() == ours)


def _is_said_where(reply: Reply, tweet: Tweet | Message) -> bool:
    """Whether a tweet is said to whom this reply would be said, and not before it."""
    if tweet.created_at < reply.created_at - _CLOCK_SKEW:
        return False
    if tweet.is_private or reply.way == ReplyWay.PRIVATE:
        is_to_them = (
            tweet.conversation_id == reply.conversation_id
            if isinstance(tweet, Message)
            else tweet.in_reply_to_user_id == reply.conversation.customer_id
        )
        return tweet.is_private and reply.way == ReplyWay.PRIVATE and is_to_them
    quoted = tweet.quote_of_id if isinstance(tweet, Message) else tweet.quote_of
    if reply.way == ReplyWay.QUOTE:
        return quoted == reply.answers_id
    return tweet.in_reply_to_id == reply.answers_id


def _brings_a_link(reply: Reply) -> bool:
    """Whether Twitter puts a link of its own behind the words: to what is quoted, shown, or opened by a button."""
    return reply.way == ReplyWay.QUOTE or reply.invites_private or reply.media.exists()


def _check_can_be(tweet_id: int, reply: Reply, *, now: datetime) -> None:
    if is_taken(tweet_id, reply):
        raise NotNow("That tweet is another reply of yours.")
    if tweet_id <= reply.answers_id or instant_of(tweet_id) > now + _CLOCK_SKEW:
        raise NotNow("That cannot be it: a reply is newer than the tweet it answers. Copy the reply's own address.")
    message = Message.objects.filter(pk=tweet_id).first()
    if message and (message.direction, message.conversation_id) != (Direction.OUTBOUND, reply.conversation_id):
        raise NotNow("That tweet is somebody else's, or belongs to another conversation.")


# --- writing it down


def _write_posted(reply: Reply, *, tweet_id: int | None, at: datetime) -> None:
    if reply.status != ReplyStatus.POSTED:
        if reply.status == ReplyStatus.ELSEWHERE:
            _let_go_by_hand(reply, at=at)
        replies.move(reply, ReplyStatus.POSTED)
    reply.twitter_id, reply.posted_at = tweet_id, at
    reply.posting_since, reply.not_before, reply.why = None, None, ""
    reply.save()
    if tweet_id:
        Message.objects.filter(pk=tweet_id, reply=None).update(reply_id=reply.pk)


def _let_go_by_hand(reply: Reply, *, at: datetime) -> None:
    """Whoever posted it in X let it go out, by the brand's own account there."""
    if reply.approved_at is None:
        reply.approved_by_id, reply.approved_at, reply.needs_approval = reply.author_id, at, False


def _keep_message(reply: Reply, *, tweet_id: int, text: str) -> None:
    deleted_at = Deletion.objects.filter(pk=tweet_id).values_list("deleted_at", flat=True).first()
    is_private, quotes = reply.way == ReplyWay.PRIVATE, reply.way == ReplyWay.QUOTE
    message = Message(
        pk=tweet_id,
        conversation_id=reply.conversation_id,
        direction=Direction.OUTBOUND,
        author_id=reply.conversation.handle_id,
        text="" if deleted_at else text,
        created_at=instant_of(tweet_id),
        in_reply_to_id=None if is_private or quotes else reply.answers_id,
        quote_of_id=reply.answers_id if quotes else None,
        is_private=is_private,
        reach=Reach.DIRECT,
        deleted_at=deleted_at,
    )
    Message.objects.bulk_create([message], ignore_conflicts=True)
    Message.objects.filter(pk=tweet_id, reply=None).update(reply_id=reply.pk)


def _line(kind: EventKind, reply: Reply, now: datetime, *, by: User | None = None) -> Line:
    return Line(
        kind,
        reply.conversation_id,
        now,
        by_id=by.pk if by else None,
        message_id=reply.twitter_id,
        reply_id=reply.pk,
    )
