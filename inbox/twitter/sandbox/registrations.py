"""Webhooks and subscriptions, under `/2`: where this Twitter delivers, and what. For the app's own token."""

import secrets
from typing import Any
from urllib.parse import quote

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from inbox.twitter.sandbox import problems
from inbox.twitter.sandbox.access import Caller, Sandbox, endpoint
from inbox.twitter.sandbox.activity import EVENT_TYPES, REVOKE
from inbox.twitter.sandbox.connections import Caller as WebhookCaller
from inbox.twitter.sandbox.connections import Target, Unreachable
from inbox.twitter.sandbox.deliveries import signature
from inbox.twitter.sandbox.parameters import an_id, an_optional_id, read_object
from inbox.twitter.sandbox.problems import Problem, json_response
from inbox.twitter.sandbox.snowflake import now_ms
from inbox.twitter.sandbox.wire import timestamp

LONGEST_URL = 200
LONGEST_TAG = 200
MOST_WEBHOOKS = 20


@endpoint("/2/webhooks", users=False)
async def create_webhook(request: Request, sandbox: Sandbox, _caller: Caller) -> Response:
    url = _checked_url((await read_object(request)).get("url"))
    _check_is_free(sandbox, url)
    await _check_crc(sandbox, url)
    _check_is_free(sandbox, url)  # another request may have come while we waited for the answer
    webhook_id = sandbox.world.snowflakes.next()
    with sandbox.storage.transaction():
        sandbox.storage.execute("INSERT INTO webhooks VALUES (?, ?, 1, ?)", (webhook_id, url, now_ms()))
    return json_response({"data": _webhook(sandbox, webhook_id)})


@endpoint("/2/webhooks", users=False)
async def get_webhooks(_request: Request, sandbox: Sandbox, _caller: Caller) -> Response:
    ids = [row[0] for row in sandbox.storage.execute("SELECT id FROM webhooks ORDER BY id")]
    webhooks = [_webhook(sandbox, webhook_id) for webhook_id in ids]
    meta = {"meta": {"result_count": len(webhooks)}}
    return json_response({"data": webhooks, **meta} if webhooks else meta)


@endpoint("/2/webhooks/{id}", users=False)
async def validate_webhook(request: Request, sandbox: Sandbox, _caller: Caller) -> Response:
    webhook = _asked(request, sandbox)
    try:
        await _check_crc(sandbox, webhook["url"])
    except Problem:
        _set_valid(sandbox, int(webhook["id"]), False)
        raise
    _set_valid(sandbox, int(webhook["id"]), True)
    return json_response({"data": {"attempted": True}})


@endpoint("/2/webhooks/{id}", users=False)
async def delete_webhook(request: Request, sandbox: Sandbox, _caller: Caller) -> Response:
    webhook_id = int(_asked(request, sandbox)["id"])
    with sandbox.storage.transaction():
        sandbox.storage.execute("DELETE FROM subscriptions WHERE webhook_id = ?", (webhook_id,))
        sandbox.storage.execute("DELETE FROM webhooks WHERE id = ?", (webhook_id,))
        sandbox.deliveries.forget_webhook(webhook_id)
    sandbox.activity.load()
    return json_response({"data": {"deleted": True}})


@endpoint("/2/activity/subscriptions", users=False)
async def create_subscription(request: Request, sandbox: Sandbox, _caller: Caller) -> Response:
    body = await read_object(request)
    event_type, filter_ = _checked_kind(body), _checked_filter(body)
    tag, webhook_id = body.get("tag"), an_optional_id(body.get("webhook_id"), "webhook_id")
    if tag is not None and not (isinstance(tag, str) and 1 <= len(tag) <= LONGEST_TAG):
        raise problems.invalid(f"`tag` has 1 to {LONGEST_TAG} characters.", tag=str(tag)[:60])
    if event_type != REVOKE and "user_id" not in filter_:
        raise problems.invalid("`filter` needs `user_id`.", filter=str(filter_)[:60])
    if webhook_id and not _webhook(sandbox, webhook_id):
        raise problems.invalid("There is no such webhook.", webhook_id=webhook_id)
    made = sandbox.activity.subscribe(event_type, filter_, tag, webhook_id)
    total = len(sandbox.activity.subscriptions())
    return json_response({"data": {"subscription": made.as_json()}, "meta": {"total_subscriptions": total}})


@endpoint("/2/activity/subscriptions", users=False)
async def get_subscriptions(_request: Request, sandbox: Sandbox, _caller: Caller) -> Response:
    found = [subscription.as_json() for subscription in sandbox.activity.subscriptions()]
    return json_response({"data": found, "meta": {"result_count": len(found)}})


@endpoint("/2/activity/subscriptions/{id}", users=False)
async def delete_subscription(request: Request, sandbox: Sandbox, _caller: Caller) -> Response:
    if not sandbox.activity.unsubscribe(an_id(request.path_params["id"], "subscription_id")):
        raise Problem(404, "Not Found Error", "There is no such subscription.", kind="resource-not-found")
    total = len(sandbox.activity.subscriptions())
    return json_response({"data": {"deleted": True}, "meta": {"total_subscriptions": total}})


def _checked_kind(body: dict[str, Any]) -> str:
    kind = body.get("event_type")
    if not isinstance(kind, str) or kind not in EVENT_TYPES:
        raise problems.invalid("`event_type` is none that can be subscribed to.", event_type=str(kind)[:60])
    return kind


def _checked_filter(body: dict[str, Any]) -> dict[str, str]:
    asked = body.get("filter", {})
    if not isinstance(asked, dict) or set(asked) - {"user_id", "direction", "keyword"}:
        raise problems.invalid("`filter` may hold user_id, direction and keyword.", filter=str(asked)[:60])
    if not all(isinstance(value, str) for value in asked.values()):
        raise problems.invalid("The values in `filter` are strings.", filter=str(asked)[:60])
    return {**asked, "user_id": str(an_id(asked["user_id"], "user_id"))} if "user_id" in asked else asked


def _asked(request: Request, sandbox: Sandbox) -> dict[str, Any]:
    webhook = _webhook(sandbox, an_id(request.path_params["id"], "webhook_id"))
    if not webhook:
        raise Problem(404, "Not Found Error", "There is no such webhook.", kind="resource-not-found")
    return webhook


def _webhook(sandbox: Sandbox, webhook_id: int) -> dict[str, Any]:
    row = sandbox.storage.execute("SELECT id, url, valid, created_ms FROM webhooks WHERE id = ?", (webhook_id,))
    for found_id, url, valid, created_ms in row:
        return {"id": str(found_id), "url": url, "valid": bool(valid), "created_at": timestamp(created_ms)}
    return {}


def _set_valid(sandbox: Sandbox, webhook_id: int, valid: bool) -> None:
    with sandbox.storage.transaction():
        sandbox.storage.execute("UPDATE webhooks SET valid = ? WHERE id = ?", (valid, webhook_id))
        if not valid:
            sandbox.deliveries.forget_webhook(webhook_id)


def _checked_url(url: object) -> str:
    """Twitter wants https and no port; on this machine, plain http and any port are fine too."""
    if not isinstance(url, str) or not 1 <= len(url) <= LONGEST_URL or not url.isascii() or " " in url:
        raise _refused("UrlValidationFailed", f"`url` is an address of at most {LONGEST_URL} characters.", url)
    try:
        target = Target.of(url)
    except ValueError:
        raise _refused("UrlValidationFailed", "`url` is not an http address.", url) from None
    if not target.is_loopback and (target.scheme != "https" or target.port != 443):
        raise _refused("UrlValidationFailed", "`url` has to be https, without a port, except on this machine.", url)
    return url


def _check_is_free(sandbox: Sandbox, url: str) -> None:
    urls = [row[0] for row in sandbox.storage.execute("SELECT url FROM webhooks")]
    if url in urls:
        raise _refused("DuplicateUrlFailed", "This address is a webhook already.", url)
    if len(urls) >= MOST_WEBHOOKS:
        raise _refused("WebhookLimitExceeded", f"There may be {MOST_WEBHOOKS} webhooks at most.", url)


async def _check_crc(sandbox: Sandbox, url: str) -> None:
    """Ask the webhook to sign a word of ours: only the app's own server can."""
    token = secrets.token_urlsafe(24)
    caller = WebhookCaller(Target.of(url))
    try:
        answer = await caller.call("GET", query=f"crc_token={quote(token)}&nonce={secrets.token_hex(8)}")
        said = msgspec.json.decode(answer.body) if answer.status == 200 else None
    except (Unreachable, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _refused("CrcValidationFailed", f"The webhook did not answer the challenge: {error}.", url) from error
    finally:
        caller.close()
    expected = signature(sandbox.environment.consumer_secret, token.encode())
    if not isinstance(said, dict) or said.get("response_token") != expected:
        raise _refused("CrcValidationFailed", "The webhook's answer to the challenge is wrong.", url)


def _refused(code: str, message: str, url: object) -> Problem:
    return problems.invalid(f"{code}: {message}", url=str(url)[:LONGEST_URL])


ROUTES = [
    Route("/2/webhooks", create_webhook, methods=["POST"]),
    Route("/2/webhooks", get_webhooks, methods=["GET"]),
    Route("/2/webhooks/{id}", validate_webhook, methods=["PUT"]),
    Route("/2/webhooks/{id}", delete_webhook, methods=["DELETE"]),
    Route("/2/activity/subscriptions", create_subscription, methods=["POST"]),
    Route("/2/activity/subscriptions", get_subscriptions, methods=["GET"]),
    Route("/2/activity/subscriptions/{id}", delete_subscription, methods=["DELETE"]),
]
