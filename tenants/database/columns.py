"""Whole columns as parameters: many rows travel in one array for each column, written as PostgreSQL reads them."""

import struct
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache

import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format


class Blobs:
    """A column of bytes, in PostgreSQL's binary form: as text it would be twice as long."""

    def __init__(self, values: Sequence[bytes]) -> None:
        head = struct.pack("!iiIii", 1, 0, _BYTEA, len(values), 1)
        self.written = head + b"".join([part for value in values for part in (_LENGTH.pack(len(value)), value)])


_LENGTH = struct.Struct("!i")
_BYTEA, _BYTEAS = 17, 1001


class _BlobsDumper(Dumper):
    format = Format.BINARY
    oid = _BYTEAS

    def dump(self, obj: Blobs) -> bytes:
        return obj.written


psycopg.adapters.register_dumper(Blobs, _BlobsDumper)


def numbers(values: Iterable[float | None]) -> str:
    """A column of numbers, or of yes and no, as PostgreSQL reads an array."""
    return "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"


def times(values: Iterable[datetime | None]) -> str:
    """A column of instants."""
    return "{" + ",".join(["NULL" if value is None else _written(value) for value in values]) + "}"


# A tweet's instant goes into three tables, and a batch has one for many of its rows.
_written = lru_cache(maxsize=5_000)(datetime.isoformat)


def names(values: Iterable[str]) -> str:
    """A column of words of our own: nothing in them needs a quotation mark, and none is empty."""
    return "{" + ",".join(values) + "}"


def words(values: Iterable[str | None]) -> str:
    """A column of texts, whatever is in them."""
    return "{" + ",".join(["NULL" if value is None else _quoted(value) for value in values]) + "}"


def _quoted(value: str) -> str:
    if "\\" in value or '"' in value:
        value = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{value}"'
