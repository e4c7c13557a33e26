"""While the database is away, pages and programs are told to come back, and come back to what there was."""

import os
import socket
from collections.abc import Iterator

import psycopg
import pytest
from django.db import InterfaceError, OperationalError, close_old_connections, connection

from tenants.database.away import is_away
from tests.visiting import ACME, AGENCY, visitor
from tests.walled import as_owner

pytestmark = pytest.mark.commits
ELSEWHERE = "postgresql://nobody@127.0.0.1:1/nowhere?connect_timeout=2"


@pytest.fixture(autouse=True)
def _may_commit(django_db_blocker) -> Iterator[None]:
    with django_db_blocker.unblock():
        yield
        connection.close()


def cut() -> None:
    """The line to the database breaks, as when it stops."""
    connection.ensure_connection()
    with socket.socket(fileno=os.dup(connection.connection.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("host", [AGENCY, ACME])
def test_a_page_says_that_it_will_be_back_and_is(house, static_files, host):
    client = visitor(host)
    client.raise_request_exception = False
    cut()

    answer = client.get("/login/")

    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert "Back in a moment" in answer.content.decode()
    close_old_connections()  # as each request begins, outside of tests
    assert client.get("/login/").status_code == 200


def test_a_program_is_told_when_to_ask_again(house):
    client = visitor(ACME)
    client.raise_request_exception = False
    cut()

    answer = client.get("/api/v1/conversations/", headers={"Authorization": "Bearer nj_live_unknown"})

    assert (answer.status_code, answer["Retry-After"], answer["Content-Type"]) == (503, "5", "application/problem+json")
    assert answer.json()["type"] == "urn:nightjar:problem:away"
    close_old_connections()
    assert client.get("/api/v1/conversations/", headers={"Authorization": "Bearer nj_live_unknown"}).status_code == 401


def test_a_database_that_nobody_reaches_is_away_and_a_wrong_statement_is_ours(house):
    with pytest.raises(psycopg.OperationalError) as unreached:
        psycopg.connect(ELSEWHERE)
    wrapped = OperationalError("no connection")
    wrapped.__cause__ = unreached.value
    with as_owner() as owner, pytest.raises(psycopg.errors.QueryCanceled) as slow:
        owner.execute("SET statement_timeout = 1; SELECT pg_sleep(1)")
    too_slow = OperationalError("too slow")
    too_slow.__cause__ = slow.value

    assert is_away(wrapped)
    assert is_away(InterfaceError("the connection is closed"))
    assert not is_away(too_slow)
    assert not is_away(ValueError("away"))
    assert not is_away(None)
