"""Builds the walls between brands and between agencies in the database itself: roles, rights, row-level security.

Run by the owner, after migrations and when a brand is made. All of it may run again at any time and changes nothing
then. The test `tests/tenants/test_walls.py` reads the result back from the catalogue, role by table by verb.
"""

from django.apps import apps
from django.conf import settings
from django.db import models
from psycopg import Cursor, sql

from tenants.models import Brand, BrandModel
from tenants.wall import Wall

LOGIN = "nightjar_app"
LETTERBOX = "nightjar_letterbox"

# Tables of other people's apps that the directory needs.
_BORROWED = {
    "django_session": Wall(directory="select, insert, update, delete"),
    "account_emailaddress": Wall(directory="select, insert, update, delete"),
    "account_emailconfirmation": Wall(directory="select, insert, update, delete"),
    "mfa_authenticator": Wall(directory="select, insert, update, delete"),
}

# Which agency or brand the current role is. Stable and plain, so that the planner can use an index with it.
_FUNCTIONS = """
CREATE OR REPLACE FUNCTION public.nightjar_agency() RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE
    RETURN substring(current_user from '_agency_([0-9]+)$')::bigint;
CREATE OR REPLACE FUNCTION public.nightjar_brand() RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE
    RETURN substring(current_user from '_brand_([0-9]+)$')::bigint;
-- Whether the current role sees a membership of this person. A function, since the table's own policy asks it.
CREATE OR REPLACE FUNCTION public.nightjar_knows(person bigint) RETURNS boolean LANGUAGE sql STABLE
    AS 'SELECT EXISTS (SELECT 1 FROM public.accounts_membership WHERE user_id = person)';
"""


_GROUPS = ("operators", "directory", "agencies", "brands")


def build_shared(cursor: Cursor, *, database: str) -> None:
    """The group roles, and the rights on every public table."""
    for group in _GROUPS:
        _make_role(cursor, f"{database}_{group}")
    for worn in ("operators", "directory"):
        _let_login_wear(cursor, f"{database}_{worn}")
    cursor.execute(_FUNCTIONS)
    groups = [f"{database}_{group}" for group in _GROUPS] + [LETTERBOX]
    for role in groups:
        cursor.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(sql.Identifier(role)))
    for table, wall in public_walls():
        _wall_off(cursor, table, wall, database=database)


def build_agency(cursor: Cursor, *, agency_id: int, database: str) -> None:
    """The role of one agency."""
    role = f"{database}_agency_{agency_id}"
    _make_role(cursor, role)
    _join(cursor, f"{database}_agencies", role)
    _let_login_wear(cursor, role)


def build_brand(cursor: Cursor, *, brand: Brand, database: str) -> None:
    """The role of one brand, and its rights on its own schema. The letterbox may put arrivals there, no more."""
    role = f"{database}_brand_{brand.pk}"
    _make_role(cursor, role)
    _join(cursor, f"{database}_brands", role)
    _let_login_wear(cursor, role)
    schema = sql.Identifier(brand.schema_name)
    for who in (role, LETTERBOX):
        cursor.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(schema, sql.Identifier(who)))
    for model in brand_tables():
        table = sql.SQL("{}.{}").format(schema, sql.Identifier(model._meta.db_table))
        _grant(cursor, table, model.wall.brand, role)
        _grant(cursor, table, model.wall.letterbox, LETTERBOX)
        for setting in _settings_of(model):
            cursor.execute(sql.SQL("ALTER TABLE {} {}").format(table, sql.SQL(setting)))
        for row in getattr(model, "founding_rows", ()):
            cursor.execute(sql.SQL("INSERT INTO {} {} ON CONFLICT DO NOTHING").format(table, sql.SQL(row)))


def _settings_of(model: type[BrandModel]) -> list[str]:
    """What is set of this table besides its columns. PostgreSQL keeps samples of what lies in a column, to plan by:
    not of free text, where a deleted tweet's words would outlive it.
    """
    free = ", ".join(f'ALTER COLUMN "{column}" SET STATISTICS 0' for column in free_text_of(model))
    return [*getattr(model, "storage", ()), *([free] if free else [])]


def free_text_of(model: type[BrandModel]) -> list[str]:
    """The columns that hold what somebody wrote, or what Twitter sent."""
    return [
        str(field.column)
        for field in model._meta.local_concrete_fields
        if isinstance(field, models.TextField | models.JSONField | models.BinaryField)
        or (isinstance(field, models.CharField) and not field.choices and (field.max_length or 0) >= _SHORTEST_TEXT)
    ]


_SHORTEST_TEXT = 30  # shorter ones are codes: of languages, for instance


def brand_tables() -> list[type[BrandModel]]:
    """Every model that has a table in a brand's schema, in the order in which they can be made."""
    labels = {label.split(".")[0] for label in settings.TENANT_APPS}
    return [model for model in apps.get_models(include_auto_created=True) if model._meta.app_label in labels]  # type: ignore[misc]


def public_tables() -> list[type[models.Model]]:
    """Every model of ours that has a public table."""
    return [model for model in apps.get_models() if model._meta.app_label in ("tenants", "accounts")]


def public_walls() -> list[tuple[str, Wall]]:
    ours = [(model._meta.db_table, model.wall) for model in public_tables()]  # type: ignore[attr-defined]
    return ours + list(_BORROWED.items())


def policies_of(wall: Wall) -> set[str]:
    """The names of the policies that a public table has."""
    verbs = {
        "operators": wall.operators,
        "directory": wall.directory,
        "agencies": wall.agency,
        "brands": wall.brand,
        "letterbox": wall.letterbox,
    }
    names = {f"{kind}_see_their_rows" for kind in verbs if verbs[kind]}
    names |= {"agencies_add_such_rows"} if wall.agency_new_rows else set()
    return names | ({f"brands_{verb.lower()}_such_rows" for verb in _CHANGES} if wall.brand_changes else set())


# What a policy that narrows each of these down must say.
_CHANGES = {"INSERT": "WITH CHECK ({0})", "UPDATE": "USING ({0}) WITH CHECK ({0})", "DELETE": "USING ({0})"}


def _wall_off(cursor: Cursor, name: str, wall: Wall, *, database: str) -> None:
    table = sql.SQL("public.{}").format(sql.Identifier(name))
    kinds = {
        "operators": (wall.operators, f"{database}_operators", wall.operators_rows),
        "directory": (wall.directory, f"{database}_directory", "true"),
        "agencies": (wall.agency, f"{database}_agencies", wall.agency_rows),
        "brands": (wall.brand, f"{database}_brands", wall.brand_rows),
        "letterbox": (wall.letterbox, LETTERBOX, "true"),
    }
    cursor.execute(sql.SQL("ALTER TABLE {} ENABLE ROW LEVEL SECURITY").format(table))
    for kind, (verbs, role, rows) in kinds.items():
        _grant(cursor, table, verbs, role)
        policy = sql.Identifier(f"{kind}_see_their_rows")
        cursor.execute(sql.SQL("DROP POLICY IF EXISTS {} ON {}").format(policy, table))
        if verbs:
            cursor.execute(
                sql.SQL("CREATE POLICY {} ON {} TO {} USING ({}) WITH CHECK ({})").format(
                    policy, table, sql.Identifier(role), sql.SQL(rows), sql.SQL(rows)
                )
            )
    cursor.execute(sql.SQL("DROP POLICY IF EXISTS agencies_add_such_rows ON {}").format(table))
    if wall.agency_new_rows:
        cursor.execute(
            sql.SQL(
                "CREATE POLICY agencies_add_such_rows ON {} AS RESTRICTIVE FOR INSERT TO {} WITH CHECK ({})"
            ).format(table, sql.Identifier(f"{database}_agencies"), sql.SQL(wall.agency_new_rows))
        )
    for verb, condition in _CHANGES.items():
        policy = sql.Identifier(f"brands_{verb.lower()}_such_rows")
        cursor.execute(sql.SQL("DROP POLICY IF EXISTS {} ON {}").format(policy, table))
        if wall.brand_changes:
            cursor.execute(
                sql.SQL("CREATE POLICY {} ON {} AS RESTRICTIVE FOR {} TO {} ").format(
                    policy, table, sql.SQL(verb), sql.Identifier(f"{database}_brands")
                )
                + sql.SQL(condition).format(sql.SQL(wall.brand_changes))
            )


def _grant(cursor: Cursor, table: sql.Composed, verbs: str, role: str) -> None:
    who = sql.Identifier(role)
    cursor.execute(sql.SQL("REVOKE ALL ON {} FROM {}").format(table, who))
    if verbs:
        cursor.execute(sql.SQL("GRANT {} ON {} TO {}").format(sql.SQL(verbs), table, who))


def _make_role(cursor: Cursor, role: str) -> None:
    if not cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
        cursor.execute(sql.SQL("CREATE ROLE {} NOLOGIN NOINHERIT").format(sql.Identifier(role)))


def _join(cursor: Cursor, group: str, role: str) -> None:
    cursor.execute(
        sql.SQL("GRANT {} TO {} WITH INHERIT TRUE, SET FALSE").format(sql.Identifier(group), sql.Identifier(role))
    )


def _let_login_wear(cursor: Cursor, role: str) -> None:
    cursor.execute(
        sql.SQL("GRANT {} TO {} WITH INHERIT FALSE, SET TRUE").format(sql.Identifier(role), sql.Identifier(LOGIN))
    )
