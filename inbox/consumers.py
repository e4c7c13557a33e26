"""The screens' sockets. Decided once whether and what one hears; then only hints are passed on, never content."""

import asyncio
import time
from dataclasses import dataclass
from http.cookies import SimpleCookie
from importlib import import_module
from typing import Any

from asgiref.sync import sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.db import close_old_connections
from django.utils.crypto import constant_time_compare

from accounts import queries as people
from accounts.models import User
from inbox import queries
from tenants import entry, live
from tenants import queries as houses
from tenants.fanout import Fanout, Listener

LOGGED_OUT = 4401
ELSEWHERE = 4403
LOOK_AGAIN_AT_WHO = 60.0


@dataclass(frozen=True)
class Watcher:
    """Who opened a socket: what they may hear of, by Redis channel, and where each of those brands stands now."""

    session_key: str
    slug_of: dict[str, str]
    seqs: dict[str, int]


class ScreenConsumer(AsyncJsonWebsocketConsumer):
    """One screen of one agent: hints of every brand that they may enter from this host."""

    fanout: Fanout
    watcher: Watcher | None = None

    async def connect(self) -> None:
        headers = dict(self.scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1")
        if not _is_same_origin(headers.get(b"origin", b"").decode("latin-1"), host):
            await self.close(code=ELSEWHERE)
            return
        session_key = _session_key(headers.get(b"cookie", b"").decode("latin-1"))
        watcher = await sync_to_async(identify)(host=host, session_key=session_key)
        await self.accept()
        if watcher is None:
            await self.close(code=LOGGED_OUT)
            return
        self.watcher, self.listener = watcher, Listener()
        self.channels = [*watcher.slug_of, live.channel("ended", "sessions")]
        self.fanout.subscribe(self.listener, self.channels)
        # Where each brand stands is read after the subscription, so that nothing falls between the two.
        self.who = {"host": host, "session_key": session_key}
        await self._say_hello()
        self.tasks = [
            asyncio.create_task(self._pass_hints_on()),
            asyncio.create_task(self._look_at_who(host=host, session_key=session_key)),
        ]

    async def disconnect(self, code: int) -> None:
        if self.watcher is not None:
            self.fanout.unsubscribe(self.listener, self.channels)
        for task in getattr(self, "tasks", []):
            task.cancel()

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        if isinstance(content, dict) and isinstance(content.get("ping"), int):
            await self.send_json({"pong": content["ping"]})

    @classmethod
    async def decode_json(cls, text_data: str) -> Any:
        try:
            return await super().decode_json(text_data)
        except ValueError:
            return None

    async def _pass_hints_on(self) -> None:
        assert self.watcher is not None
        while True:
            channel, what = await self.listener.queue.get()
            if "ended" in what:
                if what["ended"] == self.watcher.session_key:
                    await self.close(code=LOGGED_OUT)
                    return
            elif "look" in what:
                await self._say_hello()
            elif channel in self.watcher.slug_of:
                await self.send_json({"brand": self.watcher.slug_of[channel], **what})

    async def _say_hello(self) -> None:
        """Where each brand stands: a screen that is behind looks again."""
        watcher = await sync_to_async(identify)(**self.who)
        if watcher is None:
            await self.close(code=LOGGED_OUT)
        else:
            await self.send_json({"hello": watcher.seqs})

    async def _look_at_who(self, *, host: str, session_key: str) -> None:
        """A session that ended without a word (expired, a lost role, Redis away) closes its socket all the same."""
        started = time.monotonic()
        while time.monotonic() - started < 12 * 3600:
            await asyncio.sleep(LOOK_AGAIN_AT_WHO)
            if await sync_to_async(identify)(host=host, session_key=session_key) is None:
                await self.close(code=LOGGED_OUT)
                return
        await self.close(code=1012)


def identify(*, host: str, session_key: str) -> Watcher | None:
    """Who holds this session on this host, and what they may hear. Enters, asks, leaves; called in a worker thread."""
    close_old_connections()
    with entry.directory():
        domain = houses.domain_named(host.rsplit(":", 1)[0].lower())
        if domain is None or not session_key:
            return None
        user = _user_of(session_key, host)
        if user is None:
            return None
        memberships = people.memberships_of(user, agency_id=domain.agency_id)
        brands = [
            brand
            for brand in houses.brands_of(domain.agency_id)
            if people.role_in(memberships, brand_id=brand.pk) and domain.brand_id in (None, brand.pk)
        ]
    if not memberships:
        return None
    return Watcher(
        session_key=session_key,
        slug_of={live.channel("brand", brand.pk): brand.slug for brand in brands},
        seqs={brand.slug: entry.in_brand(brand, queries.newest_seq) for brand in brands},
    )


def _user_of(session_key: str, host: str) -> User | None:
    session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    if session.get("host") != host or SESSION_KEY not in session:
        return None
    user = User.objects.filter(pk=session[SESSION_KEY], is_active=True).first()
    if user is None or not constant_time_compare(session.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash()):
        return None
    return user


def _session_key(cookies: str) -> str:
    morsel = SimpleCookie(cookies).get(settings.SESSION_COOKIE_NAME)
    return morsel.value if morsel else ""


def _is_same_origin(origin: str, host: str) -> bool:
    return bool(host) and origin in (f"http://{host}", f"https://{host}")
