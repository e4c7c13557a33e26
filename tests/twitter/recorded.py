"""The sandbox with somebody taking notes: `uvicorn tests.twitter.recorded:application`.

Every answer under `/2/` becomes one JSON line in the file that NIGHTJAR_RECORDING names; of streams, each line.
"""

import json
import os
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inbox.twitter.sandbox.app import application as sandbox

LONGEST = 8_000_000  # bytes of one answer that are kept


class Recording:
    """Passes everything on unchanged, and writes down what was answered."""

    def __init__(self, app: ASGIApp, path: str) -> None:
        self.app, self.path = app, path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/2/"):
            await self.app(scope, receive, send)
            return
        body, head = bytearray(), {"status": 0, "type": ""}

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                head["status"] = message["status"]
                head["type"] = dict(message["headers"]).get(b"content-type", b"").decode()
            elif len(body) < LONGEST:
                body.extend(message.get("body", b""))
            await send(message)

        try:
            await self.app(scope, receive, noted)
        finally:
            self._keep(
                {"method": scope["method"], "path": scope["path"], **head, "body": body.decode(errors="replace")}
            )

    def _keep(self, line: dict[str, Any]) -> None:
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


application = Recording(sandbox, os.environ["NIGHTJAR_RECORDING"])
