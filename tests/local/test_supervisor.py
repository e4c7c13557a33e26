import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import redis

from config import environment
from config.local.processes import wait_until

OWNER = "NIGHTJAR_OWNER_DATABASE_URL"
PARTS = ["valkey", "postgres", "sandbox", "pages", "live", "carrier", "front"]


def alive(pids) -> list[int]:
    """Those of these processes that live; a zombie whose parent died is PID 1's affair."""
    return [pid for pid in pids if _state(pid) not in {"", "Z", "X"}]


def _state(pid: int) -> str:
    stat = Path(f"/proc/{pid}/stat")
    return stat.read_text().rpartition(")")[2].split()[0] if stat.exists() else ""


def test_everything_starts_and_the_table_comes_last(upright):
    *steps, last = upright.printed().splitlines()[:6]
    assert [step.partition(" …")[0] for step in steps] == [
        "Starting PostgreSQL and Valkey",
        "Preparing the database",
        "Collecting style sheets and scripts",
        "Starting Nightjar",
        "One agency, two brands.",
    ]
    assert last == f"Nightjar is up: http://localhost:{upright.port}"
    assert list(upright.pids()) == PARTS


def test_the_front_door_leads_by_host_and_then_by_path(upright):
    port = upright.port

    assert upright.get("/", "localhost") == f"pages got / for localhost:{port}"
    assert upright.get("/b/acme/", "northlight.localhost").startswith("pages got /b/acme/")
    assert upright.get("/live/desk", "northlight.localhost") == (f"live got /live/desk for northlight.localhost:{port}")
    assert upright.get("/twitter/webhook").startswith("live got")
    assert upright.get("/twitter/webhooks").startswith("pages got")
    assert upright.get("/live/desk", "twitter.localhost").startswith("sandbox got /live/desk")


@pytest.mark.slow
def test_whatever_is_killed_comes_back_with_its_data(supervised):
    env = supervised.start().env
    with psycopg.connect(env[OWNER]) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 41 AS number")
    redis.from_url(env["NIGHTJAR_REDIS_URL"]).set("kept", 42)

    for name in PARTS:
        supervised.kill(name)

    assert wait_until(lambda: _number(env) == 41, 15)
    assert wait_until(lambda: _answers(supervised), 15)
    assert redis.from_url(env["NIGHTJAR_REDIS_URL"]).get("kept") == b"42"
    assert list(supervised.pids()) == PARTS


def test_a_page_asked_for_during_a_restart_waits_and_comes(upright):
    answers = []

    upright.kill("pages")
    for _ in range(3):
        answers.append(upright.get("/")[:9])

    assert answers == ["pages got"] * 3


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_stopping_leaves_no_process(supervised, by):
    pids = supervised.start().pids().values()

    assert supervised.stop(by) == 0

    assert alive(pids) == []
    assert supervised.printed().endswith("Stopping …\nStopped.\n")
    assert not (supervised.home / "pids").exists()


def test_ctrl_c_while_it_still_starts_leaves_no_process(supervised):
    supervised.launch()
    assert wait_until(lambda: (supervised.home / "pids").exists() and "valkey" in supervised.pids(), 10)
    pids = supervised.pids().values()

    assert supervised.stop() == 0

    assert alive(pids) == []


def test_the_parts_end_when_the_supervisor_is_killed(supervised):
    pids = supervised.start().pids().values()

    supervised.process.kill()
    supervised.process.wait()

    assert wait_until(lambda: not alive(pids), 8)


@pytest.mark.slow
def test_the_start_after_a_kill_finds_its_data(supervised):
    env = supervised.start().env
    with psycopg.connect(env[OWNER]) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 41 AS number")
    supervised.process.kill()
    supervised.process.wait()

    supervised.start()

    assert _number(supervised.env) == 41


def test_a_second_start_says_who_runs_already(upright, tmp_path):
    second = type(upright)(tmp_path / "var")
    second.launch(NIGHTJAR_HOME=str(upright.home))

    assert second.process.wait(10) == 1
    assert second.printed() == f"Nightjar already runs from this folder (pid {upright.process.pid}).\n"


def test_a_taken_port_is_explained(upright, home):
    other = type(upright)(home)
    other.launch(PORT=str(upright.port))

    assert other.process.wait(10) == 1
    assert other.printed() == (
        f"Something else listens on port {upright.port}. Choose another: PORT={upright.port + 1} make run\n"
    )


def test_a_port_that_is_no_number_is_explained(supervised):
    supervised.launch(PORT="many")

    assert supervised.process.wait(10) == 1
    assert supervised.printed() == "PORT should be a number up to 65535, not 'many'.\n"


def test_the_demonstration_can_be_left_out(supervised):
    supervised.start(DEMO="no")

    assert "One agency" not in supervised.printed()


def test_a_command_that_fails_is_shown_and_everything_stops(supervised):
    supervised.launch(PREPARE="first\nbroken")

    assert supervised.process.wait(20) == 1
    assert supervised.printed().endswith("`prepare` failed:\nfirst\nbroken\nStopping …\nStopped.\n")
    assert not (supervised.home / "pids").exists()


def test_one_log_keeps_what_every_part_prints(upright):
    upright.kill("pages")

    log = (upright.home / "nightjar.log").read_text()
    assert "postgres  " in log
    assert "prepare   prepared" in log
    assert "pages ended (SIGKILL); again in 0.2 s" in log
    assert "pages ended (SIGKILL); again in 0.2 s" in upright.printed()
    assert "database system is ready" not in upright.printed()


def test_reset_refuses_while_it_runs_and_asks_before_it_deletes(supervised):
    supervised.start()
    assert "Stop it first" in _reset(supervised, "yes\n")
    supervised.stop()

    assert "Nothing was deleted" in _reset(supervised, "no\n")
    assert supervised.home.exists()
    assert "starts afresh" in _reset(supervised, "yes\n")
    assert not supervised.home.exists()


def _reset(supervised, answer: str) -> str:
    command = [sys.executable, "-m", "config.local", "reset"]
    env = {**os.environ, "NIGHTJAR_HOME": str(supervised.home)}
    asked = subprocess.run(
        command, env=env, input=answer, capture_output=True, text=True, cwd=environment.PROJECT, check=False
    )
    return asked.stdout


def _number(env) -> int | None:
    try:
        with psycopg.connect(env[OWNER]) as connection:
            return connection.execute("SELECT number FROM kept").fetchone()[0]
    except psycopg.OperationalError:
        return None


def _answers(supervised) -> bool:
    try:
        return supervised.get("/").startswith("pages got")
    except OSError:
        return False
