"""Bad network weather, as a caller sees it: silence, and a connection that breaks."""

import asyncio
import time

from starlette.requests import Request


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
