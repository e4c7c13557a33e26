"""What holds for our whole app at Twitter: noticed once, by whoever is first, and over when it is over."""

from datetime import timedelta

import pytest

from inbox.domain import blind_spots, outages, recovery
from inbox.domain.recovery import uncovered
from inbox.enums import Source
from inbox.models import Allowance, BlindSpot
from tenants import entry
from tenants.models import AppState
from tests.conftest import ACME_HANDLE, NOON
from tests.factories import BlindSpotFactory

MINUTE = timedelta(minutes=1)


@pytest.fixture
def directory(db, house, _transactions_around):
    with entry.directory():
        yield
        AppState.objects.all().delete()


def refused(monkeypatch, *brand_ids: int, at=NOON) -> list[bool]:
    """These brands' log-ins are refused, one after the other; whether each was told that it is an incident."""
    told = []
    for brand_id in brand_ids:
        monkeypatch.setattr(entry, "current_brand_id", lambda brand_id=brand_id: brand_id)
        told.append(outages.note_401(now=at))
    return told


def test_one_brand_that_is_refused_again_and_again_is_no_incident(directory, monkeypatch):
    assert refused(monkeypatch, 1, 1, 1, 1) == [False] * 4
    assert not outages.is_incident(now=NOON)


def test_three_brands_refused_within_five_minutes_are_an_incident_at_twitter(directory, monkeypatch):
    assert refused(monkeypatch, 1, 2, 3) == [False, False, True]

    assert outages.is_incident(now=NOON + MINUTE)
    assert not outages.is_incident(now=NOON + 6 * MINUTE)
    assert "Nobody is disconnected" in outages.troubles(now=NOON)[0].why


def test_three_brands_refused_over_an_hour_are_three_accidents(directory, monkeypatch):
    told = [refused(monkeypatch, brand, at=NOON + brand * 20 * MINUTE) for brand in (1, 2, 3)]

    assert told == [[False], [False], [False]]


def test_a_fifth_of_few_brands_is_an_incident_too(directory, monkeypatch):
    AppState.objects.create(pk=outages.REFUSALS, since=NOON, facts={"of": 8})

    assert refused(monkeypatch, 1, 2) == [False, True]


def test_no_brand_is_named_in_what_all_may_read(directory, monkeypatch):
    refused(monkeypatch, 4711)

    assert "4711" not in str(AppState.objects.get(pk=outages.REFUSALS).facts)


def test_a_state_keeps_when_it_began_until_it_ends(directory):
    assert outages.begin(outages.WEBHOOK, why="invalid", now=NOON)
    assert not outages.begin(outages.WEBHOOK, why="invalid still", now=NOON + MINUTE)

    assert outages.holding(outages.WEBHOOK, now=NOON).since == NOON
    assert outages.end(outages.WEBHOOK).why == "invalid still"
    assert outages.troubles(now=NOON) == []


def test_credits_that_are_gone_stop_until_their_time_is_over(acme):
    outages.credits_gone("no credits", now=NOON)

    assert outages.are_credits_gone(now=NOON + MINUTE)
    assert not outages.are_credits_gone(now=NOON + 16 * MINUTE)
    AppState.objects.all().delete()


# -- blind spots -------------------------------------------------------------------------------------------------


def note(begin: int, end: int, source: Source = Source.WEBHOOK) -> None:
    span = {"begins_at": NOON + begin * MINUTE, "ends_at": NOON + end * MINUTE}
    blind_spots.note(handle_id=ACME_HANDLE, source=source, **span, why="invalid", now=NOON + end * MINUTE)


def test_spans_that_touch_are_one_blind_spot(acme):
    note(0, 5)
    note(6, 9)
    note(2, 3)
    note(30, 40)
    note(4, 8, Source.STREAM)

    found = BlindSpot.objects.filter(source=Source.WEBHOOK).order_by("begins_at")
    assert [(spot.begins_at, spot.ends_at) for spot in found] == [
        (NOON, NOON + 9 * MINUTE),
        (NOON + 30 * MINUTE, NOON + 40 * MINUTE),
    ]


def test_a_blind_spot_that_was_filled_is_recovered(acme):
    note(0, 5)
    [spot] = blind_spots.to_fill(before=NOON + 6 * MINUTE)

    blind_spots.conclude(spot, tried=[{"way": "mentions"}], left=[], now=NOON + 7 * MINUTE)

    assert BlindSpot.objects.get().recovered_at == NOON + 7 * MINUTE
    assert not blind_spots.is_any_to_fill()


def test_what_could_not_be_filled_stays_narrowed_to_it(acme):
    note(0, 60)
    [spot] = blind_spots.to_fill(before=NOON + 61 * MINUTE)

    blind_spots.conclude(spot, tried=[], left=[(NOON, NOON + 10 * MINUTE)], now=NOON)

    spot.refresh_from_db()
    assert (spot.ends_at, spot.recovered_at, blind_spots.is_given_up(spot)) == (NOON + 10 * MINUTE, None, True)
    assert blind_spots.to_fill(before=NOON + 99 * MINUTE) == []
    assert not blind_spots.is_any_to_fill()


def test_what_is_covered_by_no_way_is_what_is_left():
    def at(*minutes):
        return tuple(NOON + minute * MINUTE for minute in minutes)

    assert uncovered(at(0, 60), []) == [at(0, 60)]
    assert uncovered(at(0, 60), [at(0, 60)]) == []
    assert uncovered(at(0, 60), [at(30, 60)]) == [at(0, 30)]
    assert uncovered(at(0, 60), [at(40, 50), at(10, 20)]) == [at(0, 10), at(20, 40), at(50, 60)]
    assert uncovered(at(0, 60), [at(-5, 30), at(20, 70)]) == []


@pytest.mark.parametrize("why", ["no credits", "no calls left"])
def test_while_nothing_may_be_asked_blind_spots_wait_and_nobody_asks(acme, settings, why):
    """Looked at every half minute, each would be a handful of calls: a hail of them, and a bill."""
    settings.TWITTER_URL = "http://127.0.0.1:1"
    BlindSpotFactory(begins_at=NOON - 5 * MINUTE, ends_at=NOON - 2 * MINUTE)
    if why == "no credits":
        outages.credits_gone("pay", now=NOON)
    else:
        used_up = {"handle_id": ACME_HANDLE, "cap": 15, "used": 15, "resets_at": NOON + MINUTE}
        Allowance.objects.create(endpoint="GET /2/tweets/search/recent", **used_up)

    recovery.climb(clock=lambda: NOON)
    untouched = BlindSpot.objects.get().tried
    AppState.objects.all().delete()
    Allowance.objects.all().delete()
    recovery.climb(clock=lambda: NOON)

    assert untouched == []
    assert [each["way"] for each in BlindSpot.objects.get().tried] == ["waiting"]
