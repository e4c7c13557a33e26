"""The page "Channel": how the brand hears from Twitter, what it could not hear, what it listens for."""

from datetime import timedelta

import pytest
from django.test import Client

from accounts.enums import Role
from inbox.models import ChannelSettings, ListeningQuery
from tenants import entry
from tests.conftest import ACME_HANDLE, NOON
from tests.factories import BlindSpotFactory, ListeningQueryFactory, PulseFactory
from tests.visiting import AGENCY, count_of, one_of_each_role, queries_counted, visitor

ROOT = "/b/acme/settings/channel/"
QUERY = {"name": "Lounges", "query": "lounge OR boarding", "reach": "broad"}


@pytest.fixture(scope="module")
def people(house, django_db_blocker) -> dict[str, int]:
    with django_db_blocker.unblock():
        return one_of_each_role(house, at="channel.test")


@pytest.fixture
def client(db, people, static_files, _transactions_around) -> Client:
    return visitor(AGENCY, people[Role.ADMIN])


def in_acme(house, question):
    with entry.brand(house.acme):
        return question()


def test_a_blind_spot_says_from_when_to_when_nothing_could_be_read(client, house):
    begins = NOON.replace(hour=2, minute=10)
    given_up = [{"way": "mentions"}, {"way": "given_up"}]
    in_acme(
        house,
        lambda: BlindSpotFactory(begins_at=begins, ends_at=begins + timedelta(minutes=15), tried=given_up, why="Away."),
    )

    text = " ".join(client.get(ROOT).content.decode().split())

    assert "02:10" in text
    assert "02:25" in text
    assert "nothing could be read." in text
    assert "Tried: mentions." in text


def test_each_way_says_its_last_event_and_its_trouble(client, house):
    in_acme(
        house,
        lambda: PulseFactory(
            last_event_at=NOON, quiet_since=NOON, rhythm=240.0, trouble="Twitter is away.", trouble_since=NOON
        ),
    )

    text = client.get(ROOT).content.decode()

    assert "one every 4 minutes" in text
    assert "Too quiet: nothing since 3 Nov, 12:00 UTC." in text
    assert "Twitter is away." in text


def test_the_desk_has_a_strip_where_a_brand_is_too_quiet(client, house):
    assert client.get("/desk/alarms/").content.decode().strip() == ""

    in_acme(house, lambda: PulseFactory(last_event_at=NOON, quiet_since=NOON))

    text = client.get("/desk/alarms/").content.decode()
    assert "nothing since 12:00 UTC" in text
    assert ROOT in text


def test_a_query_is_added_paused_and_removed(client, house):
    assert client.post(f"{ROOT}queries/", QUERY).status_code == 302
    query = in_acme(house, ListeningQuery.objects.get)
    assert "(lounge OR boarding)" in client.get(ROOT).content.decode()

    assert client.post(f"{ROOT}queries/{query.pk}/").status_code == 302
    assert in_acme(house, ListeningQuery.objects.get).paused_at is not None
    assert client.post(f"{ROOT}queries/{query.pk}/", {"remove": "yes"}).status_code == 302
    assert not in_acme(house, ListeningQuery.objects.exists)


@pytest.mark.parametrize("query", ["lang:en", '"open', "(a", "a AND b"])
def test_a_query_that_twitter_would_refuse_is_told_why_and_kept_in_the_form(client, house, query):
    answer = client.post(f"{ROOT}queries/", {**QUERY, "query": query})

    assert answer.status_code == 409
    assert "Lounges" in answer.content.decode()
    assert not in_acme(house, ListeningQuery.objects.exists)


def test_how_it_is_kept_and_sent_is_changed_together(client, house):
    answer = client.post(f"{ROOT}settings/", {"keep_days": "9", "numbers_parts": "on"})

    assert answer.status_code == 302
    current = in_acme(house, ChannelSettings.objects.get)
    assert (current.keep_arrivals_days, current.numbers_parts, current.takes_private) == (9, True, False)
    assert client.post(f"{ROOT}settings/", {"keep_days": "soon"}).status_code == 409


def test_a_supervisor_looks_and_an_agent_does_not(db, people, house, static_files, _transactions_around):
    supervisor = visitor(AGENCY, people[Role.SUPERVISOR])

    assert "Listen for it" not in supervisor.get(ROOT).content.decode()
    assert supervisor.post(f"{ROOT}queries/", QUERY).status_code == 403
    assert visitor(AGENCY, people[Role.AGENT]).get(ROOT).status_code == 403


def test_the_page_costs_the_same_with_one_row_of_each_and_with_three(client, house):
    def more(count: int) -> int:
        for _ in range(count):
            in_acme(house, ListeningQueryFactory)
            in_acme(house, lambda: BlindSpotFactory(handle_id=ACME_HANDLE))
        with queries_counted() as captured:
            client.get(ROOT)
        return count_of(captured)

    client.get(ROOT)
    assert more(1) == more(2)
