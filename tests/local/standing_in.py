"""A small world for the supervisor: real servers and a real front door, and stand-ins for what needs Django.

Run as a program it is the supervisor, `Supervised` is that program as tests see it.
"""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

from config import environment
from config.local import parts, servers, supervisor
from config.local.processes import CannotStart, Part, wait_until

ECHO = Path(__file__).with_name("echo.py")


class Supervised:
    """A supervisor in a process of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = next(port for port in random.sample(range(18000, 19000), 100) if servers.is_free(port))
        self.process: subprocess.Popen[str] | None = None

    def start(self, **variables: str) -> "Supervised":
        """Start it and wait for the table."""
        self.launch(**variables)
        assert wait_until(lambda: "Nightjar is up" in self.printed() or self.process.poll() is not None, 30)
        assert self.process.poll() is None, self.printed()
        return self

    def launch(self, **variables: str) -> None:
        ours = {name: value for name, value in os.environ.items() if not name.startswith("NIGHTJAR_")}
        self.home.parent.mkdir(exist_ok=True)
        with open(self._output, "w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.local.standing_in"],
                env={**ours, "NIGHTJAR_HOME": str(self.home), "PORT": str(self.port), **variables},
                cwd=environment.PROJECT,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
            )

    def stop(self, by: signal.Signals = signal.SIGINT) -> int | None:
        if self.process is None:
            return None
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(by)
        return self.process.wait(30)

    def printed(self) -> str:
        return self._output.read_text()

    def pids(self) -> dict[str, int]:
        """What runs just now, by name."""
        return {entry["name"]: entry["pid"] for entry in json.loads((self.home / "pids").read_text())}

    def kill(self, name: str) -> None:
        """Kill one part, and wait until another process has taken its place."""
        before = self.pids()[name]
        os.kill(before, signal.SIGKILL)
        assert wait_until(lambda: self.pids().get(name, before) != before, 15)

    def get(self, path: str, host: str = "localhost") -> str:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers={"Host": f"{host}:{self.port}"})
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.read().decode()

    @property
    def env(self) -> dict[str, str]:
        return environment.read(self.home)

    @property
    def _output(self) -> Path:
        return self.home.with_name("printed")


def application_parts(env):
    ports = {name: env[f"NIGHTJAR_{name.upper()}_PORT"] for name in ("sandbox", "pages", "live")}
    doors = [
        Part(name, [sys.executable, str(ECHO), name, port], env, is_healthy=parts.answers(port, "/healthz", env))
        for name, port in ports.items()
    ]
    return [*doors, Part("carrier", ["/bin/sleep", "1000"], env), parts.front_door(env)]


def _says(name: str, sentence: str) -> Part:
    return Part(name, ["/bin/echo", sentence])


def _prepares(complaint: str | None) -> Part:
    if complaint:
        return Part("prepare", [sys.executable, "-c", "import sys; sys.exit(sys.argv[1])", complaint])
    return _says("prepare", "prepared")


def main() -> None:
    parts.application_parts = application_parts
    parts.prepare_command = lambda env: _prepares(env.get("PREPARE"))
    parts.collectstatic_command = lambda env: _says("static", "collected")
    parts.demonstrate_command = lambda env: _says("demonstrate", "One agency, two brands.")
    parts.playing_part = lambda env: None
    parts.welcome_command = lambda env: _says("welcome", f"Nightjar is up: http://localhost:{env['NIGHTJAR_PORT']}")
    try:
        sys.exit(supervisor.run(environment.home_directory(), os.environ))
    except CannotStart as sentence:
        sys.exit(str(sentence))


if __name__ == "__main__":
    main()
