"""Reading and deleting tweets, reading accounts and timelines, under `/2`."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from inbox.twitter.sandbox import problems
from inbox.twitter.sandbox.access import Caller, Sandbox, endpoint
from inbox.twitter.sandbox.answers import Showing, answer
from inbox.twitter.sandbox.parameters import Page, an_id, ids_asked, page, token_after, wanted
from inbox.twitter.sandbox.problems import not_found
from inbox.twitter.sandbox.snowflake import now_ms
from inbox.twitter.sandbox.wire import page_meta
from inbox.twitter.sandbox.world import Tweet

MOST_MENTIONS, MOST_OWN = 800, 3_200


# -- tweets ------------------------------------------------------------------------------------------------------


@endpoint("/2/tweets/{id}", app=False, act="delete")
async def delete_tweet(request: Request, sandbox: Sandbox, caller: Caller) -> Response:
    tweet = sandbox.world.tweet(an_id(request.path_params["id"], "id"))
    if tweet and tweet.author_id != caller.user_id:
        raise problems.forbidden("You are not authorized to delete this Tweet.")
    if tweet:
        with sandbox.storage.transaction():
            sandbox.world.delete_tweet(tweet)
            sandbox.activity.announce_deletion(tweet)
            sandbox.till.write("interaction_delete")
        sandbox.deliveries.wake()
    return answer(sandbox, {"data": {"deleted": tweet is not None}})


@endpoint("/2/tweets/{id}")
async def get_tweet(request: Request, sandbox: Sandbox, caller: Caller) -> Response:
    tweet_id, showing = an_id(request.path_params["id"], "id"), Showing(sandbox, caller, wanted(request))
    found = showing.looked_up([tweet_id], "id")
    if not found:
        return answer(sandbox, {}, errors=showing.errors)
    shown, includes = showing.tweets(found)
    return answer(sandbox, {"data": shown[0], **includes}, errors=showing.errors)


@endpoint("/2/tweets")
async def get_tweets(request: Request, sandbox: Sandbox, caller: Caller) -> Response:
    showing = Showing(sandbox, caller, wanted(request))
    shown, includes = showing.tweets(showing.looked_up(ids_asked(request), "ids"))
    return answer(sandbox, {"data": shown, **includes}, errors=showing.errors)


# -- accounts ----------------------------------------------------------------------------------------------------


@endpoint("/2/users/me", app=False)
async def get_me(request: Request, sandbox: Sandbox, caller: Caller) -> Response:
    assert caller.account
    return answer(sandbox, {"data": Showing(sandbox, caller, wanted(request)).user(caller.account)})


@endpoint("/2/users/by/username/{username}")
async def get_user_by_username(request: Request, sandbox: Sandbox, caller: Caller) -> Response:
    username, showing = request.path_params["username"], Showing(sandbox, caller, wanted(request))
    found = showing.accounts([(username, sandbox.world.account_named(username))], "username")
    return answer(sandbox, {"data": showing.user(found[0]) if found else None}, errors=showing.errors)


@endpoint("/2/users/by")
async def get_users_by_usernames(request: Request, sandbox: Sandbox, caller: Caller) -> Response:
    names = [name for name in request.query_params.get("usernames", "").split(",") if name]
    if not 1 <= len(names) <= 100:
        raise problems.invalid("`usernames` names 1 to 100 accounts.", usernames=",".join(names)[:60])
    showing = Showing(sandbox, caller, wanted(request))
    asked = [(name[:60], sandbox.world.account_named(name)) for name in dict.fromkeys(names)]
    users = [showing.user(account) for account in showing.accounts(asked, "usernames")]
    return answer(sandbox, {"data": users}, errors=showing.errors)


@endpoint("/2/users/{id}")
async def get_user(request: Request, sandbox: Sandbox, caller: Caller) -> Response:
    user_id, showing = an_id(request.path_params["id"], "id"), Showing(sandbox, caller, wanted(request))
    found = showing.accounts([(str(user_id), sandbox.world.account(user_id))], "id")
    return answer(sandbox, {"data": showing.user(found[0]) if found else None}, errors=showing.errors)


@endpoint("/2/users")
async def get_users(request: Request, sandbox: Sandbox, caller: Caller) -> Response:
    ids, showing = ids_asked(request), Showing(sandbox, caller, wanted(request))
    known = sandbox.world.accounts(ids)
    found = showing.accounts([(str(user_id), known.get(user_id)) for user_id in ids], "ids")
    return answer(sandbox, {"data": [showing.user(account) for account in found]}, errors=showing.errors)


# -- timelines ---------------------------------------------------------------------------------------------------


@endpoint("/2/users/{id}/tweets")
async def get_user_tweets(request: Request, sandbox: Sandbox, caller: Caller) -> Response:
    excluded = set(filter(None, request.query_params.get("exclude", "").split(",")))
    if not excluded <= {"replies", "retweets"}:
        raise problems.invalid("`exclude` may name replies and retweets.", exclude=",".join(sorted(excluded)))
    condition = (
        "author_id = ?1 AND id > ?2 AND id < ?3 AND id >= (SELECT coalesce(min(id), 0) FROM"
        f" (SELECT id FROM tweets WHERE author_id = ?1 ORDER BY id DESC LIMIT {MOST_OWN}))"
    )
    condition += " AND in_reply_to_id IS NULL" if "replies" in excluded else ""
    condition += " AND reposted_id IS NULL" if "retweets" in excluded else ""
    return _timeline(request, sandbox, caller, condition)


@endpoint("/2/users/{id}/mentions")
async def get_user_mentions(request: Request, sandbox: Sandbox, caller: Caller) -> Response:
    # Only the newest 800 are within reach, however one asks.
    condition = (
        f"id IN (SELECT tweet_id FROM (SELECT tweet_id FROM mentions WHERE user_id = ?1 ORDER BY tweet_id DESC"
        f" LIMIT {MOST_MENTIONS}) WHERE tweet_id > ?2 AND tweet_id < ?3) AND reposted_id IS NULL"
    )
    return _timeline(request, sandbox, caller, condition, has_gaps=True)


def _timeline(
    request: Request, sandbox: Sandbox, caller: Caller, condition: str, *, has_gaps: bool = False
) -> Response:
    user_id = an_id(request.path_params["id"], "id")
    showing, part = Showing(sandbox, caller, wanted(request)), page(request)
    if not sandbox.world.account(user_id):
        return answer(sandbox, {}, errors=[not_found("user", "id", str(user_id))])
    tweets, more = _part(sandbox, caller, user_id, condition, part)
    next_token = token_after(tweets[-1].id) if more else None
    if has_gaps and tweets and sandbox.faults.take("gap", user_id):
        tweets = tweets[1::2]
    shown, includes = showing.tweets(tweets)
    meta = page_meta(tweets, next_token)
    return answer(sandbox, {"data": shown, **includes}, errors=showing.errors, meta=meta)


def _part(sandbox: Sandbox, caller: Caller, user_id: int, condition: str, part: Page) -> tuple[list[Tweet], bool]:
    """One page, newest first, and whether there is more behind it."""
    fault = sandbox.faults.take("index_lag", user_id)
    lag = sandbox.world.settings["index_lag_seconds"] + (fault.seconds if fault else 0)
    unseen = "SELECT id FROM accounts WHERE protected + suspended > 0"
    tweets = sandbox.world.tweets_where(
        f"{condition} AND deleted_ms IS NULL AND NOT superseded AND stored_ms <= ?4"
        f" AND (author_id = ?5 OR author_id NOT IN ({unseen}) OR (author_id IN (SELECT target_id FROM relations"
        " WHERE kind = 'follow' AND source_id = ?5)"
        " AND author_id NOT IN (SELECT id FROM accounts WHERE suspended > 0)))",
        (user_id, part.above, part.below, now_ms() - int(lag * 1000), caller.user_id or 0),
        order="id DESC",
        limit=part.size + 1,
    )
    return tweets[: part.size], len(tweets) > part.size


ROUTES = [
    Route("/2/tweets", get_tweets, methods=["GET"]),
    Route("/2/tweets/{id}", get_tweet, methods=["GET"]),
    Route("/2/tweets/{id}", delete_tweet, methods=["DELETE"]),
    Route("/2/users/me", get_me, methods=["GET"]),
    Route("/2/users/by/username/{username}", get_user_by_username, methods=["GET"]),
    Route("/2/users/by", get_users_by_usernames, methods=["GET"]),
    Route("/2/users", get_users, methods=["GET"]),
    Route("/2/users/{id}", get_user, methods=["GET"]),
    Route("/2/users/{id}/tweets", get_user_tweets, methods=["GET"]),
    Route("/2/users/{id}/mentions", get_user_mentions, methods=["GET"]),
]
