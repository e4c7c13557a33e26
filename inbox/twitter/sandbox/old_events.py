"""The shapes of the Account Activity API: tweets of version 1.1 and the events around them."""

from datetime import UTC, datetime
from typing import Any

from inbox.twitter.sandbox import people
from inbox.twitter.sandbox.drawing import Drawing
from inbox.twitter.sandbox.entities import escape
from inbox.twitter.sandbox.snowflake import now_ms
from inbox.twitter.sandbox.world import Account, Tweet, World

SOURCE = '<a href="https://mobile.twitter.com" rel="nofollow">Twitter Web App</a>'
SHORT = 140


def tweet(world: World, drawing: Drawing, said: Tweet, for_user_id: int, public_url: str) -> dict[str, Any]:
    """`tweet_create_events` for one account, and whether it and the author blocked each other."""
    event: dict[str, Any] = {"tweet_create_events": [status(world, drawing, said, public_url)]}
    if said.author_id != for_user_id:
        # Seen as a bool and as a word; both are to be understood.
        has_blocked = people.does(world, for_user_id, people.BLOCK, said.author_id)
        event = {"user_has_blocked": "true" if has_blocked else False, **event}
        if people.does(world, said.author_id, people.BLOCK, for_user_id):
            event["is_blocked_by"] = True
    return event


def status(world: World, drawing: Drawing, said: Tweet, public_url: str, depth: int = 0) -> dict[str, Any]:
    """A tweet as version 1.1 has it: numbers beside strings, nulls, and long texts apart."""
    author, text = world.account(said.author_id), escape(said.text)
    shown: dict[str, Any] = {
        "created_at": old_time(said.created_ms),
        "id": said.id,
        "id_str": str(said.id),
        "text": text,
        "source": SOURCE,
        "truncated": False,
        **_answered(world, said),
        "user": user(author, public_url) if author else None,
        "geo": None,
        "coordinates": None,
        "place": None,
        "contributors": None,
        "is_quote_status": said.quoted_id is not None,
        "quote_count": 0,
        "reply_count": 0,
        "retweet_count": 0,
        "favorite_count": 0,
        "entities": old_entities(drawing, said),
        "favorited": False,
        "retweeted": False,
        "filter_level": "low",
        "lang": said.lang or "und",
        "timestamp_ms": str(said.created_ms),
    }
    if said.media:
        shown["extended_entities"] = {"media": _media(drawing, said)}
    if len(said.text) > SHORT:
        _apart(shown, drawing, said, text)
    for name, other_id in (("retweeted_status", said.reposted_id), ("quoted_status", said.quoted_id)):
        other = world.tweet(other_id) if other_id else None
        if other and depth < 2:
            shown[name] = status(world, drawing, other, public_url, depth + 1)
    if said.quoted_id:
        shown |= {"quoted_status_id": said.quoted_id, "quoted_status_id_str": str(said.quoted_id)}
    return shown


def deletion(said: Tweet) -> dict[str, Any]:
    return {"status": {"id": str(said.id), "user_id": str(said.author_id)}, "timestamp_ms": str(now_ms())}


def like(world: World, drawing: Drawing, said: Tweet, by: Account, public_url: str) -> dict[str, Any]:
    now = now_ms()
    return {
        "favorite_events": [
            {
                "id": f"{by.id:016x}{said.id:016x}",
                "created_at": old_time(now),
                "timestamp_ms": now,
                "favorited_status": status(world, drawing, said, public_url),
                "user": user(by, public_url),
            }
        ]
    }


def relation(kind: str, name: str, source: Account, target: Account, public_url: str) -> dict[str, Any]:
    """`follow_events`, `block_events` or `mute_events`."""
    return {
        f"{name}_events": [
            {
                "type": kind,
                "created_timestamp": str(now_ms()),
                "source": user(source, public_url),
                "target": user(target, public_url),
            }
        ]
    }


def old_entities(drawing: Drawing, said: Tweet) -> dict[str, Any]:
    entities = in_old_words(drawing.whole(said)[1])
    return {**entities, "media": _media(drawing, said)} if said.media else entities


def in_old_words(found: dict[str, Any]) -> dict[str, Any]:
    """The `entities` of now as they were: other names, and lists that are there though empty."""

    def place(one: dict[str, Any]) -> list[int]:
        return [one["start"], one["end"]]

    return {
        "hashtags": [{"text": one["tag"], "indices": place(one)} for one in found.get("hashtags", [])],
        "symbols": [{"text": one["tag"], "indices": place(one)} for one in found.get("cashtags", [])],
        "urls": [
            {name: one[name] for name in ("url", "expanded_url", "display_url")} | {"indices": place(one)}
            for one in found.get("urls", [])
        ],
        "user_mentions": [
            {
                "screen_name": one["username"],
                "name": one["username"],
                "id": int(one["id"]),
                "id_str": one["id"],
                "indices": place(one),
            }
            for one in found.get("mentions", [])
        ],
    }


def user(account: Account, public_url: str) -> dict[str, Any]:
    return {
        "id": account.id,
        "id_str": str(account.id),
        "name": account.name,
        "screen_name": account.username,
        "location": account.location or None,
        "url": account.url or None,
        "description": account.description or None,
        "translator_type": "none",
        "protected": bool(account.protected),
        "verified": bool(account.verified),
        "followers_count": account.followers,
        "friends_count": 0,
        "listed_count": 0,
        "favourites_count": 0,
        "statuses_count": account.tweet_count,
        "created_at": old_time(account.created_ms),
        "profile_image_url_https": f"{public_url}/avatar/{account.id}.svg",
        "default_profile": True,
        "default_profile_image": False,
    }


def private_user(account: Account, public_url: str) -> dict[str, Any]:
    """The account in an event of private messages, which writes it yet another way."""
    return {
        "id": str(account.id),
        "created_timestamp": str(account.created_ms),
        "name": account.name,
        "screen_name": account.username,
        "protected": bool(account.protected),
        "verified": bool(account.verified),
        "followers_count": account.followers,
        "friends_count": 0,
        "statuses_count": account.tweet_count,
        "profile_image_url_https": f"{public_url}/avatar/{account.id}.svg",
    }


def old_time(ms: int) -> str:
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%a %b %d %H:%M:%S +0000 %Y")


def _answered(world: World, said: Tweet) -> dict[str, Any]:
    """Which tweet this one answers, and whose; nulls when it answers none."""
    answered = world.account(said.in_reply_to_user_id or 0)
    parent, to = said.in_reply_to_id, said.in_reply_to_user_id
    return {
        "in_reply_to_status_id": parent,
        "in_reply_to_status_id_str": parent and str(parent),
        "in_reply_to_user_id": to,
        "in_reply_to_user_id_str": to and str(to),
        "in_reply_to_screen_name": answered.username if answered else None,
    }


def _apart(shown: dict[str, Any], drawing: Drawing, said: Tweet, text: str) -> None:
    """Version 1.1 cuts at 140 characters and keeps the whole beside the cut."""
    link = f"https://x.com/i/web/status/{said.id}"
    shown["extended_tweet"] = {
        "full_text": text,
        "display_text_range": [said.prefix_length, len(text)],
        "entities": shown["entities"],
    }
    if said.media:
        shown["extended_tweet"]["extended_entities"] = shown.pop("extended_entities")
    shown["truncated"] = True
    shown["text"] = f"{text[: SHORT - 24]}… {link}"
    shown["entities"] = {
        name: [one for one in found if one["indices"][1] <= SHORT - 24]
        for name, found in shown["entities"].items()
        if name != "media"
    }


def _media(drawing: Drawing, said: Tweet) -> list[dict[str, Any]]:
    end = len(escape(said.text))
    return [drawing.media.old_shape(one, [end, end + 24], "") for one in said.media]
