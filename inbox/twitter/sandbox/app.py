"""The sandbox Twitter's process: `uvicorn inbox.twitter.sandbox.app:application`.

Needs NIGHTJAR_TWITTER_CONSUMER_SECRET and NIGHTJAR_TWITTER_APP_BEARER; NIGHTJAR_SANDBOX_DB says where its file is.
Nothing here knows Django or any of our apps: they meet over HTTP only.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from inbox.twitter.sandbox import api, control, environment, oauth, registrations, timeline
from inbox.twitter.sandbox.access import Allowances, Sandbox
from inbox.twitter.sandbox.activity import Activity
from inbox.twitter.sandbox.deliveries import Deliveries
from inbox.twitter.sandbox.faults import Faults
from inbox.twitter.sandbox.grants import Grants
from inbox.twitter.sandbox.problems import Problem
from inbox.twitter.sandbox.storage import Storage
from inbox.twitter.sandbox.world import World


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    surroundings = environment.read()
    storage = Storage(surroundings.database)
    world, faults = World(storage), Faults(storage)
    app.state.sandbox = Sandbox(
        environment=surroundings,
        storage=storage,
        world=world,
        faults=faults,
        activity=Activity(storage, world, faults, surroundings.public_url),
        deliveries=Deliveries(storage, surroundings.consumer_secret),
        allowances=Allowances(),
        grants=Grants(storage),
    )
    app.state.sandbox.deliveries.start()
    yield
    await app.state.sandbox.deliveries.stop()
    storage.close()


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
    return request.url.path.startswith(("/2/", "/sandbox/", "/static/"))


application = Starlette(
    routes=[*api.ROUTES, *registrations.ROUTES, *oauth.ROUTES, *control.ROUTES, *timeline.ROUTES],
    lifespan=lifespan,
    middleware=[Middleware(OwnGround)],
    exception_handlers={Problem: refused, HTTPException: not_served},
)
