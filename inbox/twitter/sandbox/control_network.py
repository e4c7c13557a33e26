"""The control surface for what happens between machines: webhooks, streams, a Twitter that is away."""

import asyncio
import functools
import gc

import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from inbox.twitter.sandbox.asking import sandbox_of
from inbox.twitter.sandbox.parameters import an_optional_id, read_object
from inbox.twitter.sandbox.problems import json_response, malformed
from inbox.twitter.sandbox.registrations import challenge

LONGEST_ABSENCE = 600  # seconds
absences: set[asyncio.Task[None]] = set()


async def invalidate(request: Request) -> Response:
    body, sandbox = await read_object(request), sandbox_of(request)
    wanted = an_optional_id(body.get("webhook_id"), "webhook_id")
    ids = [row[0] for row in sandbox.storage.execute("SELECT id FROM webhooks") if wanted in (None, row[0])]
    for webhook_id in ids:
        sandbox.deliveries.invalidate(webhook_id)
    return json_response({"invalid": [str(one) for one in ids]})


async def challenge_all(request: Request) -> Response:
    sandbox = sandbox_of(request)
    ids = [row[0] for row in sandbox.storage.execute("SELECT id FROM webhooks")]
    return json_response({"answered": await challenge(sandbox, ids)})


async def disconnect(request: Request) -> Response:
    return json_response({"ended": sandbox_of(request).stream.end_all()})


async def be_away(request: Request) -> Response:
    """Stop to listen for a while: connections are refused, as by a machine without a server, and open ones break."""
    seconds = (await read_object(request)).get("seconds")
    if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not 0 < seconds <= LONGEST_ABSENCE:
        raise malformed(f"`seconds` is a number up to {LONGEST_ABSENCE}.")
    servers = [one for one in gc.get_objects() if isinstance(one, uvicorn.Server) and one.started]
    if not servers:
        raise malformed("This Twitter does not run on a server that can stop to listen.")
    task = asyncio.create_task(_away(servers[0], float(seconds)))
    absences.add(task)
    task.add_done_callback(absences.discard)
    return json_response({"away": seconds})


async def _away(server: uvicorn.Server, seconds: float) -> None:
    await asyncio.sleep(0.05)  # this answer still goes out
    config, loop = server.config, asyncio.get_running_loop()
    for listening in server.servers:
        listening.close()
    for connection in list(server.server_state.connections):
        if transport := getattr(connection, "transport", None):
            transport.abort()
    await asyncio.sleep(seconds)
    # uvicorn types it as a bare protocol; its own server makes them with these three, too.
    protocol = functools.partial(  # type: ignore[call-arg]
        config.http_protocol_class, config=config, server_state=server.server_state, app_state=server.lifespan.state
    )
    server.servers = [await loop.create_server(protocol, host=config.host, port=config.port, backlog=config.backlog)]


ROUTES = [
    Route("/sandbox/webhooks/invalidation", invalidate, methods=["POST"]),
    Route("/sandbox/webhooks/challenges", challenge_all, methods=["POST"]),
    Route("/sandbox/stream/disconnection", disconnect, methods=["POST"]),
    Route("/sandbox/absence", be_away, methods=["POST"]),
]
