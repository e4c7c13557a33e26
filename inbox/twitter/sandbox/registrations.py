"""Webhooks, under `/2`: where this Twitter delivers. For the app's own token."""

import asyncio
import secrets
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from inbox.twitter.sandbox import problems
from inbox.twitter.sandbox.access import Caller, Sandbox, endpoint
from inbox.twitter.sandbox.connections import Caller as WebhookCaller
from inbox.twitter.sandbox.connections import Target, Unreachable
from inbox.twitter.sandbox.deliveries import signature
from inbox.twitter.sandbox.parameters import an_id, read_object
from inbox.twitter.sandbox.problems import Problem, json_response
from inbox.twitter.sandbox.snowflake import now_ms
from inbox.twitter.sandbox.wire import timestamp

LONGEST_URL = 200
MOST_WEBHOOKS = 20
LOOKED_AFTER = 0.5  # seconds


@endpoint("/2/webhooks", users=False, billed=False)
async def create_webhook(request: Request, sandbox: Sandbox, _caller: Caller) -> Response:
    url = _checked_url((await read_object(request)).get("url"))
    _check_is_free(sandbox, url)
    await check_crc(sandbox, url)
    _check_is_free(sandbox, url)  # another request may have come while we waited for the answer
    webhook_id = sandbox.world.snowflakes.next()
    with sandbox.storage.transaction():
        sandbox.storage.execute(
            "INSERT INTO webhooks (id, url, valid, created_ms, crc_ms) VALUES (?, ?, 1, ?, ?)",
            (webhook_id, url, now_ms(), now_ms()),
        )
    return said(sandbox, webhook_of(sandbox, webhook_id))


@endpoint("/2/webhooks", users=False, billed=False)
async def get_webhooks(_request: Request, sandbox: Sandbox, _caller: Caller) -> Response:
    ids = [row[0] for row in sandbox.storage.execute("SELECT id FROM webhooks ORDER BY id")]
    webhooks = [webhook_of(sandbox, webhook_id) for webhook_id in ids]
    meta = {"meta": {"result_count": len(webhooks)}}
    return json_response({"data": webhooks, **meta} if webhooks else meta)


@endpoint("/2/webhooks/{id}", users=False, billed=False)
async def validate_webhook(request: Request, sandbox: Sandbox, _caller: Caller) -> Response:
    webhook = _asked(request, sandbox)
    try:
        await check_crc(sandbox, webhook["url"])
    except Problem:
        set_valid(sandbox, int(webhook["id"]), False)
        raise
    set_valid(sandbox, int(webhook["id"]), True)
    # The older description calls this attempted, the newer one valid.
    return json_response({"data": {"attempted" if sandbox.world.vocabulary == "tweet" else "valid": True}})


@endpoint("/2/webhooks/{id}", users=False, billed=False)
async def delete_webhook(request: Request, sandbox: Sandbox, _caller: Caller) -> Response:
    webhook_id = int(_asked(request, sandbox)["id"])
    with sandbox.storage.transaction():
        sandbox.storage.execute("DELETE FROM subscriptions WHERE webhook_id = ?", (webhook_id,))
        sandbox.storage.execute("DELETE FROM webhooks WHERE id = ?", (webhook_id,))
        sandbox.deliveries.forget_webhook(webhook_id)
    sandbox.activity.load()
    return json_response({"data": {"deleted": True}})


def _asked(request: Request, sandbox: Sandbox) -> dict[str, Any]:
    webhook = webhook_of(sandbox, an_id(request.path_params["id"], "webhook_id"))
    if not webhook:
        raise problems.no_such("webhook")
    return webhook


def webhook_of(sandbox: Sandbox, webhook_id: int) -> dict[str, Any]:
    row = sandbox.storage.execute("SELECT id, url, valid, created_ms FROM webhooks WHERE id = ?", (webhook_id,))
    for found_id, url, valid, created_ms in row:
        return {"id": str(found_id), "url": url, "valid": bool(valid), "created_at": timestamp(created_ms)}
    return {}


def set_valid(sandbox: Sandbox, webhook_id: int, valid: bool) -> None:
    with sandbox.storage.transaction():
        sandbox.storage.execute(
            "UPDATE webhooks SET valid = ?, crc_ms = ? WHERE id = ?",
            (valid, now_ms(), webhook_id),
        )
        if not valid:
            sandbox.deliveries.forget_webhook(webhook_id)


def said(sandbox: Sandbox, data: dict[str, Any]) -> Response:
    """The older description has it without `data`, everybody else with it: so it is there twice."""
    return json_response({"data": data, **data} if sandbox.world.vocabulary == "tweet" else {"data": data})


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


async def check_crc(sandbox: Sandbox, url: str) -> None:
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


async def challenge(sandbox: Sandbox, webhook_ids: Iterable[int]) -> dict[str, bool]:
    """Challenge these webhooks again; those that fail are valid no more."""
    found = {}
    for webhook_id in webhook_ids:
        webhook = webhook_of(sandbox, webhook_id)
        try:
            await check_crc(sandbox, webhook["url"])
            found[webhook["id"]] = True
        except Problem:
            found[webhook["id"]] = False
        if found[webhook["id"]] or webhook["valid"]:
            # Passing a challenge does not revive a webhook: only its owner does, by asking for one.
            set_valid(sandbox, webhook_id, found[webhook["id"]] and webhook["valid"])
    return found


async def challenge_again(sandbox: Sandbox) -> None:
    """From time to time, as a setting says, challenge the webhooks that are valid."""
    while True:
        await asyncio.sleep(LOOKED_AFTER)
        if seconds := sandbox.world.settings["crc_seconds"]:
            due = sandbox.storage.execute(
                "SELECT id FROM webhooks WHERE valid AND crc_ms < ?", (now_ms() - int(seconds * 1000),)
            )
            await challenge(sandbox, [row[0] for row in due])


ROUTES = [
    Route("/2/webhooks", create_webhook, methods=["POST"]),
    Route("/2/webhooks", get_webhooks, methods=["GET"]),
    Route("/2/webhooks/{id}", validate_webhook, methods=["PUT"]),
    Route("/2/webhooks/{id}", delete_webhook, methods=["DELETE"]),
]
