"""What the webhook's door is measured against: reads the body and answers at once. Nothing is checked, nothing kept."""

from collections.abc import Awaitable, Callable
from typing import Any

from inbox.webhooks import answer


async def application(scope: dict[str, Any], receive: Callable, send: Callable[..., Awaitable[None]]) -> None:
    """An ASGI application under the same server as the real door."""
    if scope["type"] == "lifespan":
        for _ in range(2):
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
        return
    while (await receive()).get("more_body"):
        pass
    await answer(send, 200, {"title": "Stored."})
