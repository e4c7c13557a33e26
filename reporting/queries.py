"""How fast customers were first answered, and when they write. Asked inside a brand; changes nothing.

The first response time runs, by Twitter's clock, from a customer's tweet that replies to nothing to the earliest tweet
of ours that replies directly to it. What was typed on Twitter itself counts, automatic replies do not.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate

from django.db import connection

PAGE = 40
_MOST_CONVERSATIONS = PAGE + 1


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` on and before `end`; whose rows count is decided by when the customer wrote."""

    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class FirstResponse:
    """How many were answered, how fast, in seconds; and how many were not."""

    n: int
    median_s: float | None
    p90_s: float | None
    unanswered: int = 0


@dataclass(frozen=True, slots=True)
class Choice:
    """Which conversations a report is opened to: answered ones, those of one hour of the week, slow ones."""

    answered: bool | None = None
    slower_than: float | None = None  # seconds
    hour: int | None = None
    day: int | None = None  # 0 is Monday
    before: int | None = None  # the message that the list goes on after


@dataclass(frozen=True, slots=True)
class Line:
    """One conversation in a report's list: the customer's tweet that it is listed for, and how long that waited."""

    conversation_id: int
    message_id: int
    at: datetime
    text: str
    seconds: float | None
    customer_id: int
    username: str
    name: str


def first_response(period: Period) -> FirstResponse:
    """The brand's figures for a period; the percentiles by linear interpolation."""
    with connection.cursor() as cursor:
        cursor.execute(_FIGURES, _bounds(period))
        n, median, p90, unanswered = cursor.fetchone()
    return FirstResponse(n, _to_the_millisecond(median), _to_the_millisecond(p90), unanswered)


def response_times(period: Period) -> tuple[dict[float, int], int]:
    """How often each response time occurs, in seconds, and how many were not answered; brands add up from it.

    Twitter's clock tells whole seconds, so there are few of them however many conversations there are.
    """
    with connection.cursor() as cursor:
        cursor.execute(_TIMES, _bounds(period))
        rows = cursor.fetchall()
    return {float(seconds): n for seconds, n in rows if seconds is not None}, sum(n for s, n in rows if s is None)


def together(times: Iterable[Mapping[float, int]]) -> FirstResponse:
    """The figures of several brands as if they were one."""
    total: dict[float, int] = {}
    for each in times:
        for seconds, n in each.items():
            total[seconds] = total.get(seconds, 0) + n
    return FirstResponse(sum(total.values()), percentile(total, 0.5), percentile(total, 0.9))


def percentile(times: Mapping[float, int], share: float) -> float | None:
    """A percentile of values that occur so often, by linear interpolation, as PostgreSQL's `percentile_cont`."""
    if not times:
        return None
    values = sorted(times)
    reached = list(accumulate(times[value] for value in values))
    place = (reached[-1] - 1) * share
    below, above = (next(v for v, count in zip(values, reached, strict=True) if count > p) for p in _around(place))
    return _to_the_millisecond(below + (above - below) * (place - int(place)))


def volume(period: Period, *, zone: str) -> dict[tuple[int, int], int]:
    """How many messages customers wrote, by day (0 is Monday) and hour in this zone; those without any are left out."""
    with connection.cursor() as cursor:
        cursor.execute(_VOLUME, {**_bounds(period), "zone": zone})
        return {(int(day), int(hour)): n for day, hour, n in cursor.fetchall()}


def first_and_last_message() -> tuple[datetime | None, datetime | None]:
    """When customers wrote for the first and the last time."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT min(created_at), max(created_at) FROM inbox_message WHERE direction = 'in'")
        first, last = cursor.fetchone()
    return first, last


def conversations(period: Period, choice: Choice, *, zone: str) -> list[Line]:
    """The conversations behind a figure or a cell, the newest first: a page, and one more where there are more.

    Of several fitting tweets in a conversation the last stands for it. Without an hour and a day only tweets that
    open something are looked at.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _CONVERSATIONS,
            {
                **_bounds(period),
                "zone": zone,
                "openers": choice.hour is None and choice.day is None,
                "answered": choice.answered,
                "slower_than": choice.slower_than,
                "hour": choice.hour,
                "day": choice.day,
                "before": choice.before,
                "most": _MOST_CONVERSATIONS,
            },
        )
        return [Line(*row) for row in cursor.fetchall()]


def _bounds(period: Period) -> dict[str, datetime | None]:
    return {"start": period.start, "end": period.end}


def _to_the_millisecond(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _around(place: float) -> tuple[int, int]:
    return int(place), int(place) + (place > int(place))


_IN_PERIOD = """
    (%(start)s::timestamptz IS NULL OR o.created_at >= %(start)s)
    AND (%(end)s::timestamptz IS NULL OR o.created_at < %(end)s)
"""
# A reply that Nightjar posted and no person wrote is an automatic one; typed on Twitter, it has no row of ours.
_BY_A_PERSON = """
    (r.reply_id IS NULL OR EXISTS (SELECT FROM inbox_reply p WHERE p.id = r.reply_id AND p.author_id IS NOT NULL))
"""
_OPENERS = f"""
WITH opener AS (
    SELECT o.id, extract(epoch FROM min(r.created_at) FILTER (WHERE {_BY_A_PERSON}) - o.created_at)::float AS seconds
    FROM inbox_message o
    LEFT JOIN inbox_message r ON r.in_reply_to_id = o.id AND r.direction = 'out'
    WHERE o.direction = 'in' AND o.in_reply_to_id IS NULL AND {_IN_PERIOD}
    GROUP BY o.id
)
"""
_FIGURES = f"""
{_OPENERS}
SELECT
    count(seconds),
    percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds),
    percentile_cont(0.9) WITHIN GROUP (ORDER BY seconds),
    count(*) - count(seconds)
FROM opener
"""
_TIMES = f"{_OPENERS} SELECT seconds, count(*) FROM opener GROUP BY seconds"
_VOLUME = f"""
SELECT
    extract(isodow FROM o.created_at AT TIME ZONE %(zone)s) - 1,
    extract(hour FROM o.created_at AT TIME ZONE %(zone)s),
    count(*)
FROM inbox_message o WHERE o.direction = 'in' AND {_IN_PERIOD}
GROUP BY 1, 2
"""
_CONVERSATIONS = f"""
WITH fitting AS (
    SELECT o.id, o.conversation_id, o.created_at, o.text, o.in_reply_to_id IS NULL AS opens
    FROM inbox_message o
    WHERE o.direction = 'in' AND {_IN_PERIOD}
        AND (o.in_reply_to_id IS NULL OR NOT %(openers)s)
        AND (%(hour)s::int IS NULL OR extract(hour FROM o.created_at AT TIME ZONE %(zone)s) = %(hour)s)
        AND (%(day)s::int IS NULL OR extract(isodow FROM o.created_at AT TIME ZONE %(zone)s) = %(day)s + 1)
), timed AS (
    SELECT f.*, CASE WHEN f.opens THEN (
        SELECT extract(epoch FROM min(r.created_at) - f.created_at)::float
        FROM inbox_message r WHERE r.in_reply_to_id = f.id AND r.direction = 'out' AND {_BY_A_PERSON}
    ) END AS seconds
    FROM fitting f
), last_of_each AS (
    SELECT DISTINCT ON (t.conversation_id) t.*
    FROM timed t
    WHERE (%(answered)s::boolean IS NULL OR (t.seconds IS NOT NULL) = %(answered)s)
        AND (%(slower_than)s::float IS NULL OR t.seconds >= %(slower_than)s)
    ORDER BY t.conversation_id, t.id DESC
)
SELECT l.conversation_id, l.id, l.created_at, l.text, l.seconds, c.id, c.username, c.name
FROM last_of_each l
JOIN inbox_conversation v ON v.id = l.conversation_id
JOIN inbox_customer c ON c.id = v.customer_id
WHERE %(before)s::bigint IS NULL OR l.id < %(before)s
ORDER BY l.id DESC
LIMIT %(most)s
"""
