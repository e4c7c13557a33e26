"""X Activity events as Twitter sends them, written by us."""

import json
import zlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from inbox.domain import arrivals
from inbox.enums import ArrivalKind
from inbox.models import Arrival, Payload
from inbox.twitter.shapes import instant_of
from tests.conftest import ACME_HANDLE, NOON


def tweet_event(
    *,
    id: int,
    author_id: int,
    text: str,
    for_id: int = ACME_HANDLE,
    username: str = "",
    in_reply_to: int | None = None,
    in_reply_to_user: int | None = None,
    retweet_of: int | None = None,
    mentions: Sequence[tuple[int, str]] = ((ACME_HANDLE, "AcmeAir"),),
    event_type: str = "post.mention.create",
    created_at: datetime | None = None,
    lang: str = "en",
    more: Mapping[str, Any] | None = None,
) -> bytes:
    """One event with one tweet in it."""
    created_at = created_at or instant_of(id)
    payload: dict[str, Any] = {
        "id": str(id),
        "text": text,
        "author_id": str(author_id),
        "created_at": created_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "conversation_id": str(in_reply_to or id),
        "lang": lang,
        "edit_history_tweet_ids": [str(id)],
        **(more or {}),
    }
    if mentions:
        payload["entities"] = {
            "mentions": [{"start": 0, "end": 1, "username": name, "id": str(pk)} for pk, name in mentions]
        }
    references = [("replied_to", in_reply_to), ("retweeted", retweet_of)]
    if any(target for _, target in references):
        payload["referenced_tweets"] = [{"type": kind, "id": str(target)} for kind, target in references if target]
    if in_reply_to_user:
        payload["in_reply_to_user_id"] = str(in_reply_to_user)
    user = {
        "id": str(author_id),
        "username": username or f"u{author_id}"[:15],
        "name": f"Name of {author_id}",
        "public_metrics": {"followers_count": 12},
    }
    return json.dumps(
        {
            "data": {
                "event_uuid": str(id),
                "filter": {"user_id": str(for_id)},
                "event_type": event_type,
                "payload": payload,
                "includes": {"users": [user]},
            }
        }
    ).encode()


def deletion_event(*, id: int, author_id: int = ACME_HANDLE, for_id: int = ACME_HANDLE) -> bytes:
    """One event that says a tweet is gone."""
    return json.dumps(
        {
            "data": {
                "event_uuid": f"-{id}",
                "filter": {"user_id": str(for_id)},
                "event_type": "post.delete",
                "payload": {"id": str(id), "author_id": str(author_id)},
            }
        }
    ).encode()


def payload_of(arrival: Arrival) -> bytes:
    """What Twitter sent with this arrival, unpacked."""
    return zlib.decompress(Payload.objects.get(twitter_id=arrival.twitter_id, kind=arrival.kind).body)


def arrive(body: bytes, *, kind: ArrivalKind = ArrivalKind.TWEET, handle_id: int = ACME_HANDLE) -> None:
    """Store an event in the current brand as the letterbox would."""
    content = json.loads(body)["data"]
    arrivals.store(kind=kind, twitter_id=int(content["payload"]["id"]), handle_id=handle_id, body=body, now=NOON)
