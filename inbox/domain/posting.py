"""Posting: putting an approved reply on Twitter, once.

Twitter has no idempotency key, so an intent is committed before anything is sent (APPROVED → POSTING), and a call
whose outcome is not known is never simply repeated: the brand's own timeline is read, and where that does not settle
it, a person decides. Six places where this process may die, and what holds there, are drawn in `docs/replies.md`.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import groupby

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from accounts.domain import audit
from accounts.enums import AuditKind
from accounts.models import User
from inbox import policies
from inbox.domain import arrivals, conversations, credentials, events, replies, routing, rules, sla, triage
from inbox.domain.events import Line
from inbox.enums import REPLY_MOVES, Direction, EventKind, Reach, ReplyStatus
from inbox.models import Conversation, Deletion, Message, Reply
from inbox.twitter.client import NotNow as TwitterNotNow
from inbox.twitter.client import PostingOutcome, Refused, Sent, Twitter, Unavailable, Unknown
from inbox.twitter.shapes import Tweet, instant_of
from inbox.twitter.text import normalised
from tenants.models import BrandState
from tenants.refusals import NotNow

# From the claim on: a call is begun within 20 s or not at all, and the gateway ends it within 20 s more.
LONGEST_CALL = timedelta(seconds=50)
_BEGUN_WITHIN = 20.0
# A round ends after this many seconds; the sweep comes again. A worker that takes minutes is killed, mid-call perhaps.
_LONGEST_ROUND = 60.0
_NOT_CONNECTED = timedelta(minutes=5)
# How long Twitter may not answer before a person is asked instead.
_PATIENCE = timedelta(minutes=10)
_CLOCK_SKEW = timedelta(minutes=2)

Connect = Callable[[int], Twitter]


def connect(handle_id: int) -> Twitter:
    """The gateway for one of the current brand's handles."""
    return credentials.twitter_for(credentials.opened(handle_id))


def post_waiting(
    *, connect: Connect = connect, clock: Callable[[], datetime], passing: Callable[[str], object] = str
) -> int:
    """Post this brand's approved replies, one after another, the oldest first; returns how many were tried.

    `passing` is told the name of each step as it is passed (claimed, answered, settled).
    """
    tried, ends = 0, time.monotonic() + _LONGEST_ROUND
    while time.monotonic() < ends:
        passing("before the claim")
        begun = time.monotonic()
        reply = claim(now=clock())
        if reply is None:
            break
        passing("claimed")
        outcome = _send(reply, connect, before=begun + _BEGUN_WITHIN, clock=clock)
        passing("answered")
        settle(reply_id=reply.pk, attempt=reply.attempt, outcome=outcome, now=clock())
        passing("settled")
        tried += 1
    return tried


@transaction.atomic(durable=True)
def claim(*, now: datetime) -> Reply | None:
    """Take the oldest approved reply that is no more to be taken back, and commit to posting it.

    None while another of this brand is being posted, or where the brand is not live: then what was approved goes back
    to its authors, so that nothing is posted weeks later when somebody resumes the brand.
    """
    arrivals.hold()
    state = rules.state_of_brand()
    if state != BrandState.LIVE:
        _send_back_all(why=policies.why_not_live(state), now=now)
        return None
    if Reply.objects.filter(_in_a_call(now), status=ReplyStatus.POSTING).exists():
        return None
    due = (Q(not_before=None) | Q(not_before__lte=now)) & (Q(undo_until=None) | Q(undo_until__lte=now))
    reply = Reply.objects.select_for_update().filter(due, status=ReplyStatus.APPROVED).order_by("pk").first()
    if reply is None:
        return None
    replies.move(reply, ReplyStatus.POSTING)
    reply.posting_since, reply.not_before, reply.why = now, None, ""
    reply.attempt += 1
    reply.save(update_fields=["status", "posting_since", "not_before", "why", "attempt"])
    return reply


@transaction.atomic
def settle(*, reply_id: int, attempt: int, outcome: PostingOutcome, now: datetime) -> Reply:
    """Write down what a call came to.

    That Twitter has it is believed whenever it is heard. Anything else only of the attempt that is under way: a call
    that was given up, and came back late, says nothing of the one that followed it.
    """
    arrivals.hold()
    reply = _locked(reply_id)
    match outcome:
        case Sent(id=tweet_id, text=text) if _can_be_posted(reply) and not _is_taken(tweet_id, reply):
            credentials.mark_accepted(reply.conversation.handle_id)
            _mark_posted(reply, tweet_id=tweet_id, text=text or reply.text, now=now)
        case _ if reply.status == ReplyStatus.POSTING and reply.attempt == attempt:
            _settle_unsent(reply, outcome, now=now)
    return reply


def find_out(*, connect: Connect = connect, clock: Callable[[], datetime]) -> int:
    """Ask Twitter what became of replies left in POSTING; returns how many fates are known now.

    A reply that the timeline still lacks beyond Twitter's index lag goes before a person.
    """
    known = 0
    for handle_id, group in groupby(_of_unknown_fate(clock()), key=lambda reply: reply.conversation.handle_id):
        asking, asked_at = list(group), clock()
        try:
            with connect(handle_id) as twitter:
                tweets = twitter.own_tweets(since=min(map(_perhaps_since, asking)) - _CLOCK_SKEW)
        except (Unavailable, NotNow) as error:
            for reply in asking:
                _ask_a_person_if_long(reply, why=str(error), now=clock())
            continue
        known += sum(_conclude(reply.pk, tweets, asked_at=asked_at, now=clock()) for reply in asking)
    return known


def let_go(handle_id: int) -> int:
    """A handle was connected again: what waited for it goes out at the next look; returns how many replies wait."""
    waiting = Reply.objects.filter(status=ReplyStatus.APPROVED, conversation__handle_id=handle_id)
    return waiting.update(not_before=None)


def recognise(tweets: Iterable[Tweet], *, ours: frozenset[int], now: datetime) -> list[Line]:
    """Match the brand's own tweets, newly arrived, to replies of ours: they were posted, by whatever way.

    A reply that nobody ever tried to post is left alone. Runs inside the transaction that carries the tweets; returns
    what to tell.
    """
    own = [tweet for tweet in tweets if tweet.author_id in ours and tweet.in_reply_to_id]
    if not own:
        return []
    tried = list(
        Reply.objects.select_for_update(of=("self",))
        .select_related("conversation")
        .filter(
            conversation__in=Message.objects.filter(pk__in=[tweet.id for tweet in own]).values("conversation"),
            status__in=_PERHAPS_OUT | {ReplyStatus.REFUSED, ReplyStatus.SENT_BACK},
            attempt__gt=0,
        )
        .order_by("pk")
    )
    lines = []
    for tweet in own:
        reply = _the_one([each for each in tried if each.conversation.handle_id == tweet.author_id], tweet)
        if reply is not None and not _is_taken(tweet.id, reply):
            tried.remove(reply)
            _write_posted(reply, tweet_id=tweet.id, at=tweet.created_at)
            lines.append(_line(EventKind.REPLY_POSTED, reply, now))
    return lines


@transaction.atomic
def it_was_posted(*, reply: Reply, tweet_id: int, by: User, role: str, now: datetime) -> Reply:
    """A person says that this reply is on Twitter, and as which tweet."""
    arrivals.hold()
    reply = _locked(reply.pk)
    policies.check_can_decide_fate(role, reply)
    _check_can_be(tweet_id, reply, now=now)
    audit.record_here(AuditKind.FATE_DECIDED, now=now, by_id=by.pk, facts={"reply": reply.pk, "tweet": str(tweet_id)})
    _mark_posted(reply, tweet_id=tweet_id, text=reply.text, now=now, by=by)
    return reply


def _send(reply: Reply, connect: Connect, *, before: float, clock: Callable[[], datetime]) -> PostingOutcome:
    handle_id = Conversation.objects.values_list("handle_id", flat=True).get(pk=reply.conversation_id)
    for is_last in (False, True):
        try:
            twitter = connect(handle_id)
        except NotNow as refusal:
            return TwitterNotNow(str(refusal), until=clock() + _NOT_CONNECTED, reconnect=True)
        with twitter:
            if time.monotonic() >= before:
                # We were held up for so long that this intent may be taken for a lost one: not to be acted on now.
                return TwitterNotNow("Nightjar was held up before it could call Twitter.", until=clock())
            outcome = twitter.create_reply(text=reply.text, in_reply_to_id=reply.answers_id)
        # Refused for the key alone, so certainly not done: once more where there is a newer one.
        is_for_the_key = isinstance(outcome, TwitterNotNow) and outcome.reconnect
        if is_last or not is_for_the_key or not credentials.is_another_key_there(twitter.credentials, now=clock()):
            break
    return outcome


def _locked(reply_id: int) -> Reply:
    return Reply.objects.select_for_update(of=("self",)).select_related("conversation").get(pk=reply_id)


def _send_back_all(*, why: str, now: datetime) -> None:
    lines = []
    for reply in Reply.objects.select_for_update().filter(status=ReplyStatus.APPROVED).order_by("pk"):
        replies.move(reply, ReplyStatus.SENT_BACK)
        reply.text, reply.why, reply.sent_back_at = replies.as_written(reply.text), why, now
        reply.undo_until = reply.not_before = None
        reply.save()
        lines.append(_line(EventKind.REPLY_SENT_BACK, reply, now))
    events.record(lines)


def _can_be_posted(reply: Reply) -> bool:
    return ReplyStatus.POSTED in REPLY_MOVES[reply.status]


def _in_a_call(now: datetime) -> Q:
    """Claimed by somebody who may be calling Twitter right now. A claim from the future was made before a clock was
    set back: nobody is held up by it."""
    return Q(posting_since__gt=now - LONGEST_CALL, posting_since__lte=now + LONGEST_CALL, why="")


def _settle_unsent(reply: Reply, outcome: PostingOutcome, *, now: datetime) -> None:
    match outcome:
        case Refused(why=why):
            _move(reply, ReplyStatus.REFUSED, EventKind.REPLY_REFUSED, why=why, now=now)
        case TwitterNotNow(why=why, until=until, reconnect=reconnect):
            if reconnect:
                credentials.mark_refused(handle_id=reply.conversation.handle_id, why=why, now=now)
            _move(reply, ReplyStatus.APPROVED, EventKind.REPLY_DELAYED, why=why, now=now)
            _hold_back(reply.conversation.handle_id, until=until)
        case Unknown(why=why):
            # The call is over: from now on it is only a matter of time until the timeline can be believed.
            reply.why, reply.not_before = why[:300], now + settings.TWITTER_INDEX_LAG
            reply.save(update_fields=["why", "not_before"])
            events.record([_line(EventKind.REPLY_UNKNOWN, reply, now)])
        case Sent(id=tweet_id):
            why = f"Twitter says that it is tweet {tweet_id}, which was taken for another reply."
            _move(reply, ReplyStatus.UNKNOWN, EventKind.REPLY_UNKNOWN, why=why, now=now)


def _hold_back(handle_id: int, *, until: datetime) -> None:
    """What Twitter said of one reply holds for all of that account: trying each would be a hail of refused calls."""
    sooner = Q(not_before=None) | Q(not_before__lt=until)
    waiting = Reply.objects.filter(sooner, status=ReplyStatus.APPROVED, conversation__handle_id=handle_id)
    waiting.update(not_before=until)


def _of_unknown_fate(now: datetime) -> Sequence[Reply]:
    waiting = Reply.objects.filter(~_in_a_call(now), status=ReplyStatus.POSTING).select_related("conversation")
    return sorted(waiting.order_by("pk")[:50], key=lambda reply: reply.conversation.handle_id)


def _perhaps_since(reply: Reply) -> datetime:
    """Since when a reply may be on Twitter: a second attempt may find the first."""
    assert reply.posting_since is not None
    return reply.posting_since if reply.attempt < 2 else min(reply.posting_since, reply.created_at)


@transaction.atomic
def _conclude(reply_id: int, tweets: Sequence[Tweet], *, asked_at: datetime, now: datetime) -> int:
    arrivals.hold()
    reply = _locked(reply_id)
    if reply.status != ReplyStatus.POSTING or reply.posting_since is None:
        return 0
    found = _find(reply, tweets)
    if found is not None:
        _mark_posted(reply, tweet_id=found.id, text=found.text, now=now)
        return 1
    if asked_at < (reply.not_before or reply.posting_since + LONGEST_CALL + settings.TWITTER_INDEX_LAG):
        return 0
    why = (reply.why + " " if reply.why else "") + "It is not on the brand's timeline."
    _move(reply, ReplyStatus.UNKNOWN, EventKind.REPLY_UNKNOWN, why=why, now=now)
    return 1


def _find(reply: Reply, tweets: Sequence[Tweet]) -> Tweet | Message | None:
    """This reply among the brand's own tweets: those just read, and those that the webhook brought before."""
    known = Message.objects.filter(
        conversation=reply.conversation_id, direction=Direction.OUTBOUND, in_reply_to_id=reply.answers_id, reply=None
    )
    rivals = list(
        Reply.objects.filter(
            conversation=reply.conversation_id, answers_id=reply.answers_id, status__in=_PERHAPS_OUT, attempt__gt=0
        )
    )
    own: list[Tweet | Message] = [*tweets, *known.order_by("pk")]
    return next((each for each in own if _the_one(rivals, each) == reply and not _is_taken(each.id, reply)), None)


@transaction.atomic
def _ask_a_person_if_long(reply: Reply, *, why: str, now: datetime) -> None:
    reply = _locked(reply.pk)
    if reply.status == ReplyStatus.POSTING and reply.posting_since and reply.posting_since < now - _PATIENCE:
        _move(reply, ReplyStatus.UNKNOWN, EventKind.REPLY_UNKNOWN, why=f"Twitter cannot be asked: {why}", now=now)


# States of a reply that may be on Twitter, if it was ever tried: somebody said "try again", and may have been wrong.
_PERHAPS_OUT = {ReplyStatus.APPROVED, ReplyStatus.POSTING, ReplyStatus.UNKNOWN}


def _the_one(tried: Sequence[Reply], tweet: Tweet | Message) -> Reply | None:
    """Which of these replies a tweet is. None where two could be it: they differ in a link, which Twitter replaces."""
    same = [reply for reply in tried if _is_the_same(reply, tweet)]
    likelier = [reply for reply in same if reply.status != ReplyStatus.REFUSED] or same
    return likelier[0] if len(likelier) == 1 else None


def _is_the_same(reply: Reply, tweet: Tweet | Message) -> bool:
    if tweet.in_reply_to_id != reply.answers_id or tweet.created_at < reply.created_at - _CLOCK_SKEW:
        return False
    return normalised(tweet.text) == normalised(reply.text)


def _is_taken(tweet_id: int, reply: Reply) -> bool:
    return Reply.objects.filter(twitter_id=tweet_id).exclude(pk=reply.pk).exists()


def _check_can_be(tweet_id: int, reply: Reply, *, now: datetime) -> None:
    if _is_taken(tweet_id, reply):
        raise NotNow("That tweet is another reply of yours.")
    if tweet_id <= reply.answers_id or instant_of(tweet_id) > now + _CLOCK_SKEW:
        raise NotNow("That cannot be it: a reply is newer than the tweet it answers. Copy the reply's own address.")
    message = Message.objects.filter(pk=tweet_id).first()
    if message and (message.direction, message.conversation_id) != (Direction.OUTBOUND, reply.conversation_id):
        raise NotNow("That tweet is somebody else's, or belongs to another conversation.")


def _mark_posted(reply: Reply, *, tweet_id: int, text: str, now: datetime, by: User | None = None) -> None:
    _write_posted(reply, tweet_id=tweet_id, at=instant_of(tweet_id))
    handle_id = reply.conversation.handle_id
    deleted_at = Deletion.objects.filter(pk=tweet_id).values_list("deleted_at", flat=True).first()
    Message.objects.bulk_create(
        [
            Message(
                pk=tweet_id,
                conversation_id=reply.conversation_id,
                direction=Direction.OUTBOUND,
                author_id=handle_id,
                text="" if deleted_at else text,
                created_at=instant_of(tweet_id),
                in_reply_to_id=reply.answers_id,
                reach=Reach.DIRECT,
                deleted_at=deleted_at,
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
    replies.move(reply, ReplyStatus.POSTED)
    reply.twitter_id, reply.posted_at = tweet_id, at
    reply.posting_since, reply.not_before, reply.why = None, None, ""
    reply.save()
    Message.objects.filter(pk=tweet_id, reply=None).update(reply_id=reply.pk)


def _move(reply: Reply, status: ReplyStatus, kind: EventKind, *, why: str, now: datetime) -> None:
    replies.move(reply, status)
    reply.why, reply.not_before = why[:300], None
    if status != ReplyStatus.UNKNOWN:
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
