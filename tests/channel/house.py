"""One whole Nightjar in a folder of its own, as its supervisor runs it; its parts can be killed."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import httpx

from config import environment
from config.local import places
from config.local.processes import wait_until

PATIENCE = 240.0  # seconds for a first start, on a machine that has much else to do


@dataclass
class House:
    """Starts when it is entered, ends and takes its folder away when it is left; `keeps`: leaves the folder."""

    more: dict[str, str] = field(default_factory=dict)
    keeps: bool = False
    folder: Path = field(init=False)
    port: int = field(init=False)
    process: "subprocess.Popen[bytes]" = field(init=False)

    def __enter__(self) -> "House":
        self.folder, self.port = Path(tempfile.mkdtemp(prefix="nightjar-endurance-")), _free_port()
        self.home.mkdir()
        env = {name: value for name, value in os.environ.items() if not name.startswith(("NIGHTJAR_", "MAKE"))}
        env |= {"NIGHTJAR_HOME": str(self.home), "PORT": str(self.port), "DEMO": "no", **self.more}
        with (self.folder / "printed").open("ab") as printed:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "config.local", "up"],
                env=env, cwd=environment.PROJECT, stdout=printed, stderr=subprocess.STDOUT,
            )  # fmt: skip
        try:
            if not wait_until(lambda: self._is_up() or self.process.poll() is not None, PATIENCE) or not self._is_up():
                raise RuntimeError(f"Nightjar does not start:\n{self.printed()[-3000:]}")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()  # its parts end with it
            self.process.wait()
        if not self.keeps:
            places.remove(self.home)
            shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def home(self) -> Path:
        return self.folder / "var"

    def printed(self) -> str:
        """What the supervisor has printed."""
        return (self.folder / "printed").read_text(errors="replace")

    @property
    def env(self) -> dict[str, str]:
        """The settings of this Nightjar, for a process beside it."""
        outside = {name: value for name, value in os.environ.items() if not name.startswith("NIGHTJAR_")}
        home = {"NIGHTJAR_HOME": str(self.home), "DJANGO_SETTINGS_MODULE": "config.settings"}
        return {**outside, **environment.read(self.home), **self.more, **home}

    @property
    def sandbox(self) -> str:
        return f"http://127.0.0.1:{self.env['NIGHTJAR_SANDBOX_PORT']}"

    def ask_sandbox(self, method: str, path: str, body: Any = None, *, bearer: str = "") -> Any:
        """One call to the sandbox's control surface or, with the app's `bearer`, to its API."""
        headers = {"authorization": f"Bearer {bearer}"} if bearer else {}
        answer = httpx.request(
            method, f"{self.sandbox}{path}", json=body, headers=headers, timeout=60, trust_env=False
        )  # fmt: skip
        answer.raise_for_status()
        return answer.json()

    def ledger(self) -> list[dict[str, Any]]:
        """Every tweet, and every direct message."""
        lines: list[dict[str, Any]] = []
        for kind in ("tweets", "private"):
            answer = httpx.get(f"{self.sandbox}/sandbox/ledger?kind={kind}", timeout=120, trust_env=False)
            answer.raise_for_status()
            lines += [json.loads(text) for text in answer.text.splitlines() if text]
        return [line for line in lines if line.get("event_type", "MessageCreate") == "MessageCreate"]

    def pids(self) -> dict[str, int]:
        """The processes that are its parts just now."""
        known = json.loads((self.home / "pids").read_text() or "[]")
        return {one["name"]: one["pid"] for one in known}

    def kill(self, *patterns: str) -> tuple[list[str], list[str]]:
        """End these parts as a power cut would; returns who was ended, and who of them runs again under another number,
        once all do."""
        before = {name: pid for name, pid in self.pids().items() if any(fnmatch(name, each) for each in patterns)}
        for pid in before.values():
            os.kill(pid, signal.SIGKILL)

        def back() -> list[str]:
            now = self.pids()
            return [name for name, pid in before.items() if now.get(name) not in (None, pid)]

        wait_until(lambda: len(back()) == len(before), 60, every=0.1)
        return list(before), back()

    def inside(self, module: str, given: str = "") -> list[dict[str, Any]]:
        """Run a module of ours with this Nightjar's settings; the JSON lines that it prints."""
        run = f"import django, runpy; django.setup(); runpy.run_module('{module}', run_name='__main__')"
        done = subprocess.run(
            [sys.executable, "-c", run],
            env=self.env, cwd=environment.PROJECT, input=given, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{module} failed:\n{done.stderr[-4000:]}")
        return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]

    def ailments(self) -> list[str]:
        """What the doctor finds that is not well."""
        done = subprocess.run(
            [sys.executable, "manage.py", "doctor", "--no-color"],
            env=self.env, cwd=environment.PROJECT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        ailing = [line[4:].strip() for line in done.stdout.splitlines() if line.startswith("no ")]
        if done.returncode and not ailing:
            return [f"The doctor could not look: {done.stderr[-300:]}"]
        return ailing

    def _is_up(self) -> bool:
        return "Nightjar is up" in self.printed()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
