"""Errands: what is done at Twitter besides saying something. Delete and edit our own, hide a reply, like.

As with replies, an intent is committed before the call (WANTED → UNDER_WAY), and what it came to after. All but an edit
may be done twice without harm, so an unknown outcome is simply done again, some times. An edit makes a new version each
time: its fate is read back from the tweet's history, and where that does not settle it, a person decides.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from accounts.domain import audit
from accounts.enums import AuditKind
from accounts.models import User
from inbox import policies
from inbox.domain import (
    arrivals,
    budgets,
    conversations,
    credentials,
    deletions,
    edits,
    events,
    fates,
    parts,
    routing,
    rules,
    sla,
    triage,
)
from inbox.domain.events import Line
from inbox.domain.fates import LONGEST_CALL, Connect, connect
from inbox.enums import Direction, ErrandKind, ErrandState, EventKind, ReplyStatus, ReplyWay
from inbox.models import Conversation, Errand, Message, Reply, Version
from inbox.twitter.client import NotNow as TwitterNotNow
from inbox.twitter.client import PostingOutcome, Refused, Said, Sent, Twitter, Unavailable, Unknown
from inbox.twitter.shapes import Tweet, instant_of
from inbox.twitter.text import normalised, weighted_length
from tenants.models import BrandState
from tenants.refusals import NotNow

# X's documents say 30 minutes, its changelog and its tweets an hour: the tweet's own word comes with its refusal.
EDITABLE_FOR = timedelta(hours=1)
MOST_EDITS = 5
_MOST_TRIES = 6
_AGAIN_AFTER = timedelta(seconds=15)
_PATIENCE = timedelta(minutes=10)
_LONGEST_ROUND = 60.0
_SLOW_CALL = 5.0

# Which state of a message makes an errand needless, and what is said then.
_NEEDLESS = {
    ErrandKind.HIDE: ("concealed_at", True, "This reply is hidden already."),
    ErrandKind.UNHIDE: ("concealed_at", False, "This reply is not hidden."),
    ErrandKind.LIKE: ("liked_at", True, "The brand likes this tweet already."),
    ErrandKind.UNLIKE: ("liked_at", False, "The brand does not like this tweet."),
}
_OF_OUR_OWN = (ErrandKind.DELETE, ErrandKind.EDIT)
_OPEN = (ErrandState.WANTED, ErrandState.UNDER_WAY)
# What is asked of Twitter, for the limits.
_ENDPOINTS = {
    ErrandKind.DELETE: "DELETE /2/tweets/:id",
    ErrandKind.EDIT: budgets.POSTING,
    ErrandKind.HIDE: "PUT /2/tweets/:id/hidden",
    ErrandKind.UNHIDE: "PUT /2/tweets/:id/hidden",
    ErrandKind.LIKE: "POST /2/users/:id/likes",
    ErrandKind.UNLIKE: "DELETE /2/users/:id/likes/:id",
}


@transaction.atomic
def want(*, message: Message, kind: str, by: User, role: str, now: datetime, text: str = "") -> Errand:
    """Ask for something to be done to a message at Twitter; the worker does it within seconds.

    Refused where the role, the brand's state, the message or X's rules do not allow it, in a sentence that says why.
    """
    arrivals.hold()
    policies.check_can_run_errand(role, kind)
    policies.check_brand_is_live(rules.state_of_brand())
    message = Message.objects.select_for_update(of=("self",)).select_related("conversation").get(pk=message.pk)
    text = _checked(message, kind, text, now=now)
    _check_is_the_only_one(message)
    errand = Errand.objects.create(kind=kind, message=message, text=text, wanted_at=now, wanted_by=by)
    facts = {"errand": errand.pk, "kind": str(kind), "message": str(message.pk)}
    audit.record_here(AuditKind.ERRAND_WANTED, now=now, by_id=by.pk, facts=facts)
    events.record([_line(EventKind.ERRAND_WANTED, errand, now, by=by)])
    return errand


@transaction.atomic
def try_again(*, errand: Errand, by: User, role: str, now: datetime) -> Errand:
    """Do an errand after all that Twitter refused, or whose fate is unknown."""
    arrivals.hold()
    errand = _stuck(errand, role)
    policies.check_brand_is_live(rules.state_of_brand())
    _checked(errand.message, errand.kind, errand.text, now=now)
    _check_is_the_only_one(errand.message)
    errand.state, errand.why, errand.not_before, errand.attempt = ErrandState.WANTED, "", None, 0
    errand.save()
    events.record([_line(EventKind.ERRAND_WANTED, errand, now, by=by)])
    return errand


def _check_is_the_only_one(message: Message) -> None:
    if Errand.objects.filter(message=message, state__in=_OPEN).exists():
        raise NotNow("Something is being done to this tweet already. Wait until that is settled.")


@transaction.atomic
def it_was_done(*, errand: Errand, by: User, role: str, now: datetime) -> Errand:
    """A person says that Twitter did it."""
    arrivals.hold()
    errand = _stuck(errand, role)
    audit.record_here(AuditKind.FATE_DECIDED, now=now, by_id=by.pk, facts={"errand": errand.pk, "fate": "done"})
    _done(errand, errand.twitter_id, now=now)
    return errand


def run_waiting(
    *, connect: Connect = connect, clock: Callable[[], datetime], passing: Callable[[str], object] = str
) -> int:
    """Do this brand's errands, one after another, the oldest first; returns how many were tried."""
    tried, ends = 0, time.monotonic() + _LONGEST_ROUND
    while time.monotonic() < ends:
        passing("before the claim")
        begun = time.monotonic()
        errand = claim(now=clock())
        if errand is None:
            break
        passing("claimed")
        outcome = _run(errand, connect, clock=clock)
        passing("answered")
        settle(errand_id=errand.pk, attempt=errand.attempt, outcome=outcome, now=clock())
        passing("settled")
        tried += 1
        if time.monotonic() - begun > _SLOW_CALL:
            break
    return tried


@transaction.atomic(durable=True)
def claim(*, now: datetime) -> Errand | None:
    """Take the oldest errand that is due, and commit to it; none while this brand is in a call to Twitter."""
    arrivals.hold()
    if rules.state_of_brand() != BrandState.LIVE:
        return None
    if is_in_a_call(now) or Reply.objects.filter(fates.in_a_call(now), status=ReplyStatus.POSTING).exists():
        return None
    due = Q(not_before=None) | Q(not_before__lte=now)
    abandoned = Q(state=ErrandState.UNDER_WAY) & ~Q(kind=ErrandKind.EDIT)
    found = Errand.objects.select_for_update(of=("self",)).select_related("message__conversation")
    errand = found.filter(due, Q(state=ErrandState.WANTED) | abandoned).order_by("pk").first()
    if errand is None:
        return None
    stopped = budgets.may_call(_ENDPOINTS[ErrandKind(errand.kind)], errand.message.conversation.handle_id, now)
    if stopped is not None:
        errand.not_before, errand.why = max(stopped.until, now + _AGAIN_AFTER), stopped.why[:300]
        errand.save(update_fields=["not_before", "why"])
        return None
    errand.state, errand.begun_at, errand.not_before, errand.why = ErrandState.UNDER_WAY, now, None, ""
    errand.attempt += 1
    errand.save()
    return errand


@transaction.atomic
def settle(*, errand_id: int, attempt: int, outcome: PostingOutcome, now: datetime) -> Errand:
    """Write down what a call came to. That it was done is believed whenever it is heard."""
    arrivals.hold()
    errand = _locked(errand_id)
    if isinstance(outcome, Sent) and errand.state != ErrandState.DONE:
        _done(errand, outcome.id, now=now)
        return errand
    if errand.state != ErrandState.UNDER_WAY or errand.attempt != attempt:
        return errand
    match outcome:
        case Refused(why=why):
            _stop(errand, ErrandState.REFUSED, why=why, now=now)
        case TwitterNotNow(why=why, until=until, reconnect=reconnect):
            if reconnect:
                credentials.log_in_refused(errand.message.conversation.handle_id, why=why, now=now)
            _later(errand, ErrandState.WANTED, why=why, until=until)
        case Unknown(why=why) if errand.kind == ErrandKind.EDIT:
            _later(errand, ErrandState.UNDER_WAY, why=why, until=now + settings.TWITTER_INDEX_LAG)
        case Unknown(why=why) if errand.attempt < _MOST_TRIES:
            _later(errand, ErrandState.WANTED, why=why, until=now + _AGAIN_AFTER)
        case Unknown(why=why):
            _stop(errand, ErrandState.UNKNOWN, why=why, now=now)
    return errand


def find_out(*, connect: Connect = connect, clock: Callable[[], datetime]) -> int:
    """Ask Twitter what became of edits whose outcome nobody knows; returns how many fates are known now."""
    known, now = 0, clock()
    lost = Errand.objects.filter(state=ErrandState.UNDER_WAY, kind=ErrandKind.EDIT).exclude(_calling(now))
    for errand in lost.select_related("message__conversation").order_by("pk")[:50]:
        asked_at = clock()
        try:
            with connect(errand.message.conversation.handle_id) as twitter:
                shown = twitter.newest_version(errand.message.version_id or errand.message_id)
        except (Unavailable, NotNow) as error:
            known += _ask_a_person_if_long(errand.pk, why=str(error), now=clock())
            continue
        known += conclude(errand.pk, shown, asked_at=asked_at, now=clock())
    return known


@transaction.atomic
def conclude(errand_id: int, shown: Tweet | None, *, asked_at: datetime, now: datetime) -> int:
    """Decide from the tweet as it stands whether an edit was made; 1 where its fate is known now, else 0."""
    arrivals.hold()
    errand = _locked(errand_id)
    if errand.state != ErrandState.UNDER_WAY or errand.begun_at is None:
        return 0
    if shown is None:
        _stop(errand, ErrandState.REFUSED, why="The tweet is not on Twitter any more.", now=now)
        return 1
    is_newer = shown.id > (errand.message.version_id or errand.message_id)
    if is_newer and normalised(shown.text) == normalised(errand.text):
        _done(errand, shown.id, now=now)
        return 1
    if asked_at < (errand.not_before or errand.begun_at + LONGEST_CALL + settings.TWITTER_INDEX_LAG):
        return 0
    why = f"{errand.why} Twitter shows the tweet without this edit.".strip()
    _stop(errand, ErrandState.UNKNOWN, why=why, now=now)
    return 1


def is_in_a_call(now: datetime) -> bool:
    """Whether somebody may be calling Twitter for an errand of this brand right now."""
    return Errand.objects.filter(_calling(now), state=ErrandState.UNDER_WAY).exists()


def _calling(now: datetime) -> Q:
    return Q(begun_at__gt=now - LONGEST_CALL, begun_at__lte=now + LONGEST_CALL, why="")


def _run(errand: Errand, connect: Connect, *, clock: Callable[[], datetime]) -> PostingOutcome:
    message = errand.message
    handle_id = message.conversation.handle_id
    return credentials.with_a_key(handle_id, connect, lambda twitter: _call(errand, message, twitter), clock=clock)


def _call(errand: Errand, message: Message, twitter: Twitter) -> PostingOutcome:
    newest = message.version_id or message.pk
    match errand.kind:
        case ErrandKind.DELETE:
            return twitter.delete_private(message.pk) if message.is_private else twitter.delete(newest)
        case ErrandKind.EDIT:
            outcome = twitter.create(Said(errand.text, edit_of_id=newest))
            return replace(outcome, text="") if isinstance(outcome, Sent) else outcome
        case ErrandKind.HIDE | ErrandKind.UNHIDE:
            return twitter.hide(newest, hidden=errand.kind == ErrandKind.HIDE)
        case ErrandKind.LIKE:
            return twitter.like(newest)
    return twitter.unlike(newest)


def _checked(message: Message, kind: str, text: str, *, now: datetime) -> str:
    """What an edit will say; raises `NotNow` where this cannot be done to this message."""
    if message.deleted_at:
        raise NotNow("This tweet was deleted on Twitter.")
    is_ours = message.direction == Direction.OUTBOUND
    if kind in _OF_OUR_OWN and not is_ours:
        raise NotNow("Only the brand's own tweets can be deleted or edited.")
    if kind not in _OF_OUR_OWN and is_ours:
        raise NotNow("Only what customers write is hidden or liked.")
    if message.is_private and kind != ErrandKind.DELETE:
        raise NotNow("A direct message cannot be edited, hidden or liked. It can be deleted.")
    if kind in (ErrandKind.LIKE, ErrandKind.UNLIKE) and settings.TWITTER_PLAN != "enterprise":
        raise NotNow("X took likes by programs from self-serve plans on 2026-04-20. Like it in X by hand.")
    if kind in (ErrandKind.HIDE, ErrandKind.UNHIDE) and message.in_reply_to_id is None:
        raise NotNow("Only an answer to one of the brand's tweets can be hidden under it.")
    if kind in _NEEDLESS:
        name, is_so, why = _NEEDLESS[ErrandKind(kind)]
        if (getattr(message, name) is not None) is is_so:
            raise NotNow(why)
    return _checked_edit(message, text, now=now) if kind == ErrandKind.EDIT else ""


def _checked_edit(message: Message, text: str, *, now: datetime) -> str:
    text = text.replace("\x00", "").strip()
    if not text:
        raise NotNow("An edit needs words. To take all of them away, delete the tweet.")
    if normalised(text) == normalised(message.text):
        raise NotNow("That is what the tweet says already.")
    if _answers_somebody_else(message):
        raise NotNow("X lets nobody edit an answer to somebody else. Delete it, and answer anew.")
    if now > message.created_at + EDITABLE_FOR:
        raise NotNow("X lets a tweet be edited for an hour. Delete it, and write a new one.")
    if Version.objects.filter(message=message).count() > MOST_EDITS:
        raise NotNow(f"X lets a tweet be edited {MOST_EDITS} times. Delete it, and write a new one.")
    limit = parts.limit_for(ReplyWay.PUBLIC, message.conversation.handle_id)
    if (length := weighted_length(text)) > limit:
        raise NotNow(f"The tweet would be {length} characters long as Twitter counts; {limit} are allowed.")
    return text


def _answers_somebody_else(message: Message) -> bool:
    if message.in_reply_to_id is None:
        return False
    return not Message.objects.filter(pk=message.in_reply_to_id, direction=Direction.OUTBOUND).exists()


def _stuck(errand: Errand, role: str) -> Errand:
    errand = _locked(errand.pk)
    policies.check_can_run_errand(role, errand.kind)
    if errand.state not in (ErrandState.REFUSED, ErrandState.UNKNOWN):
        raise NotNow("There is nothing to decide about this any more.")
    return errand


def _locked(errand_id: int) -> Errand:
    found = Errand.objects.select_for_update(of=("self",)).select_related("message__conversation")
    return found.get(pk=errand_id)


@transaction.atomic
def _ask_a_person_if_long(errand_id: int, *, why: str, now: datetime) -> int:
    errand = _locked(errand_id)
    if errand.state != ErrandState.UNDER_WAY or not errand.begun_at or errand.begun_at >= now - _PATIENCE:
        return 0
    _stop(errand, ErrandState.UNKNOWN, why=f"Twitter cannot be asked: {why}", now=now)
    return 1


def _later(errand: Errand, state: ErrandState, *, why: str, until: datetime) -> None:
    errand.state, errand.why, errand.not_before = state, why[:300], until
    errand.save()


def _stop(errand: Errand, state: ErrandState, *, why: str, now: datetime) -> None:
    errand.state, errand.why, errand.not_before = state, why[:300], None
    errand.save()
    events.record([_line(EventKind.ERRAND_REFUSED, errand, now)])


def _done(errand: Errand, made_id: int | None, *, now: datetime) -> None:
    errand.state, errand.done_at, errand.why, errand.not_before = ErrandState.DONE, now, "", None
    if errand.kind == ErrandKind.EDIT:
        errand.twitter_id = made_id
    errand.save()
    lines = [_line(EventKind.ERRAND_DONE, errand, now)]
    message = Message.objects.filter(pk=errand.message_id)
    match errand.kind:
        case ErrandKind.DELETE:
            lines += _deleted(errand, now=now)
        case ErrandKind.EDIT:
            lines += _edited(errand, now=now) if made_id else []
        case ErrandKind.HIDE | ErrandKind.UNHIDE:
            message.update(concealed_at=now if errand.kind == ErrandKind.HIDE else None)
        case _:
            message.update(liked_at=now if errand.kind == ErrandKind.LIKE else None)
    events.record(lines)


def _deleted(errand: Errand, *, now: datetime) -> list[Line]:
    """Our own tweet is gone: as when Twitter tells of it, and the customer may be waiting again."""
    carried = deletions.carry_out([errand.message_id], now=now)
    deletions.forget([], [errand.message_id])
    touched = carried.conversation_ids
    if touched:
        Conversation.objects.select_for_update().filter(pk__in=touched).order_by("pk").first()
        conversations.refresh(touched)
        triage.settle(touched)
        sla.promise(touched)
        routing.offer(touched)
    return carried.lines


def _edited(errand: Errand, *, now: datetime) -> list[Line]:
    message, made_id = errand.message, errand.twitter_id or 0
    known = Version.objects.filter(message=message).values_list("pk", flat=True)
    tweet = Tweet(
        id=made_id,
        author_id=message.author_id,
        text=errand.text,
        created_at=instant_of(made_id),
        in_reply_to_id=message.in_reply_to_id,
        reply_tree_id=message.reply_tree_id,
        lang=message.language,
        versions=tuple(sorted({message.pk, *known, made_id})),
    )
    return edits.write(edits.fold([tweet]), assessments={}, now=now).lines


def _line(kind: EventKind, errand: Errand, now: datetime, *, by: User | None = None) -> Line:
    return Line(
        kind,
        errand.message.conversation_id,
        now,
        by_id=by.pk if by else None,
        message_id=errand.message_id,
        facts={"errand": errand.pk, "kind": str(errand.kind)},
    )
