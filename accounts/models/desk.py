from django.conf import settings
from django.db import models
from django.db.models import F, Q

from tenants.wall import Wall


class DeskRow(models.Model):
    """One open conversation that waits on us or that somebody has. A pointer only: never a word that a customer wrote.

    `accounts.domain.desk` moves it. Who has the conversation is decided here.
    """

    wall = Wall(
        agency="select, update (assignee_id, assigned_at), delete",
        brand="select, insert, update, delete",
        # Read from the brand's row, not from a setting: what a session says of itself is no wall.
        brand_rows="brand_id = nightjar_brand() AND agency_id = (SELECT agency_id FROM tenants_brand)",
    )

    # Without indexes of their own: others below begin with the same columns, and each row is written often. One
    # foreign key holds both, `desk_row_is_of_its_agency` (migration 0005): the brand, and that it is this agency's.
    agency = models.ForeignKey("tenants.Agency", models.CASCADE, related_name="+", db_index=False, db_constraint=False)
    brand = models.ForeignKey("tenants.Brand", models.CASCADE, related_name="+", db_index=False, db_constraint=False)
    conversation_id = models.BigIntegerField()
    urgency = models.PositiveSmallIntegerField()
    language = models.CharField(max_length=8)
    waiting_since = models.DateTimeField(null=True)
    respond_by = models.DateTimeField(null=True)
    assignee = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", db_index=False)
    assigned_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="desk_row_is_one_per_conversation", fields=["brand", "conversation_id"]),
            models.CheckConstraint(
                name="desk_row_assignee_has_a_time",
                condition=Q(assignee=None, assigned_at=None) | Q(assignee__isnull=False, assigned_at__isnull=False),
            ),
            models.CheckConstraint(
                name="desk_row_waits_or_is_assigned",
                condition=Q(waiting_since__isnull=False, respond_by__isnull=False)
                | Q(waiting_since=None, respond_by=None, assignee__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                F("agency"), F("respond_by"), F("id"), name="desk_in_order", condition=Q(waiting_since__isnull=False)
            ),
            models.Index(F("assignee"), F("respond_by"), name="desk_of_one_agent", condition=Q(assignee__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.brand_id}/{self.conversation_id}"
