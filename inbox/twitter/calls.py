"""What every call to Twitter has in common: time-outs for each step, an end, a size cap, and how answers are read."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx
import msgspec

from tenants.outgoing import End, certificates

TIMEOUT = httpx.Timeout(connect=5, read=10, write=10, pool=5)
# Seconds after which any call is over. httpx gives each step its own time, so an answer that drips would have no end.
LONGEST_CALL = 20.0
# A connection for each call: one that was kept may be dead, and a write into it is a write of unknown fate.
_LIMITS = httpx.Limits(max_keepalive_connections=0)
_MOST_BYTES = 4_000_000
# What httpx raises when nothing was written yet: such a call was certainly not made.
NOT_REACHED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)

Answer = tuple[int, httpx.Headers, bytes]


class Unavailable(Exception):
    """A call brought no answer that can be used. Calls that raise this may be made again at any time."""


def http_client(
    base_url: str, *, bearer: str = "", basic: tuple[str, str] | None = None, timeout: httpx.Timeout = TIMEOUT
) -> httpx.Client:
    """A client for calls to this address, with the app's name and, if given, somebody's authority."""
    headers = {"User-Agent": "Nightjar", **({"Authorization": f"Bearer {bearer}"} if bearer else {})}
    return httpx.Client(
        base_url=base_url,
        timeout=timeout,
        limits=_LIMITS,
        verify=certificates(),
        follow_redirects=False,
        trust_env=False,
        headers=headers,
        auth=basic,
    )


@contextmanager
def capped(http: httpx.Client, method: str, path: str, *, seconds: float, **request: Any) -> Iterator[Answer]:
    """One call, which ends after so many seconds and gives up an answer without end."""
    with End(seconds) as end, http.stream(method, path, extensions={"trace": end.watch}, **request) as response:
        content = bytearray()
        for chunk in response.iter_bytes():
            content += chunk
            if len(content) > _MOST_BYTES:
                raise httpx.ReadError("The answer is larger than any that Twitter gives.")
        end.check()
        yield response.status_code, response.headers, bytes(content)


def words_of(answer: Mapping[str, Any], status: int) -> str:
    """Why Twitter says no, in its own words, as far as it has any."""
    errors = answer.get("errors")
    messages = [a_dict(error).get("message") for error in errors] if isinstance(errors, list) else []
    found = [part for part in (answer.get("detail") or answer.get("title"), *messages) if isinstance(part, str)]
    return " ".join(found).replace("\x00", "")[:300] or f"HTTP {status}"


def a_dict(value: object) -> dict[str, Any]:
    """A part of an answer that should be an object; empty when it is none."""
    return value if isinstance(value, dict) else {}


def read_json(content: bytes) -> dict[str, Any] | None:
    """The JSON object of an answer; None when it is none."""
    try:
        answer = msgspec.json.decode(content)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None
