"""Pulses: when each handle last heard from Twitter by each way, what is usual at this hour, and what is too quiet.

What is usual is learnt per hour of the week, from what came in the weeks before: a brand that sleeps at night raises
no alarm at night. Silence is an alarm when so many events were to be expected since the last one that hearing none is
no accident, and never before ten minutes.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from inbox.domain import events
from inbox.domain.events import Line
from inbox.enums import EventKind, Source
from inbox.models import Pulse
from tenants import entry
from tenants.database.bulk import ask, bigints, names, numbers, times

log = logging.getLogger(__name__)

HOUR = timedelta(hours=1)
# With so many events expected since the last one, hearing none has odds of one in 3,000.
_EXPECTED = 8.0
_FLOOR = timedelta(minutes=10)
# How much of what is usual the newest week says.
_LEARNS = 0.3
_LONGEST_SUM = timedelta(days=7)

# By one statement for a batch. Times never go back; what is heard ends a silence.
_BEAT = """
INSERT INTO inbox_pulse (handle_id, source, last_event_at, heard, counted_at)
SELECT handle_id, source, last_at, n, $1
FROM unnest($2::bigint[], $3::text[], $4::int[], $5::timestamptz[])
    AS r(handle_id, source, n, last_at)
ON CONFLICT (handle_id, source) DO UPDATE SET
    last_event_at = greatest(inbox_pulse.last_event_at, excluded.last_event_at),
    heard = inbox_pulse.heard + excluded.heard,
    counted_at = coalesce(inbox_pulse.counted_at, excluded.counted_at),
    quiet_since = NULL
"""


def beat(heard: Mapping[tuple[int, str], tuple[int, datetime]], *, now: datetime) -> None:
    """Count what came: for each handle and way, how many events and when the last one was received."""
    if not heard:
        return
    keys = sorted(heard)
    handles, sources = zip(*keys, strict=True)
    counts, lasts = zip(*(heard[key] for key in keys), strict=True)
    ask(_BEAT, [now, bigints(handles), names(sources), numbers(counts), times(lasts)])


def prepare(handle_ids: Sequence[int], *, sources: Sequence[Source], now: datetime) -> None:
    """Have a pulse for each of these handles and ways, due at once."""
    rows = [
        Pulse(handle_id=handle_id, source=source, due_at=now, counted_at=now)
        for handle_id in handle_ids
        for source in sources
    ]
    Pulse.objects.bulk_create(rows, ignore_conflicts=True)
    Pulse.objects.filter(handle_id__in=handle_ids, source__in=sources, due_at=None).update(due_at=now)


def troubled(*, handle_id: int, source: Source, why: str, now: datetime) -> None:
    """Remember why this way does not work, since when."""
    rows = Pulse.objects.filter(handle_id=handle_id, source=source)
    rows.filter(trouble="").update(trouble=why[:300], trouble_since=now)
    rows.exclude(trouble="").update(trouble=why[:300])


def well(*, handle_id: int, source: Source) -> None:
    """This way works."""
    Pulse.objects.filter(handle_id=handle_id, source=source).exclude(trouble="").update(trouble="", trouble_since=None)


def is_any_to_learn() -> bool:
    """Whether an hour of this brand's is over that is not counted yet, or a way may have gone quiet."""
    return Pulse.objects.exclude(counted_at=None).exists()


@transaction.atomic
def listen(*, now: datetime) -> list[Pulse]:
    """Learn from the hours that are over, and raise the alarm where it is too quiet; returns the newly quiet ones."""
    quiet = []
    for pulse in Pulse.objects.select_for_update().exclude(counted_at=None).order_by("pk"):
        _learn(pulse, now)
        if pulse.quiet_since is None and is_too_quiet(pulse, now=now):
            pulse.quiet_since = pulse.last_event_at
            quiet.append(pulse)
        pulse.save(update_fields=["hours", "heard", "counted_at", "rhythm", "quiet_since"])
    if quiet:
        # Who has gone quiet is asked for sooner by the other ways.
        Pulse.objects.filter(handle_id__in={pulse.handle_id for pulse in quiet}, due_at__gt=now).update(due_at=now)
        events.record([_line(pulse, now) for pulse in quiet])
    for pulse in quiet:
        log.warning(
            "%s: nothing by %s for handle %s since %s; usual is one in %.0f seconds.",
            entry.current_schema(),
            pulse.source,
            pulse.handle_id,
            pulse.last_event_at,
            pulse.rhythm or 0,
        )
    return quiet


def is_too_quiet(pulse: Pulse, *, now: datetime) -> bool:
    """Whether hearing nothing since the last event is no accident."""
    if pulse.last_event_at is None or now - pulse.last_event_at < _FLOOR:
        return False
    return expected(pulse.hours, since=pulse.last_event_at, until=now) >= _EXPECTED


def expected(hours: Sequence[float | None] | None, *, since: datetime, until: datetime) -> float:
    """How many events are usual in this span. An hour of the week that was never lived counts as half of what the same
    hour of other days brings, or as nothing."""
    if not hours:
        return 0.0
    total, at = 0.0, max(since, until - _LONGEST_SUM)
    while at < until:
        ends = min(until, at.replace(minute=0, second=0, microsecond=0) + HOUR)
        total += _usual(hours, hour_of_week(at)) * ((ends - at) / HOUR)
        at = ends
    return total


def hour_of_week(at: datetime) -> int:
    """0 to 167, from Monday midnight (UTC)."""
    return at.weekday() * 24 + at.hour


def alarms() -> list[Pulse]:
    """The brand's ways that are too quiet, or in trouble, now."""
    return list(
        Pulse.objects.filter(Q(quiet_since__isnull=False) | ~Q(trouble="")).order_by("handle_id", "source", "pk")
    )


def of_brand() -> list[Pulse]:
    """Every pulse of this brand."""
    return list(Pulse.objects.order_by("handle_id", "source", "pk"))


def seconds_quiet(pulse: Pulse, *, now: datetime | None = None) -> float | None:
    """For how long nothing came by this way; None: never anything."""
    at = pulse.last_event_at
    return ((now or timezone.now()) - at).total_seconds() if at else None


def _learn(pulse: Pulse, now: datetime) -> None:
    """Take the hours that ended since the last count into what is usual."""
    begun = pulse.counted_at or now
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    first = begun.replace(minute=0, second=0, microsecond=0)
    over = min(int((this_hour - first) / HOUR), 168)
    hours = list(pulse.hours or [None] * 168)
    if over > 0:
        lived = max((this_hour - begun) / HOUR, 0.25)
        # Silence that is an alarm is no lesson.
        for number in range(0 if pulse.quiet_since else over):
            place = hour_of_week(this_hour - HOUR * (over - number))
            here, before = pulse.heard / lived, hours[place]
            hours[place] = round(here if before is None else before + _LEARNS * (here - before), 3)
        pulse.hours, pulse.heard, pulse.counted_at = hours, 0, this_hour
    usual = _usual(hours, hour_of_week(now))
    pulse.rhythm = 3600 / usual if usual > 0.01 else None


def _usual(hours: Sequence[float | None], place: int) -> float:
    known = hours[place]
    if known is not None:
        return known
    same = [value for value in hours[place % 24 :: 24] if value is not None]
    return sum(same) / len(same) / 2 if same else 0.0


def _line(pulse: Pulse, now: datetime) -> Line:
    facts = {"handle": str(pulse.handle_id), "source": pulse.source}
    return Line(EventKind.CHANNEL_QUIET, 0, now, facts=facts)


def figures() -> list[str]:
    """This brand's pulses as lines that Prometheus reads."""
    now, schema = timezone.now(), entry.current_schema()
    lines = []
    for pulse in of_brand():
        named = f'brand="{schema}",handle="{pulse.handle_id}",source="{pulse.source}"'
        silent = seconds_quiet(pulse, now=now)
        if silent is not None:
            lines.append(f"nightjar_seconds_since_event{{{named}}} {silent:.0f}")
        lines.append(f"nightjar_is_quiet{{{named}}} {int(pulse.quiet_since is not None)}")
        lines.append(f"nightjar_is_troubled{{{named}}} {int(bool(pulse.trouble))}")
    return lines
