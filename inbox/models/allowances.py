from django.db import models

from tenants.models import BrandModel


class Allowance(BrandModel):
    """How much of a limit of Twitter's one of the brand's accounts has used in the present window.

    `endpoint` is "POST /2/tweets" and the like. `handle_id` 0 with the endpoint "dm" is what the whole brand took of
    the app's shared direct messages. A row whose window is over says nothing.
    """

    handle_id = models.BigIntegerField()
    endpoint = models.CharField(max_length=80)
    cap = models.PositiveIntegerField()
    used = models.PositiveIntegerField(default=0, db_default=0)
    resets_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["handle_id", "endpoint"], name="allowance_is_one_per_handle_and_endpoint"),
        ]

    def __str__(self) -> str:
        return f"{self.endpoint}: {self.used} of {self.cap}"
