from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower

from inbox.enums import Reach, Source
from tenants.models import BrandModel
from tenants.wall import Wall


class ChannelSettings(BrandModel):
    """How this brand wants its Twitter: one row."""

    founding_rows = ("(id) VALUES (1)",)

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    # For how many days what Twitter sent is kept as it was sent; conversations stay.
    keep_arrivals_days = models.PositiveSmallIntegerField(default=30, db_default=30)
    numbers_parts = models.BooleanField(default=False, db_default=False)
    # In millionths of a US dollar, for a calendar month (UTC); none: no limit, and no forecast against it.
    monthly_budget = models.BigIntegerField(null=True)
    # Where direct messages are asked for, kept and sent.
    takes_private = models.BooleanField(default=True, db_default=True)
    # The brand's privacy policy, which automatic direct messages link to; and that X shows the account as automated.
    privacy_url = models.CharField(max_length=300, default="", db_default="")
    is_labelled = models.BooleanField(default=False, db_default=False)

    class Meta:
        constraints = [
            models.CheckConstraint(name="channel_settings_are_one_row", condition=Q(id=1)),
            models.CheckConstraint(
                name="channel_settings_keep_arrivals_for_a_day_at_least", condition=Q(keep_arrivals_days__gte=1)
            ),
        ]

    def __str__(self) -> str:
        return "channel settings"


class ListeningQuery(BrandModel):
    """What this brand listens for where nobody tagged it: words in Twitter's own rule language."""

    name = models.CharField(max_length=80)
    query = models.CharField(max_length=400)
    reach = models.CharField(max_length=10, choices=Reach, default=Reach.BROAD)
    made_at = models.DateTimeField()
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    paused_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("name"), name="listening_query_name_is_one_whatever_its_case"),
            models.CheckConstraint(name="listening_query_is_not_empty", condition=~Q(query="") & ~Q(name="")),
            models.CheckConstraint(name="listening_query_names_no_handle", condition=~Q(reach=Reach.DIRECT)),
            models.CheckConstraint(
                name="listening_query_is_made_by_a_person_at_a_time",
                condition=Q(made_at__isnull=False, made_by__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Pulse(BrandModel):
    """How one handle hears from Twitter by one way: the last event, the usual rhythm, and where asking goes on."""

    handle_id = models.BigIntegerField()
    source = models.CharField(max_length=10, choices=Source)
    last_event_at = models.DateTimeField(null=True)
    last_asked_at = models.DateTimeField(null=True)
    last_answered_at = models.DateTimeField(null=True)
    # Up to where everything was read: an instant for polls by time, an id for those by id.
    read_until = models.DateTimeField(null=True)
    newest_id = models.BigIntegerField(null=True)
    # Usual seconds between two events at this hour of the week; none: not known yet.
    rhythm = models.FloatField(null=True)
    # How many events came since `counted_at`, and what is usual in each hour of the week (168; none: never lived).
    heard = models.PositiveIntegerField(default=0, db_default=0)
    counted_at = models.DateTimeField(null=True)
    hours = models.JSONField(null=True)
    # Of looking up what is still there: when each round over messages of one age began, and up to which it has come.
    rounds = models.JSONField(null=True)
    due_at = models.DateTimeField(null=True)
    quiet_since = models.DateTimeField(null=True)
    trouble = models.CharField(max_length=300, default="", db_default="")
    trouble_since = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["handle_id", "source"], name="pulse_is_one_per_handle_and_source"),
            models.CheckConstraint(
                name="pulse_trouble_says_since_when",
                condition=Q(trouble="", trouble_since=None) | (~Q(trouble="") & Q(trouble_since__isnull=False)),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source} of {self.handle_id}"


class BlindSpot(BrandModel):
    """A span in which nothing could be read by any way, and what has become of it. Shown on the brand's page."""

    handle_id = models.BigIntegerField()
    source = models.CharField(max_length=10, choices=Source)
    begins_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)
    found_at = models.DateTimeField()
    # The ways by which it was tried to fill, and when it was filled; never: it stays a blind spot.
    tried = models.JSONField(default=list)
    recovered_at = models.DateTimeField(null=True)
    why = models.CharField(max_length=300, default="", db_default="")

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="blind_spot_ends_after_it_begins", condition=Q(ends_at=None) | Q(ends_at__gte=F("begins_at"))
            ),
        ]
        indexes = [models.Index(F("begins_at").desc(), F("id").desc(), name="blind_spot_newest")]

    def __str__(self) -> str:
        return f"blind from {self.begins_at:%Y-%m-%d %H:%M}"


class CostLine(BrandModel):
    """What a brand's calls and events of one kind cost on one day (UTC), counted by ourselves from the price table."""

    on = models.DateField()
    kind = models.CharField(max_length=40)
    count = models.PositiveIntegerField(default=0)
    # Millionths of a US dollar.
    cost = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(F("on"), F("kind"), name="cost_line_is_one_per_day_and_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} on {self.on}"


class PolicyLine(BrandModel):
    """One act and the rule that allowed or refused it. Insert-only; no customer's words in it."""

    wall = Wall(brand="select, insert")

    at = models.DateTimeField()
    act = models.CharField(max_length=30)
    rule = models.CharField(max_length=40)
    is_automatic = models.BooleanField()
    is_allowed = models.BooleanField()
    conversation_id = models.BigIntegerField(null=True)
    message_id = models.BigIntegerField(null=True)
    reply_id = models.BigIntegerField(null=True)
    # A fingerprint of the words, so that "no identical text to many" can be held without keeping them.
    said = models.CharField(max_length=16, default="", db_default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["message_id"],
                name="policy_line_allows_one_automatic_answer_to_a_message",
                condition=Q(is_automatic=True, is_allowed=True, act="reply"),
            ),
        ]
        indexes = [
            models.Index(F("at").desc(), F("id").desc(), name="policy_line_newest"),
            models.Index(F("said"), F("at"), name="policy_line_said", condition=~Q(said="")),
        ]

    def __str__(self) -> str:
        return f"{self.act} by {self.rule}"
