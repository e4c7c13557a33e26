from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower

from tenants.models.agencies import Agency, Brand
from tenants.wall import OF_OWN_BRANDS, Wall


class MarkKind(models.TextChoices):
    """By what a brand is known in tweets."""

    NAME = "name", "name"
    PRODUCT = "product", "product"
    HASHTAG = "hashtag", "hashtag"
    LINK = "link", "link"
    SIGN_OFF = "sign_off", "sign-off"


class Mark(models.Model):
    """What a brand is known by in tweets: for listening, and so that nobody writes of it in another's name."""

    wall = Wall(directory="select", agency="select, insert, update, delete", agency_rows=OF_OWN_BRANDS, brand="select")

    brand = models.ForeignKey(Brand, models.CASCADE, related_name="marks")
    kind = models.CharField(max_length=10, choices=MarkKind)
    text = models.CharField(max_length=100)

    class Meta:
        constraints = [
            models.UniqueConstraint(F("brand"), F("kind"), Lower("text"), name="mark_is_one_per_brand_and_kind"),
            models.CheckConstraint(name="mark_is_not_empty", condition=~Q(text="")),
        ]

    def __str__(self) -> str:
        return self.text


class Logo(models.Model):
    """A brand's logo: a PNG that we wrote ourselves from what was uploaded, so that nothing else rides along."""

    wall = Wall(directory="select", agency="select, insert, update, delete", agency_rows=OF_OWN_BRANDS, brand="select")

    brand = models.OneToOneField(Brand, models.CASCADE, primary_key=True, related_name="logo")
    png = models.BinaryField()
    width = models.PositiveSmallIntegerField()
    height = models.PositiveSmallIntegerField()
    digest = models.CharField(max_length=16)

    def __str__(self) -> str:
        return f"logo of brand {self.pk}"


class Offboarding(models.Model):
    """The end of a brand: asked for, exported, confirmed by typing its name, erased; then this is the certificate.

    It outlives the brand, so it keeps the brand's key and name as plain values. `tenants.founding` moves it; what is
    left to do is what has no instant yet.
    """

    wall = Wall(
        agency="select, insert, update (confirmed_at, confirmed_by_id, withdrawn_at, withdrawn_by_id)",
        # It begins at its beginning, and with a brand of the agency's own: the worker erases what is confirmed.
        agency_new_rows="(brand_key, brand_name, brand_slug) IN (SELECT id, name, slug FROM tenants_brand) "
        "AND exported_at IS NULL AND confirmed_at IS NULL AND erased_at IS NULL AND certificate = ''",
        operators="select",
    )

    agency = models.ForeignKey(Agency, models.PROTECT, related_name="+")
    brand_key = models.BigIntegerField()
    brand_name = models.CharField(max_length=80)
    brand_slug = models.SlugField(max_length=40)
    asked_at = models.DateTimeField()
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DO_NOTHING, null=True, related_name="+", db_constraint=False
    )
    exported_at = models.DateTimeField(null=True)
    export_name = models.CharField(max_length=120, default="", db_default="")
    export_size = models.PositiveBigIntegerField(default=0, db_default=0)
    export_sha256 = models.CharField(max_length=64, default="", db_default="")
    confirmed_at = models.DateTimeField(null=True)
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DO_NOTHING, null=True, related_name="+", db_constraint=False
    )
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DO_NOTHING, null=True, related_name="+", db_constraint=False
    )
    erased_at = models.DateTimeField(null=True)
    # What was erased: rows by table, bytes, the role and the schema by name. Numbers and names of ours alone.
    erased = models.JSONField(default=dict, db_default=models.Value({}, models.JSONField()))
    certificate = models.CharField(max_length=64, default="", db_default="")
    error = models.CharField(max_length=300, default="", db_default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="offboarding_is_one_at_a_time",
                fields=["brand_key"],
                condition=Q(erased_at=None, withdrawn_at=None),
            ),
            models.CheckConstraint(
                name="offboarding_was_asked_for_by_a_person",
                condition=Q(asked_at__isnull=False, asked_by__isnull=False),
            ),
            models.CheckConstraint(
                name="offboarding_is_confirmed_by_a_person_at_a_time",
                condition=Q(confirmed_at=None, confirmed_by=None)
                | Q(confirmed_at__isnull=False, confirmed_by__isnull=False),
            ),
            models.CheckConstraint(
                name="offboarding_is_withdrawn_by_a_person_at_a_time",
                condition=Q(withdrawn_at=None, withdrawn_by=None)
                | Q(withdrawn_at__isnull=False, withdrawn_by__isnull=False),
            ),
            models.CheckConstraint(
                name="offboarding_erases_only_what_was_exported_and_confirmed",
                condition=Q(erased_at=None) | Q(exported_at__isnull=False, confirmed_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"end of {self.brand_name}"
