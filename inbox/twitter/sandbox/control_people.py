"""The control surface for what people do beside writing: their profiles, whom they follow, edits, likes."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from inbox.twitter.sandbox import authorship, edits, old_events, people
from inbox.twitter.sandbox.access import Sandbox
from inbox.twitter.sandbox.asking import person, sandbox_of, tweet_in
from inbox.twitter.sandbox.authorship import Draft
from inbox.twitter.sandbox.parameters import read_object
from inbox.twitter.sandbox.problems import json_response, malformed
from inbox.twitter.sandbox.world import USERNAME, Account
from inbox.twitter.sandbox.writing_api import keep, set_like

SWITCHES = ("protected", "suspended", "verified")
# What an account may change about itself → the event that tells of it.
PROFILE = {
    "username": "profile.update.handle",
    "name": "profile.update.screenname",
    "description": "profile.update.bio",
    "location": "profile.update.geo",
    "url": "profile.update.url",
}
TAKES_PRIVATE = ("everyone", "followers", "nobody")
# The events of relations: when it begins, when it ends, and what the old shape calls it.
RELATIONS = {
    "follow": ("follow.follow", "follow.unfollow", "follow"),
    "block": ("block.block", "block.unblock", "block"),
    "mute": ("mute.mute", "mute.unmute", "mute"),
    "private_block": ("", "", ""),
}


async def change_account(request: Request) -> Response:
    body, sandbox = await read_object(request), sandbox_of(request)
    account = person(sandbox, request.path_params["who"], "account")
    changes = _checked(sandbox, account, body)
    with sandbox.storage.transaction():
        changed = sandbox.world.change_account(account.id, changes)
        for name, event_type in PROFILE.items():
            if name in changes and getattr(account, name) != changes[name]:
                payload = {"before": getattr(account, name), "after": changes[name]}
                sandbox.activity.announce_act(event_type, account.id, payload)
        if "picture" in changes:
            address = f"{sandbox.environment.public_url}/avatar/{account.id}.svg"
            payload = {"before": address, "after": f"{address}?{changes['picture']}"}
            sandbox.activity.announce_act("profile.update.profile_picture", account.id, payload)
        if "verified" in changes and bool(account.verified) != bool(changes["verified"]):
            payload = {"before": str(bool(account.verified)).lower(), "after": str(bool(changes["verified"])).lower()}
            sandbox.activity.announce_act("profile.update.verified_badge", account.id, payload)
    sandbox.deliveries.wake()
    return json_response(shown(changed))


async def relate(request: Request) -> Response:
    """One follows, blocks or mutes the other; both sides' subscribers hear of following, and only one's of the rest."""
    kind, source, target, sandbox = await _relation(request)
    with sandbox.storage.transaction():
        if people.relate(sandbox.world, kind, source.id, target.id):
            _announce(sandbox, kind, source, target, begins=True)
    sandbox.deliveries.wake()
    return json_response({"related": True})


async def unrelate(request: Request) -> Response:
    kind, source, target, sandbox = await _relation(request)
    with sandbox.storage.transaction():
        if people.unrelate(sandbox.world, kind, source.id, target.id):
            _announce(sandbox, kind, source, target, begins=False)
    sandbox.deliveries.wake()
    return json_response({"related": False})


async def edit(request: Request) -> Response:
    body, sandbox, tweet = await read_object(request), sandbox_of(request), tweet_in(request)
    author = sandbox.world.account(tweet.author_id)
    if not isinstance(body.get("text"), str) or not author:
        raise malformed("`text` is what the tweet shall say now.")
    with sandbox.storage.transaction():
        version = edits.edit(
            sandbox.world,
            sandbox.activity.drawing,
            author,
            tweet,
            Draft(body["text"]),
            is_forced=bool(body.get("force")),
        )
        sandbox.activity.announce([(version, None)])
    sandbox.deliveries.wake()
    versions = sandbox.world.versions([version])[version.chain]
    return json_response({"id": str(version.id), "versions": [str(one) for one in versions]})


async def delete(request: Request) -> Response:
    sandbox, tweet = sandbox_of(request), tweet_in(request)
    with sandbox.storage.transaction():
        sandbox.world.delete_tweet(tweet)
        sandbox.activity.announce_deletion(tweet)
    sandbox.deliveries.wake()
    return json_response({"deleted": True})


async def like(request: Request) -> Response:
    return await _like(request, is_liked=True)


async def unlike(request: Request) -> Response:
    return await _like(request, is_liked=False)


async def repost(request: Request) -> Response:
    body, sandbox, tweet = await read_object(request), sandbox_of(request), tweet_in(request)
    with sandbox.storage.transaction():
        passed_on, is_new = authorship.repost(sandbox.world, person(sandbox, body.get("from")), tweet)
        if is_new:
            sandbox.activity.announce([(passed_on, None)])
    sandbox.deliveries.wake()
    return json_response({"id": str(passed_on.id)})


def shown(account: Account) -> dict[str, Any]:
    return {
        "id": str(account.id),
        "username": account.username,
        "name": account.name,
        "followers": account.followers,
        "description": account.description,
        "protected": bool(account.protected),
        "suspended": bool(account.suspended),
        "verified": bool(account.verified),
        "takes_private": account.takes_private,
    }


async def _like(request: Request, *, is_liked: bool) -> Response:
    body, sandbox, tweet = await read_object(request), sandbox_of(request), tweet_in(request)
    with sandbox.storage.transaction():
        set_like(sandbox, person(sandbox, body.get("from")), tweet, is_liked=is_liked)
    sandbox.deliveries.wake()
    return json_response({"liked": is_liked})


async def _relation(request: Request) -> tuple[str, Account, Account, Sandbox]:
    body, sandbox = await read_object(request), sandbox_of(request)
    kind = body.get("kind")
    if kind not in RELATIONS:
        raise malformed(f"`kind` is one of {', '.join(RELATIONS)}.")
    return kind, person(sandbox, body.get("from")), person(sandbox, body.get("to"), "to"), sandbox


def _announce(sandbox: Sandbox, kind: str, source: Account, target: Account, *, begins: bool) -> None:
    keep(sandbox, kind if begins else f"un{kind}", source.id, target.id)
    event_types = RELATIONS[kind]
    event_type = event_types[0] if begins else event_types[1]
    if not event_type:
        return
    activity = sandbox.activity
    payload = {"source": activity.user(source), "target": activity.user(target)}
    old = old_events.relation(event_type.split(".")[1], event_types[2], source, target, activity.public_url)
    for user_id in (source.id, target.id) if kind == "follow" else (source.id,):
        activity.announce_act(event_type, user_id, payload, old)


def _is_word(name: str, value: object) -> bool:
    if name in PROFILE:
        return isinstance(value, str) and len(value) <= 160
    return name == "takes_private" and value in TAKES_PRIVATE


def _checked(sandbox: Sandbox, account: Account, body: dict[str, Any]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for name, value in body.items():
        if name in SWITCHES and isinstance(value, bool):
            changes[name] = int(value)
        elif _is_word(name, value):
            changes[name] = value
        elif name == "picture" and value is True:
            changes[name] = account.picture + 1
        elif name == "followers" and isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31:
            changes[name] = value
        else:
            raise malformed(f"`{name[:60]}` is not something of an account, or cannot be that.")
    if "username" in changes:
        other = sandbox.world.account_named(changes["username"])
        if not USERNAME.fullmatch(changes["username"]) or (other and other.id != account.id):
            raise malformed("`username` is taken, or cannot be one.")
    return changes


ROUTES = [
    Route("/sandbox/accounts/{who}", change_account, methods=["PATCH"]),
    Route("/sandbox/relations", relate, methods=["PUT"]),
    Route("/sandbox/relations", unrelate, methods=["DELETE"]),
    Route("/sandbox/tweets/{id}/edits", edit, methods=["POST"]),
    Route("/sandbox/tweets/{id}/likes", like, methods=["PUT"]),
    Route("/sandbox/tweets/{id}/likes", unlike, methods=["DELETE"]),
    Route("/sandbox/tweets/{id}/reposts", repost, methods=["POST"]),
    Route("/sandbox/tweets/{id}", delete, methods=["DELETE"]),
]
