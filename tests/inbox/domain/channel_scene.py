"""A brand whose handle is on a real sandbox Twitter, and what customers do there. Committed; nothing is carried yet."""

import json
from datetime import datetime, timedelta

from django.utils import timezone

from inbox.domain import credentials, flow
from inbox.enums import Source
from inbox.models import Arrival, Message, Pulse
from tenants.models import Brand
from tests.conftest import committed, handle_of
from tests.twitter.playing import World


class Channel:
    """One brand's handle on Twitter. `customer` is the first of its customers there."""

    def __init__(self, brand: Brand, twitter: World) -> None:
        self.brand, self.twitter = brand, twitter
        self.handle_id, self.username = handle_of(brand), f"Fresh{brand.pk}"
        self.customer = f"jo{brand.pk}"
        twitter.person(self.username, id=str(self.handle_id))
        self.customer_id = int(twitter.person(self.customer))
        with committed(brand):
            self.connect(self.token())

    def token(self) -> str:
        return self.twitter.tokens[self.username]["authorization"].removeprefix("Bearer ")

    def connect(self, token: str) -> None:
        credentials.store(handle_id=self.handle_id, username=self.username, access_token=token, now=timezone.now())

    def says(self, text: str, *, by: str = "", deliver: bool = False, **more: object) -> int:
        """A tweet on Twitter that no webhook tells of."""
        author = self.twitter.people[by or self.customer]
        made = self.twitter.record({"author_id": author, "text": text, **more}, deliver=deliver)
        return int(made["ids"][0])

    def mentions(self, text: str, **more: object) -> int:
        return self.says(f"@{self.username} {text}", **more)

    def whispers(self, text: str) -> None:
        """A direct message to the brand that no webhook tells of."""
        body = {"from": str(self.customer_id), "to": str(self.handle_id), "text": text}
        self.twitter.ask("POST", "/sandbox/private", json=body)

    def carry(self) -> list[int]:
        """Have what arrived carried; the ids of the brand's messages."""
        with committed(self.brand):
            flow.carry_all(brand=self.brand, now=timezone.now())
            return list(Message.objects.order_by("pk").values_list("pk", flat=True))

    def arrivals(self) -> list[tuple[int, str]]:
        with committed(self.brand):
            return list(Arrival.objects.order_by("twitter_id").values_list("twitter_id", "source"))

    def due(self, source: Source, *, read_until: datetime | None = None) -> None:
        """Have this way due, and no other; of looking up, every round."""
        past = timezone.now() - timedelta(seconds=1)
        Pulse.objects.update(due_at=timezone.now() + timedelta(hours=1), last_asked_at=None)
        row = {"due_at": past, "rounds": None} | ({"read_until": read_until} if read_until else {})
        Pulse.objects.update_or_create(handle_id=self.handle_id, source=source, defaults=row)

    def look_up(self, tweet_id: int) -> bytes:
        """The tweet as an event's or a line's data has it."""
        everything = "author_id,created_at,entities,conversation_id,in_reply_to_user_id"
        return json.dumps(self.twitter.look_up(str(tweet_id), **{"tweet.fields": everything})["data"]).encode()
