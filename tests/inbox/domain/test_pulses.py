"""Silence: measured against what is usual at this hour, and told where it is too long."""

from datetime import datetime, timedelta

import pytest

from inbox.domain import pulses
from inbox.enums import EventKind, Source
from inbox.models import Event, Pulse
from tests.conftest import ACME_HANDLE, NOON
from tests.factories import PulseFactory

HOUR = timedelta(hours=1)
BUSY = [60.0] * 168  # one a minute, at any hour


def heard(count: int, at: datetime, source: Source = Source.WEBHOOK) -> None:
    pulses.beat({(ACME_HANDLE, source): (count, at)}, now=at)


def test_events_are_counted_and_the_last_one_stays(acme):
    heard(3, NOON)
    heard(2, NOON - HOUR)  # a late batch

    pulse = Pulse.objects.get()
    assert (pulse.heard, pulse.last_event_at, pulse.source) == (5, NOON, Source.WEBHOOK)


def test_a_batch_of_many_ways_is_one_statement(acme, django_assert_num_queries):
    heard(1, NOON)  # we stand where we stand
    with django_assert_num_queries(1):
        pulses.beat({(handle, Source.STREAM): (1, NOON) for handle in range(1, 50)}, now=NOON)
    with django_assert_num_queries(0):
        pulses.beat({}, now=NOON)


def test_what_is_usual_is_learnt_for_the_hour_of_the_week(acme):
    heard(1, NOON)
    heard(119, NOON + timedelta(minutes=50))

    pulses.listen(now=NOON + HOUR + timedelta(minutes=1))

    pulse = Pulse.objects.get()
    place = pulses.hour_of_week(NOON)
    assert pulse.hours[place] == 120
    assert [value for value in pulse.hours if value is not None] == [120]
    assert (pulse.heard, pulse.counted_at) == (0, NOON + HOUR)


def test_a_busy_handle_that_falls_silent_is_an_alarm_once(acme):
    PulseFactory(last_event_at=NOON, counted_at=NOON, hours=BUSY)

    now = NOON + timedelta(minutes=12)
    assert [pulse.handle_id for pulse in pulses.listen(now=now)] == [ACME_HANDLE]
    assert pulses.listen(now=now + timedelta(minutes=1)) == []

    event = Event.objects.get(kind=EventKind.CHANNEL_QUIET)
    assert event.facts == {"handle": str(ACME_HANDLE), "source": "webhook"}
    assert [pulse.quiet_since for pulse in pulses.alarms()] == [NOON]


def test_what_is_heard_again_ends_the_alarm(acme):
    PulseFactory(last_event_at=NOON, counted_at=NOON, hours=BUSY, quiet_since=NOON)

    heard(1, NOON + HOUR)

    assert pulses.alarms() == []


@pytest.mark.parametrize("minutes", [1, 9])
def test_nothing_is_an_alarm_before_ten_minutes(acme, minutes):
    PulseFactory(last_event_at=NOON, counted_at=NOON, hours=[6000.0] * 168)

    assert pulses.listen(now=NOON + timedelta(minutes=minutes)) == []


def test_a_brand_that_sleeps_at_night_raises_no_alarm_at_night(acme):
    night = [0.0 if place % 24 < 7 or place % 24 >= 22 else 60.0 for place in range(168)]
    at_ten = NOON.replace(hour=22)
    PulseFactory(last_event_at=at_ten, counted_at=at_ten, hours=night)

    assert pulses.listen(now=at_ten + 8 * HOUR) == []
    assert len(pulses.listen(now=at_ten + 10 * HOUR)) == 1


def test_a_handle_of_which_nothing_is_known_yet_raises_no_alarm(acme):
    PulseFactory(last_event_at=NOON, counted_at=NOON)

    assert pulses.listen(now=NOON + 50 * HOUR) == []


def test_silence_that_was_an_alarm_is_no_lesson(acme):
    PulseFactory(last_event_at=NOON, counted_at=NOON, hours=BUSY, quiet_since=NOON)

    pulses.listen(now=NOON + 5 * HOUR)

    assert Pulse.objects.get().hours == BUSY


def test_trouble_says_since_when_until_it_is_well(acme):
    PulseFactory(source=Source.MENTIONS)
    where = {"handle_id": ACME_HANDLE, "source": Source.MENTIONS}

    pulses.troubled(**where, why="Twitter is away.", now=NOON)
    pulses.troubled(**where, why="Twitter is still away.", now=NOON + HOUR)

    pulse = Pulse.objects.get()
    assert (pulse.trouble, pulse.trouble_since) == ("Twitter is still away.", NOON)
    pulses.well(**where)
    assert pulses.alarms() == []


def test_the_figures_are_lines_that_prometheus_reads(acme):
    PulseFactory(last_event_at=NOON, quiet_since=NOON)

    lines = pulses.figures()

    assert [line.partition("{")[0] for line in lines] == [
        "nightjar_seconds_since_event",
        "nightjar_is_quiet",
        "nightjar_is_troubled",
    ]
    assert lines[1] == f'nightjar_is_quiet{{brand="{acme.schema_name}",handle="{ACME_HANDLE}",source="webhook"}} 1'
