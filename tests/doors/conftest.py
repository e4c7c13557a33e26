"""Everybody who knocks, committed for the time of a test module; and one of each thing in two brands."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from django.contrib.auth.hashers import make_password
from django.db import connection

from accounts.domain.keys import hash_of
from accounts.enums import Role, Scope
from tenants import entry, schemas
from tenants.models import Agency, Brand
from tests import factories
from tests.conftest import NOON, House
from tests.doors.addresses import ELSEWHERE
from tests.doors.callers import CALLERS, EVERYWHERE, Caller
from tests.doors.things import fill
from tests.walled import end_agency

PASSWORD = make_password("secret")


@dataclass
class Town:
    """Who is who by key, and the keys of rows that an admin lists."""

    elsewhere: Agency
    ids: dict[str, int | None] = field(default_factory=dict)
    rows: dict[str, str] = field(default_factory=dict)  # for parts of addresses: `tenants_brand` → a key
    foreign_rows: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def town(house: House, django_db_blocker) -> Iterator[Town]:
    with django_db_blocker.unblock():
        town = Town(schemas.create_agency(name="Elsewhere", slug=ELSEWHERE.partition(".")[0], now=factories.at(0)))
        for number, (name, caller) in enumerate(CALLERS.items()):
            town.ids[name] = _hire(house, town, number, caller) if name != "nobody" else None
        _retire(town.ids["an admin who may no longer log in"])
        town.rows = _rows(house.agency, town.ids["an admin"], house.acme)
        town.foreign_rows = _rows(town.elsewhere, town.ids["an admin of another agency"], None)
        connection.close()
        yield town
        connection.close()
        _leave(town)


@pytest.fixture
def two_brands(db, house: House, town: Town, static_files, _transactions_around) -> None:
    """One of each thing in both brands, under keys that the other brand does not have."""
    for brand, is_ours in ((house.acme, True), (house.canary, False)):
        with entry.brand(brand):
            fill(brand, is_ours=is_ours, person_id=house.agent_id)


def _hire(house: House, town: Town, number: int, caller: Caller) -> int:
    made = factories.UserFactory(
        email=f"caller{number}@doors.test",
        name=f"Caller {number}",
        password=PASSWORD,
        is_operator=caller.is_operator,
    )
    for agency, held in ((house.agency, caller.at_northlight), (town.elsewhere, caller.elsewhere)):
        for slug, role in held.items():
            brand = {EVERYWHERE: None, "acme": house.acme, "canary": house.canary}[slug]
            factories.MembershipFactory(user=made, agency=agency, brand=brand, role=role)
    if caller.has_factor:
        with schemas.as_owner() as cursor:
            cursor.execute(
                "INSERT INTO mfa_authenticator (type, data, user_id, created_at) VALUES ('totp', '{}', %s, now())",
                [made.pk],
            )
    return made.pk


def _retire(person_id: int | None) -> None:
    with schemas.as_owner() as cursor:
        cursor.execute("UPDATE accounts_user SET is_active = false WHERE id = %s", [person_id])


def _rows(agency: Agency, admin_id: int | None, brand: Brand | None) -> dict[str, str]:
    """A row of each kind that an admin lists, of this agency."""
    member = factories.MembershipFactory(
        user=factories.UserFactory(email=f"member{agency.pk}@doors.test"), agency=agency, role=Role.AGENT
    )
    invitation = factories.InvitationFactory(agency=agency, email=f"invited{agency.pk}@doors.test")
    ended = {"confirmed_by_id": admin_id, **dict.fromkeys(("exported_at", "confirmed_at", "erased_at"), NOON)}
    of_brand = {"brand_key": brand.pk, "brand_name": brand.name, "brand_slug": brand.slug} if brand else ended
    ending = factories.OffboardingFactory(agency=agency, asked_by_id=admin_id, **of_brand)
    key = factories.ApiKeyFactory(
        agency=agency,
        brand=brand,
        made_by=None,
        made_by_id=admin_id,
        secret_hash=hash_of(f"nj_listed{agency.pk}"),
        scopes=[Scope.DESK_READ.value],
    )
    return {
        "tenants_agency": str(agency.pk),
        "tenants_brand": str(brand.pk if brand else 0),
        "tenants_offboarding": str(ending.pk),
        "accounts_user": str(member.user_id),
        "accounts_membership": str(member.pk),
        "accounts_invitation": str(invitation.pk),
        "accounts_apikey": str(key.pk),
    }


def _leave(town: Town) -> None:
    with schemas.as_owner() as cursor:
        people = [
            pk for (pk,) in cursor.execute("SELECT id FROM accounts_user WHERE email LIKE '%%@doors.test'").fetchall()
        ]
        cursor.execute("DELETE FROM accounts_invitation WHERE email LIKE '%%@doors.test'")
        cursor.execute("DELETE FROM tenants_offboarding WHERE asked_by_id = ANY(%s)", [people])
        cursor.execute("DELETE FROM accounts_apikey WHERE made_by_id = ANY(%s)", [people])
        for table in ("mfa_authenticator", "accounts_membership"):
            cursor.execute(f"DELETE FROM {table} WHERE user_id = ANY(%s)", [people])
        cursor.execute("DELETE FROM accounts_user WHERE id = ANY(%s)", [people])
    end_agency(town.elsewhere)
