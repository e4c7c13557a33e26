"""An hour of outage while parts of Nightjar are killed: `python -m tests.channel.endurance --minutes 30 --speed 10`.

Starts all of Nightjar on a folder of its own, as `make run` does; plays a scenario on its sandbox; robots answer over
the REST API; kills the worker, the web process, the Redis server and PostgreSQL, each once and while it is at work, and
lets the supervisor bring them back; waits until all is quiet; asks the doctor; and compares the sandbox's own ledger
with the database.
"""

import argparse
import json
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from config import environment
from config.local.processes import wait_until
from tests.channel import ON_ITS_WAY
from tests.channel.house import House
from tests.channel.robots import Answerer, Approver, Robot

# Who is killed, and when, as a share of the whole time. Several names: all at once.
KILLS = (
    (0.20, ("carrier*", "worker", "posting", "slow", "asking")),
    (0.38, ("pages", "live")),
    (0.56, ("valkey",)),
    (0.74, ("postgres",)),
    (0.88, ("listener", "beat")),
)
# How often Twitter is asked what no event tells: deletions. Of what is older than a quarter of an hour, less often.
RECHECK_SECONDS = 20
SETTINGS = {
    "NIGHTJAR_TWITTER_POLL_SECONDS": str(RECHECK_SECONDS),
    "NIGHTJAR_TWITTER_RECHECK_SECONDS": f"{RECHECK_SECONDS},60,120,120",
}
# As X is: answers must have been asked for, and what was said is found a little later.
TWITTER = {"summoned_rule": True, "index_lag_seconds": 3}
WORTH_COMPARING = (
    "tweets that name or answer the handle are in one conversation",
    "direct messages are in one conversation",
    "tweets that name the brand by its words are in one conversation",
    "posted replies are on Twitter",
)
WELL_WITHIN = 60.0  # seconds, after all is quiet
# A reply that Twitter's own limit holds back goes out when the limit's window is over.
LONGEST_WINDOW, USED_UP = 900.0, "limit for this account is used up"
QUIET = 3  # times in a row that nothing moved
BUSY_WITHIN = 15.0  # seconds to wait for something to be under way before a part is killed


@dataclass
class Run:
    """One run: what was done, and what was found."""

    minutes: float
    speed: float
    scenario: str
    more: dict[str, str] = field(default_factory=dict)
    keeps: bool = False
    lines: list[dict[str, Any]] = field(default_factory=list)
    killed: list[str] = field(default_factory=list)
    back: list[str] = field(default_factory=list)
    ailments: list[str] = field(default_factory=lambda: ["The doctor was not asked."])
    ailed: dict[str, float] = field(default_factory=dict)  # what the doctor found at first, and until when
    played: str = ""
    said: str = ""
    quiet_after: float = 0.0
    well_after: float = 0.0
    right_after: float = 0.0

    def go(self) -> bool:
        """Do it all; whether everything agrees."""
        with House({**SETTINGS, **self.more}, keeps=self.keeps) as house:
            house.ask_sandbox("PUT", "/sandbox/settings", TWITTER)
            told = house.inside("tests.channel.aboard")[0]
            self._wait_until_heard(house)
            over = threading.Event()
            robots = _robots(house, told, over)
            try:
                self._play(house)
            finally:
                over.set()
            for robot in robots:
                robot.join(120)
            ended = time.monotonic()
            self.quiet_after = self._wait_until_quiet(house)
            self.well_after = self._wait_until_well(house)
            self._compare(house, told, robots)
            while not self.is_right and time.monotonic() - ended < self._patience:
                time.sleep(5)
                self._compare(house, told, robots)
            self.right_after = time.monotonic() - ended
        return self.is_right

    @property
    def is_right(self) -> bool:
        compared = [line for line in self.lines if line["is_fatal"]]
        agrees = bool(compared) and all(line["expected"] == line["found"] for line in compared)
        return agrees and not self.ailments and sorted(self.killed) == sorted(self.back)

    @property
    def _patience(self) -> float:
        """How long there may be something that does not agree: seconds after the last that was played."""
        wrong = [line for line in self.lines if line["is_fatal"] and line["expected"] != line["found"]]
        waits = all(line["what"] == ON_ITS_WAY and all(USED_UP in one for one in line["wrong"]) for line in wrong)
        return self.quiet_after + RECHECK_SECONDS + WELL_WITHIN + (LONGEST_WINDOW if waits else 0.0)

    @property
    def is_telling(self) -> bool:
        """Whether there was enough to compare: people wrote in public and in private, and were answered."""
        counts = {what: sum(line["found"] for line in self.lines if line["what"] == what) for what in WORTH_COMPARING}
        return all(counts.values())

    def _wait_until_heard(self, house: House) -> None:
        """Until the stream is open with the brands' rules."""
        bearer = house.env["NIGHTJAR_TWITTER_APP_BEARER"]
        wait_until(lambda: house.ask_sandbox("GET", "/2/connections", bearer=bearer).get("data"), 120, every=0.3)

    def _play(self, house: House) -> None:
        command = [sys.executable, "-m", "inbox.twitter.sandbox.scenarios", "play", self.scenario, "--loop"]
        command += ["--sandbox", house.sandbox, "--speed", str(self.speed)]
        command += ["--minutes", str(self.minutes * self.speed), "--keep", str(house.folder / "scenario.json")]
        with (house.folder / "playing").open("wb") as printed:
            player = subprocess.Popen(command, cwd=environment.PROJECT, stdout=printed, stderr=subprocess.STDOUT)
        try:
            self._kill_each(house)
            player.wait(self.minutes * 60 + 300)
        finally:
            player.kill()
            player.wait()
        self.played = (house.folder / "playing").read_text().strip().splitlines()[-1]
        _tell(f"played {self.played}")

    def _kill_each(self, house: House) -> None:
        began = time.monotonic()
        for share, names in KILLS:
            wait_until(lambda share=share: time.monotonic() - began > share * self.minutes * 60, self.minutes * 60, 0.1)
            under_way = _wait_until_busy(house)
            killed, back = house.kill(*names)
            house.ask_sandbox("DELETE", "/sandbox/faults/time_out_after")
            self.killed, self.back = self.killed + killed, self.back + back
            at = time.monotonic() - began
            _tell(f"{at:6.1f} s: killed {', '.join(killed)} during {under_way}; back: {', '.join(back) or 'none'}")

    def _wait_until_quiet(self, house: House, at_most: float = 300.0) -> float:
        """Nothing to deliver, nothing to carry, nothing to post, several times in a row. Seconds that it took."""
        began, calm = time.monotonic(), 0
        while calm < QUIET and time.monotonic() - began < at_most:
            time.sleep(1)
            waiting = house.ask_sandbox("GET", "/sandbox/deliveries")["waiting"]
            moving = house.inside("tests.channel.moving")[0]["moving"]
            calm = calm + 1 if not waiting and not moving else 0
        return time.monotonic() - began

    def _wait_until_well(self, house: House) -> float:
        began = time.monotonic()
        while (ailments := house.ailments()) and time.monotonic() - began < WELL_WITHIN:
            self.ailed |= dict.fromkeys(ailments, round(time.monotonic() - began))
            time.sleep(3)
        self.ailments = ailments
        return time.monotonic() - began

    def _compare(self, house: House, told: dict[str, Any], robots: Sequence[Robot]) -> None:
        said: Counter[str] = Counter()
        for robot in robots:
            said += robot.said
            if isinstance(robot, Answerer):
                told["brands"][robot.slug]["accepted"] = robot.accepted
        self.said = ", ".join(f"{count} × {word}" for word, count in sorted(said.items()))
        given = json.dumps({"ledger": house.ledger(), "brands": told["brands"]})
        broken = sum(count for word, count in said.items() if word.endswith(" 500"))
        self.lines = house.inside("tests.channel.books", given)
        self.lines.append(
            # A part that is away is 502 or 503.
            {"brand": "all", "what": "calls of the API answered by a bug (500)", "expected": 0, "found": broken}
            | {"is_fatal": True, "wrong": []}
        )

    def table(self) -> str:
        """What was compared, as a table to read."""
        rows = [f"{'brand':<6} {'what':<72} {'should':>7} {'are':>7}"]
        for line in self.lines:
            mark = "" if line["expected"] == line["found"] or not line["is_fatal"] else "  WRONG"
            rows.append(f"{line['brand']:<6} {line['what'][:72]:<72} {line['expected']:>7} {line['found']:>7}{mark}")
            rows += [f"{'':<8}{one}" for one in line["wrong"]]
        dead = sorted(set(self.killed) - set(self.back))
        rows += [f"killed: {', '.join(self.killed)}; {'not back: ' + ', '.join(dead) if dead else 'all are back'}"]
        rows += [f"played: {self.played}", f"robots: {self.said}"]
        rows += [f"the doctor: {'; '.join(self.ailments) or 'all is well'}, after {self.well_after:.0f} s"]
        rows += [f"{'':<8}at first, until {seconds} s: {what}" for what, seconds in self.ailed.items()]
        verdict = "everything agrees" if self.is_right else "NOT EVERYTHING AGREES"
        rows.append(f"quiet after {self.quiet_after:.0f} s, {verdict} after {self.right_after:.0f} s")
        return "\n".join(rows)


def _robots(house: House, told: dict[str, Any], over: threading.Event) -> list[Robot]:
    robots: list[Robot] = []
    for slug, brand in told["brands"].items():
        robots.append(Answerer(slug, house.port, brand["key"], over))
        if "approver_key" in brand:
            robots.append(Approver(slug, house.port, brand["approver_key"], over))
    for robot in robots:
        robot.start()
    return robots


def _wait_until_busy(house: House) -> str:
    """Until a reply is being posted, or at least an event is being delivered; which of them it is.

    Twitter takes its time with the next replies, so that there is a call to be killed in.
    """
    slow = {"name": "time_out_after", "times": 3, "seconds": 3}
    house.ask_sandbox("POST", "/sandbox/faults", slow)

    def is_posting() -> bool:
        faults = house.ask_sandbox("GET", "/sandbox/faults")["faults"]
        return all(one["name"] != slow["name"] or one["times"] < slow["times"] for one in faults)

    if wait_until(is_posting, BUSY_WITHIN, every=0.02):
        return "a call to Twitter"
    wait_until(lambda: house.ask_sandbox("GET", "/sandbox/deliveries")["waiting"] > 0, BUSY_WITHIN, every=0.005)
    return "the delivery of an event"


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.channel.endurance", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--speed", type=float, default=10)
    parser.add_argument("--scenario", default="outage")
    parser.add_argument("--keep", action="store_true", help="leave its folder, to look at")
    asked = parser.parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))  # leaves nothing behind
    run = Run(asked.minutes, asked.speed, asked.scenario, keeps=asked.keep)
    is_right = run.go()
    sys.stdout.write(run.table() + "\n")
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main())
