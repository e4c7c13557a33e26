"""The servers that Nightjar stands on: there, new enough, and not behind a pooler that mixes brands."""

import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg
from django.conf import settings
from redis import Redis, RedisError

from tenants.management.checks import Finding, bad, well

OLDEST_POSTGRES = 17
LEAST_FREE = 1_000_000_000  # bytes
TURNS = 20  # in which a pooler would have mixed two sessions

START_IT = "Start Nightjar (`make run`), or look at the address in `var/env`."


def app_url() -> str:
    """Where the application logs in, as psycopg takes it."""
    database = settings.DATABASES["default"]
    who = f"{quote(database['USER'])}:{quote(database['PASSWORD'])}"
    return f"postgres://{who}@{database['HOST']}:{database['PORT']}/{database['NAME']}"


def log_in() -> psycopg.Connection:
    """A session of the application's, as pages and workers have them."""
    return psycopg.connect(app_url(), autocommit=True, connect_timeout=5)


def postgres() -> Iterator[Finding]:
    """Whether all three log-ins reach PostgreSQL, and which one it is."""
    version = 0
    for who, url in _log_ins():
        try:
            with psycopg.connect(url, connect_timeout=5) as connection:
                version = connection.info.server_version
        except psycopg.OperationalError as error:
            yield bad(f"PostgreSQL does not let {who} in: {_first_line(error)}.", START_IT)
            return
    name = f"PostgreSQL {version // 10_000}.{version % 10_000}"
    if version // 10_000 < OLDEST_POSTGRES:
        yield bad(f"{name} is too old.", f"Use PostgreSQL {OLDEST_POSTGRES} or newer.")
    else:
        yield well(f"{name} answers to the application, the owner and the letterbox.")


def pooler(connect: Callable[[], psycopg.Connection] = log_in) -> Iterator[Finding]:
    """Whether a session stays one session. A pooler in transaction mode hands one brand's role to the next."""
    with connect() as one, connect() as other:
        said = {session: secrets.token_hex(8) for session in (one, other)}
        served_by = {session: _backend(session) for session in said}
        for session, word in said.items():
            session.execute("SELECT set_config('nightjar.doctor', %s, false)", [word])
        kept = all(
            _backend(session) == served_by[session]
            and session.execute("SELECT current_setting('nightjar.doctor', true)").fetchone() == (word,)
            for _ in range(TURNS)
            for session, word in said.items()
        )
    if kept and len(set(served_by.values())) == 2:
        yield well("Between Nightjar and PostgreSQL there is no pooler that mixes sessions.")
    else:
        yield bad(
            "A pooler in transaction mode stands before PostgreSQL: one brand would be served with another's role.",
            "Let Nightjar connect to PostgreSQL itself, or set the pooler to session mode.",
        )


def redis() -> Iterator[Finding]:
    """Whether the Redis-compatible server is there, and keeps what the broker puts in."""
    client = Redis.from_url(settings.REDIS_URL, socket_timeout=5, socket_connect_timeout=5)
    try:
        about = dict(client.info("server"))
        policy = dict(client.info("memory")).get("maxmemory_policy", "")
    except (RedisError, OSError) as error:
        yield bad(f"The Redis-compatible server does not answer: {_first_line(error)}.", START_IT)
        return
    finally:
        client.close()
    name, version = about.get("server_name") or "redis", about.get("valkey_version") or about["redis_version"]
    yield well(f"{str(name).title()} {version} answers.")
    if policy not in ("noeviction", ""):
        yield bad(f"It may throw keys away when memory is short ({policy}).", "Set `maxmemory-policy noeviction`.")


def disk(least_free: int = LEAST_FREE) -> Iterator[Finding]:
    """Whether there is room left where the state directory lies."""
    home = Path(settings.HOME)
    usage = shutil.disk_usage(home)
    free = f"{usage.free / 1_000_000_000:,.1f} GB"
    if usage.free < least_free:
        yield bad(f"Only {free} are free on the disk of {home}.", "Make room; PostgreSQL stops when there is none.")
    else:
        yield well(f"{free} are free on the disk of {home}.")


def _log_ins() -> list[tuple[str, str]]:
    return [
        ("the application", app_url()),
        ("the owner", settings.OWNER_DATABASE_URL),
        ("the letterbox", settings.LETTERBOX_DATABASE_URL),
    ]


def _backend(session: psycopg.Connection) -> int:
    row = session.execute("SELECT pg_backend_pid()").fetchone()
    assert row is not None
    return int(row[0])


def _first_line(error: Exception) -> str:
    """The first line of an error, without the password that an address in it may hold."""
    line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    for url in (app_url(), settings.OWNER_DATABASE_URL, settings.LETTERBOX_DATABASE_URL, settings.REDIS_URL):
        line = line.replace(urlsplit(url).password or "\n", "…")
    return line.rstrip(".")
