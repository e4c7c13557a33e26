"""What is in the database: this release's tables, the walls, what arrived for nobody. Looked at as the owner."""

import re
from collections import defaultdict
from collections.abc import Iterator

import psycopg
from django.conf import settings
from django.db.migrations.loader import MigrationLoader
from psycopg import Cursor, sql

from tenants import walls
from tenants.management.checks import Finding, bad, named, some, well, worth_a_look
from tenants.schemas import as_owner, database_name

Cell = tuple[str, str, str]  # a role, a verb, and a column or nothing

PREPARE = "Stop Nightjar and start it again (`make run`), or run `NIGHTJAR_AS=owner manage.py prepare`."


def migrations() -> Iterator[Finding]:
    """Whether the public tables and those of each brand are of this release."""
    disk = MigrationLoader(None).disk_migrations
    public = {key for key in disk if key[0] in _labels(settings.SHARED_APPS)}
    brands = {key for key in disk if key[0] in _labels(settings.TENANT_APPS)}
    behind: list[str] = []
    ahead: list[str] = []
    with as_owner() as cursor:
        schemas = _schemas(cursor)
        for schema, wanted in [("public", public), *((schema, brands) for schema in schemas)]:
            applied = _applied(cursor, schema)
            if wanted - applied:
                behind.append(schema)
            if {key for key in applied if key[0] in _labels(settings.INSTALLED_APPS)} - set(disk):
                ahead.append(schema)
    if behind:
        yield bad(f"Migrations wait in {named(behind)}.", PREPARE)
    if ahead:
        yield bad(f"The tables of {named(ahead)} are of a newer release than this one.", "Run the newer release.")
    if not behind and not ahead:
        yield well(f"The public tables and those of {some(len(schemas), 'brand')} are of this release.")


def standing_walls() -> Iterator[Finding]:
    """Whether roles and rights are as the models say."""
    with as_owner() as cursor:
        wrong = [*_wrong_roles(cursor), *_wrong_rights(cursor), *_open_tables(cursor), *_wrong_policies(cursor)]
    if wrong:
        yield bad(f"The walls between brands have holes: {named(wrong, most=8)}.", PREPARE)
    else:
        yield well("The walls stand: roles, rights and row-level security are as the models say.")


def strays() -> Iterator[Finding]:
    """What arrived at the webhook and fits no brand."""
    with as_owner() as cursor:
        rows = cursor.execute("SELECT reason, count(*) FROM tenants_stray GROUP BY reason ORDER BY reason").fetchall()
    counts = {str(reason): int(count) for reason, count in rows}
    if count := counts.pop("unknown_handle", 0):
        yield worth_a_look(
            f"{some(count, 'event')} came for accounts that are no brand's.",
            "Onboard the brand, or end its subscriptions at Twitter. The events are kept in `tenants_stray`.",
        )
    if count := sum(counts.values()):
        yield worth_a_look(
            f"{some(count, 'event')} could not be read.",
            "Look at `tenants_stray`: Twitter may have changed its format.",
        )
    if not rows:
        yield well("Nothing strayed: every event that came was for a brand.")


def _labels(apps: list[str]) -> set[str]:
    return {path.rsplit(".", 1)[-1] for path in apps}


def _schemas(cursor: Cursor) -> list[str]:
    return [name for (name,) in cursor.execute("SELECT schema_name FROM tenants_brand ORDER BY id").fetchall()]


def _applied(cursor: Cursor, schema: str) -> set[tuple[str, str]]:
    """The migrations that a schema says it has; none where the schema is missing."""
    table = sql.Identifier(schema, "django_migrations")
    try:
        with cursor.connection.transaction():
            rows = cursor.execute(sql.SQL("SELECT app, name FROM {}").format(table)).fetchall()
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        return set()
    return {(app, name) for app, name in rows}


def _wrong_roles(cursor: Cursor) -> list[str]:
    """Roles that are missing, or may more than they should."""
    name = database_name()
    made = {
        *(f"{name}_{kind}" for kind in ("operators", "directory", "agencies", "brands")),
        *(f"{name}_brand_{pk}" for (pk,) in cursor.execute("SELECT id FROM tenants_brand").fetchall()),
        *(f"{name}_agency_{pk}" for (pk,) in cursor.execute("SELECT id FROM tenants_agency").fetchall()),
    }
    there = {
        role: (may_log_in, inherits, is_mighty)
        for role, may_log_in, inherits, is_mighty in cursor.execute(
            "SELECT rolname, rolcanlogin, rolinherit, rolsuper OR rolbypassrls OR rolreplication FROM pg_roles "
            "WHERE rolname = ANY(%s)",
            [[*made, walls.LOGIN, walls.LETTERBOX]],
        ).fetchall()
    }
    wrong = [f"the role {role} is missing" for role in sorted(made - set(there))]
    wrong += [f"{role} may log in" for role in sorted(made & set(there)) if there[role][0]]
    wrong += [f"{role} inherits" for role in (walls.LOGIN, walls.LETTERBOX) if there[role][1]]
    return wrong + [f"{role} passes all walls" for role, (_, _, is_mighty) in sorted(there.items()) if is_mighty]


def _wrong_rights(cursor: Cursor) -> list[str]:
    """Tables on which a role has a right that it should not have, or lacks one."""
    has = _rights(cursor)
    wanted = _wanted_rights(cursor)
    wrong = []
    for table in sorted(wanted):
        if table not in has:
            wrong.append(f"{table} is missing")
            continue
        surplus, lacking = has[table] - wanted[table], wanted[table] - has[table]
        wrong += [f"{role} may {_what(verb, column)} in {table}" for role, verb, column in sorted(surplus)]
        wrong += [f"{role} may not {_what(verb, column)} in {table}" for role, verb, column in sorted(lacking)]
    return wrong


def _what(verb: str, column: str) -> str:
    return f"{verb} {column}" if column else verb


def _rights(cursor: Cursor) -> dict[str, set[Cell]]:
    """Who but the owner may do what, by table, and with which of its columns where it is not the whole."""
    found: dict[str, set[Cell]] = defaultdict(set)
    for table, role, verb, column in cursor.execute(_RIGHTS).fetchall():
        found[table] |= {(role, verb, column)} if role else set()
    return found


_RIGHTS = """
SELECT n.nspname || '.' || c.relname, CASE WHEN a.grantee = 0 THEN 'everybody' ELSE g.rolname END,
       lower(a.privilege_type), a.attname
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN LATERAL (
    SELECT x.*, '' AS attname FROM aclexplode(c.relacl) x
    UNION ALL
    SELECT x.*, t.attname::text FROM pg_attribute t, aclexplode(t.attacl) x
    WHERE t.attrelid = c.oid AND t.attacl IS NOT NULL
) a ON a.grantee <> c.relowner
LEFT JOIN pg_roles g ON g.oid = a.grantee
WHERE c.relkind IN ('r', 'p') AND (n.nspname = 'public' OR n.nspname IN (SELECT schema_name FROM tenants_brand))
"""


def _wanted_rights(cursor: Cursor) -> dict[str, set[Cell]]:
    name = database_name()
    wanted = {}
    for table, wall in walls.public_walls():
        kinds = {
            f"{name}_operators": wall.operators,
            f"{name}_directory": wall.directory,
            f"{name}_agencies": wall.agency,
            f"{name}_brands": wall.brand,
            walls.LETTERBOX: wall.letterbox,
        }
        wanted[f"public.{table}"] = _cells(kinds)
    for pk, schema in cursor.execute("SELECT id, schema_name FROM tenants_brand").fetchall():
        for model in walls.brand_tables():
            kinds = {f"{name}_brand_{pk}": model.wall.brand, walls.LETTERBOX: model.wall.letterbox}
            wanted[f"{schema}.{model._meta.db_table}"] = _cells(kinds)
    return wanted


def _cells(kinds: dict[str, str]) -> set[Cell]:
    """`select, update (a, b)` for a role, as that role with each verb, and each column where some are named."""
    return {
        (role, verb, column.strip())
        for role, verbs in kinds.items()
        for verb, columns in re.findall(r"(\w+)(?:\s*\(([^)]*)\))?", verbs)
        for column in columns.split(",")
    }


def _open_tables(cursor: Cursor) -> list[str]:
    """Public tables whose rows are not kept apart."""
    rows = cursor.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND NOT relrowsecurity "
        "AND relname = ANY(%s) ORDER BY relname",
        [[table for table, _ in walls.public_walls()]],
    ).fetchall()
    return [f"the rows of {name} are not kept apart" for (name,) in rows]


def _wrong_policies(cursor: Cursor) -> list[str]:
    """Policies on public tables that nobody wrote beside a model, or that are missing. One that is too many opens."""
    there = {
        f"{policy} of {table}"
        for policy, table in cursor.execute(
            "SELECT policyname, tablename FROM pg_policies WHERE schemaname = 'public'"
        ).fetchall()
    }
    wanted = {f"{policy} of {table}" for table, wall in walls.public_walls() for policy in walls.policies_of(wall)}
    surplus = [f"nobody knows the policy {name}" for name in sorted(there - wanted)]
    return surplus + [f"the policy {name} is missing" for name in sorted(wanted - there)]
