from datetime import timedelta

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Cast, Concat, Replace

from tenants.wall import OWN_OR_OF_OWN_BRAND, Wall

HEX_COLOUR = RegexValidator(r"^#[0-9a-fA-F]{6}$", "A colour is written like #0b6e4f.")


def _english() -> list[str]:
    return ["en"]


class BrandState(models.TextChoices):
    PREPARING = "preparing", "preparing"
    LIVE = "live", "live"
    SUSPENDED = "suspended", "suspended"
    ENDING = "ending", "ending"


class BuildState(models.TextChoices):
    """Where the worker is with what only the owner of the database can make: roles, schemas."""

    CREATING = "creating", "being created"
    READY = "ready", "ready"
    FAILED = "failed", "failed"


class Agency(models.Model):
    """A company that does customer service for brands. Its people and its desk stand in its own Postgres role."""

    wall = Wall(
        operators="select, insert (name, slug, created_at, build_state, build_error), "
        "update (name, build_state, build_error)",
        directory="select",
        agency="select",
        agency_rows="id = nightjar_agency()",
    )

    name = models.CharField(max_length=80)
    slug = models.SlugField(max_length=40, unique=True)
    created_at = models.DateTimeField()
    build_state = models.CharField(
        max_length=10, choices=BuildState, default=BuildState.READY, db_default=BuildState.READY
    )
    build_error = models.CharField(max_length=300, default="", db_default="", blank=True)

    def __str__(self) -> str:
        return self.name


class Brand(models.Model):
    """A company whose customers are answered: one schema, one Postgres role.

    An agency founds it (a row that is CREATING), the worker makes schema and role (READY, or FAILED with the reason).
    `tenants.founding` moves it from preparing to live and to its end; only a live brand posts.
    """

    wall = Wall(
        operators="select",
        directory="select",
        agency="select, insert (agency_id, name, slug, state, colour, ink, zone, languages, reopen_window, created_at, "
        "build_state, build_error, live_at, live_by_id), update (name, state, colour, ink, zone, languages, "
        "reopen_window, live_at, live_by_id, build_state, build_error)",
        brand="select",
        brand_rows="id = nightjar_brand()",
        letterbox="select",
    )

    agency = models.ForeignKey(Agency, models.PROTECT, related_name="brands")
    name = models.CharField(max_length=80)
    slug = models.SlugField(max_length=40)
    # Made by the database, so that nobody can name another brand's schema.
    schema_name = models.GeneratedField(
        expression=Concat(
            Value("b_"),
            Cast("id", models.TextField()),
            Value("_"),
            Replace("slug", Value("-"), Value("_")),
            output_field=models.CharField(max_length=63),
        ),
        output_field=models.CharField(max_length=63),
        db_persist=True,
        unique=True,
    )
    state = models.CharField(max_length=12, choices=BrandState, default=BrandState.PREPARING)
    colour = models.CharField(max_length=7, default="#3b5bdb", validators=[HEX_COLOUR])
    # What is written on the colour; empty: black or white, whichever reads better.
    ink = models.CharField(max_length=7, default="", db_default="", blank=True, validators=[HEX_COLOUR])
    zone = models.CharField(max_length=40, default="UTC")
    languages = models.JSONField(default=_english, db_default=Value(["en"], models.JSONField()))
    reopen_window = models.DurationField(default=timedelta(hours=72))
    created_at = models.DateTimeField()
    build_state = models.CharField(
        max_length=10, choices=BuildState, default=BuildState.READY, db_default=BuildState.READY
    )
    build_error = models.CharField(max_length=300, default="", db_default="", blank=True)
    live_at = models.DateTimeField(null=True)
    live_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DO_NOTHING, null=True, related_name="+", db_constraint=False
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(name="brand_slug_is_one_per_agency", fields=["agency", "slug"]),
            # So that other tables can point at both together.
            models.UniqueConstraint(name="brand_is_of_one_agency", fields=["id", "agency"]),
            models.CheckConstraint(
                name="brand_was_set_live_by_a_person_at_a_time",
                condition=Q(live_at=None, live_by=None) | Q(live_at__isnull=False, live_by__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Domain(models.Model):
    """A host name that leads to an agency, or to one of its brands."""

    wall = Wall(
        operators="select",
        directory="select",
        agency="select, insert, delete",
        agency_rows=OWN_OR_OF_OWN_BRAND,
    )

    name = models.CharField(max_length=253, unique=True)
    agency = models.ForeignKey(Agency, models.CASCADE, related_name="domains")
    brand = models.ForeignKey(Brand, models.CASCADE, null=True, related_name="domains")

    def __str__(self) -> str:
        return self.name


class Handle(models.Model):
    """A brand's Twitter account. The same account never belongs to two brands."""

    wall = Wall(
        directory="select",
        agency="select",
        agency_rows="brand_id IN (SELECT id FROM tenants_brand)",
        brand="select, insert, update (username), delete",
        letterbox="select",
    )

    twitter_id = models.BigIntegerField(primary_key=True)
    username = models.CharField(max_length=30)
    brand = models.ForeignKey(Brand, models.CASCADE, related_name="handles")

    def __str__(self) -> str:
        return f"@{self.username}"
