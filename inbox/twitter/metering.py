"""What each answered call to Twitter reports about itself: for the limits that it used and the money that it cost.

`calls.capped` makes the report of every call by itself, from what was asked and what was answered; a caller need pass
nothing. Which kind of thing costs how much is a matter of `prices.toml`, not of this module.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from inbox.twitter.text import urls


@dataclass(frozen=True, slots=True)
class CallReport:
    """One answered call.

    `endpoint` is the path with `:id` in place of what varies ("/2/users/:id/mentions"): limits and prices go by it.
    `billed` is a kind of the price table ("post.read", "post.create", "dm.send" …); empty: free. `count` is how many of
    it. `resources` are the ids that were read, where known: Twitter counts each once a day (UTC). `along` is what came
    with it and is billed too, by kind: the users that an expansion brings.
    """

    method: str
    endpoint: str
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    billed: str = ""
    count: int = 0
    resources: tuple[int, ...] = ()
    along: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    # Of a refused call: the last part of the problem's type ("usage-capped"), and Twitter's words.
    problem: str = ""
    words: str = ""


Told = Callable[[CallReport], None]

_VARIES = re.compile(r"(?<=.)/(?:\d+(?:-\d+)?|:\w+)(?=/|$)")
_USERNAME = re.compile(r"(/by/username)/[^/]+")

# What a successful call is billed as, by method and endpoint. What is not here is free, or billed as an event.
_BILLED: dict[tuple[str, str], str] = {
    ("GET", "/2/tweets"): "post.read",
    ("GET", "/2/tweets/:id"): "post.read",
    ("GET", "/2/tweets/search/recent"): "post.read",
    ("GET", "/2/users/:id/mentions"): "post.read",
    ("GET", "/2/users/:id/tweets"): "post.read",
    ("GET", "/2/users"): "user.read",
    ("GET", "/2/users/:id"): "user.read",
    ("GET", "/2/users/by"): "user.read",
    ("GET", "/2/users/by/username/:username"): "user.read",
    ("GET", "/2/users/me"): "user.read",
    ("GET", "/2/dm_events"): "dm.read",
    ("GET", "/2/dm_events/:id"): "dm.read",
    ("GET", "/2/dm_conversations/:id/dm_events"): "dm.read",
    ("GET", "/2/dm_conversations/with/:id/dm_events"): "dm.read",
    ("POST", "/2/tweets"): "post.create",
    ("DELETE", "/2/tweets/:id"): "interaction.delete",
    ("PUT", "/2/tweets/:id/hidden"): "content.manage",
    ("POST", "/2/dm_conversations/with/:id/messages"): "dm.send",
    ("POST", "/2/dm_conversations/:id/messages"): "dm.send",
    ("POST", "/2/dm_conversations"): "dm.send",
    ("DELETE", "/2/dm_events/:id"): "interaction.delete",
    ("POST", "/2/users/:id/likes"): "user.interaction",
    ("DELETE", "/2/users/:id/likes/:id"): "interaction.delete",
    ("POST", "/2/users/:id/dm/block"): "user.interaction",
    ("POST", "/2/users/:id/dm/unblock"): "interaction.delete",
    ("POST", "/2/media/metadata"): "media.metadata",
}


def endpoint_of(path: str) -> str:
    """The template of a path: what varies in it replaced, the query left out."""
    return _USERNAME.sub(r"\1/:username", _VARIES.sub("/:id", path.partition("?")[0]))


def report_of(
    method: str, path: str, *, sent: object, status: int, headers: Mapping[str, str], content: bytes
) -> CallReport:
    """The report of one answered call. A refused call is billed as nothing."""
    endpoint = endpoint_of(path)
    if status >= 400:
        answer = _read(content)
        problem, words = str(answer.get("type") or "").rpartition("/")[2], str(answer.get("detail") or "")[:300]
        return CallReport(method, endpoint, status, headers, problem=problem, words=words)
    billed = _BILLED.get((method, endpoint), "") if 200 <= status < 300 else ""
    if method != "GET" or not billed:
        kind = _kind_of_tweet(sent) if billed == "post.create" else billed
        return CallReport(method, endpoint, status, headers, kind, int(bool(billed)))
    answer = _read(content)
    resources = _ids(answer.get("data"))
    return CallReport(method, endpoint, status, headers, billed, len(resources), resources, _along(answer))


def _kind_of_tweet(sent: object) -> str:
    body = sent if isinstance(sent, Mapping) else {}
    return kind_of_tweet(str(body.get("text") or ""), is_reply="reply" in body)


def kind_of_tweet(text: str, *, is_reply: bool) -> str:
    """What a tweet is billed as. One with a link, a bare domain too, may cost twenty times as much."""
    kind = "post.create_summoned" if is_reply else "post.create"
    return f"{kind}_with_link" if urls(text) else kind


def _along(answer: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    includes = answer.get("includes")
    found = includes if isinstance(includes, dict) else {}
    users, posts = _ids(found.get("users")), _ids(found.get("tweets") or found.get("posts"))
    return {kind: ids for kind, ids in (("user.read", users), ("post.read", posts)) if ids}


def _ids(found: object) -> tuple[int, ...]:
    rows = found if isinstance(found, list) else [found]
    ids = (str(row.get("id") or "") for row in rows if isinstance(row, dict))
    return tuple(dict.fromkeys(int(each) for each in ids if each.isdigit()))


def _read(content: bytes) -> dict[str, Any]:
    try:
        answer = msgspec.json.decode(content)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}
