"""The letterbox: the one other door into brands. It may put an arrival into any of them, and read none.

Async, without the ORM. Posts of the same few milliseconds share one transaction; `put` returns when it is committed.
Its database role may INSERT into each brand's arrivals and nothing else there, so the statement says a bare
ON CONFLICT DO NOTHING: a conflict target or RETURNING would need SELECT.
"""

import asyncio
import time
import zlib
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime

from psycopg import sql
from psycopg_pool import AsyncConnectionPool

GATHER_SECONDS = 0.003
MOST_IN_ONE_COMMIT = 500
_ADDRESSES_FRESH_SECONDS = 5.0

_ARRIVAL = "(kind, twitter_id, handle_id, received_at, payload, outcome)"


@dataclass(slots=True)
class Letter:
    """One thing to put into one brand, or (without a handle that is ours) among the strays."""

    kind: str
    twitter_id: int
    handle_id: int | None
    body: bytes
    stray_reason: str = ""
    received_at: datetime = field(default_factory=lambda: datetime.now(UTC))


class Letterbox:
    """Open it once per process with `open`; `put` from any task of that loop."""

    def __init__(self, url: str) -> None:
        self._pool = AsyncConnectionPool(
            url, min_size=1, max_size=4, open=False, kwargs={"options": "-c statement_timeout=5000"}
        )
        self._queue: asyncio.Queue[tuple[Letter, asyncio.Future[str | None]]] = asyncio.Queue(maxsize=20_000)
        self._schema_of: dict[int, tuple[str, int]] = {}
        self._asked_at = 0.0
        self._workers: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Start the writers. The database may still be on its way up."""
        await self._pool.open(wait=False)
        self._workers = [asyncio.create_task(self._write()) for _ in range(2)]

    async def close(self) -> None:
        """Stop the writers; what was put and not answered for is not stored, and Twitter will send it again."""
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        await self._pool.close()

    async def put(self, letter: Letter) -> tuple[str, int] | None:
        """Store a letter; returns once it is committed, with the schema and key of its brand (None: stray)."""
        done: asyncio.Future[tuple[str, int] | None] = asyncio.get_running_loop().create_future()
        await self._queue.put((letter, done))  # type: ignore[arg-type]
        return await done

    async def _write(self) -> None:
        while True:
            batch = [await self._queue.get()]
            await asyncio.sleep(GATHER_SECONDS)
            while len(batch) < MOST_IN_ONE_COMMIT and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            try:
                where = await self._store([letter for letter, _ in batch])
            except Exception as error:  # whatever it was, each caller must hear of it and answer 503
                for _, done in batch:
                    if not done.done():
                        done.set_exception(NotStored(str(error)))
            else:
                for (_, done), schema in zip(batch, where, strict=True):
                    if not done.done():
                        done.set_result(schema)  # type: ignore[arg-type]

    async def _store(self, letters: list[Letter]) -> list[tuple[str, int] | None]:
        async with self._pool.connection(timeout=4) as connection, connection.cursor() as cursor:
            await self._learn_addresses(cursor, letters)
            where = [self._schema_of.get(letter.handle_id or 0) for letter in letters]
            by_schema: dict[str, list[Letter]] = defaultdict(list)
            for letter, brand in zip(letters, where, strict=True):
                by_schema[brand[0] if brand else ""].append(letter)
            for schema in sorted(by_schema):
                if schema:
                    await _put_arrivals(cursor, schema, by_schema[schema])
                else:
                    await _put_strays(cursor, by_schema[schema])
            return where

    async def _learn_addresses(self, cursor: object, letters: list[Letter]) -> None:
        """Which handle is whose. Asked anew every few seconds, and at once for a handle that is not known."""
        unknown = any(letter.handle_id and letter.handle_id not in self._schema_of for letter in letters)
        age = time.monotonic() - self._asked_at
        if age < (0.2 if unknown else _ADDRESSES_FRESH_SECONDS):
            return
        await cursor.execute(  # type: ignore[attr-defined]
            "SELECT h.twitter_id, b.schema_name, b.id FROM tenants_handle h JOIN tenants_brand b ON b.id = h.brand_id"
        )
        self._schema_of = {row[0]: (row[1], row[2]) for row in await cursor.fetchall()}  # type: ignore[attr-defined]
        self._asked_at = time.monotonic()


class NotStored(RuntimeError):
    """The letter is not in the database; Twitter must be told to send it again."""


async def _put_arrivals(cursor: object, schema: str, letters: list[Letter]) -> None:
    rows = sql.SQL(", ").join([sql.SQL("(%s, %s, %s, %s, %s, '')")] * len(letters))
    statement = sql.SQL("INSERT INTO {}.inbox_arrival " + _ARRIVAL + " VALUES {} ON CONFLICT DO NOTHING").format(
        sql.Identifier(schema), rows
    )
    values = [
        value
        for letter in letters
        for value in (
            letter.kind,
            letter.twitter_id,
            letter.handle_id,
            letter.received_at,
            zlib.compress(letter.body, 1),
        )
    ]
    await cursor.execute(statement, values, prepare=False)  # type: ignore[attr-defined]


async def _put_strays(cursor: object, letters: list[Letter]) -> None:
    await cursor.executemany(  # type: ignore[attr-defined]
        "INSERT INTO tenants_stray (reason, for_twitter_id, body, received_at) VALUES (%s, %s, %s, %s)",
        [(letter.stray_reason, letter.handle_id, letter.body, letter.received_at) for letter in letters],
    )
