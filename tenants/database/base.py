"""A connection that stands inside one scope at a time: one Postgres role and one search_path, set together or not.

django-tenants sets a bare search_path and swallows a failure of it; a reader would then quietly go on in the schema
of the call before. Here role, path and agency travel in one statement, and a failure raises.
"""

from dataclasses import dataclass
from typing import Any, cast

from django.conf import settings
from django.db import connection as django_connection
from django_tenants.postgresql_backend import base

# Before the first connection: Django copies then what psycopg can write, once for the process.
from tenants.database import columns  # noqa: F401


@dataclass(frozen=True)
class Scope:
    """Where a connection stands. `role` is without the database's prefix; `none` is the bare login role."""

    role: str
    schema: str = "public"
    agency_id: int = 0
    brand_id: int = 0


NOWHERE = Scope(role="none")

_ENTER = (
    "SELECT set_config('role', %s, false), set_config('search_path', %s, false), "
    "set_config('nightjar.agency', %s, false), %s::regnamespace"
)


class DatabaseWrapper(base.DatabaseWrapper):
    """Only `tenants.entry` changes `scope`; migrations, run by the owner, keep django-tenants' own way of moving."""

    scope: Scope = NOWHERE
    search_path_set_schemas: list[str] | None
    _setting_search_path: bool

    def stand_in(self, scope: Scope) -> None:
        """Take this scope from the next statement on."""
        self.scope = scope
        self.schema_name = scope.schema
        self.search_path_set_schemas = None

    def role_name(self, role: str) -> str:
        """The role's name in the cluster. Roles are shared by all databases of a cluster, so it begins with ours."""
        return f"{self.settings_dict['NAME']}_{role}"

    def set_tenant(self, tenant: Any, include_public: bool = True) -> None:
        self.tenant = tenant
        self.schema_name = tenant.schema_name
        self.include_public_schema = include_public
        self.set_settings_schema(self.schema_name)
        self.search_path_set_schemas = None

    def _handle_search_path(self, cursor: Any = None) -> None:
        if self._setting_search_path or self.search_path_set_schemas:
            return
        self._setting_search_path = True
        try:
            if cursor is None:
                with self.connection.cursor() as own_cursor:
                    self._enter(own_cursor)
            else:
                self._enter(cursor)
        finally:
            self._setting_search_path = False

    def _enter(self, cursor: Any) -> None:
        if settings.AS_OWNER:
            paths = self._get_cursor_search_paths()
            cursor.execute("SELECT set_config('search_path', %s, false)", [",".join(map(_quoted, paths))])
        else:
            scope = self.scope
            role = "none" if scope.role == "none" else self.role_name(scope.role)
            path = "public" if scope.schema == "public" else f"{_quoted(scope.schema)}, public"
            cursor.execute(_ENTER, [role, path, str(scope.agency_id), _quoted(scope.schema)])
        self.search_path_set_schemas = [self.schema_name]


# Django's own connection of this thread, under its real type.
connection = cast(DatabaseWrapper, django_connection)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
