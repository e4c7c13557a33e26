"""`manage.py listen`: hears the filtered stream for all brands, by the one connection that the plan allows.

One process hears, by a lease; others wait until it is free. Each line is put through the letterbox before the next is
read. What was missed while nobody heard is noted as a blind spot of every brand, which recovery fills by searching.
"""

import asyncio
import logging
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError, close_old_connections, connection
from django.utils import timezone
from redis import RedisError
from redis.asyncio import Redis

from inbox.domain import listening, outages, recovery
from inbox.domain.listening import Directory
from inbox.enums import ArrivalKind, Source
from inbox.twitter.calls import Unavailable
from inbox.twitter.rules import AppAtTwitter
from inbox.twitter.stream import BackOff, Beat, Connected, Line, Lost, Stream, Trouble
from tenants import entry, leases, live
from tenants.letterbox import Letter, Letterbox, NotStored

log = logging.getLogger(__name__)

T = TypeVar("T")

LEASE = "stream"
RENEWED_SECONDS = 8.0
DIRECTORY_SECONDS = 5.0
BACKFILL_MINUTES = 5
_AGAIN_SECONDS = 1.0


class Command(BaseCommand):
    help = "Hear Twitter's filtered stream for all brands. One process at a time does; others wait for its lease."

    def handle(self, *args: Any, **options: Any) -> None:
        asyncio.run(_live())


async def _live() -> None:
    letterbox = Letterbox(settings.LETTERBOX_DATABASE_URL)
    await letterbox.open()
    listener, asked = Listener(letterbox), asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_number, asked.set)
    running, ending = asyncio.create_task(listener.run()), asyncio.create_task(asked.wait())
    try:
        await asyncio.wait({running, ending}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        listener.is_ending = True
        await _end(running, ending)
        await listener.close()
        await letterbox.close()
    if not running.cancelled():
        running.result()  # what went wrong, if something did


async def _end(*tasks: "asyncio.Task[Any]") -> None:
    """Cancel these until they have ended: an answer that comes from a thread in that moment may swallow it once."""
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_AGAIN_SECONDS)


class Listener:
    """One process that would hear the stream. `silence` and `holder` are for tests that have no time."""

    def __init__(self, letterbox: Letterbox, *, silence: float = 21.0, holder: str = "") -> None:
        self.holder = holder or leases.a_holder()
        self.heard = 0
        self.is_ending = False  # besides the cancelling, which may be swallowed
        self._letterbox = letterbox
        self._silence = silence
        self._back_off = BackOff()
        self._known = Directory()
        self._known_at = float("-inf")
        self._lost_at: datetime | None = None
        self._redis = Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)

    async def run(self) -> None:
        """Hear until cancelled."""
        while not self.is_ending:
            if not settings.TWITTER_STREAM or not settings.TWITTER_APP_BEARER or not await self._has_lease():
                await asyncio.sleep(5)
                continue
            wait = await self.hear_once()
            if not self.is_ending:
                await self._wait(wait)

    async def hear_once(self) -> float:
        """One connection, from its beginning to its end; returns after how many seconds to try again."""
        renewing = asyncio.create_task(self._keep_lease())
        lost = Lost(Trouble.CLOSED, "The lease went to another process.")
        try:
            hearing = asyncio.create_task(self._hear())
            done, _ = await asyncio.wait({hearing, renewing}, return_when=asyncio.FIRST_COMPLETED)
            if hearing in done:
                lost = hearing.result()
        finally:
            await _end(hearing, renewing)
        await self._in_database(lambda: _note_lost(lost))
        self._lost_at = self._lost_at or timezone.now()
        if lost.trouble == Trouble.TOO_MANY:
            await self._in_database(_forget_connections)
        log.warning("The stream was lost (%s): %s", lost.trouble, lost.why)
        return self._back_off.next(lost.trouble)

    async def close(self) -> None:
        """Let go of the lease: the next process need not wait for its end."""
        await self._in_database(lambda: leases.give_back(LEASE, holder=self.holder))
        await self._redis.aclose()

    async def _hear(self) -> Lost:
        stream = Stream(base_url=settings.TWITTER_URL, bearer=settings.TWITTER_APP_BEARER, silence=self._silence)
        backfill = BACKFILL_MINUTES if await self._may_have_missed() else 0
        async for heard in stream.hear(backfill_minutes=backfill):
            match heard:
                case Connected():
                    await self._connected()
                case Beat():
                    await self._in_database(_mark)
                case Line(body=body):
                    await self._take(body)
                case Lost():
                    return heard
        return Lost(Trouble.CLOSED, "The stream ended.")

    async def _may_have_missed(self) -> bool:
        """Whether the plan lets us hear the last minutes again, and somebody has heard the stream before."""
        if settings.TWITTER_PLAN != "enterprise":
            return False
        return self._lost_at is not None or bool(await self._in_database(_was_heard))

    async def _connected(self) -> None:
        self._back_off.had_one()
        since, self._lost_at = self._lost_at, None
        await self._in_database(lambda: _note_connected(since))

    async def _take(self, body: bytes) -> None:
        """Put one line where it belongs. Of a database that is away, the line waits: what Twitter sends meanwhile
        waits too, and the connection breaks at last, which is noted."""
        is_time = time.monotonic() - self._known_at > DIRECTORY_SECONDS
        if is_time:
            self._known = await self._in_database(listening.directory) or self._known
            self._known_at = time.monotonic()
        for letter in letters_of(body, self._known):
            while True:
                try:
                    address = await self._letterbox.put(letter)
                    break
                except NotStored as error:
                    log.error("A line of the stream cannot be stored yet: %s", error)
                    await asyncio.sleep(1)
            self.heard += 1
            if address:
                with suppress(RedisError, OSError):
                    await self._redis.publish(_arrivals(), address[0])
        if is_time:
            await self._in_database(_mark)

    async def _keep_lease(self) -> None:
        while await self._has_lease():
            await asyncio.sleep(RENEWED_SECONDS)

    async def _has_lease(self) -> bool:
        return bool(await self._in_database(lambda: leases.take(LEASE, holder=self.holder)))

    async def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self.is_ending and (left := until - time.monotonic()) > 0 and await self._has_lease():
            await asyncio.sleep(min(left, RENEWED_SECONDS))

    async def _in_database(self, function: Callable[[], T]) -> T | None:
        """A database that is away is no reason to end; what was asked for is then None."""
        try:
            return await sync_to_async(_alone)(function)
        except DatabaseError as error:
            log.warning("The database is away (%s); trying again.", str(error).strip())
            return None


def letters_of(body: bytes, known: Directory) -> list[Letter]:
    """What one line puts into brands; a line that cannot be read is kept among the strays."""
    try:
        tweet_id = int(msgspec.json.decode(body)["data"]["id"])
        if not 0 < tweet_id < 2**63:
            raise ValueError("not an id of Twitter's")  # the database would refuse it again and again
        addressed = listening.addressed(body, known)
    except (msgspec.MsgspecError, KeyError, TypeError, ValueError, AttributeError):
        return [Letter("", 0, None, body, stray_reason="malformed")]
    return [
        Letter(ArrivalKind.TWEET, tweet_id, handle_id, told, source=Source.STREAM)
        for handle_id, told in addressed.items()
    ]


def _alone(function: Callable[[], T]) -> T:
    try:
        return function()
    except DatabaseError:
        connection.close()
        raise
    finally:
        close_old_connections()


def _mark() -> None:
    with entry.directory():
        outages.note_heard(now=timezone.now())
    live.mark("stream")


def _was_heard() -> bool:
    with entry.directory():
        return outages.last_heard() is not None


def _note_lost(lost: Lost) -> None:
    with entry.directory():
        outages.begin(outages.STREAM, why=f"The stream is lost: {lost.why}", now=timezone.now(), trouble=lost.trouble)
        if lost.trouble == Trouble.CREDITS:
            outages.credits_gone(lost.why, now=timezone.now())


def _note_connected(since: datetime | None) -> None:
    live.mark("stream")
    with entry.directory():
        was, heard = outages.end(outages.STREAM), outages.last_heard()
        outages.note_heard(now=timezone.now())
    # A process that was killed, or asked to end, told nobody that it hears no more: what it heard last says so.
    begun = min(filter(None, (since, was.since if was else None, heard)), default=None)
    if begun:
        recovery.note_gap(source=Source.STREAM, begins_at=begun, ends_at=timezone.now(), why="The stream was lost.")


def _forget_connections() -> None:
    """A connection that broke without our end knowing counts for minutes: have Twitter forget all of them."""
    with suppress(Unavailable), AppAtTwitter(base_url=settings.TWITTER_URL, bearer=settings.TWITTER_APP_BEARER) as app:
        app.close_connections()


def _arrivals() -> str:
    return f"nightjar:{settings.DATABASES['default']['NAME']}:arrivals"
