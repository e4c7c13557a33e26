"""A stream of arrivals through the real carriers: offered at a rate, carried by their own processes, measured outside.

What is measured is what somebody else sees: `received_at` as the producer stored it, and the hint that goes out when
the event of that tweet is committed. Nothing is read from the carriers but how their time was shared out.
"""

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from redis import Redis

from inbox import queries
from inbox.domain import routing
from inbox.enums import EventKind
from inbox.management.benches import house, lags, producer, stages
from inbox.management.benches.figures import rate
from inbox.management.benches.lags import Passage
from inbox.management.benches.machine import Parts, server_roots
from tenants import entry, live
from tenants.models import Brand

PATIENCE = 240.0


def seconds(usual: float) -> float:
    """For how long to measure: what the measurement says, or `NIGHTJAR_BENCH_SECONDS` where that is less."""
    return min(usual, float(os.environ.get("NIGHTJAR_BENCH_SECONDS", usual)))


def number(name: str, usual: int) -> int:
    """How many of something: what the measurement says, or the variable `NIGHTJAR_BENCH_…` of this name."""
    return int(os.environ.get(f"NIGHTJAR_BENCH_{name}", usual))


@dataclass
class Phase:
    """What one phase came to."""

    offered: int
    seconds: float
    began_at: float
    producer_latest_s: float
    passages: list[Passage]
    machine: dict[str, float] = field(default_factory=dict)

    @property
    def offered_per_s(self) -> float:
        return rate(self.offered, self.seconds)

    @property
    def carried_per_s(self) -> float:
        """Carried while they were offered, once the first tenth of that time was over: by then some are under way."""
        since, until = self.began_at + self.seconds / 10, self.began_at + self.seconds
        return rate(sum(since < each.told_at <= until for each in self.passages), until - since)

    @property
    def all_carried_after_s(self) -> float:
        """From the first one that was stored to the last one's event."""
        return round(max(each.told_at for each in self.passages) - self.began_at, 2)

    def told(self) -> dict[str, Any]:
        """What a line says of it."""
        found = lags.backlog(self.passages, began_at=self.began_at, seconds=self.seconds)
        return {
            "offered_per_s": self.offered_per_s,
            "carried_per_s": self.carried_per_s,
            **{f"lag_{name}": value for name, value in lags.figures(self.passages).items()},
            **found,
            "producer_latest_s": self.producer_latest_s,
        }


class Stream:
    """Brands, the carriers that serve them, and an ear for what they tell. Use it as a context."""

    def __init__(self, brands: Sequence[Brand]) -> None:
        self.brands = list(brands)
        self._sent = dict.fromkeys((brand.pk for brand in self.brands), 0)
        self._ear = Ear()
        self._carriers: list[subprocess.Popen[str]] = []
        self.told_of_stages: list[dict[str, Any]] = []

    def serve(self, brands: Sequence[Brand]) -> None:
        """Offer to these brands from now on."""
        self.brands = list(brands)
        self._sent |= {brand.pk: 0 for brand in self.brands if brand.pk not in self._sent}

    def __enter__(self) -> "Stream":
        self._ear.start()
        self.start_carriers()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop_carriers()
        self._ear.stop()

    def start_carriers(self) -> None:
        """As many as the settings say, each as `make run` starts it, with a clock on its stages."""
        count = settings.CARRIERS
        usual = json.dumps([["carry", "--part", f"{place}/{count}"] for place in range(1, count + 1)])
        for words in json.loads(os.environ.get("NIGHTJAR_BENCH_CARRIERS", usual)):
            self._carriers.append(process_of("carrier", "--words", json.dumps(words)))
        for each in self._carriers:
            hear(each, "ready")
        time.sleep(1.0)  # each listens before it looks for the first time

    def stop_carriers(self) -> list[dict[str, Any]]:
        """End them; what each says of its stages."""
        carriers, self._carriers = self._carriers, []
        for each in carriers:
            each.terminate()
        self.told_of_stages = [json.loads(each.communicate(timeout=60)[0].splitlines()[-1]) for each in carriers]
        return self.told_of_stages

    def offer(self, *, rate: float, seconds: float, weights: Mapping[int, float] | None = None) -> Phase:
        """Store so many a second, and wait until all of them are carried. `weights` is by brand; usually all alike."""
        weights = weights or {}
        whole = sum(weights.get(brand.pk, 1.0) for brand in self.brands)
        counts = {brand.pk: round(rate * seconds * weights.get(brand.pk, 1.0) / whole) for brand in self.brands}
        process = self._producer(counts, seconds)
        parts = Parts(self._roots(process))
        parts.begin()
        began = time.monotonic()
        say(process, "go")
        assert process.stdout
        answer = json.loads(process.stdout.readline())
        machine = parts.end(seconds=time.monotonic() - began)
        process.wait(timeout=60)
        self._wait_until_carried()
        passages = self._passages(answer["began_at"])
        assert len(passages) == answer["stored"], (len(passages), answer)
        return Phase(
            offered=answer["stored"],
            seconds=max(seconds, answer["seconds"]),
            began_at=answer["began_at"],
            producer_latest_s=answer["latest_s"],
            passages=passages,
            machine=machine,
        )

    def check(self) -> dict[str, int]:
        """Every arrival became one message and was told once; conversations, desk and history agree, or it raises.

        Returns how many conversations somebody was given, and how many of those the brand itself was not told yet.
        """
        given = left = 0
        for brand in self.brands:
            with entry.brand(brand):
                found = _counts()
                assert found["waiting"] == 0, (brand, found)
                assert found["arrivals"] == found["messages"] == found["told"] == self._sent[brand.pk], (brand, found)
                assert found["conversations"] == found["opened"] == found["on_desk"], (brand, found)
                left += routing.repair(now=datetime.now(UTC))
                given += _counts()["given"]
        return {"assigned": given, "assigned_left_to_the_sweep": left}

    def _producer(self, counts: Mapping[int, int], seconds: float) -> subprocess.Popen[str]:
        offers = [
            producer.Offer(
                brand.schema_name, house.handle_of(brand), f"Brand{brand.pk}", counts[brand.pk], self._sent[brand.pk]
            )
            for brand in self.brands
        ]
        for brand in self.brands:
            self._sent[brand.pk] += counts[brand.pk]
        process = process_of("producer")
        say(process, producer.orders(offers, seconds=seconds))
        hear(process, "ready")
        return process

    def _roots(self, process: subprocess.Popen[str]) -> dict[str, int]:
        roots = {"producer": process.pid, "bench_itself": os.getpid(), **server_roots()}
        roots |= {f"carrier_{number}": each.pid for number, each in enumerate(self._carriers, start=1)}
        return roots

    def _wait_until_carried(self) -> None:
        wait_until_carried(self.brands)

    def _passages(self, began_at: float) -> list[Passage]:
        return passages(self.brands, self._ear.heard, since=began_at)


def wait_until_carried(brands: Sequence[Brand]) -> None:
    """Wait until nothing waits in these brands, and the last hint is there."""
    until = time.monotonic() + PATIENCE
    for brand in brands:
        with entry.brand(brand):
            while queries.arrivals_waiting():
                if time.monotonic() > until:
                    raise RuntimeError(f"What was stored was not carried within {PATIENCE:.0f} s.")
                time.sleep(0.05)
    time.sleep(0.3)


def passages(brands: Sequence[Brand], heard: Sequence[tuple[float, int, int]], *, since: float) -> list[Passage]:
    """When each arrival of these brands was stored and told, by the hints that were heard."""
    hints = lags.hints_by_brand(heard)
    found = []
    for brand in brands:
        of_brand = hints.get(brand.pk, [])
        for seq, stored_at in stored(brand, since=since):
            told_at = lags.told_at(seq, of_brand)
            assert told_at is not None, f"No hint told event {seq} of {brand}."
            found.append(Passage(brand.pk, stored_at, told_at))
    return found


def stored(brand: Brand, *, since: float) -> list[tuple[int, float]]:
    """The number of each arrival's event, and when the arrival was stored."""
    with entry.brand(brand), connection.cursor() as cursor:
        cursor.execute(_STORED_AND_TOLD, [EventKind.MESSAGE_ARRIVED, datetime.fromtimestamp(since, UTC)])
        return list(cursor.fetchall())


_STORED_AND_TOLD = """
SELECT e.seq, extract(epoch FROM a.received_at)::float
FROM inbox_event e JOIN inbox_arrival a ON a.kind = 'tweet' AND a.twitter_id = e.message_id
WHERE e.kind = %s AND a.received_at >= %s
"""


def _counts() -> dict[str, int]:
    """What there is of everything in the brand that we stand in."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, {"brand": entry.current_brand_id()})
        names = [column[0] for column in cursor.description]
        return dict(zip(names, cursor.fetchone(), strict=True))


_COUNTS = """
SELECT
    (SELECT count(*) FROM inbox_arrival WHERE carried_at IS NULL) AS waiting,
    (SELECT count(*) FROM inbox_arrival) AS arrivals,
    (SELECT count(*) FROM inbox_message) AS messages,
    (SELECT count(DISTINCT message_id) FROM inbox_event WHERE kind = 'message_arrived') AS told,
    (SELECT count(*) FROM inbox_conversation) AS conversations,
    (SELECT count(*) FROM inbox_event WHERE kind = 'opened') AS opened,
    (SELECT count(*) FROM accounts_deskrow WHERE brand_id = %(brand)s) AS on_desk,
    (SELECT count(*) FROM inbox_conversation WHERE assignee_id IS NOT NULL) AS given
"""


class Ear(threading.Thread):
    """Hears every hint of every brand, and when."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.heard: list[tuple[float, int, int]] = []
        self._subscription = Redis.from_url(settings.REDIS_URL, socket_timeout=None).pubsub()
        self._beginning = live.channel("brand", "")
        self._subscription.psubscribe(f"{self._beginning}*")
        self._goes_on = True

    def run(self) -> None:
        while self._goes_on:
            message = self._subscription.get_message(ignore_subscribe_messages=True, timeout=0.2)
            if message:
                brand_id = int(message["channel"].decode().removeprefix(self._beginning))
                told = _SEQ.search(message["data"])
                if told:
                    self.heard.append((time.time(), brand_id, int(told[1])))

    def stop(self) -> None:
        self._goes_on = False
        self.join(timeout=5)
        self._subscription.close()


_SEQ = re.compile(rb'"seq": ?(\d+)')


def carrier(words: Sequence[str]) -> dict[str, Any]:
    """One carrier, as `make run` starts it (`words` of `manage.py`), until it is told to end; what its stages took."""
    watched = stages.Stages()
    watched.watch()
    print("ready", flush=True)  # noqa: T201, said to the process that started this one
    call_command(*words)
    return watched.told()


def process_of(part: str, *words: str) -> subprocess.Popen[str]:
    """A process of the measurement's own, of those in `commands/bench.py`."""
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "bench", "--part", part, *words]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def say(process: subprocess.Popen[str], line: str) -> None:
    """Tell such a process one line."""
    assert process.stdin
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


def hear(process: subprocess.Popen[str], word: str) -> None:
    """Wait until such a process says this word; raises where it says something else, or ends."""
    assert process.stdout
    heard = process.stdout.readline().strip()
    if heard != word:
        raise RuntimeError(f"A process of the measurement ended instead of saying {word!r}.")


@contextmanager
def listening() -> Iterator[Ear]:
    """An ear that hears every hint meanwhile."""
    ear = Ear()
    ear.start()
    try:
        yield ear
    finally:
        ear.stop()


@contextmanager
def people_at_work(count: int, *, capacity: int) -> Iterator[None]:
    """So many people of the agency take conversations meanwhile, each so many at once."""
    house.put_to_work(count, capacity=capacity)
    try:
        yield
    finally:
        house.put_to_work(0, capacity=1)
