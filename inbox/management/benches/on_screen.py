"""How long it takes from Twitter's answer to the hint on the screens of fifty agents."""

import asyncio
import json
import time
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from websockets.asyncio.client import ClientConnection, connect

from inbox.management.benches import house, payloads
from inbox.management.benches.figures import milliseconds, percentile
from inbox.management.benches.webhook import Webhook

AGENTS = 50
TWEETS = 200
WARM_UP = 10
PATIENCE = 20.0


def measure() -> dict[str, Any]:
    """One tweet after another; each counts fifty times, once for each screen."""
    brand = house.brands(2)[1]
    host = house.agency_host()
    cookies = [house.cookie(user_id, host=host) for user_id in house.agents(AGENTS, team="screen")]
    events = payloads.events(handle_id=house.handle_of(brand), username="Brand1", count=TWEETS + WARM_UP)
    bodies = [body for _, body in events]
    rounds = asyncio.run(_watch(host, cookies, bodies))[WARM_UP:]
    every = [took for each in rounds for took in each]
    figures = milliseconds(every)
    return {
        "value": figures["p50_ms"],
        "unit": "ms",
        **figures,
        "last_screen_p50_ms": round(percentile([max(each) for each in rounds], 50) * 1000, 1),
        "agents": AGENTS,
        "tweets": TWEETS,
        "payloads": payloads.source(),
    }


async def _watch(host: str, cookies: list[str], bodies: list[bytes]) -> list[list[float]]:
    sockets = [await open_socket(host, cookie) for cookie in cookies]
    rounds = []
    with Webhook() as webhook:
        for body in bodies:
            heard = [asyncio.create_task(_next_hint(socket)) for socket in sockets]
            answered = await sync_to_async(webhook.post)(body)
            async with asyncio.timeout(PATIENCE):
                rounds.append([at - answered for at in await asyncio.gather(*heard)])
    for socket in sockets:
        await socket.close()
    return rounds


async def open_socket(host: str, cookie: str) -> ClientConnection:
    """A socket as the browser opens it. Python does not resolve `*.localhost`, so it dials 127.0.0.1."""
    socket = await connect(
        f"ws://{host}/live/",
        host="127.0.0.1",
        port=settings.PORT,
        origin=f"http://{host}",  # type: ignore[arg-type]
        additional_headers={"Cookie": cookie},
        compression=None,
        proxy=None,
    )
    hello = json.loads(await socket.recv())
    assert "hello" in hello, hello
    return socket


async def _next_hint(socket: ClientConnection) -> float:
    while True:
        said = json.loads(await socket.recv())
        if "seq" in said:
            return time.monotonic()
