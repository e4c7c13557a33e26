"""What agencies, brands and operators try against each other while houses are set up, statement by statement."""

import pytest
from psycopg import sql
from psycopg.errors import InsufficientPrivilege

from tests.walled import Walled, as_owner, refused, role, wearing

# A row of each table that an agency fills, for one brand of an agency's by a person.
ADDED = {
    "domain": "INSERT INTO tenants_domain (name, agency_id, brand_id) "
    "VALUES ('care.added.localhost', %(agency)s, %(brand)s)",
    "mark": "INSERT INTO tenants_mark (brand_id, kind, text) VALUES (%(brand)s, 'name', 'Added')",
    "membership": "INSERT INTO accounts_membership (user_id, agency_id, brand_id, role) "
    "VALUES (%(person)s, %(agency)s, %(brand)s, 'agent')",
    "invitation": "INSERT INTO accounts_invitation (agency_id, brand_id, role, email, word_hash, invited_at, "
    "expires_at) VALUES (%(agency)s, %(brand)s, 'agent', 'added@factory.test', 'added', now(), now())",
    "key": "INSERT INTO accounts_apikey (agency_id, brand_id, name, beginning, secret_hash, scopes, made_at, "
    "made_by_id) VALUES (%(agency)s, %(brand)s, 'added', 'nj_added', 'added', '[]', now(), %(person)s)",
    "desk row": "UPDATE accounts_deskrow SET assignee_id = %(person)s, assigned_at = now() WHERE brand_id = %(brand)s",
}
OFFBOARDING = (
    "INSERT INTO tenants_offboarding (agency_id, brand_key, brand_name, brand_slug, asked_at, asked_by_id{more}) "
    "VALUES (%(agency)s, %(brand)s, %(name)s, %(slug)s, now(), %(person)s{values})"
)
LOGO = "INSERT INTO tenants_logo (brand_id, png, width, height, digest) VALUES (%s, '', 1, 1, '')"


def ends(walled: Walled, brand, *, agency_id: int | None = None, **more: str) -> dict[str, object]:
    named = {"agency": agency_id or walled.north.pk, "brand": brand.pk, "person": walled.norther_id}
    return {**named, "name": brand.name, "slug": brand.slug, **more}


# --- passwords --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["agency", "brand", "operators"])
@pytest.mark.parametrize(
    "statement",
    [
        "SELECT password FROM accounts_user",
        "SELECT * FROM accounts_user",
        "SELECT accounts_user FROM accounts_user",
        "SELECT to_jsonb(u) FROM accounts_user u",
        "SELECT id FROM accounts_user WHERE password LIKE 'argon2%%'",
        "SELECT id FROM accounts_user ORDER BY password",
        "SELECT count(*) FROM accounts_user GROUP BY password",
        "COPY accounts_user TO STDOUT",
        "COPY accounts_user (password) TO STDOUT",
        "UPDATE accounts_user SET password = 'x'",
        "UPDATE accounts_user SET is_operator = true",
        "INSERT INTO accounts_user (email, name, password, is_active, is_operator) VALUES ('x', 'x', 'x', true, true)",
        "DELETE FROM accounts_user",
        "SELECT secret_hash FROM accounts_apikey WHERE agency_id IS NULL OR true; SELECT data FROM mfa_authenticator",
        "SELECT session_data FROM django_session",
    ],
)
def test_nobody_but_the_directory_reads_a_password_or_makes_a_person(walled, kind: str, statement: str):
    name = {"agency": f"agency_{walled.north.pk}", "brand": f"brand_{walled.one.pk}", "operators": "operators"}[kind]

    with wearing(role(name)) as cursor:
        refused(cursor, statement, [])


def test_the_directory_reads_passwords_and_changes_no_address(walled):
    with wearing(role("directory")) as cursor:
        cursor.execute("SELECT password FROM accounts_user WHERE id = %s", [walled.norther_id])
        assert cursor.fetchone()[0].startswith("argon2")
        refused(cursor, "UPDATE accounts_user SET email = 'x'", [])
        refused(cursor, "UPDATE accounts_user SET is_active = true", [])
        refused(cursor, "DELETE FROM accounts_user", [])


# --- agencies ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ADDED)
def test_an_agency_adds_to_its_own_brands_and_to_no_others(walled, what: str):
    own = {"agency": walled.north.pk, "brand": walled.one.pk, "person": walled.norther_id}
    with wearing(role(f"agency_{walled.north.pk}")) as cursor:
        assert cursor.execute(ADDED[what], own).rowcount == 1
        cursor.execute("ROLLBACK TO here")

        for foreign in (
            {**own, "brand": walled.three.pk},
            {**own, "agency": walled.south.pk},
            {**own, "agency": walled.south.pk, "brand": walled.three.pk},
        ):
            if what == "desk row":
                changed = cursor.execute(ADDED[what], {**own, "brand": walled.three.pk}).rowcount
                assert changed == 0
            elif what != "mark" or foreign["brand"] != own["brand"]:
                refused(cursor, ADDED[what], foreign)


def test_an_agency_draws_no_logo_of_anothers_brand(walled):
    with wearing(role(f"agency_{walled.north.pk}")) as cursor:
        cursor.execute("DELETE FROM tenants_logo WHERE brand_id = %s", [walled.one.pk])
        assert cursor.execute(LOGO, [walled.one.pk]).rowcount == 1
        assert cursor.execute("DELETE FROM tenants_logo WHERE brand_id = %s", [walled.three.pk]).rowcount == 0
        refused(cursor, "UPDATE tenants_logo SET brand_id = %s", [walled.three.pk])
        refused(cursor, LOGO, [walled.three.pk])


def test_an_agency_makes_a_member_of_nobody_whom_it_does_not_know(walled):
    """A member's name and e-mail address can be read: to count through the keys would be to read everybody's."""
    statement = "INSERT INTO accounts_membership (user_id, agency_id, brand_id, role) VALUES (%s, %s, %s, 'agent')"
    north, one = walled.north.pk, walled.one.pk
    with wearing(role(f"agency_{north}")) as cursor:
        refused(cursor, statement, [walled.souther_id, north, None])
        refused(cursor, statement, [walled.souther_id, north, one])
        refused(cursor, "UPDATE accounts_membership SET user_id = %s", [walled.souther_id])
        assert cursor.execute(statement, [walled.norther_id, north, one]).rowcount == 1
        seen = cursor.execute("SELECT id FROM accounts_user").fetchall()

    assert seen == [(walled.norther_id,)]


def test_an_agency_says_of_nobody_but_its_own_people_that_they_take_conversations(walled):
    statement = "INSERT INTO accounts_presence (agency_id, user_id, available_since) VALUES (%s, %s, now())"
    north, south = walled.north.pk, walled.south.pk
    with wearing(role(f"agency_{north}")) as cursor:
        assert cursor.execute("DELETE FROM accounts_presence").rowcount == 1
        refused(cursor, statement, [north, walled.souther_id])
        refused(cursor, statement, [south, walled.norther_id])
        assert cursor.execute(statement, [north, walled.norther_id]).rowcount == 1
        refused(cursor, "UPDATE accounts_presence SET user_id = %s", [walled.souther_id])
        refused(cursor, "UPDATE accounts_presence SET agency_id = %s", [south])


@pytest.mark.parametrize("who", ["operators", "directory", "brand"])
def test_who_takes_conversations_is_the_agencys_own_matter(walled, who: str):
    name = f"brand_{walled.one.pk}" if who == "brand" else who
    with wearing(role(name)) as cursor:
        refused(cursor, "SELECT 1 FROM accounts_presence", [])
        refused(cursor, "UPDATE accounts_presence SET capacity = 50", [])


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE tenants_brand SET agency_id = %(other)s",
        "UPDATE tenants_brand SET slug = 'taken'",
        "UPDATE tenants_brand SET id = 1",
        "DELETE FROM tenants_brand",
        "INSERT INTO tenants_brand (agency_id, name, slug, state, colour, zone, reopen_window, created_at) "
        "VALUES (%(other)s, 'x', 'x', 'live', '#000000', 'UTC', '1 day', now())",
        "INSERT INTO tenants_brand (id, agency_id, name, slug, state, colour, zone, reopen_window, created_at) "
        "VALUES (99, %(own)s, 'x', 'x', 'live', '#000000', 'UTC', '1 day', now())",
        "UPDATE tenants_domain SET brand_id = NULL",
        "UPDATE tenants_agency SET name = 'x'",
        "INSERT INTO tenants_agency (name, slug, created_at) VALUES ('x', 'x', now())",
        "INSERT INTO tenants_handle (twitter_id, username, brand_id) VALUES (1, 'x', %(brand)s)",
        "UPDATE tenants_handle SET username = 'x'",
        "DELETE FROM tenants_handle",
        "UPDATE tenants_mark SET brand_id = %(foreign)s",
        "UPDATE accounts_membership SET agency_id = %(other)s",
        "UPDATE accounts_membership SET brand_id = %(foreign)s",
        "UPDATE accounts_apikey SET scopes = '[]'",
        "UPDATE accounts_apikey SET made_by_id = 1",
        "UPDATE accounts_apikey SET secret_hash = 'x'",
        "UPDATE accounts_apikey SET brand_id = NULL",
        "DELETE FROM accounts_apikey",
        "UPDATE accounts_invitation SET role = 'admin'",
        "UPDATE accounts_invitation SET email = 'x'",
        "UPDATE accounts_invitation SET agency_id = NULL",
        "UPDATE accounts_invitation SET expires_at = now()",
        "DELETE FROM accounts_invitation",
        # Without an agency it makes an operator.
        "INSERT INTO accounts_invitation (agency_id, role, email, word_hash, invited_at, expires_at) "
        "VALUES (NULL, '', 'x', 'x', now(), now())",
        "UPDATE tenants_offboarding SET erased_at = now()",
        "UPDATE tenants_offboarding SET certificate = 'x'",
        "UPDATE tenants_offboarding SET brand_key = %(foreign)s",
        "DELETE FROM tenants_offboarding",
        "DELETE FROM accounts_auditentry",
    ],
)
def test_an_agency_moves_no_brand_and_makes_nobody_more_than_they_are(walled, statement: str):
    names = {"own": walled.north.pk, "other": walled.south.pk, "brand": walled.one.pk, "foreign": walled.three.pk}

    with wearing(role(f"agency_{walled.north.pk}")) as cursor:
        refused(cursor, statement, names)


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("tenants_brand", "SET state = 'suspended' WHERE id = %(foreign)s"),
        ("tenants_mark", "SET text = 'x' WHERE brand_id = %(foreign)s"),
        ("accounts_membership", "SET role = 'admin' WHERE agency_id = %(other)s"),
        ("accounts_apikey", "SET revoked_at = now() WHERE agency_id = %(other)s"),
        ("accounts_invitation", "SET withdrawn_at = now() WHERE agency_id = %(other)s"),
        (
            "tenants_offboarding",
            "SET confirmed_at = now(), confirmed_by_id = 1 WHERE agency_id = %(other)s",
        ),
    ],
)
def test_an_agency_finds_nothing_of_anothers_to_change(walled, table: str, change: str):
    names = {"other": walled.south.pk, "foreign": walled.three.pk}
    statement = sql.SQL("UPDATE {} {}").format(sql.Identifier(table), sql.SQL(change))
    with as_owner() as owner:
        column = "id" if table == "tenants_brand" else ("brand_id" if "brand_id" in change else "agency_id")
        wanted = names["foreign" if "foreign" in change else "other"]
        there = owner.execute(f"SELECT count(*) FROM {table} WHERE {column} = %s", [wanted]).fetchone()[0]

    with wearing(role(f"agency_{walled.north.pk}")) as cursor:
        changed = cursor.execute(statement, names).rowcount

    assert there > 0
    assert changed == 0


def test_the_end_of_a_brand_begins_at_its_beginning_and_with_ones_own(walled):
    """The worker erases, as the owner, what is confirmed here: a forged row would be another agency's brand."""
    north = walled.north.pk
    with wearing(role(f"agency_{north}")) as cursor:
        plain = OFFBOARDING.format(more="", values="")
        assert cursor.execute(plain, ends(walled, walled.one)).rowcount == 1
        cursor.execute("ROLLBACK TO here")
        refused(cursor, plain, ends(walled, walled.three))
        refused(cursor, plain, ends(walled, walled.three, agency_id=walled.south.pk))
        refused(cursor, plain, ends(walled, walled.one, name=walled.three.name))
        refused(cursor, plain, {**ends(walled, walled.one), "brand": walled.three.pk})
        for more, values in (
            ("exported_at", "now()"),
            ("confirmed_at, confirmed_by_id", "now(), 1"),
            ("certificate", "'forged'"),
            ("exported_at, confirmed_at, confirmed_by_id, erased_at", "now(), now(), 1, now()"),
        ):
            statement = OFFBOARDING.format(more=f", {more}", values=f", {values}")
            refused(cursor, statement, ends(walled, walled.one))


# --- brands -----------------------------------------------------------------------------------------------------------


def test_a_brand_connects_handles_of_its_own_and_touches_no_others(walled):
    statement = "INSERT INTO tenants_handle (twitter_id, username, brand_id) VALUES (%s, 'Fresh', %s)"
    with wearing(role(f"brand_{walled.one.pk}")) as cursor:
        assert cursor.execute(statement, [1, walled.one.pk]).rowcount == 1
        for other in (walled.two, walled.three):
            refused(cursor, statement, [2, other.pk])
            gone = cursor.execute("DELETE FROM tenants_handle WHERE brand_id = %s", [other.pk]).rowcount
            renamed = cursor.execute("UPDATE tenants_handle SET username = 'x' WHERE brand_id = %s", [other.pk])
            assert (gone, renamed.rowcount) == (0, 0)
        refused(cursor, "UPDATE tenants_handle SET brand_id = %s", [walled.two.pk])
        refused(cursor, "UPDATE tenants_handle SET twitter_id = 3", [])


@pytest.mark.parametrize(
    "table",
    [
        "accounts_apikey",
        "accounts_invitation",
        "accounts_membership",
        "tenants_agency",
        "tenants_domain",
        "tenants_offboarding",
        "tenants_stray",
        "account_emailaddress",
        "mfa_authenticator",
    ],
)
def test_a_brand_reads_nothing_of_the_agency_around_it(walled, table: str):
    with wearing(role(f"brand_{walled.one.pk}")) as cursor, pytest.raises(InsufficientPrivilege):
        cursor.execute(sql.SQL("SELECT 1 FROM {}").format(sql.Identifier(table)))


@pytest.mark.parametrize("table", ["tenants_brand", "tenants_mark", "tenants_logo"])
def test_a_brand_does_not_decide_what_it_is(walled, table: str):
    with wearing(role(f"brand_{walled.one.pk}")) as cursor:
        refused(cursor, f"DELETE FROM {table}", [])
        refused(cursor, f"UPDATE {table} SET {'id' if table != 'tenants_logo' else 'brand_id'} = 1", [])


# --- operators --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "table",
    [
        "accounts_apikey",
        "accounts_deskrow",
        "accounts_membership",
        "tenants_handle",
        "tenants_logo",
        "tenants_mark",
        "tenants_stray",
    ],
)
def test_operators_see_nothing_of_agencies_work(walled, table: str):
    with wearing(role("operators")) as cursor:
        refused(cursor, f"SELECT 1 FROM {table}", [])


def test_operators_see_operators_among_the_people_and_make_nobody_one(walled):
    with wearing(role("operators")) as cursor:
        seen = cursor.execute("SELECT id FROM accounts_user WHERE NOT is_operator").fetchall()
        ended = cursor.execute("UPDATE accounts_user SET is_active = false WHERE id = %s", [walled.norther_id])
        assert (seen, ended.rowcount) == ([], 0)
        refused(cursor, "UPDATE accounts_user SET is_operator = true", [])


def test_operators_read_the_houses_own_audit_alone(walled):
    with wearing(role("operators")) as cursor:
        chains = {chain for (chain,) in cursor.execute("SELECT chain FROM accounts_auditentry").fetchall()}
        refused(
            cursor,
            "INSERT INTO accounts_auditentry (chain, number, agency_id, at, kind, facts, previous_hash, hash) "
            "VALUES (%s, 99, %s, now(), 'exported', '{}', '', '')",
            [f"a{walled.north.pk}", walled.north.pk],
        )

    assert chains <= {"house"}


def test_operators_invite_operators_and_the_first_people_of_an_agency_and_see_no_other_invitation(walled):
    statement = (
        "INSERT INTO accounts_invitation (agency_id, brand_id, role, email, word_hash, invited_at, expires_at) "
        "VALUES (%s, %s, %s, 'x@factory.test', 'x', now(), now())"
    )
    north = walled.north.pk
    with wearing(role("operators")) as cursor:
        for own in ([None, None, ""], [north, None, "admin"]):
            assert cursor.execute(statement, own).rowcount == 1
            cursor.execute("ROLLBACK TO here")
        refused(cursor, statement, [north, None, "agent"])
        refused(cursor, statement, [north, walled.one.pk, "admin"])
        seen = cursor.execute("SELECT 1 FROM accounts_invitation WHERE role <> 'admin' AND role <> ''").fetchall()

    assert seen == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE tenants_brand SET state = 'live'",
        "INSERT INTO tenants_domain (name, agency_id) VALUES ('x', 1)",
        "DELETE FROM tenants_agency",
        "UPDATE tenants_agency SET slug = 'x'",
        "UPDATE tenants_offboarding SET confirmed_at = now()",
        "UPDATE accounts_invitation SET role = 'admin'",
    ],
)
def test_operators_make_agencies_and_decide_nothing_inside_them(walled, statement: str):
    with wearing(role("operators")) as cursor:
        refused(cursor, statement, [])
