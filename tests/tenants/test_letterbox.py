"""The real letterbox and database: what is put is committed, and nothing that is put elsewhere is in its way."""

import asyncio
import os
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from psycopg import sql
from psycopg.errors import InsufficientPrivilege

from tenants import schemas
from tenants.letterbox import Letter, Letterbox, NotStored
from tenants.models import Brand
from tests.conftest import handle_of
from tests.factories import tweet_id
from tests.walled import LETTERBOX, as_owner, psql

pytestmark = pytest.mark.commits

NOBODYS = 4_000_000_000_000_000_001


@pytest.fixture(autouse=True)
def _empty(walled) -> Iterator[None]:
    yield
    with as_owner() as owner:
        owner.execute("DELETE FROM tenants_stray")
        for brand in walled.brands:
            for table in ("inbox_arrival", "inbox_payload"):
                owner.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(brand.schema_name, table)))


@asynccontextmanager
async def opened(url: str = "") -> AsyncIterator[Letterbox]:
    letterbox = Letterbox(url or os.environ[LETTERBOX])
    await letterbox.open()
    try:
        yield letterbox
    finally:
        await letterbox.close()


def run(story: Callable[[Letterbox], Awaitable[Any]], *, url: str = "") -> Any:
    """A story told with an open letterbox, on a loop of its own."""

    async def tell() -> Any:
        async with opened(url) as letterbox:
            async with asyncio.timeout(40):
                return await story(letterbox)

    return asyncio.run(tell())


async def put_all(letterbox: Letterbox, letters: list[Letter]) -> list[Any]:
    """Put them all at once, so that they share a commit."""
    return await asyncio.gather(*(letterbox.put(letter) for letter in letters), return_exceptions=True)


def letter(brand: Brand | None, number: int = 0, *, handle_id: int | None = None, kind: str = "tweet") -> Letter:
    handle_id = handle_of(brand) if brand else handle_id
    return Letter(kind, tweet_id(0, number), handle_id, b'{"n": %d}' % number, stray_reason="unknown_handle")


def arrivals(brand: Brand) -> list[tuple[str, int, int, bytes]]:
    """What lies in a brand, as somebody else sees it: so it is committed."""
    with as_owner() as owner:
        rows = owner.execute(
            sql.SQL(
                "SELECT kind, twitter_id, handle_id, body FROM {0}.inbox_arrival"
                " JOIN {0}.inbox_payload USING (kind, twitter_id) WHERE twitter_id > 1000 ORDER BY id"
            ).format(sql.Identifier(brand.schema_name))
        ).fetchall()
    return [(kind, pk, handle, zlib.decompress(body)) for kind, pk, handle, body in rows]


def strays() -> list[tuple[str, int | None, bytes]]:
    with as_owner() as owner:
        return owner.execute("SELECT reason, for_twitter_id, body FROM tenants_stray ORDER BY id").fetchall()


def test_what_was_put_is_committed_when_put_returns(walled):
    async def story(letterbox: Letterbox) -> tuple[Any, Any]:
        where = await letterbox.put(letter(walled.one))
        return where, arrivals(walled.one)

    where, seen = run(story)

    assert where == (walled.one.schema_name, walled.one.pk)
    assert seen == [("tweet", tweet_id(0), handle_of(walled.one), b'{"n": 0}')]


def test_letters_of_many_brands_share_a_commit_and_each_lies_in_its_own(walled):
    letters = [letter(brand, number) for number in range(40) for brand in walled.brands]

    fates = run(lambda letterbox: put_all(letterbox, letters))

    assert fates == [(brand.schema_name, brand.pk) for _ in range(40) for brand in walled.brands]
    for brand in walled.brands:
        assert sorted(arrivals(brand)) == [
            ("tweet", tweet_id(0, number), handle_of(brand), b'{"n": %d}' % number) for number in range(40)
        ]


def test_the_same_arrival_again_changes_nothing_and_is_answered_alike(walled):
    async def story(letterbox: Letterbox) -> list[Any]:
        first = await put_all(letterbox, [letter(walled.one), letter(walled.one), letter(walled.one, kind="deletion")])
        return first + await put_all(letterbox, [letter(walled.one)])

    fates = run(story)

    assert fates == [(walled.one.schema_name, walled.one.pk)] * 4
    assert [row[0] for row in arrivals(walled.one)] == ["tweet", "deletion"]


def test_a_letter_for_nobody_of_ours_is_kept_as_a_stray(walled):
    fates = run(
        lambda letterbox: put_all(letterbox, [letter(None, handle_id=NOBODYS), letter(walled.one, 1), letter(None)])
    )

    assert fates == [None, (walled.one.schema_name, walled.one.pk), None]
    assert sorted(strays(), key=str) == [
        ("unknown_handle", NOBODYS, b'{"n": 0}'),
        ("unknown_handle", None, b'{"n": 0}'),
    ]
    assert len(arrivals(walled.one)) == 1


def test_a_handle_that_is_added_later_is_learnt(walled):
    async def story(letterbox: Letterbox) -> list[Any]:
        fates = [await letterbox.put(letter(None, handle_id=NOBODYS))]
        schemas.add_handle(brand=walled.three, twitter_id=NOBODYS, username="Later")
        await asyncio.sleep(0.25)
        return [*fates, await letterbox.put(letter(None, 1, handle_id=NOBODYS))]

    try:
        fates = run(story)
    finally:
        with as_owner() as owner:
            owner.execute("DELETE FROM tenants_handle WHERE twitter_id = %s", [NOBODYS])

    assert fates == [None, (walled.three.schema_name, walled.three.pk)]


def test_a_brand_that_is_deleted_takes_nobody_elses_letters_along(walled, new_brand):
    """Its address is still known for some seconds. What comes for it then is for a handle that is nobody's."""
    gone = new_brand()

    async def story(letterbox: Letterbox) -> list[Any]:
        before = await put_all(letterbox, [letter(gone, 1), letter(walled.one, 1)])
        await asyncio.to_thread(schemas.drop_brand, brand=gone)
        return before + await put_all(letterbox, [letter(walled.one, 2), letter(gone, 2), letter(walled.two, 2)])

    fates = run(story)

    one, two = ((brand.schema_name, brand.pk) for brand in (walled.one, walled.two))
    assert fates == [(gone.schema_name, gone.pk), one, one, None, two]
    assert len(arrivals(walled.one)) == 2
    assert strays() == [("unknown_handle", handle_of(gone), b'{"n": 2}')]


def test_a_brand_whose_table_is_broken_takes_nobody_elses_letters_along(walled, new_brand):
    broken = new_brand()
    with as_owner() as owner:
        owner.execute(sql.SQL("DROP TABLE {}.inbox_arrival").format(sql.Identifier(broken.schema_name)))
    letters = [letter(brand, number) for number in range(10) for brand in (walled.one, broken, walled.two)]

    fates = run(lambda letterbox: put_all(letterbox, letters))

    stored = [not isinstance(fate, NotStored) for fate in fates]
    assert stored == [True, False, True] * 10
    assert (len(arrivals(walled.one)), len(arrivals(walled.two))) == (10, 10)
    assert strays() == []


def test_one_letter_that_no_table_would_take_stops_no_other_not_even_its_brands(walled):
    letters = [letter(walled.one, number) for number in range(30)]
    letters[17] = Letter("tweet", 2**70, handle_of(walled.one), b"{}")
    letters[20] = Letter("a kind with too long a name", tweet_id(0, 20), handle_of(walled.one), b"{}")
    letters.append(letter(walled.two))

    fates = run(lambda letterbox: put_all(letterbox, letters))

    assert [number for number, fate in enumerate(fates) if isinstance(fate, NotStored)] == [17, 20]
    assert len(arrivals(walled.one)) == 28
    assert len(arrivals(walled.two)) == 1


def test_the_letterboxs_login_puts_into_every_brand_and_reads_none(walled):
    login = psql(LETTERBOX)
    try:
        for brand in walled.brands:
            table = sql.Identifier(brand.schema_name, "inbox_arrival")
            payloads = sql.Identifier(brand.schema_name, "inbox_payload")
            login.execute(
                sql.SQL(
                    "INSERT INTO {} (kind, twitter_id, handle_id, received_at, outcome) "
                    "VALUES ('tweet', 5000, 1, now(), '') ON CONFLICT DO NOTHING"
                ).format(table)
            )
            login.execute(sql.SQL("INSERT INTO {} VALUES (5000, 'tweet', '') ON CONFLICT DO NOTHING").format(payloads))
            for statement in (
                "SELECT 1 FROM {}",
                "SELECT count(*) FROM {}",
                "UPDATE {} SET outcome = ''",
                "DELETE FROM {}",
                "TRUNCATE {}",
                "COPY {} TO STDOUT",
                "INSERT INTO {} (kind, twitter_id, handle_id, received_at, outcome) "
                "VALUES ('tweet', 5001, 1, now(), '') RETURNING twitter_id",
                "INSERT INTO {} (kind, twitter_id, handle_id, received_at, outcome) "
                "VALUES ('tweet', 5001, 1, now(), '') ON CONFLICT (kind, twitter_id) DO NOTHING",
                "INSERT INTO {} (id, kind, twitter_id, handle_id, received_at, outcome) "
                "VALUES (1, 'tweet', 5001, 1, now(), '')",
            ):
                with pytest.raises(InsufficientPrivilege):
                    login.execute(sql.SQL(statement).format(table))
            for statement in (
                "SELECT body FROM {}",
                "UPDATE {} SET body = ''",
                "DELETE FROM {}",
                "COPY {} TO STDOUT",
                "INSERT INTO {} VALUES (5001, 'tweet', '') RETURNING body",
            ):
                with pytest.raises(InsufficientPrivilege):
                    login.execute(sql.SQL(statement).format(payloads))
    finally:
        login.close()


def test_a_database_that_is_away_is_told_and_when_it_is_back_letters_are_stored_again(walled):
    async def story() -> list[Any]:
        async with _line_to_the_database() as line, opened(line.url) as letterbox:
            fates = [await letterbox.put(letter(walled.one, 1))]
            await line.cut()
            fates += await put_all(letterbox, [letter(walled.one, 2), letter(walled.two, 2)])
            assert len(arrivals(walled.one)) == 1
            await line.mend()
            for _ in range(20):
                fates.append((await put_all(letterbox, [letter(walled.one, 2)]))[0])
                if not isinstance(fates[-1], NotStored):
                    break
                await asyncio.sleep(0.3)
            return fates

    fates = asyncio.run(story())

    one = (walled.one.schema_name, walled.one.pk)
    assert fates[0] == fates[-1] == one
    assert [type(fate) for fate in fates[1:3]] == [NotStored, NotStored]
    assert [row[1] for row in arrivals(walled.one)] == [tweet_id(0, 1), tweet_id(0, 2)]


def test_a_database_that_is_not_yet_there_at_the_start_is_no_hindrance(walled):
    async def story() -> list[Any]:
        async with _line_to_the_database() as line:
            await line.cut()
            async with opened(line.url) as letterbox:
                fates = [(await put_all(letterbox, [letter(walled.one)]))[0]]
                await line.mend()
                return fates + await put_all(letterbox, [letter(walled.one)])

    fates = asyncio.run(story())

    assert isinstance(fates[0], NotStored)
    assert fates[1] == (walled.one.schema_name, walled.one.pk)


def test_who_still_waits_when_the_letterbox_closes_hears_that_it_is_not_stored(walled):
    async def story() -> list[Any]:
        async with _line_to_the_database() as line:
            await line.cut()
            letterbox = Letterbox(line.url)
            await letterbox.open()
            waiting = [asyncio.create_task(letterbox.put(letter(walled.one, number))) for number in range(5)]
            await asyncio.sleep(0.1)
            await letterbox.close()
            late = letterbox.put(letter(walled.one, 9))
            async with asyncio.timeout(5):
                return await asyncio.gather(*waiting, late, return_exceptions=True)

    assert [type(fate) for fate in asyncio.run(story())] == [NotStored] * 6


def test_a_caller_that_goes_away_takes_nobody_along(walled):
    async def story(letterbox: Letterbox) -> Any:
        impatient = asyncio.create_task(letterbox.put(letter(walled.one, 1)))
        patient = asyncio.create_task(letterbox.put(letter(walled.one, 2)))
        await asyncio.sleep(0)
        impatient.cancel()
        return await patient

    assert run(story) == (walled.one.schema_name, walled.one.pk)
    assert tweet_id(0, 2) in [row[1] for row in arrivals(walled.one)]


class _Line:
    """A line to the database's port that can be cut and mended."""

    def __init__(self) -> None:
        self._to = urlsplit(os.environ[LETTERBOX])
        self._calls: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    @property
    def url(self) -> str:
        where = f"{self._to.username}:{self._to.password}@127.0.0.1:{self.port}"
        return urlunsplit(self._to._replace(netloc=where))

    async def mend(self) -> None:
        self._server = await asyncio.start_server(self._call, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        assert self._server
        self._server.close()
        for call in tuple(self._calls):
            call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)

    async def _call(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._calls.add(task)
        there_reader, there_writer = await asyncio.open_connection(self._to.hostname, self._to.port)
        try:
            await asyncio.gather(_pipe(reader, there_writer), _pipe(there_reader, writer))
        except asyncio.CancelledError:
            pass  # cut
        finally:
            writer.close()
            there_writer.close()
            self._calls.discard(task)


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


@asynccontextmanager
async def _line_to_the_database() -> AsyncIterator[_Line]:
    line = _Line()
    await line.mend()
    try:
        yield line
    finally:
        await line.cut()
