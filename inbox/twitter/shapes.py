"""Twitter's words into ours: a tolerant reader of what webhooks and the API send, in both of Twitter's vocabularies.

Ids are strings on the wire and integers here. What is absent is absent, what is unknown is ignored; only a payload
without the fields that make a tweet a tweet is refused (`Unreadable`).
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from inbox.twitter.text import unescape

SNOWFLAKE_EPOCH_MS = 1288834974657


class Unreadable(ValueError):
    """Not of a shape that we know; says what is missing."""


class NotJson(Unreadable):
    """Not even JSON."""


@dataclass(frozen=True, slots=True)
class Account:
    """A Twitter account as an event described it."""

    id: int
    username: str
    name: str = ""
    followers: int = 0


@dataclass(frozen=True, slots=True)
class Tweet:
    """A tweet as the rest of Nightjar sees it. `text` is unescaped and whole; times are UTC."""

    id: int
    author_id: int
    text: str
    created_at: datetime
    in_reply_to_id: int | None = None
    in_reply_to_user_id: int | None = None
    reply_tree_id: int | None = None
    lang: str = ""
    retweet_of: int | None = None
    quote_of: int | None = None
    mentioned: tuple[tuple[int, str], ...] = ()
    accounts: Mapping[int, Account] = field(default_factory=dict)


class _Filter(msgspec.Struct):
    user_id: str | int | None = None


class _Identified(msgspec.Struct):
    id: str | int | None = None


class _Event(msgspec.Struct):
    event_type: str
    filter: _Filter = msgspec.field(default_factory=_Filter)
    event_uuid: str | int = ""
    payload: _Identified = msgspec.field(default_factory=_Identified)


class _Envelope(msgspec.Struct):
    data: _Event


@dataclass(frozen=True, slots=True)
class Envelope:
    """Where an event belongs: the account it is for, what it is, and the id it goes by."""

    for_id: int | None
    event_type: str
    kind: str
    twitter_id: int


_decoder = msgspec.json.Decoder(_Envelope)
_HALF = re.compile("[\ud800-\udfff]")
_MOST_FOLLOWERS = 2**31 - 1  # what the column holds
_BARE = (
    "id",
    "author_id",
    "created_at",
    "conversation_id",
    "lang",
    "in_reply_to_user_id",
    "referenced_tweets",
    "referenced_posts",
)
_TWEETS = {
    "post.create",
    "post.mention.create",
    "post.reply.create",
    "post.quote.create",
    "post.repost.create",
}


def read_envelope(body: bytes) -> Envelope:
    """Read the ids of an X Activity event and nothing else; raises `Unreadable`."""
    try:
        event = _event(body)
        for_id = None if event.filter.user_id is None else int(event.filter.user_id)
    except (msgspec.ValidationError, ValueError) as error:
        raise error if isinstance(error, Unreadable) else Unreadable(str(error)) from error
    own_id = _number(event.payload.id)
    if event.event_type in _TWEETS and _is_id(own_id):
        kind = "tweet"
    elif event.event_type == "post.delete" and _is_id(own_id):
        kind = "deletion"
    else:
        kind, own_id = "other", _opaque_id(event, body)
    if for_id is not None and not _is_id(for_id):
        raise Unreadable(f"{for_id} is no account's id")
    return Envelope(for_id=for_id, event_type=event.event_type, kind=kind, twitter_id=own_id or 0)


def read_tweet_event(body: bytes) -> Tweet:
    """The tweet inside an X Activity event; raises `Unreadable`."""
    try:
        data = _json(body)["data"]
        return read_tweet(data["payload"], includes=data.get("includes") or {})
    except (KeyError, TypeError, AttributeError) as error:
        raise Unreadable(f"not a tweet event: {error!r}") from error


def without_words(body: bytes) -> bytes:
    """The same event without what anybody wrote: ids and times, as much as threading needs; nothing if unreadable."""
    try:
        data = _json(body)["data"]
        post = data["payload"]
        kept = {name: post[name] for name in _BARE if name in post}
        named = (post.get("entities") or {}).get("mentions")
        if named:
            kept["entities"] = {
                "mentions": [{"id": one["id"], "username": _clean(str(one.get("username") or ""))} for one in named]
            }
        return msgspec.json.encode({"data": {"event_type": data["event_type"], "payload": kept}})
    except (KeyError, TypeError, ValueError, AttributeError):
        return b""


def read_tweet(post: Mapping[str, Any], *, includes: Mapping[str, Any]) -> Tweet:
    """A tweet of the API's version 2, or of an event's payload; raises `Unreadable`."""
    try:
        note = post.get("note_tweet") or post.get("note_post") or {}
        referenced = post.get("referenced_tweets") or post.get("referenced_posts") or []
        by_type = {reference["type"]: _id(reference["id"]) for reference in referenced}
        mentions = (post.get("entities") or {}).get("mentions") or []
        return Tweet(
            id=_id(post["id"]),
            author_id=_id(post["author_id"]),
            text=unescape(_clean(note.get("text") or post.get("text") or "")),
            created_at=_instant(post.get("created_at"), _id(post["id"])),
            in_reply_to_id=by_type.get("replied_to"),
            in_reply_to_user_id=_optional_id(post.get("in_reply_to_user_id")),
            reply_tree_id=_optional_id(post.get("conversation_id")),
            lang=_clean(str(post.get("lang") or ""))[:8],
            retweet_of=by_type.get("retweeted"),
            quote_of=by_type.get("quoted"),
            mentioned=tuple(
                (_id(mention["id"]), _clean(str(mention.get("username") or ""))[:30])
                for mention in mentions
                if mention.get("id")
            ),
            accounts=_accounts(includes),
        )
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise Unreadable(f"not a tweet: {error!r}") from error


def instant_of(tweet_id: int) -> datetime:
    """When a tweet was made, to the second, as its id says."""
    return datetime.fromtimestamp(((tweet_id >> 22) + SNOWFLAKE_EPOCH_MS) // 1000, UTC)


def _accounts(includes: Mapping[str, Any]) -> dict[int, Account]:
    found = {}
    for entry in includes.get("users") or []:
        user = entry.get("data", entry)  # some events wrap each user once more
        found[int(user["id"])] = Account(
            id=_id(user["id"]),
            username=_clean(str(user.get("username") or ""))[:30],
            name=unescape(_clean(str(user.get("name") or "")))[:200],
            followers=min(max(int((user.get("public_metrics") or {}).get("followers_count") or 0), 0), _MOST_FOLLOWERS),
        )
    return found


def _instant(text: str | None, tweet_id: int) -> datetime:
    if not text:
        return instant_of(tweet_id)
    instant = datetime.fromisoformat(text)
    # Without a zone it would be read in that of this machine; Twitter's times are UTC.
    return instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)


def _id(value: Any) -> int:
    number = int(value)
    if not _is_id(number):
        raise ValueError(f"{value} is no Twitter id")
    return number


def _optional_id(value: Any) -> int | None:
    return None if value in (None, "") else _id(value)


def _is_id(number: int | None) -> bool:
    return number is not None and 0 < number < 2**63


def _clean(text: str) -> str:
    """As PostgreSQL can keep it: no NUL, and no half of a character that somebody cut in two."""
    return _HALF.sub("\ufffd", text.replace("\x00", ""))


def _event(body: bytes) -> _Event:
    try:
        return _decoder.decode(body).data
    except (msgspec.MsgspecError, ValueError, RecursionError):
        # Slowly, and thus tolerantly; also to tell what is not JSON from what is of another shape.
        return msgspec.convert(_json(body), _Envelope).data


def _json(body: bytes) -> Any:
    """What is in the body. The slow reader takes halved surrogate pairs, which names cut to a length have."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        pass
    try:
        return json.loads(body.decode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        raise NotJson(str(error)) from error


def _number(value: str | int | None) -> int | None:
    """A Twitter id that may be absent, or no number at all: some kinds of event use uuids."""
    return int(str(value)) if str(value).isdecimal() and len(str(value)) < 20 else None


def _opaque_id(event: _Event, body: bytes) -> int:
    """A stable number for an event that has no Twitter id of its own: its uuid is opaque, and may be missing."""
    name = f"{event.event_type}:{event.event_uuid}".encode() if event.event_uuid else body
    return int.from_bytes(hashlib.sha256(name).digest()[:8]) >> 1
