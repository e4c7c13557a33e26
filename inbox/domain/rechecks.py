"""Re-checks: whether what we show is still on Twitter, and still says the same. The younger a message, the more often.

Twitter tells of deletions by authors who are subscribed to us alone, which customers are not: a look-up that does not
find their tweets is how they are known, within the minute while people look at them. A hundred ids are one call, and a
tweet costs once a day (UTC) however often it is looked up. A deleted tweet and one whose author is suspended look
alike, so of what is newly gone the authors are looked up too.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from inbox.domain import arrivals, budgets, costs, deletions, edits, events, people
from inbox.enums import ArrivalKind, Direction, Outcome, Source
from inbox.models import Arrival, Conversation, Message, Pulse
from inbox.twitter.reading import MOST_IDS, Gone, Page, Reader, id_at
from inbox.twitter.shapes import Tweet

log = logging.getLogger(__name__)

ENDPOINT = "GET /2/tweets"
# `TWITTER_RECHECK_SECONDS` has one number for each of these.
AGES = ("fresh", "recent", "open", "shown")
FRESH, RECENT = timedelta(minutes=15), timedelta(hours=2)
# Of one look: so many tweets; and so many open conversations, the newest, count as open.
_MOST = 20 * MOST_IDS
_MOST_OPEN = 5_000
_GOES_ON = timedelta(seconds=5)
# Parents that are missing are fetched for so long after their answers came.
_ORPHANS_FOR = timedelta(days=1)
_USERS = 100
# Beside the ages in a pulse's rounds: the messages that are to be looked up whatever their age's turn is.
_ASKED = "asked"
_PEOPLE_EVERY, _PEOPLE_KNOWN_FOR = timedelta(hours=1), timedelta(days=7)
OVER_BUDGET = "The month's budget is used up: what was deleted on Twitter is looked for once a day only."
SHARED = "Twitter's limit for looking tweets up is used up for now, which all brands share: it goes on by itself."


@dataclass(slots=True)
class Plan:
    """What one look is to ask for, where the rounds are then, and when to look next."""

    rounds: dict[str, Any]
    due_at: datetime
    ids: list[int] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)  # of `ids`, and what is not shown any more, by `look_again`
    parents: list[int] = field(default_factory=list)
    customers: list[int] = field(default_factory=list)
    said: str = ""  # why less is looked up than should be

    @property
    def is_empty(self) -> bool:
        return not (self.ids or self.parents or self.customers)


def wake(*, now: datetime) -> int:
    """Have those look now that have not looked for as long as fresh messages may wait; how many."""
    due = is_fresh_unseen(now=now)
    return due.update(due_at=now) if due is not None else 0


@transaction.atomic
def look_again(message_id: int, *, handle_id: int, now: datetime) -> None:
    """Have this message looked up at once, whatever its turn is: Twitter let us know that it may be gone."""
    looking = Pulse.objects.select_for_update().filter(handle_id=handle_id, source=Source.LOOKUP)
    pulse = looking.exclude(due_at=None).first()
    if pulse is not None:
        rounds = pulse.rounds or {}
        pulse.rounds = rounds | {_ASKED: sorted({*rounds.get(_ASKED, ()), message_id})}
        pulse.due_at = now
        pulse.save(update_fields=["rounds", "due_at"])


def is_fresh_unseen(*, now: datetime) -> Any:
    """The pulses whose fresh messages are to be looked up again; None where there are no fresh messages."""
    if not _shown().filter(pk__gte=id_at(now - FRESH)).exists():
        return None
    since = now - timedelta(seconds=settings.TWITTER_RECHECK_SECONDS[0])
    waiting = Pulse.objects.filter(source=Source.LOOKUP, due_at__gt=now)
    return waiting.filter(Q(last_asked_at=None) | Q(last_asked_at__lte=since))


def plan(pulse: Pulse, *, now: datetime) -> Plan:
    """What is to be looked up now: of each age whose round is due, as much as limits and money allow."""
    found = Plan(rounds=dict(pulse.rounds or {}), due_at=now + timedelta(seconds=settings.TWITTER_POLL_SECONDS))
    room = min(_MOST, MOST_IDS * budgets.calls_left(ENDPOINT, pulse.handle_id, now))
    is_over = costs.is_over_budget(now)
    found.said = OVER_BUDGET if is_over else SHARED if not room else ""
    found.asked = list(found.rounds.pop(_ASKED, ()))[:room]
    found.ids += _shown().filter(pk__in=found.asked).values_list("pk", flat=True) if found.asked else ()
    for age, seconds in zip(AGES, settings.TWITTER_RECHECK_SECONDS, strict=True):
        if age == "shown" or not is_over:
            _plan_age(found, age, timedelta(seconds=seconds), pulse, room=room, now=now)
    found.ids = list(dict.fromkeys(found.ids))
    found.parents = _missing_parents(pulse.handle_id, now=now)
    if not is_over and _is_due(found.rounds.get("people"), _PEOPLE_EVERY, now):
        found.rounds["people"] = {"at": now.isoformat()}
        found.customers = people.described_long_ago(pulse.handle_id, before=now - _PEOPLE_KNOWN_FOR, most=_USERS)
    return found


@transaction.atomic
def keep(pulse: Pulse, made: Plan) -> None:
    """Remember where the rounds are, and what was asked for since they were planned."""
    stored = Pulse.objects.select_for_update().filter(pk=pulse.pk).values_list("rounds", flat=True).first()
    if asked := sorted(set((stored or {}).get(_ASKED, ())) - set(made.asked)):
        made.rounds[_ASKED] = asked
    Pulse.objects.filter(pk=pulse.pk).update(rounds=made.rounds, due_at=Now() if asked else made.due_at)


def recheck(made: Plan, reader: Reader, *, handle_id: int, now: datetime) -> None:
    """One look: what is gone is gone here too, what changed changes, what is shown again is shown again."""
    if made.ids:
        page = reader.tweets(made.ids)
        more = _more_to_ask(page)
        if more:
            further = reader.tweets(more)
            page.found += further.found
            page.missing |= further.missing
        _carry_out(page, reader, handle_id=handle_id, now=now)
    if made.parents:
        _fetch_parents(made.parents, reader, handle_id=handle_id, now=now)
    if made.customers:
        accounts, _ = reader.users(made.customers)
        people.describe(accounts, now=now)


def _plan_age(found: Plan, age: str, every: timedelta, pulse: Pulse, *, room: int, now: datetime) -> None:
    state = found.rounds.get(age) or {}
    cursor = int(state.get("cursor") or 0)
    if not cursor and not _is_due(state, every, now):
        found.due_at = min(found.due_at, datetime.fromisoformat(state["at"]) + every)
        return
    left = room - len(found.ids)
    if left <= 0:
        found.due_at = min(found.due_at, now + every)
        return
    begun = state["at"] if cursor else now.isoformat()
    ids = _ids_of(age, pulse.handle_id, after=cursor, most=left, now=now)
    goes_on = len(ids) == left
    found.ids += ids
    if not ids and age in ("fresh", "recent"):
        found.rounds.pop(age, None)  # the first that is fresh wakes it, and grows older afterwards
        return
    found.rounds[age] = {"at": begun, "cursor": ids[-1] if goes_on else 0}
    found.due_at = min(found.due_at, now + (_GOES_ON if goes_on else every))


def _is_due(state: dict[str, Any] | None, every: timedelta, now: datetime) -> bool:
    return not state or now - datetime.fromisoformat(state["at"]) >= every


def _shown() -> Any:
    return Message.objects.filter(deleted_at=None, is_private=False)


def _ids_of(age: str, handle_id: int, *, after: int, most: int, now: datetime) -> list[int]:
    """The next of these messages, by their ids."""
    rows = _shown().filter(conversation__handle_id=handle_id, pk__gt=after).order_by("pk")
    young, old = id_at(now - FRESH), id_at(now - RECENT)
    if age == "fresh":
        return list(rows.filter(pk__gte=young).values_list("pk", flat=True)[:most])
    if age == "recent":
        return list(rows.filter(pk__gte=old, pk__lt=young).values_list("pk", flat=True)[:most])
    waiting = Conversation.objects.filter(handle_id=handle_id, closed_at=None).order_by("-last_message_at", "-pk")
    homes = list(waiting.values_list("pk", flat=True)[:_MOST_OPEN])
    ids = set(rows.filter(conversation_id__in=homes, pk__lt=old).order_by().values_list("pk", flat=True))
    ids |= set(rows.filter(hidden_at__isnull=False).values_list("pk", flat=True)[:most])
    if age == "shown":
        since = id_at(now - timedelta(days=settings.TWITTER_RECHECK_DAYS))
        ids |= set(rows.filter(pk__gte=since).values_list("pk", flat=True)[:most])
    return sorted(ids)[:most]


def _more_to_ask(page: Page) -> list[int]:
    """Newer versions that we do not have, and what else is hidden of people whose tweets are shown again."""
    tweets = {each.tweet.first_id: each.tweet for each in page.found if each.tweet}
    known = {row.pk: row for row in Message.objects.filter(pk__in=tweets).only("pk", "version_id", "hidden_at")}
    asked = {each.id for each in page.found}
    newer = {
        tweet.versions[-1]
        for pk, tweet in tweets.items()
        if pk in known and tweet.versions and tweet.versions[-1] > (known[pk].version_id or pk)
    }
    back = {tweets[pk].author_id for pk, row in known.items() if row.hidden_at}
    hidden = _shown().filter(author_id__in=back, hidden_at__isnull=False).order_by("-pk")[:_MOST] if back else ()
    return sorted((newer | {row.pk for row in hidden}) - asked - page.missing.keys())


def _carry_out(page: Page, reader: Reader, *, handle_id: int, now: datetime) -> None:
    tweets = [each.tweet for each in page.found if each.tweet]
    hidden = _why_hidden(page, reader, now=now)
    deleted = sorted(pk for pk, why in page.missing.items() if why == Gone.NOT_FOUND and pk not in hidden)
    _store_deletions(deleted, handle_id=handle_id, now=now)
    # A newer version than ours is an edit that no event told of; it arrives like any other.
    stored = set(
        Arrival.objects.filter(kind=ArrivalKind.TWEET, twitter_id__in=[tweet.id for tweet in tweets]).values_list(
            "twitter_id", flat=True
        )
    )
    newer = [
        (each.id, each.body) for each in page.found if each.tweet and each.tweet.versions and each.id not in stored
    ]
    arrivals.store_all(newer, kind=ArrivalKind.TWEET, handle_id=handle_id, source=Source.LOOKUP, now=now)
    with transaction.atomic():
        arrivals.hold()
        lines: list[events.Line] = []
        for why in sorted(set(hidden.values())):
            lines += deletions.hide([pk for pk, reason in hidden.items() if reason == why], why=why, now=now).lines
        deletions.show_again(tweets)
        edits.complete(tweets)
        people.describe(_authors(tweets), now=now)
        if lines:
            events.record(lines)
    if deleted or newer or lines:
        log.info("Looked up: %d tweets are gone, %d changed, %d are hidden.", len(deleted), len(newer), len(lines))


def _why_hidden(page: Page, reader: Reader, *, now: datetime) -> dict[int, str]:
    """What is not to be seen any more although it is not deleted, and why. Accounts are read for a price: only those
    of authors whose tweets are missing, and not hidden yet."""
    missing = {pk for pk, why in page.missing.items() if why in (Gone.NOT_FOUND, Gone.PROTECTED)}
    rows = list(Message.objects.filter(pk__in=missing).values_list("pk", "author_id", "direction", "hidden_why"))
    before = {author_id: why for _, author_id, _, why in rows if why}
    unknown = sorted({author for _, author, way, _ in rows if way == Direction.INBOUND} - before.keys())[:_USERS]
    # Whose tweets were hidden as suspended is looked up again too: back, and without the tweet, it is deleted.
    unknown += [author for author, why in before.items() if why == "suspended"][:_USERS]
    accounts, gone = reader.users(unknown) if unknown else ([], {})
    people.describe(accounts, now=now)
    suspended = {pk for pk, why in gone.items() if why == Gone.NOT_FOUND}
    people.suspend(suspended, now=now)
    is_protected = {account.id for account in accounts if account.is_protected}
    hidden = {}
    for pk, author_id, _, _ in rows:
        if page.missing[pk] == Gone.PROTECTED:
            was = before.get(author_id, "")
            hidden[pk] = "protected" if author_id in is_protected else was or "blocked"
        elif author_id in suspended:
            hidden[pk] = "suspended"
    return hidden


def _authors(tweets: Iterable[Tweet]) -> list[Any]:
    return [account for tweet in tweets if (account := tweet.accounts.get(tweet.author_id))]


def _store_deletions(ids: Sequence[int], *, handle_id: int, now: datetime) -> None:
    bodies = [(pk, _deletion(pk)) for pk in ids]
    arrivals.store_all(bodies, kind=ArrivalKind.DELETION, handle_id=handle_id, source=Source.LOOKUP, now=now)


def _missing_parents(handle_id: int, *, now: datetime) -> list[int]:
    """What orphans continue and nobody has asked for yet."""
    orphans = Arrival.objects.filter(
        handle_id=handle_id,
        awaits_id__isnull=False,
        outcome=Outcome.ORPHAN,
        received_at__gte=now - _ORPHANS_FOR,
        received_at__lte=now - settings.TWITTER_INDEX_LAG,  # what Twitter does not show yet is not gone
    )
    wanted = {pk for pk in orphans.order_by("-pk").values_list("awaits_id", flat=True)[:MOST_IDS] if pk}
    asked = Arrival.objects.filter(twitter_id__in=wanted).values_list("twitter_id", flat=True) if wanted else ()
    return sorted(wanted - set(asked))


def _fetch_parents(ids: Sequence[int], reader: Reader, *, handle_id: int, now: datetime) -> None:
    """Fetch these, once each: one that Twitter does not have either is remembered as deleted, and stays missing."""
    page = reader.tweets(ids)
    found = [(each.id, each.body) for each in page.found]
    arrivals.store_all(found, kind=ArrivalKind.TWEET, handle_id=handle_id, source=Source.LOOKUP, now=now)
    # What Twitter says nothing of may come yet: remembered as deleted, it would lose its words when it does.
    gone = sorted(pk for pk, why in page.missing.items() if why != Gone.UNAVAILABLE)
    _store_deletions(gone, handle_id=handle_id, now=now)


def _deletion(tweet_id: int) -> bytes:
    """What a look-up that found nothing says, in the words of an event."""
    return msgspec.json.encode({"data": {"event_type": "post.delete", "payload": {"id": str(tweet_id)}}})
