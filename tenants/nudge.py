"""Nudges: a worker looks sooner. Lost nudges cost seconds; the sweep comes by anyway.

A task of a brand carries the brand's schema in its arguments by keyword, and fails where there is no such brand
(tenant-schemas-celery would quietly run it in `public`).
"""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

from celery import shared_task
from django.db import DatabaseError, close_old_connections, connection
from kombu.exceptions import OperationalError
from redis import RedisError

from tenants import entry, queries

log = logging.getLogger(__name__)


def brand_task(*, name: str) -> Callable[[Callable[..., Any]], Any]:
    """A Celery task that runs inside the brand whose schema it was sent for; without a known one it fails."""

    def decorate(function: Callable[..., Any]) -> Any:
        @wraps(function)
        def run(*, schema: str, **arguments: Any) -> Any:
            close_old_connections()  # Celery keeps one that the server has closed, and every task after fails
            with entry.brand(entry.brand_named(schema)):
                return function(**arguments)

        task = shared_task(name=name, ignore_result=True)(run)
        task.is_brand_task = True
        return task

    return decorate


def fan_out_task(*, name: str) -> Callable[[Callable[..., Any]], Any]:
    """A Celery task that stands nowhere and does nothing but send brand tasks."""

    def decorate(function: Callable[..., Any]) -> Any:
        @wraps(function)
        def run(*arguments: Any, **named: Any) -> Any:
            close_old_connections()
            return function(*arguments, **named)

        task = shared_task(name=name, ignore_result=True)(run)
        task.is_brand_task = False
        return task

    return decorate


def house_task(*, name: str) -> Callable[[Callable[..., Any]], Any]:
    """A Celery task that stands nowhere and does the house's own work, as its owner: making brands, ending them."""
    return fan_out_task(name=name)


def nudge(task: Any, *, schema: str | None = None, after: float = 0, **arguments: Any) -> None:
    """Ask a worker to run this task for the current brand (or the one named) soon, or in so many seconds, of which a
    minute is the most. Call it after the change, outside of its transaction. A broker that is away is logged and
    nothing more."""
    if connection.in_atomic_block and len(connection.atomic_blocks) > entry.transactions_around:
        raise entry.Misplaced("A door changes, then nudges: not inside the transaction.")
    _send(task, {**arguments, "schema": schema or entry.current_schema()}, after=after)


def nudge_house(task: Any) -> None:
    """Ask a worker to do this work of the house soon. Call it after the change, outside of its transaction."""
    if connection.in_atomic_block and len(connection.atomic_blocks) > entry.transactions_around:
        raise entry.Misplaced("A door changes, then nudges: not inside the transaction.")
    _send(task, {})


def _send(task: Any, arguments: dict[str, Any], *, after: float = 0) -> None:
    try:
        task.apply_async(kwargs=arguments, retry=False, expires=120, countdown=min(after, 60))
    except (OperationalError, RedisError, ConnectionError) as error:
        log.warning("The broker is away (%s); the sweep will do it.", error)


def in_each_brand(task: Any, *, asking: Callable[[], bool] | None = None) -> int:
    """Send a brand task for every brand, or for those where the question `asking`, put inside the brand, is answered
    with yes; returns how many. Each brand gets one, so none starves another. A brand that cannot be asked is logged."""
    with entry.directory():
        brands = queries.all_brands()
    sent = 0
    for brand in brands:
        try:
            wanted = asking is None or entry.in_brand(brand, asking)
        except DatabaseError as error:
            log.error("%s could not be asked: %s", brand.schema_name, str(error).strip())
            continue
        if wanted:
            nudge(task, schema=brand.schema_name)
            sent += 1
    return sent
