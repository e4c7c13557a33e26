from django.db import models

from tenants.wall import Wall


class StrayReason(models.TextChoices):
    MALFORMED = "malformed", "not JSON, or not of a shape that we know"
    UNKNOWN_HANDLE = "unknown_handle", "for an account that is no brand's"


class Stray(models.Model):
    """What arrived at the webhook, rightly signed, and fits no brand. Kept byte by byte until looked at."""

    # Old ones are deleted from the directory, unread.
    wall = Wall(letterbox="insert", directory="select (id, received_at), delete")

    reason = models.CharField(max_length=20, choices=StrayReason)
    for_twitter_id = models.BigIntegerField(null=True)
    body = models.BinaryField()
    received_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.reason} at {self.received_at:%Y-%m-%d %H:%M}"
