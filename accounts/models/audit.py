from django.conf import settings
from django.db import models

from accounts.enums import AuditKind
from tenants.wall import Wall


class AuditEntry(models.Model):
    """One security-relevant act. Insert-only, and each entry of a chain carries the hash of the one before.

    A chain is a brand's (`b12`), an agency's (`a3`) or the house's (`house`). No customer's words are in it, so that
    erasing a customer breaks no chain.
    """

    wall = Wall(
        operators="select, insert",
        operators_rows="chain = 'house'",
        directory="select, insert",
        agency="select, insert",
        brand="select, insert",
        # Nobody writes into another's chain: its writers could not see that entry, and would find no free number.
        agency_rows="agency_id = nightjar_agency() AND CASE WHEN brand_id IS NULL THEN chain = 'a' || agency_id "
        "ELSE chain = 'b' || brand_id AND brand_id IN (SELECT id FROM tenants_brand) END",
        brand_rows="brand_id = nightjar_brand() AND chain = 'b' || brand_id "
        "AND agency_id = (SELECT agency_id FROM tenants_brand)",
    )

    chain = models.CharField(max_length=24)
    number = models.PositiveBigIntegerField()
    agency = models.ForeignKey("tenants.Agency", models.DO_NOTHING, null=True, related_name="+", db_constraint=False)
    brand = models.ForeignKey("tenants.Brand", models.DO_NOTHING, null=True, related_name="+", db_constraint=False)
    at = models.DateTimeField()
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DO_NOTHING, null=True, related_name="+", db_constraint=False
    )
    kind = models.CharField(max_length=24, choices=AuditKind)
    facts = models.JSONField(default=dict)
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="audit_number_is_one_per_chain", fields=["chain", "number"]),
        ]

    def __str__(self) -> str:
        return f"{self.chain} {self.number}: {self.kind}"
