"""Posting: putting an approved reply on Twitter, once.

Twitter has no idempotency key, so an intent is committed before anything is sent (APPROVED → POSTING), and a call
whose outcome is not known is never simply repeated: `fates` reads it back, and where that does not settle it, a person
decides. Six places where this process may die, and what holds there, are drawn in `docs/replies.md`.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from inbox import policies
from inbox.domain import (
    arrivals,
    budgets,
    credentials,
    eligibility,
    errands,
    events,
    fates,
    ledger,
    media,
    parts,
    rechecks,
    replies,
    rules,
)
from inbox.domain.events import Line
from inbox.domain.fates import LONGEST_CALL, Connect, connect, find_out, it_was_posted, recognise
from inbox.enums import EventKind, MediaState, ReplyStatus, ReplyWay
from inbox.models import Conversation, Reply, ReplyMedia
from inbox.twitter import addresses
from inbox.twitter.client import NotNow as TwitterNotNow
from inbox.twitter.client import PostingOutcome, Refused, Said, Sent, Twitter, Unknown
from tenants.models import BrandState

__all__ = [
    "LONGEST_CALL",
    "Connect",
    "claim",
    "connect",
    "find_out",
    "it_was_posted",
    "let_go",
    "post_waiting",
    "recognise",
    "settle",
]

_BEGUN_WITHIN = 20.0
# A round ends after this many seconds; the sweep comes again. A worker that takes minutes is killed, mid-call perhaps.
_LONGEST_ROUND = 60.0
# A brand whose Twitter answers this slowly ends its round: others are waiting for the thread.
_SLOW_CALL = 5.0
_LEAST_WAIT = timedelta(seconds=5)


def post_waiting(
    *, connect: Connect = connect, clock: Callable[[], datetime], passing: Callable[[str], object] = str
) -> int:
    """Post this brand's approved replies, one after another, the oldest first; returns how many were tried.

    `passing` is told the name of each step as it is passed (claimed, answered, settled). A round ends early where
    Twitter is slow, so that a brand whose calls hang keeps no others waiting.
    """
    tried, ends = 0, time.monotonic() + _LONGEST_ROUND
    media.bring_waiting(connect=connect, clock=clock)
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
        if time.monotonic() - begun > _SLOW_CALL:
            break
    return tried


@transaction.atomic(durable=True)
def claim(*, now: datetime) -> Reply | None:
    """Take the oldest approved reply that is no more to be taken back, and commit to posting it.

    A further part of a long answer is taken only after the one before was posted, and answers that one. None while
    another of this brand is being posted, where Twitter's limits or the credits say no, or where the brand is not live:
    then what was approved goes back to its authors, so that nothing is posted weeks later when somebody resumes it.
    """
    arrivals.hold()
    state = rules.state_of_brand()
    if state != BrandState.LIVE:
        _send_back_all(why=policies.why_not_live(state), now=now)
        return None
    if Reply.objects.filter(fates.in_a_call(now), status=ReplyStatus.POSTING).exists() or errands.is_in_a_call(now):
        return None
    while (reply := _next_due(now)) is not None:
        if reply.author_id is None and reply.follows is None and (refusal := ledger.allow(ledger.REPLY, reply, now)):
            _send_back(reply, why=refusal.why, now=now)
        elif stopped := _stopped(reply, now):
            _hold_back_this_way(reply, until=max(stopped.until, now + _LEAST_WAIT), why=stopped.why)
        else:
            return _take(reply, now)
    return None


@transaction.atomic
def settle(*, reply_id: int, attempt: int, outcome: PostingOutcome, now: datetime) -> Reply:
    """Write down what a call came to.

    That Twitter has it is believed whenever it is heard. Anything else only of the attempt that is under way: a call
    that was given up, and came back late, says nothing of the one that followed it.
    """
    arrivals.hold()
    reply = fates.locked(reply_id)
    match outcome:
        case Sent(id=tweet_id, text=text) if fates.can_be_posted(reply) and not fates.is_taken(tweet_id, reply):
            credentials.mark_accepted(reply.conversation.handle_id)
            fates.mark_posted(reply, tweet_id=tweet_id, text=text or reply.text, now=now)
        case _ if reply.status == ReplyStatus.POSTING and reply.attempt == attempt:
            _settle_unsent(reply, outcome, now=now)
    return reply


def let_go(handle_id: int) -> int:
    """A handle was connected again: what waited for it goes out at the next look; returns how many replies wait."""
    waiting = Reply.objects.filter(status=ReplyStatus.APPROVED, conversation__handle_id=handle_id)
    return waiting.update(not_before=None)


def _next_due(now: datetime) -> Reply | None:
    """The oldest reply that may be posted: not held back, the part before it posted, its files at Twitter."""
    due = (Q(not_before=None) | Q(not_before__lte=now)) & (Q(undo_until=None) | Q(undo_until__lte=now))
    in_turn = Q(follows=None) | Q(follows__status=ReplyStatus.POSTED)
    return (
        Reply.objects.select_for_update(of=("self",))
        .select_related("conversation", "follows")
        .filter(due, in_turn, ~Exists(media.not_at_twitter(now).filter(reply=OuterRef("pk"))))
        .filter(status=ReplyStatus.APPROVED)
        .order_by("pk")
        .first()
    )


def _stopped(reply: Reply, now: datetime) -> TwitterNotNow | None:
    """Why this reply may not be sent now, by the account's limits, the app's, or its credits."""
    is_automatic = reply.author_id is None
    return budgets.may_send(reply.way, is_automatic, now, handle_id=reply.conversation.handle_id)


def _take(reply: Reply, now: datetime) -> Reply:
    if reply.follows is not None and reply.follows.twitter_id:
        reply.answers_id = reply.follows.twitter_id
    replies.move(reply, ReplyStatus.POSTING)
    reply.posting_since, reply.not_before, reply.why = now, None, ""
    reply.attempt += 1
    reply.save(update_fields=["status", "answers_id", "posting_since", "not_before", "why", "attempt"])
    return reply


def _send(reply: Reply, connect: Connect, *, before: float, clock: Callable[[], datetime]) -> PostingOutcome:
    handle_id, customer_id = Conversation.objects.values_list("handle_id", "customer_id").get(pk=reply.conversation_id)
    files = list(reply.media.order_by("position", "pk").defer("content"))
    if unusable := next((each for each in files if each.state == MediaState.REFUSED), None):
        return Refused(unusable.why)

    def say(twitter: Twitter) -> PostingOutcome:
        if time.monotonic() >= before:
            # We were held up for so long that this intent may be taken for a lost one: not to be acted on now.
            return TwitterNotNow("Nightjar was held up before it could call Twitter.", until=clock())
        return _say(reply, twitter, handle_id=handle_id, customer_id=customer_id, files=files)

    return credentials.with_a_key(handle_id, connect, say, clock=clock)


def _say(
    reply: Reply, twitter: Twitter, *, handle_id: int, customer_id: int, files: list[ReplyMedia]
) -> PostingOutcome:
    media_ids = [each.media_id for each in files if each.media_id]
    if reply.way == ReplyWay.PRIVATE:
        return twitter.send_private(to_id=customer_id, text=reply.text, media_ids=media_ids)
    quotes = reply.way == ReplyWay.QUOTE
    return twitter.create(
        Said(
            reply.text,
            in_reply_to_id=None if quotes else reply.answers_id,
            quote_of_id=reply.answers_id if quotes else None,
            media_ids=media_ids,
            private_link=addresses.deep_link(handle_id) if reply.invites_private else "",
        )
    )


def _send_back_all(*, why: str, now: datetime) -> None:
    waiting = Reply.objects.select_for_update().filter(status=ReplyStatus.APPROVED).order_by("pk")
    for pk in list(waiting.values_list("pk", flat=True)):
        reply = Reply.objects.filter(pk=pk).first()
        if reply is not None:  # else it was a further part of one that has gone back as a whole
            _send_back(reply, why=why, now=now)


def _send_back(reply: Reply, *, why: str, now: datetime) -> None:
    parts.fold(reply)
    if parts.is_stopped(reply):
        parts.set_free(reply)
    replies.move(reply, ReplyStatus.SENT_BACK)
    reply.text, reply.why, reply.sent_back_at = replies.as_written(reply.text), why, now
    reply.undo_until = reply.not_before = None
    reply.save()
    events.record([_line(EventKind.REPLY_SENT_BACK, reply, now)])


def _settle_unsent(reply: Reply, outcome: PostingOutcome, *, now: datetime) -> None:
    match outcome:
        case Refused(why=why, rule=rule):
            budgets.used(reply.way, False, now)
            if rule == "gone" and reply.way != ReplyWay.PRIVATE:
                rechecks.look_again(reply.answers_id, handle_id=reply.conversation.handle_id, now=now)
            if reply.follows_id is None:
                eligibility.learn(reply.answers_id, why)
            fates.move(reply, ReplyStatus.REFUSED, EventKind.REPLY_REFUSED, why=why, now=now)
        case TwitterNotNow(why=why, until=until, reconnect=reconnect):
            budgets.used(reply.way, False, now)
            if reconnect:
                credentials.log_in_refused(reply.conversation.handle_id, why=why, now=now)
            fates.move(reply, ReplyStatus.APPROVED, EventKind.REPLY_DELAYED, why=why, now=now)
            _hold_back(reply.conversation.handle_id, until=until)
        case Unknown(why=why):
            # The call is over: from now on it is only a matter of time until the timeline can be believed.
            reply.why, reply.not_before = why[:300], now + settings.TWITTER_INDEX_LAG
            reply.save(update_fields=["why", "not_before"])
            events.record([_line(EventKind.REPLY_UNKNOWN, reply, now)])
        case Sent(id=tweet_id):
            why = f"Twitter says that it is tweet {tweet_id}, which was taken for another reply."
            fates.move(reply, ReplyStatus.UNKNOWN, EventKind.REPLY_UNKNOWN, why=why, now=now)


def _hold_back(handle_id: int, *, until: datetime) -> None:
    """What Twitter said of one reply holds for all of that account: trying each would be a hail of refused calls."""
    sooner = Q(not_before=None) | Q(not_before__lt=until)
    waiting = Reply.objects.filter(sooner, status=ReplyStatus.APPROVED, conversation__handle_id=handle_id)
    waiting.update(not_before=until)


def _hold_back_this_way(reply: Reply, *, until: datetime, why: str) -> None:
    """A limit that we know of holds for what goes the same way: all else of the account may go out."""
    ways = [ReplyWay.PRIVATE] if reply.way == ReplyWay.PRIVATE else [ReplyWay.PUBLIC, ReplyWay.QUOTE]
    waiting = Reply.objects.filter(
        Q(not_before=None) | Q(not_before__lt=until),
        status=ReplyStatus.APPROVED,
        way__in=ways,
        conversation__handle_id=reply.conversation.handle_id,
    )
    if reply.author_id is not None or reply.way != ReplyWay.PRIVATE:
        waiting.update(not_before=until, why=why[:300])
    else:  # of the app's direct messages a part is kept for people
        waiting.filter(author=None).update(not_before=until, why=why[:300])


def _line(kind: EventKind, reply: Reply, now: datetime) -> Line:
    return Line(kind, reply.conversation_id, now, message_id=reply.twitter_id, reply_id=reply.pk)
