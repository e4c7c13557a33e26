"""One word per thing: no identifier uses a word that the glossary in `docs/house.md` prints bold."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.urls import get_resolver

from tests.house.source import files_like, name_of, python_files, tree_of

INSTEAD = {
    "ticket": "conversation",
    "requester": "customer",
    "rep": "agent",
    "bucket": "queue, or interval",
    "snippet": "canned response",
    "macro": "canned response, or a playbook's step",
    "moderation": "approval",
    "transfer": "handover",
    "rota": "roster",
    "utilisation": "occupancy",
    "utilization": "occupancy",
    "downtime": "shrinkage",
}
# identifier: why it keeps a word that we do not say.
EXCEPTIONS = {"snippets": "a folder of allauth's templates, in the address of its log-in script"}


def test_python_says_our_words():
    assert _misnamed((name_of(path), word) for path in python_files(tests=True) for word in _identifiers(path)) == []


def test_pages_say_our_words():
    said = (
        (name_of(path), word)
        for path in files_like(".html")
        for value in re.findall(r'(?:class|id|name|data-[a-z-]+)="([^"]*)"|\{%-?\s*\w+\s+([^%]*)%\}', path.read_text())
        for word in re.findall(r"[\w-]+", " ".join(value))
    )

    assert _misnamed(said) == []


def test_style_sheets_and_scripts_say_our_words():
    said = (
        (name_of(path), word)
        for path in files_like(".css", ".js")
        for word in re.findall(
            r"[A-Za-z_][\w-]*", re.sub(r"/\*.*?\*/|^\s*//.*$", "", path.read_text(), flags=re.S | re.M)
        )
    )

    assert _misnamed(said) == []


def test_files_are_named_by_our_words():
    paths = [*python_files(tests=True, migrations=True), *files_like(".html", ".css", ".js", ".svg", ".toml", ".csv")]

    assert _misnamed((name_of(path), path.stem) for path in paths) == []


@pytest.mark.parametrize("host", ["operators", "agency", "brand"])
def test_urls_are_named_by_our_words(host):
    names = list(_url_names(get_resolver(f"config.urls.{host}")))

    assert names
    assert _misnamed((host, name) for name in names) == []


@pytest.mark.parametrize("name", ["open_ticket", "TicketFactory", "bucketOf", "shift-rota", "reps", "transferred_to"])
def test_a_forbidden_word_is_found_inside_a_name(name):
    assert _misnamed([("somewhere", name)]) != []


@pytest.mark.parametrize("name", ["__repr__", "represent", "rotate", "report", "macroscopic", "reply", "rotation"])
def test_a_word_that_merely_begins_alike_is_left_alone(name):
    assert _misnamed([("somewhere", name)]) == []


def _misnamed(said) -> list[str]:
    return sorted(
        {
            f"{where}: {name} (say: {INSTEAD[word]})"
            for where, name in said
            if name not in EXCEPTIONS
            for part in _parts(name)
            if (word := _forbidden(part))
        }
    )


def _forbidden(part: str) -> str:
    """The forbidden word that this part of a name is, whatever its ending."""
    stems = {part, part.removesuffix("s"), part.removesuffix("red"), part.removesuffix("ring")}
    return next((word for word in INSTEAD if word in stems), "")


def _parts(name: str) -> list[str]:
    return [part.lower() for part in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


def _identifiers(path: Path) -> Iterator[str]:
    """Every name that this file makes up: what it defines, takes, keeps, and renames on import."""
    for node in ast.walk(tree_of(path)):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name
            case ast.arg():
                yield node.arg
            case ast.Name(ctx=ast.Store()):
                yield node.id
            case ast.Attribute(ctx=ast.Store()):
                yield node.attr
            case ast.alias(asname=str() as name):
                yield name
            case ast.keyword(arg=str() as name):
                yield name


def _url_names(resolver) -> Iterator[str]:
    for pattern in resolver.url_patterns:
        if hasattr(pattern, "url_patterns"):
            yield from [pattern.namespace or "", pattern.app_name or ""]
            yield from _url_names(pattern)
        else:
            yield pattern.name or ""
        yield from re.findall(r"<(?:\w+:)?(\w+)>", str(pattern.pattern))
