"""The agency, the brands and the people that the measurements work with; made where they are missing."""

from datetime import UTC, datetime

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore

from accounts.domain.people import add_person
from accounts.enums import Role
from accounts.models import Presence, User
from tenants import entry, schemas
from tenants.models import Agency, Brand, BrandState

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
FIRST_HANDLE = 1_700_000_000_000_000_000


def agency() -> Agency:
    """The agency of all measured brands."""
    with entry.directory():
        found = Agency.objects.filter(slug="bench").first()
    return found or schemas.create_agency(name="Bench", slug="bench", now=NOON)


def brands(count: int) -> list[Brand]:
    """The first so many brands, each with a handle."""
    owner = agency()
    with entry.directory():
        found = list(Brand.objects.filter(agency=owner).order_by("pk")[:count])
    return found + [add_brand(owner, number) for number in range(len(found), count)]


def add_brand(owner: Agency, number: int) -> Brand:
    """One more brand, as onboarding makes it."""
    brand = schemas.create_brand(
        agency=owner,
        name=f"Brand {number}",
        slug=f"brand{number}",
        colour="#0b6e4f",
        zone="UTC",
        now=NOON,
        state=BrandState.LIVE,
    )
    schemas.add_handle(brand=brand, twitter_id=handle_of(brand), username=f"Brand{brand.pk}")
    return brand


def handle_of(brand: Brand) -> int:
    """The Twitter account of a measured brand."""
    return FIRST_HANDLE + brand.pk


def agents(count: int, *, team: str) -> list[int]:
    """So many people who may answer for all brands, by id; each measurement has a team of its own."""
    agency_id = agency().pk
    return [
        add_person(
            email=f"{team}{number}@bench.example",
            name=f"Agent {number}",
            password="never typed",
            agency_id=agency_id,
            role=Role.AGENT,
        )
        for number in range(count)
    ]


def put_to_work(count: int, *, capacity: int) -> None:
    """Have so many people, who serve all brands, take conversations, each so many at once; the others take none."""
    agency_id = agency().pk
    with schemas.as_owner() as cursor:
        for statement in _AT_WORK.split(";"):
            cursor.execute(statement, {"count": count, "capacity": capacity, "agency": agency_id, "now": NOON})


def at_work() -> list[int]:
    """The people who take conversations, by id."""
    agency_id = agency().pk
    with entry.agency(agency_id):
        return list(
            Presence.objects.filter(available_since__isnull=False).order_by("pk").values_list("user_id", flat=True)
        )


# People as `add_person` makes them, without the seconds that their passwords would take.
_AT_WORK = """
INSERT INTO accounts_user (email, name, password, is_active, is_operator)
SELECT 'work' || n || '@bench.example', 'Agent ' || n, '!', true, false FROM generate_series(1, %(count)s) AS n
ON CONFLICT DO NOTHING;

INSERT INTO accounts_membership (user_id, agency_id, role)
SELECT id, %(agency)s, 'agent' FROM accounts_user WHERE email LIKE 'work%%@bench.example'
ON CONFLICT DO NOTHING;

UPDATE accounts_presence SET available_since = NULL;

INSERT INTO accounts_presence (agency_id, user_id, available_since, capacity)
SELECT %(agency)s, id, %(now)s, %(capacity)s FROM accounts_user WHERE email LIKE 'work%%@bench.example'
    AND substring(email FROM 5 FOR position('@' IN email) - 5)::int <= %(count)s
ON CONFLICT (agency_id, user_id) DO UPDATE SET available_since = excluded.available_since,
    capacity = excluded.capacity
"""


def brand_host(brand: Brand) -> str:
    """A brand's own host, as browsers send it."""
    return f"care.{brand.slug}.{settings.BASE_DOMAIN}:{settings.PORT}"


def agency_host() -> str:
    """The agency's host, as browsers send it."""
    return f"bench.{settings.BASE_DOMAIN}:{settings.PORT}"


def cookie(user_id: int, *, host: str) -> str:
    """The Cookie header of a fresh session of this person on this host, as logging in there would make it."""
    with entry.directory():
        user = User.objects.get(pk=user_id)
        session = SessionStore()
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session["host"] = host
        session.create()
    return f"{settings.SESSION_COOKIE_NAME}={session.session_key}"
