"""Bad network weather, as a caller sees it: silence, a connection that breaks, an answer that lies."""

import asyncio
import time

from starlette.requests import Request

from inbox.twitter.sandbox import problems
from inbox.twitter.sandbox.faults import Faults
from inbox.twitter.sandbox.problems import Problem, rate_headers


async def before(request: Request, faults: Faults, user_id: int | None, act: str) -> None:
    """Faults that strike before anything is taken."""
    if faults.take("cut_before", user_id, act):
        await cut(request)
        raise unavailable()  # nobody hears it; but nothing may be taken any more
    if faults.take("server_error", user_id, act):
        raise unavailable()
    if fault := faults.take("time_out", user_id, act):
        await hang(request, fault.seconds)
        raise unavailable()
    if fault := faults.take("too_many", user_id, act):
        headers = rate_headers(100, 0, int(time.time() + fault.seconds))
        raise Problem(429, "Too Many Requests", "Too Many Requests", headers=headers)
    if faults.take("duplicate", user_id, act):
        raise problems.forbidden(problems.DUPLICATE)
    if faults.take("forbidden", user_id, act):
        raise problems.forbidden(problems.NOT_SUMMONED)


async def after(request: Request, faults: Faults, user_id: int | None, act: str) -> None:
    """Faults that strike although it is done."""
    if faults.take("lost_answer", user_id, act):
        await cut(request)
    if faults.take("server_error_after", user_id, act):
        raise unavailable()
    if fault := faults.take("time_out_after", user_id, act):
        await hang(request, fault.seconds)


def unavailable() -> Problem:
    return Problem(503, "Service Unavailable", "Service Unavailable")


async def hang(request: Request, seconds: float) -> None:
    """Say nothing for so long, or until the caller gives up."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and not await request.is_disconnected():
        await asyncio.sleep(min(0.1, seconds))


async def cut(request: Request) -> None:
    """Break the connection without a byte of answer.

    ASGI has no word for this, so the server's own transport is reached through the bound method it gave us.
    """
    request.receive.__self__.transport.abort()  # type: ignore[attr-defined]
    while not await request.is_disconnected():
        await asyncio.sleep(0.001)
