"""Every role, table and verb, read back from the catalogue, then tried; what is expected is the models' own word."""

import re
from itertools import product

import psycopg
import pytest
from psycopg import sql
from psycopg.errors import InsufficientPrivilege

from tenants import entry, schemas, walls
from tenants.models import BrandModel
from tenants.wall import Wall
from tests.walled import KEY, Walled, as_owner, canary_of, digest, refused, role, wearing

TABLE_VERBS = ("select", "insert", "update", "delete", "truncate", "references", "trigger", "maintain")
COLUMN_VERBS = ("select", "insert", "update", "references")
TRIED_VERBS = ("select", "insert", "update", "delete")

# Whose wall a role reads: the kind of right in a public table, and in a brand's own schema.
GROUPS = ("operators", "directory", "agencies", "brands")
WORN = ("operators", "directory")  # groups that are one role each, which the login wears itself
# What everybody sees whole: what holds for our one app at Twitter, in numbers and Twitter's own words.
OF_THE_APP = {
    "tenants_appbudget": {"name", "cap", "used", "began_at", "seconds"},
    "tenants_appstate": {"name", "since", "until", "why", "facts"},
}


def rights_in(verbs: str) -> dict[str, frozenset[str] | None]:
    """`select, update (a, b)` as verb → columns; None: all of them."""
    found = re.findall(r"(\w+)(?:\s*\(([^)]*)\))?", verbs)
    return {
        verb: frozenset(name.strip() for name in columns.split(",")) if columns else None for verb, columns in found
    }


def kinds_of_role(walled: Walled) -> dict[str, str]:
    """Every role that there is for these houses → the kind of wall that it meets; `` for those without any right."""
    return {
        "public": "",
        walls.LOGIN: "",
        walls.LETTERBOX: "letterbox",
        role("operators"): "operators",
        role("directory"): "directory",
        role("agencies"): "agency",
        role("brands"): "brand",
        role(f"agency_{walled.north.pk}"): "agency",
        role(f"agency_{walled.south.pk}"): "agency",
        **{role(f"brand_{brand.pk}"): "brand" for brand in walled.brands},
    }


def public_walls() -> dict[str, Wall]:
    return dict(walls.public_walls())


def tables_of(schema: str) -> dict[str, list[str]]:
    """Every table, view and the like of a schema, with its columns."""
    with as_owner() as owner:
        return dict(
            owner.execute(
                "SELECT c.relname, array_agg(a.attname::text ORDER BY a.attnum) FROM pg_class c JOIN pg_attribute a "
                "ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped WHERE c.relnamespace = %s::regnamespace "
                "AND c.relkind IN ('r', 'p', 'v', 'm', 'f') GROUP BY 1 ORDER BY 1",
                [schema],
            ).fetchall()
        )


def expected_verbs(walled: Walled, who: str, schema: str, table: str) -> str:
    """What the walls say that this role may do with this table."""
    if schema == "public":
        kind = kinds_of_role(walled)[who]
        return getattr(public_walls().get(table, Wall()), kind) if kind else ""
    wall = next((model.wall for model in walls.brand_tables() if model._meta.db_table == table), Wall())
    owner_of_it = next(brand for brand in walled.brands if brand.schema_name == schema)
    if who == role(f"brand_{owner_of_it.pk}"):
        return wall.brand
    return wall.letterbox if who == walls.LETTERBOX else ""


def places(walled: Walled) -> list[str]:
    return ["public", *(brand.schema_name for brand in walled.brands)]


def test_every_model_of_ours_has_a_wall_of_its_own():
    unwalled = [model.__name__ for model in walls.public_tables() if not isinstance(vars(model).get("wall"), Wall)]
    unguarded = [model.__name__ for model in walls.brand_tables() if not issubclass(model, BrandModel)]

    assert unwalled == []
    assert unguarded == []


def test_the_catalogue_says_of_every_role_table_and_verb_what_the_walls_say(walled, record_property):
    wrong, cells = [], 0
    with as_owner() as owner:
        for schema in places(walled):
            for (table, columns), who in product(tables_of(schema).items(), kinds_of_role(walled)):
                allowed = rights_in(expected_verbs(walled, who, schema, table))
                wanted = {(verb, None): verb in allowed and allowed[verb] is None for verb in TABLE_VERBS} | {
                    (verb, column): verb in allowed and (allowed[verb] is None or column in allowed[verb])
                    for verb, column in product(COLUMN_VERBS, columns)
                }
                found = _rights(owner, who, f'"{schema}"."{table}"', columns)
                cells += len(found)
                wrong += [(who, schema, table, *cell) for cell in wanted if wanted[cell] != found[cell]]

    record_property("cells", cells)
    assert wrong == []
    assert cells > 8_000


def test_every_role_tries_every_verb_on_every_table(walled, record_property):
    """Each statement is really run, and taken back. What is refused says that it was the right that was missing."""
    before = [digest(brand) for brand in walled.brands]
    wrong, cells = [], 0
    for who in [name for name in kinds_of_role(walled) if name not in ("public", role("agencies"), role("brands"))]:
        with wearing(who) as cursor:
            for schema in places(walled):
                for (table, columns), verb in product(tables_of(schema).items(), TRIED_VERBS):
                    allowed = rights_in(expected_verbs(walled, who, schema, table))
                    cells += 1
                    if _may(cursor, schema, table, columns, verb, allowed.get(verb)) != (verb in allowed):
                        wrong.append((who, schema, table, verb))

    record_property("cells", cells)
    assert wrong == []
    assert cells > 1_000
    assert [digest(brand) for brand in walled.brands] == before


def test_nobody_but_the_owner_changes_or_removes_an_event_or_an_audit_entry(walled):
    with as_owner() as owner:
        roles = [
            name
            for (name,) in owner.execute(
                "SELECT rolname FROM pg_roles WHERE NOT rolsuper AND rolname <> current_user AND rolname !~ '^pg_'"
            )
        ]
        books = ["public.accounts_auditentry", *(f'"{brand.schema_name}".inbox_event' for brand in walled.brands)]
        able = [
            (who, book, verb)
            for who, book, verb in product(roles, books, ("update", "delete", "truncate"))
            if owner.execute("SELECT has_table_privilege(%s, %s, %s)", [who, book, verb]).fetchone()[0]
            or (
                verb == "update"
                and owner.execute("SELECT has_any_column_privilege(%s, %s, 'update')", [who, book]).fetchone()[0]
            )
        ]

    assert len(roles) >= 10
    assert able == []


def test_no_role_reaches_two_brands(walled):
    """Of all roles in the cluster: only the owner, and the letterbox that reads nothing, reach more than one schema."""
    with as_owner() as owner:
        reach = owner.execute(
            "SELECT r.rolname, count(DISTINCT n.nspname) FROM pg_roles r, pg_namespace n JOIN pg_class c ON "
            "c.relnamespace = n.oid AND c.relkind = 'r' WHERE n.nspname LIKE 'b\\_%' AND NOT r.rolsuper AND r.rolname "
            "NOT LIKE 'pg\\_%' AND r.rolname <> current_user AND has_schema_privilege(r.oid, n.oid, 'usage') "
            "AND has_any_column_privilege(r.oid, c.oid, 'select, update, references') GROUP BY 1"
        ).fetchall()

    assert {name for name, brands in reach if brands > 1} == set()
    assert {role(f"brand_{brand.pk}") for brand in walled.brands} <= {name for name, _ in reach}


def test_roles_can_do_nothing_beside_wearing_their_rights(walled):
    attributes = "rolsuper, rolcreaterole, rolcreatedb, rolbypassrls, rolreplication, rolinherit, rolcanlogin"
    with as_owner() as owner:
        found = {
            name: set_
            for name, *set_ in owner.execute(
                f"SELECT rolname, {attributes} FROM pg_roles WHERE rolname LIKE %s OR rolname LIKE 'nightjar\\_%%'",
                [f"{schemas.database_name()}\\_%"],
            )
        }
    nothing = [False] * 7

    assert found.pop("nightjar_owner") == [False, True, True, False, False, True, True]
    assert found.pop(walls.LOGIN) == [False, False, False, False, False, False, True]
    assert found.pop(walls.LETTERBOX) == [False, False, False, False, False, False, True]
    assert set(kinds_of_role(walled)) - {"public", walls.LOGIN, walls.LETTERBOX} <= set(found)
    found.pop("nightjar_super", None)  # the cluster's own, in no address that a process is given
    assert {name: set_ for name, set_ in found.items() if set_ != nothing} == {}


def test_who_may_wear_which_role_and_nothing_more(walled):
    """The login may wear operators, directory, agencies and brands, inherits none; a house inherits its group's."""
    houses = {role(f"agency_{agency.pk}"): "agencies" for agency in (walled.north, walled.south)}
    houses |= {role(f"brand_{brand.pk}"): "brands" for brand in walled.brands}
    wanted = {(role(group), walls.LOGIN, False, True, False) for group in WORN}
    for name, group in houses.items():
        wanted |= {(name, walls.LOGIN, False, True, False), (role(group), name, True, False, False)}
    ours = [*houses, *(role(group) for group in GROUPS), walls.LOGIN, walls.LETTERBOX]

    with as_owner() as owner:
        found = owner.execute(
            "SELECT g.rolname, m.rolname, inherit_option, set_option, admin_option FROM pg_auth_members a "
            "JOIN pg_roles g ON g.oid = a.roleid JOIN pg_roles m ON m.oid = a.member "
            "WHERE g.rolname = ANY(%s) OR m.rolname = ANY(%s)",
            [ours, ours],
        ).fetchall()

    # Whoever makes a role administers it; the owner neither inherits from it nor wears it.
    of_owner = {row for row in found if row[1] == "nightjar_owner"}
    assert {row[2:] for row in of_owner} == {(False, False, True)}
    mine = {row for row in set(found) - of_owner if {*row[:2]} & {*houses, *map(role, WORN)}}
    assert mine == wanted
    assert not {row for row in found if row[0] in (walls.LOGIN, walls.LETTERBOX, "nightjar_owner")}


@pytest.mark.parametrize(
    "forbidden", ["nightjar_owner", "nightjar_letterbox", "nightjar_super", "pg_read_all_data", "agencies", "brands"]
)
def test_the_login_cannot_wear_what_it_was_not_given(walled, forbidden):
    name = role(forbidden) if forbidden in GROUPS else forbidden

    with wearing(walls.LOGIN) as cursor, pytest.raises(InsufficientPrivilege):
        cursor.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(name)))


def test_schemas_are_open_to_whom_they_belong_and_nobody_makes_anything_in_them(walled):
    found, wanted = {}, {}
    with as_owner() as owner:
        for who, schema in product(kinds_of_role(walled), places(walled)):
            found[who, schema] = owner.execute(
                "SELECT has_schema_privilege(%s, %s, 'usage'), has_schema_privilege(%s, %s, 'create')",
                [who, schema] * 2,
            ).fetchone()
            if schema == "public":
                wanted[who, schema] = (bool(kinds_of_role(walled)[who]), False)
            else:
                pk = next(brand.pk for brand in walled.brands if brand.schema_name == schema)
                wanted[who, schema] = (who in (role(f"brand_{pk}"), walls.LETTERBOX), False)

    assert len(found) == 12 * 4
    assert found == wanted


def test_nobody_makes_schemas_or_temporary_tables_in_the_database(walled):
    with as_owner() as owner:
        found = {
            (who, right): owner.execute(
                "SELECT has_database_privilege(%s, current_database(), %s)", [who, right]
            ).fetchone()[0]
            for who, right in product(kinds_of_role(walled), ("connect", "create", "temporary"))
        }

    assert {cell for cell, may in found.items() if may} == {(walls.LOGIN, "connect"), (walls.LETTERBOX, "connect")}


def test_sequences_belong_to_the_owner_and_no_function_runs_in_its_makers_name(walled):
    with as_owner() as owner:
        sequences = owner.execute(
            "SELECT c.oid::regclass::text, r.rolname FROM pg_class c, pg_roles r "
            "WHERE c.relkind = 'S' AND NOT r.rolsuper "
            "AND r.rolname <> current_user AND r.rolname NOT LIKE 'pg\\_%' "
            "AND has_sequence_privilege(r.oid, c.oid, 'usage, select, update')"
        ).fetchall()
        definers = owner.execute(
            "SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace "
            "WHERE prosecdef AND n.nspname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()

    assert sequences == []
    assert definers == []


def test_row_level_security_stands_on_every_public_table_with_a_policy_per_kind_and_no_other():
    kinds = {**dict.fromkeys(("operators", "directory", "letterbox")), "agencies": "agency", "brands": "brand"}
    wanted = {
        (
            table,
            f"{group}_see_their_rows",
            walls.LETTERBOX if group == "letterbox" else role(group),
            "PERMISSIVE",
            "ALL",
        )
        for table, wall in public_walls().items()
        for group, kind in kinds.items()
        if getattr(wall, kind or group)
    }
    wanted |= {
        (table, "agencies_add_such_rows", role("agencies"), "RESTRICTIVE", "INSERT")
        for table, wall in public_walls().items()
        if wall.agency_new_rows
    }
    wanted |= {
        (table, f"brands_{verb.lower()}_such_rows", role("brands"), "RESTRICTIVE", verb)
        for table, wall in public_walls().items()
        for verb in ("INSERT", "UPDATE", "DELETE")
        if wall.brand_changes
    }

    with as_owner() as owner:
        found = owner.execute(
            "SELECT tablename, policyname, array_to_string(roles, ','), permissive, cmd, qual = with_check "
            "FROM pg_policies WHERE schemaname = 'public'"
        ).fetchall()
        secured = owner.execute(
            "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relrowsecurity"
        ).fetchall()
        everything = owner.execute(
            "SELECT policyname, tablename FROM pg_policies WHERE qual = 'true' AND policyname NOT LIKE 'directory%' "
            "AND policyname NOT LIKE 'letterbox%' AND policyname NOT LIKE 'operators%'"
        ).fetchall()

    assert {row[:5] for row in found} == wanted
    assert all(row[5] for row in found if row[3] == "PERMISSIVE")
    assert {name for (name,) in secured} == set(public_walls())
    assert set(everything) == {
        (f"{group}_see_their_rows", table) for table in OF_THE_APP for group in ("agencies", "brands")
    }


def test_what_everybody_sees_of_the_app_names_no_brand_and_no_agency():
    """A column more here is one that every brand reads of every other: think first whose words would stand in it."""
    public = tables_of("public")

    assert {table: set(public[table]) for table in OF_THE_APP} == OF_THE_APP


def test_an_agency_reads_how_the_app_stands_and_changes_nothing_of_it(walled):
    with wearing(role(f"agency_{walled.north.pk}")) as cursor:
        for table in OF_THE_APP:
            assert cursor.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table))).fetchall() is not None
            refused(cursor, f"UPDATE {table} SET name = %s", ["credits"])
            refused(cursor, f"DELETE FROM {table} WHERE name = %s", ["credits"])


def test_a_brand_says_of_the_app_what_it_meets_itself_and_nothing_else(walled):
    """One brand must not silence all: that the webhook or the stream is away is the house's to see, and to end."""
    noted = "INSERT INTO tenants_appstate (name, since) VALUES (%s, now())"
    shared = "INSERT INTO tenants_appbudget (name, cap, used, began_at, seconds) VALUES (%s, 5, 0, now(), 60)"
    with as_owner() as owner:
        for table in OF_THE_APP:
            owner.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
        owner.execute(noted, ["webhook"])
        owner.execute(shared, ["dm:brands"])

    try:
        with wearing(role(f"brand_{walled.one.pk}")) as cursor:
            for name in ("stream", "awake", "webhook_seen"):
                refused(cursor, noted, [name])
            refused(cursor, shared, ["dm:brands"])
            cursor.execute(noted, ["credits"])
            cursor.execute("UPDATE tenants_appstate SET why = 'x'")
            assert cursor.rowcount == 1
            refused(cursor, "UPDATE tenants_appstate SET name = 'stream' WHERE name = 'credits'", [])
            cursor.execute("UPDATE tenants_appbudget SET cap = 1000000")
            assert cursor.rowcount == 0
            cursor.execute("DELETE FROM tenants_appstate")
            assert cursor.rowcount == 1
    finally:
        with as_owner() as owner:
            for table in OF_THE_APP:
                owner.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))


def test_a_lease_and_a_stray_are_nothing_to_brands_and_agencies(walled):
    for who in (role(f"agency_{walled.north.pk}"), role(f"brand_{walled.one.pk}")):
        with wearing(who) as cursor:
            for table in ("tenants_lease", "tenants_stray"):
                refused(cursor, f"SELECT 1 FROM {table}", [])
                refused(cursor, f"DELETE FROM {table}", [])


def test_agencies_and_brands_see_their_own_rows_of_the_public_tables_and_no_others(walled):
    """Every public table, read by every agency and brand; what names an agency or a brand names theirs."""
    brands_of = {walled.north.pk: {walled.one.pk, walled.two.pk}, walled.south.pk: {walled.three.pk}}
    standing = {role(f"agency_{pk}"): ({pk}, brands) for pk, brands in brands_of.items()}
    standing |= {role(f"brand_{brand.pk}"): ({brand.agency_id}, {brand.pk}) for brand in walled.brands}
    seen = {}
    for who, (agencies, brands) in standing.items():
        with wearing(who) as cursor:
            for table, columns in tables_of("public").items():
                if "select" not in rights_in(expected_verbs(walled, who, "public", table)):
                    continue
                only = rights_in(expected_verbs(walled, who, "public", table))["select"]
                read = [name for name in columns if only is None or name in only]
                statement = sql.SQL("SELECT {} FROM {}").format(
                    sql.SQL(", ").join(map(sql.Identifier, read)), sql.Identifier(table)
                )
                rows = [dict(zip(read, row, strict=True)) for row in cursor.execute(statement).fetchall()]
                seen[who, table] = len(rows)
                agency_column = "id" if table == "tenants_agency" else "agency_id"
                brand_column = "id" if table == "tenants_brand" else "brand_id"
                assert {row[agency_column] for row in rows if agency_column in row} <= agencies
                assert {row[brand_column] for row in rows if row.get(brand_column)} <= brands
                if table == "accounts_user":
                    assert {row["id"] for row in rows} == {
                        walled.norther_id if walled.north.pk in agencies else walled.souther_id
                    }

    north = role(f"agency_{walled.north.pk}")
    assert {table: seen[north, table] for (who, table) in seen if who == north} == {
        "tenants_agency": 1,
        "tenants_brand": 2,
        "tenants_domain": 3,
        "tenants_handle": 2,
        "accounts_user": 1,
        "tenants_mark": 2,
        "tenants_logo": 2,
        "tenants_offboarding": 1,
        "accounts_membership": 1,
        "accounts_invitation": 1,
        "accounts_presence": 1,
        "accounts_apikey": 1,
        "accounts_deskrow": 2,
        "accounts_auditentry": 4,  # its own log-in and role, and one of each brand
        **seen_of_the_app(),
    }
    one = role(f"brand_{walled.one.pk}")
    assert {table: seen[one, table] for (who, table) in seen if who == one} == {
        "tenants_brand": 1,
        "tenants_handle": 1,
        "tenants_mark": 1,
        "tenants_logo": 1,
        "accounts_deskrow": 1,
        "accounts_auditentry": 1,
        **seen_of_the_app(),
    }


def seen_of_the_app() -> dict[str, int]:
    """How many rows there are of what everybody sees."""
    with as_owner() as owner:
        return {table: owner.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in OF_THE_APP}


def test_the_bare_login_sees_nothing(walled):
    with wearing(walls.LOGIN) as cursor:
        for schema in places(walled):
            for table in tables_of(schema):
                with pytest.raises(InsufficientPrivilege):
                    cursor.execute(sql.SQL("SELECT 1 FROM {}.{}").format(sql.Identifier(schema), sql.Identifier(table)))
                cursor.execute("ROLLBACK TO here")


def test_each_brand_reads_its_own_canary_and_the_same_keys_elsewhere_are_closed(walled):
    for brand in walled.brands:
        with wearing(role(f"brand_{brand.pk}")) as cursor:
            for other in walled.brands:
                statement = sql.SQL("SELECT text FROM {}.inbox_message WHERE id = %s").format(
                    sql.Identifier(other.schema_name)
                )
                if other == brand:
                    assert cursor.execute(statement, [KEY]).fetchone()[0].startswith(canary_of(brand))
                    continue
                with pytest.raises(InsufficientPrivilege):
                    cursor.execute(statement, [KEY])
                cursor.execute("ROLLBACK TO here")


def test_postgresql_keeps_no_samples_of_what_people_wrote(walled):
    asked = (
        "SELECT tablename, attname, most_common_vals::text, histogram_bounds::text FROM pg_stats"
        " JOIN pg_tables USING (schemaname, tablename) WHERE schemaname = %s"
    )
    with as_owner() as owner:
        for brand in walled.brands:
            for model in walls.brand_tables():
                owner.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(brand.schema_name, model._meta.db_table)))
        samples = {brand: owner.execute(asked, [brand.schema_name]).fetchall() for brand in walled.brands}

    for brand, rows in samples.items():
        assert {"inbox_message", "inbox_arrival", "inbox_customer"} <= {table for table, *_ in rows}
        assert [row for row in rows if canary_of(brand) in repr(row)] == []


def test_a_brand_makes_no_tables_and_reads_no_people(walled):
    with wearing(role(f"brand_{walled.one.pk}")) as cursor:
        for statement in (
            sql.SQL("CREATE TABLE {}.mine (id int)").format(sql.Identifier(walled.one.schema_name)),
            sql.SQL("CREATE TABLE public.mine (id int)"),
            sql.SQL("CREATE TEMPORARY TABLE mine (id int)"),
            sql.SQL("CREATE FUNCTION public.nightjar_brand() RETURNS bigint LANGUAGE sql RETURN 1"),
            sql.SQL("ALTER TABLE {}.inbox_event DISABLE TRIGGER ALL").format(sql.Identifier(walled.one.schema_name)),
            sql.SQL("SELECT email FROM public.accounts_user"),
            sql.SQL("SELECT 1 FROM public.django_session"),
            sql.SQL("SELECT 1 FROM {}.django_migrations").format(sql.Identifier(walled.one.schema_name)),
        ):
            with pytest.raises(InsufficientPrivilege):
                cursor.execute(statement)
            cursor.execute("ROLLBACK TO here")


DESK_ROW = (
    "INSERT INTO accounts_deskrow (agency_id, brand_id, conversation_id, urgency, language, waiting_since, respond_by) "
    "VALUES (%s, %s, 99, 1, '', now(), now())"
)
AUDIT_ENTRY = (
    "INSERT INTO accounts_auditentry (chain, number, agency_id, brand_id, at, kind, facts, previous_hash, hash) "
    "VALUES (%s, 99, %s, %s, now(), 'exported', '{}', '', '')"
)


def test_a_brand_writes_on_no_desk_but_its_agencys_own_whatever_it_says_of_itself(walled):
    one, two, three = walled.brands
    with wearing(role(f"brand_{one.pk}")) as cursor:
        cursor.execute(DESK_ROW, [walled.north.pk, one.pk])
        refused(cursor, DESK_ROW, [walled.north.pk, two.pk])
        refused(cursor, DESK_ROW, [walled.south.pk, three.pk])
        cursor.execute("SELECT set_config('nightjar.agency', %s, false)", [str(walled.south.pk)])
        refused(cursor, DESK_ROW, [walled.south.pk, one.pk])


def test_an_agency_touches_no_row_of_another(walled):
    other = walled.south.pk
    with wearing(role(f"agency_{walled.north.pk}")) as cursor:
        refused(
            cursor,
            "INSERT INTO accounts_membership (user_id, agency_id, role) VALUES (%s, %s, 'agent')",
            [walled.norther_id, other],
        )
        refused(cursor, "UPDATE accounts_membership SET agency_id = %s", [other])
        refused(cursor, "UPDATE accounts_deskrow SET agency_id = %s", [other])
        refused(cursor, "UPDATE accounts_deskrow SET brand_id = %s, conversation_id = 98", [walled.three.pk])
        for table in ("accounts_membership", "accounts_deskrow"):
            statement = sql.SQL("DELETE FROM {} WHERE agency_id = %s").format(sql.Identifier(table))
            assert cursor.execute(statement, [other]).rowcount == 0


def test_nobody_writes_into_the_audit_chain_of_another(walled):
    """An entry that its chain's own writers cannot see would take their next number and stop them for ever."""
    one, two, three = walled.brands
    north, south = walled.north.pk, walled.south.pk
    with wearing(role(f"brand_{one.pk}")) as cursor:
        cursor.execute(AUDIT_ENTRY, [f"b{one.pk}", north, one.pk])
        for chain in (f"b{two.pk}", f"b{three.pk}", f"a{north}", f"a{south}", "house"):
            refused(cursor, AUDIT_ENTRY, [chain, north, one.pk])
        refused(cursor, AUDIT_ENTRY, [f"b{one.pk}", south, one.pk])
        refused(cursor, AUDIT_ENTRY, [f"b{one.pk}", None, one.pk])
        refused(cursor, AUDIT_ENTRY, [f"a{north}", north, None])
    with wearing(role(f"agency_{north}")) as cursor:
        cursor.execute(AUDIT_ENTRY, [f"a{north}", north, None])
        cursor.execute(AUDIT_ENTRY, [f"b{two.pk}", north, two.pk])
        for chain in (f"b{two.pk}", f"a{south}", "house"):
            refused(cursor, AUDIT_ENTRY, [chain, north, None])
        for chain, brand in ((f"b{three.pk}", three), (f"b{one.pk}", three), (f"a{north}", one), (f"b{two.pk}", one)):
            refused(cursor, AUDIT_ENTRY, [chain, north, brand.pk])
        refused(cursor, AUDIT_ENTRY, [f"a{south}", south, None])


def test_the_orm_reads_in_each_brand_what_is_there(walled):
    seen = {}
    for brand in walled.brands:
        with entry.brand(brand):
            seen[brand.pk] = {model.__name__: model._base_manager.count() for model in walls.brand_tables()}

    # One of each, and of some what every brand is founded with besides.
    assert all(min(rows.values()) == 1 for rows in seen.values())
    assert len({tuple(rows.items()) for rows in seen.values()}) == 1
    assert len(seen) == 3


def _rights(owner: psycopg.Connection, who: str, table: str, columns: list[str]) -> dict[tuple[str, str | None], bool]:
    on_table = owner.execute(
        "SELECT verb, has_table_privilege(%s, %s, verb) FROM unnest(%s::text[]) verb", [who, table, list(TABLE_VERBS)]
    ).fetchall()
    on_columns = owner.execute(
        "SELECT verb, name, has_column_privilege(%s, %s, name, verb) "
        "FROM unnest(%s::text[]) verb, unnest(%s::text[]) name",
        [who, table, list(COLUMN_VERBS), columns],
    ).fetchall()
    return {(verb, None): may for verb, may in on_table} | {(verb, column): may for verb, column, may in on_columns}


def _may(
    cursor: psycopg.Cursor, schema: str, table: str, columns: list[str], verb: str, only: frozenset[str] | None
) -> bool:
    """Whether this statement gets past the rights. What a row's policy or a constraint says comes after them."""
    where, column = sql.Identifier(schema, table), sql.Identifier(sorted(only)[0] if only else columns[-1])
    read = sql.SQL(", ").join(map(sql.Identifier, sorted(only))) if only else sql.SQL("*")
    statement = {
        "select": sql.SQL("SELECT {} FROM {}").format(read, where),
        "insert": sql.SQL("INSERT INTO {} ({}) VALUES (DEFAULT)").format(where, column),
        "update": sql.SQL("UPDATE {} SET {} = DEFAULT").format(where, column),
        "delete": sql.SQL("DELETE FROM {}").format(where),
    }[verb]
    try:
        cursor.execute(statement)
    except InsufficientPrivilege as refusal:
        return "row-level security" in str(refusal)
    except (psycopg.IntegrityError, psycopg.errors.GeneratedAlways):
        return True
    finally:
        cursor.execute("ROLLBACK TO here")
    return True
