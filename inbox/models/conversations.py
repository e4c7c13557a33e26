from django.conf import settings
from django.db import models
from django.db.models import F, Q

from inbox.enums import Answerable, Direction, Reach, Urgency
from tenants.models import BrandModel


class Customer(BrandModel):
    """The person who writes to the brand. Keyed by Twitter's id; the username may change."""

    id = models.BigIntegerField(primary_key=True)
    username = models.CharField(max_length=30)
    name = models.CharField(max_length=200, default="", db_default="")
    followers = models.PositiveIntegerField(default=0, db_default=0)
    # The newest tweet that described this person: an older description never overwrites a newer one.
    described_by_id = models.BigIntegerField(default=0, db_default=0)
    avatar_url = models.CharField(max_length=300, default="", db_default="")
    # What Twitter says they are; what they wrote is then not shown from our copy.
    is_protected = models.BooleanField(default=False, db_default=False)
    suspended_at = models.DateTimeField(null=True)
    # They block the brand; the brand blocks or mutes them. Noted from Twitter's events and refusals.
    blocks_us_at = models.DateTimeField(null=True)
    blocked_at = models.DateTimeField(null=True)
    muted_at = models.DateTimeField(null=True)
    follows_us_at = models.DateTimeField(null=True)
    # Whether the brand may write to them in private, as Twitter last said; not known.
    takes_private = models.BooleanField(null=True)
    # They said "stop": nothing automatic is ever sent to them again.
    opted_out_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"@{self.username}"


class Conversation(BrandModel):
    """One customer's matter with one handle. The unit of work and of measure.

    Opened by `domain.conversations`; `triage`, `sla`, `routing` and `wrapup` each own their columns. Its key is the
    id of the tweet that opened it here, so that nothing need be read back.
    """

    # Three stages write each conversation once more after it was opened; with room in its page that costs no index.
    storage = ("SET (fillfactor = 50)",)

    id = models.BigIntegerField(primary_key=True)
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="conversations")
    handle_id = models.BigIntegerField()

    opened_at = models.DateTimeField()
    last_message = models.BigIntegerField(null=True)
    last_message_at = models.DateTimeField()
    message_count = models.PositiveIntegerField(default=0, db_default=0)
    waiting_since = models.DateTimeField(null=True)
    # Up to this message everything was settled when the conversation was last closed.
    settled_through = models.BigIntegerField(default=0, db_default=0)

    urgency = models.PositiveSmallIntegerField(choices=Urgency, default=Urgency.NORMAL, db_default=Urgency.NORMAL)
    polarity = models.FloatField(null=True)
    language = models.CharField(max_length=8, default="", db_default="")
    reach = models.CharField(max_length=10, choices=Reach, default=Reach.DIRECT, db_default=Reach.DIRECT)

    respond_by = models.DateTimeField(null=True)
    # Since the customer was invited to direct messages, or wrote one.
    went_private_at = models.DateTimeField(null=True)

    # Indexed below, as far as it is asked for: each index is written three times for each new conversation.
    assignee = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", db_index=False)
    assigned_at = models.DateTimeField(null=True)

    closed_at = models.DateTimeField(null=True)
    closed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", db_index=False)
    # The key of one of the brand's dispositions, which are never removed, only retired.
    disposition = models.CharField(max_length=20, default="", db_default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="conversation_is_open_once_per_customer_and_handle",
                fields=["customer", "handle_id"],
                condition=Q(closed_at=None),
            ),
            models.CheckConstraint(
                name="conversation_close_has_a_person_and_a_time",
                condition=Q(closed_at=None, closed_by=None, disposition="")
                | (Q(closed_at__isnull=False, closed_by__isnull=False) & ~Q(disposition="")),
            ),
            models.CheckConstraint(
                name="conversation_assignee_has_a_time",
                condition=Q(assignee=None, assigned_at=None) | Q(assignee__isnull=False, assigned_at__isnull=False),
            ),
            models.CheckConstraint(
                name="conversation_promise_runs_while_the_customer_waits",
                condition=Q(waiting_since=None, respond_by=None)
                | Q(waiting_since__isnull=False, respond_by__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                F("respond_by"),
                F("id"),
                name="conversation_waiting",
                condition=Q(waiting_since__isnull=False, closed_at=None),
            ),
            # Two, so that a short list of open ones is not looked for among years of closed ones, nor the reverse.
            models.Index(
                F("last_message_at").desc(), F("id").desc(), name="conversation_open", condition=Q(closed_at=None)
            ),
            models.Index(
                F("last_message_at").desc(),
                F("id").desc(),
                name="conversation_closed",
                condition=Q(closed_at__isnull=False),
            ),
            models.Index(
                F("assignee"),
                F("respond_by"),
                name="conversation_of_agent",
                condition=Q(assignee__isnull=False, closed_at=None),
            ),
        ]

    def __str__(self) -> str:
        return f"conversation {self.pk}"

    @property
    def is_closed(self) -> bool:
        return self.closed_at is not None


class Message(BrandModel):
    """One tweet in a conversation. Inbound ones are `domain.conversations`', ours are `domain.posting`'s as well.

    What triage found in it is a function of the tweet alone, so it is kept here and never changes.
    """

    id = models.BigIntegerField(primary_key=True)
    # `message_in_order` begins with it.
    conversation = models.ForeignKey(Conversation, models.PROTECT, related_name="messages", db_index=False)
    direction = models.CharField(max_length=3, choices=Direction)
    author_id = models.BigIntegerField()
    text = models.TextField()
    created_at = models.DateTimeField()
    in_reply_to_id = models.BigIntegerField(null=True)
    reply_tree_id = models.BigIntegerField(null=True)
    reach = models.CharField(max_length=10, choices=Reach)
    language = models.CharField(max_length=8, default="", db_default="")
    polarity = models.FloatField(null=True)
    urgency = models.PositiveSmallIntegerField(choices=Urgency, default=Urgency.NORMAL, db_default=Urgency.NORMAL)
    reasons = models.JSONField(default=list)
    # One at most, by `message_is_one_per_reply`: nearly all have none, and would stand in an index for it.
    reply = models.ForeignKey("inbox.Reply", models.PROTECT, null=True, related_name="messages", db_index=False)
    deleted_at = models.DateTimeField(null=True)
    is_private = models.BooleanField(default=False, db_default=False)
    # An encrypted direct message: there is one, and only X can show it.
    is_encrypted = models.BooleanField(default=False, db_default=False)
    quote_of_id = models.BigIntegerField(null=True)
    # The newest version of an edited tweet; `text` is that one's. The message keeps the id of the first.
    version_id = models.BigIntegerField(null=True)
    edited_at = models.DateTimeField(null=True)
    # Its author is protected or suspended: kept, and not shown.
    hidden_at = models.DateTimeField(null=True)
    hidden_why = models.CharField(max_length=20, default="", db_default="")
    # [{"key", "kind", "url", "preview", "alt", "width", "height"}], and [{"url", "expanded", "shown"}]; none: null.
    media = models.JSONField(null=True)
    links = models.JSONField(null=True)
    answerable = models.CharField(max_length=12, choices=Answerable, default="", db_default="")
    # Which fact or rule says so: a key of `domain.eligibility`.
    answerable_why = models.CharField(max_length=24, default="", db_default="")
    liked_at = models.DateTimeField(null=True)
    # We had Twitter hide it under our tweet.
    concealed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="message_deleted_has_no_text",
                condition=Q(deleted_at=None) | Q(text="", reasons=[], media=None, links=None),
            ),
            models.UniqueConstraint(
                name="message_is_one_per_reply", fields=["reply"], condition=Q(reply__isnull=False)
            ),
        ]
        indexes = [
            models.Index(F("conversation"), F("id"), name="message_in_order"),
            models.Index(F("in_reply_to_id"), name="message_answers", condition=Q(in_reply_to_id__isnull=False)),
            models.Index(F("id"), name="message_hidden", condition=Q(hidden_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"message {self.pk}"


class Version(BrandModel):
    """One version of an edited tweet, by its own id, the first and the newest too. Its message has the first's id."""

    id = models.BigIntegerField(primary_key=True)
    message = models.ForeignKey(Message, models.CASCADE, related_name="versions")
    text = models.TextField()
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"version {self.pk}"


class Amplification(BrandModel):
    """A retweet of a message. It makes the message louder and is never work."""

    id = models.BigIntegerField(primary_key=True)
    of_id = models.BigIntegerField(db_index=True)
    author_id = models.BigIntegerField()
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"retweet {self.pk} of {self.of_id}"


class Deletion(BrandModel):
    """A tweet that no longer is. Remembered by id, so that the tweet arriving after its deletion brings no text."""

    id = models.BigIntegerField(primary_key=True)
    deleted_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"deletion of {self.pk}"
