"""The filtered stream: one long answer, a line for each tweet, a blank one at least every twenty seconds.

`Stream.hear` gives what comes as values and ends with `Lost`; how long to wait before the next try is `BackOff`'s
(FACTS 2.9). No tweet is judged here: a line is handed on as Twitter sent it.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import httpx

from inbox.twitter.calls import a_dict, note, read_json, words_of
from inbox.twitter.reading import tweet_params
from tenants.outgoing import certificates

# A keep-alive comes at least every 20 seconds: whoever hears nothing for longer hears nothing at all.
SILENCE_SECONDS = 21.0
_MOST_BYTES = 4_000_000


class Trouble(StrEnum):
    """Why a connection ended, or was not to be had."""

    CLOSED = "closed"
    SILENCE = "silence"
    NETWORK = "network"
    OPERATIONAL = "operational"
    TOO_MANY = "too_many_connections"
    NO_RULES = "no_rules"
    LIMITED = "limited"
    REFUSED = "refused"
    CREDITS = "credits"
    HTTP = "http"


@dataclass(frozen=True, slots=True)
class Connected:
    """Twitter has let us in."""


@dataclass(frozen=True, slots=True)
class Beat:
    """Nothing to tell, and the connection lives."""


@dataclass(frozen=True, slots=True)
class Line:
    """A tweet, with the rules that it matched, as Twitter sent it."""

    body: bytes


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection is over; why, in our word and in Twitter's."""

    trouble: Trouble
    why: str


Heard = Connected | Beat | Line | Lost


class Stream:
    """The stream at this address, for the app's own bearer."""

    def __init__(self, *, base_url: str, bearer: str, silence: float = SILENCE_SECONDS) -> None:
        self._base_url = base_url
        self._headers = {"Authorization": f"Bearer {bearer}", "User-Agent": "Nightjar"}
        # Compressed, a keep-alive could wait in somebody's buffer.
        self._headers["Accept-Encoding"] = "identity"
        self._silence = silence

    async def hear(self, *, backfill_minutes: int = 0) -> AsyncIterator[Heard]:
        """Connect once and give what comes until it ends; the last thing given is `Lost`."""
        timeout = httpx.Timeout(connect=5, read=self._silence, write=5, pool=5)
        # The stream declares the older names, under either vocabulary (FACTS 2.2).
        params = tweet_params("tweet") | ({"backfill_minutes": str(backfill_minutes)} if backfill_minutes else {})
        settings: dict[str, Any] = {"timeout": timeout, "trust_env": False, "verify": certificates()}
        try:
            async with (
                httpx.AsyncClient(base_url=self._base_url, headers=self._headers, **settings) as http,
                http.stream("GET", "/2/tweets/search/stream", params=params) as answer,
            ):
                if answer.status_code != 200:
                    yield refusal_of(answer.status_code, await _whole(answer))
                    return
                yield Connected()
                async for heard in self._lines(answer):
                    yield heard
                    if isinstance(heard, Lost):
                        return
        except httpx.ReadTimeout:
            yield Lost(Trouble.SILENCE, f"Not a byte in {self._silence:g} seconds.")
        except httpx.HTTPError as error:
            note(error)
            yield Lost(Trouble.NETWORK, "The connection broke off.")

    async def _lines(self, answer: httpx.Response) -> AsyncIterator[Heard]:
        pending = b""
        async for chunk in answer.aiter_bytes():
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                yield read_line(line.strip())
            if len(pending) > _MOST_BYTES:
                yield Lost(Trouble.NETWORK, "A line without end.")
                return
            await asyncio.sleep(0)
        yield Lost(Trouble.CLOSED, "Twitter closed the connection.")


def read_line(line: bytes) -> Heard:
    """What one line says: a tweet, nothing, or that this connection is over."""
    if not line:
        return Beat()
    said = read_json(line)
    if said is None or "data" in said:
        return Line(line)  # what cannot be read is kept like everything else that came
    errors = said.get("errors")
    first = a_dict(errors[0]) if isinstance(errors, list) and errors else said
    kind = str(first.get("type") or "").rpartition("/")[2]
    why = words_of(first, 200)
    if kind == "operational-disconnect" or first.get("disconnect_type"):
        return Lost(Trouble.OPERATIONAL, why)
    if first.get("connection_issue") == "TooManyConnections":
        return Lost(Trouble.TOO_MANY, why)
    return Lost(Trouble.HTTP, why)


def refusal_of(status: int, answer: Mapping[str, Any]) -> Lost:
    """Why Twitter does not let us listen."""
    why = words_of(answer, status)
    issue = answer.get("connection_issue")
    if issue == "TooManyConnections":
        return Lost(Trouble.TOO_MANY, why)
    if status == 409 or issue == "RuleConfigurationIssue":
        return Lost(Trouble.NO_RULES, why)
    if status == 402 or str(answer.get("type") or "").endswith("usage-capped"):
        return Lost(Trouble.CREDITS, why)
    if status == 429:
        return Lost(Trouble.LIMITED, why)
    if status in (401, 403):
        return Lost(Trouble.REFUSED, why)
    return Lost(Trouble.HTTP, why)


class BackOff:
    """How long to wait before the next try, as Twitter asks: at once after the first loss, then longer and longer by
    the kind of trouble, until a connection has been had."""

    def __init__(self) -> None:
        self._tries = 0
        self._waited: dict[str, float] = {}

    def had_one(self) -> None:
        """A connection was had: whatever went before is forgotten."""
        self._tries = 0
        self._waited = {}

    def next(self, trouble: Trouble) -> float:
        """Seconds to wait now."""
        first, self._tries = self._tries == 0, self._tries + 1
        if trouble in (Trouble.LIMITED, Trouble.CREDITS):
            return self._longer("limit", lambda before: min(before * 2, 960.0) if before else 60.0)
        if trouble in (Trouble.CLOSED, Trouble.SILENCE, Trouble.NETWORK, Trouble.OPERATIONAL):
            return 0.0 if first else self._longer("tcp", lambda before: min(before + 0.25, 16.0))
        return self._longer("http", lambda before: min(before * 2, 320.0) if before else 5.0)

    def _longer(self, kind: str, step: Any) -> float:
        self._waited[kind] = float(step(self._waited.get(kind, 0.0)))
        return self._waited[kind]


async def _whole(answer: httpx.Response) -> Mapping[str, Any]:
    content = bytearray()
    async for chunk in answer.aiter_bytes():
        content += chunk
        if len(content) > 100_000:
            break
    return read_json(bytes(content)) or {}
