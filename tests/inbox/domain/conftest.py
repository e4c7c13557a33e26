"""A brand with two handles, for what happens between them; and one that commits, emptied after each test."""

import os
from collections.abc import Iterator

import pytest
from django.db import connection
from psycopg import sql

from tenants import entry, schemas
from tenants.models import Brand, BrandState
from tests.conftest import NOON, handle_of
from tests.twitter.playing import SandboxProcess

FRONT = 1_600_000_000_000_000_001  # where customers write
HELP = 1_600_000_000_000_000_002  # where the brand answers


@pytest.fixture(scope="module")
def _brand_with_two_handles(house, django_db_blocker) -> Iterator[Brand]:
    with django_db_blocker.unblock():
        brand = schemas.create_brand(
            agency=house.agency, name="Duo", slug="duo", colour="#4c3bcf", zone="UTC", now=NOON, state=BrandState.LIVE
        )
        schemas.add_handle(brand=brand, twitter_id=FRONT, username="Duo")
        schemas.add_handle(brand=brand, twitter_id=HELP, username="DuoHelp")
    yield brand
    with django_db_blocker.unblock():
        schemas.drop_brand(brand=brand)


@pytest.fixture
def duo(db, _brand_with_two_handles, _transactions_around) -> Iterator[Brand]:
    """Inside a brand that has the handles FRONT and HELP."""
    with entry.brand(_brand_with_two_handles):
        yield _brand_with_two_handles


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    process = SandboxProcess(tmp_path_factory.mktemp("sandbox"))
    process.start()
    yield process
    process.stop()


@pytest.fixture(scope="session")
def _brand_to_empty(house, django_db_blocker) -> Iterator[tuple[Brand, dict[str, str]]]:
    """A committed brand, and the rows that it has from the beginning, by table."""
    with django_db_blocker.unblock():
        slug = f"again-{os.getpid()}"
        about = {"name": "Again", "slug": slug, "colour": "#4c3bcf", "zone": "UTC", "now": NOON}
        brand = schemas.create_brand(agency=house.agency, state=BrandState.LIVE, **about)
        schemas.add_handle(brand=brand, twitter_id=handle_of(brand), username=f"Fresh{brand.pk}")
        with schemas.as_owner() as cursor:
            rows = {table: _rows(cursor, brand, table) for table in _tables_with_rows(cursor, brand)}
    yield brand, rows
    with django_db_blocker.unblock():
        schemas.drop_brand(brand=brand)
        connection.close()


@pytest.fixture
def emptied_brand(_brand_to_empty, django_db_blocker) -> Iterator[Brand]:
    """A brand for a test that truly commits, as good as new: making one takes longer than most tests do."""
    brand, at_first = _brand_to_empty
    with django_db_blocker.unblock():
        yield brand
        connection.close()
        with schemas.as_owner() as cursor:
            cursor.execute("DELETE FROM accounts_deskrow WHERE brand_id = %s", [brand.pk])
            _empty(cursor, brand, at_first)


def _empty(cursor, brand: Brand, at_first: dict[str, str]) -> None:
    """Take away every row of a brand, and put back those that it had in the beginning."""
    full = {table for table in _tables_with_rows(cursor, brand) if at_first.get(table) != _rows(cursor, brand, table)}
    if full:
        cursor.execute(sql.SQL("TRUNCATE {} CASCADE").format(sql.SQL(", ").join(_at(brand, table) for table in full)))
    for table, rows in at_first.items():
        whole = {"table": _at(brand, table)}
        there = sql.SQL("SELECT FROM {table} LIMIT 1").format(**whole)
        if cursor.execute(there).fetchone() is None:
            back = sql.SQL("INSERT INTO {table} SELECT * FROM json_populate_recordset(NULL::{table}, %s)")
            cursor.execute(back.format(**whole), [rows])


def _tables_with_rows(cursor, brand: Brand) -> list[str]:
    named = cursor.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = %s::regnamespace",
                           [f'"{brand.schema_name}"']).fetchall()  # fmt: skip
    tables = [name for (name,) in named if name != "django_migrations"]
    exists = sql.SQL(", ").join(sql.SQL("EXISTS (SELECT FROM {})").format(_at(brand, table)) for table in tables)
    found = cursor.execute(sql.SQL("SELECT {}").format(exists)).fetchone()
    return [table for table, is_there in zip(tables, found, strict=True) if is_there]


def _rows(cursor, brand: Brand, table: str) -> str:
    asked = sql.SQL("SELECT json_agg(t ORDER BY t)::text FROM {} t").format(_at(brand, table))
    return cursor.execute(asked).fetchone()[0]


def _at(brand: Brand, table: str) -> sql.Identifier:
    return sql.Identifier(brand.schema_name, table)
