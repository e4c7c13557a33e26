"""`manage.py carry`: the carrier. Takes stored arrivals through the flow, brand by brand, as soon as it is nudged."""

import logging
import signal
import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError, close_old_connections, connection
from django.utils import timezone
from redis import Redis, RedisError
from redis.client import PubSub

from inbox import queries
from inbox.domain import flow
from tenants import entry
from tenants import queries as houses

log = logging.getLogger(__name__)

SWEEP_SECONDS = 5.0


class Command(BaseCommand):
    help = "Carry stored arrivals into conversations: at once when nudged, and by a sweep every five seconds."

    def handle(self, *args: Any, **options: Any) -> None:
        self._going = True
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        next_sweep = 0.0
        ear = _Ear()
        while self._going:
            schemas = ear.listen(seconds=max(0.0, min(1.0, next_sweep - time.monotonic())))
            try:
                if time.monotonic() >= next_sweep:
                    next_sweep = time.monotonic() + SWEEP_SECONDS
                    schemas = _waiting_schemas()
                for schema in sorted(schemas):
                    carry_brand(schema)
            except DatabaseError as error:
                log.warning("The database is away (%s); trying again.", str(error).strip())
                connection.close()
                time.sleep(0.5)
            close_old_connections()

    def _stop(self, *_: Any) -> None:
        self._going = False


def carry_brand(schema: str) -> None:
    """Carry one batch of one brand; the rest waits for its next turn, so that no brand starves another."""
    try:
        brand = entry.brand_named(schema)
    except entry.UnknownBrand:
        return
    with entry.brand(brand):
        flow.carry_all(brand=brand, now=timezone.now())


def _waiting_schemas() -> set[str]:
    waiting = set()
    with entry.directory():
        schemas = houses.all_schemas()
    for schema in schemas:
        try:
            brand = entry.brand_named(schema)
        except entry.UnknownBrand:
            continue
        if entry.in_brand(brand, queries.arrivals_waiting):
            waiting.add(schema)
    return waiting


class _Ear:
    """Hears nudges; a Redis that is away means waiting for the sweep."""

    def __init__(self) -> None:
        self._subscription: PubSub | None = None

    def listen(self, *, seconds: float) -> set[str]:
        """The schemas that were nudged, waiting at most so long for the first."""
        try:
            heard = self._next(seconds)
            schemas: set[str] = set()
            while heard is not None:
                schemas |= set(heard.split())
                heard = self._next(0)
            return schemas
        except (RedisError, OSError):
            self._subscription = None
            time.sleep(min(seconds, 0.5))
            return set()

    def _next(self, seconds: float) -> str | None:
        if self._subscription is None:
            redis = Redis.from_url(settings.REDIS_URL, socket_timeout=None, socket_connect_timeout=2)
            self._subscription = redis.pubsub(ignore_subscribe_messages=True)
            self._subscription.subscribe(f"nightjar:{settings.DATABASES['default']['NAME']}:arrivals")
        deadline = time.monotonic() + seconds
        while True:
            message = self._subscription.get_message(timeout=max(0.0, deadline - time.monotonic()))
            if message is not None:
                return str(message["data"].decode())
            if time.monotonic() >= deadline:
                return None
