"""Writing under `/2`: tweets, edits, hiding replies, likes."""

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from inbox.twitter import text as weights
from inbox.twitter.sandbox import authorship, disturbances, edits, old_events, people, problems
from inbox.twitter.sandbox.access import Caller, Sandbox, endpoint
from inbox.twitter.sandbox.answers import answer, own_account
from inbox.twitter.sandbox.authorship import Draft
from inbox.twitter.sandbox.parameters import an_id, an_optional_id, read_object, wanted
from inbox.twitter.sandbox.snowflake import now_ms
from inbox.twitter.sandbox.world import Account, Tweet

CREATE_FIELDS = {
    "card_uri", "community_id", "direct_message_deep_link", "edit_options", "for_super_followers_only", "geo",
    "made_with_ai", "media", "nullcast", "paid_partnership", "poll", "quote_tweet_id", "reply", "reply_settings",
    "share_with_followers", "text",
}  # fmt: skip
REPLY_FIELDS = {"in_reply_to_tweet_id", "exclude_reply_user_ids", "auto_populate_reply_metadata"}
UNAVAILABLE = {"poll", "card_uri", "community_id"}  # the sandbox has none of these
REPLY_SETTINGS = ("following", "mentionedUsers", "subscribers", "verified")
DEEP_LINKS = (
    "https://x.com/messages/compose?", "https://twitter.com/messages/compose?", "https://x.com/messages/",
    "https://twitter.com/messages/",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """What the body of a new tweet asks for."""

    draft: Draft
    previous_id: int | None


# -- tweets ------------------------------------------------------------------------------------------------------


@endpoint("/2/tweets", app=False)
async def create_tweet(request: Request, sandbox: Sandbox, caller: Caller) -> Response:
    body = await read_object(request)
    assert caller.account
    shown, act = wanted(request), "edit" if "edit_options" in body else "tweet"
    await disturbances.before(request, sandbox.faults, caller.user_id, act)
    asked = _checked(body)
    with sandbox.storage.transaction():
        tweet = _written(sandbox, caller.account, asked)
        sandbox.activity.announce([(tweet, None)])
    sandbox.deliveries.wake()
    await disturbances.after(request, sandbox.faults, caller.user_id, act)
    drawn = sandbox.activity.drawing.tweets([tweet], shown.tweet_fields)[0]
    return answer(sandbox, {"data": drawn}, status=201)


def _written(sandbox: Sandbox, author: Account, asked: Asked) -> Tweet:
    world, draft = sandbox.world, asked.draft
    sandbox.media.check_usable(draft.media, author.id, "tweet_") if draft.media else None
    if asked.previous_id:
        previous = world.tweet(asked.previous_id)
        if not previous:
            raise problems.forbidden(problems.GONE)
        tweet = edits.edit(world, sandbox.activity.drawing, author, previous, draft)
    else:
        is_self_serve = world.settings["summoned_rule"] or world.settings["plan"] == "self_serve"
        if draft.in_reply_to_id and is_self_serve:
            authorship.check_summoned(world, author, draft.in_reply_to_id)
        if draft.quoted_id and world.settings["plan"] == "self_serve":
            raise problems.forbidden(problems.NOT_ON_THIS_PLAN)
        tweet = authorship.post(world, author, draft)
    sandbox.till.write(_price(sandbox, author, draft))
    return tweet


def _price(sandbox: Sandbox, author: Account, draft: Draft) -> str:
    """A link costs more than everything else; an answer to somebody who asked, less."""
    settings = sandbox.world.settings
    is_summoned = bool(draft.in_reply_to_id) and authorship.is_summoned(
        sandbox.world, author, draft.in_reply_to_id or 0
    )
    has_link = bool(weights.urls(draft.text)) or bool(draft.deep_link and settings["deep_link_billed"])
    if has_link and (settings["summoned_link_billed"] or not is_summoned):
        return "post_create_with_url"
    return "post_create_summoned" if is_summoned else "post_create"


def _checked(body: dict[str, Any]) -> Asked:
    if unknown := sorted(set(body) - CREATE_FIELDS):
        raise problems.invalid(f"[{unknown[0][:60]}] is not a field of a new tweet.")
    if unavailable := sorted(set(body) & UNAVAILABLE):
        raise problems.invalid(f"The sandbox Twitter cannot do [{unavailable[0]}] yet.")
    text = body.get("text", "" if "media" in body else None)
    if not isinstance(text, str):
        raise problems.invalid("A tweet needs `text`, a string.")
    parent_id, left_out = _reply(body.get("reply"))
    draft = Draft(
        text,
        in_reply_to_id=parent_id,
        quoted_id=an_optional_id(body.get("quote_tweet_id"), "quote_tweet_id"),
        left_out=left_out,
        media=_media(body.get("media")),
        reply_settings=_reply_settings(body.get("reply_settings")),
        deep_link=_deep_link(body.get("direct_message_deep_link")),
    )
    if draft.media and draft.quoted_id:
        raise problems.invalid("A tweet carries media or quotes another, not both.")
    options = body.get("edit_options")
    if options is None:
        return Asked(draft, None)
    if not isinstance(options, dict):
        raise problems.invalid("`edit_options` needs `previous_post_id`.", edit_options=str(options)[:60])
    return Asked(draft, an_id(options.get("previous_post_id", options.get("previous_tweet_id")), "previous_post_id"))


def _reply(reply: object) -> tuple[int | None, list[int]]:
    if reply is None:
        return None, []
    if not isinstance(reply, dict) or set(reply) - REPLY_FIELDS or "in_reply_to_tweet_id" not in reply:
        raise problems.invalid("`reply` needs `in_reply_to_tweet_id`.", reply=str(reply)[:60])
    left_out = reply.get("exclude_reply_user_ids") or []
    if not isinstance(left_out, list):
        raise problems.invalid("`exclude_reply_user_ids` is a list of ids.")
    parent_id = an_id(reply["in_reply_to_tweet_id"], "in_reply_to_tweet_id")
    return parent_id, [an_id(user_id, "exclude_reply_user_ids") for user_id in left_out]


def _media(media: object) -> list[int]:
    if media is None:
        return []
    ids = media.get("media_ids") if isinstance(media, dict) else None
    if not isinstance(ids, list) or not 1 <= len(ids) <= 4:
        raise problems.invalid("`media` needs `media_ids`, 1 to 4 of them.", media=str(media)[:60])
    return [an_id(one, "media_ids") for one in ids]


def _reply_settings(value: object) -> str:
    if value is None or value in REPLY_SETTINGS:
        return str(value or "everyone")
    raise problems.invalid(f"`reply_settings` is one of {', '.join(REPLY_SETTINGS)}.", reply_settings=str(value)[:60])


def _deep_link(value: object) -> str | None:
    if value is None or (isinstance(value, str) and value.startswith(DEEP_LINKS)):
        return value
    raise problems.invalid(
        "`direct_message_deep_link` is a link that opens a private message.", direct_message_deep_link=str(value)[:60]
    )


# -- replies to our own, and likes -------------------------------------------------------------------------------


@endpoint("/2/tweets/{id}/hidden", app=False, scopes="tweet.read users.read tweet.moderate.write", act="hide")
async def hide(request: Request, sandbox: Sandbox, caller: Caller) -> Response:
    hidden = (await read_object(request)).get("hidden")
    if not isinstance(hidden, bool):
        raise problems.invalid("`hidden` is true or false.", hidden=str(hidden)[:60])
    tweet = _seen(request.path_params["id"], sandbox, caller)
    root = sandbox.world.tweet(tweet.conversation_id)
    if not tweet.in_reply_to_id or not root or root.author_id != caller.user_id or tweet.author_id == caller.user_id:
        raise problems.forbidden("You can only hide replies to your own conversations.")
    with sandbox.storage.transaction():
        sandbox.storage.execute("UPDATE tweets SET hidden = ? WHERE id = ?", (int(hidden), tweet.id))
        sandbox.till.write("content_manage")
        keep(sandbox, "hide" if hidden else "unhide", caller.user_id or 0, tweet.id)
    return answer(sandbox, {"data": {"hidden": hidden}})


@endpoint("/2/users/{id}/likes", app=False, scopes="tweet.read users.read like.write", act="like")
async def like(request: Request, sandbox: Sandbox, caller: Caller) -> Response:
    account = _may_like(request, sandbox, caller)
    tweet = _seen((await read_object(request)).get("tweet_id"), sandbox, caller)
    with sandbox.storage.transaction():
        set_like(sandbox, account, tweet, is_liked=True)
        sandbox.till.write("user_interaction_create")
    sandbox.deliveries.wake()
    return answer(sandbox, {"data": {"liked": True}})


@endpoint("/2/users/{id}/likes/{tweet_id}", app=False, scopes="tweet.read users.read like.write", act="unlike")
async def unlike(request: Request, sandbox: Sandbox, caller: Caller) -> Response:
    account = _may_like(request, sandbox, caller)
    tweet = _seen(request.path_params["tweet_id"], sandbox, caller)
    with sandbox.storage.transaction():
        set_like(sandbox, account, tweet, is_liked=False)
        sandbox.till.write("interaction_delete")
    return answer(sandbox, {"data": {"liked": False}})


def set_like(sandbox: Sandbox, account: Account, tweet: Tweet, *, is_liked: bool) -> None:
    """Like a tweet or stop to; both accounts' subscribers hear of a new like."""
    if not is_liked:
        sandbox.storage.execute("DELETE FROM likes WHERE tweet_id = ? AND user_id = ?", (tweet.id, account.id))
        keep(sandbox, "unlike", account.id, tweet.id)
        return
    now = now_ms()
    new = sandbox.storage.execute("INSERT OR IGNORE INTO likes VALUES (?, ?, ?)", (tweet.id, account.id, now))
    if not new.rowcount:
        return
    keep(sandbox, "like", account.id, tweet.id)
    activity = sandbox.activity
    payload = {
        "id": f"{account.id:x}_{tweet.id:x}",
        "liked_tweet_id": str(tweet.id),
        "tweet_author_id": str(tweet.author_id),
        "timestamp_ms": now,
        "timestamp_ms_str": str(now),
        "user": activity.user(account),
    }
    for user_id in {account.id, tweet.author_id}:
        old = old_events.like(sandbox.world, activity.drawing, tweet, account, activity.public_url)
        activity.announce_act("like.create", user_id, payload, old if user_id == tweet.author_id else None)


def keep(sandbox: Sandbox, kind: str, user_id: int, subject_id: int, about: str = "") -> None:
    """A line in the ledger of what accounts did beside writing."""
    sandbox.storage.execute(
        "INSERT INTO acts (kind, user_id, subject_id, about, created_ms) VALUES (?, ?, ?, ?, ?)",
        (kind, user_id, subject_id, about, now_ms()),
    )


def _may_like(request: Request, sandbox: Sandbox, caller: Caller) -> Account:
    account = own_account(caller, request)
    if sandbox.world.settings["plan"] == "self_serve":
        raise problems.forbidden(problems.NOT_ON_THIS_PLAN)
    return account


def _seen(value: object, sandbox: Sandbox, caller: Caller) -> Tweet:
    tweet = sandbox.world.tweet(an_id(value, "tweet_id"))
    if not tweet or people.why_hidden(sandbox.world, tweet, caller.user_id):
        raise problems.no_such("tweet")
    return tweet


ROUTES = [
    Route("/2/tweets", create_tweet, methods=["POST"]),
    Route("/2/tweets/{id}/hidden", hide, methods=["PUT"]),
    Route("/2/users/{id}/likes", like, methods=["POST"]),
    Route("/2/users/{id}/likes/{tweet_id}", unlike, methods=["DELETE"]),
]
