"""Visits of pages inside the test's own process: whose session it is, on which host, at what cost."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.domain.people import add_person
from accounts.enums import Role
from accounts.models import User
from tenants import entry

AGENCY, ACME, CANARY, OPERATORS = "northlight.localhost", "care.acme.localhost", "care.canary.localhost", "localhost"


def visitor(host: str, user_id: int | None = None, *, opened_on: str | None = None, **more: object) -> Client:
    """A browser on this host; with a person, logged in there (or with a session that was opened on another host)."""
    client = Client(HTTP_HOST=host, **more)
    if user_id is not None:
        client.cookies[settings.SESSION_COOKIE_NAME] = session_of(user_id, host=opened_on or host)
    return client


def one_of_each_role(house, *, at: str) -> dict[str, int]:
    """Somebody of each role, with an address at this host. The demonstration's people need no second factor."""
    made = {
        role: add_person(
            email=f"{role}@{at}",
            name=f"{role.title()} Test",
            password="secret",
            agency_id=house.agency.pk,
            brand_id=house.acme.pk if role.startswith("client") else None,
            role=role,
            is_demonstration=True,
        )
        for role in Role
    }
    connection.close()
    return made


def session_of(user_id: int, *, host: str) -> str:
    """A session as a log-in leaves it behind; its key."""
    with entry.directory():
        user = User.objects.get(pk=user_id)
        session = SessionStore()
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session["host"] = host
        session.save()
    return str(session.session_key)


@contextmanager
def undone() -> Iterator[None]:
    """What happens inside is rolled back, as if it had not been."""
    around = transaction.atomic()
    around._from_testcase = True  # so that what must be outermost may stand in it, as in the test's own
    with around:
        entry.transactions_around += 1
        try:
            yield
        finally:
            entry.transactions_around -= 1
            transaction.set_rollback(True)


@contextmanager
def queries_counted() -> Iterator[CaptureQueriesContext]:
    """The statements in here, without those that only say where the connection stands."""
    with CaptureQueriesContext(connection) as captured:
        yield captured


def count_of(captured: CaptureQueriesContext) -> int:
    said = [query["sql"] for query in captured.captured_queries]
    return len([sql for sql in said if "set_config" not in sql and "SAVEPOINT" not in sql])
