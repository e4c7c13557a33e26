"""Twitter is asked as well: what events skip comes by asking, once, and what is gone from Twitter is gone here."""

from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest
from django.utils import timezone

from inbox.domain import outages, polling, recovery
from inbox.enums import Reach, Source
from inbox.models import BlindSpot, Credential, ListeningQuery, Message, Pulse
from inbox.twitter.reading import Found
from inbox.twitter.shapes import Account, Tweet
from tenants import entry
from tenants.models import AppState
from tests.conftest import committed
from tests.inbox.domain.channel_scene import Channel
from tests.twitter.playing import APP, SandboxProcess, World

pytestmark = pytest.mark.commits
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    process = SandboxProcess(tmp_path_factory.mktemp("sandbox"))
    process.start()
    yield process
    process.stop()


@pytest.fixture
def twitter(sandbox, settings) -> Iterator[World]:
    settings.TWITTER_URL = sandbox.url
    settings.TWITTER_APP_BEARER = APP["authorization"].removeprefix("Bearer ")
    settings.TWITTER_INDEX_LAG = timedelta(0)
    with httpx.Client(base_url=sandbox.url, timeout=20) as http:
        yield World(sandbox.url, http)


@pytest.fixture
def channel(new_brand, twitter) -> Iterator[Channel]:
    yield Channel(new_brand(), twitter)
    with entry.directory():
        AppState.objects.all().delete()


def look(channel: Channel, source: Source, **more) -> None:
    with committed(channel.brand):
        channel.due(source, **more)
        polling.look(clock=timezone.now)


def listen_for(channel: Channel, query: str, reach: Reach, by_id: int) -> None:
    with committed(channel.brand):
        ListeningQuery.objects.create(name=query, query=query, reach=reach, made_at=timezone.now(), made_by_id=by_id)


def test_a_connected_handle_is_asked_for_by_each_way_that_its_grant_allows(channel):
    with committed(channel.brand):
        assert polling.is_any_due()
        polling.look(clock=timezone.now)

        ways = set(Pulse.objects.filter(due_at__isnull=False).values_list("source", flat=True))
        assert ways == {Source.MENTIONS, Source.LOOKUP, Source.SEARCH, Source.PRIVATES}
        assert not polling.is_any_due()
        assert not Pulse.objects.exclude(trouble="").exists()


def test_what_the_webhook_missed_comes_by_asking_for_mentions(channel):
    wanted = [channel.mentions("hello?"), channel.mentions("anybody?")]

    look(channel, Source.MENTIONS)

    assert channel.arrivals() == [(pk, Source.MENTIONS) for pk in wanted]
    assert channel.carry() == wanted


@pytest.mark.parametrize("vocabulary", ["tweet", "post"])
def test_one_tweet_that_comes_by_five_ways_is_one_message(channel, twitter, settings, house, vocabulary):
    settings.TWITTER_VOCABULARY = vocabulary
    settings.TWITTER_STREAM = False
    twitter.ask("PUT", "/sandbox/settings", json={"vocabulary": vocabulary})
    word = f"luggage{channel.brand.pk}"
    listen_for(channel, word, Reach.BROAD, house.agent_id)
    tweet_id = channel.mentions(f"where is my {word}?")

    look(channel, Source.MENTIONS)
    look(channel, Source.SEARCH)
    with committed(channel.brand):
        now = timezone.now()
        with polling.reader_of(channel.handle_id, clock=timezone.now) as reader:
            page = reader.tweets([tweet_id])
        polling.store(page.found, handle_id=channel.handle_id, source=Source.LOOKUP, now=now)
        polling.store(page.found, handle_id=channel.handle_id, source=Source.STREAM, now=now)
    recovering = (timezone.now() - 5 * MINUTE, timezone.now())
    recovery.note_gap(source=Source.WEBHOOK, begins_at=recovering[0], ends_at=recovering[1], why="test")
    with committed(channel.brand):
        recovery.climb(clock=timezone.now)

    twitter.ask("PUT", "/sandbox/settings", json={"vocabulary": "tweet"})
    assert channel.carry() == [tweet_id]
    with committed(channel.brand):
        assert Message.objects.get().reach == Reach.DIRECT


@pytest.mark.parametrize("reach", [Reach.BROAD, Reach.PROACTIVE])
def test_words_are_searched_for_where_the_stream_does_not_bring_them(channel, settings, house, reach):
    settings.TWITTER_STREAM = False
    word = f"zeppelin{channel.brand.pk}"
    listen_for(channel, word, reach, house.agent_id)
    tweet_id = channel.says(f"never again a {word}")

    look(channel, Source.SEARCH)

    assert channel.carry() == [tweet_id]
    with committed(channel.brand):
        assert Message.objects.get().reach == reach


def test_direct_messages_come_by_asking_once_each(channel):
    channel.whispers("psst")

    look(channel, Source.PRIVATES)
    look(channel, Source.PRIVATES)

    with committed(channel.brand):
        assert [source for _, source in channel.arrivals()] == [Source.PRIVATES]
        assert Pulse.objects.get(source=Source.PRIVATES).newest_id == channel.arrivals()[0][0]


def test_a_tweet_that_twitter_does_not_have_any_more_loses_its_words_here(channel, twitter):
    gone, kept = channel.mentions("I regret this"), channel.mentions("I stand by this")
    look(channel, Source.MENTIONS)
    channel.carry()
    answer = twitter.http.delete(f"/2/tweets/{gone}", headers=twitter.tokens[channel.customer])
    assert answer.status_code == 200

    look(channel, Source.LOOKUP)
    channel.carry()

    with committed(channel.brand):
        messages = {message.pk: message for message in Message.objects.all()}
        assert (messages[gone].text, messages[gone].deleted_at is not None) == ("", True)
        assert messages[kept].deleted_at is None


def test_a_protected_authors_tweet_is_hidden_and_shown_again_when_twitter_shows_it(channel, twitter):
    tweet_id = channel.mentions("for few eyes")
    look(channel, Source.MENTIONS)
    channel.carry()

    twitter.ask("PATCH", f"/sandbox/accounts/{channel.customer_id}", json={"protected": True})
    look(channel, Source.LOOKUP)
    with committed(channel.brand):
        assert Message.objects.get(pk=tweet_id).hidden_why == "protected"

    twitter.ask("PATCH", f"/sandbox/accounts/{channel.customer_id}", json={"protected": False})
    look(channel, Source.LOOKUP)
    with committed(channel.brand):
        assert Message.objects.get(pk=tweet_id).hidden_at is None


def test_a_key_that_twitter_refuses_is_to_be_connected_again_with_the_real_reason(channel, twitter):
    twitter.ask("DELETE", "/sandbox/tokens", json={"user_id": str(channel.handle_id)})

    look(channel, Source.MENTIONS)

    with committed(channel.brand):
        credential = Credential.objects.get()
        assert credential.refused_at is not None
        assert "does not accept the log-in" in credential.refused_why
        assert Pulse.objects.get(source=Source.MENTIONS).trouble == credential.refused_why


def test_while_log_ins_are_refused_everywhere_nobody_is_disconnected(new_brand, twitter):
    channels = [Channel(new_brand(), twitter) for _ in range(4)]
    for each in channels:
        twitter.ask("DELETE", "/sandbox/tokens", json={"user_id": str(each.handle_id)})
        look(each, Source.MENTIONS)

    refused = []
    for each in channels:
        with committed(each.brand):
            refused.append(Credential.objects.exclude(refused_at=None).exists())
    # The first ones could not know it yet; from the moment that it is known, nobody more is.
    assert refused[2:] == [False, False]
    with entry.directory():
        assert outages.is_incident(now=timezone.now())
        AppState.objects.all().delete()


def test_tweets_that_only_asking_brought_are_trouble_of_the_webhook(channel):
    with committed(channel.brand):
        Pulse.objects.create(handle_id=channel.handle_id, source=Source.WEBHOOK, last_event_at=timezone.now())
    at = (timezone.now() - 5 * MINUTE).isoformat()
    for number in range(3):
        channel.mentions(f"still nobody ({number})", created_at=at)

    look(channel, Source.MENTIONS, read_until=timezone.now() - 6 * MINUTE)

    with committed(channel.brand):
        assert "3 tweets" in Pulse.objects.get(source=Source.WEBHOOK).trouble


def test_that_protected_authors_come_by_asking_alone_is_no_trouble_of_the_webhook(channel, twitter):
    with committed(channel.brand):
        Pulse.objects.create(handle_id=channel.handle_id, source=Source.WEBHOOK, last_event_at=timezone.now())
    at = (timezone.now() - 5 * MINUTE).isoformat()
    lines = [channel.mentions(f"for few eyes ({number})", created_at=at) for number in range(3)]
    found = [Found(pk, b"", tweet_of(pk, channel, is_protected=True)) for pk in lines]
    pulse = Pulse(handle_id=channel.handle_id, source=Source.MENTIONS, read_until=timezone.now())

    with committed(channel.brand):
        polling.note_what_events_missed(pulse, found, now=timezone.now())

        assert Pulse.objects.get(source=Source.WEBHOOK).trouble == ""


def tweet_of(pk: int, channel: Channel, *, is_protected: bool) -> Tweet:
    author = Account(id=channel.customer_id, username=channel.customer, is_protected=is_protected)
    at = timezone.now() - 5 * MINUTE
    return Tweet(pk, author.id, "", at, typed=(channel.handle_id,), accounts={author.id: author})


# -- the ladder --------------------------------------------------------------------------------------------------


def test_what_was_said_while_the_webhook_was_away_is_recovered(channel):
    begins = timezone.now() - 40 * MINUTE
    public = channel.mentions("in the dark", created_at=(begins + 5 * MINUTE).isoformat())
    own = channel.says("We are looking into it", by=channel.username, created_at=(begins + 6 * MINUTE).isoformat())
    channel.whispers("psst")
    look(channel, Source.LOOKUP)

    recovery.note_gap(source=Source.WEBHOOK, begins_at=begins, ends_at=timezone.now(), why="It was away.")
    with committed(channel.brand):
        recovery.climb(clock=timezone.now)

        spot = BlindSpot.objects.get()
        assert spot.recovered_at is not None
        assert [each["way"] for each in spot.tried] == ["mentions", "search", "timeline", "privates"]
    assert {public, own} <= {pk for pk, _ in channel.arrivals()}
    assert Source.PRIVATES in [source for _, source in channel.arrivals()]


def test_what_is_older_than_any_way_goes_back_stays_a_blind_spot(channel, house):
    listen_for(channel, "zebra", Reach.BROAD, house.agent_id)
    now = timezone.now()

    recovery.note_gap(source=Source.STREAM, begins_at=now - timedelta(days=9), ends_at=now, why="The stream was lost.")
    with committed(channel.brand):
        recovery.climb(clock=timezone.now)

        spot = BlindSpot.objects.get()
        assert spot.recovered_at is None
        assert (spot.begins_at, abs(spot.ends_at - (now - timedelta(days=7))) < 2 * MINUTE) == (
            now - timedelta(days=9),
            True,
        )


def test_while_twitter_is_away_a_blind_spot_waits(channel, settings):
    settings.TWITTER_URL = "http://127.0.0.1:1"
    now = timezone.now()

    recovery.note_gap(source=Source.WEBHOOK, begins_at=now - 5 * MINUTE, ends_at=now, why="It was away.")
    with committed(channel.brand):
        recovery.climb(clock=timezone.now)

        spot = BlindSpot.objects.get()
        assert (spot.recovered_at, [each["way"] for each in spot.tried]) == (None, ["waiting"])


def test_our_own_absence_is_noticed_by_who_looks_next(channel, settings):
    settings.TWITTER_APP_BEARER = ""
    slept = timezone.now() - 20 * MINUTE
    assert recovery.watch(now=slept) == 0
    assert recovery.watch(now=slept + MINUTE) == 0

    assert recovery.watch(now=timezone.now()) == 1

    with committed(channel.brand):
        found = BlindSpot.objects.order_by("source").values_list("source", "begins_at")
        assert list(found) == [(Source.STREAM, slept + MINUTE), (Source.WEBHOOK, slept + MINUTE)]
