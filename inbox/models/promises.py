from datetime import timedelta

from django.db import models

from tenants.models import BrandModel


class SlaPolicy(BrandModel):
    """What the brand promises its customers: how soon the first answer comes, and how soon each next one. One row."""

    founding_rows = ("(id, first_response, next_response) VALUES (1, interval '1 hour', interval '1 hour')",)

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    first_response = models.DurationField(default=timedelta(minutes=60))
    next_response = models.DurationField(default=timedelta(minutes=60))

    class Meta:
        constraints = [models.CheckConstraint(name="sla_policy_is_one_row", condition=models.Q(id=1))]

    def __str__(self) -> str:
        return f"{self.first_response}, then {self.next_response}"
