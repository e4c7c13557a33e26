"""What things cost, who spent what, and when the money is gone.

X's price list of 22 August 2026, in dollars. A thing that is read twice on a UTC day is paid once.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from inbox.twitter.sandbox import problems
from inbox.twitter.sandbox.problems import Problem, json_response
from inbox.twitter.sandbox.storage import Storage
from inbox.twitter.sandbox.world import World

MICROS = {
    "post_read": 5_000,
    "user_read": 10_000,
    "dm_event_read": 10_000,
    "post_create": 15_000,
    "post_create_with_url": 200_000,
    "post_create_summoned": 10_000,
    "dm_create": 15_000,
    "user_interaction_create": 15_000,
    "interaction_delete": 10_000,
    "content_manage": 5_000,
    "media_metadata": 5_000,
    "privacy_update": 10_000,
}
# Events of the X Activity API; those that are not here are free.
EVENT_MICROS = {
    "post.create": 5_000, "post.mention.create": 5_000, "post.reply.create": 5_000, "post.quote.create": 5_000,
    "post.repost.create": 5_000, "follow.follow": 10_000, "follow.unfollow": 10_000, "dm.received": 10_000,
    "chat.received": 10_000, "like.create": 1_000, "mute.mute": 1_000, "mute.unmute": 1_000, "block.block": 1_000,
    "block.unblock": 1_000,
}  # fmt: skip


class Till:
    """Everything that was spent. Nothing is ever given back."""

    def __init__(self, storage: Storage, world: World) -> None:
        self.storage, self.world = storage, world

    def check(self) -> None:
        """Refuse when there was money and it is gone."""
        credits = self.world.settings["credits"]
        if credits is not None and credits <= 0:
            raise problems.no_credits(self.world.settings["credits_wording"])
        limit = self.world.settings["reading_limit"]
        if limit is not None and self._read_this_month() >= limit:
            raise Problem(
                429, "UsageCapExceeded", "Usage cap exceeded: Monthly product cap", kind="usage-capped",
                extra={"period": "Monthly", "scope": "Product"},
            )  # fmt: skip

    def read(self, kind: str, resources: Iterable[object]) -> None:
        """Pay for what an answer shows, once a day each."""
        day, new = today(), 0
        asked = list(dict.fromkeys(str(one) for one in resources))
        if not asked:
            return
        with self.storage.transaction():
            for one in asked:
                new += self.storage.execute("INSERT OR IGNORE INTO charges VALUES (?, ?, ?)", (day, kind, one)).rowcount
            self._spend(day, kind, new, MICROS[kind])

    def write(self, kind: str) -> None:
        self._spend(today(), kind, 1, MICROS[kind])

    def events(self, event_types: Iterable[str]) -> None:
        """Pay for events that are sent."""
        day = today()
        for event_type, count in Counter(event_types).items():
            self._spend(day, event_type, count, self._event_price(event_type))

    def shown(self) -> dict[str, Any]:
        """What was spent, by day and kind."""
        rows = self.storage.execute("SELECT day, kind, count, micros FROM spending ORDER BY day, kind")
        lines = [{"day": day, "kind": kind, "count": count, "usd": micros / 1e6} for day, kind, count, micros in rows]
        return {
            "credits": self.world.settings["credits"],
            "spent": round(sum(line["usd"] for line in lines), 6),
            "lines": lines,
        }

    def _event_price(self, event_type: str) -> int:
        if event_type == "post.delete":
            return 5_000 if self.world.settings["delete_events_billed"] else 0
        return 5_000 if event_type.startswith("profile.update") else EVENT_MICROS.get(event_type, 0)

    def _spend(self, day: str, kind: str, count: int, each: int) -> None:
        if not count:
            return
        with self.storage.transaction():
            self.storage.execute(
                "INSERT INTO spending VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE"
                " SET count = count + excluded.count, micros = micros + excluded.micros",
                (day, kind, count, count * each),
            )
            credits = self.world.settings["credits"]
            if credits is not None and each:
                self.world.change_settings({"credits": round(credits - count * each / 1e6, 6)})

    def _read_this_month(self) -> int:
        return self.storage.execute(
            "SELECT coalesce(sum(count), 0) FROM spending WHERE kind = 'post_read' AND day >= ?", (today()[:8] + "01",)
        ).fetchone()[0]

    def usage(self, days: int) -> list[tuple[str, int]]:
        """Tweets read, by day."""
        rows = self.storage.execute(
            "SELECT day, sum(count) FROM spending WHERE kind = 'post_read' GROUP BY day ORDER BY day DESC LIMIT ?",
            (days,),
        )
        return list(rows)


def today() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d")


async def spending(request: Request) -> Response:
    return json_response(request.app.state.sandbox.till.shown())


ROUTES = [Route("/sandbox/spending", spending, methods=["GET"])]
