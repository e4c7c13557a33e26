"""The only door into a brand, an agency, or the public tables.

Each door is a context manager. Inside, the connection wears one Postgres role and one search_path; outside all of
them it is the bare login role, which sees nothing. Brand outside, transaction inside: a door that is opened or left
inside a transaction raises, because the role would change under statements that were written for another.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from tenants.database.base import NOWHERE, Scope, connection
from tenants.models import Brand, BuildState

P = ParamSpec("P")
T = TypeVar("T")

# Tests run inside transactions of their own; they say here how many are around everything.
transactions_around = 0


class Misplaced(RuntimeError):
    """A door was used where it may not be, or a row was touched outside its brand. Always a bug."""


class UnknownBrand(LookupError):
    """There is no such brand, not yet, or no longer."""


@contextmanager
def brand(the_brand: Brand) -> Iterator[Brand]:
    """Stand inside this brand: its role, its schema, its rows of the few shared tables."""
    with _standing(
        Scope(
            role=f"brand_{the_brand.pk}",
            schema=the_brand.schema_name,
            agency_id=the_brand.agency_id,
            brand_id=the_brand.pk,
        )
    ):
        yield the_brand


@contextmanager
def agency(agency_id: int) -> Iterator[None]:
    """Stand inside this agency: its rows of the public tables, no brand's schema."""
    with _standing(Scope(role=f"agency_{agency_id}", agency_id=agency_id)):
        yield


@contextmanager
def directory() -> Iterator[None]:
    """Stand where a request begins: hosts, brands, sessions and log-ins, nothing of a brand's or an agency's work."""
    with _standing(Scope(role="directory")):
        yield


@contextmanager
def operators() -> Iterator[None]:
    """Stand where the people stand who run Nightjar itself: agencies, their hosts, invitations; no agency's work."""
    with _standing(Scope(role="operators")):
        yield


@contextmanager
def nowhere() -> Iterator[None]:
    """Step outside everything, as a worker does between two brands."""
    with _standing(NOWHERE):
        yield


def in_brand(the_brand: Brand, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Enter, ask, leave: what async code calls through `sync_to_async`, since no `await` happens inside a brand."""
    with brand(the_brand):
        return function(*args, **kwargs)


def brand_named(schema_name: str) -> Brand:
    """The brand with this schema, looked up from the directory; raises `UnknownBrand`."""
    with directory():
        found = Brand.objects.filter(schema_name=schema_name, build_state=BuildState.READY).first()
    if found is None:
        raise UnknownBrand(f"There is no brand with the schema {schema_name!r}.")
    return found


def current_brand_id() -> int:
    """The brand that we stand in; raises `Misplaced` outside of any."""
    if not connection.scope.brand_id:
        raise Misplaced("This needs a brand, and none was entered.")
    return connection.scope.brand_id


def current_schema() -> str:
    """The schema of the brand that we stand in; raises `Misplaced` outside of any."""
    current_brand_id()
    return connection.scope.schema


def current_agency_id() -> int:
    """The agency that we stand in, or whose brand we stand in; raises `Misplaced` outside of any."""
    if not connection.scope.agency_id:
        raise Misplaced("This needs an agency, and none was entered.")
    return connection.scope.agency_id


@contextmanager
def _standing(scope: Scope) -> Iterator[None]:
    before = connection.scope
    if scope == before:
        yield
        return
    if _is_in_transaction():
        raise Misplaced("A brand or agency is entered outside of transactions, never within one.")
    connection.stand_in(scope)
    try:
        yield
    finally:
        connection.stand_in(before)
        if _is_in_transaction():
            # What was begun in there would go on, and be committed, out here.
            _take_back()
            raise Misplaced("A brand or agency was left within a transaction, which is taken back.")


def _is_in_transaction() -> bool:
    if connection.in_atomic_block:
        return len(connection.atomic_blocks) > transactions_around
    return connection.connection is not None and not connection.get_autocommit()


def _take_back() -> None:
    if connection.in_atomic_block:
        connection.set_rollback(True)
    else:
        connection.rollback()
