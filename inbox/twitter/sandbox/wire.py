"""Accounts, times and lists as JSON, in the names of either vocabulary.

Twitter renamed its fields in 2026 ("tweet" became "post") and its servers speak both; the setting `vocabulary`
chooses which this one speaks.
"""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import Any

from inbox.twitter.sandbox.world import Account, Tweet

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

# Names that differ; everything else is called the same in both.
NEW_NAMES = {
    "referenced_tweets": "referenced_posts",
    "edit_history_tweet_ids": "edit_history_post_ids",
    "note_tweet": "note_post",
    "retweet_count": "repost_count",
    "tweet_count": "post_count",
    "most_recent_tweet_id": "most_recent_post_id",
    "pinned_tweet_id": "pinned_post_id",
    "tweets": "posts",
}
OLD_NAMES = {new: old for old, new in NEW_NAMES.items()}

ALWAYS = ("id", "text", "edit_history_tweet_ids")
TWEET_FIELDS = (
    "id",
    "text",
    "author_id",
    "created_at",
    "conversation_id",
    "lang",
    "reply_settings",
    "possibly_sensitive",
    "edit_history_tweet_ids",
    "edit_controls",
    "public_metrics",
    "display_text_range",
    "in_reply_to_user_id",
    "referenced_tweets",
    "entities",
    "note_tweet",
    "attachments",
)
USER_FIELDS = (
    "id",
    "name",
    "username",
    "created_at",
    "protected",
    "verified",
    "verified_type",
    "description",
    "location",
    "url",
    "profile_image_url",
    "public_metrics",
)


def timestamp(ms: int) -> str:
    """An instant as Twitter writes it: whole seconds, and `.000`."""
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def renamed(value: Any, vocabulary: str) -> Any:
    """The same JSON in the asked vocabulary; written in *tweet* names throughout this module."""
    if vocabulary == "tweet":
        return value
    if isinstance(value, dict):
        return {NEW_NAMES.get(key, key): renamed(inner, vocabulary) for key, inner in value.items()}
    if isinstance(value, list):
        return [renamed(inner, vocabulary) for inner in value]
    return value


def short_link(number: int) -> str:
    """Twitter's short form of a link: always 23 characters."""
    name = ""
    for _ in range(10):
        number, place = divmod(number, len(LETTERS))
        name += LETTERS[place]
    return f"https://t.co/{name}"


def references(tweet: Tweet) -> list[dict[str, str]]:
    """The tweets this one answers, quotes or passes on."""
    kinds = (("replied_to", tweet.in_reply_to_id), ("quoted", tweet.quoted_id), ("retweeted", tweet.reposted_id))
    return [{"type": kind, "id": str(tweet_id)} for kind, tweet_id in kinds if tweet_id]


def user_json(
    account: Account, public_url: str, wanted: Collection[str] = USER_FIELDS, *, takes_private: bool = False
) -> dict[str, Any]:
    """An account with the wanted fields; `takes_private` says whether whoever asks may write to it."""
    picture = f"{account.id}.svg" + (f"?{account.picture}" if account.picture else "")
    full = {
        "id": str(account.id),
        "name": account.name,
        "username": account.username,
        "created_at": timestamp(account.created_ms),
        "protected": bool(account.protected),
        "verified": bool(account.verified),
        "verified_type": "blue" if account.verified else "none",
        "description": account.description,
        "location": account.location or None,
        "url": account.url or None,
        "profile_image_url": f"{public_url}/avatar/{picture}",
        "receives_your_dm": takes_private,
        "public_metrics": {
            "followers_count": account.followers,
            "following_count": 0,
            "tweet_count": account.tweet_count,
            "listed_count": 0,
            "like_count": 0,
            "media_count": 0,
        },
    }
    return {name: value for name, value in full.items() if name in wanted and value is not None}


def with_twins(value: Any) -> Any:
    """Activity events carry every whole number a second time, as a string."""
    if isinstance(value, list):
        return [with_twins(inner) if isinstance(inner, dict) else inner for inner in value]
    if not isinstance(value, dict):
        return value
    twinned: dict[str, Any] = {}
    for key, inner in value.items():
        twinned[key] = with_twins(inner)
        if type(inner) is int:  # a bool is an int too, and has no twin
            twinned[f"{key}_str"] = str(inner)
    return twinned


def page_meta(tweets: Collection[Tweet], next_token: str | None) -> dict[str, Any]:
    if not tweets:
        return {"result_count": 0}
    ids = [tweet.id for tweet in tweets]
    meta = {"newest_id": str(max(ids)), "oldest_id": str(min(ids)), "result_count": len(ids)}
    return {**meta, "next_token": next_token} if next_token else meta


def distinct(ids: Iterable[int | None]) -> list[int]:
    return list(dict.fromkeys(value for value in ids if value))
