"""One factory per model. Brand models are made in the brand that the test stands in."""

from datetime import datetime, timedelta

import factory
from factory.django import DjangoModelFactory

from inbox import models as inbox
from inbox.enums import ArrivalKind, Direction, EventKind, Reach, ReplyStatus
from tests.conftest import ACME_HANDLE, NOON

# Twitter's ids grow with time; these count from noon.
FIRST_ID = ((int(NOON.timestamp() * 1000) - 1288834974657) << 22) + 1


def tweet_id(seconds: float = 0, number: int = 0) -> int:
    """The id of a tweet made so many seconds after noon."""
    return FIRST_ID + (int(seconds * 1000) << 22) + number


def at(seconds: float) -> datetime:
    """So many seconds after noon."""
    return NOON + timedelta(seconds=seconds)


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

    kind = ArrivalKind.TWEET
    twitter_id = factory.Sequence(lambda n: tweet_id(0, n))
    handle_id = ACME_HANDLE
    received_at = NOON
    payload = b""


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


