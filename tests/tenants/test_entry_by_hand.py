"""The door of a brand where somebody drives transactions by hand; and the operators' own place."""

import pytest
from django.db import ProgrammingError, connection, transaction

from inbox.models import Customer
from tenants import entry
from tenants.database.base import NOWHERE
from tenants.entry import Misplaced
from tenants.models import Agency
from tests.walled import KEY, digest, role

pytestmark = pytest.mark.commits


def worn() -> str:
    """The role, as the database sees it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        return str(cursor.fetchone()[0])


def test_what_was_written_with_autocommit_off_is_taken_back_when_one_leaves(walled):
    before = digest(walled.one)

    try:
        with pytest.raises(Misplaced, match="taken back"), entry.brand(walled.one):  # noqa: PT012
            transaction.set_autocommit(False)
            Customer.objects.create(pk=KEY + 3, username="jo")
    finally:
        transaction.set_autocommit(True)

    assert (connection.scope, worn()) == (NOWHERE, "nightjar_app")
    assert digest(walled.one) == before


def test_operators_see_agencies_and_nothing_that_a_customer_wrote(walled):
    with entry.operators():
        assert worn() == role("operators")
        assert Agency.objects.filter(pk=walled.north.pk).exists()
        with pytest.raises((Misplaced, ProgrammingError)):
            Customer.objects.exists()

    assert (connection.scope, worn()) == (NOWHERE, "nightjar_app")
