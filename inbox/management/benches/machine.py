"""What the parts of a measured Nightjar take of the machine: CPU seconds by part, read from /proc."""

import os
import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from django.conf import settings
from django.db import connection

PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0))


class Parts:
    """CPU seconds of named process trees between `begin` and `end`; what a tree's ended children took counts too.

    A tree that is part of another counts for itself alone.
    """

    def __init__(self, roots: dict[str, int]) -> None:
        self._roots = roots

    def begin(self) -> None:
        self._before = self._seconds()

    def end(self, *, seconds: float) -> dict[str, float]:
        """Which share of the whole machine each part took, of 1.0 for all cores."""
        after = self._seconds()
        return {name: round((after[name] - self._before[name]) / seconds / cores(), 3) for name in after}

    def _seconds(self) -> dict[str, float]:
        """User and system time of each tree, and of its children that ended."""
        stats = {pid: fields for pid in _all_pids() if (fields := _stat(pid))}
        children: dict[int, list[int]] = defaultdict(list)
        for pid, fields in stats.items():
            children[int(fields[1])].append(pid)
        named = set(self._roots.values())
        return {name: _seconds_of(root, stats, children, but=named) for name, root in self._roots.items()}


def server_roots() -> dict[str, int]:
    """The processes that PostgreSQL and Valkey began with, by the connections of this process."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = cursor.fetchone()[0]
    roots = {"postgresql": _parent(backend)}
    told = re.search(r":(\d+)/", settings.REDIS_URL)
    valkey = listening_on(int(told[1])) if told else None
    return {**roots, **({"valkey": valkey} if valkey else {})}


def parts_like(beginning: str = "") -> list[str]:
    """The names of the parts of this house that run, those that begin so."""
    return sorted(name for name in _parts() if name.startswith(beginning))


def of_part(name: str) -> list[int]:
    """The processes that were started as this part of this house, the oldest first."""
    return _parts().get(name, [])


def _parts() -> dict[str, list[int]]:
    home, found = f"NIGHTJAR_HOME={os.environ['NIGHTJAR_HOME']}".encode(), defaultdict(list)
    for pid in sorted(_all_pids()):
        try:
            said = (PROC / str(pid) / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        names = [each.partition(b"=")[2].decode() for each in said if each.startswith(b"NIGHTJAR_PROCESS=")]
        if home in said and names:
            found[names[0]].append(pid)
    return found


def listening_on(port: int) -> int | None:
    """The process that listens on this port of the loopback; None where it is nobody's that we may look at."""
    sockets = {f"socket:[{inode}]" for inode in _listening(port)}
    for pid in _all_pids():
        try:
            if any(os.readlink(each) in sockets for each in (PROC / str(pid) / "fd").iterdir()):
                return pid
        except OSError:
            continue
    return None


def _listening(port: int) -> Iterable[str]:
    for table in ("tcp", "tcp6"):
        for line in (PROC / "net" / table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                yield fields[9]


def _seconds_of(root: int, stats: dict[int, list[str]], children: dict[int, list[int]], *, but: set[int]) -> float:
    ticks, rest = 0, [root]
    while rest:
        pid = rest.pop()
        ticks += sum(int(each) for each in stats.get(pid, [])[11:15])
        rest += [child for child in children[pid] if child not in but]
    return ticks / _TICKS


def _parent(pid: int) -> int:
    fields = _stat(pid)
    return int(fields[1]) if fields else 0


def _stat(pid: int) -> list[str]:
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _all_pids() -> list[int]:
    return [int(each.name) for each in PROC.iterdir() if each.name.isdecimal()]
