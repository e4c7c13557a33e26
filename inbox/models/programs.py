from django.conf import settings
from django.db import models
from django.db.models import F, Q

from tenants.models import BrandModel


class IdempotentCall(BrandModel):
    """A write of a program that named it with an `Idempotency-Key`: the same one again gets the same answer.

    The key names the `ApiKey` by number; the fingerprint is of method, path and body. Without an answer yet, it is
    under way, or was cut short.
    """

    api_key = models.BigIntegerField()
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    begun_at = models.DateTimeField(db_index=True)
    status = models.PositiveSmallIntegerField(null=True)
    answer = models.JSONField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(F("api_key"), F("key"), name="idempotent_call_is_one_per_key"),
            models.CheckConstraint(
                name="idempotent_call_has_status_and_answer_together",
                condition=Q(status=None, answer=None) | Q(status__isnull=False, answer__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.key


class Webhook(BrandModel):
    """An address of the client's or an integrator's that is told what happens in this brand. Its secret is sealed.

    It is told everything after `told_through`, the number of the last event that became a `Delivery` (or did not
    concern it). Until `rests_until` nobody calls it: a worker is at it, or it has just failed. The secret before the
    present one signs as well until its end. `domain.deliveries` moves it.
    """

    url = models.CharField(max_length=500)
    name = models.CharField(max_length=80)
    kinds = models.JSONField(default=list)
    sealed_secret = models.BinaryField()
    told_through = models.BigIntegerField(default=0, db_default=0)
    made_at = models.DateTimeField()
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    paused_at = models.DateTimeField(null=True)
    paused_why = models.CharField(max_length=300, default="", db_default="")
    sealed_old_secret = models.BinaryField(null=True)
    old_secret_until = models.DateTimeField(null=True)
    rests_until = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(F("url"), name="webhook_is_one_per_address"),
            models.CheckConstraint(
                name="webhook_old_secret_has_an_end",
                condition=Q(sealed_old_secret=None, old_secret_until=None)
                | Q(sealed_old_secret__isnull=False, old_secret_until__isnull=False),
            ),
            models.CheckConstraint(
                name="webhook_is_made_by_a_person_at_a_time", condition=Q(made_at__isnull=False, made_by__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Delivery(BrandModel):
    """One event on its way to one webhook. Due, delivered, or given up after a day; the log of it is kept.

    A delivery that is neither delivered nor given up is work: a sweep finds it when it is due.
    """

    webhook = models.ForeignKey(Webhook, models.CASCADE, related_name="deliveries", db_index=False)
    event_seq = models.BigIntegerField()
    made_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    tried_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    given_up_at = models.DateTimeField(null=True)
    last_status = models.PositiveSmallIntegerField(null=True)
    last_error = models.CharField(max_length=300, default="", db_default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(F("webhook"), F("event_seq"), name="delivery_is_one_per_webhook_and_event"),
            models.CheckConstraint(
                name="delivery_is_due_until_its_fate_is_known",
                condition=Q(due_at__isnull=False, delivered_at=None, given_up_at=None)
                | Q(due_at=None, delivered_at__isnull=False, given_up_at=None)
                | Q(due_at=None, delivered_at=None, given_up_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(F("due_at"), F("id"), name="delivery_due", condition=Q(due_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"event {self.event_seq} to webhook {self.webhook_id}"
