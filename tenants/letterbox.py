"""The letterbox: the one other door into brands. It may put an arrival into any of them, and read none.

Async, without the ORM. Posts of the same few milliseconds share one transaction; `put` returns when it is committed.
Its database role may INSERT into each brand's arrivals and nothing else there, so the statement says a bare
ON CONFLICT DO NOTHING: a conflict target or RETURNING would need SELECT.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache

import psycopg
from isal import isal_zlib
from psycopg import sql
from psycopg_pool import AsyncConnectionPool

from tenants.database.columns import MOST_PLANS, bigints, blobs, times, words

GATHER_SECONDS = 0.003
# While letters keep coming, that is: a statement for two letters costs hardly more than one for one.
LONGEST_GATHERING = 0.05
MOST_IN_ONE_COMMIT = 500
_ADDRESSES_FRESH_SECONDS = 5.0

# The schema and the key of a brand.
Address = tuple[str, int]


@dataclass(slots=True)
class Letter:
    """One thing to put into one brand, or (without a handle that is ours) among the strays."""

    kind: str
    twitter_id: int
    handle_id: int | None
    body: bytes
    stray_reason: str = ""
    received_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    source: str = "webhook"


class NotStored(RuntimeError):
    """The letter is not in the database; Twitter must be told to send it again."""


# What becomes of a letter: where it went (None: among the strays), or why it is not stored.
Fate = Address | NotStored | None


class Letterbox:
    """Open it once per process with `open`; `put` from any task of that loop."""

    def __init__(self, url: str) -> None:
        # With a longer time-out the pool's pauses grow to minutes: a database that is back would not be noticed.
        self._pool = AsyncConnectionPool(
            url,
            min_size=1,
            max_size=4,
            open=False,
            reconnect_timeout=2,
            configure=_keep_all_plans,
            kwargs={"options": "-c statement_timeout=5000"},
        )
        self._queue: asyncio.Queue[tuple[Letter, asyncio.Future[Address | None]]] = asyncio.Queue(maxsize=20_000)
        self._schema_of: dict[int, Address] = {}
        self._asked_at = float("-inf")
        self._strangers: set[int] = set()
        self._workers: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Start the writers. The database may still be on its way up."""
        await self._pool.open(wait=False)
        self._workers = [asyncio.create_task(self._write()) for _ in range(2)]

    async def close(self) -> None:
        """Stop the writers; what was put and not answered for is not stored, and Twitter will send it again."""
        workers, self._workers = self._workers, []
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        while not self._queue.empty():
            _answer([self._queue.get_nowait()], [NotStored("The letterbox was closed.")])
        await self._pool.close()

    async def put(self, letter: Letter) -> Address | None:
        """Store a letter; returns once it is committed, with the schema and key of its brand (None: stray).

        Raises `NotStored`.
        """
        if not self._workers:
            raise NotStored("The letterbox is closed.")
        done: asyncio.Future[Address | None] = asyncio.get_running_loop().create_future()
        await self._queue.put((letter, done))
        return await done

    async def _write(self) -> None:
        while True:
            batch = [await self._queue.get()]
            fates: Sequence[Fate] = ()
            try:
                await self._gather()
                while len(batch) < MOST_IN_ONE_COMMIT and not self._queue.empty():
                    batch.append(self._queue.get_nowait())
                fates = await self._store_each([letter for letter, _ in batch])
            finally:
                _answer(batch, fates or [NotStored("The letterbox was closed.") for _ in batch])

    async def _gather(self) -> None:
        """Wait for what else comes within a few milliseconds, and go on while more comes in each of them."""
        waiting, until = 0, time.monotonic() + LONGEST_GATHERING
        while True:
            await asyncio.sleep(GATHER_SECONDS)
            before, waiting = waiting, self._queue.qsize()
            if waiting <= before or waiting >= MOST_IN_ONE_COMMIT or time.monotonic() >= until:
                return

    async def _store_each(self, letters: Sequence[Letter], *, again: bool = True) -> list[Fate]:
        """What became of each letter. Those that cannot be stored do not take along the others of their batch."""
        try:
            return [*await self._store(letters)]
        except Exception as error:  # whatever it was, each caller must hear of it and answer 503
            if again and isinstance(error, psycopg.ProgrammingError):
                # A brand that is gone since we asked: what comes for it now is for a handle that is nobody's.
                self._schema_of, self._strangers = {}, set()
                return await self._store_each(letters, again=False)
            fates: dict[int, Fate] = {}
            for part in self._apart(letters, error):
                fates.update(zip(map(id, part), await self._store_each(part, again=False), strict=True))
            return [fates[id(letter)] if fates else NotStored(str(error)) for letter in letters]

    def _apart(self, letters: Sequence[Letter], error: Exception) -> list[Sequence[Letter]]:
        """Smaller batches, where it may have been some letters' own fault: by handle, then by halves."""
        of_data = isinstance(error, psycopg.DataError | psycopg.IntegrityError)
        if not (of_data or (isinstance(error, psycopg.Error) and error.sqlstate)):
            return []
        # By handle, not by what is known of addresses: another writer may be forgetting those just now.
        by_handle: dict[int | None, list[Letter]] = defaultdict(list)
        for letter in letters:
            by_handle[letter.handle_id].append(letter)
        if len(by_handle) > 1:
            return [*by_handle.values()]
        middle = len(letters) // 2
        return [letters[:middle], letters[middle:]] if of_data and middle else []

    async def _store(self, letters: Sequence[Letter]) -> list[Address | None]:
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

    async def _learn_addresses(self, cursor: object, letters: Sequence[Letter]) -> None:
        """Which handle is whose. Asked anew every few seconds, and at once for a handle that was not asked for yet."""
        unknown = {letter.handle_id for letter in letters if letter.handle_id} - self._schema_of.keys()
        age = time.monotonic() - self._asked_at
        if unknown <= self._strangers and age < (0.2 if unknown else _ADDRESSES_FRESH_SECONDS):
            return
        await cursor.execute(  # type: ignore[attr-defined]
            "SELECT h.twitter_id, b.schema_name, b.id FROM tenants_handle h JOIN tenants_brand b ON b.id = h.brand_id"
        )
        self._schema_of = {row[0]: (row[1], row[2]) for row in await cursor.fetchall()}  # type: ignore[attr-defined]
        self._asked_at = time.monotonic()
        kept = self._strangers if len(self._strangers) < 10_000 else set()
        self._strangers = (kept | unknown) - self._schema_of.keys()


async def _keep_all_plans(connection: psycopg.AsyncConnection) -> None:
    """One statement for each brand: with the hundred that are kept otherwise, each would be planned anew each time."""
    connection.prepared_max = MOST_PLANS


def _answer(batch: Sequence[tuple[Letter, "asyncio.Future[Address | None]"]], fates: Sequence[Fate]) -> None:
    for (_, done), fate in zip(batch, fates, strict=True):
        if done.done():
            continue
        if isinstance(fate, NotStored):
            done.set_exception(fate)
        else:
            done.set_result(fate)


async def _put_arrivals(cursor: object, schema: str, letters: list[Letter]) -> None:
    """One statement for all letters of a brand, whose text is the same each time: it is planned once."""
    values = [
        words(letter.kind for letter in letters),
        bigints(letter.twitter_id for letter in letters),
        bigints(letter.handle_id for letter in letters),
        times(letter.received_at for letter in letters),
        blobs([isal_zlib.compress(letter.body, 1) for letter in letters]),
        words(letter.source for letter in letters),
    ]
    await cursor.execute(_statement_for(schema), values, prepare=True)  # type: ignore[attr-defined]


@cache
def _statement_for(schema: str) -> bytes:
    text = sql.SQL(
        "WITH r AS MATERIALIZED (SELECT * FROM unnest("
        "%s::text[], %s::bigint[], %s::bigint[], %s::timestamptz[], %s::bytea[], %s::text[]"
        ") AS r(kind, twitter_id, handle_id, received_at, body, source)"
        "), packed AS ("
        "INSERT INTO {0}.inbox_payload (twitter_id, kind, body) SELECT twitter_id, kind, body FROM r"
        " ON CONFLICT DO NOTHING) "
        "INSERT INTO {0}.inbox_arrival (kind, twitter_id, handle_id, received_at, source, outcome)"
        " SELECT kind, twitter_id, handle_id, received_at, source, '' FROM r ON CONFLICT DO NOTHING"
    )
    return text.format(sql.Identifier(schema)).as_bytes()


async def _put_strays(cursor: object, letters: list[Letter]) -> None:
    await cursor.executemany(  # type: ignore[attr-defined]
        "INSERT INTO tenants_stray (reason, for_twitter_id, body, received_at) VALUES (%s, %s, %s, %s)",
        [(letter.stray_reason, letter.handle_id, letter.body, letter.received_at) for letter in letters],
    )
