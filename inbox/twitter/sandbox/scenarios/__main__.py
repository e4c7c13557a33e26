"""`python -m inbox.twitter.sandbox.scenarios play ordinary-day --sandbox http://127.0.0.1:8000`.

`check FILE` reads it only.
"""

import argparse
import os
import sys
from pathlib import Path

from inbox.twitter.sandbox.scenarios import format as scenarios
from inbox.twitter.sandbox.scenarios.planning import brands_of, plan
from inbox.twitter.sandbox.scenarios.player import Player
from inbox.twitter.sandbox.scenarios.reading import Unreadable
from inbox.twitter.sandbox.scenarios.stage import Stage


def main(arguments: list[str] | None = None) -> int:
    """Play or check a scenario. The exit code."""
    asked = _parser().parse_args(arguments)
    try:
        scenario = scenarios.read(scenarios.find(asked.file))
    except Unreadable as sentence:
        _say(str(sentence))
        return 1
    if asked.what == "check":
        acts = plan(scenario, brands_of(scenario, asked.brands), {}, 0)
        _say(f"{scenario.title}: {len(acts)} acts in {scenario.minutes:g} minutes, {len(scenario.stories)} stories.")
        return 0
    with Stage(asked.sandbox) as stage:
        player = Player(
            scenario, stage, brands=asked.brands, speed=asked.speed, loop=asked.loop, minutes=asked.minutes,
            keep=asked.keep, say=_say,
        )  # fmt: skip
        try:
            _say(f"{scenario.title}: {player.run()}.")
        except KeyboardInterrupt:
            _say(f"{scenario.title}, broken off: {player.tally}.")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m inbox.twitter.sandbox.scenarios", description=__doc__)
    parser.add_argument("what", choices=("play", "check"))
    parser.add_argument("file", help="a scenario file, or the name of one that ships")
    local = f"http://127.0.0.1:{os.environ.get('NIGHTJAR_SANDBOX_PORT', '8000')}"
    parser.add_argument("--sandbox", default=os.environ.get("NIGHTJAR_TWITTER_URL", local), help="its address")
    parser.add_argument("--speed", type=_speed, default=1.0, help="how many times as fast as life")
    parser.add_argument("--brands", type=_names, default=(), help="usernames, with commas; NAME:TRADE gives a trade")
    parser.add_argument("--loop", action="store_true", help="begin again when it is over, with other people")
    parser.add_argument("--minutes", type=float, help="end after so many of the scenario's minutes")
    parser.add_argument("--keep", type=Path, help="a file that remembers where it is, for the next start")
    return parser


def _speed(value: str) -> float:
    speed = float(value)
    if not 0.01 <= speed <= 10_000:
        raise argparse.ArgumentTypeError("a speed is a number from 0.01 to 10000")
    return speed


def _names(value: str) -> tuple[str, ...]:
    return tuple(name.strip().removeprefix("@") for name in value.split(",") if name.strip())


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
