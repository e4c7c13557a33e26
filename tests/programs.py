"""Programs that call the API inside the test's own process: a key of somebody's, and a client that sends it."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import count

import pytest
from django.db import connection
from django.test import Client

from accounts.domain import keys
from accounts.domain.people import add_person
from accounts.enums import Role
from accounts.models import ApiKey, User
from tenants import entry
from tests.visiting import ACME, AGENCY

MADE_AT = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)


class Program:
    """A program with a key, on one host. Answers are Django's; `said` reads their JSON."""

    def __init__(self, host: str, secret: str, key: ApiKey | None = None) -> None:
        self.key, self.secret = key, secret
        self.client = Client(HTTP_HOST=host, raise_request_exception=True)

    def ask(self, method: str, path: str, body: object = None, **headers: str):
        more = {"content_type": "application/json", "data": body} if body is not None else {}
        sent = {"Authorization": f"Bearer {self.secret}", **{k.replace("_", "-"): v for k, v in headers.items()}}
        return getattr(self.client, method.lower())(f"/api/v1/{path}", headers=sent, **more)

    def get(self, path: str, **headers: str):
        return self.ask("get", path, **headers)

    def post(self, path: str, body: object, **headers: str):
        return self.ask("post", path, body, **headers)


@pytest.fixture(scope="session")
def admin_id(house, django_db_blocker) -> int:
    """An admin of the agency, who may make keys."""
    with django_db_blocker.unblock():
        made = add_person(
            email="ada@programs.test", name="Ada Min", password="secret", agency_id=house.agency.pk, role=Role.ADMIN
        )
        connection.close()
    return made


@pytest.fixture(scope="session")
def clients_ids(house, django_db_blocker) -> dict[str, int]:
    """Acme's own people, who look on, or approve."""
    with django_db_blocker.unblock():
        made = {
            role: add_person(
                email=f"{role}@programs.test",
                name=f"{role.label} Test",
                password="secret",
                agency_id=house.agency.pk,
                role=role,
                brand_id=house.acme.pk,
            )
            for role in (Role.CLIENT_VIEWER, Role.CLIENT_APPROVER)
        }
        connection.close()
    return made


@pytest.fixture
def admin(db, admin_id: int, _transactions_around) -> User:
    return User(pk=admin_id, email="ada@programs.test", name="Ada Min")


@pytest.fixture
def program(db, house, admin: User, static_files, _transactions_around) -> Callable[..., Program]:
    """Makes a program with a key of the admin's, or of somebody's (`by`): for acme's host, or for the agency's."""

    def make(scopes: Sequence[str] | None = None, *, by: int | None = None, agencys: bool = False) -> Program:
        key, secret = key_of(house, by or admin.pk, scopes, agencys=agencys)
        return Program(AGENCY if agencys else ACME, secret, key)

    return make


def key_of(house, user_id: int, scopes: Sequence[str] | None = None, *, agencys: bool = False) -> tuple[ApiKey, str]:
    """A key of this person's with these scopes, or with all, and its secret. Whether they may make one is not asked:
    they may have been an admin when they did."""
    allowed = keys.OF_AGENCY if agencys else keys.OF_BRAND
    secret = f"{keys.BEGINS_WITH}{user_id}-{next(_numbers)}"
    with entry.agency(house.agency.pk):
        key = ApiKey.objects.create(
            agency=house.agency,
            brand=None if agencys else house.acme,
            name="a program",
            beginning=secret[:10],
            secret_hash=keys.hash_of(secret),
            scopes=[scope.value for scope in allowed] if scopes is None else list(scopes),
            made_at=MADE_AT,
            made_by_id=user_id,
        )
    return key, secret


_numbers = count(1)
