"""Who subscribed to which events, in X's Activity API and in the Account Activity API before it."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import msgspec

from inbox.twitter.sandbox import problems
from inbox.twitter.sandbox.snowflake import now_ms
from inbox.twitter.sandbox.storage import Storage
from inbox.twitter.sandbox.wire import timestamp
from inbox.twitter.sandbox.world import World

# A subscription of the old kind hears of everything, in the old shape.
OLD_KIND = "account_activity.all"
LIMITS = {"self_serve": 1_500, "enterprise": 75_000}

EVENT_TYPES = {
    "post.create", "post.delete", "post.mention.create", "post.reply.create", "post.quote.create",
    "post.repost.create", "oauth.revoke",
    "profile.update.bio", "profile.update.profile_picture", "profile.update.banner_picture",
    "profile.update.screenname", "profile.update.geo", "profile.update.url", "profile.update.verified_badge",
    "profile.update.affiliate_badge", "profile.update.handle", "news.new", "follow.follow", "follow.unfollow",
    "spaces.start", "spaces.end", "broadcast.start", "broadcast.end", "chat.received", "chat.sent",
    "chat.conversation_join", "chat.conversation.join", "dm.sent", "dm.received", "dm.indicate_typing", "dm.read",
    "like.create", "mute.mute", "mute.unmute", "block.block", "block.unblock",
}  # fmt: skip
PUBLIC = ("post.create", "post.delete", "profile.update.", "broadcast.", "spaces.", "news.", "oauth.")
# What an account must have allowed before its private events may be subscribed to.
SCOPE_OF = {
    "post": "tweet.read", "dm": "dm.read", "chat": "dm.read", "like": "like.read", "mute": "mute.read",
    "block": "block.read", "follow": "follows.read",
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


def scope_needed(event_type: str) -> str:
    """The scope that an event of this type needs; none for public ones."""
    if event_type.startswith(PUBLIC):
        return ""
    return SCOPE_OF.get(event_type.split(".")[0], "tweet.read")


class Subscriptions:
    def __init__(self, storage: Storage, world: World) -> None:
        self.storage, self.world = storage, world
        self.by_event: dict[tuple[str, int | None], list[Subscription]] = {}
        self.load()

    def load(self) -> None:
        self.by_event = {}
        for subscription in self.subscriptions(with_old=True):
            self.by_event.setdefault((subscription.event_type, subscription.user_id), []).append(subscription)

    def subscriptions(self, *, with_old: bool = False) -> list[Subscription]:
        rows = self.storage.execute(
            "SELECT id, event_type, user_id, filter, tag, webhook_id, created_ms, updated_ms FROM subscriptions"
            " WHERE ? OR event_type != ? ORDER BY id",
            (with_old, OLD_KIND),
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
        self._check_limit()
        now = now_ms()
        made = Subscription(
            self.world.snowflakes.next(), event_type, user_id, filter_, tag, webhook_id, created_ms=now, updated_ms=now
        )
        with self.storage.transaction():
            self.storage.execute(
                "INSERT INTO subscriptions VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (made.id, event_type, user_id, msgspec.json.encode(filter_).decode(), tag, webhook_id, now, now),
            )
        self.by_event.setdefault((event_type, user_id), []).append(made)
        return made

    def change(self, subscription_id: int, changes: dict[str, Any]) -> Subscription | None:
        """Another tag or webhook for a subscription; nothing when there is none of that id."""
        with self.storage.transaction():
            for name, value in changes.items():
                self.storage.execute(f"UPDATE subscriptions SET {name} = ? WHERE id = ?", (value, subscription_id))
            self.storage.execute("UPDATE subscriptions SET updated_ms = ? WHERE id = ?", (now_ms(), subscription_id))
        self.load()
        return next((one for one in self.subscriptions() if one.id == subscription_id), None)

    def unsubscribe(self, subscription_id: int) -> bool:
        with self.storage.transaction():
            gone = self.storage.execute("DELETE FROM subscriptions WHERE id = ?", (subscription_id,)).rowcount
        self.load()
        return gone > 0

    def heard_by(self, event_type: str, user_ids: Collection[int | None]) -> list[Subscription]:
        """Everybody who hears of such an event at these accounts, in the old shape or the new."""
        kinds = (event_type, OLD_KIND)
        return [one for user_id in user_ids for kind in kinds for one in self.by_event.get((kind, user_id), [])]

    def _check_limit(self) -> None:
        settings = self.world.settings
        limit = settings["most_subscriptions"] or LIMITS[settings["plan"]]
        if sum(map(len, self.by_event.values())) >= limit:
            raise problems.forbidden(f"You have reached the limit of {limit} subscriptions.")
