"""Brands are made whole or not at all, like those that migrations make, and end without a trace."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from django.db import connection
from psycopg import sql

from inbox.models import Arrival, Customer, Payload
from tenants import entry, schemas, walls
from tenants.models import Brand
from tests.conftest import NOON, handle_of
from tests.walled import as_owner, end_agency, new_agency, role

pytestmark = pytest.mark.commits

# What there is to say about a schema, without its name and without the order of columns.
SHAPE = {
    "columns": """
        SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
               a.attstorage, a.attcompression, pg_get_expr(d.adbin, d.adrelid)
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        WHERE c.relnamespace = %(schema)s::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')""",
    "tables": """
        SELECT relname, relkind, relpersistence, coalesce(reloptions::text, ''), relrowsecurity, relreplident
        FROM pg_class WHERE relnamespace = %(schema)s::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S')""",
    "indexes": """
        SELECT tablename, indexname, replace(indexdef, %(schema)s || '.', '') FROM pg_indexes
        WHERE schemaname = %(schema)s""",
    "constraints": """
        SELECT conrelid::regclass::text, conname, contype, condeferrable, condeferred, convalidated,
               replace(pg_get_constraintdef(oid), %(schema)s || '.', '')
        FROM pg_constraint WHERE connamespace = %(schema)s::regnamespace AND contype <> 'n'""",
    "sequences": """
        SELECT sequencename, data_type::text, start_value, increment_by, min_value, max_value, cycle
        FROM pg_sequences WHERE schemaname = %(schema)s""",
    "functions and triggers": """
        SELECT proname, '' FROM pg_proc WHERE pronamespace = %(schema)s::regnamespace
        UNION SELECT tgname, tgrelid::regclass::text FROM pg_trigger
        WHERE NOT tgisinternal AND tgrelid IN (
            SELECT oid FROM pg_class WHERE relnamespace = %(schema)s::regnamespace)""",
    "rights": """
        SELECT relname, attname, replace(acl::text, %(role)s, 'itself') FROM (
            SELECT relname, '' AS attname, relacl AS acl FROM pg_class
            WHERE relnamespace = %(schema)s::regnamespace AND relkind <> 'i'
            UNION ALL SELECT relname, attname, attacl FROM pg_attribute JOIN pg_class c ON c.oid = attrelid 
                AND NOT attisdropped
            WHERE relnamespace = %(schema)s::regnamespace AND attnum > 0) rights""",
}


def shape_of(brand: Brand) -> dict[str, set[tuple[object, ...]]]:
    values = {"schema": brand.schema_name, "role": role(f"brand_{brand.pk}")}
    with as_owner() as owner:
        # Names of foreign tables are written without a schema only when it is on the path.
        owner.execute("SELECT set_config('search_path', %s, false)", [f'"{brand.schema_name}", public'])
        return {subject: set(owner.execute(query, values).fetchall()) for subject, query in SHAPE.items()}


def counted() -> dict[str, int]:
    """How many schemas, roles and rows of the public tables there are."""
    with as_owner() as owner:
        counts = {
            model._meta.db_table: owner.execute(
                sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(model._meta.db_table))
            ).fetchone()[0]
            for model in walls.public_tables()
        }
        counts["schemas"] = owner.execute("SELECT count(*) FROM pg_namespace").fetchone()[0]
        # Roles are the cluster's: other databases of it have theirs.
        ours = [role("%").replace("_", "\\_")]
        roles = owner.execute("SELECT count(*) FROM pg_roles WHERE rolname LIKE %s", ours).fetchone()
        worn = owner.execute(
            "SELECT count(*) FROM pg_auth_members JOIN pg_roles r ON r.oid = roleid WHERE rolname LIKE %s", ours
        ).fetchone()
        counts |= {"roles": roles[0], "memberships": worn[0]}
    return counts


@pytest.fixture
def agency(django_db_setup, django_db_blocker) -> Iterator[object]:
    with django_db_blocker.unblock():
        made = new_agency("Schemas")
        yield made
        connection.close()
        end_agency(made)


def make(agency, slug: str, **fields: object) -> Brand:
    return schemas.create_brand(
        **{"agency": agency, "name": slug, "slug": slug, "colour": "#4c3bcf", "zone": "UTC", "now": NOON, **fields}
    )


def test_a_brand_that_was_made_equals_one_that_was_migrated(agency):
    made, migrated = make(agency, "made"), make(agency, "migrated")
    try:
        with as_owner() as owner:
            owner.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(migrated.schema_name)))
            owner.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(migrated.schema_name)))
        _as_owner("migrate_schemas", f"--schema={migrated.schema_name}", "--verbosity=0")
        _as_owner("prepare")

        one, other = shape_of(made), shape_of(migrated)
        applied = [_applied(made), _applied(migrated)]
    finally:
        for brand in (made, migrated):
            schemas.drop_brand(brand=brand)

    assert {subject: one[subject] ^ other[subject] for subject in SHAPE} == {subject: set() for subject in SHAPE}
    assert {subject for subject, rows in one.items() if rows} == set(SHAPE) - {"functions and triggers"}
    assert applied[0] == applied[1]
    assert len({row[0] for row in one["tables"] if row[1] == "r"}) == len(walls.brand_tables()) + 1


def test_what_was_sent_before_it_had_a_table_of_its_own_moves_along(agency):
    brand = make(agency, "moves")
    arrivals = sql.Identifier(brand.schema_name, "inbox_arrival")
    try:
        with as_owner() as owner:
            owner.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(brand.schema_name)))
            owner.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(brand.schema_name)))
        _as_owner("migrate_schemas", "inbox", "0005", f"--schema={brand.schema_name}", "--verbosity=0")
        with as_owner() as owner:
            insert = (
                "INSERT INTO {} (kind, twitter_id, handle_id, received_at, payload) VALUES ('tweet', %s, 1, %s, %s)"
            )
            for twitter_id, payload in ((1, b"packed"), (2, b"")):
                owner.execute(sql.SQL(insert).format(arrivals), [twitter_id, NOON, payload])
        _as_owner("migrate_schemas", f"--schema={brand.schema_name}", "--verbosity=0")
        _as_owner("prepare")

        with entry.brand(brand):
            assert list(Payload.objects.values_list("twitter_id", "kind", "body")) == [(1, "tweet", b"packed")]
            assert list(Arrival.objects.values_list("twitter_id", flat=True)) == [1, 2]
    finally:
        schemas.drop_brand(brand=brand)


def test_whoever_still_works_in_a_brand_does_not_keep_it_from_being_dropped(agency):
    brand = make(agency, "busy")
    with as_owner() as owner:
        tables = owner.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = %s::regnamespace AND relkind = 'r' ORDER BY oid",
            [brand.schema_name],
        ).fetchall()
        oldest, newest = (sql.Identifier(brand.schema_name, name) for (name,) in (tables[0], tables[-1]))
        before = owner.execute(_DEADLOCKS).fetchone()[1]
    with as_owner() as other, ThreadPoolExecutor(1) as thread:
        other.execute("BEGIN")
        other.execute(sql.SQL("LOCK TABLE {} IN ROW SHARE MODE").format(newest))
        dropping = thread.submit(schemas.drop_brand, brand=brand)
        time.sleep(0.5)  # it has the oldest table, and waits for the newest
        other.execute(sql.SQL("LOCK TABLE {} IN ROW SHARE MODE").format(oldest))
        other.execute("COMMIT")
        dropping.result()

    with as_owner() as owner:
        assert owner.execute(_DEADLOCKS).fetchone()[1] == before + 1
        assert owner.execute("SELECT to_regnamespace(%s)", [brand.schema_name]).fetchone() == (None,)


_DEADLOCKS = "SELECT pg_stat_clear_snapshot()::text, deadlocks FROM pg_stat_database WHERE datname = current_database()"


def test_to_prepare_again_changes_nothing(agency):
    brand = make(agency, "again")
    try:
        before, rows = shape_of(brand), counted()
        with entry.brand(brand):
            Customer.objects.create(pk=1, username="jo")
        _as_owner("prepare")

        assert shape_of(brand) == before
        assert counted() == rows
        with entry.brand(brand):
            assert Customer.objects.get().username == "jo"
    finally:
        schemas.drop_brand(brand=brand)


def test_a_brand_that_fails_half_way_leaves_nothing(agency):
    """Its host name is taken: that is found out last, when schema, tables, role and rights are there."""
    first = make(agency, "first", host="care.taken.localhost")
    before = counted()
    try:
        with pytest.raises(psycopg.errors.UniqueViolation):
            make(agency, "second", host="care.taken.localhost")

        assert counted() == before
    finally:
        schemas.drop_brand(brand=first)


@pytest.mark.parametrize(
    "wrong", [{"zone": "x" * 41}, {"name": "x" * 81}, {"slug": "first"}, {"colour": "not a colour"}]
)
def test_a_brand_that_its_table_refuses_leaves_nothing(agency, wrong):
    first = make(agency, "first")
    before = counted()
    try:
        with pytest.raises(psycopg.Error):
            make(agency, **{"slug": "second", **wrong})

        assert counted() == before
    finally:
        schemas.drop_brand(brand=first)


def test_a_dropped_brand_leaves_no_row_no_schema_and_no_role(agency):
    before = counted()
    brand = make(agency, "ending")
    schemas.add_handle(brand=brand, twitter_id=handle_of(brand), username="Ending")
    with entry.brand(brand):
        Customer.objects.create(pk=1, username="jo")

    schemas.drop_brand(brand=brand)

    assert counted() == before


def test_a_brand_that_lost_its_schema_can_be_ended_and_ending_it_twice_does_no_harm(agency):
    before = counted()
    brand = make(agency, "lost")
    with as_owner() as owner:
        owner.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(brand.schema_name)))

    for _ in range(2):
        schemas.drop_brand(brand=brand)

    assert counted() == before


def test_every_public_table_that_points_to_a_brand_is_emptied_when_it_ends():
    """One that is forgotten would make `drop_brand` fail for the brands that have rows there."""
    with as_owner() as owner:
        pointing = owner.execute(
            "SELECT conrelid::regclass::text FROM pg_constraint "
            "WHERE contype = 'f' AND confrelid = 'tenants_brand'::regclass"
        ).fetchall()

    assert {name for (name,) in pointing} == set(schemas.OF_A_BRAND)


def test_the_same_handle_is_not_given_to_two_brands(agency):
    brands = [make(agency, slug) for slug in ("one", "two")]
    try:
        schemas.add_handle(brand=brands[0], twitter_id=77, username="Ours")

        for brand in brands:
            with pytest.raises(psycopg.IntegrityError):
                schemas.add_handle(brand=brand, twitter_id=77, username="Ours")
        with as_owner() as owner:
            assert owner.execute("SELECT brand_id FROM tenants_handle WHERE twitter_id = 77").fetchall() == [
                (brands[0].pk,)
            ]
    finally:
        for brand in brands:
            schemas.drop_brand(brand=brand)


def test_two_brands_that_are_made_at_once_are_both_whole(agency):
    with ThreadPoolExecutor(3) as threads:
        brands = [job.result() for job in [threads.submit(make, agency, f"once{number}") for number in range(3)]]
    try:
        shapes = [shape_of(brand) for brand in brands]
        assert shapes[0] == shapes[1] == shapes[2]
        for brand in brands:
            with entry.brand(brand):
                Customer.objects.create(pk=1, username=brand.slug)
        for brand in brands:
            with entry.brand(brand):
                assert Customer.objects.get().username == brand.slug
    finally:
        with ThreadPoolExecutor(3) as threads:
            list(threads.map(lambda brand: schemas.drop_brand(brand=brand), brands))


@pytest.mark.parametrize(
    "name", ["O'Neil & Söhne", '"; DROP SCHEMA public CASCADE; --', "Ω🙂 ‮evil", "%s %(x)s {}", " ", "x" * 80, "\\'"]
)
def test_a_name_may_be_anything(agency, name):
    brand = make(agency, "odd", name=name)
    try:
        with entry.brand(brand):
            assert Brand.objects.get().name == name
            Customer.objects.create(pk=1, username="jo")
    finally:
        schemas.drop_brand(brand=brand)


@pytest.mark.parametrize(
    "slug",
    ["", "Acme", "a b", "a.b", "a/b", 'a"b', "a'b", "a;b", "ä", "-a", "a-", "a_b", "x" * 41, "a\n", "%s", "../a"],
)
def test_a_slug_that_no_host_can_have_is_refused_before_anything_is_made(agency, slug):
    before = counted()

    with pytest.raises(ValueError, match="A slug has"):
        make(agency, slug, name="Odd")
    with pytest.raises(ValueError, match="A slug has"):
        schemas.create_agency(name="Odd", slug=slug, now=NOON)

    assert counted() == before


def test_the_longest_slug_still_has_a_schema_of_its_own(agency):
    brand = make(agency, "x-" * 19 + "xx", name="Long")
    try:
        assert len(brand.schema_name) <= 63
        with entry.brand(brand):
            assert entry.current_schema() == brand.schema_name
            assert Customer.objects.count() == 0
    finally:
        schemas.drop_brand(brand=brand)


def test_the_owners_work_is_not_done_inside_a_brand(agency):
    brand = make(agency, "inside")
    try:
        with entry.brand(brand):
            for work in (
                lambda: make(agency, "another"),
                lambda: schemas.drop_brand(brand=brand),
                lambda: schemas.add_handle(brand=brand, twitter_id=78, username="x"),
            ):
                with pytest.raises(entry.Misplaced):
                    work()
    finally:
        schemas.drop_brand(brand=brand)


def _applied(brand: Brand) -> list[tuple[str, str]]:
    with as_owner() as owner:
        return owner.execute(
            sql.SQL("SELECT app, name FROM {}.django_migrations ORDER BY 1, 2").format(
                sql.Identifier(brand.schema_name)
            )
        ).fetchall()


def _as_owner(*command: str) -> None:
    subprocess.run(
        [sys.executable, "manage.py", *command],
        check=True,
        env={**os.environ, "NIGHTJAR_AS": "owner"},
        stdout=subprocess.DEVNULL,
    )
