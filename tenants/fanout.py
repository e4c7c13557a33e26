"""The receiving end of hints: one Redis subscription per process, a bounded queue per socket.

A socket that does not keep up loses hints, never truth: its queue is emptied and it is told to look again.
"""

import asyncio
import json
import logging
from collections import defaultdict
from typing import Any

from redis import RedisError
from redis.asyncio import Redis

log = logging.getLogger(__name__)

LONGEST_QUEUE = 200
LOOK_AGAIN: dict[str, Any] = {"look": "again"}


class Listener:
    """One socket's ear: what was said on the channels it listens to, in order."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue(maxsize=LONGEST_QUEUE)

    def hear(self, channel: str, what: dict[str, Any]) -> None:
        """Queue one line; on overflow drop all of them for one "look again"."""
        if self.queue.full():
            while not self.queue.empty():
                self.queue.get_nowait()
            what = LOOK_AGAIN
        self.queue.put_nowait((channel, what))


class Fanout:
    """The process's one subscription, and who listens to what."""

    def __init__(self, *, url: str, pattern: str) -> None:
        self._url, self._pattern = url, pattern
        self.heard = 0  # grows with every word: who sees it unchanged has missed none
        self._listeners: dict[str, set[Listener]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen to Redis; from within the loop."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._listen())

    async def stop(self) -> None:
        """Stop listening."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def subscribe(self, listener: Listener, channels: list[str]) -> None:
        """From now on this listener hears these channels."""
        for channel in channels:
            self._listeners[channel].add(listener)

    def unsubscribe(self, listener: Listener, channels: list[str]) -> None:
        """This listener hears these channels no more."""
        for channel in channels:
            self._listeners[channel].discard(listener)
            if not self._listeners[channel]:
                del self._listeners[channel]

    async def _listen(self) -> None:
        while True:
            # No socket time-out: redis-py 8's own closes an idle subscription after five seconds.
            redis = Redis.from_url(self._url, socket_timeout=None, socket_connect_timeout=5, health_check_interval=0)
            try:
                async with redis.pubsub() as subscription:
                    await subscription.psubscribe(self._pattern)
                    self._tell_everyone_to_look_again()
                    async for message in subscription.listen():
                        if message["type"] == "pmessage":
                            self._pass_on(message["channel"].decode(), message["data"])
            except (RedisError, OSError) as error:
                log.warning("The hints' subscription broke (%s); trying again.", error)
                await asyncio.sleep(0.5)
            finally:
                await redis.aclose()

    def _pass_on(self, channel: str, data: bytes) -> None:
        self.heard += 1
        listeners = self._listeners.get(channel)
        if listeners:
            what = json.loads(data)
            for listener in tuple(listeners):
                listener.hear(channel, what)

    def _tell_everyone_to_look_again(self) -> None:
        self.heard += 1
        # Once each, however many channels one listens to.
        for listener in set[Listener]().union(*self._listeners.values()):
            listener.hear("", LOOK_AGAIN)
