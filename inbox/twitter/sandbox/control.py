"""The control surface, under `/sandbox`: for tests, replays, scenarios and trainers. Twitter has nothing like it.

Bodies and answers are JSON, ids are strings, and people are named by id or by username. GET /sandbox/settings shows
every switch, GET /sandbox/faults every fault (`{"name", "times"?, "seconds"?, "user_id"?, "act"?}`; an `act` of
`faults.ACTS` confines a fault of posting to one kind of writing).

Here: accounts, tokens, tweets, ledger, deliveries, faults, settings, reset.

    POST  /sandbox/users          {"username", "name"?, "id"?, "followers"?, ...}, or a list of them
    POST  /sandbox/tokens         {"user_id"}; DELETE ends all tokens and grants, and announces oauth.revoke
    POST  /sandbox/tweets         {"tweets": [{"author_id", "text", "in_reply_to_tweet_id"?, "quote_tweet_id"?,
                                  "media"?: ["photo" | "gif" | "video" | {"kind", "alt_text"?}], "reply_settings"?,
                                  "created_at"?, "id"?, "lang"?, "for"?: [...]}], "deliver"?: true}
    GET   /sandbox/ledger         every tweet there ever was, one JSON line each, `?after_id=`; with
                                  `?kind=private`, every private message; with `?kind=acts`, hiding, likes and so on
    GET   /sandbox/deliveries     how many events wait, were delivered, given up or withheld
    PUT   /sandbox/settings       {name: value}; POST does the same
    POST  /sandbox/reset

In `control_people`: what people do beside writing.

    PATCH /sandbox/accounts/{who} {"protected"?, "suspended"?, "verified"?, "takes_private"?: "everyone" | "followers" |
                                  "nobody", "name"?, "username"?, "description"?, "location"?, "url"?, "picture"?: true,
                                  "followers"?}; profile changes are announced
    PUT   /sandbox/relations      {"kind": "follow" | "block" | "mute" | "private_block", "from", "to"}; DELETE ends it
    POST  /sandbox/tweets/{id}/edits     {"text", "force"?}, as its author
    DELETE /sandbox/tweets/{id}          as its author
    PUT   /sandbox/tweets/{id}/likes     {"from"}; DELETE with {"from"} ends it
    POST  /sandbox/tweets/{id}/reposts   {"from"}

In `control_private`: private messages.

    POST  /sandbox/private        {"from", "to" | "conversation_id", "text", "media"?: "photo" | "gif" | "video",
                                  "encrypted"?, "id"?, "deliver"?}
    POST  /sandbox/private/read   {"from", "to"}: somebody read what the other wrote
    POST  /sandbox/private/typing {"from", "to"}
    DELETE /sandbox/private/{id}  as its sender

In `control_network`: webhooks, streams, money.

    POST  /sandbox/webhooks/invalidation {"webhook_id"?}: no longer valid until it is validated again
    POST  /sandbox/webhooks/challenges   challenge every webhook now; those that fail are no longer valid
    POST  /sandbox/stream/disconnection  end all streams with an operational-disconnect
    POST  /sandbox/absence        {"seconds"}: nobody can connect at all for so long, and open connections break
    GET   /sandbox/spending       what was spent on what, and the credits that are left (`credits` is a setting)
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from inbox.twitter.sandbox import authorship, settings
from inbox.twitter.sandbox.access import Sandbox
from inbox.twitter.sandbox.asking import make_media
from inbox.twitter.sandbox.authorship import Recorded
from inbox.twitter.sandbox.faults import KINDS, Fault
from inbox.twitter.sandbox.parameters import (
    CONTROL_LIMIT,
    an_id,
    an_instant,
    an_optional_id,
    read_json,
    read_object,
)
from inbox.twitter.sandbox.problems import Problem, json_response, malformed
from inbox.twitter.sandbox.snowflake import first_of
from inbox.twitter.sandbox.world import USERNAME, Account

LONGEST_TEXT = 25_000
LONGEST_NAME = 50
LONGEST_FAULT = 3_600  # seconds


async def healthz(request: Request) -> Response:
    _sandbox(request).storage.execute("SELECT 1")
    return json_response({"status": "ok"})


# -- accounts and tokens -----------------------------------------------------------------------------------------


async def add_users(request: Request) -> Response:
    asked, sandbox = await read_json(request, CONTROL_LIMIT), _sandbox(request)
    with sandbox.storage.transaction():
        accounts = [_add_user(sandbox, one) for one in (asked if isinstance(asked, list) else [asked])]
    shown = [_user(account) for account in accounts]
    return json_response(shown if isinstance(asked, list) else shown[0])


async def add_token(request: Request) -> Response:
    account = await _account_asked(request)
    return json_response({"access_token": _sandbox(request).world.issue_token(account.id), "token_type": "bearer"})


async def revoke_tokens(request: Request) -> Response:
    account, sandbox = await _account_asked(request), _sandbox(request)
    with sandbox.storage.transaction():
        revoked = sandbox.world.revoke_tokens(account.id) + sandbox.grants.revoke_of(account.id)
        sandbox.activity.announce_revocation(account.id)
    sandbox.deliveries.wake()
    return json_response({"revoked": revoked})


def _add_user(sandbox: Sandbox, one: object) -> Account:
    if not isinstance(one, dict):
        raise malformed("A user is an object with username and name.")
    username, name, followers = one.get("username"), one.get("name", one.get("username")), one.get("followers", 0)
    if not isinstance(username, str) or not USERNAME.fullmatch(username):
        raise malformed(f"`username` has 1 to 15 letters, digits or underscores, and not '{str(username)[:60]}'.")
    if not isinstance(name, str) or len(name) > LONGEST_NAME:
        raise malformed(f"`name` is a text of at most {LONGEST_NAME} characters.")
    if not isinstance(followers, int) or isinstance(followers, bool) or not 0 <= followers < 2**31:
        raise malformed("`followers` is a whole number.")
    return sandbox.world.add_account(username, name, an_optional_id(one.get("id"), "id"), followers)


async def _account_asked(request: Request) -> Account:
    user_id = an_id((await read_object(request)).get("user_id"), "user_id")
    account = _sandbox(request).world.account(user_id)
    if not account:
        raise malformed(f"There is no account with the id {user_id}.")
    return account


def _user(account: Account) -> dict[str, Any]:
    return {
        "id": str(account.id),
        "username": account.username,
        "name": account.name,
        "followers": account.followers,
    }


# -- tweets ------------------------------------------------------------------------------------------------------


async def add_tweets(request: Request) -> Response:
    """Many tweets at once, all or none."""
    body, sandbox = await read_object(request, CONTROL_LIMIT), _sandbox(request)
    asked = body.get("tweets")
    if not isinstance(asked, list):
        raise malformed("`tweets` is a list.")
    recorded = _recorded(sandbox, asked)
    with sandbox.storage.transaction():
        for one in recorded:
            owner = sandbox.world.account(one.author_id)
            one.media = [make_media(sandbox, owner, medium, "tweet_") for medium in one.media if owner]
        created, ids = authorship.record(sandbox.world, recorded)
        if body.get("deliver", True):
            sandbox.activity.announce([(tweet, one.audience) for tweet, one in created])
    sandbox.deliveries.wake()
    counts = {"created": len(created), "already": len(ids) - len(created)}
    return json_response({**counts, "ids": [str(tweet_id) for tweet_id in ids]})


def _recorded(sandbox: Sandbox, asked: list[Any]) -> list[Recorded]:
    recorded = []
    for number, one in enumerate(asked):
        try:
            recorded.append(_one_recorded(one))
        except Problem as problem:
            reason = problem.errors[0]["message"] if problem.errors else problem.detail
            raise malformed(f"Tweet number {number} of the list: {reason}") from problem
    authors = sandbox.world.accounts(one.author_id for one in recorded)
    for number, one in enumerate(recorded):
        if one.author_id not in authors:
            raise malformed(f"Tweet number {number} of the list: there is no account with the id {one.author_id}.")
    return recorded


def _one_recorded(one: object) -> Recorded:
    if not isinstance(one, dict):
        raise malformed("a tweet is an object with author_id and text.")
    text, lang, audience = one.get("text"), one.get("lang"), one.get("for")
    if not isinstance(text, str) or not text.strip() or len(text) > LONGEST_TEXT:
        raise malformed(f"`text` has 1 to {LONGEST_TEXT} characters.")
    if not isinstance(lang, str | None) or len(lang or "") > 20:
        raise malformed("`lang` is a language tag.")
    if not isinstance(one.get("media"), list | None):
        raise malformed("`media` is a list.")
    if not isinstance(audience, list | None):
        raise malformed("`for` is a list of user ids.")
    return Recorded(
        author_id=an_id(one.get("author_id"), "author_id"),
        text=text,
        id=an_optional_id(one.get("id"), "id"),
        created_ms=_created_ms(one),
        in_reply_to_id=an_optional_id(one.get("in_reply_to_tweet_id"), "in_reply_to_tweet_id"),
        quoted_id=an_optional_id(one.get("quote_tweet_id"), "quote_tweet_id"),
        reposted_id=an_optional_id(one.get("retweet_of_tweet_id"), "retweet_of_tweet_id"),
        lang=lang,
        audience=None if audience is None else tuple(an_id(user_id, "for") for user_id in audience),
        names=_names(one.get("mentions")),
        media=one.get("media") or [],
        reply_settings=str(one.get("reply_settings") or "everyone")[:20],
    )


def _created_ms(one: dict[str, Any]) -> int | None:
    if one.get("created_at") is None:
        return None
    created_ms = an_instant(one["created_at"], "created_at")
    if not 0 < first_of(created_ms) < 2**63 - 2**30:
        raise malformed("`created_at` is before Twitter began, or too far in the future.")
    return created_ms


def _names(asked: object) -> dict[str, str]:
    if asked is None:
        return {}
    if not isinstance(asked, list) or not all(isinstance(one, dict) for one in asked):
        raise malformed("`mentions` is a list of objects with username and id.")
    return {str(one.get("username", "")).lower(): str(an_id(one.get("id"), "mentions.id")) for one in asked}


# -- deliveries, faults, settings --------------------------------------------------------------------------------


async def deliveries(request: Request) -> Response:
    return json_response(_sandbox(request).deliveries.counts())


async def get_faults(request: Request) -> Response:
    active = [_fault(fault) for fault in _sandbox(request).faults.active()]
    known = [{"name": kind.name, "where": kind.where, "about": kind.about} for kind in KINDS.values()]
    return json_response({"faults": active, "known": known})


async def add_fault(request: Request) -> Response:
    body, sandbox = await read_object(request), _sandbox(request)
    if unknown := set(body) - {"name", "times", "seconds", "user_id", "act"}:
        raise malformed(f"A fault has name, times, seconds, user_id and act, but no {sorted(unknown)[0][:60]}.")
    times, seconds = body.get("times"), body.get("seconds")
    if times is not None and (not isinstance(times, int) or isinstance(times, bool) or not 1 <= times <= 1_000_000):
        raise malformed("`times` is a whole number from 1 to 1,000,000.")
    if seconds is not None and (
        not isinstance(seconds, int | float) or isinstance(seconds, bool) or not 0 <= seconds <= LONGEST_FAULT
    ):
        raise malformed(f"`seconds` is a number from 0 to {LONGEST_FAULT}.")
    user_id, act = an_optional_id(body.get("user_id"), "user_id") or 0, str(body.get("act") or "")[:60]
    sandbox.faults.switch_on(str(body.get("name"))[:60], times=times, seconds=seconds, user_id=user_id, act=act)
    return json_response({"faults": [_fault(fault) for fault in sandbox.faults.active()]})


async def remove_fault(request: Request) -> Response:
    name, sandbox = request.path_params["name"], _sandbox(request)
    if name not in KINDS:
        raise Problem(404, "Not Found", f"There is no fault called '{name[:60]}'.")
    removed = sandbox.faults.switch_off(name)
    return json_response({"removed": removed, "faults": [_fault(fault) for fault in sandbox.faults.active()]})


async def get_settings(request: Request) -> Response:
    return json_response(_sandbox(request).world.settings)


async def change_settings(request: Request) -> Response:
    changes, world = await read_object(request), _sandbox(request).world
    settings.check(changes)
    world.change_settings(changes)
    return json_response(world.settings)


async def reset(request: Request) -> Response:
    sandbox = _sandbox(request)
    sandbox.deliveries.forget_everything()
    sandbox.world.reset()
    sandbox.stream.end_all()
    sandbox.stream.rules.load()
    sandbox.faults.load()
    sandbox.activity.load()
    sandbox.allowances.used.clear()
    return json_response({"reset": True})


def _fault(fault: Fault) -> dict[str, Any]:
    return {
        "name": fault.name,
        "times": fault.times,
        "seconds": fault.seconds,
        "user_id": str(fault.user_id) if fault.user_id else None,
        "act": fault.act or None,
    }


def _sandbox(request: Request) -> Sandbox:
    return request.app.state.sandbox


ROUTES = [
    Route("/sandbox/healthz", healthz, methods=["GET"]),
    Route("/sandbox/users", add_users, methods=["POST"]),
    Route("/sandbox/tokens", add_token, methods=["POST"]),
    Route("/sandbox/tokens", revoke_tokens, methods=["DELETE"]),
    Route("/sandbox/tweets", add_tweets, methods=["POST"]),
    Route("/sandbox/deliveries", deliveries, methods=["GET"]),
    Route("/sandbox/faults", get_faults, methods=["GET"]),
    Route("/sandbox/faults", add_fault, methods=["POST"]),
    Route("/sandbox/faults/{name}", remove_fault, methods=["DELETE"]),
    Route("/sandbox/settings", get_settings, methods=["GET"]),
    Route("/sandbox/settings", change_settings, methods=["POST", "PUT"]),
    Route("/sandbox/reset", reset, methods=["POST"]),
]
