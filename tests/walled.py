"""Two agencies and three brands, truly committed: the same primary keys everywhere, a canary in every text.

North has the brands `one` and `two`, South has `three`. A test module takes the fixture `walled`.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

import psycopg
import pytest
from django.db import connection
from psycopg import sql

from accounts.domain import audit, desk
from accounts.domain.people import add_person
from accounts.enums import AuditKind, Role
from tenants import entry, schemas, walls
from tenants.models import Agency, Brand, BrandState
from tests import factories
from tests.conftest import NOON, handle_of

KEY = 7
APP, OWNER, LETTERBOX = "NIGHTJAR_DATABASE_URL", "NIGHTJAR_OWNER_DATABASE_URL", "NIGHTJAR_LETTERBOX_DATABASE_URL"

_numbers = count(1)


@dataclass(frozen=True)
class Walled:
    """The houses, and the people's ids."""

    north: Agency
    south: Agency
    one: Brand
    two: Brand
    three: Brand
    norther_id: int
    souther_id: int

    @property
    def brands(self) -> tuple[Brand, Brand, Brand]:
        return self.one, self.two, self.three


@pytest.fixture(scope="module")
def walled(django_db_setup, django_db_blocker) -> Iterator[Walled]:
    """Made once for a test module, and gone afterwards."""
    with django_db_blocker.unblock():
        made = _make()
        yield made
        connection.close()
        for brand in made.brands:
            schemas.drop_brand(brand=brand)
        for agency in (made.north, made.south):
            end_agency(agency)
        connection.close()


def psql(url_name: str, **options: object) -> psycopg.Connection:
    """A plain connection as the app, the owner or the letterbox; the caller closes it."""
    return psycopg.connect(os.environ[url_name], autocommit=True, **options)


@contextmanager
def as_owner() -> Iterator[psycopg.Connection]:
    """A plain connection of the owner's, each statement committed at once."""
    connection_ = psql(OWNER)
    try:
        yield connection_
    finally:
        connection_.close()


def role(kind: str) -> str:
    """A role's name in the cluster, e.g. of `brand_7`."""
    return f"{schemas.database_name()}_{kind}"


def new_agency(name: str) -> Agency:
    """Another agency, committed; end it with `end_agency`."""
    number = next(_numbers)
    return schemas.create_agency(name=f"{name} {number}", slug=f"{name.lower()}{number}-{os.getpid()}", now=NOON)


def end_agency(agency: Agency) -> None:
    """What an agency has in the public tables goes, and its role; its brands are dropped before."""
    with as_owner() as owner:
        people = [
            row[0] for row in owner.execute("SELECT user_id FROM accounts_membership WHERE agency_id = %s", [agency.pk])
        ]
        for table in ("accounts_auditentry", "accounts_membership", "tenants_domain"):
            owner.execute(sql.SQL("DELETE FROM {} WHERE agency_id = %s").format(sql.Identifier(table)), [agency.pk])
        owner.execute("DELETE FROM accounts_user WHERE id = ANY(%s)", [people])
        owner.execute("DELETE FROM tenants_agency WHERE id = %s", [agency.pk])
        owner.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role(f"agency_{agency.pk}"))))


def canary_of(brand: Brand) -> str:
    """The word that is in every text of a brand, and nowhere else."""
    return f"canary-{brand.pk}-"


def digest(brand: Brand) -> dict[str, list[str]]:
    """Every row of every table of a brand, as the owner sees them."""
    with as_owner() as owner:
        return {
            model._meta.db_table: [
                row[0]
                for row in owner.execute(
                    sql.SQL("SELECT t::text FROM {}.{} t ORDER BY 1").format(
                        sql.Identifier(brand.schema_name), sql.Identifier(model._meta.db_table)
                    )
                )
            ]
            for model in walls.brand_tables()
        }


def _make() -> Walled:
    north, south = new_agency("North"), new_agency("South")
    one, two, three = (_new_brand(agency) for agency in (north, north, south))
    norther, souther = (
        add_person(
            email=f"agent@{agency.slug}.test",
            name=f"Agent of {agency.name}",
            password="secret",
            agency_id=agency.pk,
            role=Role.AGENT,
        )
        for agency in (north, south)
    )
    for brand in (one, two, three):
        _fill(brand)
    with entry.directory():
        for agency in (north, south):
            audit.record(AuditKind.LOGGED_IN, now=NOON, agency_id=agency.pk)
    return Walled(north, south, one, two, three, norther, souther)


def _new_brand(agency: Agency) -> Brand:
    number = next(_numbers)
    brand = schemas.create_brand(
        agency=agency,
        name=f"Walled {number}",
        slug=f"walled{number}-{os.getpid()}",
        colour="#4c3bcf",
        zone="UTC",
        now=NOON,
        state=BrandState.LIVE,
    )
    schemas.add_handle(brand=brand, twitter_id=handle_of(brand), username=f"Walled{brand.pk}")
    return brand


def _fill(brand: Brand) -> None:
    """One row in each table, the same key in every brand, the brand's canary in each text."""
    canary = canary_of(brand)
    with entry.brand(brand):
        customer = factories.CustomerFactory(id=KEY, username=f"{canary}jo", name=f"{canary}Jo")
        conversation = factories.ConversationFactory(id=KEY, customer=customer, handle_id=KEY)
        reply = factories.ReplyFactory(id=KEY, conversation=conversation, answers_id=KEY, text=f"{canary}sorry")
        factories.MessageFactory(id=KEY, conversation=conversation, text=f"{canary}my bag", reply=reply)
        factories.ArrivalFactory(twitter_id=KEY, handle_id=KEY, payload=canary.encode())
        factories.AmplificationFactory(id=KEY, of_id=KEY)
        factories.DeletionFactory(id=KEY)
        factories.EventFactory(seq=KEY, conversation_id=KEY, facts={"canary": canary})
        factories.EventLineFactory()
        factories.SlaPolicyFactory()
        factories.CredentialFactory(handle_id=KEY, username=f"{canary}care"[:30], sealed_access_token=canary.encode())
        desk.put([desk.Waiting(conversation_id=KEY, urgency=1, language="en", waiting_since=NOON, respond_by=NOON)])
        audit.record(AuditKind.REPLY_APPROVED, now=NOON, agency_id=brand.agency_id, brand_id=brand.pk)
