"""The project's own files, read as text and as syntax trees."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
APPS = ("config", "reporting", "inbox", "playbooks", "accounts", "tenants")


def python_files(*, tests: bool = False, migrations: bool = False) -> list[Path]:
    """Python files of the apps, and of the tests when asked."""
    roots = [*APPS, "tests"] if tests else [*APPS]
    found = [path for root in roots for path in sorted((PROJECT / root).rglob("*.py"))]
    return [path for path in found if migrations or path.parent.name != "migrations"]


def files_like(*endings: str) -> list[Path]:
    """Files of the apps and of `templates/` with one of these endings."""
    roots = [PROJECT / name for name in (*APPS, "templates")]
    return [path for root in roots for path in sorted(root.rglob("*")) if path.suffix in endings]


def name_of(path: Path) -> str:
    """A file's path as lists of exceptions write it."""
    return path.relative_to(PROJECT).as_posix()


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), filename=str(path))


def nodes(*kinds: type[ast.AST], tests: bool = False) -> Iterator[tuple[str, ast.AST]]:
    """Every node of these kinds in the apps' Python, with the name of its file."""
    for path in python_files(tests=tests):
        for node in ast.walk(tree_of(path)):
            if isinstance(node, kinds):
                yield name_of(path), node
