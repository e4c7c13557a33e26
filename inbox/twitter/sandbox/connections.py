"""A small HTTP/1.1 client that keeps its connection: thousands of webhook deliveries a second leave through it.

Names that end in `.localhost` are dialled at 127.0.0.1, as browsers do and Python's resolver does not; the name still
travels in the Host header.
"""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

import httptools

TIME_OUT = 10.0  # seconds that Twitter waits for a webhook
LARGEST_ANSWER = 65_536


class Unreachable(Exception):
    """No usable answer: refused, cut off, too slow, or not HTTP."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a webhook lives."""

    scheme: str
    host: str
    port: int
    path: str  # with its query
    host_header: str

    @classmethod
    def of(cls, url: str) -> "Target":
        """Raises ValueError for what is not an address."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.fragment:
            raise ValueError("not an http address")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return cls(parts.scheme, parts.hostname, port, path, parts.netloc)

    @property
    def is_loopback(self) -> bool:
        return self.host in ("localhost", "127.0.0.1", "::1") or self.host.endswith(".localhost")

    @property
    def dialled(self) -> str:
        return "127.0.0.1" if self.host == "localhost" or self.host.endswith(".localhost") else self.host


@dataclass(slots=True)
class Answer:
    status: int = 0
    body: bytearray = field(default_factory=bytearray)


class _Exchange(asyncio.Protocol):
    """One open connection; one question at a time."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.waiting: asyncio.Future[Answer] | None = None
        self.answer = Answer()
        self.usable = False
        self.parser = httptools.HttpResponseParser(self)

    def ask(self, head: bytes, body: bytes) -> asyncio.Future[Answer]:
        self.answer = Answer()
        self.parser = httptools.HttpResponseParser(self)
        self.waiting = asyncio.get_running_loop().create_future()
        assert self.transport is not None
        self.transport.write(head + body)
        return self.waiting

    def close(self) -> None:
        self.usable = False
        if self.transport:
            self.transport.abort()

    # asyncio's callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are asyncio's in everything but ancestry.
        self.transport, self.usable = cast(asyncio.Transport, transport), True

    def data_received(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"not HTTP: {error}")

    def connection_lost(self, exc: Exception | None) -> None:
        self.usable = False
        self._fail("the connection was closed before the answer was complete")

    # httptools' callbacks

    def on_status(self, status: bytes) -> None:
        self.answer.status = self.parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        self.answer.body += body
        if len(self.answer.body) > LARGEST_ANSWER:
            self._fail("the answer is too long")

    def on_message_complete(self) -> None:
        self.answer.status = self.parser.get_status_code()
        self.usable = self.usable and self.parser.should_keep_alive()
        if self.waiting and not self.waiting.done():
            self.waiting.set_result(self.answer)

    def _fail(self, why: str) -> None:
        self.usable = False
        if self.waiting and not self.waiting.done():
            self.waiting.set_exception(Unreachable(why))
        if self.transport and not self.transport.is_closing():
            self.transport.abort()


class Caller:
    """Calls one address, over and over, through one connection."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.exchange: _Exchange | None = None

    async def call(
        self, method: str, body: bytes = b"", headers: Mapping[str, str] | None = None, query: str = ""
    ) -> Answer:
        """The answer, whatever its status; raises `Unreachable` when there is none within ten seconds."""
        path = self.target.path
        if query:
            path += ("&" if "?" in path else "?") + query
        lines = [f"{method} {path} HTTP/1.1", f"host: {self.target.host_header}", "user-agent: Sandbox-Twitter/1"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        if body:
            lines.append(f"content-length: {len(body)}")
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        try:
            async with asyncio.timeout(TIME_OUT):
                return await self._exchanged(head, body)
        except TimeoutError:
            self.close()
            raise Unreachable("no answer within ten seconds") from None
        except OSError as error:
            self.close()
            raise Unreachable(str(error) or type(error).__name__) from error

    def close(self) -> None:
        if self.exchange:
            self.exchange.close()
            self.exchange = None

    async def _exchanged(self, head: bytes, body: bytes) -> Answer:
        kept = self.exchange if self.exchange and self.exchange.usable else None
        if kept:
            try:
                return await kept.ask(head, body)
            except Unreachable:
                # A server may close a quiet connection at the moment it is used again; that says nothing about it.
                if kept.answer.status:
                    raise
        self.exchange = await self._connected()
        return await self.exchange.ask(head, body)

    async def _connected(self) -> _Exchange:
        self.close()
        secure = ssl.create_default_context() if self.target.scheme == "https" else None
        _, exchange = await asyncio.get_running_loop().create_connection(
            _Exchange,
            self.target.dialled,
            self.target.port,
            ssl=secure,
            server_hostname=self.target.host if secure else None,
        )
        return exchange
