from django.db import models
from django.db.models import F

from playbooks.enums import Step
from playbooks.models import founding
from tenants.models import BrandModel


class Playbook(BrandModel):
    """Guidance for one topic, step by step. The one without a topic is the brand's default."""

    founding_rows = (founding.playbook_row(),)

    name = models.CharField(max_length=60)
    topic = models.SlugField(max_length=40, default="", db_default="", blank=True)
    retired_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(F("topic"), name="playbook_is_one_per_topic", condition=models.Q(retired_at=None)),
        ]

    def __str__(self) -> str:
        return self.name


class Guidance(BrandModel):
    """What a playbook says about one of the nine steps: a sentence for the agent, and words that count here."""

    founding_rows = (founding.guidance_rows(),)

    playbook = models.ForeignKey(Playbook, models.CASCADE, related_name="guidance")
    step = models.CharField(max_length=20, choices=Step)
    sentence = models.CharField(max_length=300)
    # Besides those that everybody's coaching knows.
    more_words = models.JSONField(default=list)
    # A step that this brand does not want to be reminded of.
    is_quiet = models.BooleanField(default=False, db_default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(F("playbook"), F("step"), name="guidance_is_one_per_playbook_and_step"),
        ]

    def __str__(self) -> str:
        return f"{self.step} in {self.playbook_id}"
