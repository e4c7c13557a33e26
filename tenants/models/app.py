from django.db import models
from django.db.models import Q

from tenants.wall import Wall


class Lease(models.Model):
    """Who does a thing that only one may do at a time, by the database's clock: `tenants.leases` moves it."""

    wall = Wall(directory="select, insert, update, delete")

    name = models.CharField(max_length=40, primary_key=True)
    holder = models.CharField(max_length=80)
    until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name}: {self.holder}"


class AppState(models.Model):
    """Something that holds for our whole app at Twitter, not for one brand: credits gone, an incident, no stream.

    Numbers and Twitter's own words; nothing of a brand's. Every brand reads it, and whoever notices first writes it: a
    brand, that Twitter wants payment or refuses log-ins; all else is the house's to see.
    """

    wall = Wall(
        operators="select, update, delete",
        directory="select, insert, update, delete",
        agency="select",
        agency_rows="true",
        brand="select, insert, update, delete",
        brand_rows="true",
        brand_changes="name IN ('credits', 'incident', 'refusals')",
    )

    name = models.CharField(max_length=40, primary_key=True)
    since = models.DateTimeField()
    until = models.DateTimeField(null=True)
    why = models.CharField(max_length=300, default="", db_default="")
    facts = models.JSONField(default=dict, db_default=models.Value({}, models.JSONField()))

    def __str__(self) -> str:
        return self.name


class AppBudget(models.Model):
    """How much of one of our app's shared limits at Twitter is used in the present window; no brand is named."""

    wall = Wall(
        operators="select",
        directory="select, insert, update",
        agency="select",
        agency_rows="true",
        brand="select, insert, update",
        brand_rows="true",
        # Among how many brands something is shared is not for one of them to say.
        brand_changes="name <> 'dm:brands'",
    )

    name = models.CharField(max_length=60, primary_key=True)
    cap = models.PositiveIntegerField()
    used = models.PositiveIntegerField(default=0, db_default=0)
    began_at = models.DateTimeField()
    seconds = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(name="app_budget_window_has_a_length", condition=Q(seconds__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.used} of {self.cap}"
