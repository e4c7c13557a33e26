"""`python -m config.local bench [NAME ...]`: how fast Nightjar is on this machine, one JSON line for each measurement.

Everything is measured on data of its own that waits for the disk, beside whatever else runs here. `start` is measured
in this file; the others are `inbox/management/benches`, run in the house or beside the servers that are made for them.
"""

import json
import os
import platform
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Any

from config import environment
from config.local import parts, places, servers
from config.local.processes import GRACE, CannotStart, end

Need = Enum("Need", ["STARTS", "HOUSE", "SERVERS"])
NEEDS = {
    "start": Need.STARTS,
    "ingest_naive": Need.HOUSE,
    "on_screen": Need.HOUSE,
    "inbox_list": Need.HOUSE,
    "api_list": Need.HOUSE,
    "webhook": Need.HOUSE,
    "whole": Need.HOUSE,
    "onboard_brand": Need.SERVERS,
    "ingest_batch": Need.SERVERS,
    "burst": Need.SERVERS,
    "noisy_brand": Need.SERVERS,
    "growth": Need.SERVERS,
    "disk": Need.SERVERS,
}
# What measurements themselves read: how long, how much (NIGHTJAR_BENCH_SECONDS and others).
CHOICES = "NIGHTJAR_BENCH_"
UP = "Nightjar is up:"


def run(words: Sequence[str]) -> int:
    """Measure what is named, or everything. The exit code: 2 for a name that there is not."""
    names = [name for word in words for name in word.replace(",", " ").split()] or list(NEEDS)
    unknown = [name for name in names if name not in NEEDS]
    if unknown:
        _say(f"There is no measurement {unknown[0]!r}. There are: {', '.join(NEEDS)}.")
        return 2
    bench = Bench()
    wanted = {need: [name for name in NEEDS if name in names and NEEDS[name] is need] for need in Need}
    if wanted[Need.STARTS] or wanted[Need.HOUSE]:
        bench.in_a_house(measures_start=bool(wanted[Need.STARTS]), names=wanted[Need.HOUSE])
    if wanted[Need.SERVERS]:
        bench.beside_servers(wanted[Need.SERVERS])
    return 1 if bench.failed else 0


class Bench:
    """One run: what was measured so far, and where its lines go."""

    def __init__(self) -> None:
        self.values: dict[str, float] = {}
        self.failed: list[str] = []

    def in_a_house(self, *, measures_start: bool, names: Sequence[str]) -> None:
        """Measure with all of Nightjar's processes running, as `make run` starts them."""
        with _home() as home:
            first = _House(home)
            _say(f"A house of its own stands after {first.took:.1f} s.")
            house = first
            try:
                if measures_start:
                    first.stop()
                    house = _House(home)
                    self.tell({"name": "start", "value": house.took, "unit": "s", "first_start_s": first.took})
                for name in names:
                    self.measure(name, {**_clean_environment(), **environment.read(home)}, home)
            finally:
                house.stop()

    def beside_servers(self, names: Sequence[str]) -> None:
        """Measure with PostgreSQL and Valkey alone, in a database for each, while nothing else does any work."""
        with _home() as home, servers.start(home) as running:
            for name in names:
                env = servers.create_database({**_clean_environment(), **running.env}, f"bench_{name}")
                prepare = parts.prepare_command(env)
                subprocess.run(prepare.argv, env=dict(prepare.env), cwd=prepare.cwd, stdout=sys.stderr, check=True)
                self.measure(name, env, home)

    def measure(self, name: str, env: Mapping[str, str], home: Path) -> None:
        """Run one of the measurements that need Django, and pass its line on."""
        _say(f"Measuring {name} …")
        env = {**env, "NIGHTJAR_HOME": str(home), "NIGHTJAR_BENCH": str(home), "NIGHTJAR_PROCESS": "bench"}
        env |= {name: value for name, value in os.environ.items() if name.startswith(CHOICES)}
        env[f"{CHOICES}CARRIERS"] = json.dumps(_carriers(env))
        command = [sys.executable, str(environment.PROJECT / "manage.py"), "bench", name]
        done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            self.failed.append(name)
            _say(f"{name} could not be measured.")
            return
        self.tell(json.loads(done.stdout))

    def tell(self, line: dict[str, Any]) -> None:
        """Print one line, with what one must know to compare it."""
        self.values[line["name"]] = line["value"]
        if line["name"] == "ingest_batch" and "ingest_naive" in self.values:
            line["times_naive"] = round(line["value"] / self.values["ingest_naive"], 1)
        print(json.dumps({**line, **_machine()}), flush=True)


class _House:
    """Nightjar as `make run` starts it, and how long that took until its table was printed."""

    def __init__(self, home: Path) -> None:
        env = {**_clean_environment(), "NIGHTJAR_HOME": str(home), "PORT": str(_free_port()), "DEMO": "no"}
        began = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "config.local", "up"],
            cwd=environment.PROJECT,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is ours to pass on, once
            text=True,
        )
        assert self._process.stdout
        self._lines: list[str] = []
        for line in self._process.stdout:
            self._lines.append(line)
            if line.startswith(UP):
                break
        else:
            raise CannotStart("".join(self._lines))
        self.took = round(time.perf_counter() - began, 2)
        # What the processes say from now on is in the house's own log; somebody must read it all the same.
        threading.Thread(target=self._lines.extend, args=[self._process.stdout], daemon=True).start()

    def stop(self) -> None:
        end(self._process, signal.SIGTERM, grace=3 * GRACE)


@contextmanager
def _home() -> Iterator[Path]:
    """A state directory that is thrown away. Within the usual one: the disk that counts, which /tmp may not be."""
    home = Path(tempfile.mkdtemp(prefix="bench-", dir=servers.state_directory(environment.home_directory())))
    try:
        yield home
    finally:
        places.remove(home)


def _clean_environment() -> dict[str, str]:
    """Ours, without what would lead to another Nightjar."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("NIGHTJAR_", "MAKE")) and name not in {"PORT", "DEMO", "MFLAGS"}
    }


def _carriers(env: Mapping[str, str]) -> list[list[str]]:
    """How `make run` starts each carrier, as words of `manage.py`."""
    nowhere = {f"NIGHTJAR_{name}PORT": "0" for name in ("", "PAGES_", "LIVE_", "SANDBOX_")}
    started = parts.application_parts({"NIGHTJAR_BASE_DOMAIN": "localhost", **nowhere, **env})
    commands = [list(part.argv) for part in started if part.name.startswith("carrier")]
    return [argv[argv.index(str(environment.PROJECT / "manage.py")) + 1 :] for argv in commands]


def _machine() -> dict[str, Any]:
    postgres = places.postgres_programs(places.postgres_account()) / "postgres"
    told = subprocess.run([str(postgres), "--version"], capture_output=True, text=True, check=True).stdout
    return {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "postgres": told.split()[-1],
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
