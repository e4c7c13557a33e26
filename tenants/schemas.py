"""Makes and ends agencies and brands in the database: the only code that runs as the owner besides migrations.

A brand's schema is made from the models as they stand, in one transaction and without replaying their history
(`tests/tenants/test_schemas.py` holds it equal to a migrated one).
"""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

import psycopg
from django.conf import settings
from django.db.migrations.loader import MigrationLoader
from psycopg import Cursor, sql
from psycopg.errors import DeadlockDetected
from psycopg.types.json import Jsonb

from tenants import entry, walls
from tenants.database.base import connection
from tenants.models import Agency, Brand, BrandState, BuildState

T = TypeVar("T")


def create_agency(*, name: str, slug: str, now: datetime) -> Agency:
    """A new agency with its role and its host name."""
    check_slug(slug)
    with as_owner() as cursor:
        row = cursor.execute(
            "INSERT INTO tenants_agency (name, slug, created_at) VALUES (%s, %s, %s) RETURNING id", [name, slug, now]
        ).fetchone()
        assert row is not None
        agency = Agency(pk=row[0], name=name, slug=slug, created_at=now)
        walls.build_agency(cursor, agency_id=agency.pk, database=database_name())
        _add_domain(cursor, f"{slug}.{settings.BASE_DOMAIN}", agency_id=agency.pk, brand_id=None)
    return agency


def create_brand(
    *,
    agency: Agency,
    name: str,
    slug: str,
    colour: str,
    zone: str,
    now: datetime,
    state: str = BrandState.PREPARING,
    host: str | None = None,
) -> Brand:
    """A new brand of this agency: its row, schema, tables, role and host name, all or nothing."""
    check_slug(slug)
    brand = Brand(agency=agency, name=name, slug=slug, colour=colour, zone=zone, state=state, created_at=now)
    with as_owner() as cursor:
        row = cursor.execute(
            "INSERT INTO tenants_brand (agency_id, name, slug, state, colour, zone, reopen_window, created_at) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING id, schema_name",
            [agency.pk, name, slug, state, colour, zone, brand.reopen_window, now],
        ).fetchone()
        assert row is not None
        brand.pk, brand.schema_name = row
        _create_schema(cursor, brand)
        _add_domain(cursor, host or f"care.{slug}.{settings.BASE_DOMAIN}", agency_id=agency.pk, brand_id=brand.pk)
    return brand


def waiting_to_be_built() -> tuple[list[int], list[int]]:
    """The agencies and the brands that were founded and are not made yet, by key, the oldest first."""
    with as_owner() as cursor:
        return _creating(cursor, "tenants_agency"), _creating(cursor, "tenants_brand")


def build_agency(agency_id: int) -> bool:
    """Make the role and the host name of an agency that was founded; False where that is done, or being done."""
    with as_owner() as cursor:
        row = _taken(cursor, "SELECT slug FROM tenants_agency WHERE id = %s AND build_state = %s", agency_id)
        if row is None:
            return False
        walls.build_agency(cursor, agency_id=agency_id, database=database_name())
        _add_domain(cursor, f"{row[0]}.{settings.BASE_DOMAIN}", agency_id=agency_id, brand_id=None)
        _say_built(cursor, "tenants_agency", agency_id)
    return True


def build_brand(brand_id: int) -> bool:
    """Make schema, tables, role and host name of a brand that was founded, all or nothing; False where that is done,
    or being done."""
    with as_owner() as cursor:
        row = _taken(
            cursor,
            "SELECT b.slug, b.schema_name, b.agency_id, a.slug FROM tenants_brand b "
            "JOIN tenants_agency a ON a.id = b.agency_id WHERE b.id = %s AND b.build_state = %s",
            brand_id,
            lock="FOR UPDATE OF b SKIP LOCKED",
        )
        if row is None:
            return False
        slug, schema_name, agency_id, agency_slug = row
        brand = Brand(pk=brand_id, agency_id=agency_id, slug=slug)
        brand.schema_name = schema_name
        _create_schema(cursor, brand)
        _add_domain(cursor, _free_host(cursor, slug, agency_slug), agency_id=agency_id, brand_id=brand_id)
        _say_built(cursor, "tenants_brand", brand_id)
    return True


def say_why_not_built(table: str, pk: int, reason: str) -> None:
    """Remember that an agency or a brand could not be made, and why."""
    with as_owner() as cursor:
        cursor.execute(
            sql.SQL("UPDATE {} SET build_state = %s, build_error = %s WHERE id = %s AND build_state = %s").format(
                sql.Identifier(table)
            ),
            [BuildState.FAILED, reason, pk, BuildState.CREATING],
        )


def drop_brand(*, brand: Brand) -> None:
    """End a brand: its rows, its schema and its role are gone, and whoever enters it from now on fails.

    A brand that lost its schema or its role can be ended too.
    """

    def drop() -> None:
        with as_owner() as cursor:
            _drop_brand(cursor, brand)

    _whatever_else_is_there(drop)


def erase_brand(*, brand: Brand, offboarding_id: int) -> tuple[dict[str, Any], list[int]] | None:
    """End a brand whose end was confirmed; what was erased, and whose memberships were. None where it was withdrawn.

    What was erased is written down in the same transaction, so it is known however often this is tried.
    """
    return _whatever_else_is_there(lambda: _erase_brand(brand, offboarding_id))


def _erase_brand(brand: Brand, offboarding_id: int) -> tuple[dict[str, Any], list[int]] | None:
    with as_owner() as cursor:
        go = cursor.execute(
            "SELECT 1 FROM tenants_offboarding WHERE id = %s AND brand_key = %s AND exported_at IS NOT NULL "
            "AND confirmed_at IS NOT NULL AND withdrawn_at IS NULL AND erased = '{}' FOR UPDATE",
            [offboarding_id, brand.pk],
        ).fetchone()
        if go is None:
            return None
        hosts = cursor.execute("SELECT name FROM tenants_domain WHERE brand_id = %s ORDER BY name", [brand.pk])
        erased: dict[str, Any] = {"hosts": [row[0] for row in hosts.fetchall()], "schema": brand.schema_name}
        erased |= {"role": f"{database_name()}_brand_{brand.pk}", "rows": _rows_of(cursor, brand)}
        members = cursor.execute("SELECT user_id FROM accounts_membership WHERE brand_id = %s", [brand.pk]).fetchall()
        _drop_brand(cursor, brand)
        cursor.execute("UPDATE tenants_offboarding SET erased = %s WHERE id = %s", [Jsonb(erased), offboarding_id])
    return erased, [row[0] for row in members]


def note_offboarding(pk: int, values: dict[str, Any]) -> None:
    """Write down how far the end of a brand has come, as no agency may; one that is over is left alone."""
    sets = sql.SQL(", ").join(sql.SQL("{} = %s").format(sql.Identifier(name)) for name in values)
    with as_owner() as cursor:
        cursor.execute(
            sql.SQL("UPDATE tenants_offboarding SET {} WHERE id = %s AND erased_at IS NULL").format(sets),
            [*values.values(), pk],
        )


def _whatever_else_is_there(drop: Callable[[], T]) -> T:
    """Do this, again if need be: who still works in a brand and who drops it may each wait for a table of the other's.

    PostgreSQL then ends one of the two; where it is this one, all of it is undone, and the other gets on.
    """
    for pause in _PAUSES:
        try:
            return drop()
        except DeadlockDetected:
            time.sleep(pause)
    return drop()


_PAUSES = (0.2, 0.5, 1.0, 2.0)


def _drop_brand(cursor: Cursor, brand: Brand) -> None:
    cursor.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(brand.schema_name)))
    for table in OF_A_BRAND:
        cursor.execute(sql.SQL("DELETE FROM {} WHERE brand_id = %s").format(sql.Identifier(table)), [brand.pk])
    cursor.execute("DELETE FROM tenants_brand WHERE id = %s", [brand.pk])
    cursor.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(f"{database_name()}_brand_{brand.pk}")))


def _rows_of(cursor: Cursor, brand: Brand) -> dict[str, int]:
    """How many rows each table has of this brand, in its schema and in public."""
    counted = {}
    for model in walls.brand_tables():
        table = sql.SQL("{}.{}").format(sql.Identifier(brand.schema_name), sql.Identifier(model._meta.db_table))
        counted[model._meta.db_table] = _count(cursor, sql.SQL("SELECT count(*) FROM {}").format(table), [])
    for name in OF_A_BRAND:
        question = sql.SQL("SELECT count(*) FROM {} WHERE brand_id = %s").format(sql.Identifier(name))
        counted[name] = _count(cursor, question, [brand.pk])
    return counted


def _count(cursor: Cursor, question: sql.Composed, values: list[int]) -> int:
    row = cursor.execute(question, values).fetchone()
    return int(row[0]) if row else 0


# Rows of the public tables that go with a brand.
OF_A_BRAND = (
    "accounts_deskrow",
    "accounts_membership",
    "accounts_invitation",
    "accounts_apikey",
    "tenants_handle",
    "tenants_domain",
    "tenants_mark",
    "tenants_logo",
)


def add_handle(*, brand: Brand, twitter_id: int, username: str) -> None:
    """Give a Twitter account to a brand; an account that a brand already has raises `IntegrityError` (psycopg's)."""
    with as_owner() as cursor:
        cursor.execute(
            "INSERT INTO tenants_handle (twitter_id, username, brand_id) VALUES (%s, %s, %s)",
            [twitter_id, username, brand.pk],
        )


@contextmanager
def as_owner_of(brand_schema: str) -> Iterator[Cursor]:
    """One transaction as the owner that sees a brand's tables as they stand at one moment, and changes none."""
    with as_owner() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        cursor.execute("SELECT set_config('search_path', %s, true)", [f'"{brand_schema}", public'])
        yield cursor


def database_name() -> str:
    """The database's name, which every role's name begins with."""
    return str(connection.settings_dict["NAME"])


@contextmanager
def as_owner() -> Iterator[Cursor]:
    """One transaction as the owner, on a connection of its own."""
    if connection.scope.brand_id:
        raise entry.Misplaced("The owner's work is done outside of brands.")
    with psycopg.connect(settings.OWNER_DATABASE_URL) as own_connection, own_connection.cursor() as cursor:
        yield cursor


def check_slug(slug: str) -> None:
    """A slug is part of a host's name and of a schema's, so it is what both can be."""
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?", slug):
        raise ValueError(f"A slug has up to 40 lower-case letters, digits and dashes inside, and not {slug!r}.")


def _create_schema(cursor: Cursor, brand: Brand) -> None:
    cursor.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(brand.schema_name)))
    cursor.execute("SELECT set_config('search_path', %s, true)", [f'"{brand.schema_name}", public'])
    cursor.execute(blueprint())
    cursor.execute("SET LOCAL search_path TO public")
    walls.build_brand(cursor, brand=brand, database=database_name())


@cache
def blueprint() -> str:
    """The SQL that makes every table of a brand, and says which migrations that amounts to."""
    with connection.schema_editor(collect_sql=True, atomic=False) as editor:
        for model in walls.brand_tables():
            editor.create_model(model)
        editor.collected_sql.extend(str(statement) + ";" for statement in editor.deferred_sql)
        editor.deferred_sql.clear()
    return "\n".join([*editor.collected_sql, *_migrations_amounted_to()])


def _migrations_amounted_to() -> list[str]:
    known = MigrationLoader(None).disk_migrations
    # Those of the public tables too, as `migrate_schemas` itself writes them: brands' migrations depend on them.
    rows = ", ".join(f"('{app}', '{name}', now())" for app, name in sorted(known))
    return [
        "CREATE TABLE django_migrations (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, "
        "app varchar(255) NOT NULL, name varchar(255) NOT NULL, applied timestamptz NOT NULL);",
        f"INSERT INTO django_migrations (app, name, applied) VALUES {rows};",
    ]


def _creating(cursor: Cursor, table: str) -> list[int]:
    question = sql.SQL("SELECT id FROM {} WHERE build_state = %s ORDER BY id LIMIT 100").format(sql.Identifier(table))
    return [row[0] for row in cursor.execute(question, [BuildState.CREATING]).fetchall()]


def _taken(cursor: Cursor, question: str, pk: int, *, lock: str = "FOR UPDATE SKIP LOCKED") -> tuple[Any, ...] | None:
    """The row that is waiting to be made, held until the end of the transaction; None where another worker has it."""
    return cursor.execute(f"{question} {lock}", [pk, BuildState.CREATING]).fetchone()


def _say_built(cursor: Cursor, table: str, pk: int) -> None:
    cursor.execute(
        sql.SQL("UPDATE {} SET build_state = %s, build_error = '' WHERE id = %s").format(sql.Identifier(table)),
        [BuildState.READY, pk],
    )


def _free_host(cursor: Cursor, slug: str, agency_slug: str) -> str:
    """The host name of a new brand: the short one, or with the agency's name in it where another agency has that."""
    short = f"care.{slug}.{settings.BASE_DOMAIN}"
    is_taken = cursor.execute("SELECT 1 FROM tenants_domain WHERE name = %s", [short]).fetchone()
    return f"care.{slug}.{agency_slug}.{settings.BASE_DOMAIN}" if is_taken else short


def _add_domain(cursor: Cursor, name: str, *, agency_id: int, brand_id: int | None) -> None:
    cursor.execute(
        "INSERT INTO tenants_domain (name, agency_id, brand_id) VALUES (%s, %s, %s)", [name, agency_id, brand_id]
    )
