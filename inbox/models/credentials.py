from django.conf import settings
from django.db import models
from django.db.models import Q

from tenants.models import BrandModel


class Credential(BrandModel):
    """A handle's keys to Twitter, sealed. `domain.credentials` alone opens them; nothing prints them."""

    handle_id = models.BigIntegerField(primary_key=True)
    username = models.CharField(max_length=30)
    sealed_access_token = models.BinaryField()
    # Twitter's refresh tokens work once; none: the access token was given by hand and does not end by itself.
    sealed_refresh_token = models.BinaryField(null=True)
    expires_at = models.DateTimeField(null=True)
    # When this access token was given: at three quarters of its life the next one is fetched.
    refreshed_at = models.DateTimeField(null=True)
    scopes = models.CharField(max_length=400, default="", db_default="")
    connected_at = models.DateTimeField(null=True)
    connected_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    text_limit = models.PositiveIntegerField(default=280, db_default=280)
    refused_at = models.DateTimeField(null=True)
    refused_why = models.CharField(max_length=300, default="", db_default="")

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="credential_connected_by_a_person_says_when",
                condition=Q(connected_by=None) | Q(connected_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"credential of @{self.username}"


class ConnectAttempt(BrandModel):
    """Somebody has gone to Twitter to connect this brand, and should come back with a code within ten minutes.

    The word that comes back with the code is known by its hash; the verifier (PKCE, RFC 7636) is sealed.
    """

    word_hash = models.CharField(max_length=64, unique=True)
    sealed_verifier = models.BinaryField()
    begun_at = models.DateTimeField()
    begun_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    used_at = models.DateTimeField(null=True)
    # The handle that is to be connected again; none: whichever account the person chooses.
    handle_id = models.BigIntegerField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="connect_attempt_is_begun_by_a_person_at_a_time",
                condition=Q(begun_at__isnull=False, begun_by__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"attempt to connect, {self.begun_at:%Y-%m-%d %H:%M}"
