"""The servers of a test run: loaded by `-p tests.world`, so before Django reads its settings.

The first process starts one throw-away PostgreSQL and Valkey; each worker gets a database of its own in them.
"""

import os
import socket
import tempfile
from pathlib import Path

import pytest

from config.local import servers

_started: list[servers.Servers] = []
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")


def _start_servers() -> None:
    for name in {name for name in os.environ if name.startswith("NIGHTJAR_")} - {
        "NIGHTJAR_SCREENSHOTS",
        "NIGHTJAR_WRITE",
    }:
        del os.environ[name]
    running = servers.start(Path(tempfile.mkdtemp(prefix="nightjar-tests-")), throwaway=True)
    _started.append(running)
    os.environ.update(running.env)


def _make_database() -> None:
    own = servers.create_database(os.environ, f"test_{WORKER or 'alone'}")
    os.environ.update({name: own[name] for name in own if name.endswith("DATABASE_URL")})
    # Redis databases have numbers. Each worker takes two, since emptying one must not empty another worker's.
    server, _, _ = os.environ["NIGHTJAR_REDIS_URL"].rpartition("/")
    os.environ["NIGHTJAR_REDIS_URL"] = f"{server}/{2 * int(WORKER.removeprefix('gw') or 0)}"


def _choose_ports() -> None:
    """Ports of this worker's own, outside of those that the system gives away."""
    for name in ("PAGES", "LIVE", "SANDBOX"):
        os.environ[f"NIGHTJAR_{name}_PORT"] = str(free_port())
    os.environ["NIGHTJAR_PORT"] = str(free_port())
    os.environ["NIGHTJAR_TWITTER_URL"] = f"http://127.0.0.1:{os.environ['NIGHTJAR_SANDBOX_PORT']}"
    authorize = f"http://twitter.localhost:{os.environ['NIGHTJAR_PORT']}/i/oauth2/authorize"
    os.environ["NIGHTJAR_TWITTER_AUTHORIZE_URL"] = authorize
    os.environ["NIGHTJAR_TWITTER_PAGES_URL"] = "https://x.com"  # but where all of it runs: there, the sandbox's
    home = Path(tempfile.mkdtemp(prefix="nightjar-worker-", dir=os.environ["NIGHTJAR_HOME"]))
    os.environ["NIGHTJAR_SANDBOX_DB"] = str(home / "sandbox.sqlite3")
    os.environ["NIGHTJAR_WORKER_HOME"] = str(home)
    os.environ["NIGHTJAR_TWITTER_INDEX_LAG"] = "2"


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if not WORKER:
    _start_servers()
_make_database()
_choose_ports()
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"


# What may be skipped where every change is checked (CI=true). Anything else that is skipped there is red.
MAY_BE_SKIPPED = ("only root runs PostgreSQL as somebody else",)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if WORKER or reporter is None or os.environ.get("CI") != "true":
        return
    reasons = {str(report.longrepr[2]).removeprefix("Skipped: ") for report in reporter.stats.get("skipped", [])}
    if forbidden := sorted(reasons - set(MAY_BE_SKIPPED)):
        reporter.write_line(f"Skipped where nothing may be: {'; '.join(forbidden)}", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    for running in _started:
        running.stop()
    _started.clear()
