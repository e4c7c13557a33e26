"""How code reads here, as far as a machine can tell."""

import ast
import re

import pytest

from tests.house.source import files_like, name_of, nodes, python_files

# Where everything is caught, and why.
BROAD = {
    "inbox/management/commands/carry.py": "whatever ails one brand, the carrier goes on with the others",
    "tenants/letterbox.py": "each caller that shares a commit must hear that it failed, and answer 503",
}
# Imports that cannot stand at the top of the file.
LATE_IMPORTS: dict[str, str] = {}
# Lists whose last word is not a primary key, and why they are in one order all the same.
ORDERED_OTHERWISE = {
    ("accounts/domain/audit.py", "-number"): "unique within the chain that the query names",
    ("accounts/domain/audit.py", "number"): "unique within the chain that the query names",
    ("inbox/queries.py", "outcome"): "grouped by it",
    ("inbox/queries.py", "of_id"): "grouped by it",
}
PRIMARY_KEYS = {"pk", "seq", "twitter_id"}
# Save and delete are overridden once, to keep rows in their brand (decision 0003).
SAVERS = {"tenants/models/guarded.py"}


def test_imports_stand_at_the_top():
    late = {
        f"{name}:{inner.lineno}"
        for name, node in nodes(ast.FunctionDef, ast.AsyncFunctionDef)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    }

    assert late == set(LATE_IMPORTS)


def test_nothing_is_caught_that_nobody_named():
    broad = {
        name
        for name, node in nodes(ast.ExceptHandler)
        if node.type is None or {"Exception", "BaseException"} & {*_names(node.type)}
        if not _raises_it_again(node)
    }

    assert broad == set(BROAD)


def test_a_list_is_in_one_order_only():
    loose = {
        (name, _literal(node.args[-1]))
        for name, node in nodes(ast.Call)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "order_by" and node.args
        if _literal(node.args[-1]).lstrip("-") not in PRIMARY_KEYS
    }

    assert loose == set(ORDERED_OTHERWISE)


def test_no_model_decides_its_own_order():
    ordered = [
        f"{name}:{inner.lineno}"
        for name, node in nodes(ast.ClassDef)
        if node.name == "Meta"
        for inner in node.body
        if isinstance(inner, ast.Assign) and "ordering" in {*_names(inner.targets[0])}
    ]

    assert ordered == []


def test_saving_a_row_has_no_hidden_work():
    overriding = {
        name
        for name, node in nodes(ast.FunctionDef)
        if node.name in {"save", "save_base", "delete"} and "/models" in name
    }

    assert overriding == SAVERS


@pytest.mark.parametrize("word", ["django.dispatch", "django.db.models.signals", "GenericForeignKey", "receiver"])
def test_nothing_happens_behind_a_callers_back(word):
    using = [
        name
        for name, node in nodes(ast.Import, ast.ImportFrom)
        if word in {getattr(node, "module", ""), *(alias.name for alias in node.names)}
    ]

    assert using == []


def test_a_todo_names_its_issue():
    nameless = [
        f"{name_of(path)}:{number}"
        for path in [*python_files(tests=True), *files_like(".js", ".css", ".html")]
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if re.search(r"\b(TODO|FIXME|XXX)\b", line) and not re.search(r"#\d+", line) and path.name != "test_style.py"
    ]

    assert nameless == []


def test_what_a_tweet_passes_through_explains_itself():
    silent = [
        f"{name}:{node.name}"
        for name, node in nodes(ast.FunctionDef, ast.AsyncFunctionDef)
        if re.search(r"/(domain/|policies|queries)", name)
        if not node.name.startswith("_") and node.col_offset == 0 and not ast.get_docstring(node)
    ]

    assert silent == []


def _raises_it_again(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def _names(node: ast.expr) -> list[str]:
    return [inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)]


def _literal(node: ast.expr) -> str:
    """What an `order_by` names: a word, or the field inside `F("…").asc()`; else its source."""
    words = [
        inner.value for inner in ast.walk(node) if isinstance(inner, ast.Constant) and isinstance(inner.value, str)
    ]
    return words[0] if words else ast.unparse(node)
