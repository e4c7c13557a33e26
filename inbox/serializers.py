"""The shape of a brand's conversations, as programs send and get them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.serializers import (
    IdField,
    InstantField,
    PageAskedSerializer,
    PersonField,
    Strict,
    WholeField,
    WordsField,
)
from inbox import queries
from inbox.enums import Answerable, EventKind, MediaKind, Reach, ReplyStatus, ReplyWay, Urgency
from tenants.models import BrandState

_DIRECTIONS = {"in": "inbound", "out": "outbound"}


class UrgencyField(serializers.ChoiceField):
    """How soon it must be looked at, in a word."""

    def __init__(self, **more: Any) -> None:
        super().__init__([label for _, label in Urgency.choices], **more)

    def to_representation(self, value: Any) -> str:
        return str(Urgency(value).label)


class DirectionField(serializers.ChoiceField):
    """From the customer, or from the brand."""

    def __init__(self, **more: Any) -> None:
        super().__init__(list(_DIRECTIONS.values()), **more)

    def to_representation(self, value: str) -> str:
        return _DIRECTIONS[value]


@extend_schema_field({"type": "array", "items": {"type": "string"}})
class TagNamesField(serializers.Field):
    """The names of the tags on a conversation, fetched with it."""

    def to_representation(self, value: Any) -> list[str]:
        return [tagging.tag.name for tagging in value.all()]


# -- what programs get ----------------------------------------------------------------------------------------------


class CustomerSerializer(serializers.Serializer):
    """The person who writes to the brand."""

    id = IdField()
    username = serializers.CharField()
    name = serializers.CharField()
    followers = serializers.IntegerField()


class ConversationSerializer(serializers.Serializer):
    """One customer's matter with one handle of the brand."""

    id = IdField()
    customer = CustomerSerializer()
    handle_id = IdField()
    opened_at = serializers.DateTimeField()
    last_message_at = serializers.DateTimeField()
    message_count = serializers.IntegerField()
    went_private_at = serializers.DateTimeField(allow_null=True, help_text="Since there are direct messages in it.")
    waiting_since = serializers.DateTimeField(allow_null=True, help_text="Null: the customer is not waiting on us.")
    respond_by = serializers.DateTimeField(allow_null=True, help_text="By when an answer is promised.")
    urgency = UrgencyField()
    language = serializers.CharField(help_text="As BCP 47 writes it; empty: not known.")
    reach = serializers.ChoiceField(Reach.choices)
    polarity = serializers.FloatField(allow_null=True, help_text="From -1 (bitter) to 1 (glad); null: not known.")
    tags = TagNamesField(source="taggings")
    assignee = PersonField(source="assignee_id", allow_null=True)
    assigned_at = serializers.DateTimeField(allow_null=True)
    closed_by = PersonField(source="closed_by_id", allow_null=True)
    closed_at = serializers.DateTimeField(allow_null=True)
    disposition = serializers.CharField(help_text="The key of how it ended; empty while it is open.")


class MediaSerializer(serializers.Serializer):
    """A picture or film of a message. It is seen on the conversation's page, or in X."""

    kind = serializers.ChoiceField(MediaKind.choices)
    alt = serializers.CharField(help_text="What the author says is to be seen; empty: nothing.")
    width = serializers.IntegerField(allow_null=True)
    height = serializers.IntegerField(allow_null=True)


class LinkSerializer(serializers.Serializer):
    """A link in a text."""

    url = serializers.CharField(help_text="As it stands in the text.")
    expanded = serializers.CharField(help_text="Where it leads. Not looked up by us.")
    shown = serializers.CharField(help_text="As Twitter shows it; empty: it stands for a picture of this message.")


class MessageSerializer(serializers.Serializer):
    """One tweet or direct message in a conversation."""

    id = IdField()
    conversation_id = IdField()
    direction = DirectionField()
    author_id = IdField()
    text = serializers.SerializerMethodField(help_text="Whole. Empty once it was deleted, hidden, or is encrypted.")
    created_at = serializers.DateTimeField()
    is_private = serializers.BooleanField(help_text="A direct message.")
    is_encrypted = serializers.BooleanField(help_text="A direct message of which only X has the words.")
    edited_at = serializers.DateTimeField(allow_null=True, help_text="Since the newest version of an edited tweet.")
    hidden_at = serializers.DateTimeField(allow_null=True, help_text="Since its author no longer shows it in public.")
    media = serializers.SerializerMethodField(help_text="What hangs on it.")
    links = serializers.SerializerMethodField(help_text="Twitter's short links in the text, and where they lead.")
    quote_of_id = IdField(allow_null=True, help_text="The tweet that it quotes.")
    in_reply_to_id = IdField(allow_null=True)
    reach = serializers.ChoiceField(Reach.choices)
    answerable = serializers.ChoiceField(
        [("", "one of ours"), *Answerable.choices],
        help_text="Whether Nightjar may answer it in public, as far as X's rules and its own words say.",
    )
    answerable_why = serializers.CharField(help_text="The key of the rule that says so; empty for ours.")
    language = serializers.CharField()
    polarity = serializers.FloatField(allow_null=True)
    urgency = UrgencyField()
    reply_id = IdField(allow_null=True, help_text="The reply that became this tweet, if it was written here.")
    deleted_at = serializers.DateTimeField(allow_null=True)

    def get_text(self, message: Any) -> str:
        return "" if message.hidden_at else str(message.text)

    @extend_schema_field(MediaSerializer(many=True))
    def get_media(self, message: Any) -> list[dict[str, Any]]:
        shown = () if message.hidden_at else message.media or ()
        return [{name: one.get(name) for name in ("kind", "alt", "width", "height")} for one in shown]

    @extend_schema_field(LinkSerializer(many=True))
    def get_links(self, message: Any) -> list[dict[str, Any]]:
        return [] if message.hidden_at else list(message.links or ())


class ReplySerializer(serializers.Serializer):
    """Outbound text on its way to Twitter."""

    id = IdField()
    conversation_id = IdField()
    answers_id = IdField(help_text="The tweet that it answers.")
    way = serializers.ChoiceField(ReplyWay.choices, help_text="In public, as a quote, or as a direct message.")
    invites_private = serializers.BooleanField(help_text="Has a button that opens a direct message to the brand.")
    text = serializers.CharField(help_text="Of an answer in parts: what this part says.")
    rest = serializers.CharField(
        help_text="Of an answer in parts: all that is said from this part on. Empty: everything is in `text`."
    )
    follows_id = IdField(allow_null=True, help_text="The part that is posted before this one, as a reply.")
    original_text = serializers.CharField(help_text="What the author had written, where the approver changed it.")
    status = serializers.ChoiceField(ReplyStatus.choices)
    author = PersonField(source="author_id", allow_null=True)
    created_at = serializers.DateTimeField()
    needs_approval = serializers.BooleanField()
    submitted_at = serializers.DateTimeField(allow_null=True)
    approved_by = PersonField(source="approved_by_id", allow_null=True)
    approved_at = serializers.DateTimeField(allow_null=True)
    undo_until = serializers.DateTimeField(allow_null=True)
    sent_back_by = PersonField(source="sent_back_by_id", allow_null=True)
    sent_back_at = serializers.DateTimeField(allow_null=True)
    changed_by = PersonField(source="changed_by_id", allow_null=True)
    changed_at = serializers.DateTimeField(allow_null=True)
    why = serializers.CharField(help_text="Why it was sent back, or what Twitter said.")
    tweet_id = IdField(source="twitter_id", allow_null=True)
    posted_at = serializers.DateTimeField(allow_null=True)


class NoteSerializer(serializers.Serializer):
    """What colleagues tell each other about a conversation. Never seen by clients, never posted."""

    id = IdField()
    conversation_id = IdField()
    text = serializers.CharField()
    noted_by = PersonField(source="noted_by_id")
    noted_at = serializers.DateTimeField()


class TagSerializer(serializers.Serializer):
    """A word that this brand puts on conversations."""

    id = IdField()
    name = serializers.CharField()
    is_retired = serializers.SerializerMethodField(help_text="Kept where it is, and put on nothing new.")

    def get_is_retired(self, tag: Any) -> bool:
        return tag.retired_at is not None


class TaggingSerializer(serializers.Serializer):
    """A tag on a conversation."""

    conversation_id = IdField()
    tag = TagSerializer()
    tagged_by = PersonField(source="tagged_by_id")
    tagged_at = serializers.DateTimeField()


class EventSerializer(serializers.Serializer):
    """One line of the brand's history: what, to which conversation, by whom, when."""

    seq = serializers.IntegerField()
    at = serializers.DateTimeField()
    kind = serializers.ChoiceField(EventKind.choices)
    conversation_id = IdField(allow_null=True, help_text="Null: it is about the channel, not a conversation.")
    message_id = IdField(allow_null=True)
    reply_id = IdField(allow_null=True)
    by = PersonField(source="by_id", allow_null=True)
    facts = serializers.DictField(help_text="More about it, as its kind has it. Never a customer's words.")

    def to_representation(self, instance: Any) -> Any:
        shown = super().to_representation(instance)
        return {**shown, "conversation_id": shown["conversation_id"] if instance.conversation_id else None}


class EventsSerializer(serializers.Serializer):
    """A part of the brand's history."""

    results = EventSerializer(many=True)
    next_since = serializers.IntegerField(help_text="Ask for `since` this number next.")


class HandleSerializer(serializers.Serializer):
    """A Twitter account of the brand."""

    id = IdField(source="twitter_id")
    username = serializers.CharField()


class BrandSerializer(serializers.Serializer):
    """The brand that this host belongs to."""

    id = IdField()
    name = serializers.CharField()
    slug = serializers.CharField()
    state = serializers.ChoiceField(BrandState.choices, help_text="Only a live brand posts.")
    zone = serializers.CharField()
    languages = serializers.ListField(child=serializers.CharField())
    handles = HandleSerializer(many=True)


# -- what programs ask and send -------------------------------------------------------------------------------------


class ConversationsAskedSerializer(PageAskedSerializer):
    list = serializers.ChoiceField(
        queries.FILTERS,
        default="open",
        help_text="`waiting`, `mine` and `unassigned` come by `respond_by`, `open` and `closed` by their last message. "
        "`mine`: of the person who made the key.",
    )
    assignee = IdField(required=False, help_text="Only what this person has.")
    tag = WordsField(required=False, max_length=40, help_text="Only those with the tag of this name.")
    since = InstantField(required=False, help_text="Only those with a message at this instant or later.")


class RepliesAskedSerializer(PageAskedSerializer):
    conversation = IdField(required=False, help_text="Only those of this conversation.")
    status = serializers.ChoiceField(ReplyStatus.choices, required=False, help_text="Only those in this state.")


class NotesAskedSerializer(PageAskedSerializer):
    conversation = IdField(required=False, help_text="Only those about this conversation.")


class EventsAskedSerializer(Strict):
    since = WholeField(
        required=False, default=0, min_value=0, max_value=2**63 - 1, help_text="The last number that you have."
    )
    limit = WholeField(required=False, default=100, min_value=1, max_value=500, help_text="How many at most.")


class ReplySentSerializer(Strict):
    """A reply to a tweet of the customer's."""

    conversation_id = IdField()
    answers_id = IdField(help_text="The tweet that it answers, of this conversation.")
    text = WordsField(max_length=10_000)
    way = serializers.ChoiceField(
        ReplyWay.choices,
        required=False,
        help_text="In public, as a quote, or as a direct message. Left out: as what it answers was said.",
    )
    invites_private = serializers.BooleanField(
        default=False, help_text="Add a button that opens a direct message to the brand."
    )
    in_parts = serializers.BooleanField(
        default=False, help_text="Post a text that is too long for one tweet as several, each answering the one before."
    )


class ApprovalSentSerializer(Strict):
    """A yes, as it is or with another text."""

    text = WordsField(max_length=10_000, required=False, help_text="Changed, and approved so.")


class ReturnSentSerializer(Strict):
    """A no, with its reason for the author."""

    why = WordsField(max_length=300)


class NoteSentSerializer(Strict):
    """A note about a conversation."""

    conversation_id = IdField()
    text = WordsField(max_length=10_000)


class TagSentSerializer(Strict):
    """A tag, by its name. One that the brand has not yet is made."""

    name = WordsField(max_length=40)
