"""What keeps brands apart and is a matter of how code is written (rules 2, 3, 5, 7, 10)."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings

from accounts.models import User
from tenants import walls
from tenants.models import BrandModel
from tests.house.source import name_of, nodes, python_files, tree_of

MOVERS = {
    "set_schema",
    "set_schema_to_public",
    "set_tenant",
    "schema_context",
    "tenant_context",
    "stand_in",
    "schema_name",
    "search_path_set_schemas",
}
DOORS = {"brand", "agency", "directory", "nowhere", "_standing"}
CACHES = {"cache", "lru_cache", "cached_property", "cache_page", "cache_control"}
# What may be remembered: nothing that is in these comes from a row.
REMEMBERED = {
    ("inbox/domain/demonstration.py", "cached_property"): "the texts of the demonstration, read from a file",
    ("inbox/domain/triage.py", "cache"): "the words of triage, read from a file",
    ("inbox/management/benches/payloads.py", "cache"): "numbers for the benches",
    ("tenants/database/columns.py", "lru_cache"): "how PostgreSQL reads an instant, and a column of so many ids",
    ("tenants/letterbox.py", "cache"): "the text of a brand's INSERT, by its schema's name",
    ("tenants/schemas.py", "cache"): "the SQL that makes a brand's tables, from the models alone",
    ("tenants/outgoing.py", "cache"): "the certificates that outgoing calls trust",
}
# Public tables that a brand's rows may point to.
POINTED_TO = {User}


def pieces(text: str) -> list[tuple[str, ast.AST]]:
    """The nodes of a text that is not ours: to show that a rule can be broken."""
    return [("example.py", node) for node in ast.walk(ast.parse(text))]


def everything() -> list[tuple[str, ast.AST]]:
    return list(nodes(ast.AST))


def moves(found: list[tuple[str, ast.AST]]) -> Iterator[str]:
    """Where a connection is moved between schemas. A brand's own `schema_name` may be read; a connection's may not."""
    for name, node in found:
        word = {ast.Attribute: "attr", ast.Name: "id", ast.alias: "name", ast.FunctionDef: "name"}.get(type(node), "")
        said = getattr(node, word).rpartition(".")[2] if word else ""
        if said == "schema_name":
            if "connection" in ast.unparse(getattr(node, "value", node)):
                yield f"{name}:{node.lineno}"
        elif said in MOVERS:
            yield f"{name}:{node.lineno}"


def awaits_inside(found: list[tuple[str, ast.AST]]) -> Iterator[str]:
    """Where something is awaited, or yielded to a loop, with a brand around it."""
    for name, node in found:
        if isinstance(node, ast.With | ast.AsyncWith) and any(_is_a_door(item.context_expr) for item in node.items):
            for inner in ast.walk(node):
                if isinstance(inner, ast.Await | ast.AsyncFor | ast.AsyncWith):
                    yield f"{name}:{inner.lineno}"


def caches(found: list[tuple[str, ast.AST]]) -> Iterator[tuple[str, str]]:
    for name, node in found:
        for decorator in getattr(node, "decorator_list", ()):
            word = ast.unparse(decorator).partition("(")[0].rpartition(".")[2]
            if word in CACHES:
                yield name, word


def waits(found: list[tuple[str, ast.AST]]) -> Iterator[str]:
    """Where a task is put off by anything but a number of seconds up to sixty."""
    for name, node in found:
        if isinstance(node, ast.Call):
            for keyword in node.keywords:
                if keyword.arg == "eta" or (keyword.arg == "countdown" and not _is_a_minute_at_most(keyword.value)):
                    yield f"{name}:{node.lineno}"


def _is_a_minute_at_most(value: ast.expr) -> bool:
    """A number up to sixty, or `min(…)` of such a number and anything else."""
    if isinstance(value, ast.Call) and ast.unparse(value.func) == "min":
        return any(_is_a_minute_at_most(each) for each in value.args)
    return isinstance(value, ast.Constant) and isinstance(value.value, int | float) and value.value <= 60


def content_types(found: list[tuple[str, ast.AST]]) -> Iterator[str]:
    for name, node in found:
        said = {ast.Name: "id", ast.Attribute: "attr", ast.alias: "name", ast.ImportFrom: "module"}.get(type(node), "")
        if said and {"ContentType", "GenericForeignKey", "GenericRelation", "contenttypes"} & set(
            (getattr(node, said) or "").split(".")
        ):
            yield f"{name}:{getattr(node, 'lineno', 0)}"


def _is_a_door(call: ast.expr) -> bool:
    called = ast.unparse(call).partition("(")[0].split(".")
    return called[-1] in DOORS and (len(called) == 1 or called[-2] == "entry")


def outside_tenants() -> list[tuple[str, ast.AST]]:
    return [(name, node) for name, node in everything() if not name.startswith("tenants/")]


def test_connections_are_moved_in_tenants_alone():
    assert list(moves(outside_tenants())) == []


def test_nothing_is_awaited_inside_a_brand():
    assert list(awaits_inside(everything())) == []


def test_async_code_enters_no_brand_but_through_a_sync_function():
    """A door that is opened in an async function is open for whoever runs in that thread meanwhile."""
    opened = [
        f"{name}:{inner.lineno}"
        for name, node in everything()
        if isinstance(node, ast.AsyncFunctionDef)
        for inner in ast.walk(node)
        if isinstance(inner, ast.With | ast.AsyncWith) and any(_is_a_door(item.context_expr) for item in inner.items)
    ]

    assert opened == []


def test_rows_are_not_remembered_between_calls():
    assert set(caches(everything())) <= set(REMEMBERED)


def test_nothing_is_put_off_for_more_than_a_minute():
    assert list(waits(everything())) == []


def test_no_content_types_in_a_brand():
    brands = tuple(f"{label}/" for label in settings.TENANT_APPS)

    assert list(content_types([(name, node) for name, node in everything() if name.startswith(brands)])) == []
    assert {path.parts[0] for path in map(Path, map(name_of, python_files()))} >= set(settings.TENANT_APPS)


@pytest.mark.parametrize(
    ("rule", "broken"),
    [
        (moves, "connection.set_schema('b_1')"),
        (moves, "from django_tenants.utils import schema_context"),
        (moves, "connection.stand_in(scope)"),
        (moves, "print(connection.schema_name)"),
        (awaits_inside, "async def f():\n    with entry.brand(b):\n        await g()"),
        (awaits_inside, "async def f():\n    with a, brand(b):\n        if x:\n            async for y in z: pass"),
        (caches, "@lru_cache(maxsize=5)\ndef rows(): pass"),
        (caches, "@functools.cache\ndef rows(): pass"),
        (waits, "task.apply_async(eta=now)"),
        (waits, "task.apply_async(countdown=61)"),
        (waits, "task.apply_async(countdown=later)"),
        (waits, "task.apply_async(countdown=min(later, 61))"),
        (content_types, "from django.contrib.contenttypes.models import ContentType"),
    ],
)
def test_each_rule_finds_what_breaks_it(rule: Callable[..., Iterator[object]], broken: str):
    assert list(rule(pieces(broken)))


@pytest.mark.parametrize(
    ("rule", "fine"),
    [
        (moves, "print(brand.schema_name)"),
        (awaits_inside, "async def f():\n    with entry.brand(b):\n        g()\n    await h()"),
        (caches, "def cache(): pass"),
        (waits, "task.apply_async(countdown=60, expires=120)"),
        (waits, "task.apply_async(countdown=min(later, 60))"),
        (content_types, "content_type = 'text/html'"),
    ],
)
def test_and_nothing_else(rule: Callable[..., Iterator[object]], fine: str):
    assert list(rule(pieces(fine))) == []


def test_no_app_is_both_public_and_a_brands():
    assert set(settings.SHARED_APPS) & set(settings.TENANT_APPS) == set()
    assert {model._meta.app_label for model in walls.brand_tables()} <= set(settings.TENANT_APPS)
    assert all(issubclass(model, BrandModel) for model in walls.brand_tables())


def test_no_public_table_points_into_a_brand_and_brands_point_out_to_people_alone():
    brands = set(walls.brand_tables())
    ends = {
        (model in brands, field.related_model in brands, field.related_model)
        for model in apps.get_models(include_auto_created=True)
        for field in model._meta.get_fields(include_hidden=True)
        if field.is_relation and field.concrete and field.related_model and getattr(field, "db_constraint", True)
    }

    assert {where for from_brand, into_brand, where in ends if into_brand and not from_brand} == set()
    assert {where for from_brand, into_brand, where in ends if from_brand and not into_brand} == POINTED_TO


def test_whoever_makes_a_migration_for_a_brand_names_no_schema():
    """A migration runs once in every schema; one that names a schema would write into that one each time."""
    named = [
        name_of(path)
        for path in python_files(migrations=True)
        if path.parent.name == "migrations" and path.parts[-3] in settings.TENANT_APPS
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "public." in node.value
    ]

    assert named == []
