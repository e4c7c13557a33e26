"""X Activity API: which events a happening causes, and the envelopes they travel in.

Twitter sends no mention event for names it put before a reply itself nor for an answer to an answer, and a reply event
only to the author answered; so a tweet deep in a thread may reach a brand by neither. Whoever protects their tweets is
never delivered. Those holes are real, and kept.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from inbox.twitter.sandbox import old_events
from inbox.twitter.sandbox.drawing import Drawing
from inbox.twitter.sandbox.faults import DELIVERY, Faults
from inbox.twitter.sandbox.prices import Till
from inbox.twitter.sandbox.snowflake import now_ms
from inbox.twitter.sandbox.storage import Storage
from inbox.twitter.sandbox.subscriptions import OLD_KIND, Subscription, Subscriptions
from inbox.twitter.sandbox.wire import distinct, renamed, user_json, with_twins
from inbox.twitter.sandbox.world import Account, Tweet, World, typed_mentions

CREATE, DELETE, REVOKE = "post.create", "post.delete", "oauth.revoke"
MENTION, REPLY, QUOTE, REPOST = "post.mention.create", "post.reply.create", "post.quote.create", "post.repost.create"
APP_ID = "29820954"

Queued = tuple[Any, ...]


class Activity(Subscriptions):
    def __init__(
        self, storage: Storage, world: World, faults: Faults, public_url: str, drawing: Drawing, till: Till
    ) -> None:
        super().__init__(storage, world)
        self.faults, self.public_url, self.drawing, self.till = faults, public_url, drawing, till
        # Who else wants to know of new tweets at once: the filtered stream.
        self.listeners: list[Callable[[list[Tweet]], None]] = []

    # -- happenings ----------------------------------------------------------------------------------------------

    def announce(self, tweets: Iterable[tuple[Tweet, Sequence[int] | None]]) -> None:
        """Queue the events of new tweets; with an audience, for those accounts only and for each of them."""
        accounts: dict[int, Account | None] = {}
        queued: list[Queued] = []
        public: list[Tweet] = []
        for tweet, audience in tweets:
            if tweet.author_id in self.world.unseen:
                continue
            public.append(tweet)
            events = self._events(tweet) if audience is None else self._events_for(tweet, audience)
            if heard := [(kind, one) for kind, user_id in events for one in self.heard_by(kind, [user_id])]:
                queued += self._tweet_events(tweet, heard, accounts)
        self._queue(queued)
        for listener in self.listeners:
            listener(public)

    def announce_deletion(self, tweet: Tweet) -> None:
        """Only the author's own subscriptions hear of it; a brand never learns this way that a customer deleted."""
        author = self.world.account(tweet.author_id)
        payload = {"id": str(tweet.id), "author_id": str(tweet.author_id)}
        users = [{"data": self._user(author)}] if author else []
        old = {"tweet_delete_events": [old_events.deletion(tweet)]}
        heard = self.heard_by(DELETE, [tweet.author_id])
        self._queue([self._event(one, DELETE, _any_uuid(), tweet.id, payload, {"users": users}, old) for one in heard])

    def announce_revocation(self, user_id: int) -> None:
        when = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")
        payload = {"date_time": when, "user_id": str(user_id), "app_id": APP_ID}
        revoke = {"date_time": when, "target": {"app_id": APP_ID}, "source": {"user_id": str(user_id)}}
        old = {"user_event": {"revoke": revoke}}
        heard = self.heard_by(REVOKE, [None, user_id])
        self._queue([self._event(one, REVOKE, _any_uuid(), None, payload, None, old) for one in heard])

    def announce_private(
        self,
        kind: str,
        name: str,
        act: dict[str, Any],
        people: Sequence[Account],
        user_ids: Sequence[int],
        event_id: int | None = None,
    ) -> None:
        """A private message, or that one was read or is being written, for the subscribers of these accounts."""
        users = {str(person.id): {"data": with_twins(self._user(person))} for person in people}
        old = {
            name: [act],
            "users": {str(person.id): old_events.private_user(person, self.public_url) for person in people},
        }
        self._queue(
            [
                self._event(one, kind, _any_uuid(), event_id, {name: [act], "users": users}, None, old)
                for one in self.heard_by(kind, user_ids)
            ]
        )

    def announce_act(self, kind: str, user_id: int, payload: dict[str, Any], old: dict[str, Any] | None = None) -> None:
        """Anything else that happened at an account: it was followed, blocked, liked, or changed its profile.

        What the old shape has no words for is not told in it.
        """
        payload = renamed(payload, self.world.vocabulary)
        self._queue(
            [self._event(one, kind, _any_uuid(), None, payload, None, old) for one in self.heard_by(kind, [user_id])]
        )

    def user(self, account: Account) -> dict[str, Any]:
        """An account as events show it."""
        return with_twins(self._user(account))

    def _user(self, account: Account) -> dict[str, Any]:
        return renamed(user_json(account, self.public_url), self.world.vocabulary)

    def _events(self, tweet: Tweet) -> list[tuple[str, int]]:
        events = [(CREATE, tweet.author_id)]
        if tweet.reposted_id:
            original = self.world.tweet(tweet.reposted_id)
            others = [(REPOST, original.author_id)] if original else []
        else:
            named = [] if self._answers_an_answer(tweet) else sorted(typed_mentions(tweet))
            others = [(MENTION, user_id) for user_id in named]
            if tweet.in_reply_to_id and tweet.in_reply_to_user_id:
                others.append((REPLY, tweet.in_reply_to_user_id))
            if tweet.quoted_id and (quoted := self.world.tweet(tweet.quoted_id)):
                others.append((QUOTE, quoted.author_id))
        return events + [(kind, user_id) for kind, user_id in others if user_id != tweet.author_id]

    def _answers_an_answer(self, tweet: Tweet) -> bool:
        parent = self.world.tweet(tweet.in_reply_to_id) if tweet.in_reply_to_id else None
        return bool(parent and parent.in_reply_to_id)

    def _events_for(self, tweet: Tweet, audience: Sequence[int]) -> list[tuple[str, int]]:
        likely = (REPLY, MENTION) if tweet.in_reply_to_id else (MENTION, REPLY)
        events = []
        for user_id in dict.fromkeys(audience):
            kinds = (CREATE,) if user_id == tweet.author_id else likely
            # A replayed tweet must arrive: where the likely kind has no subscriber, the other one carries it.
            events += [(kind, user_id) for kind in kinds if self.heard_by(kind, [user_id])][:1]
        return events

    def _tweet_events(
        self, tweet: Tweet, heard: list[tuple[str, Subscription]], accounts: dict[int, Account | None]
    ) -> list[Queued]:
        vocabulary = self.world.vocabulary
        shown = with_twins(renamed(self.drawing.tweets([tweet], are_counted=False)[0], vocabulary))
        payload = {**shown, "in_reply_to_tweet_id": str(tweet.in_reply_to_id)} if tweet.in_reply_to_id else shown
        users = with_twins(renamed(self._users(tweet, accounts), vocabulary))
        includes = renamed({"users": users, "tweets": [shown]}, vocabulary)
        if tweet.media:
            includes["media"] = with_twins([self.drawing.media.as_json(one) for one in tweet.media])
        told_of, brought = (msgspec.Raw(msgspec.json.encode(part)) for part in (payload, includes))
        queued, told = [], set()
        for kind, one in heard:
            old = None
            if self._is_old(one):
                # One event for each account, however many reasons there are for it.
                if (one.user_id, one.webhook_id) in told:
                    continue
                told.add((one.user_id, one.webhook_id))
                old = old_events.tweet(self.world, self.drawing, tweet, one.user_id or 0, self.public_url)
            uuid = str(tweet.id) if kind in (CREATE, MENTION) else _any_uuid()
            queued.append(self._event(one, kind, uuid, tweet.id, told_of, brought, old))
        return queued

    def _is_old(self, one: Subscription) -> bool:
        return one.event_type == OLD_KIND or self.world.settings["payloads"] == "account_activity"

    def _users(self, tweet: Tweet, accounts: dict[int, Account | None]) -> list[dict[str, Any]]:
        ids = distinct([tweet.author_id, *map(int, tweet.mentioned.values())])
        for user_id in ids:
            if user_id not in accounts:
                accounts[user_id] = self.world.account(user_id)
        return [user_json(account, self.public_url) for user_id in ids if (account := accounts[user_id])]

    def _event(
        self, one: Subscription, kind: str, uuid: str, tweet_id: int | None, payload: object, includes: object,
        old: dict[str, Any] | None,
    ) -> Queued:  # fmt: skip
        if self._is_old(one):
            whose = {} if old and "user_event" in old else {"for_user_id": str(one.user_id)}
            body = msgspec.json.encode({**whose, **old}) if old else b""
            return (one.webhook_id, one.user_id, kind, uuid, tweet_id, body)
        data: dict[str, object] = {"event_uuid": uuid, "filter": one.filter, "event_type": kind}
        if one.tag:
            data["tag"] = one.tag
        data["payload"] = payload
        if includes is not None:
            data["includes"] = includes
        return (one.webhook_id, one.user_id, kind, uuid, tweet_id, msgspec.json.encode({"data": data}))

    def _queue(self, events: Sequence[Queued]) -> None:
        """Put events in the line to be delivered, late, twice or not at all if a fault says so."""
        events = [event for event in events if event[0] is not None and event[5]]
        if not events:
            return
        valid = {row[0] for row in self.storage.execute("SELECT id FROM webhooks WHERE valid")}
        now, rows = now_ms(), []
        faulty = self.faults.any_of(DELIVERY)
        for event in events:
            wait_ms, copies, lost = self._disturbed(event[1]) if faulty else (0, 1, False)
            state = "withheld" if lost or event[0] not in valid else "waiting"
            rows += [(*event, state, now + wait_ms, now)] * copies
        with self.storage.transaction():
            self.storage.executemany(
                "INSERT INTO deliveries"
                " (webhook_id, user_id, event_type, event_uuid, tweet_id, body, state, due_ms, created_ms)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                rows,
            )
            self.till.events(event[2] for event in events)

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
