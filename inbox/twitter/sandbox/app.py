"""The sandbox Twitter's process: `uvicorn inbox.twitter.sandbox.app:application`.

Needs NIGHTJAR_TWITTER_CONSUMER_SECRET and NIGHTJAR_TWITTER_APP_BEARER; NIGHTJAR_SANDBOX_DB says where its file is.
Nothing here knows Django or any of our apps: they meet over HTTP only.
"""

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import FrameType
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from inbox.twitter.sandbox import (
    api,
    by_hand,
    control,
    control_network,
    control_people,
    control_private,
    environment,
    forwarding,
    ledgers,
    media_api,
    oauth,
    prices,
    private_api,
    registrations,
    replay,
    rules,
    search,
    stream_api,
    subscriptions_api,
    timeline,
    usage,
    writing_api,
)
from inbox.twitter.sandbox.access import Sandbox
from inbox.twitter.sandbox.activity import Activity
from inbox.twitter.sandbox.allowances import Allowances
from inbox.twitter.sandbox.deliveries import Deliveries
from inbox.twitter.sandbox.drawing import Drawing
from inbox.twitter.sandbox.faults import Faults
from inbox.twitter.sandbox.grants import Grants
from inbox.twitter.sandbox.prices import Till
from inbox.twitter.sandbox.private import Private
from inbox.twitter.sandbox.problems import Problem
from inbox.twitter.sandbox.shelf import Shelf
from inbox.twitter.sandbox.storage import Storage
from inbox.twitter.sandbox.stream import Stream
from inbox.twitter.sandbox.world import World


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    sandbox = app.state.sandbox = assembled(environment.read())
    sandbox.deliveries.start()
    challenger = asyncio.create_task(registrations.challenge_again(sandbox))
    with ended_by_signal(sandbox.stream):
        yield
    challenger.cancel()
    await sandbox.deliveries.stop()
    sandbox.storage.close()


def assembled(surroundings: environment.Environment) -> Sandbox:
    """All parts, put together."""
    storage = Storage(surroundings.database)
    world, faults = World(storage), Faults(storage)
    till, shelf = Till(storage, world), Shelf(storage, world, surroundings.public_url)
    activity = Activity(storage, world, faults, surroundings.public_url, Drawing(world, shelf), till)
    stream = Stream(storage, world, faults)
    activity.listeners.append(stream.offer)
    return Sandbox(
        environment=surroundings,
        storage=storage,
        world=world,
        faults=faults,
        activity=activity,
        deliveries=Deliveries(storage, surroundings.consumer_secret, world),
        allowances=Allowances(),
        grants=Grants(storage),
        till=till,
        private=Private(storage, world, activity, shelf),
        media=shelf,
        stream=stream,
    )


@contextmanager
def ended_by_signal(stream: Stream) -> Iterator[None]:
    """Open streams would keep the server from stopping; so whoever asks it to stop ends them first."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def end(number: int, frame: FrameType | None) -> None:
        stream.end_all()
        if callable(handler := before[signal.Signals(number)]):
            handler(number, frame)

    for number in before:
        signal.signal(number, end)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


class OwnGround:
    """Keeps strangers out of a world without log-ins.

    Only names of this machine are answered (a page elsewhere could point its own name at 127.0.0.1), and a browser that
    comes from another site may change nothing.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (problem := _stranger(scope)):
            await problem.response("tweet")(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def _stranger(scope: Scope) -> Problem | None:
    headers = Headers(scope=scope)
    host = urlsplit(f"//{headers.get('host', '')}").hostname or ""
    domain = environment.domain()
    if host not in ("127.0.0.1", "::1", "localhost", domain) and not host.endswith((".localhost", f".{domain}")):
        return Problem(421, "Misdirected Request", "The sandbox Twitter answers to names of this machine only.")
    origin = headers.get("origin")
    if scope["method"] not in ("GET", "HEAD") and origin and urlsplit(origin).netloc != headers.get("host"):
        return Problem(403, "Forbidden", "This came from a page of another site.")
    return None


async def refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    if not _is_for_machines(request):
        return timeline.problem_page(request, error)
    return error.response(request.app.state.sandbox.world.vocabulary)


async def not_served(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    problem = Problem(
        error.status_code, error.detail, f"{request.method} {request.url.path}: {error.detail}.", headers=error.headers
    )
    return await refused(request, problem)


def _is_for_machines(request: Request) -> bool:
    return request.url.path.startswith(("/2/", "/sandbox/", "/static/", "/media/"))


# Searches and the stream stand before tweets, whose addresses they look like; X's own forms of address, of which one
# takes any name, come last.
PARTS = (
    search, rules, stream_api, writing_api, api, private_api, media_api, replay, registrations,
    subscriptions_api, usage, oauth, prices, control, ledgers, control_people, control_private, control_network,
    by_hand, timeline, forwarding,
)  # fmt: skip

application = Starlette(
    routes=[route for part in PARTS for route in part.ROUTES],
    lifespan=lifespan,
    middleware=[Middleware(OwnGround)],
    exception_handlers={Problem: refused, HTTPException: not_served},
)
