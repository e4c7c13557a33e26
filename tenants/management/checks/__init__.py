"""What `manage.py doctor` looks at. Each check says in sentences what it found, and what to do about it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence. With `todo` it asks something of the reader; `is_bad`: Nightjar does not work as it should."""

    sentence: str
    todo: str = ""
    is_bad: bool = False


Check = Callable[[], Iterator[Finding]]


def well(sentence: str) -> Finding:
    """All is as it should be."""
    return Finding(sentence)


def worth_a_look(sentence: str, todo: str) -> Finding:
    """Nothing is broken, and a person is waited for."""
    return Finding(sentence, todo)


def bad(sentence: str, todo: str) -> Finding:
    """Something does not work as it should."""
    return Finding(sentence, todo, is_bad=True)


def some(count: int, one: str, several: str = "") -> str:
    """`1 brand`, `3 brands`."""
    return f"{count:,} {one if count == 1 else several or one + 's'}"


def named(names: list[str], *, most: int = 5) -> str:
    """The first few of a list, and how many more there are."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most:,} more" if len(names) > most else shown
