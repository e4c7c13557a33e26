from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.enums import Role
from tenants.wall import OWN_OR_OF_OWN_BRAND, Wall


class Invitation(models.Model):
    """Somebody is asked to come aboard: as what, where, at which address. Its word is known to them alone.

    Without an agency it makes an operator. Only the hash of the word is kept; it works once, until `expires_at`.
    `domain.people` moves it.
    """

    wall = Wall(
        operators="select, insert, update (withdrawn_at, withdrawn_by_id)",
        # Operators, and the first people of an agency: its admins. Whom those invite is the agency's own matter.
        operators_rows="brand_id IS NULL AND (agency_id IS NULL OR role = 'admin')",
        directory="select, update (used_at, used_by_id)",
        agency="select, insert, update (withdrawn_at, withdrawn_by_id)",
        agency_rows=OWN_OR_OF_OWN_BRAND,
    )

    agency = models.ForeignKey("tenants.Agency", models.CASCADE, null=True, related_name="invitations")
    brand = models.ForeignKey("tenants.Brand", models.CASCADE, null=True, related_name="invitations")
    role = models.CharField(max_length=20, choices=Role, blank=True)
    email = models.EmailField(max_length=254)
    name = models.CharField(max_length=80, default="", db_default="", blank=True)
    word_hash = models.CharField(max_length=64, unique=True)
    invited_at = models.DateTimeField()
    # None: by the installation itself, on its first start.
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", db_constraint=False
    )
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    used_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", db_constraint=False
    )
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", db_constraint=False
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="invitation_to_an_agency_names_a_role",
                condition=Q(agency=None, brand=None, role="") | (Q(agency__isnull=False) & ~Q(role="")),
            ),
            models.CheckConstraint(
                name="invitation_of_client_staff_is_to_one_brand",
                condition=~Q(role__in=[Role.CLIENT_APPROVER, Role.CLIENT_VIEWER]) | Q(brand__isnull=False),
            ),
            models.CheckConstraint(
                name="invitation_that_was_made_says_when", condition=Q(invited_by=None) | Q(invited_at__isnull=False)
            ),
            models.CheckConstraint(
                name="invitation_used_by_a_person_says_when", condition=Q(used_by=None) | Q(used_at__isnull=False)
            ),
            models.CheckConstraint(
                name="invitation_withdrawn_by_a_person_says_when",
                condition=Q(withdrawn_by=None) | Q(withdrawn_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.email}: {self.get_role_display() or 'operator'}"
