"""What runs beside the servers, as data: names, commands, and how each says that it is well."""

import http.client
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from config.environment import PROJECT
from config.local import front
from config.local.processes import Part

OWNERS = "NIGHTJAR_OWNER_DATABASE_URL"
ORDINARY = "ordinary-day"  # the scenario that is played where none is asked for
THREADS = 4  # of the page server; one process each two cores
POSTERS = 16  # brands that may be in a call to Twitter at the same time
ASKERS = 8  # brands that Twitter is asked for at the same time


def application_parts(env: Mapping[str, str]) -> list[Part]:
    """The parts in the order in which they start. They end in the opposite order."""
    pages, live, sandbox = (env[f"NIGHTJAR_{name}_PORT"] for name in ("PAGES", "LIVE", "SANDBOX"))
    workers = max(1, min(4, (os.cpu_count() or 1) // 2))
    twitter = _uvicorn("inbox.twitter.sandbox.app:application", sandbox)
    door = _uvicorn("config.asgi:application", live)
    granian = ["granian", "--interface=wsgi", "--no-ws", f"--workers={workers}", f"--blocking-threads={THREADS}"]
    granian += ["--host=127.0.0.1", f"--port={pages}", "--log-level=warning", "config.wsgi:application"]
    celery = ["celery", "--quiet", "--app=config"]
    worker = [*celery, "worker", "--loglevel=warning", "--concurrency=2", "--without-gossip", "--without-mingle"]
    slow = [*worker, "--queues=slow", "--concurrency=2"]
    # Threads, since they wait for Twitter nearly all the time; one brand at a time holds one of them.
    posting = [*worker, "--queues=posting", "--pool=threads", f"--concurrency={POSTERS}"]
    asking = [*worker, "--queues=asking", "--pool=threads", f"--concurrency={ASKERS}"]
    beat = [*celery, "beat", "--loglevel=warning", "--pidfile=", f"--schedule={env['NIGHTJAR_HOME']}/beat"]
    # Nightjar may run as root; five lines about it would stand first in every log.
    no_warning = {"PYTHONWARNINGS": "ignore:You're running the worker with superuser"}
    # Who makes and ends brands is told the owner's address; what answers the network is not.
    guarded = {name: value for name, value in env.items() if name != OWNERS}
    return [
        _python("sandbox", twitter, guarded, answers(sandbox, "/sandbox/healthz", env)),
        _python("pages", granian, guarded, answers(pages, "/healthz", env)),
        _python("live", door, guarded, answers(live, "/live/healthz", env)),
        *_carriers(guarded),
        _manage("listener", ["listen"], guarded),
        _python("worker", worker, {**env, **no_warning}),
        _python("slow", slow, {**env, **no_warning}),
        _python("posting", posting, {**guarded, **no_warning}),
        _python("asking", asking, {**guarded, **no_warning}),
        _python("beat", beat, guarded),
        front_door(guarded),
    ]


def _carriers(env: Mapping[str, str]) -> list[Part]:
    """As many carriers as the settings say, which share the brands."""
    count = int(env.get("NIGHTJAR_CARRIERS", "0")) or max(1, min(8, os.cpu_count() or 1))
    names = ["carrier" if place == 1 else f"carrier{place}" for place in range(1, count + 1)]
    return [_manage(name, ["carry", "--part", f"{place}/{count}"], env) for place, name in enumerate(names, start=1)]


def front_door(env: Mapping[str, str]) -> Part:
    return Part(
        name="front",
        argv=front.command(env),
        env={**env, "XDG_DATA_HOME": env["NIGHTJAR_HOME"], "XDG_CONFIG_HOME": env["NIGHTJAR_HOME"]},
        is_healthy=answers(env["NIGHTJAR_PORT"], "/healthz", env),
    )


def prepare_command(env: Mapping[str, str]) -> Part:
    return _manage("prepare", ["prepare"], {**env, "NIGHTJAR_AS": "owner"})


def collectstatic_command(env: Mapping[str, str]) -> Part:
    return _manage("static", ["collectstatic", "--noinput", "--verbosity=0"], env)


def demonstrate_command(env: Mapping[str, str]) -> Part:
    return _manage("demonstrate", ["demonstrate"], env)


def welcome_command(env: Mapping[str, str]) -> Part:
    return _manage("welcome", ["welcome"], env)


def playing_part(env: Mapping[str, str]) -> Part | None:
    """Customers of the demonstration's brands, who write now and then; none where no scenario is wanted."""
    name = env.get("NIGHTJAR_SCENARIO", ORDINARY)
    if name == "none":
        return None
    keep = str(Path(env["NIGHTJAR_HOME"]) / "scenario.json")
    play = ["inbox.twitter.sandbox.scenarios", "play", name, "--loop", "--keep", keep]
    guarded = {name: value for name, value in env.items() if name != OWNERS}
    return _python("playing", [*play, "--sandbox", f"http://127.0.0.1:{env['NIGHTJAR_SANDBOX_PORT']}"], guarded)


def static_sources() -> list[Path]:
    """Files whose change makes it necessary to collect the static files again."""
    ours = [path for app in sorted(PROJECT.glob("*/static")) for path in sorted(app.rglob("*"))]
    more = sorted((PROJECT / "static").rglob("*"))
    return [PROJECT / "requirements.txt", PROJECT / "config" / "settings.py", *ours, *more]


def answers(port: str, path: str, env: Mapping[str, str]) -> Callable[[], bool]:
    """Ask 127.0.0.1, with the name in the Host line: Python does not resolve `*.localhost`."""
    host = f"{env['NIGHTJAR_BASE_DOMAIN']}:{env['NIGHTJAR_PORT']}"

    def is_healthy() -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=1)
        try:
            connection.request("GET", path, headers={"Host": host})
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    return is_healthy


def _uvicorn(application: str, port: str) -> list[str]:
    options = ["--host=127.0.0.1", f"--port={port}", "--no-access-log", "--log-level=warning", "--no-server-header"]
    return ["uvicorn", *options, "--timeout-graceful-shutdown=3", application]


def _manage(name: str, arguments: list[str], env: Mapping[str, str]) -> Part:
    return _part(name, [sys.executable, str(PROJECT / "manage.py"), *arguments], env)


def _python(name: str, module: list[str], env: Mapping[str, str], is_healthy: Callable[[], bool] | None = None) -> Part:
    return _part(name, [sys.executable, "-m", *module], env, is_healthy)


def _part(name: str, argv: list[str], env: Mapping[str, str], is_healthy: Callable[[], bool] | None = None) -> Part:
    return Part(
        name=name,
        argv=argv,
        env={**env, "NIGHTJAR_PROCESS": name, "PYTHONUNBUFFERED": "1"},
        cwd=PROJECT,
        is_healthy=is_healthy,
    )
