"""`manage.py carry`: the carrier. Takes stored arrivals through the flow, brand by brand, as soon as it is nudged.

Several may share the brands: `--part 2/3` carries every third brand, by its key. Brands take turns of one bounded batch
each, whoever waited longest first, so none starves another. While there is little to do an arrival is carried at once;
the busier the carrier is, the longer it lets a brand's arrivals gather, since a batch costs nearly as much as its first
tweet.
"""

import gc
import logging
import signal
import time
from argparse import ArgumentTypeError
from collections.abc import Collection, Iterable
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, close_old_connections, connection
from django.utils import timezone
from redis import Redis, RedisError
from redis.client import PubSub

from inbox import queries
from inbox.domain import flow, routing
from tenants import entry, live
from tenants import queries as houses
from tenants.database import bulk
from tenants.models import Brand

log = logging.getLogger(__name__)

SWEEP_SECONDS = 5.0
JUST_NOW = 1.0  # whoever had a turn so lately need not be asked by the sweep whether anything waits
# How often an agency's people are looked at, to be given what waits, while much comes; and which part of the time at
# most goes into it. Each brand is told in a transaction of its own, so a few times a second cost as much as carrying.
SHARE_OUT_SECONDS = 0.5
SHARE_OUT_AT_MOST = 1 / 20
LONGEST_PAUSE = 0.5  # between two turns of a brand, when the carrier has no time to spare
# The most that a brand is carried in one turn while others wait for theirs.
SHARED_BATCH = 200


class Command(BaseCommand):
    help = "Carry stored arrivals into conversations: at once when nudged, and by a sweep every five seconds."

    def add_arguments(self, parser: CommandParser) -> None:
        said = "carry every N-th brand, the K-th of each N"
        parser.add_argument("--part", type=part_of, default=(1, 1), metavar="K/N", help=said)

    def handle(self, *args: Any, part: tuple[int, int], **options: Any) -> None:
        self._going = True
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        bulk.plan_for_batches()
        # What is loaded stays; a batch makes thousands of small things that end with it, and none in circles.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 20)
        next_sweep = 0.0
        turns, mine, ear = Turns(), Brands(part), _Ear()
        while self._going:
            now = time.monotonic()
            turns.ask(mine.of(ear.listen(seconds=turns.seconds_until_next(now, at_most=max(0.0, next_sweep - now)))))
            if time.monotonic() >= next_sweep:
                next_sweep = time.monotonic() + SWEEP_SECONDS
                turns.ask(_waiting_schemas(mine, but=turns.since(now - JUST_NOW)))
                live.mark(mark_of(*part))
                close_old_connections()
            self._carry_a_round(turns, mine)
            sharing.share_out()

    def _carry_a_round(self, turns: "Turns", mine: "Brands") -> None:
        """One turn for each brand that is due."""
        due = turns.due(time.monotonic())
        for schema in due:
            if not self._going:
                return
            began = time.monotonic()
            limit = SHARED_BATCH if len(due) > 1 else flow.BATCH
            has_more = carry_turn(schema, limit=limit, brand=mine.known(schema))
            turns.took(schema, began=began, ended=time.monotonic(), has_more=has_more)
            sharing.share_out()

    def _stop(self, *_: Any) -> None:
        self._going = False


class Turns:
    """Whose turn it is: of the brands that wait, whoever had none for longest; once its arrivals have gathered."""

    def __init__(self) -> None:
        self._waiting: set[str] = set()
        self._last: dict[str, float] = {}  # when each brand's last turn began
        self._busy = 0.0  # the share of the last second or so in which something was carried
        self._until = 0.0

    def ask(self, schemas: Iterable[str]) -> None:
        """These have something to carry."""
        self._waiting.update(schemas)

    def due(self, now: float) -> list[str]:
        """Who takes a turn now, in their order."""
        latest = now - self.pause
        due = [schema for schema in self._waiting if self._last.get(schema, 0.0) <= latest]
        return sorted(due, key=lambda schema: (self._last.get(schema, 0.0), schema))

    def took(self, schema: str, *, began: float, ended: float, has_more: bool) -> None:
        """A turn was taken; whoever has more to carry goes on waiting."""
        if not has_more:
            self._waiting.discard(schema)
        self._last[schema] = began
        kept = max(0.0, 1.0 - (ended - self._until)) if self._until else 0.0
        self._busy, self._until = min(1.0, self._busy * kept + (ended - began)), ended

    def since(self, moment: float) -> set[str]:
        """Who had a turn since, or waits for one."""
        return self._waiting | {schema for schema, began in self._last.items() if began > moment}

    @property
    def pause(self) -> float:
        """How long arrivals of a brand gather between two turns: not at all while half of the time is free."""
        return LONGEST_PAUSE * min(1.0, max(0.0, (self._busy - 0.4) * 2)) ** 2

    def seconds_until_next(self, now: float, *, at_most: float) -> float:
        """How long nobody is due, if nobody else asks."""
        if not self._waiting:
            return min(1.0, at_most)
        first = min(self._last.get(schema, 0.0) for schema in self._waiting) + self.pause
        return max(0.0, min(first - now, 1.0, at_most))


class Brands:
    """The brands of one part, by their schemas; asked for anew with each sweep, and when one is named that is new."""

    def __init__(self, part: tuple[int, int] = (1, 1)) -> None:
        self._part = part
        self._mine: dict[str, Brand] = {}
        self._others: set[str] = set()

    def of(self, schemas: Collection[str]) -> list[str]:
        """Those of these brands that are in this part."""
        if not self._mine.keys() | self._others >= set(schemas):
            try:
                self.look()
            except DatabaseError:  # then the sweep finds what they have
                connection.close()
            self._others |= set(schemas) - self._mine.keys()
        return [schema for schema in schemas if schema in self._mine]

    def look(self) -> list[Brand]:
        """All brands of this part, as they are now."""
        with entry.directory():
            brands = houses.all_brands()
        self._mine = {brand.schema_name: brand for brand in brands if is_in_part(brand.pk, self._part)}
        self._others = {brand.schema_name for brand in brands} - self._mine.keys()
        return list(self._mine.values())

    def known(self, schema: str) -> Brand | None:
        """The brand with this schema, as it was at the last look."""
        return self._mine.get(schema)


def part_of(words: str) -> tuple[int, int]:
    """Which part of how many: "2/3"."""
    place, _, count = words.partition("/")
    if not (place.isdecimal() and count.isdecimal() and 1 <= int(place) <= int(count)):
        raise ArgumentTypeError(f"{words!r} is not a part; write 1/2 for the first of two.")
    return int(place), int(count)


def is_in_part(brand_id: int, part: tuple[int, int]) -> bool:
    """Whether this part carries this brand. Each brand is in exactly one of the parts."""
    place, count = part
    return brand_id % count == place - 1


def mark_of(place: int, count: int) -> str:
    """Under which name a carrier notes that it is alive."""
    return "carrier" if count == 1 else f"carrier {place}/{count}"


def carry_turn(schema: str, *, limit: int = flow.BATCH, brand: Brand | None = None) -> bool:
    """Carry one batch of one brand; returns whether more waits: for its next turn, so that none starves another.

    A brand that cannot be carried is logged and left until the next sweep.
    """
    try:
        brand = brand or entry.brand_named(schema)
        carried = entry.in_brand(brand, flow.carry, brand=brand, now=timezone.now(), limit=limit)
    except entry.UnknownBrand:
        return False
    except Exception:  # whatever ails one brand, the others are carried
        log.exception("%s could not be carried; trying again soon.", schema)
        connection.close()
        return False
    if carried.count:
        sharing.want(brand.agency_id)
    return carried.count >= limit


class Sharing:
    """Which agencies have work that may be given to somebody, and when each may be looked at again."""

    def __init__(self) -> None:
        self._wanted: set[int] = set()
        self._not_before: dict[int, float] = {}

    def want(self, agency_id: int) -> None:
        """Something came to this agency, or may have."""
        self._wanted.add(agency_id)

    def share_out(self) -> None:
        """Give what waits to people who take it, where something came and the last look is a moment ago."""
        began = time.monotonic()
        for agency_id in [each for each in sorted(self._wanted) if self._not_before.get(each, 0.0) <= began]:
            self._wanted.discard(agency_id)
            try:
                if routing.share_out(agency_id=agency_id, now=timezone.now()):
                    self._wanted.add(agency_id)
            except DatabaseError as error:
                log.error("What waits at agency %d was given to nobody: %s", agency_id, str(error).strip())
                connection.close()
            ended = time.monotonic()
            rest = (ended - began) * (1 / SHARE_OUT_AT_MOST - 1)
            self._not_before[agency_id] = ended + max(SHARE_OUT_SECONDS, rest)
            began = ended


sharing = Sharing()


def _waiting_schemas(mine: Brands, *, but: Collection[str] = ()) -> set[str]:
    """Who has something to carry. Those that are looked at anyway are not asked."""
    try:
        brands = mine.look()
    except DatabaseError as error:
        log.warning("The database is away (%s); trying again.", str(error).strip())
        connection.close()
        return set()
    for brand in brands:
        sharing.want(brand.agency_id)
    return {brand.schema_name for brand in brands if brand.schema_name not in but and _has_waiting(brand)}


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
