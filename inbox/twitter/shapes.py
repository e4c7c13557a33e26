"""Twitter's words into ours: a tolerant reader of what webhooks and the API send, in both of Twitter's vocabularies.

Ids are strings on the wire and integers here. What is absent is absent, what is unknown is ignored; only a payload
without the fields that make a tweet a tweet is refused (`Unreadable`).
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from inbox.twitter.text import unescape

SNOWFLAKE_EPOCH_MS = 1288834974657


class Unreadable(ValueError):
    """Not of a shape that we know; says what is missing."""


class NotJson(Unreadable):
    """Not even JSON."""


class Account(msgspec.Struct, frozen=True):
    """A Twitter account as an event described it."""

    id: int
    username: str
    name: str = ""
    followers: int = 0
    avatar_url: str = ""
    is_protected: bool = False
    takes_private: bool | None = None  # not known, where Twitter was not asked


class Tweet(msgspec.Struct, frozen=True):
    """A tweet as the rest of Nightjar sees it. `text` is unescaped and whole; times are UTC.

    A struct of msgspec's, as an account is: made in a sixth of the time of a dataclass.
    """

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
    accounts: Mapping[int, Account] = msgspec.field(default_factory=dict)
    is_private: bool = False  # a direct message: `in_reply_to_user_id` is who it was sent to
    is_encrypted: bool = False
    versions: tuple[int, ...] = ()  # of an edited tweet, the oldest first; `id` is this version's
    typed: tuple[int, ...] = ()  # accounts that the author named by typing, not by answering
    reply_settings: str = ""  # who may answer it; empty: everyone
    media: list[dict[str, Any]] | None = None  # [{"key", "kind", "url", "preview", "alt", "width", "height"}]
    links: list[dict[str, str]] | None = None  # [{"url", "expanded", "shown"}]; a picture's own link is shown as ""
    event: str = ""  # the type of event that brought it

    @property
    def first_id(self) -> int:
        """The id that its message goes by, whichever version this is."""
        return self.versions[0] if self.versions else self.id


@dataclass(frozen=True, slots=True)
class Envelope:
    """Where an event belongs: the account it is for, what it is, and the id it goes by."""

    for_id: int | None
    event_type: str
    kind: str
    twitter_id: int
    body: bytes = b""


_HALF = re.compile("[\ud800-\udfff]")
LEADING_NAMES = re.compile(r"(?:\s*@\w+)*\s*")
_KINDS = {"photo": "photo", "animated_gif": "gif", "video": "video"}
_KEY_KINDS = {"3": "photo", "16": "gif", "7": "video", "13": "video"}  # a media key begins with its kind
MOST_FOLLOWERS = 2**31 - 1  # what the column holds


def read_tweet(post: Mapping[str, Any], *, includes: Mapping[str, Any], event: str = "") -> Tweet:
    """A tweet of the API's version 2, or of an event's payload; raises `Unreadable`."""
    try:
        note = post.get("note_tweet") or post.get("note_post") or {}
        referenced = post.get("referenced_tweets") or post.get("referenced_posts") or ()
        by_type = {reference["type"]: as_id(reference["id"]) for reference in referenced}
        own_id = as_id(post["id"])
        answers = by_type.get("replied_to") or optional_id(post.get("in_reply_to_tweet_id"))
        history = post.get("edit_history_tweet_ids") or post.get("edit_history_post_ids") or ()
        entities = post.get("entities") or {}
        named = entities.get("mentions") or ()
        links, held = read_links([*(entities.get("urls") or ()), *((note.get("entities") or {}).get("urls") or ())])
        return Tweet(
            id=own_id,
            author_id=as_id(post["author_id"]),
            text=unescape(clean(note.get("text") or post.get("text") or "")),
            created_at=instant(post.get("created_at"), own_id),
            in_reply_to_id=answers,
            in_reply_to_user_id=optional_id(post.get("in_reply_to_user_id")),
            reply_tree_id=optional_id(post.get("conversation_id")),
            lang=clean(str(post.get("lang") or ""))[:8],
            retweet_of=by_type.get("retweeted"),
            quote_of=by_type.get("quoted"),
            mentioned=_mentioned(named, note),
            accounts=read_accounts(includes.get("users") or ()),
            versions=tuple(sorted(as_id(pk) for pk in history)) if len(history) > 1 else (),
            typed=typed_in(
                named, post.get("display_text_range"), post.get("text") or "", is_answer=answers is not None
            ),
            reply_settings="" if post.get("reply_settings") in (None, "everyone") else str(post["reply_settings"])[:20],
            media=read_media(post.get("attachments") or {}, held, includes.get("media") or ()),
            links=links,
            event=event,
        )
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise Unreadable(f"not a tweet: {error!r}") from error


def typed_in(
    named: Sequence[Mapping[str, Any]], shown: Sequence[int] | None, text: str, *, is_answer: bool
) -> tuple[int, ...]:
    """The accounts that an author named on purpose: anywhere in a tweet that answers nobody, and else beyond the names
    that Twitter itself puts in front of an answer. Offsets are Twitter's, or found by the name where there are none."""
    if not named:
        return ()
    if not is_answer:
        return tuple(dict.fromkeys(as_id(one["id"]) for one in named if one.get("id")))
    begins = int(shown[0]) if shown else LEADING_NAMES.match(text).end()  # type: ignore[union-attr]
    return tuple(
        dict.fromkeys(
            as_id(one["id"]) for one in named if one.get("id") and _place_of(one, text, after=begins) >= begins
        )
    )


def read_links(entities: Sequence[Mapping[str, Any]]) -> tuple[list[dict[str, str]] | None, list[str]]:
    """Links as Twitter shows and expands them, and the keys of the pictures that some of them stand for."""
    links: dict[str, dict[str, str]] = {}
    keys: list[str] = []
    for one in entities:
        url = clean(str(one.get("url") or ""))
        if not url:
            continue
        key = one.get("media_key")
        keys += [str(key)] if key else []
        expanded = clean(str(one.get("unwound_url") or one.get("expanded_url") or url))
        shown = "" if key else clean(str(one.get("display_url") or expanded))
        links.setdefault(url, {"url": url, "expanded": expanded[:2000], "shown": shown[:300]})
    return list(links.values()) or None, keys


def read_accounts(users: Iterable[Mapping[str, Any]]) -> dict[int, Account]:
    """Accounts by id, from `includes.users` or from an event's users; some events wrap each once more."""
    found = {}
    for entry in users:
        user = entry.get("data", entry)
        account = read_account(user)
        found[account.id] = account
    return found


def read_account(user: Mapping[str, Any]) -> Account:
    """An account, in version 2's words or in version 1.1's."""
    metrics = user.get("public_metrics") or {}
    followers = metrics.get("followers_count") or user.get("followers_count") or 0
    avatar = str(user.get("profile_image_url_https") or user.get("profile_image_url") or "")
    takes_private = user.get("receives_your_dm")
    return Account(
        id=as_id(user.get("id_str") or user["id"]),
        username=clean(str(user.get("username") or user.get("screen_name") or ""))[:30],
        name=unescape(clean(str(user.get("name") or "")))[:200],
        followers=min(max(int(followers), 0), MOST_FOLLOWERS),
        avatar_url=avatar if avatar.startswith("https://") and len(avatar) <= 300 else "",
        is_protected=user.get("protected") in (True, "true"),
        takes_private=None if takes_private is None else takes_private in (True, "true"),
    )


def instant_of(tweet_id: int) -> datetime:
    """When a tweet was made, to the second, as its id says."""
    return datetime.fromtimestamp(((tweet_id >> 22) + SNOWFLAKE_EPOCH_MS) // 1000, UTC)


def instant(text: str | None, tweet_id: int) -> datetime:
    """A time of the API's in UTC; where there is none, the time in the id."""
    if not text:
        return instant_of(tweet_id)
    found = datetime.fromisoformat(text)
    # Without a zone it would be read in that of this machine; Twitter's times are UTC.
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def as_id(value: Any) -> int:
    """A Twitter id as a number; raises `ValueError`."""
    number = int(value)
    if not 0 < number < 2**63:
        raise ValueError(f"{value} is no Twitter id")
    return number


def optional_id(value: Any) -> int | None:
    """A Twitter id that may be absent."""
    return None if value in (None, "") else as_id(value)


def is_id(number: int | None) -> bool:
    """Whether this can be one of Twitter's ids."""
    return number is not None and 0 < number < 2**63


def clean(text: str) -> str:
    """As PostgreSQL can keep it: no NUL, and no half of a character that somebody cut in two."""
    return text if text.isascii() and "\x00" not in text else _HALF.sub("\ufffd", text.replace("\x00", ""))


def _mentioned(named: Sequence[Mapping[str, Any]], note: Mapping[str, Any]) -> tuple[tuple[int, str], ...]:
    everyone = [*named, *((note.get("entities") or {}).get("mentions") or ())]
    return tuple(
        {as_id(one["id"]): clean(str(one.get("username") or ""))[:30] for one in everyone if one.get("id")}.items()
    )


def _place_of(mention: Mapping[str, Any], text: str, *, after: int) -> int:
    if mention.get("start") is not None:
        return int(mention["start"])
    name = str(mention.get("username") or mention.get("screen_name") or "")
    return text.lower().find(f"@{name}".lower(), after)


def read_media(
    attachments: Mapping[str, Any], held: Sequence[str], included: Iterable[Mapping[str, Any]]
) -> list[dict[str, Any]] | None:
    """What hangs on it, in its order. What Twitter did not describe is kept by its key: there is a picture."""
    keys = dict.fromkeys([*(str(key) for key in attachments.get("media_keys") or ()), *held])
    if not keys:
        return None
    described = {str(one.get("media_key")): one for one in included}
    return [_picture(key, described.get(key) or {}) for key in keys]


def _picture(key: str, one: Mapping[str, Any]) -> dict[str, Any]:
    kind = _KINDS.get(str(one.get("type") or ""), _KEY_KINDS.get(key.split("_")[0], "photo"))
    return {
        "key": clean(key),
        "kind": kind,
        "url": clean(str(one.get("url") or best_variant(one.get("variants") or ()))),
        "preview": clean(str(one.get("preview_image_url") or "")),
        "alt": unescape(clean(str(one.get("alt_text") or "")))[:1000],
        "width": one.get("width"),
        "height": one.get("height"),
    }


def best_variant(variants: Sequence[Mapping[str, Any]]) -> str:
    """The address of the best MP4 of a video or GIF; empty if there is none."""
    films = [one for one in variants if one.get("content_type") == "video/mp4" and one.get("url")]
    return str(max(films, key=lambda one: one.get("bit_rate") or one.get("bitrate") or 0)["url"]) if films else ""


def to_json(body: bytes) -> Any:
    """What is in the body. The slow reader takes halved surrogate pairs, which names cut to a length have."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        pass
    try:
        return json.loads(body.decode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        raise NotJson(str(error)) from error
