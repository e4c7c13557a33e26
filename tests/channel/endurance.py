"""An hour of outage while parts of Nightjar are killed: `python -m tests.channel.endurance --minutes 30 --speed 10`.

Starts all of Nightjar on a folder of its own, as `make run` does; plays a scenario on its sandbox; robots answer over
the REST API; kills the worker, the web process, the Redis server and PostgreSQL, each once, and lets the supervisor
bring them back; waits until all is quiet; and compares the sandbox's own ledger with the database.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from config import environment
from config.local import places
from config.local.processes import wait_until
from tests.channel.robots import Robot

# Who is killed, and when, as a share of the whole time. Two names: both at once.
KILLS = (
    (0.20, ("carrier", "worker")),
    (0.38, ("pages", "live")),
    (0.56, ("valkey",)),
    (0.74, ("postgres",)),
)
PATIENCE = 150.0  # seconds for a first start
LATEST = 120.0  # seconds within which what Twitter does not tell must have been found
QUIET = 3  # times in a row that nothing moved


@dataclass
class House:
    """One Nightjar, as its supervisor runs it, in a folder of its own."""

    home: Path
    port: int
    process: subprocess.Popen[bytes] = field(init=False)

    def start(self, **more: str) -> None:
        env = {name: value for name, value in os.environ.items() if not name.startswith(("NIGHTJAR_", "MAKE"))}
        env |= {
            "NIGHTJAR_HOME": str(self.home),
            "PORT": str(self.port),
            "DEMO": "no",
            **more,
        }
        with (self.home.parent / "printed").open("ab") as printed:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "config.local", "up"],
                env=env, cwd=environment.PROJECT, stdout=printed, stderr=subprocess.STDOUT,
            )  # fmt: skip
        if not wait_until(lambda: self._is_up() or self.process.poll() is not None, PATIENCE) or not self._is_up():
            raise RuntimeError(f"Nightjar does not start:\n{self.printed()[-3000:]}")

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def printed(self) -> str:
        """What the supervisor has printed."""
        return (self.home.parent / "printed").read_text(errors="replace")

    @property
    def env(self) -> dict[str, str]:
        """The settings of this Nightjar, for a process beside it."""
        outside = {name: value for name, value in os.environ.items() if not name.startswith("NIGHTJAR_")}
        home = {"NIGHTJAR_HOME": str(self.home), "DJANGO_SETTINGS_MODULE": "config.settings"}
        return {**outside, **environment.read(self.home), **home}

    @property
    def sandbox(self) -> str:
        return f"http://127.0.0.1:{self.env['NIGHTJAR_SANDBOX_PORT']}"

    def pid_of(self, name: str) -> int | None:
        """The process that is this part just now."""
        known = json.loads((self.home / "pids").read_text() or "[]")
        return next((one["pid"] for one in known if one["name"] == name), None)

    def kill(self, *names: str) -> list[str]:
        """End these parts as a power cut would, and return once each runs again under another number."""
        before = {name: pid for name in names if (pid := self.pid_of(name))}
        for pid in before.values():
            os.kill(pid, signal.SIGKILL)
        for name, pid in before.items():
            wait_until(lambda name=name, pid=pid: self.pid_of(name) not in (None, pid), 60, every=0.1)
        return [name for name, pid in before.items() if self.pid_of(name) not in (None, pid)]

    def inside(self, module: str, given: str = "") -> list[dict[str, Any]]:
        """Run a module of ours with this Nightjar's settings; the JSON lines that it prints."""
        run = f"import django, runpy; django.setup(); runpy.run_module('{module}', run_name='__main__')"
        done = subprocess.run(
            [sys.executable, "-c", run],
            env=self.env, cwd=environment.PROJECT, input=given, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{module} failed:\n{done.stderr[-4000:]}")
        return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]

    def _is_up(self) -> bool:
        return "Nightjar is up" in self.printed()


@dataclass
class Run:
    """One run: what was done, and what was found."""

    minutes: float
    speed: float
    scenario: str
    more: Mapping[str, str] = field(default_factory=dict)
    keeps: bool = False
    lines: list[dict[str, Any]] = field(default_factory=list)
    killed: list[str] = field(default_factory=list)
    played: str = ""
    said: str = ""
    quiet_after: float = 0.0
    right_after: float = 0.0

    def go(self) -> bool:
        """Do it all; whether everything agrees."""
        folder = Path(tempfile.mkdtemp(prefix="nightjar-endurance-"))
        house = House(folder / "var", _free_port())
        house.home.mkdir()
        try:
            house.start(**self.more)
            told = house.inside("tests.channel.aboard")[0]
            robots, over = self._robots(house, told)
            self._play(house, over)
            for robot in robots:
                robot.join(60)
            self.quiet_after = self._wait_until_quiet(house)
            self._compare(house, told, robots)
            began = time.monotonic()
            while not self.is_right and time.monotonic() - began < LATEST:  # deletions are found by looking again
                time.sleep(15)
                self._compare(house, told, robots)
            self.right_after = self.quiet_after + time.monotonic() - began
        finally:
            house.stop()
            if not self.keeps:
                places.remove(house.home)
        return self.is_right

    @property
    def is_right(self) -> bool:
        compared = [line for line in self.lines if line["is_fatal"]]
        return bool(compared) and all(line["expected"] == line["found"] for line in compared)

    def _robots(self, house: House, told: dict[str, Any]) -> tuple[list[Robot], threading.Event]:
        over = threading.Event()
        robots = [Robot(slug, house.port, brand["key"], over) for slug, brand in told["brands"].items()]
        for robot in robots:
            robot.start()
        return robots, over

    def _play(self, house: House, over: threading.Event) -> None:
        scenario_minutes = self.minutes * self.speed
        command = [sys.executable, "-m", "inbox.twitter.sandbox.scenarios", "play", self.scenario, "--loop"]
        command += ["--sandbox", house.sandbox, "--speed", str(self.speed), "--minutes", str(scenario_minutes)]
        keep = house.home.parent / "scenario.json"
        with (house.home.parent / "playing").open("wb") as printed:
            player = subprocess.Popen(
                [*command, "--keep", str(keep)], cwd=environment.PROJECT, stdout=printed, stderr=subprocess.STDOUT
            )
        began = time.monotonic()
        for share, names in KILLS:
            wait_until(lambda share=share: time.monotonic() - began > share * self.minutes * 60, self.minutes * 60, 0.1)
            back = house.kill(*names)
            self._tell(
                f"{time.monotonic() - began:6.1f} s: killed {' and '.join(names)}; back: {', '.join(back) or 'none'}"
            )
            self.killed += back
        try:
            player.wait(self.minutes * 60 + 120)
        except subprocess.TimeoutExpired:
            player.terminate()
            player.wait()
        over.set()
        self.played = (house.home.parent / "playing").read_text().strip().splitlines()[-1]
        self._tell(f"played {self.played}")

    def _wait_until_quiet(self, house: House, at_most: float = 240.0) -> float:
        """Nothing to deliver, nothing to carry, nothing to post, several times in a row. Seconds that it took."""
        began, calm = time.monotonic(), 0
        while calm < QUIET and time.monotonic() - began < at_most:
            time.sleep(3)
            waiting = httpx.get(f"{house.sandbox}/sandbox/deliveries", trust_env=False).json()["waiting"]
            moving = house.inside("tests.channel.moving")[0]["moving"]
            calm = calm + 1 if not waiting and not moving else 0
        return time.monotonic() - began

    def _compare(self, house: House, told: dict[str, Any], robots: Sequence[Robot]) -> None:
        ledger = _ledger(house.sandbox)
        for robot in robots:
            told["brands"][robot.slug]["accepted"] = robot.accepted
        said: dict[str, int] = {}
        for robot in robots:
            for word, count in robot.said.items():
                said[word] = said.get(word, 0) + count
        self.said = ", ".join(f"{count} × {word}" for word, count in sorted(said.items()))
        self.lines = house.inside("tests.channel.books", json.dumps({"ledger": ledger, "brands": told["brands"]}))

    def table(self) -> str:
        """What was compared, as a table to read."""
        rows = [f"{'brand':<6} {'what':<72} {'should':>7} {'are':>7}"]
        for line in self.lines:
            mark = "" if line["expected"] == line["found"] or not line["is_fatal"] else "  WRONG"
            rows.append(f"{line['brand']:<6} {line['what'][:72]:<72} {line['expected']:>7} {line['found']:>7}{mark}")
            rows += [f"{'':<8}{one}" for one in line["wrong"]]
        rows += [f"killed and back: {', '.join(self.killed)}", f"played: {self.played}", f"robots: {self.said}"]
        verdict = "everything agrees" if self.is_right else "NOT EVERYTHING AGREES"
        rows.append(f"quiet after {self.quiet_after:.0f} s, {verdict} after {self.right_after:.0f} s")
        return "\n".join(rows)

    def _tell(self, line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def _ledger(sandbox: str) -> list[dict[str, Any]]:
    """Every tweet and every direct message."""
    lines: dict[str, dict[str, Any]] = {}
    for kind in ("", "?kind=private"):
        answer = httpx.get(f"{sandbox}/sandbox/ledger{kind}", timeout=120, trust_env=False)
        lines |= {(line := json.loads(text))["id"]: line for text in answer.text.splitlines() if text}
    return list(lines.values())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.channel.endurance", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--speed", type=float, default=10)
    parser.add_argument("--scenario", default="outage")
    parser.add_argument("--keep", action="store_true", help="leave its folder, to look at")
    asked = parser.parse_args(arguments)
    run = Run(asked.minutes, asked.speed, asked.scenario, keeps=asked.keep)
    is_right = run.go()
    sys.stdout.write(run.table() + "\n")
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main())
