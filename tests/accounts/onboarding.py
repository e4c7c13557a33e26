"""An agency of one's own with its admin, and an operator, truly committed; what is made in there goes away with it."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from accounts.domain import founding
from accounts.domain.people import add_person
from accounts.enums import Role
from accounts.models import User
from tenants import entry, schemas
from tenants.models import Agency, Brand
from tests.conftest import NOON
from tests.visiting import OPERATORS, visitor
from tests.walled import as_owner, end_agency, new_agency

_numbers = count(1)


@dataclass(frozen=True)
class Office:
    """An agency, its admin, and an operator of the house."""

    agency: Agency
    admin: User
    operator: User

    @property
    def host(self) -> str:
        return f"{self.agency.slug}.{settings.BASE_DOMAIN}"

    def browser(self) -> Client:
        """The admin's, logged in on the agency's host."""
        return visitor(self.host, self.admin.pk)

    def browser_as(self, person_id: int) -> Client:
        """Somebody else's of this agency, logged in on its host."""
        return visitor(self.host, person_id)

    def browser_of(self, brand: Brand, *, person: int | None = None, host: str = "") -> Client:
        """One on a brand's own host, logged in or not."""
        return visitor(host or self.row(brand).domains.all()[0].name, person)

    def operators_browser(self) -> Client:
        return visitor(OPERATORS, self.operator.pk)

    def found(self, **values: object) -> Brand:
        """A brand that is founded, and not made yet."""
        number = next(_numbers)
        slug = f"onboard{number}-{os.getpid()}"
        with entry.agency(self.agency.pk):
            given = {"name": f"Onboard {number}", "slug": slug, "by": self.admin, "now": NOON, **values}
            return founding.found_brand(agency_id=self.agency.pk, **given)

    def ready(self, **values: object) -> Brand:
        """A brand that is founded and made."""
        brand = self.found(**values)
        schemas.build_brand(brand.pk)
        return self.row(brand)

    def row(self, brand: Brand) -> Brand:
        with entry.agency(self.agency.pk):
            return Brand.objects.prefetch_related("domains").get(pk=brand.pk)


@pytest.fixture
def office(house, django_db_blocker) -> Iterator[Office]:
    with django_db_blocker.unblock():
        agency, number = new_agency("Office"), next(_numbers)
        people = [
            add_person(
                email=f"{kind}{number}@{agency.slug}.test",
                name=f"{kind.title()} Test",
                password="secret",
                is_demonstration=True,
                **more,
            )
            for kind, more in (
                ("admin", {"agency_id": agency.pk, "role": Role.ADMIN}),
                ("operator", {"is_operator": True}),
            )
        ]
        with entry.directory():
            admin, operator = (User.objects.get(pk=pk) for pk in people)
        yield Office(agency, admin, operator)
        connection.close()
        _clear(agency, operator)
        connection.close()


def _clear(agency: Agency, operator: User) -> None:
    with entry.directory():
        brands = list(Brand.objects.filter(agency=agency))
    for brand in brands:
        schemas.drop_brand(brand=brand)
    with as_owner() as owner:
        owner.execute("DELETE FROM accounts_auditentry WHERE chain = 'house'")
        owner.execute("DELETE FROM accounts_auditentry WHERE agency_id = %s", [agency.pk])
        owner.execute("DELETE FROM accounts_invitation WHERE invited_by_id = %s", [operator.pk])
    end_agency(agency)
    with as_owner() as owner:
        owner.execute("DELETE FROM accounts_user WHERE id = %s", [operator.pk])


def break_building(brand: Brand) -> None:
    """A schema of that name is there already: what a half-restored backup leaves behind."""
    with as_owner() as owner:
        owner.execute(f'CREATE SCHEMA "{brand.schema_name}"')


def mend_building(brand: Brand) -> None:
    with as_owner() as owner:
        owner.execute(f'DROP SCHEMA "{brand.schema_name}"')
