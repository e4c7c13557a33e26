"""Looking again beside a carrier: both write customers and messages, so one waits for the other, from the beginning."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inbox.domain import people, rechecks
from inbox.twitter.reading import Page
from inbox.twitter.shapes import Account
from tests.conftest import ACME_HANDLE, NOON
from tests.factories import CustomerFactory, MessageFactory

KEEPS_CARRIERS_OUT = "pg_advisory_xact_lock"
CHANGES = ("UPDATE", "DELETE", "FOR UPDATE")


def described() -> None:
    customer = CustomerFactory()
    people.describe([Account(customer.pk, "newname", "New Name")], now=NOON)


def suspended() -> None:
    people.suspend([CustomerFactory().pk], now=NOON)


def looked_up() -> None:
    MessageFactory()
    rechecks._carry_out(Page(), None, handle_id=ACME_HANDLE, now=NOON)  # type: ignore[arg-type]  # nobody is asked


@pytest.mark.parametrize("change", [described, suspended, looked_up])
def test_nothing_is_locked_before_carriers_are_kept_out(acme, change: Callable[[], None]):
    with CaptureQueriesContext(
        connection,
    ) as asked:
        change()

    said = [query["sql"] for query in asked.captured_queries if "INSERT" not in query["sql"]]
    locks = [sql for sql in said if KEEPS_CARRIERS_OUT in sql or any(word in sql for word in CHANGES)]
    assert KEEPS_CARRIERS_OUT in locks[0]
