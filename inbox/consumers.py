"""The screens' sockets. Decided once whether and what one hears; then only hints are passed on, never content."""

import asyncio
import logging
import random
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

from accounts import policies
from accounts import queries as people
from accounts.models import Membership, User
from inbox import queries
from tenants import entry, live
from tenants import queries as houses
from tenants.fanout import Fanout, Listener
from tenants.models import Brand, Domain

log = logging.getLogger(__name__)

LOGGED_OUT = 4401
ELSEWHERE = 4403
LONGEST_WORD = 200
LONGEST_LIFE = 12 * 3600.0  # seconds; a little less for most, so that they do not all come back at once


@dataclass(frozen=True)
class Watcher:
    """Who opened a socket: what they may hear of, by Redis channel, and where each of those brands stands now."""

    session_key: str
    user_id: int
    slug_of: dict[str, str]
    seqs: dict[str, int]


class ScreenConsumer(AsyncJsonWebsocketConsumer):
    """One screen of one agent: hints of every brand that they may enter from this host."""

    fanout: Fanout
    watcher: Watcher | None = None

    async def connect(self) -> None:
        headers = dict(self.scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1")
        # The front door says whether the page came by https; the scheme is part of an origin.
        scheme = "https" if self.scope["scheme"] == "wss" else "http"
        if not host or headers.get(b"origin", b"").decode("latin-1") != f"{scheme}://{host}":
            await self.close(code=ELSEWHERE)
            return
        session_key = _session_key(headers.get(b"cookie", b"").decode("latin-1"))
        heard_before = self.fanout.heard
        watcher = await sync_to_async(identify)(host=host, session_key=session_key)
        await self.accept()
        if watcher is None:
            await self.close(code=LOGGED_OUT)
            return
        self.who = {"host": host, "session_key": session_key}
        self.watcher, self.listener = watcher, Listener()
        self.channels = [*watcher.slug_of, live.channel("ended", "sessions")]
        self.fanout.subscribe(self.listener, self.channels)
        if self.fanout.heard == heard_before:
            await self.send_json({"hello": watcher.seqs})
        elif not await self._say_hello():  # something was said between the look and the subscription: look again
            return
        self.tasks = [asyncio.create_task(self._pass_hints_on()), asyncio.create_task(self._look_at_who())]
        for task in self.tasks:
            task.add_done_callback(self._close_if_broken)

    async def disconnect(self, code: int) -> None:
        if self.watcher is not None:
            self.fanout.unsubscribe(self.listener, self.channels)
        for task in getattr(self, "tasks", []):
            task.cancel()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None, **kwargs: Any) -> None:
        if text_data and len(text_data) <= LONGEST_WORD:  # all that a screen says is a ping
            await super().receive(text_data=text_data)

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
            elif "ended_person" in what:
                # A new password, another role, or none: who this is, is looked up anew.
                if what["ended_person"] == self.watcher.user_id and not await self._say_hello():
                    return
            elif "look" in what:
                if not await self._say_hello():
                    return
            elif channel in self.watcher.slug_of:
                await self.send_json({"brand": self.watcher.slug_of[channel], **what})

    async def _say_hello(self) -> bool:
        """Where each brand stands: a screen that is behind looks again. Whether anybody is still there to hear it."""
        watcher = await sync_to_async(identify)(**self.who)
        if watcher is None:
            await self.close(code=LOGGED_OUT)
            return False
        self._hear_only(watcher)
        await self.send_json({"hello": watcher.seqs})
        return True

    async def _look_at_who(self) -> None:
        """A right that ended without a word (expired, a lost role, Redis away) ends the hearing all the same."""
        until = time.monotonic() + LONGEST_LIFE * random.uniform(0.9, 1)
        while time.monotonic() < until:
            await asyncio.sleep(settings.LIVE_RECHECK.total_seconds())
            watcher = await sync_to_async(identify)(**self.who)
            if watcher is None:
                await self.close(code=LOGGED_OUT)
                return
            if self._hear_only(watcher):
                await self.send_json({"hello": watcher.seqs})
        await self.close(code=1012)

    def _hear_only(self, watcher: Watcher) -> bool:
        """Listen to the brands that this person may enter now; whether that was news."""
        assert self.watcher is not None
        before, self.watcher = self.watcher, watcher
        if before.slug_of == watcher.slug_of:
            return False
        self.fanout.unsubscribe(self.listener, self.channels)
        self.channels = [*watcher.slug_of, live.channel("ended", "sessions")]
        self.fanout.subscribe(self.listener, self.channels)
        return True

    def _close_if_broken(self, task: asyncio.Task[None]) -> None:
        """A socket that no longer passes hints on must not look alive: the screen comes back by itself."""
        error = None if task.cancelled() else task.exception()
        # An OSError: the screen is gone, and there is nothing left to close.
        if error and not isinstance(error, OSError):
            log.warning("A screen's socket broke (%s); the screen comes back.", str(error).strip())
            self.closing = asyncio.create_task(self.close(code=1011))


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
        brands = [] if _lacks_a_factor(user, memberships, domain.agency_id) else _brands_heard(domain, memberships)
    if not memberships:
        return None
    return Watcher(
        session_key=session_key,
        user_id=user.pk,
        slug_of={live.channel("brand", brand.pk): brand.slug for brand in brands},
        seqs={brand.slug: entry.in_brand(brand, queries.newest_seq) for brand in brands},
    )


def _lacks_a_factor(user: User, memberships: list[Membership], agency_id: int) -> bool:
    """Whether the pages would send this person to add a second factor first: until then there is nothing to hear."""
    must = policies.needs_second_factor(user, memberships, agency_id=agency_id)
    return must and not people.factors_of(user)


def _brands_heard(domain: Domain, memberships: list[Membership]) -> list[Brand]:
    """The brands that somebody with these memberships may look into from this host."""
    brands = [brand for brand in houses.brands_of(domain.agency_id) if domain.brand_id in (None, brand.pk)]
    roles = {brand.pk: people.role_in(memberships, brand_id=brand.pk) for brand in brands}
    return [each for each in brands if (role := roles[each.pk]) and not policies.is_closed_to(role, each)]


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
