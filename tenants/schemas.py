"""Makes and ends agencies and brands in the database: the only code that runs as the owner besides migrations.

A brand's schema is made from the models as they stand, in one transaction and without replaying their history
(`tests/tenants/test_schemas.py` holds it equal to a migrated one).
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import psycopg
from django.conf import settings
from django.db.migrations.loader import MigrationLoader
from psycopg import Cursor, sql

from tenants import entry, walls
from tenants.database.base import connection
from tenants.models import Agency, Brand, BrandState


def create_agency(*, name: str, slug: str, now: datetime) -> Agency:
    """A new agency with its role and its host name."""
    _check_slug(slug)
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
    _check_slug(slug)
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


def drop_brand(*, brand: Brand) -> None:
    """End a brand: its rows, its schema and its role are gone, and whoever enters it from now on fails.

    A brand that lost its schema or its role can be ended too.
    """
    with as_owner() as cursor:
        cursor.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(brand.schema_name)))
        for table in _OF_A_BRAND:
            cursor.execute(
                sql.SQL("DELETE FROM {} WHERE brand_id = %s").format(sql.Identifier(table)),
                [brand.pk],
            )
        cursor.execute("DELETE FROM tenants_brand WHERE id = %s", [brand.pk])
        cursor.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(f"{database_name()}_brand_{brand.pk}")))


# Rows of the public tables that go with a brand.
_OF_A_BRAND = (
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


def _check_slug(slug: str) -> None:
    """A slug is part of a host's name and of a schema's, so it is what both can be."""
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?", slug):
        raise ValueError(f"A slug has up to 40 lower-case letters, digits and dashes inside, and not {slug!r}.")


def _create_schema(cursor: Cursor, brand: Brand) -> None:
    cursor.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(brand.schema_name)))
    cursor.execute("SELECT set_config('search_path', %s, true)", [f'"{brand.schema_name}", public'])
    cursor.execute(blueprint())
    cursor.execute("SET LOCAL search_path TO public")
    walls.build_brand(cursor, brand=brand, database=database_name())


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


def _add_domain(cursor: Cursor, name: str, *, agency_id: int, brand_id: int | None) -> None:
    cursor.execute(
        "INSERT INTO tenants_domain (name, agency_id, brand_id) VALUES (%s, %s, %s)", [name, agency_id, brand_id]
    )
