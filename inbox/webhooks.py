"""Twitter's door: signature, ids, stored, 200. A lean ASGI application; it reads ids and nothing else.

One body may hold several events, each a letter of its own. Answers: 200 stored (or known already, or of no shape that
we know: kept among the strays, as another 50 tries would not help), 400 not JSON (kept there too), 401 wrong signature
(counted), 405 another method, 413 over the limit, 503 not all of it stored: Twitter will send it again.
"""

import asyncio
import json
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

from inbox.twitter.events import is_known, read_letters
from inbox.twitter.own_door import KNOCK
from inbox.twitter.shapes import Envelope, NotJson, Unreadable
from inbox.twitter.signature import answer_challenge, could_be_challenge, is_signed
from tenants.letterbox import Letter, Letterbox, NotStored

log = logging.getLogger(__name__)

MOST_BYTES = 1_000_000
STORED = (200, "Stored.")
Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]


class TwitterDoor:
    """Twitter's one webhook. `nudged` is called with a brand's schema when something was put into it."""

    def __init__(self, *, secret: str, letterbox: Letterbox, nudged: Callable[[str], Awaitable[None]]) -> None:
        self._secret = secret
        self._letterbox = letterbox
        self._nudged = nudged
        self.counts: Counter[str] = Counter()

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["method"] == "GET":
            await self._answer_challenge(scope, send)
        elif scope["method"] == "POST":
            await self._take(scope, receive, send)
        else:
            await answer(send, 405, {"title": "Only GET and POST are understood here."})

    async def _answer_challenge(self, scope: dict[str, Any], send: Send) -> None:
        token = parse_qs(scope["query_string"].decode("latin-1")).get("crc_token", [""])[0]
        if could_be_challenge(token):
            await answer(send, 200, answer_challenge(token, secret=self._secret))
        else:
            await answer(send, 400, {"title": "A challenge needs a crc_token, of letters and digits."})

    async def _take(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        try:
            body = await _body(scope, receive)
        except _Gone:
            return
        if body is None:
            self.counts["too_large"] += 1
            await answer(send, 413, {"title": f"A body may have {MOST_BYTES} bytes."})
            return
        signature = _header(scope, b"x-twitter-webhooks-signature")
        if not is_signed(body, signature, secret=self._secret):
            self.counts["wrong_signature"] += 1
            log.warning(
                "A webhook call with a wrong signature was refused (%d so far).", self.counts["wrong_signature"]
            )
            await answer(send, 401, {"title": "The signature does not fit the body."})
            return
        try:
            status, title = await self._store(body)
        except NotStored as error:
            self.counts["not_stored"] += 1
            log.error("An arrival could not be stored: %s", error)
            status, title = 503, "It could not be stored. Send it again."
        if (status, title) == STORED:
            for message in _ANSWER_STORED:
                await send(message)
        else:
            await answer(send, status, {"title": title})

    async def _store(self, body: bytes) -> tuple[int, str]:
        try:
            letters = read_letters(body)
        except Unreadable as error:
            self.counts["malformed"] += 1
            log.error("A signed webhook call could not be read and was kept: %s", error)
            await self._letterbox.put(Letter("", 0, None, body, stray_reason="malformed"))
            return (400, "It could not be read.") if isinstance(error, NotJson) else (200, "Kept.")
        if len(letters) == 1:
            await self._put(letters[0])
        else:
            done = await asyncio.gather(*(self._put(letter) for letter in letters), return_exceptions=True)
            for failure in done:
                if isinstance(failure, BaseException):
                    raise failure
        return STORED

    async def _put(self, envelope: Envelope) -> None:
        if envelope.event_type == "replay_job_status" and KNOCK.encode() in envelope.body:
            self.counts["knocked"] += 1  # ourselves, to see that it answers
            return
        if envelope.event_type == "replay_job_status":
            self.counts["replay_told"] += 1
            log.info("Twitter says of a replay: %s", envelope.body.decode("utf-8", "replace")[:300])
            return
        if envelope.kind == "other" and not is_known(envelope.event_type):
            self.counts["unknown_event"] += 1
            log.error("An event of a type that we do not know, %r, was kept.", envelope.event_type)
        brand = await self._letterbox.put(
            Letter(envelope.kind, envelope.twitter_id, envelope.for_id, envelope.body, stray_reason="unknown_handle")
        )
        if brand is None:
            self.counts["unknown_handle"] += 1
            log.error("An event for account %s, which is no brand's, was kept.", envelope.for_id)
        else:
            self.counts["stored"] += 1
            await self._nudged(brand[0])


class _Gone(Exception):
    """The caller hung up before the body was whole."""


async def _body(scope: dict[str, Any], receive: Receive) -> bytes | None:
    """The request's body; None when it is over the limit, which is found out without keeping it."""
    declared = _header(scope, b"content-length")
    if declared.isdecimal() and int(declared) > MOST_BYTES:
        return None
    chunks, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > MOST_BYTES:
            return None
        if not message.get("more_body"):
            return b"".join(chunks)


def _header(scope: dict[str, Any], name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


async def answer(send: Send, status: int, content: dict[str, Any]) -> None:
    """Send a small JSON answer."""
    for message in _messages(status, content):
        await send(message)


def _messages(status: int, content: dict[str, Any]) -> list[dict[str, Any]]:
    body = json.dumps(content).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    return [
        {"type": "http.response.start", "status": status, "headers": headers},
        {"type": "http.response.body", "body": body},
    ]


# What nearly every call is answered with, put into words once.
_ANSWER_STORED = _messages(STORED[0], {"title": STORED[1]})
