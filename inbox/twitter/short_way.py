"""The commonest letter, read the short way: one tweet of the X Activity API, as Twitter documents it.

Its fields are picked out of the bytes by type, and what nobody asks for is never made. Whatever looks otherwise (a
long post, wrapped users, numbers for ids, version 1.1's words) is None here, and read by the tolerant reader, which
says the same of everything that this one reads: `tests/inbox/twitter/test_short_way.py` holds it to that.
"""

from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from inbox.twitter.shapes import (
    LEADING_NAMES,
    MOST_FOLLOWERS,
    Account,
    Tweet,
    as_id,
    clean,
    instant,
    optional_id,
    read_links,
    read_media,
)
from inbox.twitter.text import unescape


class _Reference(msgspec.Struct, gc=False):
    type: str
    id: str


class _Mention(msgspec.Struct, gc=False):
    username: str
    start: int
    id: str | None = None


class _Entities(msgspec.Struct):
    mentions: list[_Mention] | None = None
    urls: list[dict[str, Any]] | None = None


class _Payload(msgspec.Struct):
    id: str
    author_id: str
    text: str
    created_at: str | None = None
    in_reply_to_tweet_id: str | None = None
    in_reply_to_user_id: str | None = None
    conversation_id: str | None = None
    lang: str | None = None
    reply_settings: str | None = None
    referenced_tweets: list[_Reference] | None = None
    referenced_posts: list[_Reference] | None = None
    edit_history_tweet_ids: list[str] | None = None
    edit_history_post_ids: list[str] | None = None
    display_text_range: tuple[int, int] | None = None
    entities: _Entities | None = None
    attachments: dict[str, Any] | None = None
    note_tweet: dict[str, Any] | None = None
    note_post: dict[str, Any] | None = None


class _Metrics(msgspec.Struct, gc=False):
    followers_count: int | None = None


class _User(msgspec.Struct, gc=False):
    id: str
    username: str
    name: str | None = None
    public_metrics: _Metrics | None = None
    profile_image_url: str | None = None
    protected: bool | None = None
    receives_your_dm: bool | None = None
    # Where one of these is, the account is of another shape.
    data: object | UnsetType = UNSET
    id_str: object | UnsetType = UNSET
    profile_image_url_https: object | UnsetType = UNSET
    followers_count: object | UnsetType = UNSET


class _Includes(msgspec.Struct):
    users: list[_User] | None = None
    media: list[dict[str, Any]] | None = None


class _Event(msgspec.Struct):
    event_type: str
    payload: _Payload
    includes: _Includes | None = None


class _Letter(msgspec.Struct):
    data: _Event
    tweet_create_events: object | UnsetType = UNSET


_decode = msgspec.json.Decoder(_Letter).decode


def read_short(body: bytes) -> Tweet | None:
    """The tweet in this letter; None where it must be read the long way."""
    try:
        letter = _decode(body)
        payload, includes = letter.data.payload, letter.data.includes
        if letter.tweet_create_events is not UNSET or payload.note_tweet or payload.note_post:
            return None
        return _tweet(payload, includes, letter.data.event_type)
    except (msgspec.MsgspecError, KeyError, TypeError, ValueError, OverflowError, AttributeError, RecursionError):
        return None


def _tweet(post: _Payload, includes: _Includes | None, event: str) -> Tweet:
    by_type = {one.type: as_id(one.id) for one in post.referenced_tweets or post.referenced_posts or ()}
    own_id = as_id(post.id)
    answers = by_type.get("replied_to") or optional_id(post.in_reply_to_tweet_id)
    history = post.edit_history_tweet_ids or post.edit_history_post_ids or ()
    named = (post.entities.mentions if post.entities else None) or ()
    urls = (post.entities.urls if post.entities else None) or ()
    links, held = read_links(urls) if urls else (None, [])
    reply_settings = post.reply_settings
    return Tweet(
        id=own_id,
        author_id=as_id(post.author_id),
        text=unescape(clean(post.text)),
        created_at=_instant(post.created_at, own_id),
        in_reply_to_id=answers,
        in_reply_to_user_id=optional_id(post.in_reply_to_user_id),
        reply_tree_id=optional_id(post.conversation_id),
        lang=clean(post.lang)[:8] if post.lang else "",
        retweet_of=by_type.get("retweeted"),
        quote_of=by_type.get("quoted"),
        mentioned=tuple({as_id(one.id): clean(one.username)[:30] for one in named if one.id}.items()),
        accounts=_accounts(includes.users) if includes and includes.users else {},
        versions=tuple(sorted(map(as_id, history))) if len(history) > 1 else (),
        typed=_typed(post, named, is_answer=answers is not None),
        reply_settings="" if reply_settings in (None, "everyone") else reply_settings[:20],
        media=_media(post, held, includes),
        links=links,
        event=event,
    )


def _instant(text: str | None, own_id: int) -> datetime:
    if text and text[-1] == "Z":
        found = datetime.fromisoformat(text)
        if found.tzinfo is UTC:
            return found
    return instant(text, own_id)


def _typed(post: _Payload, named: "list[_Mention] | tuple[()]", *, is_answer: bool) -> tuple[int, ...]:
    """As `shapes.typed_in` says it."""
    if not named:
        return ()
    if not is_answer:
        return tuple({as_id(one.id): None for one in named if one.id})
    shown = post.display_text_range
    begins = shown[0] if shown else LEADING_NAMES.match(post.text).end()  # type: ignore[union-attr]
    return tuple({as_id(one.id): None for one in named if one.id and one.start >= begins})


def _media(post: _Payload, held: list[str], includes: _Includes | None) -> list[dict[str, Any]] | None:
    if not post.attachments and not held:
        return None
    return read_media(post.attachments or {}, held, (includes.media if includes else None) or ())


def _accounts(users: list[_User]) -> dict[int, Account]:
    found = {}
    for user in users:
        if not (user.data is user.id_str is user.profile_image_url_https is user.followers_count is UNSET):
            raise ValueError("an account of another shape")
        followers = (user.public_metrics.followers_count if user.public_metrics else 0) or 0
        avatar = user.profile_image_url or ""
        pk = as_id(user.id)
        found[pk] = Account(
            id=pk,
            username=clean(user.username)[:30],
            name=unescape(clean(user.name))[:200] if user.name else "",
            followers=min(max(followers, 0), MOST_FOLLOWERS),
            avatar_url=avatar if avatar.startswith("https://") and len(avatar) <= 300 else "",
            is_protected=user.protected is True,
            takes_private=user.receives_your_dm,
        )
    return found
