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
from psycopg.errors import InsufficientPrivilege

from accounts.domain import audit, desk
from accounts.domain.people import add_person
from accounts.enums import AuditKind, Role
from inbox.models import Conversation
from tenants import entry, schemas, walls
from tenants.models import Agency, Brand, BrandState
from tests import factories
from tests.conftest import NOON, handle_of

KEY = 7
# Public tables with rows of an agency that are none of a brand's.
OF_AN_AGENCY = (
    "accounts_presence",
    "accounts_auditentry",
    "accounts_apikey",
    "accounts_invitation",
    "accounts_membership",
    "tenants_domain",
    "tenants_offboarding",
)
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
        for table in OF_AN_AGENCY:
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


@contextmanager
def wearing(who: str) -> Iterator[psycopg.Cursor]:
    """In a transaction that is taken back, after the savepoint `here`, wearing this role on the login that may."""
    connection = psql(LETTERBOX if who == walls.LETTERBOX else APP)
    try:
        with connection.cursor() as cursor:
            if who not in (walls.LETTERBOX, walls.LOGIN):
                cursor.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(who)))
            cursor.execute("BEGIN")
            cursor.execute("SAVEPOINT here")
            yield cursor
            cursor.execute("ROLLBACK")
    finally:
        connection.close()


def refused(cursor: psycopg.Cursor, statement: str, values: list[object]) -> None:
    """Hold that the right to do this is missing; what was done before in the transaction stays."""
    cursor.execute("SAVEPOINT before")
    with pytest.raises(InsufficientPrivilege):
        cursor.execute(statement, values)
    cursor.execute("ROLLBACK TO before")


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
    for brand, person_id in ((one, norther), (two, norther), (three, souther)):
        _fill(brand, person_id)
        factories.MarkFactory(brand=brand, text=f"{canary_of(brand)}product")
        factories.LogoFactory(brand=brand)
    for agency, person_id in ((north, norther), (south, souther)):
        factories.InvitationFactory(agency=agency, email=f"invited@{agency.slug}.test")
        factories.PresenceFactory(agency=agency, user=None, user_id=person_id)
        factories.ApiKeyFactory(agency=agency, made_by=None, made_by_id=person_id)
        factories.OffboardingFactory(agency=agency, asked_by_id=person_id)
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


def _fill(brand: Brand, person_id: int) -> None:
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
        _fill_more(canary, conversation, person_id)
        desk.put([desk.Waiting(conversation_id=KEY, urgency=1, language="en", waiting_since=NOON, respond_by=NOON)])
        audit.record(AuditKind.REPLY_APPROVED, now=NOON, agency_id=brand.agency_id, brand_id=brand.pk)


def _fill_more(canary: str, conversation: Conversation, person_id: int) -> None:
    """What people keep beside a conversation, and what programs and playbooks are given."""
    factories.ConnectAttemptFactory(id=KEY, sealed_verifier=canary.encode(), begun_by_id=person_id)
    factories.NoteFactory(id=KEY, conversation=conversation, text=f"{canary}be kind", noted_by_id=person_id)
    tag = factories.TagFactory(id=KEY, name=f"{canary}tag")
    factories.TaggingFactory(id=KEY, conversation=conversation, tag=tag, tagged_by_id=person_id)
    factories.IdempotentCallFactory(id=KEY, key=canary)
    webhook = factories.WebhookFactory(id=KEY, name=f"{canary}hook", made_by_id=person_id)
    factories.DeliveryFactory(id=KEY, webhook=webhook, event_seq=KEY)
    factories.CannedResponseFactory(id=KEY, name=f"{canary}lost bag", text=f"{canary}sorry")
    playbook = factories.PlaybookFactory(id=KEY, name=f"{canary}bags", topic="bags")
    factories.GuidanceFactory(id=KEY, playbook=playbook, sentence=f"{canary}say sorry")
    _fill_channel(canary, conversation, person_id)


def _fill_channel(canary: str, conversation: Conversation, person_id: int) -> None:
    """How the brand hears from Twitter, what it does there besides answering, what that costs and which rule held."""
    message = conversation.messages.get(pk=KEY)
    factories.VersionFactory(id=KEY, message=message, text=f"{canary}my bog")
    factories.ErrandFactory(id=KEY, kind="edit", message=message, text=f"{canary}my bag", wanted_by_id=person_id)
    factories.ReplyMediaFactory(
        id=KEY, reply_id=KEY, reply=None, alt_text=f"{canary}a bag", content=canary.encode(), added_by_id=person_id
    )
    factories.PulseFactory(id=KEY, handle_id=KEY, trouble=f"{canary}quiet", trouble_since=NOON)
    factories.BlindSpotFactory(id=KEY, handle_id=KEY, why=f"{canary}closed")
    factories.ListeningQueryFactory(id=KEY, name=f"{canary}lounge", query=f"{canary}lounge", made_by_id=person_id)
    factories.ChannelSettingsFactory()
    factories.AllowanceFactory(id=KEY, handle_id=KEY)
    factories.CostLineFactory(id=KEY, kind=f"{canary}post"[:40])
    factories.PolicyLineFactory(id=KEY, rule=f"{canary}rule")
