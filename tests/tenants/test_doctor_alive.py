"""The doctor among living processes, and one that hangs."""

import os
import signal
import subprocess
import sys

from django.conf import settings

from inbox.management.commands.carry import mark_of
from tests.services import together

pytestmark = together
CARRIERS = settings.CARRIERS


def test_the_doctor_finds_living_processes_well(running):
    answer = doctor(running.env)

    for sentence in (
        "ok   The front door answers on port",
        *(f"ok   The {mark_of(place, CARRIERS)} looked for arrivals" for place in range(1, CARRIERS + 1)),
        "ok   A worker did a task within",
        "ok   The walls stand",
    ):
        assert sentence in answer.stdout
    assert "Twitter knows of no webhook" not in answer.stdout
    assert "invalid" not in answer.stdout


def test_the_doctor_notices_a_worker_that_hangs(running):
    _, process = running.processes["worker"]
    os.killpg(process.pid, signal.SIGSTOP)
    try:
        answer = doctor(running.env)
    finally:
        os.killpg(process.pid, signal.SIGCONT)

    assert answer.returncode == 1
    assert "no   No worker did a task within 5 seconds" in answer.stdout
    assert "Nightjar is not well" in answer.stdout


def doctor(env) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "doctor"], env=dict(env), capture_output=True, text=True, check=False, timeout=60
    )
