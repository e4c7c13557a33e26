from django.db import models
from django.db.models import Q

from inbox.enums import ArrivalKind, Outcome, Source
from tenants.models import BrandModel
from tenants.wall import Wall

# Old arrivals are deleted all the time: their room is used again before the table grows by a twentieth.
_VACUUMED_OFTEN = "SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 2000)"


class Arrival(BrandModel):
    """What Twitter sent us, as it was sent, once per kind and Twitter id. `domain.arrivals` moves it.

    The letterbox may insert here and read nothing. An arrival without `carried_at` is work; a sweep finds it.
    The words themselves are its `Payload`.
    """

    wall = Wall(
        brand="select, insert, update, delete",
        letterbox="insert (kind, twitter_id, handle_id, received_at, source, carried_at, outcome, awaits_id)",
    )
    storage = (_VACUUMED_OFTEN,)

    kind = models.CharField(max_length=10, choices=ArrivalKind)
    twitter_id = models.BigIntegerField()
    handle_id = models.BigIntegerField()
    received_at = models.DateTimeField()
    source = models.CharField(max_length=10, choices=Source, default=Source.WEBHOOK, db_default=Source.WEBHOOK)
    carried_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=16, choices=Outcome, default="", db_default="")
    awaits_id = models.BigIntegerField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="arrival_is_one_per_kind_and_id", fields=["twitter_id", "kind"]),
            models.CheckConstraint(
                name="arrival_has_an_outcome_once_carried",
                condition=Q(carried_at=None, outcome="") | (Q(carried_at__isnull=False) & ~Q(outcome="")),
            ),
        ]
        indexes = [
            models.Index(fields=["id"], name="arrival_waiting", condition=Q(carried_at=None)),
            models.Index(fields=["awaits_id"], name="arrival_orphan", condition=Q(awaits_id__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.twitter_id}"


class Payload(BrandModel):
    """What Twitter sent with the arrival of the same kind and id, word for word, packed (zlib).

    In a table of its own: a usual tweet, packed, is smaller than what PostgreSQL lays beside a row by itself, so that
    settling an arrival would write it a second time. It is stored in the same transaction as its arrival, and may be
    gone before it.
    """

    wall = Wall(brand="select, insert, update, delete", letterbox="insert (twitter_id, kind, body)")
    storage = (_VACUUMED_OFTEN,)
    packed = ("body",)

    pk = models.CompositePrimaryKey("twitter_id", "kind")
    twitter_id = models.BigIntegerField()
    kind = models.CharField(max_length=10, choices=ArrivalKind)
    body = models.BinaryField()

    def __str__(self) -> str:
        return f"what was sent with {self.kind} {self.twitter_id}"
