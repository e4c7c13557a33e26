"""The agency, the brands and the people that the measurements work with; made where they are missing."""

from datetime import UTC, datetime

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore

from accounts.domain.people import add_person
from accounts.enums import Role
from accounts.models import User
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
