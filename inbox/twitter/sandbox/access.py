"""Who is calling `/2`, how much of their allowance is left, and the frame around every answer."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import wraps
from hmac import compare_digest

from starlette.requests import Request
from starlette.responses import Response

from inbox.twitter.sandbox import disturbances, problems
from inbox.twitter.sandbox.activity import Activity
from inbox.twitter.sandbox.allowances import Allowances
from inbox.twitter.sandbox.deliveries import Deliveries
from inbox.twitter.sandbox.environment import Environment
from inbox.twitter.sandbox.faults import Faults
from inbox.twitter.sandbox.grants import Grants
from inbox.twitter.sandbox.prices import Till
from inbox.twitter.sandbox.private import Private
from inbox.twitter.sandbox.problems import Problem
from inbox.twitter.sandbox.shelf import Shelf
from inbox.twitter.sandbox.storage import Storage
from inbox.twitter.sandbox.stream import Stream
from inbox.twitter.sandbox.world import Account, World

APP_ONLY = "OAuth 2.0 Application-Only"
USER_CONTEXT = "OAuth 2.0 User Context"
# What a token must allow where an endpoint does not say otherwise.
SCOPES = {"GET": "tweet.read users.read", "POST": "tweet.read users.read tweet.write"}


@dataclass(slots=True)
class Sandbox:
    """All parts of the running sandbox, as a request finds them."""

    environment: Environment
    storage: Storage
    world: World
    faults: Faults
    activity: Activity
    deliveries: Deliveries
    allowances: Allowances
    grants: Grants
    till: Till
    private: Private
    media: Shelf
    stream: Stream


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose token a request carries, and what it allows; the app's own has no account, one made by hand no limits."""

    account: Account | None
    scopes: frozenset[str] | None = None

    @property
    def user_id(self) -> int | None:
        return self.account.id if self.account else None


Handler = Callable[[Request, Sandbox, Caller], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


def endpoint(
    template: str,
    *,
    users: bool = True,
    app: bool = True,
    scopes: str | None = None,
    act: str = "",
    billed: bool = True,
) -> Callable[[Handler], Endpoint]:
    """An operation of Twitter's API: checks the token, counts, and shapes refusals.

    `users` and `app` say whose tokens it accepts, `scopes` what a token must allow, `act` under which name faults of
    posting strike it, and `billed` whether it is refused when there is no money left.
    """

    def framed(handler: Handler) -> Endpoint:
        @wraps(handler)
        async def answer(request: Request) -> Response:
            sandbox: Sandbox = request.app.state.sandbox
            headers: dict[str, str] = {}
            try:
                caller = _caller(request, sandbox)
                headers = _allowance(sandbox, caller, f"{request.method} {template}")
                _check_kind(caller, users=users, app=app)
                _check_scopes(caller, scopes or SCOPES.get(request.method, SCOPES["POST"]))
                if billed:
                    sandbox.till.check()
                response = await _disturbed(request, sandbox, caller, handler, act)
            except Problem as problem:
                response = problem.response(sandbox.world.vocabulary)
            if response.status_code < 402 or sandbox.world.settings["rate_headers"]:
                for name, value in headers.items():
                    response.headers.setdefault(name, value)
            return response

        return answer

    return framed


async def _disturbed(request: Request, sandbox: Sandbox, caller: Caller, handler: Handler, act: str) -> Response:
    if act:
        await disturbances.before(request, sandbox.faults, caller.user_id, act)
    elif request.method == "GET" and sandbox.faults.take("read_error", caller.user_id):
        raise disturbances.unavailable()
    response = await handler(request, sandbox, caller)
    if act:
        await disturbances.after(request, sandbox.faults, caller.user_id, act)
    return response


def _caller(request: Request, sandbox: Sandbox) -> Caller:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise problems.unauthorized()
    if compare_digest(token.encode(), sandbox.environment.app_bearer.encode()):
        caller = Caller(None)
    elif user_id := sandbox.world.holder_of(token):
        caller = Caller(sandbox.world.account(user_id))
    elif granted := sandbox.grants.holder_of(token):
        caller = Caller(sandbox.world.account(granted[0]), granted[1])
    else:
        raise problems.unauthorized()
    if sandbox.faults.take("unauthorized", caller.user_id):
        raise problems.unauthorized()
    return caller


def _allowance(sandbox: Sandbox, caller: Caller, template: str) -> dict[str, str]:
    settings = sandbox.world.settings
    used = sandbox.allowances.use(caller.user_id, template, private_cap=settings["dm_cap"])
    if used.is_too_many and settings["rate_limits"]:
        raise Problem(429, "Too Many Requests", "Too Many Requests", headers=used.headers)
    return used.headers


def _check_kind(caller: Caller, *, users: bool, app: bool) -> None:
    if caller.account and not users:
        raise problems.wrong_kind_of_token(USER_CONTEXT, APP_ONLY)
    if not caller.account and not app:
        raise problems.wrong_kind_of_token(APP_ONLY, f"OAuth 1.0a User Context, {USER_CONTEXT}")


def _check_scopes(caller: Caller, needed: str) -> None:
    if caller.scopes is not None and not set(needed.split()) <= caller.scopes:
        raise problems.forbidden("Your client app is not configured with the appropriate oauth2 app permissions.")
