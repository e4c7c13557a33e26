"""Twitter's own operations on tweets and accounts, under `/2`."""

import time
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from inbox.twitter.sandbox import authorship, problems
from inbox.twitter.sandbox.access import Caller, Sandbox, endpoint, rate_headers
from inbox.twitter.sandbox.disturbances import cut, hang
from inbox.twitter.sandbox.parameters import (
    Page,
    Wanted,
    an_id,
    an_optional_id,
    ids_asked,
    page,
    read_object,
    token_after,
    wanted,
)
from inbox.twitter.sandbox.problems import Problem, json_response, not_found, with_types
from inbox.twitter.sandbox.snowflake import now_ms
from inbox.twitter.sandbox.wire import distinct, page_meta, renamed, tweet_json, user_json
from inbox.twitter.sandbox.world import Account, Tweet, World

CREATE_FIELDS = {
    "card_uri", "community_id", "direct_message_deep_link", "edit_options", "for_super_followers_only", "geo",
    "made_with_ai", "media", "nullcast", "paid_partnership", "poll", "quote_tweet_id", "reply", "reply_settings",
    "share_with_followers", "text",
}  # fmt: skip
REPLY_FIELDS = {"in_reply_to_tweet_id", "exclude_reply_user_ids", "auto_populate_reply_metadata"}
UNAVAILABLE = {"media", "poll", "card_uri", "edit_options", "community_id"}  # the sandbox has none of these yet


# -- tweets ------------------------------------------------------------------------------------------------------


@endpoint("/2/tweets", app=False)
async def create_tweet(request: Request, sandbox: Sandbox, caller: Caller) -> Response:
    body = await read_object(request)
    assert caller.account
    asked = wanted(request)
    await _disturb_before(request, sandbox, caller.account)
    tweet = _create(sandbox, caller.account, body)
    await _disturb_after(request, sandbox, caller.account)
    return _answer(sandbox, {"data": tweet_json(tweet, asked.tweet_fields)}, status=201)


@endpoint("/2/tweets/{id}", app=False)
async def delete_tweet(request: Request, sandbox: Sandbox, caller: Caller) -> Response:
    tweet = sandbox.world.tweet(an_id(request.path_params["id"], "id"))
    if tweet and tweet.author_id != caller.user_id:
        raise problems.forbidden("You are not authorized to delete this Tweet.")
    if tweet:
        with sandbox.storage.transaction():
            sandbox.world.delete_tweet(tweet)
            sandbox.activity.announce_deletion(tweet)
        sandbox.deliveries.wake()
    return _answer(sandbox, {"data": {"deleted": tweet is not None}})


@endpoint("/2/tweets/{id}")
async def get_tweet(request: Request, sandbox: Sandbox, _caller: Caller) -> Response:
    tweet_id, asked = an_id(request.path_params["id"], "id"), wanted(request)
    tweet = sandbox.world.tweet(tweet_id)
    if not tweet:
        return _answer(sandbox, {}, errors=[not_found("tweet", "id", str(tweet_id))])
    shown, includes, errors = _shown(sandbox, [tweet], asked)
    return _answer(sandbox, {"data": shown[0], **includes}, errors=errors)


@endpoint("/2/tweets")
async def get_tweets(request: Request, sandbox: Sandbox, _caller: Caller) -> Response:
    ids = ids_asked(request)
    found = sandbox.world.tweets(ids)
    missing = [not_found("tweet", "ids", str(tweet_id)) for tweet_id in ids if tweet_id not in found]
    shown, includes, errors = _shown(sandbox, list(found.values()), wanted(request))
    return _answer(sandbox, {"data": shown, **includes}, errors=missing + errors)


# -- accounts ----------------------------------------------------------------------------------------------------


@endpoint("/2/users/me", app=False)
async def get_me(request: Request, sandbox: Sandbox, caller: Caller) -> Response:
    assert caller.account
    return _answer(sandbox, {"data": _user(sandbox, caller.account, wanted(request))})


@endpoint("/2/users/by/username/{username}")
async def get_user_by_username(request: Request, sandbox: Sandbox, _caller: Caller) -> Response:
    username, asked = request.path_params["username"], wanted(request)
    account = sandbox.world.account_named(username)
    if not account:
        return _answer(sandbox, {}, errors=[not_found("user", "username", username)])
    return _answer(sandbox, {"data": _user(sandbox, account, asked)})


@endpoint("/2/users")
async def get_users(request: Request, sandbox: Sandbox, _caller: Caller) -> Response:
    ids, asked = ids_asked(request), wanted(request)
    found = sandbox.world.accounts(ids)
    users = [_user(sandbox, found[user_id], asked) for user_id in ids if user_id in found]
    missing = [not_found("user", "ids", str(user_id)) for user_id in ids if user_id not in found]
    return _answer(sandbox, {"data": users}, errors=missing)


# -- timelines ---------------------------------------------------------------------------------------------------


@endpoint("/2/users/{id}/tweets")
async def get_user_tweets(request: Request, sandbox: Sandbox, _caller: Caller) -> Response:
    excluded = set(filter(None, request.query_params.get("exclude", "").split(",")))
    if not excluded <= {"replies", "retweets"}:
        raise problems.invalid("`exclude` may name replies and retweets.", exclude=",".join(sorted(excluded)))
    condition = "author_id = ? AND id > ? AND id < ?"
    condition += " AND in_reply_to_id IS NULL" if "replies" in excluded else ""
    condition += " AND reposted_id IS NULL" if "retweets" in excluded else ""
    return _timeline(request, sandbox, condition)


@endpoint("/2/users/{id}/mentions")
async def get_user_mentions(request: Request, sandbox: Sandbox, _caller: Caller) -> Response:
    condition = (
        "id IN (SELECT tweet_id FROM mentions WHERE user_id = ? AND tweet_id > ? AND tweet_id < ?)"
        " AND reposted_id IS NULL"
    )
    return _timeline(request, sandbox, condition)


def _timeline(request: Request, sandbox: Sandbox, condition: str) -> Response:
    user_id = an_id(request.path_params["id"], "id")
    asked, part = wanted(request), page(request)
    if not sandbox.world.account(user_id):
        return _answer(sandbox, {}, errors=[not_found("user", "id", str(user_id))])
    tweets, more = _part(sandbox, user_id, condition, part)
    shown, includes, errors = _shown(sandbox, tweets, asked)
    meta = page_meta(tweets, token_after(tweets[-1].id) if more else None)
    return _answer(sandbox, {"data": shown, **includes}, errors=errors, meta=meta)


def _part(sandbox: Sandbox, user_id: int, condition: str, part: Page) -> tuple[list[Tweet], bool]:
    """One page, newest first, and whether there is more behind it."""
    fault = sandbox.faults.take("index_lag", user_id)
    seen_until = now_ms() - int(fault.seconds * 1000) if fault else now_ms()
    tweets = sandbox.world.tweets_where(
        f"{condition} AND deleted_ms IS NULL AND stored_ms <= ?",
        (user_id, part.above, part.below, seen_until),
        order="id DESC",
        limit=part.size + 1,
    )
    return tweets[: part.size], len(tweets) > part.size


# -- what an answer shows ----------------------------------------------------------------------------------------


def _answer(
    sandbox: Sandbox,
    body: dict[str, Any],
    *,
    errors: Sequence[dict[str, Any]] = (),
    meta: dict[str, Any] | None = None,
    status: int = 200,
) -> Response:
    """A body in the vocabulary of the day; lists that are empty are left out, as Twitter does."""
    vocabulary = sandbox.world.vocabulary
    body = {name: value for name, value in body.items() if value}
    if errors:
        body["errors"] = with_types(list(errors), vocabulary)
    if meta:
        body["meta"] = meta
    return json_response(renamed(body, vocabulary), status)


def _shown(
    sandbox: Sandbox, tweets: Sequence[Tweet], asked: Wanted
) -> tuple[list[dict[str, Any]], dict[str, Any], list[dict[str, Any]]]:
    """The tweets, what they bring along, and what could not be brought."""
    world = sandbox.world
    referenced, errors = _referenced(world, tweets, asked)
    users = _included_users(tweets, referenced, asked)
    includes = {
        "users": [_user(sandbox, account, asked) for account in _in_order(world, users)],
        "tweets": _with_counts(world, referenced, asked),
    }
    includes = {name: found for name, found in includes.items() if found}
    return _with_counts(world, tweets, asked), {"includes": includes}, errors


def _referenced(world: World, tweets: Sequence[Tweet], asked: Wanted) -> tuple[list[Tweet], list[dict[str, Any]]]:
    if not asked.expansions & {"referenced_tweets.id", "referenced_tweets.id.author_id", "referenced_posts"}:
        return [], []
    ids = distinct(
        tweet_id for tweet in tweets for tweet_id in (tweet.in_reply_to_id, tweet.quoted_id, tweet.reposted_id)
    )
    found = world.tweets(ids)
    missing = [not_found("tweet", "referenced_tweets.id", str(tweet_id)) for tweet_id in ids if tweet_id not in found]
    return list(found.values()), missing


def _included_users(tweets: Sequence[Tweet], referenced: Sequence[Tweet], asked: Wanted) -> list[int]:
    ids: list[int | None] = []
    for tweet in tweets:
        if "author_id" in asked.expansions:
            ids.append(tweet.author_id)
        if "in_reply_to_user_id" in asked.expansions:
            ids.append(tweet.in_reply_to_user_id)
        if "entities.mentions.username" in asked.expansions:
            ids += [int(user_id) for user_id in tweet.mentioned.values()]
    if "referenced_tweets.id.author_id" in asked.expansions:
        ids += [tweet.author_id for tweet in referenced]
    return distinct(ids)


def _in_order(world: World, ids: Sequence[int]) -> list[Account]:
    found = world.accounts(ids)
    return [found[user_id] for user_id in ids if user_id in found]


def _with_counts(world: World, tweets: Sequence[Tweet], asked: Wanted) -> list[dict[str, Any]]:
    if "public_metrics" not in asked.tweet_fields:
        return [tweet_json(tweet, asked.tweet_fields) for tweet in tweets]
    counts = world.counts([tweet.id for tweet in tweets])
    return [tweet_json(tweet, asked.tweet_fields, counts[tweet.id]) for tweet in tweets]


def _user(sandbox: Sandbox, account: Account, asked: Wanted) -> dict[str, Any]:
    return user_json(account, sandbox.environment.public_url, asked.user_fields)


# -- writing -----------------------------------------------------------------------------------------------------


def _create(sandbox: Sandbox, author: Account, body: dict[str, Any]) -> Tweet:
    text, parent_id, left_out, quoted_id = _checked(body)
    with sandbox.storage.transaction():
        if parent_id and sandbox.world.settings["summoned_rule"]:
            authorship.check_summoned(sandbox.world, author, parent_id)
        tweet = authorship.write(
            sandbox.world, author, text, in_reply_to_id=parent_id, quoted_id=quoted_id, left_out=left_out
        )
        sandbox.activity.announce([(tweet, None)])
    sandbox.deliveries.wake()
    return tweet


def _checked(body: dict[str, Any]) -> tuple[str, int | None, list[int], int | None]:
    if unknown := sorted(set(body) - CREATE_FIELDS):
        raise problems.invalid(f"[{unknown[0][:60]}] is not a field of a new tweet.")
    if unavailable := sorted(set(body) & UNAVAILABLE):
        raise problems.invalid(f"The sandbox Twitter cannot do [{unavailable[0]}] yet.")
    text = body.get("text")
    if not isinstance(text, str):
        raise problems.invalid("A tweet needs `text`, a string.")
    reply = body.get("reply")
    if reply is None:
        return text, None, [], an_optional_id(body.get("quote_tweet_id"), "quote_tweet_id")
    if not isinstance(reply, dict) or set(reply) - REPLY_FIELDS or "in_reply_to_tweet_id" not in reply:
        raise problems.invalid("`reply` needs `in_reply_to_tweet_id`.", reply=str(reply)[:60])
    left_out = reply.get("exclude_reply_user_ids") or []
    if not isinstance(left_out, list):
        raise problems.invalid("`exclude_reply_user_ids` is a list of ids.")
    return (
        text,
        an_id(reply["in_reply_to_tweet_id"], "in_reply_to_tweet_id"),
        [an_id(user_id, "exclude_reply_user_ids") for user_id in left_out],
        an_optional_id(body.get("quote_tweet_id"), "quote_tweet_id"),
    )


async def _disturb_before(request: Request, sandbox: Sandbox, author: Account) -> None:
    """Faults that strike before anything is published."""
    faults = sandbox.faults
    if faults.take("server_error", author.id):
        raise _unavailable()
    if fault := faults.take("time_out", author.id):
        await hang(request, fault.seconds)
        raise _unavailable()
    if fault := faults.take("too_many", author.id):
        reset = int(time.time() + fault.seconds)
        raise Problem(429, "Too Many Requests", "Too Many Requests", headers=rate_headers(100, 0, reset))
    if faults.take("duplicate", author.id):
        raise problems.forbidden(problems.DUPLICATE)
    if faults.take("forbidden", author.id):
        raise problems.forbidden(problems.NOT_SUMMONED)


async def _disturb_after(request: Request, sandbox: Sandbox, author: Account) -> None:
    """Faults that strike although the tweet is out."""
    faults = sandbox.faults
    if faults.take("lost_answer", author.id):
        await cut(request)
    if faults.take("server_error_after", author.id):
        raise _unavailable()
    if fault := faults.take("time_out_after", author.id):
        await hang(request, fault.seconds)


def _unavailable() -> Problem:
    return Problem(503, "Service Unavailable", "Service Unavailable")


ROUTES = [
    Route("/2/tweets", create_tweet, methods=["POST"]),
    Route("/2/tweets", get_tweets, methods=["GET"]),
    Route("/2/tweets/{id}", get_tweet, methods=["GET"]),
    Route("/2/tweets/{id}", delete_tweet, methods=["DELETE"]),
    Route("/2/users/me", get_me, methods=["GET"]),
    Route("/2/users/by/username/{username}", get_user_by_username, methods=["GET"]),
    Route("/2/users", get_users, methods=["GET"]),
    Route("/2/users/{id}/tweets", get_user_tweets, methods=["GET"]),
    Route("/2/users/{id}/mentions", get_user_mentions, methods=["GET"]),
]
