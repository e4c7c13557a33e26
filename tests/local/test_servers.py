import os
import signal
import socket
import stat
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
import redis

from config import environment
from config.local import places, servers
from config.local.processes import Account, CannotStart, wait_until

APP, OWNER, LETTERBOX = "NIGHTJAR_DATABASE_URL", "NIGHTJAR_OWNER_DATABASE_URL", "NIGHTJAR_LETTERBOX_DATABASE_URL"


def ask(url: str, statement: str):
    with psycopg.connect(url) as connection:
        return connection.execute(statement).fetchall()


def on(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


def test_the_second_start_finds_what_the_first_one_kept(home):
    with servers.start(home) as first, psycopg.connect(first.env[OWNER]) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 41 AS number")
        connection.commit()
        redis.from_url(first.env["NIGHTJAR_REDIS_URL"]).set("kept", 42)

    with servers.start(home) as second:
        assert ask(second.env[OWNER], "SELECT number FROM kept") == [(41,)]
        assert redis.from_url(second.env["NIGHTJAR_REDIS_URL"]).get("kept") == b"42"
        assert second.env == first.env


def test_data_outlives_a_kill_of_both_servers(home):
    with servers.start(home) as first:
        with psycopg.connect(first.env[OWNER]) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 41 AS number")
        redis.from_url(first.env["NIGHTJAR_REDIS_URL"]).set("kept", 42)
        for _, process in first.running:
            process.kill()

    with servers.start(home) as second:
        assert ask(second.env[OWNER], "SELECT number FROM kept") == [(41,)]
        assert redis.from_url(second.env["NIGHTJAR_REDIS_URL"]).get("kept") == b"42"


def test_stopping_leaves_no_process(home):
    with servers.start(home) as running:
        pids = [process.pid for _, process in running.running]

    assert len(pids) == 2
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    assert not (home / "pids").exists()


def test_a_second_start_from_the_same_folder_is_refused(running):
    with pytest.raises(CannotStart, match=rf"already runs from this folder \(pid {os.getpid()}\)"):
        servers.start(running.home)


def test_a_port_that_is_taken_is_given_up_for_another(home):
    with servers.start(home) as first:
        port = int(first.env["NIGHTJAR_POSTGRES_PORT"])

    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind(("127.0.0.1", port))
        squatter.listen()
        with servers.start(home) as second:
            assert second.env["NIGHTJAR_POSTGRES_PORT"] != str(port)
            assert ask(second.env[APP], "SELECT 1") == [(1,)]


def test_the_cluster_is_what_the_project_counts_on(running):
    password = (running.home / "postgres.password").read_text()
    port = running.env["NIGHTJAR_POSTGRES_PORT"]
    settings = ask(
        f"postgres://nightjar_super:{password}@127.0.0.1:{port}/nightjar",
        "SELECT upper('äé'), current_setting('data_checksums'), current_setting('max_locks_per_transaction'),"
        " current_setting('server_version_num')::int >= 170000, current_setting('listen_addresses'),"
        " current_setting('unix_socket_directories'), current_setting('shared_preload_libraries')",
    )
    extensions = ask(
        running.env[OWNER],
        "SELECT extname FROM pg_extension WHERE extnamespace = 'public'::regnamespace ORDER BY extname",
    )

    assert settings == [("ÄÉ", "on", "256", True, "127.0.0.1", "", "pg_stat_statements")]
    assert extensions == [("btree_gin",), ("citext",), ("pg_trgm",), ("unaccent",)]


def test_the_log_ins_are_no_more_than_they_should_be(running):
    roles = ask(
        running.env[APP],
        "SELECT rolname, rolsuper, rolinherit, rolcreatedb, rolcreaterole, rolbypassrls FROM pg_roles"
        " WHERE rolname LIKE 'nightjar%' AND rolname <> 'nightjar_super' ORDER BY rolname",
    )

    assert roles == [
        ("nightjar_app", False, False, False, False, False),
        ("nightjar_letterbox", False, False, False, False, False),
        ("nightjar_owner", False, True, True, True, False),
    ]


@pytest.mark.parametrize("login", [APP, LETTERBOX])
@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE public.mine (id int)",
        "CREATE TEMPORARY TABLE mine (id int)",
        "CREATE SCHEMA mine",
        "CREATE ROLE mine",
        "CREATE DATABASE mine",
        "SET ROLE nightjar_owner",
        "SELECT * FROM public.secrets",
        "SELECT pg_read_file('PG_VERSION')",
        "COPY (SELECT 1) TO PROGRAM 'true'",
    ],
)
def test_a_log_in_by_itself_may_not(running, login, statement):
    with psycopg.connect(running.env[OWNER]) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS public.secrets (text text)")

    with (
        psycopg.connect(running.env[login], autocommit=True) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement)


@pytest.mark.parametrize("database", ["postgres", "template1"])
@pytest.mark.parametrize("login", [APP, OWNER, LETTERBOX])
def test_no_log_in_enters_a_database_that_is_not_ours(running, login, database):
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(on(running.env[login], database))


def test_a_wrong_password_is_refused(running):
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(running.env[APP].replace("@", "x@"))


def test_valkey_wants_its_password(running):
    port = int(running.env["NIGHTJAR_VALKEY_PORT"])

    with socket.create_connection(("127.0.0.1", port), timeout=5) as stranger:
        stranger.sendall(b"PING\r\n")
        assert stranger.recv(100).startswith(b"-NOAUTH")

    wanted = {"maxmemory-policy": "noeviction", "appendonly": "yes", "appendfsync": "everysec", "bind": "127.0.0.1"}
    settings = redis.from_url(running.env["NIGHTJAR_REDIS_URL"]).config_get("*")
    assert {name: settings[name] for name in wanted} == wanted


def test_secrets_are_for_their_owner_alone(running):
    files = [running.home / "env", running.home / "postgres.password", running.home / "valkey" / "valkey.conf"]
    folders = [running.home / "postgres" / "data", running.home / "valkey"]

    assert [stat.S_IMODE(path.stat().st_mode) for path in files] == [0o600] * 3
    assert [stat.S_IMODE(path.stat().st_mode) for path in folders] == [0o700] * 2


def test_another_database_has_the_same_shape(running):
    env = servers.create_database(running.env, "another")

    assert [urlsplit(env[name]).path for name in environment.DATABASES] == ["/another"] * 3
    assert ask(env[APP], "SELECT has_schema_privilege('nightjar_app', 'public', 'USAGE')") == [(False,)]
    assert ask(env[OWNER], "SELECT count(*) FROM pg_extension") == [(5,)]
    with pytest.raises(psycopg.errors.InsufficientPrivilege), psycopg.connect(env[APP]) as connection:
        connection.execute("CREATE TEMPORARY TABLE mine (id int)")

    servers.drop_database(running.env, "another")
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(env[APP])


def test_a_database_can_be_copied_from_another(running):
    env = servers.create_database(running.env, "pattern")
    with psycopg.connect(env[OWNER]) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 41 AS number")

    copy = servers.create_database(running.env, "copied", template="pattern")

    assert ask(copy[OWNER], "SELECT number FROM kept") == [(41,)]
    for name in ("copied", "pattern"):
        servers.drop_database(running.env, name)


def test_servers_that_run_elsewhere_are_not_started(home, running):
    outside = {name: running.env[name] for name in environment.SERVERS}

    with servers.start(home, outside=outside) as elsewhere:
        assert elsewhere.running == []
        assert elsewhere.env[APP] == running.env[APP]
        assert APP not in environment.read(home)


def test_links_lead_to_the_sandbox_as_long_as_it_is_our_twitter(home, running):
    outside = {name: running.env[name] for name in environment.SERVERS}
    real = {**outside, "NIGHTJAR_TWITTER_URL": "https://api.x.com"}
    servers.state_directory(home)

    def pages(given):
        return servers.prepare(home, outside=given, port=8010).env["NIGHTJAR_TWITTER_PAGES_URL"]

    assert pages(outside) == "http://twitter.localhost:8010"
    assert pages({**outside, "NIGHTJAR_BASE_DOMAIN": "birds.test"}) == "http://twitter.birds.test:8010"
    assert pages(real) == "https://x.com"
    assert pages({**real, "NIGHTJAR_TWITTER_PAGES_URL": "https://twitter.com"}) == "https://twitter.com"


def test_one_database_address_without_the_others_is_refused(home):
    with pytest.raises(CannotStart, match="then set NIGHTJAR_OWNER_DATABASE_URL, NIGHTJAR_LETTERBOX_DATABASE_URL too"):
        servers.start(home, outside={APP: "postgres://elsewhere/nightjar"})


def test_data_without_its_password_is_explained_and_stays(home):
    servers.start(home).stop()
    (home / "postgres.password").unlink()

    with pytest.raises(CannotStart, match="cannot be opened"):
        servers.start(home)

    assert (home / "postgres" / "data").exists()


def test_leftovers_are_ended_and_strangers_are_not(home):
    first = servers.start(home)
    processes = [process for _, process in first.running]
    pids = (home / "pids").read_text()
    stranger = os.getpid()
    (home / "pids").write_text(pids.replace(f'"pid": {processes[0].pid}', f'"pid": {stranger}'))
    first._lock.close()  # as if we had died

    with servers.start(home):
        assert wait_until(lambda: processes[1].poll() is not None, 1)
        assert processes[0].poll() is None
    processes[0].send_signal(signal.SIGTERM)
    processes[0].wait(8)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as somebody else")
def test_root_keeps_postgres_where_its_account_can_enter(home, monkeypatch, tmp_path_factory):
    home.mkdir(mode=0o700)

    with servers.start(home):
        data = (home / "postgres").resolve()
        assert data.is_relative_to(places.ELSEWHERE)
        assert (data / "data").stat().st_uid == places.postgres_account().uid
        assert home.stat().st_mode & 0o777 == 0o700

    places.remove(home)
    assert not data.exists()


def test_a_folder_is_closed_when_one_above_it_is(tmp_path):
    inner = tmp_path / "closed" / "inner"
    inner.mkdir(parents=True)
    inner.parent.chmod(0o700)

    assert not places.may_enter(inner, Account(uid=65534, gid=65534))
