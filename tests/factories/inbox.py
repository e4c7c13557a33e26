"""Rows of a brand's inbox, made in the brand that the test stands in."""

import os
import zlib
from datetime import timedelta

import factory
import psycopg
from factory.django import DjangoModelFactory

from inbox import models as inbox
from inbox.enums import ArrivalKind, Direction, EventKind, Reach, ReplyStatus
from tests.conftest import ACME_HANDLE, NOON
from tests.factories.instants import FIRST_ID, tweet_id


class CustomerFactory(DjangoModelFactory):
    class Meta:
        model = inbox.Customer

    id = factory.Sequence(lambda n: 900_000_000_000_000_000 + n)
    username = factory.Sequence(lambda n: f"jo{n}")
    name = factory.Sequence(lambda n: f"Jo Doe {n}")


class ConversationFactory(DjangoModelFactory):
    class Meta:
        model = inbox.Conversation

    id = factory.Sequence(lambda n: tweet_id(0, n))
    customer = factory.SubFactory(CustomerFactory)
    handle_id = ACME_HANDLE
    opened_at = NOON
    last_message_at = NOON
    waiting_since = NOON
    respond_by = factory.LazyAttribute(lambda o: o.waiting_since + timedelta(hours=1) if o.waiting_since else None)


class MessageFactory(DjangoModelFactory):
    class Meta:
        model = inbox.Message

    id = factory.Sequence(lambda n: tweet_id(0, n))
    conversation = factory.SubFactory(ConversationFactory)
    direction = Direction.INBOUND
    author_id = factory.LazyAttribute(lambda o: o.conversation.customer_id)
    text = factory.Sequence(lambda n: f"@AcmeAir where is my bag? {n}")
    created_at = NOON
    reach = Reach.DIRECT


class VersionFactory(DjangoModelFactory):
    class Meta:
        model = inbox.Version

    id = factory.Sequence(lambda n: tweet_id(0, n))
    message = factory.SubFactory(MessageFactory)
    text = factory.Sequence(lambda n: f"@AcmeAir where is my bog? {n}")
    created_at = NOON


class ReplyFactory(DjangoModelFactory):
    class Meta:
        model = inbox.Reply

    conversation = factory.SubFactory(ConversationFactory)
    answers_id = factory.LazyAttribute(lambda o: o.conversation.pk)
    author = None
    text = factory.Sequence(lambda n: f"Sorry to hear that, we are on it ({n}).")
    status = ReplyStatus.DRAFT
    created_at = NOON


class ArrivalFactory(DjangoModelFactory):
    class Meta:
        model = inbox.Arrival
        skip_postgeneration_save = True

    kind = ArrivalKind.TWEET
    twitter_id = factory.Sequence(lambda n: tweet_id(0, n))
    handle_id = ACME_HANDLE
    received_at = NOON

    @factory.post_generation
    def payload(self, create, packed, **kwargs):
        if packed:
            PayloadFactory(twitter_id=self.twitter_id, kind=self.kind, body=packed)


class PayloadFactory(DjangoModelFactory):
    class Meta:
        model = inbox.Payload

    twitter_id = factory.Sequence(lambda n: tweet_id(0, n))
    kind = ArrivalKind.TWEET
    body = factory.LazyAttribute(lambda o: zlib.compress(b'{"id": "%d"}' % o.twitter_id, 1))


class AmplificationFactory(DjangoModelFactory):
    class Meta:
        model = inbox.Amplification

    id = factory.Sequence(lambda n: tweet_id(0, n))
    of_id = FIRST_ID
    author_id = 1
    created_at = NOON


class DeletionFactory(DjangoModelFactory):
    class Meta:
        model = inbox.Deletion

    id = factory.Sequence(lambda n: tweet_id(0, n))
    deleted_at = NOON


class EventFactory(DjangoModelFactory):
    class Meta:
        model = inbox.Event

    seq = factory.Sequence(lambda n: n + 1)
    at = NOON
    kind = EventKind.OPENED
    conversation_id = FIRST_ID


class EventLineFactory(DjangoModelFactory):
    class Meta:
        model = inbox.EventLine
        django_get_or_create = ("id",)

    id = 1


class SlaPolicyFactory(DjangoModelFactory):
    class Meta:
        model = inbox.SlaPolicy
        django_get_or_create = ("id",)

    id = 1


class CredentialFactory(DjangoModelFactory):
    class Meta:
        model = inbox.Credential

    handle_id = ACME_HANDLE
    username = "AcmeAir"
    sealed_access_token = b"sealed"


class AllowanceFactory(DjangoModelFactory):
    class Meta:
        model = inbox.Allowance

    handle_id = ACME_HANDLE
    endpoint = factory.Sequence(lambda n: f"GET /2/things/{n}")
    cap = 15
    resets_at = NOON + timedelta(minutes=15)


class CostLineFactory(DjangoModelFactory):
    class Meta:
        model = inbox.CostLine

    on = NOON.date()
    kind = factory.Sequence(lambda n: f"kind.{n}")
    count = 1
    cost = 5_000


class PolicyLineFactory(DjangoModelFactory):
    class Meta:
        model = inbox.PolicyLine

    at = NOON
    act = "reply"
    rule = "addressed_us"
    is_automatic = True
    is_allowed = True


def somebody_id() -> int:
    """The key of a person who is there whatever the test does, read as the owner: no brand may read people."""
    with psycopg.connect(os.environ["NIGHTJAR_OWNER_DATABASE_URL"]) as own_connection:
        row = own_connection.execute("SELECT min(id) FROM accounts_user").fetchone()
    return row[0]


class ApprovalRuleFactory(DjangoModelFactory):
    """The one row, which every brand is founded with."""

    class Meta:
        model = inbox.ApprovalRule
        django_get_or_create = ("id",)

    id = 1


class DispositionFactory(DjangoModelFactory):
    class Meta:
        model = inbox.Disposition
        django_get_or_create = ("key",)

    key = factory.Sequence(lambda n: f"ending-{n}")
    name = factory.LazyAttribute(lambda o: o.key.replace("-", " "))


class ConnectAttemptFactory(DjangoModelFactory):
    class Meta:
        model = inbox.ConnectAttempt

    word_hash = factory.Sequence(lambda n: f"{n:064x}")
    sealed_verifier = b"sealed"
    begun_at = NOON
    begun_by_id = factory.LazyFunction(somebody_id)


class NoteFactory(DjangoModelFactory):
    class Meta:
        model = inbox.Note

    conversation = factory.SubFactory(ConversationFactory)
    text = factory.Sequence(lambda n: f"Called before, be kind ({n}).")
    noted_at = NOON
    noted_by_id = factory.LazyFunction(somebody_id)


class TagFactory(DjangoModelFactory):
    class Meta:
        model = inbox.Tag

    name = factory.Sequence(lambda n: f"tag {n}")


class TaggingFactory(DjangoModelFactory):
    class Meta:
        model = inbox.Tagging

    conversation = factory.SubFactory(ConversationFactory)
    tag = factory.SubFactory(TagFactory)
    tagged_at = NOON
    tagged_by_id = factory.LazyFunction(somebody_id)


class IdempotentCallFactory(DjangoModelFactory):
    class Meta:
        model = inbox.IdempotentCall

    api_key = 1
    key = factory.Sequence(lambda n: f"call-{n}")
    fingerprint = "0" * 64
    begun_at = NOON


class WebhookFactory(DjangoModelFactory):
    class Meta:
        model = inbox.Webhook

    url = factory.Sequence(lambda n: f"https://hooks.example/{n}")
    name = factory.Sequence(lambda n: f"hook {n}")
    sealed_secret = b"sealed"
    made_at = NOON
    made_by_id = factory.LazyFunction(somebody_id)


class DeliveryFactory(DjangoModelFactory):
    class Meta:
        model = inbox.Delivery

    webhook = factory.SubFactory(WebhookFactory)
    event_seq = factory.Sequence(lambda n: n + 1)
    made_at = NOON
    due_at = NOON


class PulseFactory(DjangoModelFactory):
    class Meta:
        model = inbox.Pulse

    handle_id = ACME_HANDLE
    source = "webhook"


class BlindSpotFactory(DjangoModelFactory):
    class Meta:
        model = inbox.BlindSpot

    handle_id = ACME_HANDLE
    source = "webhook"
    begins_at = NOON
    ends_at = NOON
    found_at = NOON


class ListeningQueryFactory(DjangoModelFactory):
    class Meta:
        model = inbox.ListeningQuery

    name = factory.Sequence(lambda n: f"query {n}")
    query = "lounge OR boarding"
    made_at = NOON
    made_by_id = factory.LazyFunction(somebody_id)


class ChannelSettingsFactory(DjangoModelFactory):
    """The brand's one row: founding made it."""

    class Meta:
        model = inbox.ChannelSettings
        django_get_or_create = ("id",)

    id = 1


class ErrandFactory(DjangoModelFactory):
    class Meta:
        model = inbox.Errand

    kind = "hide"
    message = factory.SubFactory(MessageFactory)
    wanted_at = NOON
    wanted_by_id = factory.LazyFunction(somebody_id)


class ReplyMediaFactory(DjangoModelFactory):
    class Meta:
        model = inbox.ReplyMedia

    reply = factory.SubFactory(ReplyFactory)
    position = factory.Sequence(lambda n: n)
    kind = "photo"
    content_type = "image/png"
    content = b"synthetic"
    size = 9
    added_at = NOON
    added_by_id = factory.LazyFunction(somebody_id)
