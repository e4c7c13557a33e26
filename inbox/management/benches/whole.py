"""Everything at once: the door at a steady pace, the flow, three hundred agents' sockets, and people who read pages."""

import asyncio
import http.client
import json
import os
import sys
import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from inbox.management.benches import house, lags, machine, payloads, stream
from inbox.management.benches.figures import milliseconds, percentile, rate
from inbox.management.benches.machine import Parts
from inbox.management.benches.on_screen import open_socket
from inbox.management.benches.stream import hear, number, process_of, say
from inbox.management.benches.webhook_door import orders
from tenants.models import Brand

RATE = 2000
SECONDS = 20.0
BRANDS = 20
FIRST_BRAND = 120  # the ones before are other measurements' in this house
AGENTS = 300
READERS = 8
PAUSE = 0.25  # seconds between two pages of one reader
CAPACITY = 20


def measure() -> dict[str, Any]:
    """The value is the p99 from stored to on screen, of all screens that watch that brand."""
    brands = house.brands(FIRST_BRAND + number("BRANDS", BRANDS))[FIRST_BRAND:]
    agents = number("AGENTS", AGENTS)
    with stream.people_at_work(agents, capacity=CAPACITY), stream.listening() as ear:
        run = _run(brands, house.at_work())
    door, since = run.door, run.door["began_at"]
    passages = stream.passages(brands, ear.heard, since=since)
    screens = _on_screen(brands, run.seen, since=since)
    assert set(door["answers"]) == {"200"}, door
    assert len(passages) == door["requests"], (len(passages), door)
    shown = milliseconds(screens)
    return {
        "value": shown["p99_ms"],
        "unit": "ms",
        **{f"on_screen_{name}": value for name, value in shown.items()},
        "screens": len(screens),
        "offered_per_s": rate(door["requests"], door["seconds"]),
        **{f"lag_{name}": value for name, value in lags.figures(passages).items()},
        **{f"door_{name}": door[name] for name in ("p50_ms", "p95_ms", "p99_ms")},
        **{f"page_{name}": value for name, value in milliseconds(run.pages).items()},
        "pages_per_s": rate(len(run.pages), door["seconds"]),
        "agents": agents,
        "readers": READERS,
        "brands": len(brands),
        "share_of_machine": run.shares,
        "payloads": payloads.source(),
    }


@dataclass(frozen=True, slots=True)
class _Run:
    """What each of the processes told: the door's answers, the screens' hints, the pages' times; and what all took."""

    door: dict[str, Any]
    seen: dict[str, Any]
    pages: list[float]
    shares: dict[str, float]


def _run(brands: list[Brand], people: list[int]) -> _Run:
    """Everything at once, for as long as events are offered."""
    pace, time_for = number("RATE", RATE), stream.seconds(SECONDS)
    watching = _started("watching", _seats(brands, people))
    reading = _started("reading", _seats(brands, people[:READERS]))
    knocking = process_of("knocking")
    say(knocking, orders(brands, port=settings.PORT, count=int(pace * time_for), rate=pace))
    hear(knocking, "ready")
    parts = Parts({"measuring": os.getpid(), **machine.server_roots(), **_house_roots()})
    parts.begin()
    began = time.monotonic()
    say(knocking, "go")
    say(reading, "go")
    door = json.loads(knocking.communicate(timeout=300)[0])
    shares = parts.end(seconds=time.monotonic() - began)
    pages = json.loads(reading.communicate("stop\n", timeout=60)[0])["took"]
    stream.wait_until_carried(brands)
    seen = json.loads(watching.communicate("stop\n", timeout=60)[0])
    return _Run(door, seen, pages, shares)


def watch() -> dict[str, Any]:
    """The process of the agents' screens: each hint that reaches one, until it is told to stop."""
    seats = json.loads(sys.stdin.readline())
    return asyncio.run(_watch(seats))


def read() -> dict[str, Any]:
    """The process of the readers: one page of the inbox after another, until it is told to stop."""
    seats = json.loads(sys.stdin.readline())
    took: list[float] = []
    stopped = threading.Event()
    print("ready", flush=True)  # noqa: T201, said to the process that started this one
    sys.stdin.readline()
    readers = [threading.Thread(target=_read, args=[*seat, took, stopped]) for seat in seats]
    for reader in readers:
        reader.start()
    sys.stdin.readline()
    stopped.set()
    for reader in readers:
        reader.join()
    return {"took": took}


async def _watch(seats: list[tuple[str, str]]) -> dict[str, Any]:
    heard: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    sockets = [await open_socket(host, cookie) for host, cookie in seats]
    listening = [asyncio.create_task(_listen(socket, heard)) for socket in sockets]
    print("ready", flush=True)  # noqa: T201, said to the process that started this one
    await asyncio.to_thread(sys.stdin.readline)
    for each in listening:
        each.cancel()
    await asyncio.gather(*listening, return_exceptions=True)
    for socket in sockets:
        await socket.close()
    return {"heard": {slug: sorted(hints.items()) for slug, hints in heard.items()}}


async def _listen(socket: ClientConnection, heard: dict[str, dict[int, list[float]]]) -> None:
    try:
        while True:
            said = json.loads(await socket.recv())
            if "seq" in said:
                heard[said["brand"]][said["seq"]].append(time.time())
    except ConnectionClosed:
        return


def _read(host: str, cookie: str, took: list[float], stopped: threading.Event) -> None:
    browser = http.client.HTTPConnection("127.0.0.1", settings.PORT, timeout=30)
    while not stopped.is_set():
        began = time.perf_counter()
        browser.request("GET", "/?filter=waiting", headers={"Host": host, "Cookie": cookie})
        answer = browser.getresponse()
        answer.read()
        took.append(time.perf_counter() - began)
        assert answer.status == 200, answer.status
        stopped.wait(PAUSE)
    browser.close()


def _seats(brands: list[Brand], people: list[int]) -> list[tuple[str, str]]:
    """Each person's screen: on the host of one of the brands, logged in there."""
    hosts = [house.brand_host(brand) for brand in brands]
    places = [(hosts[number % len(hosts)], user_id) for number, user_id in enumerate(people)]
    return [(host, house.cookie(user_id, host=host)) for host, user_id in places]


def _started(part: str, seats: list[tuple[str, str]]) -> Any:
    process = process_of(part)
    say(process, json.dumps(seats))
    hear(process, "ready")
    return process


def _house_roots() -> dict[str, int]:
    roots = {name: machine.of_part(name)[:1] for name in machine.parts_like() if name != "bench"}
    return {name: pids[0] for name, pids in roots.items() if pids}


def _on_screen(brands: list[Brand], seen: dict[str, Any], *, since: float) -> list[float]:
    """From stored to each screen that watches that brand, of each tweet."""
    took: list[float] = []
    for brand in brands:
        hints = [(seq, times) for seq, times in seen["heard"].get(brand.slug, [])]
        numbers = [(seq, float(place)) for place, (seq, _) in enumerate(hints)]
        for seq, stored_at in stream.stored(brand, since=since):
            place = lags.told_at(seq, numbers)
            assert place is not None, f"No screen was told event {seq} of {brand}."
            took += [at - stored_at for at in hints[int(place)][1]]
    assert percentile(took, 50) > 0
    return took
