"""Tasks name their brand, and fail for one that is not there; a broker that is away costs nothing but time."""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from django.db import connection, transaction

from config.celery import app as celery
from inbox import tasks
from tenants import entry, nudge, schemas
from tenants.database.base import NOWHERE
from tenants.nudge import in_each_brand
from tests.walled import digest
from tests.world import free_port

pytestmark = pytest.mark.commits


def ours() -> dict[str, object]:
    celery.loader.import_default_modules()
    return {name: task for name, task in celery.tasks.items() if not name.startswith("celery.")}


def test_every_task_is_a_brands_or_fans_out():
    kinds = {name: getattr(task, "is_brand_task", None) for name, task in ours().items()}

    assert {"inbox.post_replies", "inbox.find_out", "inbox.sweep"} <= set(kinds)
    assert {name: kind for name, kind in kinds.items() if kind is None} == {}


def test_every_task_that_runs_by_the_clock_is_there_and_fans_out():
    planned = {entry_["task"] for entry_ in celery.conf.beat_schedule.values()}

    assert planned <= set(ours())
    assert [name for name in planned if ours()[name].is_brand_task] == []


def brand_tasks() -> list[str]:
    return sorted(name for name, task in ours().items() if task.is_brand_task)


@pytest.mark.parametrize("name", brand_tasks())
@pytest.mark.parametrize("schema", ["b_0_nobody", "public", "", None])
def test_a_task_for_an_unknown_brand_fails_and_touches_nothing(walled, name, schema):
    before = [digest(brand) for brand in walled.brands]

    result = ours()[name].apply(kwargs={"schema": schema})

    assert isinstance(result.result, entry.UnknownBrand)
    assert connection.scope == NOWHERE
    assert [digest(brand) for brand in walled.brands] == before


@pytest.mark.parametrize("name", brand_tasks())
def test_a_task_for_a_deleted_brand_fails_and_touches_nothing(walled, new_brand, name):
    gone = new_brand()
    schemas.drop_brand(brand=gone)
    before = [digest(brand) for brand in walled.brands]

    result = ours()[name].apply(kwargs={"schema": gone.schema_name})

    assert isinstance(result.result, entry.UnknownBrand)
    assert [digest(brand) for brand in walled.brands] == before


@pytest.mark.parametrize("name", brand_tasks())
def test_a_task_that_names_no_brand_fails(walled, name):
    for arguments in ({"kwargs": {}}, {"args": [walled.one.schema_name]}):
        assert isinstance(ours()[name].apply(**arguments).result, TypeError)
    assert connection.scope == NOWHERE


def test_a_task_runs_inside_its_brand_swallows_what_a_later_release_says_and_leaves(walled):
    seen = []

    @nudge.brand_task(name="tests.look")
    def look(*, number: int, **_future: object) -> None:
        seen.append((entry.current_brand_id(), number))

    try:
        for brand in walled.brands:
            look.apply(kwargs={"schema": brand.schema_name, "number": brand.pk, "colour": "green"}).get()
            assert connection.scope == NOWHERE
    finally:
        celery.tasks.unregister("tests.look")

    assert seen == [(brand.pk, brand.pk) for brand in walled.brands]


def test_a_nudge_inside_a_transaction_raises(walled):
    with entry.brand(walled.one), transaction.atomic(), pytest.raises(entry.Misplaced, match="then nudges"):
        nudge.nudge(tasks.post_replies)


def test_a_nudge_needs_a_brand(walled):
    for door in (entry.nowhere, entry.directory, lambda: entry.agency(walled.north.pk)):
        with door(), pytest.raises(entry.Misplaced):
            nudge.nudge(tasks.post_replies)


def test_a_nudge_names_the_brand_it_is_sent_from(walled):
    sent = _watched_queue(of=tasks.post_replies)
    with entry.brand(walled.two):
        nudge.nudge(tasks.post_replies)

    assert sent() == [{"schema": walled.two.schema_name}]


def test_each_brand_is_sent_one_task(walled):
    sent = _watched_queue(of=tasks.find_out)
    count = in_each_brand(tasks.find_out)

    schemas_ = [arguments["schema"] for arguments in sent()]
    assert len(schemas_) == len(set(schemas_)) == count
    assert {brand.schema_name for brand in walled.brands} <= set(schemas_)


def test_a_broker_that_is_away_is_survived(walled):
    """In a process of its own, whose broker is a port where nobody listens."""
    story = (
        "import time, django; django.setup()\n"
        "from inbox import tasks; from tenants import entry, live, nudge\n"
        "from config.celery import app\n"
        f"brand = entry.brand_named({walled.one.schema_name!r})\n"
        "begun = time.monotonic()\n"
        "with entry.brand(brand):\n"
        "    nudge.nudge(tasks.post_replies)\n"
        "    live.publish('nobody', 'listens')\n"
        "    print('survived', entry.current_schema(), time.monotonic() - begun < 2)\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", story],
        env={**os.environ, "NIGHTJAR_REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert told.stdout.strip() == f"survived {walled.one.schema_name} True", told.stderr
    assert "The broker is away" in told.stderr


def _watched_queue(*, of: Any) -> Callable[[], list[dict[str, object]]]:
    """Empties the queue of this task; what is returned reads what was sent since."""
    route = celery.conf.task_routes.get(of.name, {})
    name = route.get("queue", celery.conf.task_default_queue)

    def sent() -> list[dict[str, object]]:
        found = []
        with celery.connection_for_read() as broker, broker.SimpleQueue(name) as queue, suppress(queue.Empty):
            while True:
                message = queue.get(block=False)
                found.append(message.payload[1])
                message.ack()
        return found

    sent()
    return sent
