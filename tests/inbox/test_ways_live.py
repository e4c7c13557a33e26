"""The ways in as they are: a door that is a process, `manage.py listen`, Twitter over HTTP; and what outages cost."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from django.utils import timezone

from inbox.domain import listening, outages, polling, recovery
from inbox.enums import EventKind, Reach, Source
from inbox.models import BlindSpot, Conversation, Event, ListeningQuery, Message, Pulse
from tenants import entry
from tenants.models import AppState, Lease
from tests.conftest import committed
from tests.inbox.domain.channel_scene import Channel
from tests.inbox.door import PROJECT, SECRET, Door
from tests.twitter.playing import APP, EVENTS, SandboxProcess, World, eventually

pytestmark = pytest.mark.commits
MINUTE = timedelta(minutes=1)
BEARER = APP["authorization"].removeprefix("Bearer ")


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    process = SandboxProcess(tmp_path_factory.mktemp("sandbox"))
    process.start()
    yield process
    process.stop()


@pytest.fixture(scope="module")
def door(tmp_path_factory, django_db_setup) -> Iterator[Door]:
    with Door(tmp_path_factory.mktemp("door") / "log") as door:
        yield door


@pytest.fixture
def channel(new_brand, sandbox, door, settings) -> Iterator[Channel]:
    """A brand that is connected, subscribed and listened for."""
    settings.TWITTER_URL, settings.TWITTER_APP_BEARER = sandbox.url, BEARER
    settings.TWITTER_WEBHOOK_URL = f"http://127.0.0.1:{door.port}/twitter/webhook"
    settings.TWITTER_INDEX_LAG = timedelta(0)
    with httpx.Client(base_url=sandbox.url, timeout=20) as http:
        twitter = World(sandbox.url, http)
        twitter.ask("PUT", "/sandbox/settings", json={"heartbeat_seconds": 0.2})
        for known in http.get("/2/webhooks", headers=APP).json().get("data") or ():
            http.delete(f"/2/webhooks/{known['id']}", headers=APP)
        channel = Channel(new_brand(), twitter)
        twitter.listen(settings.TWITTER_WEBHOOK_URL, channel.username, kinds=(*EVENTS, "dm.received"))
        yield channel
        http.delete("/sandbox/faults")
    with entry.directory():
        AppState.objects.all().delete()
        Lease.objects.all().delete()


@contextmanager
def listener(sandbox: SandboxProcess, log: str, **more: str) -> Iterator[None]:
    """`manage.py listen`, a process like any other."""
    env = {**os.environ, "NIGHTJAR_TWITTER_URL": sandbox.url, "NIGHTJAR_TWITTER_APP_BEARER": BEARER, **more}
    listening.reconcile(now=timezone.now())
    with open(log, "wb") as said:
        command = [sys.executable, "-X", "faulthandler", "manage.py", "listen"]
        process = subprocess.Popen(command, env=env, cwd=PROJECT, stdout=said, stderr=said)
    try:
        with httpx.Client(base_url=sandbox.url) as http:
            active = {"headers": APP, "params": {"status": "active"}}
            assert eventually(lambda: bool(http.get("/2/connections", **active).json().get("data")), seconds=20)
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGABRT)  # where each of its threads stands is said in its log
            process.wait()
            pytest.fail(f"It did not end:\n{Path(log).read_text()[-6000:]}")


def came(channel: Channel, tweet_id: int, source: Source) -> bool:
    return eventually(lambda: (tweet_id, source) in channel.arrivals(), seconds=10)


def look(channel: Channel, source: Source, **more) -> None:
    with committed(channel.brand):
        channel.due(source, **more)
        polling.look(clock=timezone.now)


def an_hour_passes(sandbox: SandboxProcess) -> None:
    """What was to be delivered was to be delivered an hour earlier; what we have seen, we saw then."""
    with sqlite3.connect(sandbox.folder / "sandbox.sqlite3", timeout=10) as file:
        file.execute("UPDATE deliveries SET created_ms = created_ms - 3600000")
    with entry.directory():
        for state in AppState.objects.filter(pk__in=[outages.SEEN, outages.WEBHOOK]):
            seen = state.facts.get("seen")
            facts = {**state.facts, **({"seen": (timezone.now() - 65 * MINUTE).isoformat()} if seen else {})}
            AppState.objects.filter(pk=state.pk).update(since=state.since - 65 * MINUTE, facts=facts)


def listen_for(channel: Channel, word: str, by_id: int) -> None:
    with committed(channel.brand):
        ListeningQuery.objects.create(
            name=word, query=word, reach=Reach.BROAD, made_at=timezone.now(), made_by_id=by_id
        )


def test_one_tweet_that_comes_by_five_real_ways_is_one_message(channel, sandbox, door, house, settings, tmp_path):
    word = f"luggage{channel.brand.pk}"
    listen_for(channel, word, house.agent_id)
    before = door.counts()
    with listener(sandbox, str(tmp_path / "log")):
        # Only the stream brings what names no handle: when the second of them is here, it brought what came between.
        fences = [channel.says(f"a {word} of mine", deliver=True)]
        tweet_id = int(channel.twitter.tweeted(channel.customer, f"@{channel.username} where is my {word}?"))
        fences.append(channel.says(f"another {word}", deliver=True))
        assert came(channel, fences[1], Source.STREAM)
    assert eventually(lambda: door.counts().get("stored", 0) > before.get("stored", 0))
    settings.TWITTER_STREAM = False
    for source in (Source.MENTIONS, Source.SEARCH, Source.LOOKUP):
        look(channel, source)
    outages.watch(now=timezone.now())
    an_hour_passes(sandbox)
    told = outages.replay(since=timezone.now() - 70 * MINUTE, until=timezone.now() - 20 * MINUTE, now=timezone.now())
    assert told.startswith("asked for")
    assert eventually(lambda: door.counts().get("replay_told", 0) > before.get("replay_told", 0), seconds=10)

    channel.carry()

    with committed(channel.brand):
        assert Message.objects.filter(pk=tweet_id).count() == 1
        assert Conversation.objects.filter(messages=tweet_id).count() == 1
        assert Message.objects.get(pk=tweet_id).reach == Reach.DIRECT
        kinds = Event.objects.filter(message_id=tweet_id).values_list("kind", flat=True)
        assert sorted(kinds) == [EventKind.MESSAGE_ARRIVED]
        assert (
            Event.objects.filter(conversation_id=Message.objects.get(pk=tweet_id).conversation_id)
            .filter(kind=EventKind.OPENED)
            .count()
            == 1
        )


def test_what_a_webhook_drops_without_a_word_is_noticed_and_comes_by_asking(channel):
    first = int(channel.twitter.tweeted(channel.customer, f"@{channel.username} hello"))
    assert came(channel, first, Source.WEBHOOK)
    channel.carry()
    channel.twitter.fault("deliver_never")
    at = (timezone.now() - 5 * MINUTE).isoformat()
    lost = [channel.mentions(f"anybody? {number}", created_at=at, deliver=True) for number in range(3)]

    look(channel, Source.MENTIONS, read_until=timezone.now() - 6 * MINUTE)

    assert set(lost) <= set(channel.carry())
    with committed(channel.brand):
        assert "3 tweets" in Pulse.objects.get(source=Source.WEBHOOK).trouble


@pytest.mark.parametrize("may_replay", [True, False])
def test_an_invalid_webhook_is_revived_and_what_it_withheld_comes_all_the_same(channel, sandbox, settings, may_replay):
    settings.TWITTER_REPLAY_ALLOWED = may_replay
    assert outages.watch(now=timezone.now()) == []
    seen = timezone.now()
    channel.twitter.ask("POST", "/sandbox/webhooks/invalidation", json={})
    withheld = int(channel.twitter.tweeted(channel.customer, f"@{channel.username} can you hear me?"))
    if may_replay:
        an_hour_passes(sandbox)

    assert recovery.watch(now=timezone.now()) == 1

    answer = channel.twitter.http.get("/2/webhooks", headers=APP).json()
    assert [each["valid"] for each in answer["data"]] == [True]
    with entry.directory():
        assert outages.troubles(now=timezone.now()) == []
    if may_replay:
        assert came(channel, withheld, Source.WEBHOOK)
    with committed(channel.brand):
        spot = BlindSpot.objects.get()
        begins = seen - (65 * MINUTE if may_replay else 0 * MINUTE)
        assert abs(spot.begins_at - begins) < timedelta(seconds=10)
        assert ("asked for" if may_replay else "not allowed by the plan") in spot.why
        recovery.climb(clock=timezone.now)
        assert BlindSpot.objects.get().recovered_at is not None
    assert channel.carry() == [withheld]


def test_on_enterprise_a_stream_that_breaks_brings_its_last_minutes_again(channel, sandbox, house, tmp_path):
    word = f"zeppelin{channel.brand.pk}"
    listen_for(channel, word, house.agent_id)
    with listener(sandbox, str(tmp_path / "log"), NIGHTJAR_TWITTER_PLAN="enterprise"):
        missed = channel.says(f"the {word} is late")  # not to the stream that is connected now
        time.sleep(0.5)
        assert channel.arrivals() == []

        channel.twitter.ask("POST", "/sandbox/stream/disconnection", json={})

        assert came(channel, missed, Source.STREAM)


def test_what_was_said_while_nothing_of_ours_ran_is_found_at_the_start_and_filled(channel, settings):
    outages.watch(now=timezone.now() - 30 * MINUTE)
    at = (timezone.now() - 15 * MINUTE).isoformat()
    public = channel.mentions("is anybody there?", created_at=at)
    own = channel.says("We are back soon", by=channel.username, created_at=at)

    assert recovery.watch(now=timezone.now()) == 1
    with committed(channel.brand):
        recovery.climb(clock=timezone.now)
        spots = BlindSpot.objects.order_by("source")
        assert [(spot.source, spot.recovered_at is not None) for spot in spots] == [
            (Source.STREAM, True),
            (Source.WEBHOOK, True),
        ]

    assert {public, own} <= {pk for pk, _ in channel.arrivals()}
    assert channel.carry() == [public]


def test_our_own_door_is_knocked_at_and_one_that_does_not_answer_is_an_alarm(channel, door, settings):
    settings.TWITTER_CONSUMER_SECRET = SECRET
    before = door.counts().get("knocked", 0)
    assert outages.knock(now=timezone.now()) == ""
    assert door.counts()["knocked"] == before + 1

    settings.TWITTER_CONSUMER_SECRET = "another"
    assert "401" in outages.knock(now=timezone.now())
    settings.TWITTER_WEBHOOK_URL = "http://127.0.0.1:1/twitter/webhook"
    assert "cannot be reached" in outages.knock(now=timezone.now())
    with entry.directory():
        assert [state.pk for state in outages.troubles(now=timezone.now())] == [outages.DOOR]
    status, figures = metrics(door)
    assert (status, 'nightjar_app_trouble{what="door"} 1' in figures) == (200, True)


def test_the_live_process_says_its_figures_as_prometheus_reads_them(channel, door):
    look(channel, Source.MENTIONS)

    status, figures = metrics(door)

    lines = [line for line in figures.splitlines() if line]
    assert status == 200
    assert all(len(line.rsplit(" ", 1)) == 2 and float(line.rsplit(" ", 1)[1]) >= 0 for line in lines)
    assert f'nightjar_is_quiet{{brand="{channel.brand.schema_name}",handle="{channel.handle_id}",' in figures
    assert 'nightjar_app_trouble{what="webhook"} 0' in figures


def metrics(door: Door) -> tuple[int, str]:
    answer = httpx.get(f"http://127.0.0.1:{door.port}/metrics")
    return answer.status_code, answer.text
