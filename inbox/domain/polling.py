"""Polls: Twitter is asked as well, always slowly, since its events skip some tweets and may fail without a word.

Each way of each handle has a pulse whose `due_at` says when to ask next: sooner where something is quiet or in trouble.
What an answer brings is stored like everything else that arrives, so that what is known changes nothing. Spans overlap
by a quarter of an hour, because Twitter's index may lag.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models.functions import Now
from django.utils import timezone

from inbox.domain import arrivals, blind_spots, budgets, costs, credentials, listening, outages, pulses, rechecks
from inbox.enums import ArrivalKind, Source
from inbox.models import Arrival, ChannelSettings, Credential, Pulse
from inbox.twitter.calls import Unavailable
from inbox.twitter.reading import Found, Limited, Page, Reader, Refused401
from inbox.twitter.rules import Rule
from inbox.twitter.shapes import Account
from tenants import entry
from tenants.models import Handle
from tenants.refusals import NotNow

log = logging.getLogger(__name__)

OVERLAP = timedelta(minutes=15)
# Direct messages may be asked for 15 times in 15 minutes: never more often than this.
PRIVATES_SECONDS = 90
_AFTER_TROUBLE = timedelta(minutes=2)
_SEARCH_LENGTH = 512
# So many tweets in one look that the webhook should have brought, and did not, are no accident.
_MISSED = 3
_NOBODY = Account(id=0, username="")
_LATE = timedelta(minutes=1)
_ENDPOINTS = {
    Source.MENTIONS: "GET /2/users/:id/mentions",
    Source.SEARCH: "GET /2/tweets/search/recent",
    Source.PRIVATES: "GET /2/dm_events",
    Source.LOOKUP: "GET /2/tweets",
}


def prepare(*, now: datetime) -> None:
    """Have a pulse for each connected handle and each way to ask; forget those of handles that were let go."""
    handles = set(Handle.objects.filter(brand_id=entry.current_brand_id()).values_list("pk", flat=True))
    connected = sorted(handles & set(Credential.objects.values_list("pk", flat=True)))
    pulses.prepare(connected, sources=[Source.MENTIONS, Source.LOOKUP, Source.SEARCH], now=now)
    private = [pk for pk in connected if has_scope(pk, "dm.read")] if _takes_private() else []
    pulses.prepare(private, sources=[Source.PRIVATES], now=now)
    Pulse.objects.exclude(handle_id__in=connected).filter(due_at__isnull=False).update(due_at=None)


def is_any_due() -> bool:
    """Whether something of this brand is to be asked for, or a connected handle has no pulse yet."""
    if Pulse.objects.filter(due_at__lte=Now()).exists():
        return True
    unseen = rechecks.is_fresh_unseen(now=timezone.now())
    if unseen is not None and unseen.exists():
        return True
    known = Pulse.objects.filter(source=Source.MENTIONS, due_at__isnull=False).values("handle_id")
    return Credential.objects.exclude(pk__in=known).exists()


def look(*, clock: Callable[[], datetime]) -> None:
    """Ask for everything of this brand that is due. Each way is claimed first, so that two lookers ask once."""
    prepare(now=clock())
    rechecks.wake(now=clock())
    due = Pulse.objects.filter(due_at__lte=Now()).order_by("due_at", "pk")
    for pulse in due[:50]:
        next_look = _next(pulse, now=clock())
        if Pulse.objects.filter(pk=pulse.pk, due_at=pulse.due_at).update(due_at=next_look, last_asked_at=clock()):
            _ask(pulse, clock=clock)


@contextmanager
def reader_of(handle_id: int, *, clock: Callable[[], datetime]) -> Iterator[Reader]:
    """Reading calls in the name of one of the brand's handles; raises `Unavailable` where it has no key."""
    try:
        opened = credentials.opened(handle_id, clock=clock)
    except NotNow as refusal:
        raise Unavailable(str(refusal)) from refusal
    reader = Reader(
        base_url=settings.TWITTER_URL,
        bearer=opened.access_token,
        vocabulary=settings.TWITTER_VOCABULARY,
        handle_id=handle_id,
        told=costs.teller(handle_id),
    )
    with reader:
        try:
            yield reader
        except Refused401 as error:
            _not_let_in(opened, str(error), now=clock())
            raise


def store(
    found: Sequence[Found], *, handle_id: int, source: Source, now: datetime, kind: ArrivalKind = ArrivalKind.TWEET
) -> list[Found]:
    """Store what an answer brought; returns what was new."""
    known = set(
        Arrival.objects.filter(kind=kind, twitter_id__in=[each.id for each in found]).values_list(
            "twitter_id", flat=True
        )
    )
    fresh = [each for each in found if each.id not in known]
    arrivals.store_all(
        [(each.id, each.body) for each in reversed(fresh)], kind=kind, handle_id=handle_id, source=source, now=now
    )
    return fresh


def search_rules() -> list[Rule]:
    """The brand's words as searches: as few as fit, each with the tag that says their reach."""
    return listening.rules_of_brand(longest=_SEARCH_LENGTH)


def has_scope(handle_id: int, scope: str) -> bool:
    """Whether a handle's grant allows this; a key that was given by hand does not say, and is taken at its word."""
    scopes = Credential.objects.filter(pk=handle_id).values_list("scopes", flat=True).first()
    return scopes is not None and (not scopes or scope in scopes.split())


def _ask(pulse: Pulse, *, clock: Callable[[], datetime]) -> None:
    handle_id, source = pulse.handle_id, Source(pulse.source)
    refusal = budgets.may_call(_ENDPOINTS[source], handle_id, clock()) if source in _ENDPOINTS else None
    if refusal is not None:
        _later(pulse, why=str(refusal), until=refusal.until, now=clock())
        return
    if source == Source.SEARCH and not _is_search_wanted(pulse, now=clock()):
        return
    made = rechecks.plan(pulse, now=clock()) if source == Source.LOOKUP else None
    if made is not None and made.is_empty:
        _note_plan(pulse, made, now=clock())
        return
    try:
        with reader_of(handle_id, clock=clock) as reader:
            if made is not None:
                rechecks.recheck(made, reader, handle_id=handle_id, now=clock())
            else:
                _WAYS[source](pulse, reader, clock)
    except Limited as error:
        _later(pulse, why=str(error), until=error.until, now=clock())
        return
    except Unavailable as error:
        _later(pulse, why=str(error), until=clock() + _AFTER_TROUBLE, now=clock())
        return
    credentials.mark_accepted(handle_id)
    if made is not None:
        _note_plan(pulse, made, now=clock())
    else:
        pulses.well(handle_id=handle_id, source=source)
    Pulse.objects.filter(pk=pulse.pk).update(last_answered_at=clock())


def _mentions(pulse: Pulse, reader: Reader, clock: Callable[[], datetime]) -> None:
    now = clock()
    since = (pulse.read_until or now) - OVERLAP
    page = reader.mentions(since=since)
    fresh = store(page.found, handle_id=pulse.handle_id, source=Source.MENTIONS, now=now)
    _note_what_is_missing(pulse, page, since=since, now=now)
    note_what_events_missed(pulse, fresh, now=now)
    Pulse.objects.filter(pk=pulse.pk).update(read_until=now, newest_id=_newest(page, pulse))


def _search(pulse: Pulse, reader: Reader, clock: Callable[[], datetime]) -> None:
    now = clock()
    since = (pulse.read_until or now) - OVERLAP
    for rule in search_rules():
        page = reader.search(rule.value, since=since)
        told = [Found(each.id, listening.as_told(each.body, tag=rule.tag), each.tweet) for each in page.found]
        store(told, handle_id=pulse.handle_id, source=Source.SEARCH, now=now)
        _note_what_is_missing(pulse, page, since=since, now=now)
    Pulse.objects.filter(pk=pulse.pk).update(read_until=now)


def _privates(pulse: Pulse, reader: Reader, clock: Callable[[], datetime]) -> None:
    now = clock()
    since = None if pulse.newest_id else now - timedelta(days=1)
    page = reader.dm_events(until_id=pulse.newest_id, since=since)
    store(page.found, handle_id=pulse.handle_id, source=Source.PRIVATES, now=now, kind=ArrivalKind.PRIVATE)
    if not page.is_whole and pulse.read_until:
        why = "More direct messages came at once than can be read."
        blind_spots.note(
            handle_id=pulse.handle_id,
            source=Source.PRIVATES,
            begins_at=pulse.read_until,
            ends_at=_oldest(page) or now,
            why=why,
            now=now,
        )
    Pulse.objects.filter(pk=pulse.pk).update(read_until=now, newest_id=_newest(page, pulse))


def _note_plan(pulse: Pulse, made: rechecks.Plan, *, now: datetime) -> None:
    rechecks.keep(pulse, made)
    if made.said:
        pulses.troubled(handle_id=pulse.handle_id, source=Source.LOOKUP, why=made.said, now=now)
    else:
        pulses.well(handle_id=pulse.handle_id, source=Source.LOOKUP)


_WAYS = {Source.MENTIONS: _mentions, Source.SEARCH: _search, Source.PRIVATES: _privates}


def _next(pulse: Pulse, *, now: datetime) -> datetime:
    """When to ask again. Sooner, where the webhook or the stream is in trouble or this handle has gone quiet."""
    base, least = settings.TWITTER_POLL_SECONDS, 15
    if pulse.source == Source.PRIVATES:
        base, least = 2 * base, PRIVATES_SECONDS
    if pulse.source != Source.LOOKUP and _is_hurried(pulse, now=now):
        base = base // 5
    return now + timedelta(seconds=max(base, least))


def _is_hurried(pulse: Pulse, *, now: datetime) -> bool:
    if outages.holding(outages.WEBHOOK, now=now) or outages.holding(outages.STREAM, now=now):
        return True
    events = Pulse.objects.filter(handle_id=pulse.handle_id, source__in=(Source.WEBHOOK, Source.STREAM))
    return events.exclude(quiet_since=None, trouble="").exists()


def _is_search_wanted(pulse: Pulse, *, now: datetime) -> bool:
    """Words are searched for where the stream does not bring them: it is off or lost, or has no room for them. Once
    for a brand, by its first handle."""
    first = Handle.objects.filter(brand_id=entry.current_brand_id()).order_by("pk").values_list("pk", flat=True).first()
    if pulse.handle_id != first:
        return False
    is_heard = settings.TWITTER_STREAM and not outages.holding(outages.STREAM, now=now)
    has_room = not Pulse.objects.filter(source=Source.STREAM).exclude(trouble="").exists()
    return not (is_heard and has_room)


def _note_what_is_missing(pulse: Pulse, page: Page, *, since: datetime, now: datetime) -> None:
    """What lies before the oldest that Twitter shows was not read."""
    oldest = _oldest(page)
    begun = pulse.read_until
    if page.is_whole or oldest is None or begun is None or oldest <= begun:
        return
    why = "More came at once than Twitter shows."
    blind_spots.note(
        handle_id=pulse.handle_id, source=Source(pulse.source), begins_at=begun, ends_at=oldest, why=why, now=now
    )


def note_what_events_missed(pulse: Pulse, fresh: Sequence[Found], *, now: datetime) -> None:
    """Tweets that typed our name a minute ago, and came by this look first, are what the webhook failed to bring."""
    events = Pulse.objects.filter(handle_id=pulse.handle_id, source=Source.WEBHOOK).first()
    if pulse.read_until is None or events is None:
        return
    tweets = [each.tweet for each in fresh if each.tweet is not None]
    # No event ever tells of protected authors.
    open_ones = [tweet for tweet in tweets if not (tweet.accounts.get(tweet.author_id) or _NOBODY).is_protected]
    missed = [
        tweet for tweet in open_ones if pulse.handle_id in tweet.typed and _LATE < now - tweet.created_at < OVERLAP
    ]
    if len(missed) >= _MISSED:
        why = f"{len(missed)} tweets that name the handle came only when Twitter was asked, not by themselves."
        pulses.troubled(handle_id=pulse.handle_id, source=Source.WEBHOOK, why=why, now=now)
    elif events.trouble and events.last_event_at and events.last_event_at > (events.trouble_since or now):
        pulses.well(handle_id=pulse.handle_id, source=Source.WEBHOOK)


def _later(pulse: Pulse, *, why: str, until: datetime, now: datetime) -> None:
    latest = max(min(until, now + timedelta(hours=1)), now + timedelta(seconds=15))
    Pulse.objects.filter(pk=pulse.pk).update(due_at=latest)
    pulses.troubled(handle_id=pulse.handle_id, source=Source(pulse.source), why=why, now=now)


def _not_let_in(opened: credentials.Credentials, why: str, *, now: datetime) -> None:
    """After a 401: the next key is fetched, if there may be one; else the handle is to be connected again, unless so
    many brands are refused that it is Twitter's doing."""
    if credentials.is_another_key_there(opened, now=now):
        Pulse.objects.filter(handle_id=opened.handle_id).update(due_at=now)
        return
    if not outages.note_401(now=now):
        credentials.mark_refused(handle_id=opened.handle_id, why=why, now=now)


def _newest(page: Page, pulse: Pulse) -> int | None:
    return max([each.id for each in page.found] + ([pulse.newest_id] if pulse.newest_id else []), default=None)


def _oldest(page: Page) -> datetime | None:
    return min((each.tweet.created_at for each in page.found if each.tweet), default=None)


def _takes_private() -> bool:
    return ChannelSettings.objects.filter(takes_private=True).exists()
