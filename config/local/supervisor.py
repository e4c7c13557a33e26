"""One supervisor for all of Nightjar's processes.

It runs in a single thread: Linux ends a child when the *thread* that started it ends, and one thread can hold no
half-done change when a signal arrives. Signals only write a byte that wakes the loop.
"""

import contextlib
import ctypes
import hashlib
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from config.local import front, parts, places, servers
from config.local.processes import GRACE, CannotStart, Part, end_group, end_leftovers, hold, remember, send, spawn
from config.local.terminal import Terminal

PR_SET_CHILD_SUBREAPER = 36
FIRST_DELAY, LONGEST_DELAY = 0.2, 5.0  # seconds before a part that ended is started again
TRUSTED_AFTER = 30.0  # seconds of running after which the delay is short again
PATIENCE = 60.0  # seconds for a part to be healthy
CHUNK = 65536  # bytes read at once, and the longest line
SETTLED_AFTER = 1.0  # seconds of running after which a part that cannot be asked counts as healthy
TRIES = 4  # starts of a part while setting up, before we say that it does not work


class Stopped(Exception):
    """The person at the terminal asked us to stop."""


@dataclass(eq=False)
class Watched:
    """A part and the process that is it just now."""

    part: Part
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0
    started: float = 0.0
    delay: float = FIRST_DELAY
    due: float | None = None  # when to start it again
    read: Callable[[], None] = lambda: None  # take what it has printed
    last_lines: list[str] = field(default_factory=list)


def run(home: Path, variables: Mapping[str, str], terminal: Terminal | None = None) -> int:
    """Run Nightjar from this state directory until somebody stops it. The exit code."""
    home = servers.state_directory(home)
    with hold(home):
        supervisor = Supervisor(home, terminal or Terminal(home))
        try:
            set_up(supervisor, home, variables)
            while True:
                supervisor.turn()
        except Stopped:
            return 0
        except CannotStart as sentence:
            supervisor.terminal.say(str(sentence))
            return 1
        finally:
            supervisor.stop()


def set_up(supervisor: "Supervisor", home: Path, variables: Mapping[str, str]) -> None:
    """Start everything in its order, make the demonstration, and show the table."""
    terminal = supervisor.terminal
    for name in end_leftovers(home):
        terminal.say(f"Ended {name}, which an earlier start had left behind.")
    port = _public_port(variables)
    front.check_port(port)
    for folder in places.forsaken_folders(home):
        terminal.say(f"Nothing points to the data in {folder} any more. Delete it when you like.")

    outside = {name: value for name, value in variables.items() if name.startswith("NIGHTJAR_")}
    outside = {name: value for name, value in outside.items() if name not in {"NIGHTJAR_HOME", "NIGHTJAR_PORT"}}
    with terminal.step("Starting PostgreSQL and Valkey"):
        plan = servers.prepare(home, outside=outside, port=port)
        supervisor.start(plan.parts)
        plan.once_healthy()

    env = {name: value for name, value in variables.items() if not name.startswith("MAKE")} | plan.env
    with terminal.step("Preparing the database"):
        supervisor.call(parts.prepare_command(env))
    with _when_changed(home / "static.stamp", parts.static_sources()) as has_changed:
        if has_changed:
            with terminal.step("Collecting style sheets and scripts"):
                supervisor.call(parts.collectstatic_command(env))
    with terminal.step("Starting Nightjar"):
        front.write(env)
        supervisor.start(parts.application_parts(env))

    if variables.get("DEMO", "yes") != "no":
        if supervisor.show(parts.demonstrate_command(env)):
            terminal.say("The demonstration could not be made; Nightjar runs without it.")
        elif playing := parts.playing_part(env):
            supervisor.keep(playing)
    supervisor.show(parts.welcome_command(env))
    terminal.shows_log = True


class Supervisor:
    """Keeps parts running: starts them again when they end, passes on what they print, ends them all."""

    def __init__(self, home: Path, terminal: Terminal) -> None:
        self.home = home
        self.terminal = terminal
        self.watched: list[Watched] = []
        self.waves: list[list[Watched]] = []
        self._asked_to_stop = 0
        self._is_stopping = False
        self._selector = selectors.DefaultSelector()
        self._listen_to_signals()
        if sys.platform == "linux":  # grandchildren whose parent died become ours, so none is forgotten
            ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def start(self, wave: list[Part]) -> None:
        """Start parts, and return when all of them are healthy."""
        started = [Watched(part) for part in wave]
        self.waves.append(started)
        for watched in started:
            self.watched.append(watched)
            self._spawn(watched)
        for watched in started:
            self._wait_until_healthy(watched)

    def keep(self, part: Part) -> None:
        """Start a part that nothing waits for, and keep it running."""
        watched = Watched(part)
        self.waves.append([watched])
        self.watched.append(watched)
        self._spawn(watched)

    def call(self, part: Part) -> None:
        """Run a command to its end, keeping what it prints for the log. Raises when it fails."""
        watched = Watched(part, starts=TRIES)
        if self._finish(watched):
            raise CannotStart(f"`{part.name}` failed:\n" + "\n".join(watched.last_lines))

    def show(self, part: Part) -> int:
        """Run a command to its end on the terminal itself. Its exit code."""
        return self._finish(Watched(part, starts=TRIES), on_terminal=True)

    def turn(self, at_most: float | None = None) -> None:
        """Sleep until something happens, then do what it asks for."""
        dues = [watched.due - time.monotonic() for watched in self.watched if watched.due is not None]
        waits = [max(0.0, wait) for wait in dues] + ([] if at_most is None else [at_most])
        for key, _ in self._selector.select(min(waits) if waits else None):
            key.data()
        self._reap()
        if self._asked_to_stop:
            raise Stopped
        for watched in self.watched:
            if watched.due is not None and watched.due <= time.monotonic():
                self._spawn(watched)

    def stop(self) -> None:
        """End everything, the last started first: asked, then made to. A second Ctrl-C makes them at once."""
        self._is_stopping = True
        self.terminal.shows_log = False
        is_running = any(watched.process for watched in self.watched)
        if is_running:
            self.terminal.say("Stopping …")
        asked = self._asked_to_stop
        for watched in self.watched:
            watched.due = None
        commands = [watched for watched in self.watched if all(watched not in wave for wave in self.waves)]
        for wave in (commands, *reversed(self.waves)):
            self._end(wave, lambda: self._asked_to_stop > max(asked, 1))
        self._kill_orphans()
        (self.home / "pids").unlink(missing_ok=True)
        if is_running:
            self.terminal.say("Stopped.")
        self.terminal.close()

    # One part

    def _spawn(self, watched: Watched, on_terminal: bool = False) -> None:
        watched.due = None
        watched.starts += 1
        watched.started = time.monotonic()
        watched.process = spawn(watched.part, None if on_terminal else subprocess.PIPE)
        if watched.process.stdout:
            self._read_from(watched, watched.process.stdout)
        self._remember()

    def _wait_until_healthy(self, watched: Watched) -> None:
        until = time.monotonic() + PATIENCE
        while not _is_healthy(watched):
            self.turn(0.05)
            if time.monotonic() > until or (watched.starts >= TRIES and not watched.process):
                raise CannotStart(f"`{watched.part.name}` does not start:\n" + "\n".join(watched.last_lines))

    def _finish(self, watched: Watched, on_terminal: bool = False) -> int:
        self.watched.append(watched)
        self._spawn(watched, on_terminal)
        process = watched.process
        assert process
        try:
            while process.returncode is None:
                self.turn(1)
        finally:
            watched.due = None
            if process.returncode is not None:
                self.watched.remove(watched)
        return process.returncode

    def _ended(self, watched: Watched, code: int) -> None:
        """Plan the next start of a part that has ended."""
        assert watched.process
        end_group(watched.process.pid)
        watched.read()
        watched.process = None
        self._remember()
        if watched not in [each for wave in self.waves for each in wave] or self._is_stopping:
            return
        if time.monotonic() - watched.started > TRUSTED_AFTER:
            watched.delay = FIRST_DELAY
        watched.due = time.monotonic() + watched.delay
        self.terminal.log("nightjar", f"{watched.part.name} ended ({_why(code)}); again in {watched.delay:.1f} s")
        watched.delay = min(LONGEST_DELAY, watched.delay * 2)

    def _end(self, wave: list[Watched], is_impatient: Callable[[], bool]) -> None:
        until = time.monotonic() + GRACE
        for watched in reversed(wave):
            if watched.process:
                send(watched.process.pid, watched.part.stop_signal)
        while any(watched.process for watched in wave) and time.monotonic() < until and not is_impatient():
            with contextlib.suppress(Stopped):
                self.turn(0.2)
        for watched in wave:
            if watched.process:
                end_group(watched.process.pid)
        while any(watched.process for watched in wave):
            with contextlib.suppress(Stopped):
                self.turn(0.2)

    def _remember(self) -> None:
        remember(self.home, [(watched.part, watched.process) for watched in self.watched if watched.process])

    # What they print

    def _read_from(self, watched: Watched, stream: IO[bytes]) -> None:
        os.set_blocking(stream.fileno(), False)
        rest = b""

        def read() -> None:
            nonlocal rest
            if stream.closed:
                return
            try:
                received = os.read(stream.fileno(), CHUNK)
            except BlockingIOError:
                return
            *lines, rest = (rest + received).split(b"\n")
            if not received or len(rest) > CHUNK:
                lines, rest = [*lines, rest], b""
            for line in filter(None, lines):
                self._line(watched, line.decode(errors="replace").rstrip())
            if not received:
                self._selector.unregister(stream)
                stream.close()

        watched.read = read
        self._selector.register(stream, selectors.EVENT_READ, read)

    def _line(self, watched: Watched, line: str) -> None:
        watched.last_lines = [*watched.last_lines[-14:], line]
        self.terminal.log(watched.part.name, line, watched.part.quiet)

    # Signals, and the dead

    def _listen_to_signals(self) -> None:
        wake, waking = socket.socketpair()
        wake.setblocking(False)
        waking.setblocking(False)
        signal.set_wakeup_fd(waking.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask_to_stop)
        self._sockets = wake, waking  # kept open
        self._selector.register(wake, selectors.EVENT_READ, lambda: wake.recv(4096))

    def _ask_to_stop(self, *_: object) -> None:
        self._asked_to_stop += 1

    def _reap(self) -> None:
        """Collect every child that has died, adopted ones too, so that none stays as a zombie."""
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    return
                for watched in self.watched:
                    if watched.process and watched.process.pid == pid:
                        watched.process.returncode = os.waitstatus_to_exitcode(status)
                        self._ended(watched, watched.process.returncode)

    def _kill_orphans(self) -> None:
        """End what outlived its parent. Only on Linux do we know them."""
        children = Path(f"/proc/self/task/{os.getpid()}/children")
        until = time.monotonic() + GRACE
        while children.exists() and (pids := children.read_text().split()) and time.monotonic() < until:
            for pid in pids:
                send(int(pid), signal.SIGKILL)
            with contextlib.suppress(Stopped):
                self.turn(0.05)


def _is_healthy(watched: Watched) -> bool:
    if not watched.process:
        return False
    if watched.part.is_healthy:
        return watched.part.is_healthy()
    return time.monotonic() - watched.started > SETTLED_AFTER


def _why(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _public_port(variables: Mapping[str, str]) -> int:
    value = variables.get("NIGHTJAR_PORT") or variables.get("PORT") or "8000"
    if not value.isdecimal() or not 0 < int(value) < 65536:
        raise CannotStart(f"PORT should be a number up to 65535, not {value!r}.")
    return int(value)


@contextlib.contextmanager
def _when_changed(stamp: Path, sources: list[Path]) -> Iterator[bool]:
    """Whether these files differ from the last time the body went well."""
    seen = [f"{path} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in sources if path.is_file()]
    now = hashlib.sha256("\n".join(seen).encode()).hexdigest()
    yield not stamp.exists() or stamp.read_text() != now
    stamp.write_text(now)
