"""`manage.py replay FILE`: play recorded care conversations into brands, by way of the sandbox's Twitter."""

import sys
import time
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any, TextIO

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from inbox.domain import replays
from inbox.domain.replays import Seat, Tally
from inbox.enums import Outcome
from inbox.twitter.client import Unavailable
from inbox.twitter.playground import Playground
from inbox.twitter.recording import NotARecording, Recording, read
from tenants.badges import address
from tenants.refusals import NotNow

MOST_BAD_LINES_SHOWN = 20
START_IT = "Start Nightjar first, in another terminal: make run"


class Command(BaseCommand):
    help = (
        "Play recorded care conversations (CSV, plain or gzipped) into brands through the sandbox's Twitter and the "
        "webhook, the brands' own replies included. Doing it again changes nothing. Ends with 0 when every line is "
        "accounted for, and with 1 when a line could not be used or something is missing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--onboard", action="store_true", help="make the brands that are not here yet")
        parser.add_argument("--agency", default="replay", metavar="SLUG", help="under which agency (default: replay)")
        parser.add_argument("--only", default="", metavar="BRAND,…", help="play these brands of the file only")
        parser.add_argument(
            "--speed",
            type=_speed,
            default="max",
            metavar="60|max",
            help="how many times as fast as it was written; pauses are cut to "
            f"{replays.LONGEST_PAUSE:g} seconds (default: max, as fast as it goes)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        began = time.monotonic()
        bar = _Bar(sys.stderr)
        try:
            recording = read(options["file"], now=timezone.now())
            self._tell_bad_lines(recording)
            with Playground(base_url=settings.TWITTER_URL) as playground:
                tally = self._replay(recording, playground, bar, options)
        except (NotARecording, NotNow) as error:
            raise CommandError(str(error)) from error
        except Unavailable as error:
            raise CommandError(f"{error}\nThe sandbox and the webhook have to answer. {START_IT}") from error
        finally:
            bar.wipe()
        self._tell(recording, tally, seconds=time.monotonic() - began)
        if recording.bad_lines or not tally.adds_up:
            sys.exit(1)

    def _replay(self, recording: Recording, playground: Playground, bar: "_Bar", options: dict[str, Any]) -> Tally:
        if not playground.is_there():
            raise CommandError(f"A replay needs the sandbox's Twitter, and none answers here. {START_IT}")
        only = [name.strip().lstrip("@") for name in options["only"].split(",") if name.strip()]
        names = [name for name in recording.brands if not only or name.lower() in {each.lower() for each in only}]
        if not names:
            raise CommandError(f"No brand to play. The file has: {', '.join(recording.brands) or 'none'}.")
        seats = replays.seats_of(names)
        if options["onboard"]:
            seats |= self._onboard([name for name in names if name not in seats], playground, bar, options["agency"])
        if not seats:
            raise CommandError("None of the file's brands is here. `--onboard` makes them.")
        replays.connect(seats, playground=playground)
        tweets, tally = replays.choose(recording, seats, only)
        replays.play(tweets, tally, seats=seats, playground=playground, speed=options["speed"], progress=bar)
        replays.await_carried(tweets, seats=seats, playground=playground, progress=bar)
        replays.count(tweets, tally, seats=seats)
        if tally.absent:
            self._tell_absent(tally.absent, playground.deliveries())
        return tally

    def _onboard(self, names: list[str], playground: Playground, bar: "_Bar", slug: str) -> dict[str, Seat]:
        if not names:
            return {}
        now = timezone.now()
        agency, log_in = replays.agency_called(slug, now=now)
        seats = replays.onboard(names, agency=agency, playground=playground, now=now, progress=bar)
        bar.wipe()
        host = address(f"{agency.slug}.{settings.BASE_DOMAIN}")
        self.stdout.write(f"Made {_n(len(seats), 'brand')} under {agency.name}: {host}")
        if log_in:
            self.stdout.write(f"Its supervisor logs in as {log_in.email} with {log_in.password} (shown this once).")
        return seats

    def _tell_bad_lines(self, recording: Recording) -> None:
        for number, why in recording.bad_lines[:MOST_BAD_LINES_SHOWN]:
            self.stderr.write(f"line {number}: {why}")
        more = len(recording.bad_lines) - MOST_BAD_LINES_SHOWN
        if more > 0:
            self.stderr.write(f"… and {_n(more, 'more line')} that cannot be used")

    def _tell_absent(self, absent: int, deliveries: dict[str, int]) -> None:
        if deliveries["waiting"]:
            why = f"{deliveries['waiting']:,} deliveries still wait: does the webhook answer? {START_IT}"
        else:
            why = "the sandbox's Twitter knew them already, from another Nightjar or before this brand was made"
        self.stderr.write(f"{_n(absent, 'tweet')} did not reach Nightjar: {why}.")

    def _tell(self, recording: Recording, tally: Tally, *, seconds: float) -> None:
        lines = [
            ("read", recording.line_count, ""),
            ("wrong lines", len(recording.bad_lines), "line number and reason above" if recording.bad_lines else ""),
            ("skipped", sum(tally.skipped.values()), ""),
            *(("", number, why) for why, number in sorted(tally.skipped.items())),
            ("played", tally.played, "all already known" if _all_known(tally) else _known(tally.known)),
            ("carried", tally.carried, ""),
            ("", tally.outcomes[Outcome.MESSAGE], f"in {_n(tally.conversations, 'conversation')}"),
            *(
                ("", number, str(Outcome(name).label))
                for name, number in sorted(tally.outcomes.items())
                if name != Outcome.MESSAGE
            ),
            *([("not carried", tally.waiting, f"stored: does the carrier run? {START_IT}")] if tally.waiting else []),
            *([("missing", tally.absent, "played and never stored")] if tally.absent else []),
            *([("astray", tally.astray, "in a brand that is not theirs")] if tally.astray else []),
            ("brands", tally.brands, ""),
            ("conversations", tally.conversations, f"{tally.shared} of them with two customers"),
        ]
        for what, number, more in lines:
            self.stdout.write(f"{what:<14}{number:>9,}  {more}".rstrip())
        self.stdout.write(f"{'took':<14}{seconds:>9.1f}  seconds")
        if tally.adds_up:
            self.stdout.write("Every tweet is in exactly one conversation, or counted above with its reason.")


def _all_known(tally: Tally) -> bool:
    return bool(tally.played) and tally.known == tally.played


def _known(number: int) -> str:
    return f"{number:,} of them already known" if number else ""


def _n(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _speed(said: str) -> float | None:
    if said == "max":
        return None
    try:
        speed = float(said)
    except ValueError:
        speed = 0
    if not 0 < speed < 1e9:
        raise ArgumentTypeError(f"{said!r} is neither a number above 0 nor max")
    return speed


class _Bar:
    """A progress bar on a terminal, and nothing elsewhere."""

    WIDTH = 30

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_seen = stream.isatty()
        self._drawn_at = 0.0

    def __call__(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if not self._is_seen or (done < total and now - self._drawn_at < 0.1):
            return
        self._drawn_at = now
        filled = self.WIDTH * done // max(total, 1)
        self._stream.write(f"\r{what:<14}{'█' * filled}{'░' * (self.WIDTH - filled)} {done:,} of {total:,}\x1b[K")
        self._stream.flush()

    def wipe(self) -> None:
        if self._is_seen:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
