"""Strict reading of YAML: what is wrong is said with its file, its line and its field."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

T = TypeVar("T")


class Unreadable(ValueError):
    """A scenario file says something that cannot be played; the sentence names file, line and field."""


@dataclass(frozen=True)
class Node:
    """A place in a YAML file: a value, where it stands, and what it is called."""

    file: str
    field: str
    inner: yaml.Node

    def wrong(self, what: str) -> Unreadable:
        """The sentence that refuses this place."""
        return Unreadable(f"{self.file}, line {self.inner.start_mark.line + 1}: {self.field or 'the file'} {what}")

    def fields(self, *known: str, needed: tuple[str, ...] = ()) -> dict[str, "Node"]:
        """The fields of a mapping; one that is unknown, twice there or missing is refused. None known: any may be."""
        if not isinstance(self.inner, yaml.MappingNode):
            raise self.wrong("should be a list of names with their values.")
        found: dict[str, Node] = {}
        for key, value in self.inner.value:
            node = Node(self.file, f"{self.field}.{key.value}".lstrip("."), value)
            if known and key.value not in known:
                raise Node(self.file, node.field, key).wrong(f"is not known here. There are: {', '.join(known)}.")
            if key.value in found:
                raise Node(self.file, node.field, key).wrong("is there twice.")
            found[key.value] = node
        for name in needed:
            if name not in found:
                raise self.wrong(f"lacks `{name}`.")
        return found

    def items(self) -> Iterator["Node"]:
        """The entries of a list that has at least one."""
        if not isinstance(self.inner, yaml.SequenceNode) or not self.inner.value:
            raise self.wrong("should be a list with at least one entry.")
        for place, value in enumerate(self.inner.value, start=1):
            yield Node(self.file, f"{self.field}[{place}]", value)

    def text(self) -> str:
        """A text that is not empty."""
        value = self._scalar()
        if not isinstance(value, str) or not value.strip():
            raise self.wrong("should be a text. Put it in quotation marks if it looks like something else.")
        return value

    def texts(self) -> tuple[str, ...]:
        """A list of texts."""
        return tuple(node.text() for node in self.items())

    def number(self, least: float, most: float) -> float:
        """A number from `least` to `most`."""
        value = self._scalar()
        if not isinstance(value, int | float) or isinstance(value, bool) or not least <= value <= most:
            raise self.wrong(f"should be a number from {least:g} to {most:g}, not {self._shown()}.")
        return float(value)

    def flag(self) -> bool:
        """Yes or no."""
        value = self._scalar()
        if not isinstance(value, bool):
            raise self.wrong(f"should be true or false, not {self._shown()}.")
        return value

    def one_of(self, *names: str) -> str:
        """One of these names."""
        value = self._scalar()
        if value not in names:
            raise self.wrong(f"should be one of {', '.join(names)}, not {self._shown()}.")
        return str(value)

    def shares(self, *known: str) -> dict[str, float]:
        """Names with their weights, at least one of them above zero."""
        weights = {name: node.number(0, 1_000_000) for name, node in self.fields(*known).items()}
        if not any(weights.values()):
            raise self.wrong("should give at least one of its names a share above zero.")
        return weights

    def each(self, read: Callable[["Node"], T]) -> dict[str, T]:
        """Each field of a mapping, read in one way."""
        return {name: read(node) for name, node in self.fields().items()}

    def _scalar(self) -> Any:
        if not isinstance(self.inner, yaml.ScalarNode):
            raise self.wrong("should be one value.")
        return yaml.safe_load(yaml.serialize(self.inner))

    def _shown(self) -> str:
        return repr(str(self.inner.value))[:60]


def open_file(path: Path) -> Node:
    """The whole of a YAML file. Raises `Unreadable`."""
    try:
        inner = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except OSError as error:
        raise Unreadable(f"{path.name} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise Unreadable(f"{path.name} is not UTF-8 text.") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise Unreadable(f"{path.name}, line {line}: this is not YAML ({error.problem}).") from error
    except yaml.YAMLError as error:
        raise Unreadable(f"{path.name} is not YAML ({error}).") from error
    if inner is None:
        raise Unreadable(f"{path.name} is empty.")
    return Node(path.name, "", inner)


def names_in(weights: Mapping[str, float]) -> tuple[str, ...]:
    """The names that have a share at all."""
    return tuple(name for name, weight in weights.items() if weight)
