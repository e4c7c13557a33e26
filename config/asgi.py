"""The live door, served by uvicorn: Twitter's webhook and the screens' sockets. No pages, no ORM in the hot path."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from asgiref.sync import sync_to_async  # noqa: E402
from channels.routing import URLRouter  # noqa: E402
from django.conf import settings  # noqa: E402
from django.db import DatabaseError, close_old_connections  # noqa: E402
from django.urls import path  # noqa: E402
from django.utils import timezone  # noqa: E402
from redis import RedisError  # noqa: E402
from redis.asyncio import Redis  # noqa: E402

from inbox.consumers import ScreenConsumer  # noqa: E402
from inbox.domain import outages, pulses  # noqa: E402
from inbox.webhooks import TwitterDoor, answer  # noqa: E402
from tenants import entry  # noqa: E402
from tenants import queries as houses  # noqa: E402
from tenants.fanout import Fanout  # noqa: E402
from tenants.letterbox import Letterbox  # noqa: E402

_DATABASE = settings.DATABASES["default"]["NAME"]
ARRIVALS = f"nightjar:{_DATABASE}:arrivals"


class Application:
    """Routes what the front door passes on: the webhook, the sockets, the health check."""

    def __init__(self) -> None:
        self.letterbox = Letterbox(settings.LETTERBOX_DATABASE_URL)
        self.redis = Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)
        self.fanout = Fanout(url=settings.REDIS_URL, pattern=f"nightjar:{_DATABASE}:*")
        self.twitter = TwitterDoor(secret=settings.TWITTER_CONSUMER_SECRET, letterbox=self.letterbox, nudged=self.nudge)
        ScreenConsumer.fanout = self.fanout
        self.sockets = URLRouter([path("live/", ScreenConsumer.as_asgi())])
        self._nudged: set[str] = set()
        self._nudging: asyncio.Task[None] | None = None

    async def __call__(self, scope: dict[str, Any], receive: Callable, send: Callable[..., Awaitable[None]]) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "websocket":
            await self._socket(scope, receive, send)
        elif scope["path"] == "/twitter/webhook":
            await self.twitter(scope, receive, send)
        elif scope["path"] == "/metrics":  # the front door leads nobody here: it is for this machine alone
            await self._measure(send)
        elif scope["path"] == "/live/healthz":
            await answer(send, 200, {"title": "ok", "webhook": dict(self.twitter.counts)})
        else:
            await answer(send, 404, {"title": "Nothing lives here."})

    async def nudge(self, schema: str) -> None:
        """Tell the carriers that this brand has arrivals; several within a few milliseconds are told together."""
        self._nudged.add(schema)
        if self._nudging is None or self._nudging.done():
            self._nudging = asyncio.create_task(self._tell_carriers())

    async def _tell_carriers(self) -> None:
        await asyncio.sleep(0.002)
        while self._nudged:
            schemas, self._nudged = self._nudged, set()
            try:
                await self.redis.publish(ARRIVALS, " ".join(sorted(schemas)))
            except (RedisError, OSError):
                return  # the carrier's sweep comes by anyway

    async def _socket(self, scope: dict[str, Any], receive: Callable, send: Callable[..., Awaitable[None]]) -> None:
        if scope["path"] == "/live/":
            await self.sockets(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 4404})

    async def _measure(self, send: Callable[..., Awaitable[None]]) -> None:
        counts = [f'nightjar_webhook_calls_total{{result="{name}"}} {n}' for name, n in self.twitter.counts.items()]
        body = "\n".join([*counts, *await sync_to_async(_figures)(), ""]).encode()
        headers = [(b"content-type", b"text/plain; version=0.0.4"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _live(self, receive: Callable, send: Callable[..., Awaitable[None]]) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self.letterbox.open()
                self.fanout.start()
                await send({"type": "lifespan.startup.complete"})
            else:
                await self.fanout.stop()
                await self.letterbox.close()
                await self.redis.aclose()
                await send({"type": "lifespan.shutdown.complete"})
                return


def _figures() -> list[str]:
    """Every brand's pulses and the app's states. A brand that cannot be read is left out: the doctor tells of it."""
    with entry.directory():
        lines, brands = outages.figures(now=timezone.now()), houses.all_brands()
    for brand in brands:
        with suppress(DatabaseError):
            lines += entry.in_brand(brand, pulses.figures)
    close_old_connections()
    return lines


application = Application()
