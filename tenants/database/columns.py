"""Whole columns as parameters: many rows travel in one array for each column, written as PostgreSQL reads them.

A statement has one plan for each combination of types, so a column is always written in the same form, empty or not.
"""

import struct
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format

# So many plans does one connection keep, of some 20 kB each; the one that was used least lately goes first. A brand
# needs sixteen: with fewer than all brands need, each statement would be planned anew each time.
MOST_PLANS = 10_000
# How a column of some kind is written.
Column = Callable[[Sequence[Any]], Any]


class _Packed:
    """A column in PostgreSQL's binary form of an array. `kinds` are the types of one value and of the array."""

    __slots__ = ("written",)
    kinds: tuple[int, int]

    def __init__(self, written: bytes) -> None:
        self.written = written


class _Blobs(_Packed):
    __slots__ = ()
    kinds = (17, 1001)


class _Bigints(_Packed):
    __slots__ = ()
    kinds = (20, 1016)


class _Times(_Packed):
    __slots__ = ()
    kinds = (1184, 1185)


def _dumper_of(column: type[_Packed]) -> type[Dumper]:
    class PackedDumper(Dumper):
        format = Format.BINARY
        oid = column.kinds[1]

        def dump(self, obj: _Packed) -> bytes:
            return obj.written

    return PackedDumper


for _column in (_Blobs, _Bigints, _Times):
    psycopg.adapters.register_dumper(_column, _dumper_of(_column))

# How many dimensions, whether some are NULL (nobody looks), of which type; then how many from which number on.
_HEAD = struct.Struct("!iiIii")
_NO_VALUES = struct.Struct("!iiI")
_LENGTH = struct.Struct("!i")
_EIGHT = struct.Struct("!iq")
_NULL = _LENGTH.pack(-1)


def blobs(values: Sequence[bytes]) -> _Packed:
    """A column of bytes: as text it would be twice as long."""
    return _Blobs(_joined(17, [part for value in values for part in (_LENGTH.pack(len(value)), value)], len(values)))


def bigints(values: Iterable[int | None]) -> _Packed:
    """A column of ids, whole numbers of eight bytes; raises psycopg's `DataError` where one needs more."""
    values = [*values]
    try:
        if not values or None in values:
            parts = [_NULL if value is None else _EIGHT.pack(8, value) for value in values]
            return _Bigints(_joined(20, parts, len(values)))
        pairs: list[int | None] = [8] * (2 * len(values))
        pairs[1::2] = values
        return _Bigints(_eights(len(values)).pack(1, 0, 20, len(values), 1, *pairs))
    except struct.error as error:
        raise psycopg.errors.NumericValueOutOfRange("A number has more than eight bytes.") from error


def times(values: Iterable[datetime | None]) -> _Packed:
    """A column of instants (`timestamptz`): to read one as text takes PostgreSQL eight times as long."""
    values = [*values]
    return _Times(_joined(1184, [_NULL if value is None else _instant(value) for value in values], len(values)))


def _joined(kind: int, parts: list[bytes], count: int) -> bytes:
    if not count:
        return _NO_VALUES.pack(0, 0, kind)
    return _HEAD.pack(1, 0, kind, count, 1) + b"".join(parts)


@lru_cache(maxsize=1_000)
def _eights(count: int) -> struct.Struct:
    return struct.Struct("!iiIii" + "iq" * count)


@lru_cache(maxsize=5_000)
def _instant(at: datetime) -> bytes:
    """PostgreSQL counts microseconds from the year 2000. A tweet's instant goes into three tables."""
    return _EIGHT.pack(8, (at - _BEGINNING) // _MICROSECOND)


_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def numbers(values: Iterable[float | None]) -> str:
    """A column of other numbers, or of yes and no, as PostgreSQL reads an array."""
    return "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"


def rare(write: Column) -> Column:
    """How to write a column that is mostly empty: nothing at all, where all of it is; `unnest` fills it up."""
    nothing = write(())
    return lambda values: write(values) if any(value is not None for value in values) else nothing


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
