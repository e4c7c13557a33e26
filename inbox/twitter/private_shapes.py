"""Direct messages into ours: those of the API's version 2, and encrypted ones, of which only X has the words.

One to a group, and the comings and goings in one, are None: they are kept as they arrived, and are nobody's matter.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from inbox.twitter.shapes import SNOWFLAKE_EPOCH_MS, Tweet, as_id, clean, read_links, read_tweet
from inbox.twitter.text import unescape


def read_new_message(event: Mapping[str, Any], *, includes: Mapping[str, Any]) -> Tweet | None:
    """A direct message of the API's version 2; None for one to a group, and for those who join or leave it."""
    sender, home = as_id(event["sender_id"]), str(event.get("dm_conversation_id") or "")
    others = [as_id(one) for one in home.split("-") if one and as_id(one) != sender]
    if event.get("event_type") not in (None, "MessageCreate") or "-" not in home or len(others) != 1:
        return None
    referenced = event.get("referenced_tweets") or event.get("referenced_posts") or ()
    links, held = read_links((event.get("entities") or {}).get("urls") or ())
    as_post = {
        "id": event["id"],
        "author_id": sender,
        "attachments": event.get("attachments") or {},
        "text": "",
        "created_at": event.get("created_at"),
    }
    found = read_tweet(as_post, includes=includes)
    if found.media and not held:
        links = _as_pictures(links)
    return Tweet(
        id=found.id,
        author_id=sender,
        text=unescape(clean(event.get("text") or "")),
        created_at=found.created_at,
        in_reply_to_user_id=others[0],
        quote_of=next((as_id(one["id"]) for one in referenced), None),
        accounts=found.accounts,
        is_private=True,
        media=found.media,
        links=links,
    )


def _as_pictures(links: list[dict[str, str]] | None) -> list[dict[str, str]] | None:
    """Links to the pictures of a direct message are shown as those pictures."""
    mine = ("/messages/media/", "pic.x.com/", "pic.twitter.com/")
    return [
        {**one, "shown": "" if any(part in one["expanded"] or part in one["shown"] for part in mine) else one["shown"]}
        for one in links or ()
    ] or None


def read_chat(whole: Mapping[str, Any]) -> Tweet | None:
    """An encrypted message: who, to whom, when; its words are for X alone. None for one to a group."""
    payload = whole["data"]["payload"]
    sender = as_id(payload["sender_id"])
    sides = str(payload.get("conversation_id") or "").replace("-", ":").split(":")
    others = [as_id(one) for one in sides if one.isdecimal() and as_id(one) != sender]
    if len(sides) != 2 or len(others) != 1:
        return None
    return Tweet(
        id=chat_id(payload),
        author_id=sender,
        text="",
        created_at=datetime.fromtimestamp(int(payload["created_at_msec"]) // 1000, UTC),
        in_reply_to_user_id=others[0],
        is_private=True,
        is_encrypted=True,
        event=str(whole["data"]["event_type"]),
    )


def chat_id(payload: Mapping[str, Any]) -> int:
    """A number for an encrypted message, which has a uuid only: of its time, as Twitter's own ids, so that it sorts."""
    low = int.from_bytes(hashlib.sha256(str(payload["id"]).encode()).digest()[:3]) & 0x3FFFFF
    return max((int(payload["created_at_msec"]) - SNOWFLAKE_EPOCH_MS), 1) << 22 | low
