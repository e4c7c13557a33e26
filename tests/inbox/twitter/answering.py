"""A server that says exactly what a test tells it to say, byte by byte."""

import json
import socket
import ssl
import struct
import threading
from collections.abc import Iterable
from contextlib import suppress
from typing import Self

RESET = "reset"  # break the connection with a RST
Step = bytes | float | str


class Answering:
    """Plays one script per connection: bytes are said, numbers are seconds to wait. The last script is played again
    and again. Keeps the requests as they came."""

    def __init__(self, *scripts: Iterable[Step], host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        self.scripts = [list(script) for script in scripts]
        self.requests: list[bytes] = []
        self._listener = socket.create_server((host, 0))
        self.port = int(self._listener.getsockname()[1])
        self.url = f"http://{host}:{self.port}"
        self._tls = tls
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(timeout=10)

    def _serve(self) -> None:
        while not self._closing.is_set():
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return
            with caller, suppress(OSError):
                caller.settimeout(5)
                with self._tls.wrap_socket(caller, server_side=True) if self._tls else caller as spoken_to:
                    self.requests.append(_request_from(spoken_to))
                    self._play(self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0], spoken_to)

    def _play(self, script: list[Step], caller: socket.socket) -> None:
        for step in script:
            if isinstance(step, bytes):
                caller.sendall(step)
            elif step == RESET:
                caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            elif self._closing.wait(float(step)):
                return


def answer(status: int, body: object = b"", *, headers: tuple[str, ...] = (), version: str = "1.1") -> bytes:
    """An HTTP answer; a body that is not bytes is sent as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/{version} {status} As It Is", f"content-length: {len(content)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def _request_from(caller: socket.socket) -> bytes:
    request = b""
    while b"\r\n\r\n" not in request:
        request += _some_of(caller)
    head, _, body = request.partition(b"\r\n\r\n")
    lengths = [line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    while len(body) < int(lengths[0] if lengths else 0):
        body += _some_of(caller)
    return head + b"\r\n\r\n" + body


def _some_of(caller: socket.socket) -> bytes:
    data = caller.recv(65536)
    if not data:
        raise ConnectionError("The caller hung up.")
    return data
