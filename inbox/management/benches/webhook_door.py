"""How many signed events a second the door takes, each durable before its 200; beside a door that keeps nothing."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.conf import settings

from inbox.management.benches import house, machine, payloads
from inbox.management.benches.stream import hear, number, process_of, say, wait_until_carried
from inbox.models import Arrival
from tenants import entry
from tenants.models import Brand

BRANDS = 100
REQUESTS = 15_000  # to each door
CONNECTIONS = 64
FIRST_BRAND = 10  # the ones before are other measurements' in this house
PATH = "/twitter/webhook"
_starts: dict[int, int] = {}


def measure() -> dict[str, Any]:
    """Direct to the live process, through the front door, and to the bare door. The carriers are held still."""
    brands = brands_of_house(number("BRANDS", BRANDS))
    live, front = int(os.environ["NIGHTJAR_LIVE_PORT"]), settings.PORT
    count = number("REQUESTS", REQUESTS)
    knock(brands, port=live, count=max(count // 10, len(brands)))  # learned where brands live, plans made
    before = _stored(brands)
    with carriers_held():
        direct = knock(brands, port=live, count=count)
        through = knock(brands, port=front, count=count)
        durable = _stored(brands) - before
        with _bare_door() as port:
            bare = knock(brands, port=port, count=count)
    assert durable == direct["requests"] + through["requests"], (durable, direct, through)
    for found in (direct, through, bare):
        assert set(found["answers"]) == {"200"}, found
    wait_until_carried(brands)
    return {
        "value": direct["value"],
        "unit": "requests/s",
        **_figures(direct, ""),
        "front_door_per_s": through["value"],
        **_figures(through, "front_door_"),
        "bare_door_per_s": bare["value"],
        **_figures(bare, "bare_door_"),
        "of_bare_door": round(direct["value"] / bare["value"], 3),
        "requests": direct["requests"],
        "connections": CONNECTIONS,
        "brands": len(brands),
        "payloads": payloads.source(),
    }


def brands_of_house(count: int) -> list[Brand]:
    """Brands that no other measurement in this house has filled, each once with all its tweets new."""
    return house.brands(FIRST_BRAND + count)[FIRST_BRAND:]


def orders(brands: Sequence[Brand], *, port: int, count: int, rate: float = 0) -> str:
    """What a knocking process is told: so many requests in all, shared out evenly, none of them sent before."""
    each = max(1, count // len(brands))
    handles = [(house.handle_of(brand), _starts.get(brand.pk, 0)) for brand in brands]
    _starts.update({brand.pk: start + each for brand, (_, start) in zip(brands, handles, strict=True)})
    host = f"{settings.BASE_DOMAIN}:{settings.PORT}"
    told = {"handles": handles, "count": each, "host": host, "path": PATH, "port": port}
    return json.dumps({**told, "rate": rate, "connections": CONNECTIONS})


def knock(brands: Sequence[Brand], *, port: int, count: int) -> dict[str, Any]:
    """All of them as fast as answers come, from a process of its own."""
    process = process_of("knocking")
    say(process, orders(brands, port=port, count=count))
    hear(process, "ready")
    say(process, "go")
    return dict(json.loads(process.communicate(timeout=300)[0]))


@contextmanager
def carriers_held() -> Iterator[None]:
    """The house's carriers do nothing meanwhile: what is measured is the door."""
    held = [pid for name in machine.parts_like("carrier") for pid in machine.of_part(name)]
    for pid in held:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in held:
            os.kill(pid, signal.SIGCONT)


@contextmanager
def _bare_door() -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    options = ["--host=127.0.0.1", f"--port={port}", "--no-access-log", "--log-level=warning", "--no-server-header"]
    command = [sys.executable, "-m", "uvicorn", *options, "inbox.management.benches.bare_door:application"]
    process = subprocess.Popen(command, cwd=settings.BASE_DIR, env={**os.environ, "NIGHTJAR_PROCESS": "bare"})
    try:
        _wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=10)


def _wait_for(port: int) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError("The bare door did not open.")


def _stored(brands: Sequence[Brand]) -> int:
    found = 0
    for brand in brands:
        with entry.brand(brand):
            found += Arrival.objects.count()
    return found


def _figures(found: dict[str, Any], name: str) -> dict[str, float]:
    return {f"{name}{key}": found[key] for key in ("p50_ms", "p95_ms", "p99_ms")}
