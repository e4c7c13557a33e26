"""A brand with two handles, for what happens between them."""

from collections.abc import Iterator

import pytest

from tenants import entry, schemas
from tenants.models import Brand, BrandState
from tests.conftest import NOON

FRONT = 1_600_000_000_000_000_001  # where customers write
HELP = 1_600_000_000_000_000_002  # where the brand answers


@pytest.fixture(scope="module")
def _brand_with_two_handles(house, django_db_blocker) -> Iterator[Brand]:
    with django_db_blocker.unblock():
        brand = schemas.create_brand(
            agency=house.agency, name="Duo", slug="duo", colour="#4c3bcf", zone="UTC", now=NOON, state=BrandState.LIVE
        )
        schemas.add_handle(brand=brand, twitter_id=FRONT, username="Duo")
        schemas.add_handle(brand=brand, twitter_id=HELP, username="DuoHelp")
    yield brand
    with django_db_blocker.unblock():
        schemas.drop_brand(brand=brand)


@pytest.fixture
def duo(db, _brand_with_two_handles, _transactions_around) -> Iterator[Brand]:
    """Inside a brand that has the handles FRONT and HELP."""
    with entry.brand(_brand_with_two_handles):
        yield _brand_with_two_handles
