"""Processes that belong to one state directory: how they are started, known again, and ended."""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, NamedTuple

LAUNCH = Path(__file__).with_name("launch.py")
GRACE = 8.0  # seconds between asking a process to end and killing it


class CannotStart(RuntimeError):
    """Nightjar cannot start here, said in a sentence for the person at the terminal."""


class Account(NamedTuple):
    """A system user that a process runs as."""

    uid: int
    gid: int


@dataclass(frozen=True)
class Part:
    """One long-running process, before it runs."""

    name: str
    argv: list[str]
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    cwd: Path = Path("/")
    account: Account | None = None
    is_healthy: Callable[[], bool] | None = None  # none: running is healthy
    stop_signal: signal.Signals = signal.SIGTERM
    quiet: bool = False  # its lines go to the log file, not to the terminal


def spawn(part: Part, output: int | IO[bytes] | None) -> subprocess.Popen[bytes]:
    """Start a part in a session of its own.

    Call it from a thread that lives as long as the part should: Linux ends the part with that thread.
    """
    uid, gid = part.account or (-1, -1)
    launch = [sys.executable, "-I", "-S", str(LAUNCH), str(os.getpid()), str(int(part.stop_signal)), str(uid), str(gid)]
    return subprocess.Popen(
        [*launch, *part.argv],
        env=dict(part.env),
        cwd=part.cwd,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def hold(home: Path) -> IO[str]:
    """Keep this state directory to ourselves until the returned file is closed, or we die."""
    file = open(home / "lock", "a+", encoding="utf-8")  # noqa: SIM115, it stays open
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        pid = file.read().strip()
        file.close()
        raise CannotStart(f"Nightjar already runs from this folder (pid {pid}).") from None
    file.seek(0)
    file.truncate()
    file.write(str(os.getpid()))
    file.flush()
    return file


def holder(home: Path) -> int | None:
    """The process that keeps this state directory, if one does."""
    if not (home / "lock").exists():
        return None
    with open(home / "lock", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return int(file.read().strip() or 0)
    return None


def remember(home: Path, running: Iterable[tuple[Part, subprocess.Popen[bytes]]]) -> None:
    """Write down what runs, for the start after a crash."""
    known = [
        {"name": part.name, "pid": process.pid, "started": _started(process.pid), "signal": int(part.stop_signal)}
        for part, process in running
    ]
    fresh = home / "pids.new"
    fresh.write_text(json.dumps(known, indent=1))
    fresh.replace(home / "pids")


def end_leftovers(home: Path) -> list[str]:
    """End what an earlier supervisor left behind, and say what that was.

    A process number may belong to somebody else by now, so its start must be the one written down.
    """
    if not (home / "pids").exists():
        return []
    known = json.loads((home / "pids").read_text() or "[]")
    left = [entry for entry in known if entry["started"] and _started(entry["pid"]) == entry["started"]]
    for entry in left:
        send(entry["pid"], entry["signal"])
    wait_until(lambda: not any(_started(entry["pid"]) == entry["started"] for entry in left), GRACE)
    for entry in left:
        if _started(entry["pid"]) == entry["started"]:
            send(entry["pid"], signal.SIGKILL)
    for entry in known:
        for pid in _session(entry["pid"], home):
            send(pid, signal.SIGKILL)
    (home / "pids").unlink()
    return [entry["name"] for entry in left]


def end(process: subprocess.Popen[Any], stop_signal: signal.Signals, grace: float = GRACE) -> None:
    """Ask a process to end, insist after a while, and leave nothing of its group."""
    send(process.pid, stop_signal)
    try:
        process.wait(grace)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    end_group(process.pid)


def end_group(leader: int) -> None:
    """Kill what is left of a group whose leader is gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def wait_until(is_true: Callable[[], bool], seconds: float, every: float = 0.02) -> bool:
    """Ask until it is true or the time is over; whether it became true."""
    until = time.monotonic() + seconds
    while not is_true():
        if time.monotonic() > until:
            return False
        time.sleep(every)
    return True


def _started(pid: int) -> str:
    """When a living process started, as a text to compare; empty for one that is dead or a zombie."""
    if sys.platform != "linux":
        told = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
        return told.stdout.strip()
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if fields[0] in "ZX" else f"{_boot()} {fields[19]}"


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _session(leader: int, home: Path) -> list[int]:
    """Processes of a session of ours whose leader has died. Told by the state directory in their environment."""
    if sys.platform != "linux" or Path(f"/proc/{leader}").exists():
        return []
    ours = f"NIGHTJAR_HOME={home}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        with contextlib.suppress(OSError):
            session = (entry / "stat").read_text().rpartition(")")[2].split()[3]
            if session == str(leader) and ours in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return found
