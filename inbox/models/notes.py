from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower

from tenants.models import BrandModel


class Note(BrandModel):
    """What colleagues tell each other about a conversation. Never seen by clients, never posted."""

    conversation = models.ForeignKey("inbox.Conversation", models.PROTECT, related_name="notes")
    text = models.TextField()
    noted_at = models.DateTimeField()
    noted_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(name="note_is_not_empty", condition=~Q(text="")),
            models.CheckConstraint(
                name="note_is_written_by_a_person_at_a_time",
                condition=Q(noted_at__isnull=False, noted_by__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"note {self.pk}"


class Tag(BrandModel):
    """A word that this brand puts on conversations, to find them again. Retired, never removed."""

    name = models.CharField(max_length=40)
    retired_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("name"), name="tag_name_is_one_whatever_its_case"),
            models.CheckConstraint(name="tag_is_not_empty", condition=~Q(name="")),
        ]

    def __str__(self) -> str:
        return self.name


class Tagging(BrandModel):
    """A tag on a conversation: who put it there, and when."""

    conversation = models.ForeignKey("inbox.Conversation", models.CASCADE, related_name="taggings", db_index=False)
    tag = models.ForeignKey(Tag, models.PROTECT, related_name="taggings")
    tagged_at = models.DateTimeField()
    tagged_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(F("conversation"), F("tag"), name="tagging_is_one_per_conversation_and_tag"),
            models.CheckConstraint(
                name="tagging_is_made_by_a_person_at_a_time",
                condition=Q(tagged_at__isnull=False, tagged_by__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tag_id} on {self.conversation_id}"
