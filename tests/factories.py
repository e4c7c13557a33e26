"""One factory per model. Brand models are made in the brand that the test stands in.

Public ones are made by the owner and truly committed: a test that makes them is marked `commits` and clears them away.
"""

import os
from datetime import datetime, timedelta

import factory
from django.db import connection
from factory.django import DjangoModelFactory

from accounts import models as accounts
from accounts.enums import AuditKind, Role
from inbox import models as inbox
from inbox.enums import ArrivalKind, Direction, EventKind, Reach, ReplyStatus
from tenants import models as tenants
from tenants import schemas
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


class OwnersFactory(DjangoModelFactory):
    """Rows of the public tables, which only the owner may make."""

    class Meta:
        abstract = True

    @classmethod
    def _create(cls, model_class, *args, **values):
        row = model_class(*args, **values)
        fields = [field for field in model_class._meta.concrete_fields if field.attname != "id"]
        columns = ", ".join(f'"{field.column}"' for field in fields)
        given = [_as_stored(field, getattr(row, field.attname)) for field in fields]
        key = model_class._meta.pk.column
        with schemas.as_owner() as cursor:
            made = cursor.execute(
                f"INSERT INTO {model_class._meta.db_table} ({columns}) "
                f'VALUES ({", ".join(["%s"] * len(given))}) RETURNING "{key}"',
                given,
            ).fetchone()
        row.pk = made[0]
        return row


def _as_stored(field, value):
    return field.get_db_prep_save(value, connection)


class AgencyFactory(DjangoModelFactory):
    class Meta:
        model = tenants.Agency

    name = factory.Sequence(lambda n: f"Agency {n}")
    slug = factory.Sequence(lambda n: f"agency-{os.getpid()}-{n}")
    created_at = NOON

    @classmethod
    def _create(cls, model_class, *, name, slug, created_at):
        return schemas.create_agency(name=name, slug=slug, now=created_at)


class BrandFactory(DjangoModelFactory):
    class Meta:
        model = tenants.Brand

    agency = factory.SubFactory(AgencyFactory)
    name = factory.Sequence(lambda n: f"Brand {n}")
    slug = factory.Sequence(lambda n: f"brand-{os.getpid()}-{n}")
    state = tenants.BrandState.LIVE
    colour = "#4c3bcf"
    zone = "UTC"
    created_at = NOON

    @classmethod
    def _create(cls, model_class, *, created_at, **values):
        return schemas.create_brand(now=created_at, **values)


class DomainFactory(OwnersFactory):
    class Meta:
        model = tenants.Domain

    name = factory.Sequence(lambda n: f"host-{os.getpid()}-{n}.localhost")
    agency = factory.SubFactory(AgencyFactory)


class HandleFactory(OwnersFactory):
    class Meta:
        model = tenants.Handle

    twitter_id = factory.Sequence(lambda n: 1_600_000_000_000_000_000 + n)
    username = factory.Sequence(lambda n: f"Care{n}")
    brand = factory.SubFactory(BrandFactory)


class StrayFactory(OwnersFactory):
    class Meta:
        model = tenants.Stray

    reason = tenants.StrayReason.MALFORMED
    body = b"{"
    received_at = NOON


class UserFactory(OwnersFactory):
    class Meta:
        model = accounts.User

    email = factory.Sequence(lambda n: f"person{n}@factory.test")
    name = factory.Sequence(lambda n: f"Person {n}")
    password = "!"


class MembershipFactory(OwnersFactory):
    class Meta:
        model = accounts.Membership

    user = factory.SubFactory(UserFactory)
    agency = factory.SubFactory(AgencyFactory)
    role = Role.AGENT


class DeskRowFactory(OwnersFactory):
    class Meta:
        model = accounts.DeskRow

    brand = factory.SubFactory(BrandFactory, agency=factory.SelfAttribute("..agency"))
    agency = factory.SubFactory(AgencyFactory)
    conversation_id = factory.Sequence(lambda n: tweet_id(0, n))
    urgency = 1
    language = "en"
    waiting_since = NOON
    respond_by = NOON + timedelta(hours=1)


class AuditEntryFactory(OwnersFactory):
    class Meta:
        model = accounts.AuditEntry

    agency = factory.SubFactory(AgencyFactory)
    chain = factory.LazyAttribute(lambda o: f"a{o.agency.pk}")
    number = factory.Sequence(lambda n: n + 1)
    at = NOON
    kind = AuditKind.LOGGED_IN
    previous_hash = "0" * 64
    hash = "0" * 64
