"""Every kind of body that Twitter sends, sorted into letters, and every letter read.

`read_letters` is the door's: ids and kinds only. The commonest event, one tweet of the X Activity API, takes a short
way; all else is told apart as Twitter's page on webhooks says: `for_user_id`, `user_event` or `replay_job_status` is
Account Activity, `data.event_type` is X Activity, `matching_rules` the filtered stream. Pages of tweets or of direct
messages, which we asked for, are read by the same function. `read_arrival` is the flow's: one letter, whole.

A letter goes by (kind, Twitter's id), whatever way brought it: one tweet that comes five ways is one arrival. What has
no id of its own (follows, profile changes, uuids that mean nothing) goes by a stable number made of what names it.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any

import msgspec

from inbox.twitter.acts import OLD_DEEDS, Act, is_true, read_acts
from inbox.twitter.old_shapes import is_old_tweet, is_oldest_message, read_old_message, read_old_tweet
from inbox.twitter.private_shapes import chat_id, read_chat, read_new_message
from inbox.twitter.shapes import Envelope, Tweet, Unreadable, as_id, clean, is_id, optional_id, read_tweet, to_json
from inbox.twitter.short_way import read_short

__all__ = ["Act", "Tweet", "event_type_of", "is_known", "read_arrival", "read_letters", "without_words"]

MOST_LETTERS = 1_000  # of one body
TWEETS = frozenset(
    f"{word}.{what}"
    for word in ("post", "tweet")
    for what in ("create", "mention.create", "reply.create", "quote.create", "repost.create")
)
_DELETIONS = frozenset({"post.delete", "tweet.delete"})
_PRIVATES = frozenset({"dm.received", "dm.sent"})
_CHATS = frozenset({"chat.received", "chat.sent"})
_PEOPLE = ("follow.", "block.", "mute.", "like.", "profile.update.", "oauth.revoke")
# Known, and nothing is done about them: typing, receipts, comings and goings in groups, what X broadcasts.
_QUIET = ("dm.read", "dm.indicate_typing", "chat.", "spaces.", "broadcast.", "news.", "replay_job_status")


class _Filter(msgspec.Struct):
    user_id: str | None = None


class _Identified(msgspec.Struct):
    id: str | None = None


class _Event(msgspec.Struct):
    event_type: str
    filter: _Filter
    payload: _Identified


class _Short(msgspec.Struct):
    data: _Event


class _Type(msgspec.Struct):
    event_type: str = ""


class _Typed(msgspec.Struct):
    data: _Type = msgspec.field(default_factory=_Type)


_short = msgspec.json.Decoder(_Short)
_typed = msgspec.json.Decoder(_Typed)


def is_known(event_type: str) -> bool:
    """Whether this type of event is one that we have heard of; others are kept, and told of."""
    return (
        event_type in TWEETS | _DELETIONS | _PRIVATES | _CHATS
        or event_type.startswith((*_PEOPLE, *_QUIET))
        or event_type.endswith("_events")
    )


def read_letters(body: bytes) -> list[Envelope]:
    """One body of Twitter's into letters, at least one; raises `Unreadable`, and `NotJson` for what is not even that.

    A letter of a page that we asked for has no `for_id`: whoever asked knows for whom.
    """
    try:
        event = _short.decode(body).data
        if event.event_type in TWEETS:
            own_id, for_id = int(event.payload.id or 0), int(event.filter.user_id or 0)
            if 0 < own_id < 2**63 and 0 < for_id < 2**63:
                return [Envelope(for_id, event.event_type, "tweet", own_id, body)]
    except (msgspec.MsgspecError, ValueError, RecursionError):
        pass
    return _read_slowly(body)


def read_arrival(kind: str, body: bytes) -> Tweet | int | list[Act] | None:
    """What is in a letter of this kind: a tweet or message, the id of a deleted tweet, deeds; None: nothing to act on.

    Raises `Unreadable`.
    """
    if kind not in _READERS:
        return None
    if kind == "tweet" and (tweet := read_short(body)):
        return tweet
    try:
        return _READERS[kind](to_json(body))
    except (KeyError, IndexError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise error if isinstance(error, Unreadable) else Unreadable(f"not a {kind}: {error!r}") from error


def without_words(kind: str, body: bytes) -> bytes:
    """The same letter without what anybody wrote: ids and times, as much as threading needs; nothing if unreadable."""
    try:
        found = read_arrival(kind, body)
    except Unreadable:
        return b""
    if not isinstance(found, Tweet):
        return b""
    if found.is_encrypted:
        return msgspec.json.encode(_bare_chat(to_json(body)))
    return msgspec.json.encode(_bare_message(found) if found.is_private else _bare_tweet(found))


def event_type_of(body: bytes) -> str:
    """The type of the X Activity event that this letter is; empty for letters of other shapes."""
    try:
        return _typed.decode(body).data.event_type
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return ""


def _read_slowly(body: bytes) -> list[Envelope]:
    whole = to_json(body)
    if not isinstance(whole, Mapping):
        raise Unreadable("not an object")
    try:
        letters = list(islice(_sorted_out(whole, body), MOST_LETTERS + 1))
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise error if isinstance(error, Unreadable) else Unreadable(repr(error)) from error
    if len(letters) > MOST_LETTERS:  # each with what is said beside it: a small body could fill the memory
        raise Unreadable("more events than Twitter sends in one body")
    if not letters:
        raise Unreadable("of no shape that we know")
    return letters


def _sorted_out(whole: Mapping[str, Any], body: bytes) -> Iterable[Envelope]:
    data = whole.get("data")
    if "for_user_id" in whole or "user_event" in whole:
        return _of_account_activity(whole)
    if "replay_job_status" in whole:
        named = str((whole["replay_job_status"] or {}).get("job_id"))
        return [Envelope(None, "replay_job_status", "other", stable_id("replay", named), body)]
    if isinstance(data, Mapping) and "event_type" in data and "payload" in data:
        return _of_x_activity(data, whole, body)
    if isinstance(data, Mapping):
        return _of_page([data], whole, _handles_named(whole.get("matching_rules") or ()))
    if isinstance(data, list):
        return _of_page(data, whole, [None])
    if isinstance(whole.get("errors"), list) and whole["errors"]:
        first = whole["errors"][0]
        # Some errors stand under a title, those of version 1.1 have a message alone.
        named = str(first.get("title") or first.get("type") or whole.get("title") or first.get("message") or "unnamed")
        return [Envelope(None, f"errors:{clean(named)[:40]}", "other", stable_id("errors", named), body)]
    if isinstance(whole.get("meta"), Mapping):  # an empty page
        return [Envelope(None, "empty", "other", stable_id("empty", ""), body)]
    return []


def _of_x_activity(data: Mapping[str, Any], whole: Mapping[str, Any], body: bytes) -> Iterable[Envelope]:
    event_type = clean(str(data["event_type"]))
    payload = data.get("payload") or {}
    for_id = optional_id((data.get("filter") or {}).get("user_id"))
    own_id = _number(payload.get("id"))
    if event_type in TWEETS and own_id:
        return [Envelope(for_id, event_type, "tweet", own_id, body)]
    if event_type in _DELETIONS and own_id:
        return [Envelope(for_id, event_type, "deletion", own_id, body)]
    if event_type in _PRIVATES and payload.get("direct_message_events"):
        return _privates(
            payload["direct_message_events"],
            for_id,
            event_type,
            lambda one: {"data": {**data, "payload": {**payload, "direct_message_events": [one]}}},
        )
    if event_type in _CHATS:
        return [Envelope(for_id, event_type, "chat", chat_id(payload), body)]
    kind = "person" if event_type.startswith(_PEOPLE) else "other"
    if event_type == "oauth.revoke":
        for_id = for_id or optional_id(payload.get("user_id"))
    uuid = data.get("event_uuid")
    return [Envelope(for_id, event_type, kind, stable_id(event_type, str(uuid)) if uuid else stable_id("", body), body)]


def _of_account_activity(whole: Mapping[str, Any]) -> Iterable[Envelope]:
    for_id = optional_id(whole.get("for_user_id"))
    if "user_event" in whole:
        deed = whole["user_event"].get("revoke") or {}
        for_id = for_id or optional_id((deed.get("source") or {}).get("user_id"))
        name = f"{for_id}:{deed.get('date_time')}"
        yield Envelope(for_id, "oauth.revoke", "person", stable_id("revoke", name), msgspec.json.encode(whole))
        return
    beside = {name: value for name, value in whole.items() if not name.endswith("_events")}
    for name, events in whole.items():
        if not name.endswith("_events") or not isinstance(events, list):
            continue
        if name == "direct_message_events":
            yield from _privates(events, for_id, name, lambda one: {**beside, "direct_message_events": [one]})
            continue
        for one in events:
            body = msgspec.json.encode({**beside, name: [one]})
            kind, own_id = _old_kind(name, one, body)
            yield Envelope(for_id, name, kind, own_id, body)
            if name == "tweet_create_events" and (
                is_true(whole, "user_has_blocked") or is_true(whole, "is_blocked_by")
            ):
                yield Envelope(for_id, "block_events", "person", stable_id("blocks", f"{for_id}:{own_id}"), body)


def _old_kind(name: str, one: Mapping[str, Any], body: bytes) -> tuple[str, int]:
    if name == "tweet_create_events" and is_id(_number(one.get("id_str") or one.get("id"))):
        return "tweet", as_id(one.get("id_str") or one["id"])
    if name == "tweet_delete_events" and is_id(_number((one.get("status") or {}).get("id"))):
        return "deletion", as_id(one["status"]["id"])
    return "person" if name in OLD_DEEDS else "other", stable_id(name, body)


def _privates(
    events: Iterable[Mapping[str, Any]],
    for_id: int | None,
    event_type: str,
    alone: Callable[[Mapping[str, Any]], Mapping[str, Any]],
) -> Iterable[Envelope]:
    for one in events:
        body = msgspec.json.encode(alone(one))
        own_id = _number(one.get("id"))
        if own_id and one.get("message_create"):
            yield Envelope(for_id, event_type, "private", own_id, body)
        else:
            yield Envelope(for_id, event_type, "other", own_id or stable_id(event_type, body), body)


def _of_page(
    things: Iterable[Mapping[str, Any]], whole: Mapping[str, Any], for_ids: Iterable[int | None]
) -> Iterable[Envelope]:
    """Tweets and direct messages that we asked for, each with what is said beside it about itself alone."""
    for one in things:
        own_id = _number(one.get("id"))
        if not own_id:
            continue
        body = msgspec.json.encode({"data": one, "includes": _beside(one, whole.get("includes") or {})})
        for for_id in for_ids:
            if "dm_conversation_id" in one:
                kind = "private" if one.get("event_type") in (None, "MessageCreate") else "other"
                yield Envelope(for_id, str(one.get("event_type") or ""), kind, own_id, body)
            elif "text" in one or "author_id" in one:
                yield Envelope(for_id, "", "tweet", own_id, body)


def _beside(one: Mapping[str, Any], includes: Mapping[str, Any]) -> dict[str, Any]:
    people = {str(one.get(name)) for name in ("author_id", "sender_id", "in_reply_to_user_id")}
    keys = {str(key) for key in (one.get("attachments") or {}).get("media_keys") or ()}
    kept = {
        "users": [user for user in includes.get("users") or () if str(user.get("data", user).get("id")) in people],
        "media": [each for each in includes.get("media") or () if str(each.get("media_key")) in keys],
    }
    return {name: found for name, found in kept.items() if found}


def _handles_named(rules: Iterable[Mapping[str, Any]]) -> list[int | None]:
    """The handles for which a rule of the stream was made: its tag names them, by their ids, between spaces."""
    named = [_number(word) for rule in rules for word in str(rule.get("tag") or "").replace(":", " ").split()]
    return [*dict.fromkeys(number for number in named if number)] or [None]


def _read_any_tweet(whole: Mapping[str, Any]) -> Tweet:
    if "tweet_create_events" in whole:
        return read_old_tweet(whole["tweet_create_events"][0], event="tweet_create_events")
    data = whole.get("data", whole)
    if "payload" in data:
        return read_tweet(data["payload"], includes=data.get("includes") or {}, event=str(data.get("event_type") or ""))
    if is_old_tweet(data):
        return read_old_tweet(data)
    return read_tweet(data, includes=whole.get("includes") or {}, event=_listened_by(whole))


def _listened_by(whole: Mapping[str, Any]) -> str:
    """Which listening brought it: "listened.broad", "listened.proactive", or empty; see `inbox.domain.listening`."""
    reaches = {str(rule.get("tag") or "").rpartition(":")[2] for rule in whole.get("matching_rules") or ()}
    return next((f"listened.{reach}" for reach in ("broad", "proactive") if reach in reaches), "")


def _read_deletion(whole: Mapping[str, Any]) -> int:
    if "tweet_delete_events" in whole:
        return as_id(whole["tweet_delete_events"][0]["status"]["id"])
    return as_id(whole["data"]["payload"]["id"])


def _read_private(whole: Mapping[str, Any]) -> Tweet | None:
    if "direct_message_events" in whole:
        return read_old_message(whole["direct_message_events"][0], users=whole.get("users") or {}, name="dm")
    data = whole.get("data", whole)
    if "payload" in data:
        payload = data["payload"]
        name = str(data.get("event_type") or "")
        return read_old_message(payload["direct_message_events"][0], users=payload.get("users") or {}, name=name)
    if "message_create" in data or is_oldest_message(data):
        return read_old_message(data, users={})
    return read_new_message(data, includes=whole.get("includes") or {})


def stable_id(kind: str, name: str | bytes) -> int:
    """The same positive number for the same name, for what Twitter gives no id."""
    as_bytes = name if isinstance(name, bytes) else f"{kind}:{name}".encode()
    return int.from_bytes(hashlib.sha256(as_bytes).digest()[:8]) >> 1 or 1


def _number(value: Any) -> int | None:
    """A Twitter id, or None for what is no number: some kinds of event use uuids."""
    text = str(value)
    return int(text) if text.isdecimal() and len(text) < 20 and 0 < int(text) < 2**63 else None


def _bare_chat(whole: Mapping[str, Any]) -> dict[str, Any]:
    data = whole["data"]
    kept = {name: data["payload"].get(name) for name in ("id", "created_at_msec", "sender_id", "conversation_id")}
    return {"data": {"event_type": data["event_type"], "payload": kept}}


def _bare_tweet(tweet: Tweet) -> dict[str, Any]:
    referenced = (("replied_to", tweet.in_reply_to_id), ("quoted", tweet.quote_of), ("retweeted", tweet.retweet_of))
    payload = {
        "id": str(tweet.id),
        "author_id": str(tweet.author_id),
        "created_at": tweet.created_at.isoformat(),
        "conversation_id": str(tweet.reply_tree_id) if tweet.reply_tree_id else None,
        "lang": tweet.lang,
        "in_reply_to_user_id": str(tweet.in_reply_to_user_id) if tweet.in_reply_to_user_id else None,
        "referenced_tweets": [{"type": kind, "id": str(pk)} for kind, pk in referenced if pk],
        "edit_history_tweet_ids": [str(pk) for pk in tweet.versions],
        "entities": {"mentions": [{"id": str(pk), "username": name} for pk, name in tweet.mentioned]},
    }
    return {"data": {"event_type": tweet.event or "post.create", "payload": payload}}


def _bare_message(tweet: Tweet) -> dict[str, Any]:
    said = {"target": {"recipient_id": str(tweet.in_reply_to_user_id)}, "sender_id": str(tweet.author_id)}
    event = {
        "type": "message_create",
        "id": str(tweet.id),
        "created_timestamp": str(int(tweet.created_at.timestamp() * 1000)),
        "message_create": {**said, "message_data": {"text": ""}},
    }
    return {"data": {"event_type": "dm.received", "payload": {"direct_message_events": [event]}}}


_READERS: dict[str, Callable[[Mapping[str, Any]], Tweet | int | list[Act] | None]] = {
    "tweet": _read_any_tweet,
    "deletion": _read_deletion,
    "private": _read_private,
    "chat": read_chat,
    "person": read_acts,
}
