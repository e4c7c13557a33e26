"""Whole columns as parameters: what PostgreSQL reads is what was written."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from tenants.database import bulk

LARGEST = 2**63 - 1
INSTANTS = [
    datetime(2026, 11, 22, 3, 4, 5, 678901, tzinfo=UTC),
    datetime(1999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(2006, 3, 21, 20, 50, 14, tzinfo=timezone(timedelta(hours=-8))),
]


def read(kind: str, column: object) -> list[Any]:
    return [value for (value,) in bulk.ask(f"SELECT * FROM unnest($1::{kind}[])", [column])]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kind", "write", "values"),
    [
        ("bigint", bulk.bigints, [1, -LARGEST - 1, LARGEST, 0]),
        ("bigint", bulk.bigints, [7, None, -7]),
        ("bigint", bulk.bigints, [None]),
        ("bigint", bulk.bigints, []),
        ("timestamptz", bulk.times, INSTANTS),
        ("timestamptz", bulk.times, [None, INSTANTS[0]]),
        ("timestamptz", bulk.times, []),
        ("bytea", bulk.blobs, [b"", b"\x00\\\xff", b"words"]),
        ("bytea", bulk.blobs, []),
        ("text", bulk.words, ['a "word"', "back\\slash", "{curly}, NULL", "", None, "çé 👋"]),
        ("float", bulk.numbers, [0.25, None, -1.0]),
        ("boolean", bulk.numbers, [True, None, False]),
    ],
)
def test_a_column_is_read_as_it_was_written(kind, write, values):
    assert read(kind, write(values)) == values


@pytest.mark.django_db
def test_a_rare_column_is_filled_up_beside_others():
    rare = bulk.rare(bulk.bigints)

    rows = bulk.ask("SELECT * FROM unnest($1::bigint[], $2::bigint[])", [bulk.bigints([1, 2]), rare([None, None])])

    assert rows == [(1, None), (2, None)]
    assert read("bigint", rare([None, 5])) == [None, 5]


@pytest.mark.django_db
def test_a_column_has_the_same_type_whatever_is_in_it():
    """Otherwise its statement would be planned once for each type, for each brand."""
    connection.ensure_connection()
    before = _prepared()

    for values in ([1], [None], [], [1, None]):
        bulk.ask("SELECT cardinality($1::bigint[])", [bulk.bigints(values)])
        bulk.ask("SELECT cardinality($1::bigint[]) + 0", [bulk.rare(bulk.bigints)(values)])
    for instants in (INSTANTS, [None], []):
        bulk.ask("SELECT cardinality($1::timestamptz[])", [bulk.times(instants)])

    assert _prepared() - before == 3


@pytest.mark.parametrize("values", [[2**63], [None, -(2**63) - 1]])
def test_a_number_that_no_column_holds_is_refused_as_data(values):
    with pytest.raises(psycopg.DataError):
        bulk.bigints(values)


def test_a_process_can_write_columns_before_it_connects():
    """Django copies what psycopg can write when a process connects first; what comes later is not known to it."""
    asked = (
        "import sys, django; django.setup(); import tenants.database.base; "
        "print('tenants.database.columns' in sys.modules)"
    )

    told = subprocess.run(
        [sys.executable, "-c", asked],
        cwd=settings.BASE_DIR,
        env=os.environ,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )

    assert told.stdout.strip() == "True"


def test_an_instant_without_a_zone_is_refused():
    with pytest.raises(TypeError):
        bulk.times([datetime(2026, 1, 1)])  # noqa: DTZ001


def _prepared() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements")
        return int(cursor.fetchone()[0])
