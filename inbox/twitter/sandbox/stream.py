"""The filtered stream: who is connected, what they get, and everything that ends a connection."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from inbox.twitter.sandbox.faults import STREAM, Faults
from inbox.twitter.sandbox.problems import PROBLEMS, Problem
from inbox.twitter.sandbox.rulebook import Rule, Rulebook
from inbox.twitter.sandbox.snowflake import now_ms
from inbox.twitter.sandbox.storage import Storage
from inbox.twitter.sandbox.subjects import subject_of
from inbox.twitter.sandbox.wire import timestamp
from inbox.twitter.sandbox.world import Tweet, World

ENDPOINT = "filtered_stream"
HEARTBEAT = b"\r\n"
MOST_WAITING = 10_000
LOOKED_AFTER = 0.1  # seconds: how soon a connection notices that it was ended, or that a fault is on
DISCONNECTED = "This stream has been disconnected upstream for operational reasons."

Match = tuple[Tweet, list[Rule]]
Draw = Callable[[Match], dict[str, Any]]


@dataclass(slots=True)
class Connection:
    id: int
    client_ip: str
    connected_ms: int
    line: asyncio.Queue[Match] = field(default_factory=lambda: asyncio.Queue(MOST_WAITING))
    end: str = ""  # why it has to end, once it has to


class Stream:
    def __init__(self, storage: Storage, world: World, faults: Faults) -> None:
        self.storage, self.world, self.faults = storage, world, faults
        self.rules = Rulebook(storage, world)
        self.connections: dict[int, Connection] = {}
        self.phantoms: dict[int, int] = {}  # connections that nobody reads → when they stop to count
        with storage.transaction():
            storage.execute(
                "UPDATE stream_connections SET disconnected_ms = ?, reason = 'internal-error'"
                " WHERE disconnected_ms IS NULL", (now_ms(),)
            )  # fmt: skip

    def offer(self, tweets: list[Tweet]) -> None:
        """New tweets: everybody who is connected gets those that meet a rule."""
        if not self.connections:
            return
        for tweet in tweets:
            if not (rules := self.rules.met_by(subject_of(self.world, tweet))):
                continue
            if self.faults.take("stream_never", tweet.author_id):
                continue
            copies = 2 if self.faults.take("stream_twice", tweet.author_id) else 1
            for connection in self.connections.values():
                for _ in range(copies):
                    if connection.line.full():
                        connection.end = "slow-reader"
                    else:
                        connection.line.put_nowait((tweet, rules))

    def past(self, from_ms: int, to_ms: int) -> Iterator[Match]:
        """What the stream would have brought in between, by the rules of now."""
        for tweet in self.world.tweets_where(
            "stored_ms BETWEEN ? AND ? AND deleted_ms IS NULL", (from_ms, to_ms), order="stored_ms, id"
        ):
            if tweet.author_id not in self.world.unseen and (rules := self.rules.met_by(subject_of(self.world, tweet))):
                yield tweet, rules

    def connect(self, client_ip: str) -> Connection:
        """A new connection; raises `Problem` when there is no room or no rule."""
        self._forget_phantoms()
        if not self.rules.all():
            raise Problem(
                409, "ConnectionException", "This stream has no rules", kind="rule-configuration-issue",
                extra={"connection_issue": "RuleConfigurationIssue"},
            )  # fmt: skip
        if len(self.connections) + len(self.phantoms) >= self.world.settings["stream_connections"]:
            raise Problem(
                429, "ConnectionException", "This stream is currently at the maximum allowed connection limit.",
                kind="streaming-connection", extra={"connection_issue": "TooManyConnections"},
            )  # fmt: skip
        connection = Connection(self.world.snowflakes.next(), client_ip, now_ms())
        with self.storage.transaction():
            self.storage.execute(
                "INSERT INTO stream_connections VALUES (?, ?, ?, ?, NULL, NULL)",
                (connection.id, ENDPOINT, client_ip, connection.connected_ms),
            )
        self.connections[connection.id] = connection
        return connection

    async def lines(self, connection: Connection, draw: Draw, past: Iterator[Match]) -> AsyncIterator[bytes]:
        """Everything that goes down one connection, until one side ends it."""
        reason = "client-disconnect"
        try:
            for match in past:
                yield self._line(draw, match)
            quiet = 0.0
            while not connection.end:
                if self.faults.any_of(STREAM) and self.faults.take("stream_disconnect"):
                    connection.end = "operational-disconnect"
                    break
                try:
                    async with asyncio.timeout(LOOKED_AFTER):
                        match = await connection.line.get()
                except TimeoutError:
                    quiet += LOOKED_AFTER
                    if quiet + LOOKED_AFTER / 2 >= self.world.settings["heartbeat_seconds"]:
                        quiet = 0.0
                        if not self.faults.any_of(STREAM) or not self.faults.take("stream_silent"):
                            yield HEARTBEAT
                    continue
                if self.faults.any_of(STREAM) and self.faults.take("stream_silent"):
                    continue
                quiet = 0.0
                yield self._line(draw, match)
            reason = connection.end
            if reason == "operational-disconnect":
                yield self._farewell()
        finally:
            self._left(connection, reason)

    def end_all(self, reason: str = "operational-disconnect") -> int:
        """End every connection, those that nobody reads too; answers how many there were."""
        self._forget_phantoms()
        ended = len(self.connections) + len(self.phantoms)
        for connection in self.connections.values():
            connection.end = reason
        self.connections.clear()
        self.phantoms.clear()
        return ended

    def history(self, status: str) -> list[dict[str, Any]]:
        self._forget_phantoms()
        rows = self.storage.execute(
            "SELECT id, endpoint, client_ip, connected_ms, disconnected_ms, reason FROM stream_connections"
            " ORDER BY id DESC LIMIT 100"
        )
        shown = []
        for connection_id, endpoint, client_ip, connected, disconnected, reason in rows:
            is_active = connection_id in self.connections or connection_id in self.phantoms
            if status != "all" and (status == "active") != is_active:
                continue
            one = {"id": str(connection_id), "endpoint_name": endpoint, "connected_at": timestamp(connected)}
            one["client_ip"] = client_ip
            if not is_active:
                one["disconnected_at"] = timestamp(disconnected or now_ms())
                one["disconnect_reason"] = reason or "client-disconnect"
            shown.append(one)
        return shown

    def _left(self, connection: Connection, reason: str) -> None:
        if self.connections.pop(connection.id, None) and reason == "client-disconnect":
            seconds = self.world.settings["phantom_seconds"]
            if fault := self.faults.take("stream_phantom"):
                seconds = fault.seconds
            if seconds:
                self.phantoms[connection.id] = now_ms() + int(seconds * 1000)
        with self.storage.transaction():
            self.storage.execute(
                "UPDATE stream_connections SET disconnected_ms = ?, reason = ? WHERE id = ?",
                (now_ms(), reason, connection.id),
            )

    def _forget_phantoms(self) -> None:
        now = now_ms()
        self.phantoms = {one: until for one, until in self.phantoms.items() if until > now}

    def _line(self, draw: Draw, match: Match) -> bytes:
        rules = [{"id": str(rule.id), "tag": rule.tag} if rule.tag else {"id": str(rule.id)} for rule in match[1]]
        return msgspec.json.encode({**draw(match), "matching_rules": rules}) + b"\r\n"

    def _farewell(self) -> bytes:
        error = {
            "title": "operational-disconnect",
            "disconnect_type": "UpstreamOperationalDisconnect",
            "detail": DISCONNECTED,
            "type": PROBLEMS[self.world.vocabulary] + "operational-disconnect",
        }
        return msgspec.json.encode({"errors": [error]}) + b"\r\n"
