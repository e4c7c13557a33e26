"""The carrier as a process: killed, doubled, alone without Redis, with a brand that has too much or is broken."""

import os
import signal
import subprocess
import sys
import threading
import time
from argparse import ArgumentTypeError
from contextlib import contextmanager
from itertools import pairwise

import pytest
from django.conf import settings
from django.db import connection
from redis import Redis

from inbox.domain import arrivals, flow
from inbox.enums import ArrivalKind, EventKind, Source
from inbox.management.commands import carry
from inbox.models import Arrival, Conversation, Event, Message
from tenants import schemas
from tests.conftest import NOON, committed, handle_of
from tests.factories import tweet_id
from tests.inbox.door import PROJECT, Wire
from tests.payloads import tweet_event

pytestmark = pytest.mark.commits
JO = 900_000_000_000_000_001
CHANNEL = f"nightjar:{settings.DATABASES['default']['NAME']}:arrivals"


def fill(brand, count, start=0):
    """So many arrivals, committed, of fifty customers."""
    with committed(brand):
        bodies = [
            (pk, tweet_event(id=pk, author_id=JO + number % 50, text="bag", mentions=[]))
            for number in range(start, start + count)
            if (pk := tweet_id(0, number))
        ]
        arrivals.store_all(bodies, kind=ArrivalKind.TWEET, handle_id=handle_of(brand), source=Source.WEBHOOK, now=NOON)


def waiting(brand):
    with committed(brand):
        return Arrival.objects.filter(carried_at=None).count()


def check_carried_once(brand, count):
    """Each arrival is one message, told once; each customer has one conversation; the history has no gap."""
    with committed(brand):
        assert Arrival.objects.filter(carried_at=None).count() == 0
        assert Message.objects.count() == Arrival.objects.count() == count
        assert Conversation.objects.count() == min(count, 50)
        assert sum(Conversation.objects.values_list("message_count", flat=True)) == count
        told = list(Event.objects.filter(kind=EventKind.MESSAGE_ARRIVED).values_list("message_id", flat=True))
        assert sorted(told) == sorted(Message.objects.values_list("pk", flat=True))
        numbers = list(Event.objects.order_by("seq").values_list("seq", flat=True))
        assert numbers == list(range(1, count + min(count, 50) + 1))


@contextmanager
def carrier(log, **more):
    """`manage.py carry`, truly; what is left of it afterwards is killed."""
    env = {**os.environ, **more}
    process = subprocess.Popen(
        [sys.executable, "manage.py", "carry"], env=env, cwd=PROJECT, stdout=log.open("ab"), stderr=subprocess.STDOUT
    )
    try:
        # It listens before it looks for the first time; until then it is Python starting on a busy machine.
        seconds_until(is_heard, at_most=60)
        yield process
    finally:
        process.kill()
        process.wait(timeout=10)
        seconds_until(lambda: not is_heard(), at_most=10)


def is_heard():
    """Whether a carrier of this run's database listens for nudges."""
    with Redis.from_url(settings.REDIS_URL) as redis:
        return redis.pubsub_numsub(CHANNEL)[0][1] > 0


def seconds_until(is_so, *, at_most):
    began = time.monotonic()
    while not is_so():
        assert time.monotonic() - began < at_most
        time.sleep(0.02)
    return time.monotonic() - began


def test_two_carriers_at_once_carry_each_arrival_once(new_brand):
    brand = new_brand()
    fill(brand, 1200)
    faults: list[BaseException] = []
    start = threading.Barrier(3)

    def work():
        try:
            start.wait(timeout=10)
            until = time.monotonic() + 60
            while waiting(brand) and time.monotonic() < until:
                with committed(brand):
                    flow.carry(brand=brand, now=NOON, limit=40)
        except BaseException as fault:
            faults.append(fault)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert faults == []
    check_carried_once(brand, 1200)


def test_a_turn_is_one_batch(new_brand):
    brand = new_brand()
    fill(brand, flow.BATCH + 1)

    turns = [carry.carry_turn(brand.schema_name) for _ in range(3)]

    assert turns == [True, False, False]
    check_carried_once(brand, flow.BATCH + 1)


def test_a_brand_that_is_gone_takes_no_turn(django_db_blocker):
    with django_db_blocker.unblock():
        assert carry.carry_turn("b_never_was") is False
        connection.close()


@pytest.mark.slow
def test_a_carrier_killed_in_the_middle_of_batches_loses_nothing_and_does_nothing_twice(new_brand, tmp_path):
    brand = new_brand()
    fill(brand, 20_000)
    rests = [20_000]

    for pause in (0.02, 0.1, 0.2):
        with carrier(tmp_path / "log") as process:
            seconds_until(lambda: waiting(brand) < rests[-1], at_most=30)
            time.sleep(pause)
            process.send_signal(signal.SIGKILL)
            process.wait(timeout=10)
        rests.append(waiting(brand))
    with carrier(tmp_path / "log"):
        seconds_until(lambda: waiting(brand) == 0, at_most=60)

    assert 0 < rests[-1] < rests[-2] < rests[-3]
    check_carried_once(brand, 20_000)


@pytest.mark.slow
def test_what_redis_forgets_the_sweep_finds(new_brand, tmp_path):
    """Emptied, then away, then back: each time the arrival is carried, and with a nudge it is carried at once."""
    brand = new_brand()
    own_number = settings.REDIS_URL.rpartition("/")[0] + "/9"  # others of this run use the other numbers
    wire = Wire(own_number)
    wire.mend()
    redis = Redis.from_url(own_number)

    with carrier(tmp_path / "log", NIGHTJAR_REDIS_URL=wire.url):
        fill(brand, 1)
        seconds_until(lambda: waiting(brand) == 0, at_most=30)
        redis.flushdb()
        fill(brand, 1, start=1)
        emptied = seconds_until(lambda: waiting(brand) == 0, at_most=30)
        wire.cut()
        fill(brand, 1, start=2)
        away = seconds_until(lambda: waiting(brand) == 0, at_most=30)
        wire.mend()
        seconds_until(is_heard, at_most=30)
        fill(brand, 1, start=3)
        redis.publish(CHANNEL, brand.schema_name)
        nudged = seconds_until(lambda: waiting(brand) == 0, at_most=30)
        wire.cut()

    assert max(emptied, away) < 10
    assert nudged < 2
    check_carried_once(brand, 4)
    redis.close()


@pytest.mark.slow
def test_one_brand_with_ten_thousand_waiting_does_not_keep_another_waiting(new_brand, tmp_path):
    """Rule 15, on a carrier that has just started and asks the crowded brand first."""
    crowded, small = new_brand(), new_brand()
    fill(crowded, 10_000)
    fill(small, 1)

    with carrier(tmp_path / "log"):
        seconds = seconds_until(lambda: waiting(small) == 0, at_most=20)
        left = waiting(crowded)

    assert seconds < 10
    assert left > 5_000
    assert crowded.schema_name < small.schema_name


@pytest.mark.slow
def test_one_broken_brand_does_not_stop_the_others(new_brand, tmp_path):
    broken, whole = new_brand(), new_brand()
    fill(broken, 3)
    with schemas.as_owner() as cursor:
        cursor.execute(f'DROP TABLE "{broken.schema_name}".inbox_message CASCADE')

    with carrier(tmp_path / "log") as process:
        fill(whole, 1)
        first = seconds_until(lambda: waiting(whole) == 0, at_most=20)
        fill(whole, 1, start=1)
        second = seconds_until(lambda: waiting(whole) == 0, at_most=20)
        is_running = process.poll() is None

    assert max(first, second) < 10
    assert is_running
    assert waiting(broken) == 3
    assert f"{broken.schema_name} could not be carried" in (tmp_path / "log").read_text()
    check_carried_once(whole, 2)


@pytest.mark.slow
def test_it_stops_when_asked_with_nothing_half_done(new_brand, tmp_path):
    brand = new_brand()
    fill(brand, 3000)

    with carrier(tmp_path / "log") as process:
        seconds_until(lambda: waiting(brand) < 3000, at_most=30)
        process.send_signal(signal.SIGTERM)
        status = process.wait(timeout=15)

    with committed(brand):
        assert Message.objects.count() == Arrival.objects.filter(carried_at__isnull=False).count() > 0
    assert status == 0


# --- turns, and who carries whom


def test_each_brand_is_in_exactly_one_part():
    for count in (1, 2, 3, 8):
        for brand_id in range(1, 100):
            assert sum(carry.is_in_part(brand_id, (place, count)) for place in range(1, count + 1)) == 1


@pytest.mark.parametrize("words", ["", "0/2", "3/2", "1", "a/b", "1/0"])
def test_a_part_that_there_is_not_is_refused(words):
    with pytest.raises(ArgumentTypeError, match="write 1/2"):
        carry.part_of(words)


def test_a_part_is_carried_and_the_rest_left_to_the_others(new_brand, django_db_blocker):
    brands = [new_brand(), new_brand(), new_brand()]
    names = [brand.schema_name for brand in brands]
    with django_db_blocker.unblock():
        parts = [carry.Brands((place, 2)).of(names) for place in (1, 2)]
        connection.close()

    assert sorted(parts[0] + parts[1]) == sorted(names)
    assert not set(parts[0]) & set(parts[1])


def test_a_flood_of_one_brand_holds_no_other_back():
    """Counted in turns: between two turns of the flooded brand, everybody who waits has one."""
    turns, now = carry.Turns(), 100.0
    others = [f"b_{number}" for number in range(20)]
    taken = []
    for _ in range(50):
        turns.ask(["flooded", *others])
        for schema in turns.due(now):
            taken.append(schema)
            turns.took(schema, began=now, ended=now + 0.01, has_more=schema == "flooded")
            now += 0.01
        now += carry.LONGEST_PAUSE

    assert taken.count("flooded") == 50
    places = [place for place, schema in enumerate(taken) if schema == "flooded"]
    for before, after in pairwise(places):
        assert sorted(taken[before + 1 : after]) == sorted(others)


def test_an_idle_carrier_lets_nothing_gather_and_a_busy_one_does():
    turns, now = carry.Turns(), 100.0
    turns.ask(["one"])
    assert turns.due(now) == ["one"]
    turns.took("one", began=now, ended=now + 0.003, has_more=False)
    turns.ask(["one"])
    assert turns.due(now + 0.003) == ["one"]

    for _ in range(300):
        turns.took("one", began=now, ended=now + 0.01, has_more=False)
        now += 0.01
    turns.ask(["one", "other"])

    assert turns.pause == carry.LONGEST_PAUSE
    assert turns.due(now) == ["other"]
    assert 0 < turns.seconds_until_next(now, at_most=5.0) <= carry.LONGEST_PAUSE or turns.due(now)
    assert turns.due(now + carry.LONGEST_PAUSE) == ["other", "one"]


def test_who_was_served_longest_ago_is_served_first():
    turns = carry.Turns()
    for place, schema in enumerate(["c", "a", "b"]):
        turns.took(schema, began=1.0 + place, ended=1.001 + place, has_more=True)
    turns.ask(["b", "a", "c"])

    assert turns.due(100.0) == ["c", "a", "b"]
