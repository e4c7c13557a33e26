"""A program that a webhook tells: keeps what it was told, and answers what a test wants."""

import base64
import hashlib
import hmac
import json
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass(frozen=True)
class Told:
    """One call, as it came."""

    headers: dict[str, str]
    body: bytes

    @property
    def payload(self) -> dict[str, Any]:
        return json.loads(self.body)

    @property
    def sequence(self) -> int:
        return self.payload["data"]["sequence"]

    def is_signed_with(self, secret: str) -> bool:
        """As Standard Webhooks tells a receiver to check it, written down anew from its text."""
        key = base64.b64decode(secret.split("_", 1)[1])
        content = b".".join(
            [self.headers["webhook-id"].encode(), self.headers["webhook-timestamp"].encode(), self.body]
        )
        expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
        given = [part.split(",", 1) for part in self.headers["webhook-signature"].split(" ")]
        return any(version == "v1" and hmac.compare_digest(text, expected) for version, text in given)


class Receiver:
    """Answers `status` to every call, after `delay` seconds."""

    def __init__(self, status: int = 204, *, delay: float = 0, headers: dict[str, str] | None = None) -> None:
        self.status, self.delay, self.headers = status, delay, headers or {}
        self.told: list[Told] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/in"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=10)

    @property
    def sequences(self) -> list[int]:
        return [told.sequence for told in self.told]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # noqa: N802, the library's name
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.told.append(Told({name.lower(): value for name, value in self.headers.items()}, body))
                time.sleep(receiver.delay)
                self.send_response(receiver.status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler
