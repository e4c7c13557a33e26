"""What a brand's Twitter costs: counted from calls and events by the price table (`prices.toml`), in millionths of a
US dollar. It is our own count, to warn by; the bill is Twitter's.

A resource is charged once a day (UTC), softly: which ones were read today is remembered in Redis, and where that
forgets, we count too much, never too little.
"""

import logging
from calendar import monthrange
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import Sum
from django.utils import timezone
from redis import Redis, RedisError

from accounts.domain import audit
from accounts.enums import AuditKind
from accounts.models import User
from inbox import policies
from inbox.domain import budgets, outages
from inbox.enums import ReplyWay
from inbox.models import ChannelSettings, CostLine
from inbox.twitter.metering import CallReport, Told, kind_of_tweet
from inbox.twitter.terms import EVENT_PRICES, PRICES
from inbox.twitter.text import urls
from tenants import entry
from tenants.database.bulk import ask, bigints, names, numbers
from tenants.refusals import NotNow

log = logging.getLogger(__name__)

MOST_BUDGET = 1_000_000_000_000  # a million dollars
WARNS_AT = 0.8
_RHYTHM = timedelta(days=28)
_redis: Redis = Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a text costs to post, and what makes it dear: keys of `REASONS`, which have sentences."""

    micros: int
    links: tuple[str, ...] = ()
    without_links: int = 0

    @property
    def is_dear(self) -> bool:
        """Whether a link makes it cost several times as much."""
        return self.micros > self.without_links

    @property
    def times(self) -> int:
        """How many times as much it costs with its links as without."""
        return round(self.micros / self.without_links) if self.without_links else 1


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month (UTC) up to today: by kind, in all, and what it will come to if it goes on as usual."""

    first: date
    lines: tuple[tuple[str, int, int], ...]  # kind, count, cost; the dearest first
    total: int
    forecast: int
    budget: int | None

    @property
    def level(self) -> str:
        """How the month stands to its budget: "none", "well", "tight" (it will not last, or hardly) or "over"."""
        if self.budget is None:
            return "none"
        if self.total >= self.budget:
            return "over"
        return "tight" if self.total >= self.budget * WARNS_AT or self.forecast > self.budget else "well"


def teller(handle_id: int) -> Told:
    """Whom the gateway tells of calls in the name of one of the current brand's accounts."""

    def told(report: CallReport) -> None:
        tell(report, handle_id=handle_id, now=timezone.now())

    return told


def tell(report: CallReport, *, handle_id: int, now: datetime) -> None:
    """Count what a call cost and what it says about limits.

    Never in the way of the call itself, which has happened: what cannot be counted is logged, and goes uncounted.
    """
    try:
        with transaction.atomic():
            _add(_charges(report, now=now), on=_day(now))
            budgets.note(report, handle_id=handle_id, now=now)
            if report.status == 402 or report.problem == "usage-capped":
                outages.credits_gone(report.words or f"HTTP {report.status}", now=now)
            elif report.billed:
                budgets.credits_came_back(now)
    except DatabaseError:
        log.exception("A call could not be counted: %s %s", report.method, report.endpoint)


def count_events(events: Mapping[str, int], *, now: datetime) -> None:
    """Count what the events of a batch cost, by their types; one statement, none for an empty or free batch."""
    kinds: Counter[str] = Counter()
    for event_type, count in events.items():
        if kind := EVENT_PRICES.get(event_type):
            kinds[kind] += count
    _add(kinds, on=_day(now))


def cost_of(text: str, way: str = ReplyWay.PUBLIC, media: Iterable[str] = (), *, more: Sequence[str] = ()) -> Cost:
    """What this text costs to post, with the descriptions of its pictures (`media`) and its further parts (`more`).

    A bare domain ("acme.com") is a link for Twitter. In a direct message links cost nothing.
    """
    described = sum(1 for each in media if each) * PRICES["media.metadata"]
    parts = [text, *more]
    if way == ReplyWay.PRIVATE:
        micros = PRICES["dm.send"] * len(parts) + described
        return Cost(micros, (), micros)
    is_reply = way == ReplyWay.PUBLIC
    plain = PRICES[kind_of_tweet("", is_reply=is_reply)] * len(parts) + described
    micros = sum(PRICES[kind_of_tweet(part, is_reply=is_reply)] for part in parts) + described
    return Cost(micros, tuple(url.url for part in parts for url in urls(part)), plain)


def month(now: datetime) -> Month:
    """The running month of the current brand."""
    today = _day(now)
    first = today.replace(day=1)
    since = min(first, today - _RHYTHM)
    rows = list(CostLine.objects.filter(on__gte=since, on__lte=today).values_list("on", "kind", "count", "cost"))
    counts: Counter[str] = Counter()
    sums: Counter[str] = Counter()
    days: Counter[date] = Counter()
    for on, kind, count, cost in rows:
        days[on] += cost
        if on >= first:
            counts[kind] += count
            sums[kind] += cost
    lines = tuple((kind, counts[kind], sums[kind]) for kind in sorted(counts, key=lambda kind: (-sums[kind], kind)))
    budget = ChannelSettings.objects.values_list("monthly_budget", flat=True).filter(pk=1).first()
    return Month(first, lines, sum(sums.values()), forecast(days, today=today), budget)


def is_over_budget(now: datetime) -> bool:
    """Whether this brand has a budget for the month, and it is used up."""
    budget = ChannelSettings.objects.values_list("monthly_budget", flat=True).filter(pk=1).first()
    if budget is None:
        return False
    today = _day(now)
    spent = CostLine.objects.filter(on__gte=today.replace(day=1), on__lte=today).aggregate(sum=Sum("cost"))["sum"]
    return (spent or 0) >= budget


def forecast(days: Mapping[date, int], *, today: date) -> int:
    """What a month comes to if its remaining days cost what their weekday usually did in the last four weeks.

    A weekday that was not lived yet costs what an average day did. Today costs at least what it has cost so far.
    """
    lived = {day: cost for day, cost in days.items() if today - _RHYTHM <= day < today}
    first = min(days, default=today)
    span = [today - timedelta(days=back) for back in range(1, 29) if today - timedelta(days=back) >= first]
    by_weekday: dict[int, list[int]] = {}
    for day in span:
        by_weekday.setdefault(day.weekday(), []).append(lived.get(day, 0))
    usual = sum(lived.values()) / len(span) if span else float(days.get(today, 0))

    def expected(day: date) -> float:
        costs = by_weekday.get(day.weekday())
        return sum(costs) / len(costs) if costs else usual

    so_far = sum(cost for day, cost in days.items() if today.replace(day=1) <= day < today)
    last = monthrange(today.year, today.month)[1]
    ahead = (expected(today.replace(day=number)) for number in range(today.day + 1, last + 1))
    return round(so_far + max(days.get(today, 0), expected(today)) + sum(ahead))


@transaction.atomic
def set_budget(*, dollars: str, by: User, role: str, now: datetime) -> int | None:
    """Set what a month may cost, in dollars; empty: no budget. Nothing stops when it is used up: people are warned."""
    policies.check_can_set_up(role)
    budget = _micros_of(dollars)
    ChannelSettings.objects.filter(pk=1).update(monthly_budget=budget)
    facts = {"rule": "monthly_budget", "dollars": None if budget is None else budget / 1_000_000}
    audit.record_here(AuditKind.RULE_CHANGED, now=now, by_id=by.pk, facts=facts)
    return budget


def _micros_of(dollars: str) -> int | None:
    said = dollars.strip().replace("$", "").replace(",", "")
    if not said:
        return None
    whole, _, cents = said.partition(".")
    is_number = said.isascii() and (whole or "0").isdecimal() and (cents or "0").isdecimal() and whole + cents != ""
    if not is_number or len(cents) > 2 or len(whole) > 7:
        raise NotNow("Write the budget in dollars, for example 250 or 99.50; leave it empty for none.")
    budget = int(whole or 0) * 1_000_000 + int(cents.ljust(2, "0") or 0) * 10_000
    if not 0 < budget <= MOST_BUDGET:
        raise NotNow("A budget is more than nothing and at most a million dollars a month.")
    return budget


def _charges(report: CallReport, *, now: datetime) -> Counter[str]:
    charges: Counter[str] = Counter()
    if report.billed:
        charges[report.billed] += _new_today(report.billed, report.resources, report.count, now=now)
    for kind, ids in report.along.items():
        charges[kind] += _new_today(kind, ids, len(ids), now=now)
    return charges


def _new_today(kind: str, resources: Sequence[int], count: int, *, now: datetime) -> int:
    """How many of these resources are read for the first time this day (UTC); all, where nobody remembers."""
    if not resources:
        return count
    key = f"{connection.settings_dict['NAME']}:{entry.current_schema()}:read:{_day(now).isoformat()}:{kind}"
    try:
        pipe = _redis.pipeline(transaction=False)
        pipe.sadd(key, *resources)
        pipe.expire(key, 90_000)
        return int(pipe.execute()[0])
    except RedisError:
        return count


def _add(kinds: Mapping[str, int], *, on: date) -> None:
    rows = sorted((kind, count) for kind, count in kinds.items() if count > 0)
    if not rows:
        return
    kinds_of, counts, sums = zip(*[(kind, count, count * PRICES[kind]) for kind, count in rows], strict=True)
    ask(_COUNT, [on, names(kinds_of), numbers(counts), bigints(sums)])


def _day(now: datetime) -> date:
    return now.astimezone(UTC).date()


_COUNT = """
INSERT INTO inbox_costline AS c ("on", kind, count, cost)
SELECT $1::date, kind, count, cost FROM unnest($2::text[], $3::int[], $4::bigint[]) AS r(kind, count, cost)
ON CONFLICT ("on", kind) DO UPDATE SET count = c.count + excluded.count, cost = c.cost + excluded.cost
"""
