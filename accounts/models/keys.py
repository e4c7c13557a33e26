from django.conf import settings
from django.db import models
from django.db.models import Q

from tenants.wall import OWN_OR_OF_OWN_BRAND, Wall


class ApiKey(models.Model):
    """A key with which a program uses the API of an agency, or of one brand, in the name of the person who made it.

    Shown once; the hash is kept. It may what its scopes say, and never more than its person may at that moment.
    `domain.keys` moves it.
    """

    wall = Wall(
        directory="select, update (last_used_at)",
        agency="select, insert, update (name, revoked_at, revoked_by_id)",
        agency_rows=OWN_OR_OF_OWN_BRAND,
    )

    agency = models.ForeignKey("tenants.Agency", models.CASCADE, related_name="keys")
    brand = models.ForeignKey("tenants.Brand", models.CASCADE, null=True, related_name="keys")
    name = models.CharField(max_length=80)
    beginning = models.CharField(max_length=12)
    secret_hash = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField(default=list)
    made_at = models.DateTimeField()
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    revoked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", db_constraint=False
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="key_is_made_by_a_person_at_a_time", condition=Q(made_at__isnull=False, made_by__isnull=False)
            ),
            models.CheckConstraint(
                name="key_revoked_by_a_person_says_when", condition=Q(revoked_by=None) | Q(revoked_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.beginning}…)"
