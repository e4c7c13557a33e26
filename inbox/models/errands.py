from django.conf import settings
from django.db import models
from django.db.models import F, Q

from inbox.enums import ErrandKind, ErrandState
from tenants.models import BrandModel


class Errand(BrandModel):
    """Something to do at Twitter besides saying something: delete, edit, hide, like. `domain.errands` moves it.

    WANTED is work; UNDER_WAY is a committed intent. All but an edit may be done twice without harm.
    """

    kind = models.CharField(max_length=6, choices=ErrandKind)
    message = models.ForeignKey("inbox.Message", models.PROTECT, related_name="errands")
    # The new words of an edit.
    text = models.TextField(default="", db_default="")
    state = models.CharField(max_length=10, choices=ErrandState, default=ErrandState.WANTED)
    wanted_at = models.DateTimeField()
    wanted_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    attempt = models.PositiveSmallIntegerField(default=0, db_default=0)
    begun_at = models.DateTimeField(null=True)
    not_before = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)
    why = models.CharField(max_length=300, default="", db_default="")
    # Of an edit: the id of the new version.
    twitter_id = models.BigIntegerField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="errand_is_wanted_by_a_person_at_a_time",
                condition=Q(wanted_at__isnull=False, wanted_by__isnull=False),
            ),
            models.CheckConstraint(
                name="errand_done_says_when",
                condition=(Q(state=ErrandState.DONE) & Q(done_at__isnull=False))
                | (~Q(state=ErrandState.DONE) & Q(done_at=None)),
            ),
            models.CheckConstraint(
                name="errand_under_way_says_since_when",
                condition=~Q(state=ErrandState.UNDER_WAY) | Q(begun_at__isnull=False),
            ),
            models.CheckConstraint(
                name="errand_edit_has_words",
                condition=Q(kind=ErrandKind.EDIT) | Q(text=""),
            ),
        ]
        indexes = [
            models.Index(
                F("id"),
                name="errand_to_do",
                condition=Q(state__in=[ErrandState.WANTED, ErrandState.UNDER_WAY]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.message_id} ({self.state})"
