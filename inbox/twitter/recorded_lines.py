"""The lines of a recording's file: unpacked, put together where a text has line breaks, split into their columns.

One bad line spoils no other: a quotation mark that is never closed costs its own line and not the rest of the file.
"""

import csv
import itertools
import zlib
from collections.abc import Iterable, Iterator, Sequence

LONGEST_LINE = 1_000_000  # bytes
MOST_LINES_IN_A_RECORD = 200
OPEN = "a quotation mark is opened and never closed"
_SLICE = 256  # bytes unpacked at once: what a damaged file loses besides the damage


class NotARecording(Exception):
    """The file as a whole cannot be read; says why."""


class Lines:
    """The physical lines of a file with their numbers, unpacked on the way. Lines can be handed back."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self.cut_off = ""  # why the file ends before its end
        self.last_line = 0  # known at the end
        self._lines = self._numbered(chunks)
        self._again: list[tuple[int, bytes]] = []

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        return self

    def __next__(self) -> tuple[int, bytes]:
        return self._again.pop() if self._again else next(self._lines)

    def hand_back(self, lines: Sequence[tuple[int, bytes]]) -> None:
        """Read these lines once more, before all others."""
        self._again.extend(reversed(lines))

    def _numbered(self, chunks: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
        number, rest = 0, b""
        for chunk in self._unpacked(iter(chunks)):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                number += 1
                yield number, line
            if len(rest) > LONGEST_LINE:
                raise NotARecording(f"Line {number + 1} has no end: this is no CSV file.")
        if rest and not self.cut_off:
            yield number + 1, rest
        self.last_line = number + 1 if rest else number

    def _unpacked(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        first = next(chunks, b"")
        if not first.startswith(b"\x1f\x8b"):
            yield first
            yield from chunks
            return
        gzip = zlib.decompressobj(wbits=31)
        for chunk in itertools.chain([first], chunks):
            for start in range(0, len(chunk), _SLICE):
                waiting = chunk[start : start + _SLICE]
                while waiting:
                    if gzip.eof:  # a gzip file may be several, one after the other
                        gzip = zlib.decompressobj(wbits=31)
                    try:
                        yield gzip.decompress(waiting)
                    except zlib.error:
                        self.cut_off = "the file is damaged from here on"
                        return
                    waiting = gzip.unused_data
        if not gzip.eof:
            self.cut_off = "the file is cut off here"


def records(lines: Lines) -> Iterator[tuple[int, list[str] | str]]:
    """The number of each record's first line, with its columns, or with what is wrong with it."""
    width = 0
    for number, line in lines:
        if not line.strip():
            continue
        fields, following = _columns([line]), list[tuple[int, bytes]]()
        if fields == OPEN:
            following = _until_closed(line, lines)
            fields = _columns([line, *(part for _, part in following)])
            if isinstance(fields, str) or (width and len(fields) != width):
                # The quotation mark was a slip, so the lines below it stand for themselves.
                lines.hand_back(following)
                fields = OPEN
        if not width and isinstance(fields, list):
            width = len(fields)
        yield number, fields


def _until_closed(line: bytes, lines: Lines) -> list[tuple[int, bytes]]:
    """The lines that a text with line breaks goes on in."""
    following: list[tuple[int, bytes]] = []
    quotes = line.count(b'"')
    while quotes % 2 and len(following) < MOST_LINES_IN_A_RECORD and (found := next(lines, None)):
        following.append(found)
        quotes += found[1].count(b'"')
    return following


def _columns(parts: list[bytes]) -> list[str] | str:
    try:
        said = b"\n".join(parts).decode().rstrip("\r")
        if "\0" in said:
            return "holds NUL bytes"
        rows = list(csv.reader([f"{part}\n" for part in said.split("\n")], strict=True))
    except UnicodeDecodeError:
        return "is not in UTF-8"
    except csv.Error as error:
        return OPEN if "unexpected end" in str(error) else f"is not CSV ({error})"
    return rows[0] if len(rows) == 1 else "is not CSV (a line break without quotation marks)"
