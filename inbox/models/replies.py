from django.conf import settings
from django.db import models
from django.db.models import F, Q

from inbox.enums import ReplyStatus
from tenants.models import BrandModel


class Reply(BrandModel):
    """What an agent wants to say, on its way to Twitter. `domain.replies` and `.posting` move it.

    APPROVED is work for the poster. POSTING is a committed intent: from there on Twitter may have the text, and nobody
    posts it again before its fate is known.
    """

    conversation = models.ForeignKey("inbox.Conversation", models.PROTECT, related_name="replies")
    answers_id = models.BigIntegerField()
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")  # none: automatic
    text = models.TextField()
    status = models.CharField(max_length=12, choices=ReplyStatus, default=ReplyStatus.DRAFT)
    created_at = models.DateTimeField()
    # A second person must say yes: then it is not approved by whoever wrote it.
    needs_approval = models.BooleanField(default=False, db_default=False)
    submitted_at = models.DateTimeField(null=True)
    approved_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    approved_at = models.DateTimeField(null=True)
    # Approved, and still to be taken back until then.
    undo_until = models.DateTimeField(null=True)
    sent_back_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    sent_back_at = models.DateTimeField(null=True)
    # Changed by the approver; what the author had written is kept.
    changed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    changed_at = models.DateTimeField(null=True)
    original_text = models.TextField(default="", db_default="")

    attempt = models.PositiveSmallIntegerField(default=0, db_default=0)
    posting_since = models.DateTimeField(null=True)
    not_before = models.DateTimeField(null=True)
    why = models.CharField(max_length=300, default="", db_default="")
    twitter_id = models.BigIntegerField(null=True, unique=True)
    posted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="reply_approval_has_a_person_and_a_time",
                condition=Q(approved_by=None, approved_at=None)
                | Q(approved_by__isnull=False, approved_at__isnull=False),
            ),
            models.CheckConstraint(
                name="reply_that_needs_a_second_person_is_not_approved_by_its_author",
                condition=Q(needs_approval=False) | Q(approved_by=None) | ~Q(approved_by=F("author")),
            ),
            models.CheckConstraint(
                name="reply_sent_back_by_a_person_says_when",
                condition=Q(sent_back_by=None) | Q(sent_back_at__isnull=False),
            ),
            models.CheckConstraint(
                name="reply_changed_by_a_person_at_a_time",
                condition=Q(changed_by=None, changed_at=None) | Q(changed_by__isnull=False, changed_at__isnull=False),
            ),
            models.CheckConstraint(
                name="reply_leaves_only_after_approval",
                condition=Q(status__in=[ReplyStatus.DRAFT, ReplyStatus.SUBMITTED, ReplyStatus.SENT_BACK])
                | Q(approved_at__isnull=False),
            ),
            models.CheckConstraint(
                name="reply_posted_has_an_id_and_a_time",
                condition=(Q(status=ReplyStatus.POSTED) & Q(twitter_id__isnull=False, posted_at__isnull=False))
                | (~Q(status=ReplyStatus.POSTED) & Q(twitter_id=None, posted_at=None)),
            ),
            models.CheckConstraint(
                name="reply_being_posted_says_since_when",
                condition=(
                    Q(status__in=[ReplyStatus.POSTING, ReplyStatus.UNKNOWN], posting_since__isnull=False)
                    | ~Q(status__in=[ReplyStatus.POSTING, ReplyStatus.UNKNOWN])
                ),
            ),
        ]
        indexes = [
            models.Index(
                F("status"),
                F("id"),
                name="reply_on_its_way",
                condition=Q(status__in=[ReplyStatus.APPROVED, ReplyStatus.POSTING, ReplyStatus.UNKNOWN]),
            ),
            models.Index(
                F("submitted_at"),
                F("id"),
                name="reply_waiting_for_approval",
                condition=Q(status=ReplyStatus.SUBMITTED),
            ),
        ]

    def __str__(self) -> str:
        return f"reply {self.pk} ({self.status})"
