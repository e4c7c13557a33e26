"""The first response report: of one brand, and of all brands of an agency that a person serves."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil, sqrt
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from reporting import queries
from reporting.queries import Choice, FirstResponse, Line, Period
from tenants import entry
from tenants.badges import Badge
from tenants.models import Brand

DAYS = (7, 30, 90)
USUAL_DAYS = 30
ALL = "all"
EXCERPT = 160
WEEK = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
LEVELS = 4


@dataclass(frozen=True, slots=True)
class Asked:
    """What an address asks for. What it asks for wrongly is left out, and said."""

    days: str | None
    choice: Choice
    slowest: bool
    wrong: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scope:
    """Where the report stands and what its links keep."""

    path: str
    days: str

    def url(self, **asked: object) -> str:
        return f"{self.path}?{urlencode({'days': self.days, **asked})}"


@require_GET
def first_response(request: Any) -> HttpResponse:
    """How fast one brand's customers were answered."""
    asked, now, zone = _asked(request), timezone.now(), request.brand.zone
    days, period = _period(asked, [queries.first_and_last_message()], now=now)
    scope = Scope(request.path, days)
    figures = queries.first_response(period)
    choice = _with_slowness(asked, figures)
    lines = [(request.badge, line) for line in queries.conversations(period, choice, zone=zone)]
    context = _page(scope, request.badge.name, period, figures, asked)
    context |= {"per_brand": [], "heat": _heat(scope, queries.volume(period, zone=zone))}
    return _draw(request, asked, {**context, **_listing(scope, asked, lines)})


@require_GET
def agency_first_response(request: Any) -> HttpResponse:
    """How fast the customers of all brands that this person serves were answered."""
    asked, now = _asked(request), timezone.now()
    badges = {badge.pk: badge for badge in request.badges}
    brands = list(Brand.objects.filter(pk__in=list(badges)).order_by("name", "pk"))
    spans = _in_each(brands, lambda brand: queries.first_and_last_message())
    days, period = _period(asked, list(spans.values()), now=now)
    scope = Scope(request.path, days)

    times = _in_each(brands, lambda brand: queries.response_times(period))
    figures = replace(
        queries.together(answered for answered, _ in times.values()),
        unanswered=sum(unanswered for _, unanswered in times.values()),
    )
    choice = _with_slowness(asked, figures)
    seen = _in_each(
        brands,
        lambda brand: (
            queries.volume(period, zone=brand.zone),
            queries.conversations(period, choice, zone=brand.zone),
        ),
    )
    volume: Counter[tuple[int, int]] = Counter()
    for part, _lines in seen.values():
        volume.update(part)
    lines = [(badges[pk], line) for pk, (_, found) in seen.items() for line in found]
    lines.sort(key=lambda each: -each[1].message_id)
    context = _page(scope, request.agency.name, period, figures, asked)
    context |= {"per_brand": _per_brand(badges, times, days), "heat": _heat(scope, volume)}
    return _draw(request, asked, {**context, **_listing(scope, asked, lines[: queries.PAGE + 1])})


def in_words(seconds: float | None) -> str:
    """A span of time as one reads it at a glance: its two largest units."""
    if seconds is None:
        return ""
    whole = round(seconds)
    if whole < 60:
        return _("%d s") % whole
    minutes = round(whole / 60)
    if minutes < 60:
        return _("%d min") % minutes
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return (_("%d h") % hours + " " + (_("%d min") % minutes if minutes else "")).strip()
    days, hours = divmod(round(whole / 3600), 24)
    return (_("%d d") % days + " " + (_("%d h") % hours if hours else "")).strip()


def _in_each(brands: Sequence[Brand], ask: Callable[[Brand], Any]) -> dict[int, Any]:
    return {brand.pk: entry.in_brand(brand, ask, brand) for brand in brands}


# -- what was asked -------------------------------------------------------------------------------------------------


def _asked(request: Any) -> Asked:
    wrong: list[str] = []

    def one_of(name: str, allowed: Sequence[str]) -> str | None:
        said = request.GET.get(name)
        if said in (None, *allowed):
            return said
        wrong.append(name)
        return None

    hour, day = one_of("hour", [str(hour) for hour in range(24)]), one_of("day", [str(day) for day in range(7)])
    answered, slowest = one_of("answered", ["yes", "no"]), one_of("slowest", ["yes"])
    days = one_of("days", [*map(str, DAYS), ALL])
    before = request.GET.get("after")
    if before is not None and not (
        before.isdecimal() and before.isascii() and len(before) < 20 and int(before) < 2**63
    ):
        wrong.append("after")
        before = None
    choice = Choice(
        answered=None if answered is None else answered == "yes",
        hour=None if hour is None else int(hour),
        day=None if day is None else int(day),
        before=int(before) if before else None,
    )
    return Asked(days, choice, bool(slowest), tuple(wrong))


def _period(
    asked: Asked, spans: Sequence[tuple[datetime | None, datetime | None]], *, now: datetime
) -> tuple[str, Period]:
    """The asked period; unasked, thirty days, or everything where nobody wrote in those."""
    firsts = [first for first, _ in spans if first]
    lasts = [last for _, last in spans if last]
    days = asked.days
    if days is None:
        is_old = bool(lasts) and max(lasts) < now - timedelta(days=USUAL_DAYS)
        days = ALL if is_old else str(USUAL_DAYS)
    if days == ALL:
        return days, Period(min(firsts, default=now), max(lasts, default=now) + timedelta(seconds=1))
    return days, Period(now - timedelta(days=int(days)), now)


def _with_slowness(asked: Asked, figures: FirstResponse) -> Choice:
    return replace(asked.choice, slower_than=figures.p90_s) if asked.slowest else asked.choice


# -- what is drawn --------------------------------------------------------------------------------------------------


def _draw(request: Any, asked: Asked, context: Mapping[str, Any]) -> HttpResponse:
    if asked.wrong:
        request.refusal = _("Part of this address is not understood and was left out: %s.") % ", ".join(asked.wrong)
    return render(request, "reporting/first_response.html", context)


def _page(scope: Scope, name: str, period: Period, figures: FirstResponse, asked: Asked) -> dict[str, Any]:
    choices = [(_("%d days") % days, str(days)) for days in DAYS] + [(_("All"), ALL)]
    return {
        "scope_name": name,
        "period": {
            "start": period.start,
            "end": period.end,
            "days": scope.days,
            "choices": [
                {"label": label, "url": replace(scope, days=days).url(), "current": days == scope.days}
                for label, days in choices
            ],
        },
        "n": figures.n,
        "median_s": figures.median_s,
        "p90_s": figures.p90_s,
        "median_words": in_words(figures.median_s),
        "p90_words": in_words(figures.p90_s),
        "unanswered": figures.unanswered,
        "links": {
            "answered": scope.url(answered="yes"),
            "unanswered": scope.url(answered="no"),
            "slowest": scope.url(answered="yes", slowest="yes"),
            "everything": scope.url(),
        },
        "chosen": _chosen(asked),
    }


def _chosen(asked: Asked) -> str:
    """What the list is narrowed to, in words; empty: to nothing."""
    choice, words = asked.choice, []
    if asked.slowest:
        words.append(_("the slowest tenth"))
    elif choice.answered is not None:
        words.append(_("answered") if choice.answered else _("not answered"))
    if choice.day is not None:
        words.append(_(WEEK[choice.day]))
    if choice.hour is not None:
        words.append(f"{choice.hour:02d}:00–{choice.hour + 1:02d}:00")
    return ", ".join(words)


def _per_brand(badges: Mapping[int, Badge], times: Mapping[int, Any], days: str) -> list[dict[str, Any]]:
    """One line for each brand, the slowest first."""
    figures = {pk: queries.together([answered]) for pk, (answered, _) in times.items()}
    slowest = max((found.median_s or 0 for found in figures.values()), default=0)
    return [
        {
            "brand": badges[pk],
            "n": found.n,
            "unanswered": times[pk][1],
            "median_s": found.median_s,
            "p90_s": found.p90_s,
            "median_words": in_words(found.median_s),
            "p90_words": in_words(found.p90_s),
            "share": round((found.median_s or 0) / slowest, 4) if slowest else 0.0,
            "url": Scope(f"{badges[pk].url}reports/first-response/", days).url(),
        }
        for pk, found in sorted(figures.items(), key=lambda each: (-(each[1].median_s or -1), badges[each[0]].name))
    ]


def _heat(scope: Scope, volume: Mapping[tuple[int, int], int]) -> dict[str, Any]:
    most = max(volume.values(), default=0)
    names = [_(name) for name in WEEK]
    return {
        "days": names,
        "hours": list(range(24)),
        "max": most,
        "cells": [
            [_cell(scope, names[day], day, hour, volume.get((day, hour), 0), most) for hour in range(24)]
            for day in range(7)
        ],
    }


def _cell(scope: Scope, name: str, day: int, hour: int, count: int, most: int) -> dict[str, Any]:
    return {
        "count": count,
        # By the square root: one hour of an outage must not make all others look alike.
        "level": ceil(LEVELS * sqrt(count / most)) if most else 0,
        "title": _("%(day)s %(hour)02d:00: %(count)d messages") % {"day": name, "hour": hour, "count": count},
        "url": scope.url(day=day, hour=hour) if count else None,
    }


def _listing(scope: Scope, asked: Asked, lines: Sequence[tuple[Badge, Line]]) -> dict[str, Any]:
    page, more = lines[: queries.PAGE], len(lines) > queries.PAGE
    kept: dict[str, object] = {}
    if asked.choice.answered is not None:
        kept["answered"] = "yes" if asked.choice.answered else "no"
    if asked.slowest:
        kept["slowest"] = "yes"
    for name in ("hour", "day"):
        if (value := getattr(asked.choice, name)) is not None:
            kept[name] = value
    return {
        "conversations": [_conversation(badge, line) for badge, line in page],
        "next_url": scope.url(**kept, after=page[-1][1].message_id) if more else None,
    }


def _conversation(badge: Badge, line: Line) -> dict[str, Any]:
    name = (line.name or line.username).translate(_DIRECTION_MARKS)
    words = [word for word in name.split() if word[0].isalnum()]
    return {
        "url": f"{badge.url}conversations/{line.conversation_id}/",
        "brand": badge,
        "customer": {
            "username": line.username,
            "name": name,
            "initials": "".join(word[0] for word in words[:1] + words[1:][-1:]).upper() or "?",
            "hue": line.customer_id % 360,
        },
        "opened_at": line.at,
        "excerpt": line.text[:EXCERPT],
        "first_response_s": line.seconds,
        "first_response_words": in_words(line.seconds),
    }


# Marks that turn the direction of what follows: stripped from names, which stand amid our own words.
_DIRECTION_MARKS = dict.fromkeys([0x200E, 0x200F, 0x061C, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])
