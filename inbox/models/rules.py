from django.db import models

from tenants.models import BrandModel


class ApprovalRule(BrandModel):
    """Whose replies need a second person in this brand, who that may be, and how long a reply can be taken back.

    One row. Trainees' replies always need one.
    """

    founding_rows = (
        "(id, agents_need_approval, supervisors_need_approval, clients_approve, undo_seconds) "
        "VALUES (1, false, false, true, 5)",
    )

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    agents_need_approval = models.BooleanField(default=False)
    supervisors_need_approval = models.BooleanField(default=False)
    clients_approve = models.BooleanField(default=True)
    undo_seconds = models.PositiveSmallIntegerField(default=5)

    class Meta:
        constraints = [
            models.CheckConstraint(name="approval_rule_is_one_row", condition=models.Q(id=1)),
            models.CheckConstraint(
                name="approval_rule_undo_is_a_minute_at_most", condition=models.Q(undo_seconds__lte=60)
            ),
        ]

    def __str__(self) -> str:
        return f"undo for {self.undo_seconds} s"


class Disposition(BrandModel):
    """One way in which this brand's conversations end. Retired, never removed: old conversations name it."""

    founding_rows = (
        "(key, name, resolves, position) VALUES ('resolved', 'resolved', true, 1), "
        "('private', 'went on in private', false, 2), ('no_answer_needed', 'no answer needed', false, 3), "
        "('gave_up', 'customer did not come back', false, 4), ('spam', 'spam', false, 5)",
    )

    key = models.SlugField(max_length=20, primary_key=True)
    name = models.CharField(max_length=60)
    resolves = models.BooleanField(default=False)
    position = models.PositiveSmallIntegerField(default=100)
    retired_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name
