"""How an account lets an app act for it: Twitter's page that asks, and the calls that turn a yes into tokens."""

import base64
import hashlib
import re
from collections.abc import Mapping
from hmac import compare_digest
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from inbox.twitter.sandbox import timeline
from inbox.twitter.sandbox.access import Sandbox
from inbox.twitter.sandbox.disturbances import cut, hang
from inbox.twitter.sandbox.grants import Refused, Tokens
from inbox.twitter.sandbox.parameters import read_body
from inbox.twitter.sandbox.problems import Problem, json_response, malformed

LONGEST_STATE = 500
SCOPES = {
    "tweet.read": "Read your tweets, and those that you can see",
    "tweet.write": "Post and delete tweets for you",
    "tweet.moderate.write": "Hide and unhide replies to your tweets",
    "users.read": "See your account, and those that you can see",
    "offline.access": "Stay connected until you end it",
    "dm.read": "Read your direct messages",
    "dm.write": "Send direct messages for you",
    "media.write": "Upload media for you",
    "like.read": "See what you like",
    "like.write": "Like and unlike for you",
    "mute.read": "See whom you mute",
    "mute.write": "Mute and unmute for you",
    "block.read": "See whom you block",
    "block.write": "Block and unblock for you",
    "follows.read": "See whom you follow",
    "follows.write": "Follow and unfollow for you",
}
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
FORM_LIMIT = 64 * 1024
# Browsers hold the way of a form's answer to this too: the app's own address, and wherever it leads on from there.
POLICY = timeline.HEADERS["content-security-policy"].replace("form-action 'self'", "form-action 'self' http: https:")


class Denied(Exception):
    """A refusal of the token endpoint, in the shape of RFC 6749."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error, self.description, self.status = error, description, status


# -- the page that asks ------------------------------------------------------------------------------------------


async def ask(request: Request) -> Response:
    """Ask the person whether the app may act for one of their accounts."""
    sandbox, asked = _sandbox(request), dict(request.query_params)
    _check_app(sandbox, asked)
    if error := _misasked(asked):
        return _back(asked, error=error)
    return _page(request, sandbox, asked)


async def decide(request: Request) -> Response:
    """What the person said: yes for this account, or no."""
    sandbox, form = _sandbox(request), await timeline.form_of(request)
    _check_app(sandbox, form)
    if error := _misasked(form):
        return _back(form, error=error)
    if form.get("decision") != "allow":
        return _back(form, error="access_denied")
    try:
        account = timeline.somebody(sandbox, form.get("name", "").strip() or form.get("who", ""))
    except Problem as problem:
        return _page(request, sandbox, form, refusal=problem.detail)
    code = sandbox.grants.issue_code(
        user_id=account.id,
        scope=" ".join(form["scope"].split()),
        challenge=form["code_challenge"],
        redirect_uri=form["redirect_uri"],
        seconds=sandbox.world.settings["code_seconds"],
    )
    return _back(form, code=code)


def _check_app(sandbox: Sandbox, asked: Mapping[str, str]) -> None:
    """An app or an address that is not registered is never sent anything."""
    known = sandbox.environment
    if not known.client_id or not compare_digest(asked.get("client_id", "").encode(), known.client_id.encode()):
        raise malformed("Something went wrong: no app with this client_id is registered here.")
    if asked.get("redirect_uri") != known.callback_url:
        raise malformed("Something went wrong: the redirect_uri is not exactly the one that is registered.")


def _misasked(asked: Mapping[str, str]) -> str:
    scopes = asked.get("scope", "").split()
    if asked.get("response_type") != "code":
        return "unsupported_response_type"
    if not scopes or set(scopes) - set(SCOPES):
        return "invalid_scope"
    if not 1 <= len(asked.get("state", "")) <= LONGEST_STATE or asked.get("code_challenge_method") != "S256":
        return "invalid_request"
    return "" if _CHALLENGE.fullmatch(asked.get("code_challenge", "")) else "invalid_request"


def _page(request: Request, sandbox: Sandbox, asked: Mapping[str, str], refusal: str = "") -> Response:
    names = ("response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method")
    me = timeline.me_of(request)
    brands = sandbox.world.brands()
    others = [person for person in sandbox.world.recent_customers(8) if person not in brands]
    body = timeline.templates.get_template("authorize.html").render(
        static=timeline.STATIC,
        hidden={name: asked[name] for name in names},
        wanted=[SCOPES[scope] for scope in asked["scope"].split()],
        accounts=[*brands, *others],
        chosen=me.username if me else brands[0].username if brands else "",
        host=urlsplit(asked["redirect_uri"]).netloc,
        refusal=refusal,
    )
    headers = {**timeline.HEADERS, "content-security-policy": POLICY}
    return HTMLResponse(body, 400 if refusal else 200, headers)


def _back(asked: Mapping[str, str], **more: str) -> Response:
    state = {"state": asked["state"]} if len(asked.get("state", "")) <= LONGEST_STATE and "state" in asked else {}
    return RedirectResponse(f"{asked['redirect_uri']}?{urlencode({**state, **more})}", 303)


# -- the calls ---------------------------------------------------------------------------------------------------


async def token(request: Request) -> Response:
    """A code, or a refresh token, for a new pair."""
    sandbox = _sandbox(request)
    try:
        form = await _form(request, sandbox)
        kind = form.get("grant_type", "")
        user_id = _about(sandbox, form)
        if kind not in ("authorization_code", "refresh_token"):
            raise Denied("unsupported_grant_type", "Value passed for the grant type was invalid.")
        if sandbox.faults.take("token_error", user_id):
            raise Problem(503, "Service Unavailable", "Service Unavailable")
        if sandbox.faults.take("token_refused", user_id):
            raise Denied("invalid_grant", "Value passed for the token was invalid.")
        tokens = _exchanged(sandbox, form) if kind == "authorization_code" else _refreshed(sandbox, form)
        if sandbox.faults.take("token_lost", user_id):
            await cut(request)
        if fault := sandbox.faults.take("token_time_out", user_id):
            await hang(request, fault.seconds)
    except Denied as denied:
        return json_response({"error": denied.error, "error_description": denied.description}, denied.status)
    return json_response(_shown(tokens))


async def revoke(request: Request) -> Response:
    """End a grant by one of its tokens."""
    sandbox = _sandbox(request)
    try:
        form = await _form(request, sandbox)
    except Denied as denied:
        return json_response({"error": denied.error, "error_description": denied.description}, denied.status)
    user_id = sandbox.grants.revoke(form.get("token", ""))
    if user_id is not None:
        with sandbox.storage.transaction():
            sandbox.activity.announce_revocation(user_id)
        sandbox.deliveries.wake()
    return json_response({"revoked": True})


def _exchanged(sandbox: Sandbox, form: Mapping[str, str]) -> Tokens:
    verifier = form.get("code_verifier", "")
    if not _VERIFIER.fullmatch(verifier):
        raise Denied("invalid_request", "Missing or malformed parameter [code_verifier].")
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    try:
        return sandbox.grants.exchange(
            form.get("code", ""),
            challenge=challenge,
            redirect_uri=form.get("redirect_uri", ""),
            seconds=sandbox.world.settings["token_seconds"],
        )
    except Refused as refused:
        raise Denied("invalid_request", str(refused)) from refused


def _refreshed(sandbox: Sandbox, form: Mapping[str, str]) -> Tokens:
    try:
        return sandbox.grants.refresh(form.get("refresh_token", ""), seconds=sandbox.world.settings["token_seconds"])
    except Refused as refused:
        raise Denied("invalid_request", str(refused)) from refused


def _about(sandbox: Sandbox, form: Mapping[str, str]) -> int | None:
    """Whose tokens a call is about, for faults that are one account's."""
    if form.get("code"):
        return sandbox.grants.user_of_code(form["code"])
    return sandbox.grants.user_of_token(form.get("refresh_token", ""))


async def _form(request: Request, sandbox: Sandbox) -> dict[str, str]:
    """The form of a call from the registered app: confidential by HTTP Basic, or public by its id."""
    body = (await read_body(request, FORM_LIMIT)).decode(errors="replace")
    try:
        form = {name: values[-1] for name, values in parse_qs(body, max_num_fields=20).items()}
    except ValueError as error:
        raise Denied("invalid_request", "The form could not be read.") from error
    known = sandbox.environment
    scheme, _, said = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic" and known.client_secret:
        is_it = compare_digest(_decoded(said), f"{known.client_id}:{known.client_secret}".encode())
    else:
        # An app that has a secret must show it.
        is_it = not known.client_secret and form.get("client_id") == known.client_id
    if not known.client_id or not is_it:
        raise Denied("unauthorized_client", "Missing valid authorization header", 401)
    return form


def _decoded(basic: str) -> bytes:
    try:
        name, _, secret = base64.b64decode(basic, validate=True).decode().partition(":")
    except ValueError:
        return b""
    return f"{unquote(name)}:{unquote(secret)}".encode()


def _shown(tokens: Tokens) -> dict[str, Any]:
    shown = {
        "token_type": "bearer",
        "expires_in": tokens.seconds,
        "access_token": tokens.access,
        "scope": tokens.scope,
    }
    return {**shown, "refresh_token": tokens.refresh} if tokens.refresh else shown


def _sandbox(request: Request) -> Sandbox:
    return request.app.state.sandbox


ROUTES = [
    Route("/i/oauth2/authorize", ask, methods=["GET"]),
    Route("/i/oauth2/authorize", decide, methods=["POST"]),
    Route("/2/oauth2/token", token, methods=["POST"]),
    Route("/2/oauth2/revoke", revoke, methods=["POST"]),
]
