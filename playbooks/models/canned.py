from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from playbooks.models import founding
from tenants.models import BrandModel


class CannedResponse(BrandModel):
    """A saved text to start a reply from. What stands in {braces} is a blank, and must be filled before it goes out."""

    founding_rows = (founding.canned_rows(),)

    name = models.CharField(max_length=60)
    text = models.TextField()
    language = models.CharField(max_length=8, default="en")
    # Written by us for every brand, or by the brand itself.
    is_founding = models.BooleanField(default=False, db_default=False)
    changed_at = models.DateTimeField(null=True)
    retired_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                Lower("name"), "language", name="canned_response_name_is_one_per_language", condition=Q(retired_at=None)
            ),
            models.CheckConstraint(name="canned_response_is_not_empty", condition=~Q(text="") & ~Q(name="")),
        ]

    def __str__(self) -> str:
        return self.name
