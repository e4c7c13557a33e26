"""Recovery: the ladder that is climbed after an outage. Replay, stream recovery, mentions, search, direct messages.

A span in which a way was closed becomes a blind spot of every handle that it concerned. Each is then filled by the
other ways as far as those go back (mentions 800 tweets, search 7 days, direct messages 30); what no way covers stays a
blind spot, narrowed to that, for everybody to see.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone

from inbox.domain import blind_spots, budgets, listening, outages, polling
from inbox.enums import ArrivalKind, Source
from inbox.models import BlindSpot, Pulse
from inbox.twitter.calls import Unavailable
from inbox.twitter.reading import SEARCH_GOES_BACK, Found, NotAllowed, Page, Reader
from tenants import entry
from tenants import queries as houses
from tenants.models import Handle

log = logging.getLogger(__name__)

Span = tuple[datetime, datetime]
# Both ends are stretched by so much: clocks differ, and what was on its way is counted in.
_MARGIN = timedelta(minutes=1)
_PRIVATES_GO_BACK = timedelta(days=30)
# A gap that nothing could be tried for yet (no key, Twitter away) waits for so long.
_PATIENCE = timedelta(days=7)
_MOST_IN_A_TURN = 20
# What it is done with. One whose limit is used up has all wait: half a ladder is no ladder.
_ASKS = ("GET /2/users/:id/mentions", "GET /2/tweets/search/recent", "GET /2/dm_events")


def note_gap(*, source: Source, begins_at: datetime, ends_at: datetime, why: str) -> None:
    """Note in every brand that nothing could come by this way in this span. Stands nowhere."""
    if ends_at <= begins_at:
        return
    with entry.directory():
        brands = houses.all_brands()
    for brand in brands:
        try:
            with entry.brand(brand):
                handles = Handle.objects.filter(brand_id=brand.pk).order_by("pk").values_list("pk", flat=True)
                # Words are a brand's, not a handle's: its first one stands for them.
                for handle_id in handles[:1] if source == Source.STREAM else handles:
                    blind_spots.note(
                        handle_id=handle_id,
                        source=source,
                        begins_at=begins_at,
                        ends_at=ends_at,
                        why=why,
                        now=timezone.now(),
                    )
                Pulse.objects.filter(source=Source.LOOKUP).update(due_at=timezone.now())
        except DatabaseError as error:
            log.error("%s has no note of a gap: %s", brand.schema_name, str(error).strip())


def watch(*, now: datetime) -> int:
    """The look of every minute: gaps that have ended are noted everywhere, and a replay is asked for. How many."""
    spans = outages.watch(now=now)
    for begins, ends, why in spans:
        said = outages.replay(since=begins, until=ends, now=now)
        note_gap(source=Source.WEBHOOK, begins_at=begins, ends_at=ends, why=f"{why} Replay: {said}.")
        if why.startswith("Nightjar"):
            note_gap(source=Source.STREAM, begins_at=begins, ends_at=ends, why=why)
    return len(spans)


def climb(*, clock: Callable[[], datetime]) -> None:
    """Fill this brand's blind spots as far as Twitter lets us. One that cannot be tried now is tried again.

    So many in one turn; none while Twitter wants payment, and no further one once a limit is met.
    """
    for spot in blind_spots.to_fill(before=clock() - settings.TWITTER_INDEX_LAG)[:_MOST_IN_A_TURN]:
        now = clock()
        if outages.are_credits_gone(now=now):
            return
        if not any(budgets.is_used_up(endpoint, spot.handle_id, now) for endpoint in _ASKS):
            _fill(spot, clock=clock)


def uncovered(span: Span, covered: Sequence[Span]) -> list[Span]:
    """What of a span lies in none of these."""
    left, at = [], span[0]
    for begin, end in sorted(covered):
        if begin > at:
            left.append((at, min(begin, span[1])))
        at = max(at, end)
        if at >= span[1]:
            return left
    return [*left, (at, span[1])]


def _fill(spot: BlindSpot, *, clock: Callable[[], datetime]) -> None:
    begins, ends = spot.begins_at, spot.ends_at or clock()
    span = (begins, ends)
    steps = _STEPS.get(Source(spot.source), (_by_search,))
    tried: list[dict[str, Any]] = []
    left: list[Span] = []
    try:
        with polling.reader_of(spot.handle_id, clock=clock) as reader:
            for step in steps:
                found = step(spot, span, reader, clock())
                tried += found.tried
                left += uncovered(span, found.covered)
    except NotAllowed as error:
        tried.append({"way": "refused", "at": clock().isoformat(), "why": str(error)[:200]})
        left = left or [span]
    except Unavailable as error:
        if clock() - ends < _PATIENCE:
            BlindSpot.objects.filter(pk=spot.pk).update(tried=[_entry("waiting", clock(), why=str(error))])
            return
        left = [span]
    blind_spots.conclude(spot, tried=tried, left=left, now=clock())


class _Tried:
    """What one rung of the ladder covered, and what to say of it."""

    def __init__(self) -> None:
        self.covered: list[Span] = []
        self.tried: list[dict[str, Any]] = []

    def add(self, way: str, now: datetime, covered: Span | None, *, brought: int = 0, why: str = "") -> None:
        self.covered += [covered] if covered else []
        self.tried.append(_entry(way, now, covered=covered, brought=brought, why=why))


def _public(spot: BlindSpot, span: Span, reader: Reader, now: datetime) -> _Tried:
    """Tweets to the handle: by its mentions, and what those do not show, by searching."""
    found = _Tried()
    begin, end = span[0] - _MARGIN, _until(span, now)
    page = reader.mentions(since=begin, until=end)
    brought = polling.store(page.found, handle_id=spot.handle_id, source=Source.MENTIONS, now=now)
    found.add("mentions", now, _covered(page, span), brought=len(brought))
    # Answers in the brand's reply trees, and what is beyond the newest 800: by search, as far back as it goes.
    username = Handle.objects.values_list("username", flat=True).get(pk=spot.handle_id)
    if now - begin < SEARCH_GOES_BACK or uncovered(span, found.covered):
        query = " OR ".join(listening.handle_terms([username]))
        searched = reader.search(query, since=begin, until=end)
        brought = polling.store(searched.found, handle_id=spot.handle_id, source=Source.SEARCH, now=now)
        reach = (max(span[0], now - SEARCH_GOES_BACK), span[1])
        found.add("search", now, _covered(searched, reach, goes_back=True), brought=len(brought))
    return found


def _own(spot: BlindSpot, span: Span, reader: Reader, now: datetime) -> _Tried:
    """What the brand itself wrote on Twitter meanwhile."""
    found = _Tried()
    page = reader.own(since=span[0] - _MARGIN, until=_until(span, now))
    brought = polling.store(page.found, handle_id=spot.handle_id, source=Source.LOOKUP, now=now)
    found.add("timeline", now, _covered(page, span), brought=len(brought))
    return found


def _privates(spot: BlindSpot, span: Span, reader: Reader, now: datetime) -> _Tried:
    """Direct messages, where the brand has them."""
    found = _Tried()
    is_wanted = Pulse.objects.filter(handle_id=spot.handle_id, source=Source.PRIVATES, due_at__isnull=False).exists()
    if not is_wanted or not polling.has_scope(spot.handle_id, "dm.read"):
        found.covered.append(span)
        return found
    page = reader.dm_events(since=span[0] - _MARGIN, most=1_000)
    brought = polling.store(
        page.found, handle_id=spot.handle_id, source=Source.PRIVATES, now=now, kind=ArrivalKind.PRIVATE
    )
    begins = max(span[0], now - _PRIVATES_GO_BACK)
    found.add("privates", now, (begins, span[1]) if page.is_whole and begins < span[1] else None, brought=len(brought))
    return found


def _by_search(spot: BlindSpot, span: Span, reader: Reader, now: datetime) -> _Tried:
    """The brand's words, by recent search."""
    found = _Tried()
    rules = polling.search_rules()
    reach = (max(span[0], now - SEARCH_GOES_BACK), span[1])
    covers = reach[0] < reach[1]
    brought = 0
    for rule in rules:
        page = reader.search(rule.value, since=span[0] - _MARGIN, until=_until(span, now))
        told = [Found(each.id, listening.as_told(each.body, tag=rule.tag), each.tweet) for each in page.found]
        brought += len(polling.store(told, handle_id=spot.handle_id, source=Source.SEARCH, now=now))
        covers = covers and _covered(page, reach, goes_back=True) == reach
    if not rules:
        found.covered.append(span)
        return found
    found.add("search", now, reach if covers else None, brought=brought)
    return found


def _until(span: Span, now: datetime) -> datetime | None:
    """Up to when to ask; none is up to now. An instant would be cut to its second, and what was said in it missed."""
    end = span[1] + _MARGIN
    return end if end < now else None


def _covered(page: Page, span: Span, *, goes_back: bool = False) -> Span | None:
    """What of a span a page covers: all of it, or from its oldest tweet on where Twitter shows no more."""
    if page.is_whole or (goes_back and not page.found):
        return span if span[0] < span[1] else None
    oldest = min((each.tweet.created_at for each in page.found if each.tweet), default=None)
    if oldest is None or oldest >= span[1]:
        return None
    return (max(oldest, span[0]), span[1])


def _entry(way: str, now: datetime, **facts: Any) -> dict[str, Any]:
    covered = facts.pop("covered", None)
    shown = {"covered": [at.isoformat() for at in covered]} if covered else {}
    return {"way": way, "at": now.isoformat(), **shown, **{key: value for key, value in facts.items() if value}}


_STEPS: dict[Source, tuple[Callable[[BlindSpot, Span, Reader, datetime], _Tried], ...]] = {
    Source.WEBHOOK: (_public, _own, _privates),
    Source.MENTIONS: (_public,),
    Source.STREAM: (_by_search,),
    Source.SEARCH: (_by_search,),
    Source.PRIVATES: (_privates,),
}
