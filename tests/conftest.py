"""What tests stand on: a prepared database with two brands whose rows have the same keys, and services to start.

`acme` is the brand to work in; `canary` must never notice. Tests roll back. One that must truly commit takes
`new_brand` (its own brand, dropped afterwards) and is marked `commits`.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import hypothesis
import pytest
from django.db import connection

from accounts.domain.people import add_person
from accounts.enums import Role
from accounts.models import User
from config.celery import app as celery
from tenants import entry, schemas
from tenants.models import Agency, Brand, BrandState
from tests.programs import admin, admin_id, clients_ids, program  # noqa: F401, fixtures
from tests.services import browser, running, screens, static_files  # noqa: F401, fixtures

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
ACME_HANDLE = 1_700_000_000_000_000_001
CANARY_HANDLE = 1_700_000_000_000_000_002
SHARED = Path(__file__).resolve().parents[2] / "shared"

hypothesis.settings.register_profile("house", deadline=None)  # speed is for `make bench`
hypothesis.settings.load_profile("house")

assert celery  # nudges need the configured application


@dataclass(frozen=True)
class House:
    """The agency and the two brands that every test may use, and people of theirs."""

    agency: Agency
    acme: Brand
    canary: Brand
    agent_id: int
    supervisor_id: int


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker) -> Iterator[None]:
    """Our own database is made by `tests.world` and brought up as `make run` does it, by the owner."""
    subprocess.run(
        [sys.executable, "manage.py", "prepare"],
        check=True,
        env={**os.environ, "NIGHTJAR_AS": "owner"},
        stdout=subprocess.DEVNULL,
    )
    yield
    with django_db_blocker.unblock():
        connection.close()


@pytest.fixture(scope="session")
def house(django_db_setup, django_db_blocker) -> House:
    """One agency, two brands, one agent and one supervisor, committed once per run."""
    with django_db_blocker.unblock():
        agency = schemas.create_agency(name="Northlight", slug="northlight", now=NOON)
        acme = schemas.create_brand(
            agency=agency,
            name="Acme Air",
            slug="acme",
            colour="#0b6e4f",
            zone="Europe/Lisbon",
            now=NOON,
            state=BrandState.LIVE,
        )
        canary = schemas.create_brand(
            agency=agency, name="Canary", slug="canary", colour="#a8430f", zone="UTC", now=NOON, state=BrandState.LIVE
        )
        schemas.add_handle(brand=acme, twitter_id=ACME_HANDLE, username="AcmeAir")
        schemas.add_handle(brand=canary, twitter_id=CANARY_HANDLE, username="CanaryCare")
        people = {
            role: add_person(
                email=f"{role}@northlight.test",
                name=f"{role.title()} Test",
                password="secret",
                agency_id=agency.pk,
                role=role,
            )
            for role in (Role.AGENT, Role.SUPERVISOR)
        }
        connection.close()
    return House(agency, acme, canary, people[Role.AGENT], people[Role.SUPERVISOR])


@pytest.fixture(autouse=True)
def _transactions_around(request) -> Iterator[None]:
    """Tests that roll back run inside transactions of their own; the doors must not take them for ours."""
    if "db" in request.fixturenames:
        request.getfixturevalue("db")
        entry.transactions_around = len(connection.atomic_blocks)
    yield
    entry.transactions_around = 0


@pytest.fixture
def acme(db, house, _transactions_around) -> Iterator[Brand]:
    """Inside the brand to work in."""
    with entry.brand(house.acme):
        yield house.acme


@pytest.fixture
def agent(db, house, _transactions_around) -> User:
    """An agent of the agency, as a brand's code is handed one: made without reading the people's table."""
    return User(pk=house.agent_id, email="agent@northlight.test", name="Agent Test")


@pytest.fixture
def supervisor(db, house, _transactions_around) -> User:
    return User(pk=house.supervisor_id, email="supervisor@northlight.test", name="Supervisor Test")


_numbers = count(1)


@pytest.fixture
def new_brand(house, django_db_blocker) -> Iterator[Callable[..., Brand]]:
    """Makes brands that are truly committed, each with a handle and its own schema, and drops them afterwards."""
    made: list[Brand] = []

    def make(*, agency: Agency = house.agency, name: str = "Fresh", **fields: object) -> Brand:
        number = next(_numbers)
        brand = schemas.create_brand(
            agency=agency,
            name=f"{name} {number}",
            slug=f"fresh{number}-{os.getpid()}",
            colour="#4c3bcf",
            zone="UTC",
            now=NOON,
            state=BrandState.LIVE,
        )
        schemas.add_handle(brand=brand, twitter_id=handle_of(brand), username=f"Fresh{brand.pk}")
        made.append(brand)
        return brand

    with django_db_blocker.unblock():
        yield make
        connection.close()
        for brand in made:
            schemas.drop_brand(brand=brand)
        connection.close()


def handle_of(brand: Brand) -> int:
    """The Twitter account of a brand that `new_brand` made."""
    return 1_800_000_000_000_000_000 + brand.pk


@contextmanager
def committed(brand: Brand) -> Iterator[Brand]:
    """Inside a brand, in a test that truly commits."""
    with entry.brand(brand):
        yield brand
