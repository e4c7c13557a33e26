"""The arithmetic of the measurements: how long it took, what waited, whether it grew, whose time it was."""

import json
import os
import subprocess
import sys

import pytest

from config.environment import PROJECT
from inbox.management.benches import lags, machine, payloads, producer, stages
from inbox.management.benches.lags import Passage


def steady(*, rate: float, lag: float, seconds: int = 10) -> list[Passage]:
    """So many a second, each told so long after it was stored."""
    return [Passage(1, number / rate, number / rate + lag) for number in range(int(rate * seconds))]


def test_an_event_was_told_by_the_first_hint_that_covers_its_number():
    hints = lags.hints_by_brand([(10.0, 1, 3), (11.0, 2, 9), (12.0, 1, 7)])

    assert [lags.told_at(seq, hints[1]) for seq in (1, 3, 4, 7, 8)] == [10.0, 10.0, 12.0, 12.0, None]


def test_lags_are_percentiles_in_milliseconds():
    passages = [Passage(1, 0.0, number / 1000) for number in range(1, 101)]

    assert lags.figures(passages) == {"p50_ms": 50.0, "p95_ms": 95.0, "p99_ms": 99.0, "max_ms": 100.0}


def test_what_is_held_does_not_grow():
    found = lags.backlog(steady(rate=100, lag=0.2), began_at=0.0, seconds=10.0)

    assert abs(found["backlog_growth_per_s"]) < 1
    assert 15 <= found["backlog_most"] <= 25
    assert not lags.grows(found["backlog_growth_per_s"], 100)


def test_what_is_carried_at_half_the_pace_grows_by_the_other_half():
    passages = [Passage(1, number / 100, number / 50) for number in range(1000)]

    found = lags.backlog(passages, began_at=0.0, seconds=10.0)

    assert found["backlog_growth_per_s"] == pytest.approx(50, abs=2)
    assert found["backlog_at_end"] == pytest.approx(500, abs=5)
    assert lags.grows(found["backlog_growth_per_s"], 100)


def test_others_waiting_time_is_compared_without_the_noisy_brand():
    before = [Passage(2, 0.0, 0.010), Passage(2, 0.0, 0.020)]
    after = [Passage(1, 0.0, 9.0), Passage(2, 0.0, 0.015), Passage(2, 0.0, 0.030)]

    assert lags.ratios(lags.by_brand(after, without=1), before) == {"p50": 1.5, "p95": 1.5, "p99": 1.5}


def test_shares_of_stages_add_up_to_one():
    told = [
        {"spent": {"flow.carry": 1.0, "triage.assess": 3.0}, "batches": 2, "in_database": 1.0},
        {"spent": {"flow.carry": 1.0, "triage.assess": 4.99, "sla.promise": 0.01}, "batches": 2, "in_database": 1.0},
    ]

    assert stages.shares(told) == {"triage.assess": 0.799, "commit and the rest": 0.201}
    assert stages.database_share(told) == 0.2


def test_a_process_that_works_takes_its_share_of_the_machine():
    parts = machine.Parts({"us": os.getpid()})
    parts.begin()
    worked = sum(number * number for number in range(3_000_000))

    assert worked
    assert parts.end(seconds=0.001)["us"] > 0


def test_arrivals_are_spread_over_the_time_and_none_is_a_duplicate():
    offer = producer.Offer("b_one", 1_700_000_000_000_000_001, "One", count=50, start=0)
    more = producer.Offer("b_one", 1_700_000_000_000_000_001, "One", count=50, start=50)

    groups = producer._groups(offer, 2.0, 0.5)
    both = [row for group in [*groups, *producer._groups(more, 2.0, 0.5)] for row in group.rows]
    ids = [payload[6:14] for _, payload in both]  # after the number of fields and the length of the first

    assert [group.due for group in groups] == pytest.approx([0.2 * (nth + 0.5) for nth in range(10)])
    assert {len(group.rows) for group in groups} == {5}
    assert len(set(ids)) == 100


def test_events_are_the_same_in_each_run():
    runs = [list(payloads.events(handle_id=7, username="Seven", count=20, start=40)) for _ in range(2)]

    assert runs[0] == runs[1]
    assert [json.loads(body)["data"]["payload"]["id"] for _, body in runs[0]] == [str(pk) for pk, _ in runs[0]]


@pytest.mark.slow
def test_a_second_of_the_pace_is_carried_checked_and_told_as_one_line():
    few = {"SECONDS": "1", "BRANDS": "3", "RATE": "60", "CEILING_STEPS": "1", "ROWS": "500", "NAIVE": "5"}
    env = {name: value for name, value in os.environ.items() if not name.startswith("NIGHTJAR_")}
    env |= {f"NIGHTJAR_BENCH_{name}": value for name, value in few.items()}

    done = subprocess.run(
        [sys.executable, "-m", "config.local", "bench", "ingest_batch"],
        cwd=PROJECT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    line = json.loads(done.stdout)
    assert (line["name"], line["unit"], line["brands"], line["goal"]) == ("ingest_batch", "tweets/s", 3, 5787)
    assert line["value"] > 0
    assert line["lag_p99_ms"] >= line["lag_p50_ms"] > 0
    assert {"producer", "postgresql", "carrier_1"} <= line["share_of_machine"].keys()
    assert sum(line["share_of_stages"].values()) == pytest.approx(1, abs=0.01)
    assert line["assigned"] > 0
