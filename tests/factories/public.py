"""Rows of the public tables, made by the owner and truly committed: a test that makes them clears them away."""

import os
from datetime import timedelta

import factory
from django.db import connection
from factory.django import DjangoModelFactory

from accounts import models as accounts
from accounts.enums import AuditKind, Role
from tenants import models as tenants
from tenants import schemas
from tests.conftest import NOON
from tests.factories.instants import tweet_id


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


class MarkFactory(OwnersFactory):
    class Meta:
        model = tenants.Mark

    brand = factory.SubFactory(BrandFactory)
    kind = tenants.MarkKind.PRODUCT
    text = factory.Sequence(lambda n: f"Product {n}")


class LogoFactory(OwnersFactory):
    class Meta:
        model = tenants.Logo

    brand = factory.SubFactory(BrandFactory)
    png = b"\x89PNG"
    width = 1
    height = 1
    digest = "0" * 16


class OffboardingFactory(OwnersFactory):
    """The end of a brand that need not be there any more."""

    class Meta:
        model = tenants.Offboarding

    agency = factory.SubFactory(AgencyFactory)
    brand_key = factory.Sequence(lambda n: 1_000_000 + n)
    brand_name = "Ended"
    brand_slug = "ended"
    asked_at = NOON
    asked_by_id = 1


class InvitationFactory(OwnersFactory):
    class Meta:
        model = accounts.Invitation

    agency = factory.SubFactory(AgencyFactory)
    role = Role.AGENT
    email = factory.Sequence(lambda n: f"invited{n}@factory.test")
    word_hash = factory.Sequence(lambda n: f"{n:064x}")
    invited_at = NOON
    expires_at = NOON + timedelta(days=7)


class ApiKeyFactory(OwnersFactory):
    class Meta:
        model = accounts.ApiKey

    agency = factory.SubFactory(AgencyFactory)
    name = factory.Sequence(lambda n: f"program {n}")
    beginning = factory.Sequence(lambda n: f"nj_{n:06}")
    secret_hash = factory.Sequence(lambda n: f"{n:064x}")
    made_at = NOON
    made_by = factory.SubFactory(UserFactory)


class PresenceFactory(OwnersFactory):
    class Meta:
        model = accounts.Presence

    agency = factory.SubFactory(AgencyFactory)
    user = factory.SubFactory(UserFactory)
    available_since = NOON


class AppBudgetFactory(OwnersFactory):
    class Meta:
        model = tenants.AppBudget

    name = factory.Sequence(lambda n: f"test {n}")
    cap = 1_440
    began_at = NOON
    seconds = 86_400


class AppStateFactory(OwnersFactory):
    class Meta:
        model = tenants.AppState

    name = factory.Sequence(lambda n: f"test {n}")
    since = NOON


class LeaseFactory(OwnersFactory):
    class Meta:
        model = tenants.Lease

    name = factory.Sequence(lambda n: f"test {n}")
    holder = "somebody"
    until = NOON
