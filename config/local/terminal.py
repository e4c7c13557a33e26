"""What the person at the terminal sees, and the log file that keeps it."""

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TextIO

LIMIT = 10_000_000  # bytes of a log file, before it becomes nightjar.log.1
KEPT = 3


class Terminal:
    """Progress while setting up; then one log of all processes, which goes to a file from the beginning."""

    def __init__(self, home: Path, out: TextIO | None = None) -> None:
        self.out = out or sys.stdout
        self.is_tty = self.out.isatty()
        self.shows_log = False
        self.path = home / "nightjar.log"
        self._file = self._open()

    def say(self, line: str) -> None:
        """Tell the person something, and the log as well."""
        self._print(f"{line}\n")
        self._keep("nightjar", line)

    def log(self, name: str, line: str, quiet: bool = False) -> None:
        """One line of a process."""
        line = "".join(char if char.isprintable() or char == "\t" else "·" for char in line)
        self._keep(name, line)
        if self.shows_log and not quiet:
            clock = datetime.now().astimezone().strftime("%H:%M:%S")
            label = f"{clock} {name:<9}"
            self._print(f"\033[2m{label}\033[0m {line}\n" if self.is_tty else f"{label} {line}\n")

    @contextlib.contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Show that something is under way, and how long it took."""
        began = time.monotonic()
        if self.is_tty:
            self._print(f"{what} … ")
        try:
            yield
        except BaseException:
            if self.is_tty:
                self._print("\n")
            raise
        took = f"ok {time.monotonic() - began:.1f} s"
        self._print(f"{took}\n" if self.is_tty else f"{what} … {took}\n")
        self._keep("nightjar", f"{what} … {took}")

    def close(self) -> None:
        self._file.close()

    def _open(self) -> TextIO:
        return open(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="utf-8")

    def _print(self, text: str) -> None:
        with contextlib.suppress(OSError):  # the terminal may be gone; the file is still there
            self.out.write(text)
            self.out.flush()

    def _keep(self, name: str, line: str) -> None:
        self._file.write(f"{datetime.now().astimezone().isoformat(timespec='milliseconds')} {name:<9} {line}\n")
        self._file.flush()
        if self._file.tell() > LIMIT:
            self._rotate()

    def _rotate(self) -> None:
        self._file.close()
        for number in range(KEPT, 0, -1):
            older = self.path.with_name(f"nightjar.log.{number}")
            newer = self.path.with_name(f"nightjar.log.{number - 1}") if number > 1 else self.path
            if newer.exists():
                newer.replace(older)
        self._file = self._open()
