"""X Activity API: who subscribed to what, and which events a happening causes.

Twitter sends no mention event for names it put before a reply itself, and a reply event only to the author answered;
so a tweet deep in a thread may reach a brand by neither. Those holes are real, and kept.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from inbox.twitter.sandbox.faults import Faults
from inbox.twitter.sandbox.snowflake import now_ms
from inbox.twitter.sandbox.storage import Storage
from inbox.twitter.sandbox.wire import distinct, renamed, timestamp, tweet_json, user_json, with_twins
from inbox.twitter.sandbox.world import Account, Tweet, World, typed_mentions

CREATE, DELETE, REVOKE = "post.create", "post.delete", "oauth.revoke"
MENTION, REPLY, QUOTE, REPOST = "post.mention.create", "post.reply.create", "post.quote.create", "post.repost.create"
APP_ID = "29820954"

# What may be subscribed to; only those named above ever happen here so far.
EVENT_TYPES = {
    CREATE, DELETE, MENTION, REPLY, QUOTE, REPOST, REVOKE,
    "profile.update.bio", "profile.update.profile_picture", "profile.update.banner_picture",
    "profile.update.screenname", "profile.update.geo", "profile.update.url", "profile.update.verified_badge",
    "profile.update.affiliate_badge", "profile.update.handle", "news.new", "follow.follow", "follow.unfollow",
    "spaces.start", "spaces.end", "broadcast.start", "broadcast.end", "chat.received", "chat.sent",
    "chat.conversation_join", "chat.conversation.join", "dm.sent", "dm.received", "dm.indicate_typing", "dm.read",
    "like.create", "mute.mute", "mute.unmute", "block.block", "block.unblock",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Subscription:
    id: int
    event_type: str
    user_id: int | None
    filter: dict[str, str]
    tag: str | None
    webhook_id: int | None
    created_ms: int
    updated_ms: int

    def as_json(self) -> dict[str, Any]:
        shown = {
            "subscription_id": str(self.id),
            "event_type": self.event_type,
            "filter": self.filter,
            "created_at": timestamp(self.created_ms),
            "updated_at": timestamp(self.updated_ms),
            "tag": self.tag,
            "webhook_id": self.webhook_id and str(self.webhook_id),
        }
        return {name: value for name, value in shown.items() if value is not None}


class Activity:
    def __init__(self, storage: Storage, world: World, faults: Faults, public_url: str) -> None:
        self.storage, self.world, self.faults, self.public_url = storage, world, faults, public_url
        self.by_event: dict[tuple[str, int | None], list[Subscription]] = {}
        self.load()

    # -- subscriptions -------------------------------------------------------------------------------------------

    def load(self) -> None:
        self.by_event = {}
        for subscription in self.subscriptions():
            self.by_event.setdefault((subscription.event_type, subscription.user_id), []).append(subscription)

    def subscriptions(self) -> list[Subscription]:
        rows = self.storage.execute(
            "SELECT id, event_type, user_id, filter, tag, webhook_id, created_ms, updated_ms FROM subscriptions"
            " ORDER BY id"
        )
        return [
            Subscription(id_, event_type, user_id, msgspec.json.decode(filter_), *rest)
            for id_, event_type, user_id, filter_, *rest in rows
        ]

    def subscribe(
        self, event_type: str, filter_: dict[str, str], tag: str | None, webhook_id: int | None
    ) -> Subscription:
        """A subscription; asking for the same one again answers the one there is."""
        user_id = int(filter_["user_id"]) if "user_id" in filter_ else None
        for known in self.by_event.get((event_type, user_id), []):
            if known.filter == filter_ and known.webhook_id == webhook_id:
                return known
        now = now_ms()
        made = Subscription(
            self.world.snowflakes.next(), event_type, user_id, filter_, tag, webhook_id, created_ms=now, updated_ms=now
        )
        with self.storage.transaction():
            self.storage.execute(
                "INSERT INTO subscriptions VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (made.id, event_type, user_id, msgspec.json.encode(filter_).decode(), tag, webhook_id, now, now),
            )
        self.load()
        return made

    def unsubscribe(self, subscription_id: int) -> bool:
        with self.storage.transaction():
            gone = self.storage.execute("DELETE FROM subscriptions WHERE id = ?", (subscription_id,)).rowcount
        self.load()
        return gone > 0

    # -- happenings ----------------------------------------------------------------------------------------------

    def announce(self, tweets: Iterable[tuple[Tweet, Sequence[int] | None]]) -> None:
        """Queue the events of new tweets; with an audience, for those accounts only and for each of them."""
        accounts: dict[int, Account | None] = {}
        queued: list[tuple[Any, ...]] = []
        for tweet, audience in tweets:
            events = self._events(tweet) if audience is None else self._events_for(tweet, audience)
            if heard := [(kind, one) for kind, user_id in events for one in self.by_event.get((kind, user_id), [])]:
                queued += self._tweet_events(tweet, heard, accounts)
        self._queue(queued)

    def announce_deletion(self, tweet: Tweet) -> None:
        """Only the author's own subscriptions hear of it; a brand never learns this way that a customer deleted."""
        author = self.world.account(tweet.author_id)
        payload = {"id": str(tweet.id), "author_id": str(tweet.author_id)}
        users = [{"data": renamed(user_json(author, self.public_url), self.world.vocabulary)}] if author else []
        self._queue(
            [
                self._event(one, _any_uuid(), tweet.id, payload, {"users": users})
                for one in self.by_event.get((DELETE, tweet.author_id), [])
            ]
        )

    def announce_revocation(self, user_id: int) -> None:
        when = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")
        payload = {"date_time": when, "user_id": str(user_id), "app_id": APP_ID}
        subscribed = self.by_event.get((REVOKE, None), []) + self.by_event.get((REVOKE, user_id), [])
        self._queue([self._event(one, _any_uuid(), None, payload, None) for one in subscribed])

    def _events(self, tweet: Tweet) -> list[tuple[str, int]]:
        events = [(CREATE, tweet.author_id)]
        if tweet.reposted_id:
            original = self.world.tweet(tweet.reposted_id)
            others = [(REPOST, original.author_id)] if original else []
        else:
            others = [(MENTION, user_id) for user_id in sorted(typed_mentions(tweet))]
            if tweet.in_reply_to_id and tweet.in_reply_to_user_id:
                others.append((REPLY, tweet.in_reply_to_user_id))
            if tweet.quoted_id and (quoted := self.world.tweet(tweet.quoted_id)):
                others.append((QUOTE, quoted.author_id))
        return events + [(kind, user_id) for kind, user_id in others if user_id != tweet.author_id]

    def _events_for(self, tweet: Tweet, audience: Sequence[int]) -> list[tuple[str, int]]:
        likely = (REPLY, MENTION) if tweet.in_reply_to_id else (MENTION, REPLY)
        events = []
        for user_id in dict.fromkeys(audience):
            kinds = (CREATE,) if user_id == tweet.author_id else likely
            # A replayed tweet must arrive: where the likely kind has no subscriber, the other one carries it.
            events += [(kind, user_id) for kind in kinds if (kind, user_id) in self.by_event][:1]
        return events

    def _tweet_events(
        self, tweet: Tweet, heard: list[tuple[str, Subscription]], accounts: dict[int, Account | None]
    ) -> list[tuple[Any, ...]]:
        vocabulary = self.world.vocabulary
        shown = with_twins(renamed(tweet_json(tweet), vocabulary))
        payload = {**shown, "in_reply_to_tweet_id": str(tweet.in_reply_to_id)} if tweet.in_reply_to_id else shown
        users = with_twins(renamed(self._users(tweet, accounts), vocabulary))
        includes = renamed({"users": users, "tweets": [shown]}, vocabulary)
        raw = [msgspec.Raw(msgspec.json.encode(part)) for part in (payload, includes)]
        return [
            self._event(one, str(tweet.id) if kind in (CREATE, MENTION) else _any_uuid(), tweet.id, *raw)
            for kind, one in heard
        ]

    def _users(self, tweet: Tweet, accounts: dict[int, Account | None]) -> list[dict[str, Any]]:
        ids = distinct([tweet.author_id, *map(int, tweet.mentioned.values())])
        for user_id in ids:
            if user_id not in accounts:
                accounts[user_id] = self.world.account(user_id)
        return [user_json(account, self.public_url) for user_id in ids if (account := accounts[user_id])]

    def _event(
        self, one: Subscription, uuid: str, tweet_id: int | None, payload: object, includes: object
    ) -> tuple[Any, ...]:
        data: dict[str, object] = {"event_uuid": uuid, "filter": one.filter, "event_type": one.event_type}
        if one.tag:
            data["tag"] = one.tag
        data["payload"] = payload
        if includes is not None:
            data["includes"] = includes
        return (one.webhook_id, one.user_id, one.event_type, uuid, tweet_id, msgspec.json.encode({"data": data}))

    def _queue(self, events: Sequence[tuple[Any, ...]]) -> None:
        """Put events in the line to be delivered, late, twice or not at all if a fault says so."""
        if not events:
            return
        valid = {row[0] for row in self.storage.execute("SELECT id FROM webhooks WHERE valid")}
        now, rows = now_ms(), []
        faulty = any(fault.name.startswith("deliver_") for fault in self.faults.active())
        for event in events:
            webhook_id, user_id = event[0], event[1]
            if webhook_id is None:
                continue
            wait_ms, copies, lost = self._disturbed(user_id) if faulty else (0, 1, False)
            state = "withheld" if lost or webhook_id not in valid else "waiting"
            rows += [(*event, state, now + wait_ms, now)] * copies
        with self.storage.transaction():
            self.storage.executemany(
                "INSERT INTO deliveries"
                " (webhook_id, user_id, event_type, event_uuid, tweet_id, body, state, due_ms, created_ms)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                rows,
            )

    def _disturbed(self, user_id: int | None) -> tuple[int, int, bool]:
        lost = bool(self.faults.take("deliver_never", user_id))
        copies = 2 if self.faults.take("deliver_twice", user_id) else 1
        wait = 0.0
        if fault := self.faults.take("deliver_late", user_id):
            wait += fault.seconds
        if fault := self.faults.take("deliver_shuffled", user_id):
            wait += random.uniform(0, fault.seconds)
        return int(wait * 1000), copies, lost


def _any_uuid() -> str:
    """Twitter's event ids are opaque, some of them negative."""
    return str(random.randrange(-(2**63), 2**63))
