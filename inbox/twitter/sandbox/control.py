"""The control surface, under `/sandbox`: for tests, replays and trainers. Twitter has nothing like it."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from inbox.twitter.sandbox import authorship
from inbox.twitter.sandbox.access import Sandbox
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
from inbox.twitter.sandbox.wire import timestamp
from inbox.twitter.sandbox.world import SECONDS, SETTINGS, USERNAME, Account, Tweet

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
        created, ids = authorship.record(sandbox.world, recorded)
        if body.get("deliver", True):
            sandbox.activity.announce([(tweet, one.audience) for tweet, one in created])
    sandbox.deliveries.wake()
    counts = {"created": len(created), "already": len(ids) - len(created)}
    return json_response({**counts, "ids": [str(tweet_id) for tweet_id in ids]})


async def ledger(request: Request) -> Response:
    """Every tweet there ever was, one JSON line each."""
    after = request.query_params.get("after_id", "0")
    after_id = 0 if after == "0" else an_id(after, "after_id")
    lines = _lines(_sandbox(request).world.ledger(after_id))
    return StreamingResponse(lines, media_type="application/x-ndjson")


async def _lines(tweets: Iterator[Tweet]) -> AsyncIterator[bytes]:
    for tweet in tweets:
        yield msgspec.json.encode(_line(tweet)) + b"\n"


def _line(tweet: Tweet) -> dict[str, Any]:
    return {
        "id": str(tweet.id),
        "author_id": str(tweet.author_id),
        "text": tweet.text,
        "in_reply_to_tweet_id": tweet.in_reply_to_id and str(tweet.in_reply_to_id),
        "conversation_id": str(tweet.conversation_id),
        "created_at": timestamp(tweet.created_ms),
        "deleted": tweet.deleted_ms is not None,
    }


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
    if unknown := set(body) - {"name", "times", "seconds", "user_id"}:
        raise malformed(f"A fault has name, times, seconds and user_id, but no {sorted(unknown)[0][:60]}.")
    times, seconds = body.get("times"), body.get("seconds")
    if times is not None and (not isinstance(times, int) or isinstance(times, bool) or not 1 <= times <= 1_000_000):
        raise malformed("`times` is a whole number from 1 to 1,000,000.")
    if seconds is not None and (
        not isinstance(seconds, int | float) or isinstance(seconds, bool) or not 0 <= seconds <= LONGEST_FAULT
    ):
        raise malformed(f"`seconds` is a number from 0 to {LONGEST_FAULT}.")
    user_id = an_optional_id(body.get("user_id"), "user_id") or 0
    sandbox.faults.switch_on(str(body.get("name"))[:60], times=times, seconds=seconds, user_id=user_id)
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
    for name, value in changes.items():
        if name not in SETTINGS:
            raise malformed(f"There is no setting called '{name[:60]}'. There are: {', '.join(SETTINGS)}.")
        if name in SECONDS:
            _check_seconds(name, value)
            continue
        allowed = ("tweet", "post") if name == "vocabulary" else (True, False)
        if value not in allowed or type(value) is not type(SETTINGS[name]):
            raise malformed(f"`{name}` is one of {', '.join(str(one).lower() for one in allowed)}.")
    world.change_settings(changes)
    return json_response(world.settings)


def _check_seconds(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 86_400:
        raise malformed(f"`{name}` is a whole number of seconds, at most a day.")


async def reset(request: Request) -> Response:
    sandbox = _sandbox(request)
    sandbox.deliveries.forget_everything()
    sandbox.world.reset()
    sandbox.activity.load()
    sandbox.allowances.used.clear()
    return json_response({"reset": True})


def _fault(fault: Fault) -> dict[str, Any]:
    return {
        "name": fault.name,
        "times": fault.times,
        "seconds": fault.seconds,
        "user_id": str(fault.user_id) if fault.user_id else None,
    }


def _sandbox(request: Request) -> Sandbox:
    return request.app.state.sandbox


ROUTES = [
    Route("/sandbox/healthz", healthz, methods=["GET"]),
    Route("/sandbox/users", add_users, methods=["POST"]),
    Route("/sandbox/tokens", add_token, methods=["POST"]),
    Route("/sandbox/tokens", revoke_tokens, methods=["DELETE"]),
    Route("/sandbox/tweets", add_tweets, methods=["POST"]),
    Route("/sandbox/ledger", ledger, methods=["GET"]),
    Route("/sandbox/deliveries", deliveries, methods=["GET"]),
    Route("/sandbox/faults", get_faults, methods=["GET"]),
    Route("/sandbox/faults", add_fault, methods=["POST"]),
    Route("/sandbox/faults/{name}", remove_fault, methods=["DELETE"]),
    Route("/sandbox/settings", get_settings, methods=["GET"]),
    Route("/sandbox/settings", change_settings, methods=["POST"]),
    Route("/sandbox/reset", reset, methods=["POST"]),
]
