from django.conf import settings
from django.db import models
from django.db.models import F, Q

from inbox.enums import MediaKind, MediaState, ReplyStatus, ReplyWay
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
    way = models.CharField(max_length=8, choices=ReplyWay, default=ReplyWay.PUBLIC, db_default=ReplyWay.PUBLIC)
    # A public reply with a button that opens a direct message to the brand.
    invites_private = models.BooleanField(default=False, db_default=False)
    # Of an answer that is posted in parts: what is said from this part on, as it was written. Empty: all is in `text`.
    rest = models.TextField(default="", db_default="")
    # A further part of a long answer: posted after the part before, as an answer to it.
    follows = models.OneToOneField("self", models.PROTECT, null=True, related_name="followed_by")
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
                condition=Q(
                    status__in=[
                        ReplyStatus.DRAFT,
                        ReplyStatus.SUBMITTED,
                        ReplyStatus.SENT_BACK,
                        ReplyStatus.ELSEWHERE,
                    ]
                )
                | Q(approved_at__isnull=False),
            ),
            models.CheckConstraint(
                name="reply_posted_has_an_id_and_a_time",
                # That a direct message was sent is a person's word until Twitter shows which it was.
                condition=(
                    Q(status=ReplyStatus.POSTED, posted_at__isnull=False)
                    & (Q(twitter_id__isnull=False) | Q(way=ReplyWay.PRIVATE))
                )
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


class ReplyMedia(BrandModel):
    """A file that goes out with a reply. `domain.media` takes it in and has it uploaded before the reply is posted."""

    storage = ("ALTER COLUMN content SET STORAGE EXTERNAL",)

    reply = models.ForeignKey(Reply, models.CASCADE, related_name="media")
    position = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=5, choices=MediaKind)
    content_type = models.CharField(max_length=40)
    content = models.BinaryField()
    size = models.PositiveIntegerField()
    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)
    alt_text = models.CharField(max_length=1000, default="", db_default="")
    added_at = models.DateTimeField()
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")

    state = models.CharField(max_length=10, choices=MediaState, default=MediaState.WAITING)
    # Twitter's id of the upload, and until when it can be posted.
    media_id = models.BigIntegerField(null=True)
    usable_until = models.DateTimeField(null=True)
    why = models.CharField(max_length=300, default="", db_default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(F("reply"), F("position"), name="reply_media_is_one_per_place"),
            models.CheckConstraint(
                name="reply_media_was_added_by_a_person_at_a_time",
                condition=Q(added_at__isnull=False, added_by__isnull=False),
            ),
            models.CheckConstraint(
                name="reply_media_ready_has_an_id",
                condition=~Q(state=MediaState.READY) | Q(media_id__isnull=False, usable_until__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.position} of reply {self.reply_id}"
