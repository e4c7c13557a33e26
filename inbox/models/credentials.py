from django.db import models

from tenants.models import BrandModel


class Credential(BrandModel):
    """A handle's keys to Twitter, sealed. `domain.credentials` alone opens them; nothing prints them."""

    handle_id = models.BigIntegerField(primary_key=True)
    username = models.CharField(max_length=30)
    sealed_access_token = models.BinaryField()
    text_limit = models.PositiveIntegerField(default=280, db_default=280)
    refused_at = models.DateTimeField(null=True)
    refused_why = models.CharField(max_length=300, default="", db_default="")

    def __str__(self) -> str:
        return f"credential of @{self.username}"
