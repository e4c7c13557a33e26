"""PostgreSQL and Valkey from the wheels, for one state directory.

    with servers.start(home) as running:
        running.env["NIGHTJAR_DATABASE_URL"]

Both listen on 127.0.0.1 alone, with generated passwords. PostgreSQL is asked with `pg_isready`, never with
`pg_ctl status`, which takes a dead process that nobody has reaped for a running one.
"""

import base64
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Self
from urllib.parse import urlsplit

from config import environment
from config.local import places, roles
from config.local.processes import Account, CannotStart, Part, end, end_leftovers, hold, remember, spawn, wait_until

SUPERUSER = "nightjar_super"
DATABASE = "nightjar"
LOGINS = dict(zip(environment.DATABASES, (roles.APP, roles.OWNER, roles.LETTERBOX), strict=True))
PORT_NAMES = [f"NIGHTJAR_{name}_PORT" for name in ("POSTGRES", "VALKEY", "PAGES", "LIVE", "SANDBOX")]
PORTS = range(20000, 30000)  # below the ports that a system gives to outgoing connections
PATIENCE = 60.0  # seconds for a server to be healthy; recovery after a crash takes some

create_database = roles.create_database
drop_database = roles.drop_database


@dataclass
class Plan:
    """What is to run for a state directory, and the variables that lead to it."""

    home: Path
    env: dict[str, str]
    parts: list[Part] = field(default_factory=list)
    once_healthy: Callable[[], None] = lambda: None  # makes the roles and the database, as far as they are missing


class Servers:
    """The servers of one state directory, running."""

    def __init__(self, plan: Plan, lock: IO[str], throwaway: bool) -> None:
        self.home = plan.home
        self.env = plan.env
        self.running: list[tuple[Part, subprocess.Popen[bytes]]] = []
        self._lock = lock
        self._throwaway = throwaway

    def stop(self) -> None:
        """End both, the last started first; a throw-away state directory goes as well. Twice does no harm."""
        for part, process in reversed(self.running):
            end(process, part.stop_signal)
        self.running.clear()
        if self._lock.closed:
            return
        (self.home / "pids").unlink(missing_ok=True)
        self._lock.close()
        if self._throwaway:
            places.remove(self.home)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()


def start(home: Path, *, outside: Mapping[str, str] | None = None, throwaway: bool = False) -> Servers:
    """Start the servers of a state directory, making what is missing, and return once they are healthy.

    `outside` names servers that run elsewhere (the contract's addresses); those are not started. A `throwaway`
    does not wait for the disk, and its state directory is removed at the end: for tests.
    Call it from a thread that lives as long as the servers should.
    """
    home = state_directory(home)
    lock = hold(home)
    end_leftovers(home)
    running: Servers | None = None
    try:
        plan = prepare(home, outside=outside, throwaway=throwaway)
        running = Servers(plan, lock, throwaway)
        for part in plan.parts:
            _start(part, running)
        plan.once_healthy()
    except BaseException:
        if running:
            running.stop()
        lock.close()
        raise
    return running


def prepare(home: Path, *, outside: Mapping[str, str] | None = None, throwaway: bool = False, port: int = 8000) -> Plan:
    """Make a state directory ready: passwords, keys, ports, data directory. Starts nothing.

    `port` is the public one.     After the parts are healthy, call `once_healthy`.
    """
    stored = environment.read(home)
    # A shell that read our own file still means our own servers.
    outside = {name: value for name, value in (outside or {}).items() if value and stored.get(name) != value}
    _check_outside(outside)
    plan = Plan(home, {**_secrets(), **stored, **outside, "NIGHTJAR_HOME": str(home), "NIGHTJAR_PORT": str(port)})
    _choose_ports(plan.env)
    if environment.REDIS not in outside:
        plan.parts.append(_valkey(home, plan.env))
    if not outside.keys() & set(environment.DATABASES):
        _plan_postgres(plan, throwaway)
    _set_the_rest(plan.env, outside)
    environment.write(home, {name: value for name, value in plan.env.items() if name not in outside})
    return plan


def is_free(port: int, address: str = "127.0.0.1") -> bool:
    """Whether nobody listens there."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def state_directory(home: Path) -> Path:
    """The state directory, made if it is missing."""
    home = home.expanduser().resolve()
    if not home.exists():
        home.mkdir(parents=True)
        home.chmod(0o711)  # PostgreSQL's account may pass through; every file in it has its own mode
    return home


def _start(part: Part, running: Servers) -> None:
    """Start one server, again and again for some seconds: after a crash its remains may be in the way."""
    path = running.home / f"{part.name}.log"

    def attempt() -> bool:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as log:
            process = spawn(part, log)
        running.running.append((part, process))
        remember(running.home, running.running)
        wait_until(lambda: process.poll() is not None or bool(part.is_healthy and part.is_healthy()), PATIENCE)
        if process.poll() is None and part.is_healthy and part.is_healthy():
            return True
        running.running.pop()
        end(process, part.stop_signal)
        return False

    if not wait_until(attempt, 8, every=0.3):
        last = path.read_text(errors="replace").splitlines()[-5:]
        raise CannotStart(f"{part.name} does not start. The end of {path}:\n  " + "\n  ".join(last))


def _secrets() -> dict[str, str]:
    return {
        "NIGHTJAR_SECRET_KEY": secrets.token_urlsafe(50),
        "NIGHTJAR_SEALING_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        "NIGHTJAR_TWITTER_CONSUMER_SECRET": secrets.token_urlsafe(32),
        "NIGHTJAR_TWITTER_APP_BEARER": secrets.token_urlsafe(32),
        "NIGHTJAR_TWITTER_CLIENT_ID": secrets.token_urlsafe(24),
        "NIGHTJAR_TWITTER_CLIENT_SECRET": secrets.token_urlsafe(36),
    }


def _set_the_rest(env: dict[str, str], outside: Mapping[str, str]) -> None:
    """Variables that follow from others."""
    defaults = {
        "NIGHTJAR_BASE_DOMAIN": "localhost",
        "NIGHTJAR_SANDBOX_DB": f"{env['NIGHTJAR_HOME']}/sandbox.sqlite3",
        "NIGHTJAR_TWITTER_URL": f"http://127.0.0.1:{env['NIGHTJAR_SANDBOX_PORT']}",
    }
    domain = outside.get("NIGHTJAR_BASE_DOMAIN", defaults["NIGHTJAR_BASE_DOMAIN"])
    pages = f"http://twitter.{domain}:{env['NIGHTJAR_PORT']}"  # of the sandbox, as a browser reaches it
    defaults["NIGHTJAR_TWITTER_AUTHORIZE_URL"] = f"{pages}/i/oauth2/authorize"
    defaults["NIGHTJAR_TWITTER_PAGES_URL"] = "https://x.com" if "NIGHTJAR_TWITTER_URL" in outside else pages
    env.update({name: value for name, value in defaults.items() if name not in outside})


def _check_outside(outside: Mapping[str, str]) -> None:
    given = [name for name in environment.DATABASES if name in outside]
    if given and len(given) < len(environment.DATABASES):
        missing = ", ".join(name for name in environment.DATABASES if name not in outside)
        raise CannotStart(f"{given[0]} is set, so PostgreSQL runs elsewhere; then set {missing} too.")


# Valkey


def _valkey(home: Path, env: dict[str, str]) -> Part:
    port = int(env["NIGHTJAR_VALKEY_PORT"])
    password = _password(env.get(environment.REDIS))
    env[environment.REDIS] = f"redis://:{password}@127.0.0.1:{port}/0"
    folder = home / "valkey"
    folder.mkdir(mode=0o700, exist_ok=True)
    settings = {
        "bind": "127.0.0.1",
        "port": port,
        "requirepass": password,  # in a file, since everybody may read a command line
        "dir": f'"{folder}"',
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": '""',
        "maxmemory-policy": "noeviction",
        "loglevel": "warning",
    }
    path = folder / "valkey.conf"
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.writelines(f"{name} {value}\n" for name, value in settings.items())
    return Part(
        name="valkey",
        argv=[str(places.valkey_program()), str(path)],
        env={"PATH": os.defpath, "NIGHTJAR_HOME": str(home)},
        cwd=folder,
        is_healthy=lambda: _valkey_answers(port, password),
        quiet=True,
    )


def _valkey_answers(port: int, password: str) -> bool:
    """Whether it answers PING; while it loads its file, it answers otherwise."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(f"AUTH {password}\r\nPING\r\n".encode())
            answer = b""
            while answer.count(b"\r\n") < 2:
                received = connection.recv(256)
                if not received:
                    return False
                answer += received
    except OSError:
        return False
    return answer == b"+OK\r\n+PONG\r\n"


# PostgreSQL


def _plan_postgres(plan: Plan, throwaway: bool) -> None:
    home, env = plan.home, plan.env
    account = places.postgres_account()
    programs = places.postgres_programs(account)
    folder = places.postgres_folder(home, account)
    super_password = _super_password(home, folder)
    if not (folder / "data").exists():
        _make_cluster(programs, folder, super_password, account, throwaway)

    port = int(env["NIGHTJAR_POSTGRES_PORT"])
    for name, login in LOGINS.items():
        env[name] = f"postgres://{login}:{_password(env.get(name))}@127.0.0.1:{port}/{DATABASE}"
    super_url = f"postgres://{SUPERUSER}:{super_password}@127.0.0.1:{port}/postgres"

    plan.parts.append(_postgres(home, programs, folder, port, account, throwaway))
    plan.once_healthy = lambda: roles.set_up(super_url, env)


def _super_password(home: Path, folder: Path) -> str:
    path = home / "postgres.password"
    if not path.exists():
        if (folder / "data").exists():
            raise CannotStart(f"The data in {folder} cannot be opened: {path} is gone. `make reset` starts afresh.")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(24))
    return path.read_text().strip()


def _make_cluster(programs: Path, folder: Path, password: str, account: Account | None, throwaway: bool) -> None:
    """Make the data directory beside its place and move it there when it is whole."""
    fresh, password_file = folder / "data.new", folder / "password.new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    password_file.unlink(missing_ok=True)
    with open(os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(password)
    if account:
        os.chown(fresh, *account)
        os.chown(password_file, *account)
    options = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    options += ["--locale=C", "--data-checksums", f"--username={SUPERUSER}", f"--pwfile={password_file}"]
    made = subprocess.run(
        [str(programs / "initdb"), *options, *(["--no-sync"] if throwaway else []), "-D", str(fresh)],
        env=_postgres_environment(folder),
        cwd="/",
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        capture_output=True,
        text=True,
        check=False,
    )
    password_file.unlink()
    if made.returncode:
        shutil.rmtree(fresh, ignore_errors=True)
        raise CannotStart(f"PostgreSQL's data directory cannot be made in {folder}:\n{made.stderr.strip()}")
    fresh.rename(folder / "data")


_POSTGRES_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": 200,
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",  # fewer checkpoints, and so fewer whole pages written after each, at a busy hour
    "checkpoint_timeout": "15min",
    # Young tables, of which a schema per brand makes very many, need neither vacuum nor statistics every minute;
    # and each time one has them, every prepared statement that reads it is planned anew.
    "autovacuum_vacuum_threshold": 1_000,
    "autovacuum_vacuum_insert_threshold": 20_000,
    "autovacuum_analyze_threshold": 5_000,
    "jit": "off",  # statements here are short; to compile one costs more than it saves
    "max_locks_per_transaction": 256,  # a schema per brand: many tables in one migration
    "shared_preload_libraries": "pg_stat_statements",
    # Counting costs each statement something, and with hundreds of schemas the table runs over. Whoever wants to
    # look switches it on: ALTER SYSTEM SET pg_stat_statements.track = 'top'.
    "pg_stat_statements.track": "none",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_statement": "none",
    "log_checkpoints": "off",
    "log_error_verbosity": "terse",  # details quote rows, and rows are what customers wrote
    "log_min_error_statement": "panic",
}


def _postgres(home: Path, programs: Path, folder: Path, port: int, account: Account | None, throwaway: bool) -> Part:
    settings: dict[str, object] = {**_POSTGRES_SETTINGS, "port": port}
    if throwaway:
        settings |= {"fsync": "off", "full_page_writes": "off"}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    ask = [str(programs / "pg_isready"), "--quiet", "--host=127.0.0.1", f"--port={port}", "--timeout=2"]
    env = _postgres_environment(home)
    return Part(
        name="postgres",
        argv=[str(programs / "postgres"), "-D", str(folder / "data"), *options],
        env=env,
        account=account,
        is_healthy=lambda: subprocess.run(ask, env=env, cwd="/", check=False).returncode == 0,
        stop_signal=signal.SIGINT,  # end sessions now; SIGTERM would wait for them
        quiet=True,
    )


def _postgres_environment(home: Path) -> dict[str, str]:
    return {"PATH": os.defpath, "LC_ALL": "C", "NIGHTJAR_HOME": str(home)}


# Addresses


def _choose_ports(env: dict[str, str]) -> None:
    """Give each process yesterday's port, where it is free today, or another."""
    taken: set[int] = set()
    for name in PORT_NAMES:
        env[name] = str(_free_port(int(env.get(name) or 0), taken))


def _free_port(wanted: int, taken: set[int]) -> int:
    candidates = [wanted] if wanted else []
    for port in (*candidates, *random.sample(PORTS, 200)):
        if port not in taken and is_free(port):
            taken.add(port)
            return port
    raise CannotStart("Found no free port between 20000 and 30000.")


def _password(url: str | None) -> str:
    known = urlsplit(url).password if url else None
    return known or secrets.token_urlsafe(24)
