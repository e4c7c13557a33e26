"""Tweets as JSON: with their versions, what they carry, and long ones cut short."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from inbox.twitter.sandbox.entities import ADDRESS, entities_of, escape
from inbox.twitter.sandbox.shelf import Shelf
from inbox.twitter.sandbox.snowflake import ms_of, now_ms
from inbox.twitter.sandbox.wire import TWEET_FIELDS, references, short_link, timestamp
from inbox.twitter.sandbox.world import Tweet, World
from inbox.twitter.text import weighted_length

LONGEST = 280
CUT_AT = 240
MOST_EDITS = 5


@dataclass(frozen=True, slots=True)
class Words:
    """What stands where the text is: itself, or its beginning and the whole beside it."""

    text: str
    entities: dict[str, Any]
    ends: int  # where the author's words end and links that Twitter added begin
    note: dict[str, Any] | None = None


class Drawing:
    def __init__(self, world: World, media: Shelf) -> None:
        self.world, self.media = world, media

    def tweets(
        self, tweets: Sequence[Tweet], wanted: Collection[str] = TWEET_FIELDS, *, are_counted: bool = True
    ) -> list[dict[str, Any]]:
        """The tweets with the wanted fields, in Twitter's order; what a tweet does not have is left out."""
        versions = self.world.versions(tweets)
        is_counted = are_counted and "public_metrics" in wanted
        return [self._tweet(tweet, wanted, versions.get(tweet.chain), is_counted) for tweet in tweets]

    def _tweet(
        self, tweet: Tweet, wanted: Collection[str], versions: list[int] | None, is_counted: bool
    ) -> dict[str, Any]:
        words = self.words(tweet)
        full: dict[str, Any] = {
            "id": str(tweet.id),
            "text": words.text,
            "author_id": str(tweet.author_id),
            "created_at": timestamp(tweet.created_ms),
            "conversation_id": str(tweet.conversation_id),
            "lang": tweet.lang,
            "reply_settings": tweet.reply_settings,
            "possibly_sensitive": False,
            "edit_history_tweet_ids": [str(one) for one in versions or [tweet.id]],
            "edit_controls": self.edit_controls(tweet, versions),
            "public_metrics": self._metrics(tweet, is_counted),
            "display_text_range": [tweet.prefix_length, words.ends],
            "in_reply_to_user_id": tweet.in_reply_to_user_id and str(tweet.in_reply_to_user_id),
            "referenced_tweets": references(tweet),
            "entities": words.entities,
            "note_tweet": words.note,
            "attachments": {"media_keys": [self.media.key(one) for one in tweet.media]} if tweet.media else None,
        }
        return {name: full[name] for name in TWEET_FIELDS if name in wanted and full.get(name) not in (None, [], {})}

    def edit_controls(self, tweet: Tweet, versions: Sequence[int] | None) -> dict[str, Any]:
        """How often and until when a tweet may still be edited; answers and reposts never."""
        made = len(versions or [tweet.id]) - 1
        until = self.editable_until(tweet)
        return {
            "edits_remaining": MOST_EDITS - made,
            "is_edit_eligible": tweet.in_reply_to_id is None and tweet.reposted_id is None,
            "editable_until": timestamp(until),
        }

    def editable_until(self, tweet: Tweet) -> int:
        begun = ms_of(tweet.first_id) if tweet.first_id else tweet.created_ms
        return begun + int(self.world.settings["edit_seconds"] * 1000)

    def words(self, tweet: Tweet) -> Words:
        text = escape(tweet.text)
        links: dict[str, str] = {}
        if self.world.settings["short_links"]:
            text, links = shortened(text)
        entities, note = entities_of(text, tweet.mentioned, links), None
        if len(tweet.text) > LONGEST // 2 and weighted_length(tweet.text[tweet.prefix_length :]) > LONGEST:
            note = {"text": text, "entities": entities} if entities else {"text": text}
            text = _cut(text, tweet)
            entities = entities_of(text, tweet.mentioned, links)
        ends = len(text)
        if tweet.media:
            text, entities = self._with_media(tweet, text, entities)
        return Words(text, entities, ends, note)

    def whole(self, tweet: Tweet) -> tuple[str, dict[str, Any]]:
        """All of a text, and what is in it."""
        text = escape(tweet.text)
        return text, entities_of(text, tweet.mentioned)

    def _with_media(self, tweet: Tweet, text: str, entities: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Twitter shows what a tweet carries as a link at its end, one for all."""
        link = short_link(tweet.media[0])
        start = len(text) + 1 if text else 0
        kinds = {"image": "photo", "gif": "photo", "video": "video"}
        links = [
            {
                "start": start,
                "end": start + len(link),
                "url": link,
                "expanded_url": f"https://x.com/i/status/{tweet.id}/{kinds[medium.kind]}/1",
                "display_url": f"pic.x.com/{link[-10:]}",
                "media_key": medium.key,
            }
            for medium in map(self.media.found, tweet.media)
        ]
        return f"{text} {link}".lstrip(), {**entities, "urls": [*entities.get("urls", []), *links]}

    def _metrics(self, tweet: Tweet, is_counted: bool) -> dict[str, int]:
        replies, quotes, reposts = self.world.counts([tweet.id])[tweet.id] if is_counted else (0, 0, 0)
        return {
            "retweet_count": reposts,
            "reply_count": replies,
            "like_count": self.world.likes(tweet.id) if is_counted else 0,
            "quote_count": quotes,
            "bookmark_count": 0,
            "impression_count": 0,
        }

    def may_be_edited(self, tweet: Tweet, versions: Sequence[int]) -> str:
        """Why a tweet may not be edited any more, or nothing."""
        if tweet.in_reply_to_id is not None or tweet.reposted_id is not None:
            return "This Tweet is not eligible to be edited."
        if len(versions) - 1 >= MOST_EDITS:
            return "You have reached the limit of edits for this Tweet."
        return "The time to edit this Tweet is over." if now_ms() > self.editable_until(tweet) else ""


def shortened(text: str) -> tuple[str, dict[str, str]]:
    """A text with its addresses as Twitter's short links, and what each stands for."""
    links: dict[str, str] = {}

    def short(found: Any) -> str:
        link = short_link(int(hashlib.sha256(found.group().encode()).hexdigest()[:15], 16))
        links[link] = found.group()
        return link

    return ADDRESS.sub(short, text), links


def _cut(text: str, tweet: Tweet) -> str:
    """The beginning of a long tweet, as programs that do not know long ones see it."""
    end = tweet.prefix_length + CUT_AT
    kept = text[:end].rsplit(" ", 1)[0] if " " in text[end - 60 : end] else text[:end]
    # An escaped character is not cut in two.
    if "&" in kept[-5:] and ";" not in kept[kept.rindex("&") :]:
        kept = kept[: kept.rindex("&")]
    return f"{kept}… {short_link(tweet.id)}"
