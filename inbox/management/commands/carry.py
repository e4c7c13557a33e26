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
from tenants import entry, live
from tenants import queries as houses
from tenants.models import Brand

log = logging.getLogger(__name__)

SWEEP_SECONDS = 5.0


class Command(BaseCommand):
    help = "Carry stored arrivals into conversations: at once when nudged, and by a sweep every five seconds."

    def handle(self, *args: Any, **options: Any) -> None:
        self._going = True
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        next_sweep = 0.0
        waiting: set[str] = set()
        ear = _Ear()
        while self._going:
            idle = 0.0 if waiting else max(0.0, min(1.0, next_sweep - time.monotonic()))
            waiting |= ear.listen(seconds=idle)
            if time.monotonic() >= next_sweep:
                next_sweep = time.monotonic() + SWEEP_SECONDS
                waiting |= _waiting_schemas()
                live.mark("carrier")
            waiting = {schema for schema in sorted(waiting) if carry_turn(schema)}
            close_old_connections()

    def _stop(self, *_: Any) -> None:
        self._going = False


def carry_turn(schema: str) -> bool:
    """Carry one batch of one brand; returns whether more waits: for its next turn, so that none starves another.

    A brand that cannot be carried is logged and left until the next sweep.
    """
    try:
        brand = entry.brand_named(schema)
        carried = entry.in_brand(brand, flow.carry, brand=brand, now=timezone.now())
    except entry.UnknownBrand:
        return False
    except Exception:  # whatever ails one brand, the others are carried
        log.exception("%s could not be carried; trying again soon.", schema)
        connection.close()
        return False
    return carried.count >= flow.BATCH


def _waiting_schemas() -> set[str]:
    try:
        with entry.directory():
            brands = houses.all_brands()
    except DatabaseError as error:
        log.warning("The database is away (%s); trying again.", str(error).strip())
        connection.close()
        return set()
    return {brand.schema_name for brand in brands if _has_waiting(brand)}


def _has_waiting(brand: Brand) -> bool:
    try:
        return bool(entry.in_brand(brand, queries.arrivals_waiting))
    except DatabaseError as error:
        log.error("%s could not be asked: %s", brand.schema_name, str(error).strip())
        connection.close()
        return False


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
