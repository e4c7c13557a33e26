from django.conf import settings
from django.db import models
from django.db.models import F

from inbox.enums import EventKind
from tenants.models import BrandModel
from tenants.wall import Wall


class Event(BrandModel):
    """One line of history: what, to which conversation, by whom, when. Append-only; no customer's words in it.

    The numbers of a brand have no gaps and become visible in order, so a reader "since N" can skip nothing.
    """

    wall = Wall(brand="select, insert")

    seq = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField()
    kind = models.CharField(max_length=20, choices=EventKind)
    conversation_id = models.BigIntegerField()
    message_id = models.BigIntegerField(null=True)
    reply_id = models.BigIntegerField(null=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.DO_NOTHING, null=True, related_name="+", db_index=False)
    facts = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(F("conversation_id"), F("seq"), name="event_of_conversation")]

    def __str__(self) -> str:
        return f"{self.seq} {self.kind}"


class EventLine(BrandModel):
    """The number of the brand's last event: one row, locked by whoever appends until that is committed."""

    founding_rows = ("(id, last_seq) VALUES (1, 0)",)

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    last_seq = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(name="event_line_is_one_row", condition=models.Q(id=1))]

    def __str__(self) -> str:
        return f"event {self.last_seq}"
