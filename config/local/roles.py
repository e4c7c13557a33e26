"""Who may log in to PostgreSQL, and databases of Nightjar's shape.

The owner migrates and onboards. The app and the letterbox may log in and, by themselves, do nothing: rights come
with the roles that `manage.py prepare` gives them, which they must take on by name.
"""

import time
from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from config import environment

OWNER, APP, LETTERBOX = "nightjar_owner", "nightjar_app", "nightjar_letterbox"
RIGHTS = {OWNER: "CREATEDB CREATEROLE INHERIT", APP: "NOINHERIT", LETTERBOX: "NOINHERIT"}
EXTENSIONS = ("pg_trgm", "btree_gin", "unaccent", "citext")


def set_up(super_url: str, env: Mapping[str, str]) -> None:
    """Make the three log-ins with the passwords of `env`, and the database, as far as they are missing."""
    urls = [urlsplit(env[name]) for name in environment.DATABASES]
    database = urls[0].path.lstrip("/")
    with psycopg.connect(super_url, autocommit=True) as connection:
        there = {name for (name,) in connection.execute("SELECT rolname FROM pg_roles")}
        for url in urls:
            _make_login(connection, str(url.username), str(url.password), is_new=url.username not in there)
        for other in ("postgres", "template1"):
            connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(other)))
        if not _exists(connection, database):
            # Made under another name first: a database that is there is a whole one.
            fresh = f"{database}_new"
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(fresh)))
            create = sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(fresh), sql.Identifier(OWNER))
            connection.execute(create)
            _shape(_with_database(super_url, fresh))
            rename = sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(fresh), sql.Identifier(database))
            connection.execute(rename)


def create_database(env: Mapping[str, str], name: str, *, template: str | None = None) -> dict[str, str]:
    """Make another database of the same shape, and return `env` with its three addresses.

    With a `template` it is a copy of that database, which nobody may be connected to.
    """
    owner_url = env["NIGHTJAR_OWNER_DATABASE_URL"]
    create = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
    if template:
        create += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
    with psycopg.connect(owner_url, autocommit=True) as connection:
        connection.execute(create)
    changed = {variable: _with_database(env[variable], name) for variable in environment.DATABASES}
    _shape(changed["NIGHTJAR_OWNER_DATABASE_URL"])
    return {**env, **changed}


def drop_database(env: Mapping[str, str], name: str, *, patience: float = 5.0) -> None:
    """Drop a database made by `create_database`, waiting some seconds for others to leave it."""
    statement = sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name))
    until = time.monotonic() + patience
    with psycopg.connect(env["NIGHTJAR_OWNER_DATABASE_URL"], autocommit=True) as connection:
        while True:
            try:
                connection.execute(statement)
            except psycopg.errors.ObjectInUse:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)
            else:
                return


def _make_login(connection: psycopg.Connection, name: str, password: str, *, is_new: bool) -> None:
    verb = "CREATE" if is_new else "ALTER"
    statement = sql.SQL(f"{verb} ROLE {{}} LOGIN NOSUPERUSER NOREPLICATION NOBYPASSRLS {RIGHTS[name]} PASSWORD {{}}")
    connection.execute(statement.format(sql.Identifier(name), password))


def _exists(connection: psycopg.Connection, database: str) -> bool:
    found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone()
    return found is not None


def _shape(url: str) -> None:
    """Close a database to everybody but the three log-ins, and add the extensions."""
    with psycopg.connect(url, autocommit=True) as connection:
        name = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
        logins = sql.SQL(", ").join(sql.Identifier(login) for login in RIGHTS)
        connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(name, logins))
        connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
        for extension in EXTENSIONS:
            create = sql.SQL("CREATE EXTENSION IF NOT EXISTS {} SCHEMA public").format(sql.Identifier(extension))
            connection.execute(create)


def _with_database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
