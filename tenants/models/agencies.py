from datetime import timedelta

from django.core.validators import RegexValidator
from django.db import models

from tenants.wall import Wall

HEX_COLOUR = RegexValidator(r"^#[0-9a-fA-F]{6}$", "A colour is written like #0b6e4f.")


class BrandState(models.TextChoices):
    PREPARING = "preparing", "preparing"
    LIVE = "live", "live"
    SUSPENDED = "suspended", "suspended"


class Agency(models.Model):
    """A company that does customer service for brands. Its people and its desk stand in its own Postgres role."""

    wall = Wall(directory="select", agency="select", agency_rows="id = nightjar_agency()")

    name = models.CharField(max_length=80)
    slug = models.SlugField(max_length=40, unique=True)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class Brand(models.Model):
    """A company whose customers are answered: one schema, one Postgres role. `tenants.schemas` makes and ends both."""

    wall = Wall(
        directory="select", agency="select", brand="select", brand_rows="id = nightjar_brand()", letterbox="select"
    )

    agency = models.ForeignKey(Agency, models.PROTECT, related_name="brands")
    name = models.CharField(max_length=80)
    slug = models.SlugField(max_length=40)
    schema_name = models.CharField(max_length=63, unique=True, validators=[RegexValidator(r"^b_[a-z0-9_]+$")])
    state = models.CharField(max_length=12, choices=BrandState, default=BrandState.PREPARING)
    colour = models.CharField(max_length=7, default="#3b5bdb", validators=[HEX_COLOUR])
    zone = models.CharField(max_length=40, default="UTC")
    reopen_window = models.DurationField(default=timedelta(hours=72))
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="brand_slug_is_one_per_agency", fields=["agency", "slug"]),
        ]

    def __str__(self) -> str:
        return self.name


class Domain(models.Model):
    """A host name that leads to an agency, or to one of its brands."""

    wall = Wall(directory="select", agency="select")

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
        brand="select",
        letterbox="select",
    )

    twitter_id = models.BigIntegerField(primary_key=True)
    username = models.CharField(max_length=30)
    brand = models.ForeignKey(Brand, models.CASCADE, related_name="handles")

    def __str__(self) -> str:
        return f"@{self.username}"
