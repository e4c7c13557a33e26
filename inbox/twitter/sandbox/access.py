"""Who is calling `/2`, how much of their allowance is left, and the frame around every answer."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import wraps
from hmac import compare_digest

from starlette.requests import Request
from starlette.responses import Response

from inbox.twitter.sandbox import problems
from inbox.twitter.sandbox.activity import Activity
from inbox.twitter.sandbox.deliveries import Deliveries
from inbox.twitter.sandbox.environment import Environment
from inbox.twitter.sandbox.faults import Faults
from inbox.twitter.sandbox.grants import Grants
from inbox.twitter.sandbox.problems import Problem
from inbox.twitter.sandbox.storage import Storage
from inbox.twitter.sandbox.world import Account, World

WINDOW = 900  # seconds
APP_ONLY = "OAuth 2.0 Application-Only"
USER_CONTEXT = "OAuth 2.0 User Context"

# Requests in fifteen minutes, per account or, for the app's own token, per app.
USER_LIMITS = {
    "POST /2/tweets": 100,
    "DELETE /2/tweets/{id}": 50,
    "GET /2/tweets": 5_000,
    "GET /2/users/me": 75,
    "GET /2/users/{id}/mentions": 300,
}
APP_LIMITS = {
    "GET /2/tweets": 3_500,
    "GET /2/tweets/{id}": 450,
    "GET /2/users/{id}/mentions": 450,
    "GET /2/users/{id}/tweets": 10_000,
    "GET /2/users": 300,
    "GET /2/users/by/username/{username}": 300,
}


@dataclass(slots=True)
class Sandbox:
    """All parts of the running sandbox, as a request finds them."""

    environment: Environment
    storage: Storage
    world: World
    faults: Faults
    activity: Activity
    deliveries: Deliveries
    allowances: "Allowances"
    grants: Grants


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose token a request carries, and what it allows; the app's own has no account, one made by hand no limits."""

    account: Account | None
    scopes: frozenset[str] | None = None

    @property
    def user_id(self) -> int | None:
        return self.account.id if self.account else None


@dataclass(slots=True)
class Allowances:
    """Counts requests in fixed windows. Kept in memory: a restart gives everybody a fresh one."""

    used: dict[tuple[int | None, str], tuple[int, int]] = field(default_factory=dict)

    def use(self, user_id: int | None, endpoint: str) -> tuple[int, int, int]:
        """Count one request; answers the limit, how many are left (below zero: too many) and when it starts anew."""
        now = int(time.time())
        reset, count = self.used.get((user_id, endpoint), (0, 0))
        if reset <= now:
            reset, count = now + WINDOW, 0
        self.used[(user_id, endpoint)] = (reset, count + 1)
        limit = APP_LIMITS.get(endpoint, 450) if user_id is None else USER_LIMITS.get(endpoint, 900)
        return limit, limit - count - 1, reset


Handler = Callable[[Request, Sandbox, Caller], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


def endpoint(template: str, *, users: bool = True, app: bool = True) -> Callable[[Handler], Endpoint]:
    """An operation of Twitter's API: checks the token, counts, and shapes refusals.

    `users` and `app` say whose tokens it accepts.
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
                _check_scopes(caller, request.method)
                response = await handler(request, sandbox, caller)
            except Problem as problem:
                response = problem.response(sandbox.world.vocabulary)
            for name, value in headers.items():
                response.headers.setdefault(name, value)
            return response

        return answer

    return framed


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
    limit, left, reset = sandbox.allowances.use(caller.user_id, template)
    headers = rate_headers(limit, max(left, 0), reset)
    if left < 0 and sandbox.world.settings["rate_limits"]:
        raise Problem(429, "Too Many Requests", "Too Many Requests", headers=headers)
    return headers


def rate_headers(limit: int, left: int, reset: int) -> dict[str, str]:
    return {"x-rate-limit-limit": str(limit), "x-rate-limit-remaining": str(left), "x-rate-limit-reset": str(reset)}


def _check_kind(caller: Caller, *, users: bool, app: bool) -> None:
    if caller.account and not users:
        raise problems.wrong_kind_of_token(USER_CONTEXT, APP_ONLY)
    if not caller.account and not app:
        raise problems.wrong_kind_of_token(APP_ONLY, f"OAuth 1.0a User Context, {USER_CONTEXT}")


def _check_scopes(caller: Caller, method: str) -> None:
    """Reading needs two scopes and writing a third, whatever is read or written: all of it is tweets here."""
    needed = {"tweet.read", "users.read"} if method == "GET" else {"tweet.read", "users.read", "tweet.write"}
    if caller.scopes is not None and not needed <= caller.scopes:
        raise problems.forbidden("Your client app is not configured with the appropriate oauth2 app permissions.")
