"""Subscriptions under `/2`: which events are delivered to whom, of X's Activity API and of the one before it."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from inbox.twitter.sandbox import problems
from inbox.twitter.sandbox.access import Caller, Sandbox, endpoint
from inbox.twitter.sandbox.parameters import an_id, an_optional_id, read_object
from inbox.twitter.sandbox.problems import json_response
from inbox.twitter.sandbox.registrations import webhook_of
from inbox.twitter.sandbox.subscriptions import EVENT_TYPES, OLD_KIND, Subscription, scope_needed

LONGEST_TAG = 200
WITHOUT_USER = ("oauth.revoke", "news.new")
OLD_LIMIT = {"self_serve": 3, "enterprise": 5_000}
APP_ID = "29820954"
OLD = "/2/account_activity/webhooks/{id}/subscriptions"


@endpoint("/2/activity/subscriptions", billed=False)
async def create(request: Request, sandbox: Sandbox, _caller: Caller) -> Response:
    body = await read_object(request)
    event_type, filter_ = _checked_kind(body), _checked_filter(body)
    tag, webhook_id = _checked_tag(body), _checked_webhook(sandbox, body)
    if event_type not in WITHOUT_USER:
        if "user_id" not in filter_:
            raise problems.invalid("`filter` needs `user_id`.", filter=str(filter_)[:60])
        _check_grant(sandbox, event_type, int(filter_["user_id"]))
    made = sandbox.activity.subscribe(event_type, filter_, tag, webhook_id)
    return _made(sandbox, made)


@endpoint("/2/activity/subscriptions", billed=False)
async def get(_request: Request, sandbox: Sandbox, _caller: Caller) -> Response:
    found = [subscription.as_json() for subscription in sandbox.activity.subscriptions()]
    return json_response({"data": found, "meta": {"result_count": len(found)}})


@endpoint("/2/activity/subscriptions/{id}", users=False, billed=False)
async def change(request: Request, sandbox: Sandbox, _caller: Caller) -> Response:
    body = await read_object(request)
    changes: dict[str, Any] = {}
    if unknown := sorted(set(body) - {"tag", "webhook_id"}):
        raise problems.invalid(f"[{unknown[0][:60]}] cannot be changed.", **{unknown[0][:60]: ""})
    if "tag" in body:
        changes["tag"] = _checked_tag(body)
    if "webhook_id" in body:
        changes["webhook_id"] = _checked_webhook(sandbox, body)
    changed = sandbox.activity.change(an_id(request.path_params["id"], "subscription_id"), changes)
    if not changed:
        raise problems.no_such("subscription")
    total = len(sandbox.activity.subscriptions())
    return json_response({"data": {"subscription": changed.as_json(), "total_subscriptions": total}})


@endpoint("/2/activity/subscriptions/{id}", users=False, billed=False)
async def delete(request: Request, sandbox: Sandbox, _caller: Caller) -> Response:
    if not sandbox.activity.unsubscribe(an_id(request.path_params["id"], "subscription_id")):
        raise problems.no_such("subscription")
    total = len(sandbox.activity.subscriptions())
    return json_response({"data": {"deleted": True}, "meta": {"total_subscriptions": total}})


@endpoint("/2/activity/subscriptions", users=False, billed=False)
async def delete_many(request: Request, sandbox: Sandbox, _caller: Caller) -> Response:
    asked = [one for one in request.query_params.get("ids", "").split(",") if one]
    if not 1 <= len(asked) <= 100:
        raise problems.invalid("`ids` names 1 to 100 subscriptions.", ids=",".join(asked)[:60])
    gone = {one: sandbox.activity.unsubscribe(an_id(one, "ids")) for one in asked}
    meta = {"total_subscriptions": len(sandbox.activity.subscriptions())}
    if sandbox.world.vocabulary == "tweet":
        return json_response({"data": {"deleted": any(gone.values())}, "meta": meta})
    data = [{"subscription_id": one, "deleted": True} for one, was in gone.items() if was]
    body: dict[str, Any] = {"data": data, "meta": meta}
    errors = [
        {"subscription_id": one, "message": "There is no such subscription.", "reason": "not-found"}
        for one, was in gone.items()
        if not was
    ]
    return json_response({**body, "errors": errors} if errors else body)


# -- the API before ----------------------------------------------------------------------------------------------


@endpoint(f"{OLD}/all", app=False, billed=False)
async def create_old(request: Request, sandbox: Sandbox, caller: Caller) -> Response:
    webhook_id = _webhook_asked(request, sandbox)
    limit = OLD_LIMIT[sandbox.world.settings["plan"]]
    if len(_old(sandbox)) >= limit:
        raise problems.forbidden(f"You have reached the limit of {limit} subscriptions.")
    sandbox.activity.subscribe(OLD_KIND, {"user_id": str(caller.user_id)}, None, webhook_id)
    return json_response({"data": {"subscribed": True}})


@endpoint(f"{OLD}/all", app=False, billed=False)
async def check_old(request: Request, sandbox: Sandbox, caller: Caller) -> Response:
    webhook_id = _webhook_asked(request, sandbox)
    found = any(one.user_id == caller.user_id and one.webhook_id == webhook_id for one in _old(sandbox))
    return json_response({"data": {"subscribed": found}})


@endpoint(f"{OLD}/all/list", users=False, billed=False)
async def list_old(request: Request, sandbox: Sandbox, _caller: Caller) -> Response:
    webhook_id = _webhook_asked(request, sandbox)
    users = [{"user_id": str(one.user_id)} for one in _old(sandbox) if one.webhook_id == webhook_id]
    webhook = webhook_of(sandbox, webhook_id)
    data = {
        "application_id": APP_ID,
        "subscriptions": users,
        "webhook_id": webhook["id"],
        "webhook_url": webhook["url"],
    }
    return json_response({"data": data})


@endpoint(f"{OLD}/{{user_id}}/all", users=False, billed=False)
async def delete_old(request: Request, sandbox: Sandbox, _caller: Caller) -> Response:
    user_id = an_id(request.path_params["user_id"], "user_id")
    for one in _old(sandbox):
        if one.user_id == user_id:
            sandbox.activity.unsubscribe(one.id)
    return json_response({"data": {"subscribed": False}})


@endpoint("/2/account_activity/subscriptions/count", users=False, billed=False)
async def count_old(_request: Request, sandbox: Sandbox, _caller: Caller) -> Response:
    count, limit = len(_old(sandbox)), OLD_LIMIT[sandbox.world.settings["plan"]]
    data = {
        "account_name": "sandbox",
        "provisioned_count": str(limit),
        "subscriptions_count_all": str(count),
        "subscriptions_count_direct_messages": "0",
    }
    return json_response({"data": data})


def _old(sandbox: Sandbox) -> list[Subscription]:
    return [one for one in sandbox.activity.subscriptions(with_old=True) if one.event_type == OLD_KIND]


def _webhook_asked(request: Request, sandbox: Sandbox) -> int:
    webhook_id = an_id(request.path_params["id"], "webhook_id")
    if not webhook_of(sandbox, webhook_id):
        raise problems.no_such("webhook")
    return webhook_id


# -- what is asked, and what is answered -------------------------------------------------------------------------


def _made(sandbox: Sandbox, made: Subscription) -> Response:
    """X's own words show three shapes of this answer."""
    shown, total = made.as_json(), len(sandbox.activity.subscriptions())
    shape = sandbox.world.settings["subscription_shape"]
    data = {"spec": {"subscription": shown}, "object": shown, "list": [shown]}[shape]
    return json_response(
        {"data": data, "meta": {"total_subscriptions": total}} if shape != "object" else {"data": data}
    )


def _check_grant(sandbox: Sandbox, event_type: str, user_id: int) -> None:
    """What is private needs the account's own permission; what everybody sees does not."""
    scope = scope_needed(event_type)
    if scope and sandbox.world.settings["grants_checked"] and not _allows(sandbox, user_id, scope):
        raise problems.forbidden(f"The account {user_id} has not granted this app what [{event_type}] needs: {scope}.")


def _allows(sandbox: Sandbox, user_id: int, scope: str) -> bool:
    scopes = sandbox.grants.scopes_of(user_id)
    return scope in scopes or sandbox.world.has_token(user_id)


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
    if asked.get("direction", "inbound") not in ("inbound", "outbound"):
        raise problems.invalid("`direction` is inbound or outbound.", filter=str(asked)[:60])
    return {**asked, "user_id": str(an_id(asked["user_id"], "user_id"))} if "user_id" in asked else asked


def _checked_tag(body: dict[str, Any]) -> str | None:
    tag = body.get("tag")
    if tag is not None and not (isinstance(tag, str) and 1 <= len(tag) <= LONGEST_TAG):
        raise problems.invalid(f"`tag` has 1 to {LONGEST_TAG} characters.", tag=str(tag)[:60])
    return tag


def _checked_webhook(sandbox: Sandbox, body: dict[str, Any]) -> int | None:
    webhook_id = an_optional_id(body.get("webhook_id"), "webhook_id")
    if webhook_id and not webhook_of(sandbox, webhook_id):
        raise problems.invalid("There is no such webhook.", webhook_id=webhook_id)
    return webhook_id


ROUTES = [
    Route("/2/activity/subscriptions", create, methods=["POST"]),
    Route("/2/activity/subscriptions", get, methods=["GET"]),
    Route("/2/activity/subscriptions", delete_many, methods=["DELETE"]),
    Route("/2/activity/subscriptions/{id}", change, methods=["PUT"]),
    Route("/2/activity/subscriptions/{id}", delete, methods=["DELETE"]),
    Route("/2/account_activity/subscriptions/count", count_old, methods=["GET"]),
    Route(f"{OLD}/all", create_old, methods=["POST"]),
    Route(f"{OLD}/all", check_old, methods=["GET"]),
    Route(f"{OLD}/all/list", list_old, methods=["GET"]),
    Route(f"{OLD}/{{user_id}}/all", delete_old, methods=["DELETE"]),
]
