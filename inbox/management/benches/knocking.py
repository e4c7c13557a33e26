"""A process that delivers signed events as Twitter does, over connections that stay open: paced, or as fast as can be.

Requests are made and signed before the clock starts; what is left to do is to write bytes and to read answers.
"""

import asyncio
import json
import sys
import time
from collections import Counter, deque
from typing import Any

from django.conf import settings

from inbox.management.benches import payloads
from inbox.management.benches.figures import milliseconds, rate
from inbox.twitter.signature import sign


def run() -> dict[str, Any]:
    """The process itself: orders from standard input, `ready`, and when told to go, all requests."""
    told = json.loads(sys.stdin.readline())
    requests = _requests(told)
    print("ready", flush=True)  # noqa: T201, said to the process that started this one
    sys.stdin.readline()
    return asyncio.run(_Round(told, requests).knock())


def _requests(told: dict[str, Any]) -> deque[bytes]:
    """So many of each brand, one brand after the other in turn."""
    by_brand = [
        payloads.events(handle_id=handle_id, username=f"Brand{handle_id % 1000}", count=told["count"], start=start)
        for handle_id, start in told["handles"]
    ]
    made: deque[bytes] = deque()
    for together in zip(*by_brand, strict=True):
        made += [_request(body, host=told["host"], path=told["path"]) for _, body in together]
    return made


def _request(body: bytes, *, host: str, path: str) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        f"x-twitter-webhooks-signature: {sign(body, secret=settings.TWITTER_CONSUMER_SECRET)}\r\n\r\n"
    )
    return head.encode() + body


class _Round:
    """All requests once, over so many connections, at a rate or as fast as answers come."""

    def __init__(self, told: dict[str, Any], requests: deque[bytes]) -> None:
        self._told = told
        self._requests = requests
        self._count = len(requests)
        self._sent = 0
        self._took: list[float] = []
        self._statuses: Counter[str] = Counter()

    async def knock(self) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        self._done = loop.create_future()
        knockers = [_Knocker(self) for _ in range(self._told["connections"])]
        for knocker in knockers:
            await loop.create_connection(knocker.itself, "127.0.0.1", self._told["port"])
        began_at, self._began = time.time(), time.monotonic()
        for knocker in knockers:
            self.next(knocker)
        await self._done
        seconds = time.monotonic() - self._began
        return {
            "value": rate(self._count, seconds),
            **milliseconds(self._took),
            "requests": self._count,
            "seconds": round(seconds, 2),
            "began_at": began_at,
            "answers": dict(self._statuses),
        }

    def next(self, knocker: "_Knocker") -> None:
        """Have this connection send the next request, when that is due."""
        if not self._requests:
            return
        pace = self._told["rate"]
        wait = self._sent / pace - (time.monotonic() - self._began) if pace else 0.0
        request = self._requests.popleft()
        self._sent += 1
        if wait > 0.0005:
            asyncio.get_running_loop().call_later(wait, knocker.send, request)
        else:
            knocker.send(request)

    def answered(self, knocker: "_Knocker", status: str, took: float) -> None:
        self._statuses[status] += 1
        self._took.append(took)
        if len(self._took) == self._count:
            self._done.set_result(None)
        self.next(knocker)

    def lost(self) -> None:
        if not self._done.done() and len(self._took) < self._count:
            self._done.set_exception(ConnectionError("A connection was closed before its answer came."))


class _Knocker(asyncio.Protocol):
    """One connection: a request, its answer, the next."""

    def __init__(self, of: _Round) -> None:
        self._round = of
        self._heard = b""
        self._began = 0.0
        self._transport: asyncio.Transport | None = None

    def itself(self) -> "_Knocker":
        return self

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def send(self, request: bytes) -> None:
        assert self._transport
        self._began = time.monotonic()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._heard += data
        head, ended, body = self._heard.partition(b"\r\n\r\n")
        if not ended:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
        if len(body) < length:
            return
        self._heard = body[length:]
        self._round.answered(self, head[9:12].decode(), time.monotonic() - self._began)

    def connection_lost(self, exc: Exception | None) -> None:
        self._round.lost()
