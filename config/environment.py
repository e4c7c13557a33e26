"""The one place that knows Nightjar's environment variables.

`make run` writes them to `<home>/env`. A process that was started by hand calls `load()` first, which fills in
what is not set already: what you export yourself always wins.
"""

import base64
import os
from collections.abc import MutableMapping
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent

DATABASES = ("NIGHTJAR_DATABASE_URL", "NIGHTJAR_OWNER_DATABASE_URL", "NIGHTJAR_LETTERBOX_DATABASE_URL")
REDIS = "NIGHTJAR_REDIS_URL"
SERVERS = (*DATABASES, REDIS)


class NotSetUp(RuntimeError):
    """A variable that Nightjar cannot do without is not set."""


def load(home: Path | None = None, into: MutableMapping[str, str] = os.environ) -> None:
    """Fill in the variables that are unset from `<home>/env`, if that file is there.

    The three database addresses belong together: when one of them is set, none is taken from the file, so that
    migrations never run against one server and pages against another.
    """
    home = home or home_directory(into)
    into.setdefault("NIGHTJAR_HOME", str(home))
    stored = read(home)
    if any(name in into for name in DATABASES):
        stored = {name: value for name, value in stored.items() if name not in DATABASES}
    for name, value in stored.items():
        into.setdefault(name, value)


def read(home: Path) -> dict[str, str]:
    """The variables in `<home>/env`; none when the file is not there."""
    path = home / "env"
    if not path.exists():
        return {}
    lines = (line.strip() for line in path.read_text().splitlines())
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def write(home: Path, values: dict[str, str]) -> None:
    """Keep the variables in `<home>/env`, readable by their owner alone. All of it or nothing is written."""
    fresh = home / "env.new"
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write("# Written by `make run`. What you export yourself wins.\n")
        file.writelines(f"{name}={value}\n" for name, value in sorted(values.items()))
    fresh.replace(home / "env")


def home_directory(variables: MutableMapping[str, str] = os.environ) -> Path:
    """Where this Nightjar keeps its state."""
    return Path(variables.get("NIGHTJAR_HOME") or PROJECT / "var").expanduser().resolve()


def text(name: str, default: str | None = None) -> str:
    """The value of a variable. Without a default, an unset one raises `NotSetUp`."""
    value = os.environ.get(name) or default
    if value is None:
        raise NotSetUp(_missing(name))
    return value


def number(name: str, default: int | None = None) -> int:
    """The value of a variable as a whole number."""
    value = text(name, None if default is None else str(default))
    if not value.isdecimal():
        raise NotSetUp(f"{name} should be a whole number, not {value!r}.")
    return int(value)


def flag(name: str, default: bool = False) -> bool:
    """The value of a variable as yes or no."""
    return text(name, "yes" if default else "no").lower() in {"1", "yes", "true", "on"}


def choice(name: str, *values: str) -> str:
    """The value of a variable that takes one of these; the first where it is not set."""
    value = text(name, values[0])
    if value not in values:
        raise NotSetUp(f"{name} should be one of {', '.join(values)}, not {value!r}.")
    return value


def sealing_key() -> bytes:
    """The 32 bytes that seal credentials."""
    key = base64.b64decode(text("NIGHTJAR_SEALING_KEY"))
    if len(key) != 32:
        raise NotSetUp("NIGHTJAR_SEALING_KEY should be the base64 of 32 random bytes.")
    return key


def _missing(name: str) -> str:
    if name in SERVERS:
        return f"Nightjar's servers are not set up here: run `make run` first, or set {name}."
    return f"{name} is not set: run `make run` first, or set it."
