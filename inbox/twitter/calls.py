"""What every call to Twitter has in common: time-outs for each step, an end, a size cap, and how answers are read."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx
import msgspec

from inbox.twitter.metering import Told, report_of
from tenants.outgoing import End, certificates

log = logging.getLogger(__name__)

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


class CountedClient(httpx.Client):
    """A client whose answered calls are told to whoever counts them; see `metering`."""

    told: Told | None = None


def http_client(
    base_url: str,
    *,
    bearer: str = "",
    basic: tuple[str, str] | None = None,
    timeout: httpx.Timeout = TIMEOUT,
    told: Told | None = None,
) -> httpx.Client:
    """A client for calls to this address, with the app's name and, if given, somebody's authority.

    `told` hears of each call that is answered through `capped`.
    """
    headers = {"User-Agent": "Nightjar", **({"Authorization": f"Bearer {bearer}"} if bearer else {})}
    client = CountedClient(
        base_url=base_url,
        timeout=timeout,
        limits=_LIMITS,
        verify=certificates(),
        follow_redirects=False,
        trust_env=False,
        headers=headers,
        auth=basic,
    )
    client.told = told
    return client


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
        _tell(http, method, path, request.get("json"), response, bytes(content))
        yield response.status_code, response.headers, bytes(content)


def _tell(http: httpx.Client, method: str, path: str, sent: object, response: httpx.Response, content: bytes) -> None:
    told = http.told if isinstance(http, CountedClient) else None
    if told is not None:
        headers = dict(response.headers)
        told(report_of(method, path, sent=sent, status=response.status_code, headers=headers, content=content))


def note(error: Exception) -> None:
    """Keep in the log what kind of failure it was. Its own words may hold what we sent."""
    log.warning("A call to Twitter failed: %s.", type(error).__name__)


def in_words(error: httpx.HTTPError) -> str:
    """Why a call brought no answer, for whoever reads it on a page; the log has its kind."""
    note(error)
    if isinstance(error, NOT_REACHED):
        return "Twitter could not be reached."
    if isinstance(error, httpx.TimeoutException):
        return "Twitter did not answer in time."
    return "The connection to Twitter broke off before an answer came."


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
