"""Statements of the hot path: prepared once for each brand, sent with whole columns as parameters.

Django's own cursors put each value into the text of a statement, which PostgreSQL then reads and plans anew. Here a
statement is planned once for each connection and brand, and a batch travels as one array for each column.
"""

import time
from collections.abc import Sequence
from typing import Any, cast
from weakref import WeakKeyDictionary

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections

from tenants.database.base import DatabaseWrapper, connection
from tenants.database.columns import MOST_PLANS, Column, bigints, blobs, names, numbers, rare, times, words

__all__ = ["Column", "ask", "bigints", "blobs", "names", "numbers", "plan_for_batches", "rare", "times", "words"]


# A plan that was made for an empty table is kept when the table is full. So: one plan for all values, along indexes.
_BY_INDEX = (
    "-c plan_cache_mode=force_generic_plan -c jit=off "
    "-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off"
)


def plan_for_batches() -> None:
    """Have this process's statements planned for batches: for one that carries and does nothing else."""
    options = connection.settings_dict["OPTIONS"]
    if _BY_INDEX not in options.get("options", ""):
        connection.close()
        options["options"] = f"{options.get('options', '')} {_BY_INDEX}".strip()


def ask(statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Run one statement ($1, $2 … are its values) where we stand; returns its rows, if it has any."""
    # The thread's own: each look at it through Django's proxy costs as much as a row.
    here = cast(DatabaseWrapper, connections[DEFAULT_DB_ALIAS])
    here.ensure_connection()
    here._handle_search_path()
    began = time.monotonic() if here.queries_logged else 0.0
    # A plan is of one brand: it holds the tables that the names meant, and the rows that its role may see.
    text = f"/* {here.scope.schema} */ {statement}".encode()
    with here.wrap_database_errors:
        cursor = _cursor_of(here.connection)
        cursor.execute(text, values, prepare=True, binary=True)
        rows = cursor.fetchall() if cursor.pgresult and cursor.pgresult.nfields else []
    if began:
        here.queries_log.append({"sql": statement, "time": f"{time.monotonic() - began:.3f}"})
    return rows


def _cursor_of(raw: psycopg.Connection[Any]) -> psycopg.RawCursor[Any]:
    """The connection's one cursor for these statements."""
    cursor = _cursors.get(raw)
    if cursor is None:
        raw.prepare_threshold, raw.prepared_max = 5, MOST_PLANS
        cursor = _cursors[raw] = psycopg.RawCursor(raw)
    return cursor


_cursors: WeakKeyDictionary[psycopg.Connection[Any], psycopg.RawCursor[Any]] = WeakKeyDictionary()
