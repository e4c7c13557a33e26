"""Posting: putting an approved reply on Twitter, once.

Twitter has no idempotency key, so an intent is committed before anything is sent (APPROVED → POSTING), and a call
whose outcome is not known is never simply repeated: the brand's own timeline is read, and where that does not settle
it, a person decides. Six places where this process may die, and what holds there, are drawn in `docs/replies.md`.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from accounts.models import User
from inbox import policies
from inbox.domain import arrivals, conversations, credentials, events, routing, sla, triage
from inbox.domain.events import Line
from inbox.enums import Direction, EventKind, Reach, ReplyStatus
from inbox.models import Conversation, Message, Reply
from inbox.twitter.client import NotNow as TwitterNotNow
from inbox.twitter.client import PostingOutcome, Refused, Sent, Twitter, Unavailable, Unknown
from inbox.twitter.shapes import Tweet, instant_of
from inbox.twitter.text import normalised
from tenants.refusals import NotNow

# No call lasts longer than this: connect 5 s, write 10 s, read 10 s, and as much again for a slow machine.
LONGEST_CALL = timedelta(seconds=50)
# A call that came back without an answer was over within this: the time-outs of the gateway.
ANSWERED_CALL = timedelta(seconds=25)
_CLOCK_SKEW = timedelta(minutes=2)

Connect = Callable[[int], Twitter]


def connect(handle_id: int) -> Twitter:
    """The gateway for one of the current brand's handles."""
    return credentials.twitter_for(credentials.opened(handle_id))


def post_waiting(*, connect: Connect = connect, clock: Callable[[], datetime], passing: Callable[[str], object] = str) -> int:
    """Post this brand's approved replies, one after another, the oldest first; returns how many were tried.

    `passing` is told the name of each step as it is passed (claimed, answered, settled).
    """
    tried = 0
    while True:
        passing("before the claim")
        reply = claim(now=clock())
        if reply is None:
            return tried
        passing("claimed")
        outcome = _send(reply, connect)
        passing("answered")
        settle(reply_id=reply.pk, outcome=outcome, now=clock())
        passing("settled")
        tried += 1


@transaction.atomic
def claim(*, now: datetime) -> Reply | None:
    """Take the oldest approved reply and commit to posting it. None while another of this brand is being posted."""
    arrivals.hold()
    calling = Reply.objects.filter(status=ReplyStatus.POSTING, posting_since__gt=now - LONGEST_CALL, why="")
    if calling.exists():
        return None
    due = Q(not_before=None) | Q(not_before__lte=now)
    reply = Reply.objects.select_for_update().filter(due, status=ReplyStatus.APPROVED).order_by("pk").first()
    if reply is None:
        return None
    reply.status, reply.posting_since, reply.why = ReplyStatus.POSTING, now, ""
    reply.attempt += 1
    reply.save(update_fields=["status", "posting_since", "why", "attempt"])
    return reply


@transaction.atomic
def settle(*, reply_id: int, outcome: PostingOutcome, now: datetime) -> Reply:
    """Write down what a call came to. Does nothing when the reply's fate has become known meanwhile."""
    arrivals.hold()
    reply = Reply.objects.select_for_update().select_related("conversation").get(pk=reply_id)
    if reply.status != ReplyStatus.POSTING:
        return reply
    match outcome:
        case Sent(id=tweet_id, text=text):
            _mark_posted(reply, tweet_id=tweet_id, text=text or reply.text, now=now)
        case Refused(why=why):
            _move(reply, ReplyStatus.REFUSED, EventKind.REPLY_REFUSED, why=why, now=now)
        case TwitterNotNow(why=why, until=until, reconnect=reconnect):
            if reconnect:
                credentials.mark_refused(handle_id=reply.conversation.handle_id, why=why, now=now)
            reply.not_before = until
            _move(reply, ReplyStatus.APPROVED, EventKind.REPLY_DELAYED, why=why, now=now)
        case Unknown(why=why):
            reply.why = why[:300]
            reply.save(update_fields=["why"])
            events.record([_line(EventKind.REPLY_UNKNOWN, reply, now)])
    return reply


def find_out(*, connect: Connect = connect, clock: Callable[[], datetime]) -> int:
    """Ask Twitter what became of replies left in POSTING; returns how many fates are known now.

    A reply that the timeline still lacks beyond Twitter's index lag goes before a person.
    """
    settled = 0
    for reply in _of_unknown_fate(clock()):
        assert reply.posting_since is not None
        try:
            with connect(reply.conversation.handle_id) as twitter:
                tweets = twitter.own_tweets(since=reply.posting_since - _CLOCK_SKEW)
        except (Unavailable, NotNow) as error:
            _ask_a_person_if_long(reply, why=str(error), now=clock())
            continue
        settled += _conclude(reply_id=reply.pk, tweets=tweets, now=clock())
    return settled


def recognise(tweets: Iterable[Tweet], *, ours: frozenset[int], now: datetime) -> list[Line]:
    """Match the brand's own tweets, newly arrived, to replies of ours whose fate is not known: they were posted.

    Runs inside the transaction that carries the tweets; returns what to tell.
    """
    own = [tweet for tweet in tweets if tweet.author_id in ours and tweet.in_reply_to_id]
    if not own:
        return []
    pending = list(
        Reply.objects.select_for_update()
        .filter(
            status__in=[ReplyStatus.POSTING, ReplyStatus.UNKNOWN],
            answers_id__in=[tweet.in_reply_to_id for tweet in own],
        )
        .order_by("pk")
    )
    lines = []
    for tweet in own:
        reply = next((each for each in pending if _is_the_same(each, tweet)), None)
        if reply is not None:
            pending.remove(reply)
            _write_posted(reply, tweet_id=tweet.id, at=tweet.created_at)
            lines.append(_line(EventKind.REPLY_POSTED, reply, now))
    return lines


@transaction.atomic
def it_was_posted(*, reply: Reply, tweet_id: int, by: User, role: str, now: datetime) -> Reply:
    """A person says that this reply is on Twitter, and as which tweet."""
    arrivals.hold()
    reply = Reply.objects.select_for_update().select_related("conversation").get(pk=reply.pk)
    policies.check_can_decide_fate(role, reply)
    _check_free(tweet_id, reply)
    _mark_posted(reply, tweet_id=tweet_id, text=reply.text, now=now, by=by)
    return reply


def _send(reply: Reply, connect: Connect) -> PostingOutcome:
    try:
        with connect(Conversation.objects.values_list("handle_id", flat=True).get(pk=reply.conversation_id)) as twitter:
            return twitter.create_reply(text=reply.text, in_reply_to_id=reply.answers_id)
    except NotNow as refusal:
        return Refused(str(refusal))


def _of_unknown_fate(now: datetime) -> Sequence[Reply]:
    waited = Q(posting_since__lte=now - LONGEST_CALL) | ~Q(why="")
    return list(
        Reply.objects.filter(waited, status=ReplyStatus.POSTING).select_related("conversation").order_by("pk")[:50]
    )


@transaction.atomic
def _conclude(*, reply_id: int, tweets: Sequence[Tweet], now: datetime) -> int:
    arrivals.hold()
    reply = Reply.objects.select_for_update().select_related("conversation").get(pk=reply_id)
    if reply.status != ReplyStatus.POSTING:
        return 0
    taken = set(Reply.objects.filter(twitter_id__in=[tweet.id for tweet in tweets]).values_list("twitter_id", flat=True))
    found = next((tweet for tweet in tweets if tweet.id not in taken and _is_the_same(reply, tweet)), None)
    if found is not None:
        _mark_posted(reply, tweet_id=found.id, text=found.text, now=now)
        return 1
    assert reply.posting_since is not None
    call_over = reply.posting_since + (ANSWERED_CALL if reply.why else LONGEST_CALL)
    if now < call_over + settings.TWITTER_INDEX_LAG:
        return 0
    why = (reply.why + " " if reply.why else "") + "It is not on the brand's timeline."
    _move(reply, ReplyStatus.UNKNOWN, EventKind.REPLY_UNKNOWN, why=why, now=now)
    return 1


@transaction.atomic
def _ask_a_person_if_long(reply: Reply, *, why: str, now: datetime) -> None:
    reply = Reply.objects.select_for_update().get(pk=reply.pk)
    if reply.status == ReplyStatus.POSTING and reply.posting_since and now - reply.posting_since > timedelta(minutes=10):
        _move(reply, ReplyStatus.UNKNOWN, EventKind.REPLY_UNKNOWN, why=f"Twitter cannot be asked: {why}", now=now)


def _is_the_same(reply: Reply, tweet: Tweet) -> bool:
    if tweet.in_reply_to_id != reply.answers_id or reply.posting_since is None:
        return False
    return tweet.created_at >= reply.posting_since - _CLOCK_SKEW and normalised(tweet.text) == normalised(reply.text)


def _check_free(tweet_id: int, reply: Reply) -> None:
    if Reply.objects.filter(twitter_id=tweet_id).exclude(pk=reply.pk).exists():
        raise NotNow("That tweet is another reply of yours.")


def _mark_posted(reply: Reply, *, tweet_id: int, text: str, now: datetime, by: User | None = None) -> None:
    _write_posted(reply, tweet_id=tweet_id, at=instant_of(tweet_id))
    handle_id = reply.conversation.handle_id
    Message.objects.bulk_create(
        [
            Message(
                pk=tweet_id,
                conversation_id=reply.conversation_id,
                direction=Direction.OUTBOUND,
                author_id=handle_id,
                text=text,
                created_at=instant_of(tweet_id),
                in_reply_to_id=reply.answers_id,
                reach=Reach.DIRECT,
            )
        ],
        ignore_conflicts=True,
    )
    Message.objects.filter(pk=tweet_id, reply=None).update(reply_id=reply.pk)
    touched = [reply.conversation_id]
    conversations.refresh(touched)
    triage.settle(touched)
    sla.promise(touched)
    routing.offer(touched)
    events.record([_line(EventKind.REPLY_POSTED, reply, now, by=by)])


def _write_posted(reply: Reply, *, tweet_id: int, at: datetime) -> None:
    reply.status, reply.twitter_id, reply.posted_at = ReplyStatus.POSTED, tweet_id, at
    reply.posting_since, reply.not_before, reply.why = None, None, ""
    reply.save()
    Message.objects.filter(pk=tweet_id, reply=None).update(reply_id=reply.pk)


def _move(reply: Reply, status: ReplyStatus, kind: EventKind, *, why: str, now: datetime) -> None:
    reply.status, reply.why = status, why[:300]
    if status not in (ReplyStatus.UNKNOWN, ReplyStatus.POSTING):
        reply.posting_since = None
    reply.save()
    events.record([_line(kind, reply, now)])


def _line(kind: EventKind, reply: Reply, now: datetime, *, by: User | None = None) -> Line:
    return Line(
        kind,
        reply.conversation_id,
        now,
        by_id=by.pk if by else None,
        message_id=reply.twitter_id,
        reply_id=reply.pk,
    )
