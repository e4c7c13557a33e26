"""Events to measure with: no two of the same tweet, the same in each run.

Where the project's shared data lie beside the checkout, the tweets are real ones with their whole payloads;
otherwise they are written here. Their ids, authors and addressees are ours.
"""

import gzip
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings

from inbox.management.benches.house import NOON
from inbox.twitter.shapes import SNOWFLAKE_EPOCH_MS

REAL = Path(settings.BASE_DIR).parent / "shared" / "data" / "payload_v2_tweets.jsonl.gz"
TWEETS_PER_CUSTOMER = 1.5  # of those in the recorded care conversations that we know
_FIRST_CUSTOMER = 900_000_000_000_000_000
_SENTENCES = (
    "my bag did not arrive and nobody answers the phone. What now?",
    "thank you so much, that was quick!",
    "third time this week that the app logs me out. I am done with this.",
    "can I change the name on my booking?",
    "are you open on Sunday? The page says closed but the map says open",
    "charged twice for the same order, please call me back today",
    "wo bleibt meine Bestellung? Seit zwei Wochen keine Antwort",
    "el pedido llegó roto y nadie contesta",
)


def source() -> str:
    """Which payloads are used: `real` or `generated`."""
    return "real" if REAL.exists() else "generated"


def events(
    *, handle_id: int, username: str, count: int, batch: int = 0, start: int | None = None
) -> Iterator[tuple[int, bytes]]:
    """So many events for one handle, each with its tweet's id. Another `batch` continues where this one ends; one of
    another size says with `start` how many there were before."""
    start = batch * count if start is None else start
    dice = random.Random(f"{handle_id} {start}")
    customers = max(1, int(count / TWEETS_PER_CUSTOMER))
    for number in range(count):
        place = start + number
        payload = dict(dice.choice(_payloads()))
        # A tweet each second; the handle tells apart what different brands got in the same one.
        made_at = int(NOON.timestamp()) + place
        tweet_id = ((made_at * 1000 - SNOWFLAKE_EPOCH_MS) << 22) + handle_id % (1 << 20)
        customer = dice.randrange(customers) + int(start / TWEETS_PER_CUSTOMER)
        author_id = _FIRST_CUSTOMER + (handle_id % 100_000) * 10_000_000 + customer
        payload |= {"id": str(tweet_id), "author_id": str(author_id), "conversation_id": str(tweet_id)}
        payload["text"] = f"@{username} {payload['text']}"
        payload["created_at"] = datetime.fromtimestamp(made_at, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        payload["edit_history_tweet_ids"] = [str(tweet_id)]
        payload["entities"] = _naming(payload.get("entities"), handle_id, username)
        yield tweet_id, _event(payload, handle_id=handle_id, author_id=author_id)


def _event(payload: dict[str, Any], *, handle_id: int, author_id: int) -> bytes:
    author = {
        "id": str(author_id),
        "username": f"u{author_id % 10**12}",
        "name": f"Customer {author_id % 10**7}",
        "public_metrics": {"followers_count": author_id % 997},
    }
    data = {
        "event_uuid": payload["id"],
        "filter": {"user_id": str(handle_id)},
        "event_type": "post.mention.create",
        "payload": payload,
        "includes": {"users": [author]},
    }
    return json.dumps({"data": data}, separators=(",", ":")).encode()


def _naming(entities: dict[str, Any] | None, handle_id: int, username: str) -> dict[str, Any]:
    mention = {"start": 0, "end": len(username) + 1, "username": username, "id": str(handle_id)}
    return {**(entities or {}), "mentions": [mention, *(entities or {}).get("mentions", [])]}


@cache
def _payloads() -> list[dict[str, Any]]:
    if not REAL.exists():
        return [{"text": text, "lang": lang} for text, lang in zip(_SENTENCES, ["en"] * 6 + ["de", "es"], strict=True)]
    with gzip.open(REAL, "rt", encoding="utf-8") as lines:
        return [tweet for tweet in map(json.loads, lines) if _is_whole(tweet)]


def _is_whole(tweet: dict[str, Any]) -> bool:
    """Whether this is a tweet as events carry them; a retweet never becomes work, and would flatter the figures."""
    references = {each["type"] for each in tweet.get("referenced_tweets", [])}
    return "author_id" in tweet and "lang" in tweet and "retweeted" not in references
