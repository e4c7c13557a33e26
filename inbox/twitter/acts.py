"""What people do on Twitter besides writing: follow, block, mute, like, change their profile, take our access away.

X Activity and Account Activity say it in different shapes; both become the same `Act`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from inbox.twitter.old_shapes import old_id, read_old_tweet
from inbox.twitter.shapes import Account, as_id, clean, instant, optional_id, read_accounts
from inbox.twitter.text import unescape

OLD_DEEDS = {
    "follow_events": "follow",
    "block_events": "block",
    "mute_events": "mute",
    "favorite_events": "like",
}


@dataclass(frozen=True, slots=True)
class Act:
    """What somebody did, or changed about themselves. `at` is None where Twitter does not say when."""

    kind: str  # follow, unfollow, block, unblock, mute, unmute, like, profile, revoke
    by_id: int
    of_id: int | None = None
    at: datetime | None = None
    tweet_id: int | None = None  # of a like
    changed: str = ""  # of a profile: "handle", "screenname", "profile_picture" …
    after: str = ""
    accounts: Mapping[int, Account] = field(default_factory=dict)


def read_acts(whole: Mapping[str, Any]) -> list[Act]:
    if "user_event" in whole:
        deed = whole["user_event"]["revoke"]
        return [Act("revoke", as_id(deed["source"]["user_id"]), at=_when(deed))]
    if "for_user_id" in whole:
        return list(_old_acts(whole))
    data = whole["data"]
    event_type, payload = str(data["event_type"]), data.get("payload") or {}
    about = optional_id((data.get("filter") or {}).get("user_id"))
    if event_type == "oauth.revoke":
        return [Act("revoke", as_id(payload.get("user_id") or about), at=_when(payload))]
    if event_type.startswith("profile.update."):
        after = unescape(clean(str(payload.get("after") or "")))
        return [Act("profile", as_id(about), changed=event_type.rsplit(".", 1)[1], after=after, at=_when(payload))]
    if event_type.startswith("like."):
        return [_like(payload, about, data)]
    sides = [payload[name] for name in ("source", "target")]
    people = [as_id(side.get("data", side)["id"]) for side in sides]
    kind = event_type.rsplit(".", 1)[1]
    return [Act(kind, people[0], people[1], at=_when(payload), accounts=read_accounts(sides))]


def _like(payload: Mapping[str, Any], about: int | None, data: Mapping[str, Any]) -> Act:
    """A like names the liked tweet and its author; the other side is whom the subscription is about, if it was we."""
    author = optional_id(payload.get("tweet_author_id") or payload.get("post_author_id"))
    accounts = read_accounts((data.get("includes") or {}).get("users") or ())
    others = [pk for pk in accounts if pk != author]
    by_id = optional_id(payload.get("user_id")) or (about if about != author else next(iter(others), None)) or 0
    liked = optional_id(payload.get("liked_tweet_id") or payload.get("liked_post_id"))
    return Act("like", by_id, author, at=_when(payload), tweet_id=liked, accounts=accounts)


def _old_acts(whole: Mapping[str, Any]) -> Iterable[Act]:
    for_id = as_id(whole["for_user_id"])
    for one in whole.get("tweet_create_events") or ():  # what stands beside the tweet: who blocks whom
        author = read_old_tweet(one).author_id
        if is_true(whole, "user_has_blocked"):
            yield Act("block", for_id, author)
        if is_true(whole, "is_blocked_by"):
            yield Act("block", author, for_id)
    for name, kind in OLD_DEEDS.items():
        for one in whole.get(name) or ():
            if kind == "like":
                liked = one["favorited_status"]
                by, of = read_accounts([one["user"]]), read_accounts([liked["user"]])
                tweet_id = old_id(liked, "id")
                yield Act(kind, next(iter(by)), next(iter(of)), at=_when(one), tweet_id=tweet_id, accounts=by | of)
            else:
                by, of = read_accounts([one["source"]]), read_accounts([one["target"]])
                name = str(one.get("type") or kind)
                yield Act(name, next(iter(by)), next(iter(of)), at=_when(one), accounts=by | of)


def _when(thing: Mapping[str, Any]) -> datetime | None:
    stamp = thing.get("created_timestamp") or thing.get("timestamp_ms") or thing.get("created_at_msec")
    if stamp:
        return datetime.fromtimestamp(int(stamp) / 1000, UTC)
    text = thing.get("date_time") or thing.get("created_at")
    return instant(str(text), 1) if text and "T" in str(text) else None


def is_true(thing: Mapping[str, Any], name: str) -> bool:
    """A flag that is seen as true and as "true"."""
    return thing.get(name) in (True, "true")
