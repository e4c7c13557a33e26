"""The live door as a process of its own, asked over real HTTP; and a wire to its database that can be cut."""

import http.client
import json
import os
import selectors
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

from inbox.twitter.signature import sign
from tests.world import free_port

# That of Twitter's published vectors.
SECRET = "synthetic-consumer-secret"
PROJECT = Path(__file__).resolve().parents[2]


class Door:
    """uvicorn with `config.asgi:application`, on a port of its own."""

    def __init__(self, log: Path, **more: str) -> None:
        self.port = free_port()
        self.log = log
        env = {**os.environ, "NIGHTJAR_TWITTER_CONSUMER_SECRET": SECRET, **more}
        options = ["--host=127.0.0.1", f"--port={self.port}", "--no-access-log", "--log-level=warning"]
        command = [sys.executable, "-m", "uvicorn", *options, "config.asgi:application"]
        self.process = subprocess.Popen(command, env=env, cwd=PROJECT, stdout=log.open("wb"), stderr=subprocess.STDOUT)

    def __enter__(self) -> Self:
        until = time.monotonic() + 30
        while True:
            with suppress(OSError):
                if self.ask("GET", "/live/healthz")[0] == 200:
                    return self
            assert time.monotonic() < until, self.log.read_text()
            time.sleep(0.1)

    def __exit__(self, *_error: object) -> None:
        self.process.terminate()
        self.process.wait(timeout=20)

    def ask(
        self, method: str, path: str = "/twitter/webhook", body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """One request; the status and what the answer's body says. Redirects are not followed."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body=body, headers=dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"{}")
        finally:
            connection.close()

    def deliver(self, body: bytes, *, signature: str | None = None) -> int:
        """Deliver an event as Twitter does; the status."""
        signature = sign(body, secret=SECRET) if signature is None else signature
        return self.ask("POST", body=body, headers={"x-twitter-webhooks-signature": signature})[0]

    def counts(self) -> dict[str, int]:
        return self.ask("GET", "/live/healthz")[1]["webhook"]

    def memory(self) -> int:
        """The bytes that the process holds."""
        line = next(
            line for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines() if "VmRSS" in line
        )
        return int(line.split()[1]) * 1024


class Wire:
    """A TCP wire to a server that can be cut and mended."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._target = (parts.hostname, parts.port)
        self.port = free_port()
        userinfo = parts.netloc.rpartition("@")[0]
        self.url = urlunsplit(parts._replace(netloc=f"{userinfo}@127.0.0.1:{self.port}"))
        self._listener: socket.socket | None = None
        self._pairs: list[tuple[socket.socket, socket.socket]] = []

    def mend(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def cut(self) -> None:
        if self._listener:
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        for pair in self._pairs:
            for end in pair:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()
        self._pairs.clear()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
                far = socket.create_connection(self._target)
            except OSError:
                return
            self._pairs.append((near, far))
            threading.Thread(target=_pass_on, args=(near, far), daemon=True).start()


def _pass_on(near: socket.socket, far: socket.socket) -> None:
    other = {near: far, far: near}
    with selectors.DefaultSelector() as selector, suppress(OSError, ValueError):
        for end in other:
            selector.register(end, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                data = key.fileobj.recv(65536)
                if not data:
                    other[key.fileobj].shutdown(socket.SHUT_WR)
                    return
                other[key.fileobj].sendall(data)
