"""The listener: one connection to the stream for all brands, by a lease; broken off, it comes back."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta

import httpx
import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from inbox.domain import listening, outages
from inbox.enums import Reach, Source
from inbox.management.commands.listen import Listener, letters_of
from inbox.models import BlindSpot, ListeningQuery, Message
from tenants import entry, leases
from tenants.letterbox import Letterbox
from tenants.models import AppState, Lease
from tests.conftest import committed
from tests.inbox.domain.channel_scene import Channel
from tests.twitter.playing import APP, SandboxProcess, World

pytestmark = pytest.mark.commits


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
    with httpx.Client(base_url=sandbox.url, timeout=20) as http:
        world = World(sandbox.url, http)
        world.ask("PUT", "/sandbox/settings", json={"heartbeat_seconds": 0.2})
        yield world


@pytest.fixture
def channel(new_brand, twitter) -> Iterator[Channel]:
    yield Channel(new_brand(), twitter)
    with entry.directory():
        AppState.objects.all().delete()
        Lease.objects.all().delete()


def follow(channel: Channel, settings, play: Callable[[list[Listener]], Awaitable[None]], *, count: int = 1, **more):
    """Run so many listeners while this is played."""

    async def run() -> None:
        letterbox = Letterbox(settings.LETTERBOX_DATABASE_URL)
        await letterbox.open()
        listeners = [Listener(letterbox, holder=f"listener {number}", **more) for number in range(count)]
        running = [asyncio.create_task(listener.run()) for listener in listeners]
        try:
            await play(listeners)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            for listener in listeners:
                await listener.close()
            await letterbox.close()

    listening.reconcile(now=timezone.now())
    asyncio.run(run())


async def until(check: Callable[[], bool], seconds: float = 15) -> None:
    for _ in range(int(seconds / 0.1)):
        if await sync_to_async(check)():
            return
        await asyncio.sleep(0.1)
    raise AssertionError("It did not become so in time.")


def connections(twitter: World, status: str = "active") -> int:
    answer = twitter.http.get("/2/connections", headers=APP, params={"status": status})
    return len(answer.json().get("data") or [])


@pytest.mark.parametrize("pk", ["0", "-1", str(2**63), "1" * 5000, "a uuid"])
def test_a_line_whose_id_the_database_would_refuse_is_kept_aside_and_not_tried_for_ever(pk):
    body = f'{{"data": {{"id": "{pk}", "author_id": "5", "text": "x"}}}}'.encode()

    [letter] = letters_of(body, listening.Directory())

    assert (letter.handle_id, letter.stray_reason) == (None, "malformed")


def has(channel: Channel, tweet_id: int) -> Callable[[], bool]:
    return lambda: (tweet_id, Source.STREAM) in channel.arrivals()


@pytest.mark.parametrize("reach", [Reach.DIRECT, Reach.BROAD, Reach.PROACTIVE])
def test_what_the_stream_brings_is_a_message_of_its_reach(channel, settings, house, twitter, reach):
    word = f"airship{channel.brand.pk}{reach}"
    if reach != Reach.DIRECT:
        with committed(channel.brand):
            ListeningQuery.objects.create(
                name=word, query=word, reach=reach, made_at=timezone.now(), made_by_id=house.agent_id
            )

    async def play(_listeners: list[Listener]) -> None:
        await until(lambda: connections(twitter) == 1)
        say = channel.mentions if reach == Reach.DIRECT else channel.says
        tweet_id = await sync_to_async(say)(f"the {word} is late", deliver=True)
        await until(has(channel, tweet_id))

    follow(channel, settings, play)

    assert len(channel.carry()) == 1
    with committed(channel.brand):
        assert Message.objects.get().reach == reach


def test_of_two_listeners_one_hears_and_the_other_takes_over(channel, settings, twitter):
    async def play(listeners: list[Listener]) -> None:
        await until(lambda: connections(twitter) == 1)
        first = await sync_to_async(channel.mentions)("one", deliver=True)
        await until(has(channel, first))
        assert sorted(listener.heard for listener in listeners) == [0, 1]
        assert await sync_to_async(connections)(twitter) == 1

    follow(channel, settings, play, count=2)

    assert leases.take("stream", holder="the next one")


def test_a_stream_without_heartbeat_is_left_and_heard_again(channel, settings, twitter):
    twitter.ask("PUT", "/sandbox/settings", json={"heartbeat_seconds": 30})
    before = connections(twitter, "inactive")

    async def play(_listeners: list[Listener]) -> None:
        await until(lambda: connections(twitter, "inactive") > before + 1)
        await sync_to_async(twitter.ask)("PUT", "/sandbox/settings", json={"heartbeat_seconds": 0.2})
        await until(lambda: not _has_state(outages.STREAM)())
        tweet_id = await sync_to_async(channel.mentions)("are you back?", deliver=True)
        await until(has(channel, tweet_id))

    follow(channel, settings, play, silence=1.0)


def test_a_connection_that_still_counts_is_given_up_at_twitter_and_then_ours_is_let_in(channel, settings, twitter):
    with httpx.stream("GET", f"{twitter.url}/2/tweets/search/stream", headers=APP, timeout=5):

        async def play(_listeners: list[Listener]) -> None:
            tweet_id = await sync_to_async(channel.mentions)("too many ears?", deliver=True)
            await until(_has_state(outages.STREAM), seconds=5)
            await until(lambda: not _has_state(outages.STREAM)(), seconds=15)
            tweet_id = await sync_to_async(channel.mentions)("and now?", deliver=True)
            await until(has(channel, tweet_id))

        follow(channel, settings, play)


def test_what_was_said_while_nobody_heard_is_a_blind_spot_though_nobody_said_that_they_ended(
    channel, settings, twitter
):
    heard_at = []

    async def hear(_listeners: list[Listener]) -> None:
        await until(lambda: connections(twitter) == 1)
        tweet_id = await sync_to_async(channel.mentions)("one", deliver=True)
        await until(has(channel, tweet_id))
        heard_at.append(timezone.now())

    async def hear_again(_listeners: list[Listener]) -> None:
        await until(lambda: bool(spots_of(channel)))

    follow(channel, settings, hear)
    assert spots_of(channel) == []
    follow(channel, settings, hear_again)

    [spot] = spots_of(channel)
    assert spot.source == Source.STREAM
    assert spot.begins_at <= heard_at[0] < spot.ends_at


def spots_of(channel: Channel) -> list[BlindSpot]:
    with committed(channel.brand):
        return list(BlindSpot.objects.order_by("pk"))


def test_what_was_lost_with_the_connection_is_a_blind_spot_to_fill(channel, settings, twitter):
    with entry.directory():
        outages.begin(outages.STREAM, why="lost", now=timezone.now() - timedelta(minutes=3))

    async def play(_listeners: list[Listener]) -> None:
        await until(lambda: not _has_state(outages.STREAM)())

    follow(channel, settings, play)

    with committed(channel.brand):
        spot = BlindSpot.objects.get()
        assert (spot.source, spot.why) == (Source.STREAM, "The stream was lost.")


def test_the_rules_at_twitter_follow_what_brands_ask_for(channel, twitter, house):
    with committed(channel.brand):
        query = ListeningQuery.objects.create(
            name="a", query="quokka", reach=Reach.BROAD, made_at=timezone.now(), made_by_id=house.agent_id
        )
    listening.reconcile(now=timezone.now())
    assert f"{channel.handle_id}:broad" in _tags(twitter)
    again = listening.reconcile(now=timezone.now())
    assert (again.added, again.dropped) == (0, 0)

    with committed(channel.brand):
        query.delete()
    changed = listening.reconcile(now=timezone.now())

    assert (changed.added, changed.dropped) == (0, 1)
    assert "direct" in _tags(twitter)
    assert f"{channel.handle_id}:broad" not in _tags(twitter)


def _tags(twitter: World) -> list[str]:
    answer = twitter.http.get("/2/tweets/search/stream/rules", headers=APP).json()
    return [rule.get("tag", "") for rule in answer.get("data") or []]


def _has_state(name: str) -> Callable[[], bool]:
    def ask() -> bool:
        with entry.directory():
            return AppState.objects.filter(pk=name).exists()

    return ask
