"""Into a brand and out again, with real transactions: everything here is committed, in brands of its own."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from django.db import DatabaseError, IntegrityError, OperationalError, ProgrammingError, connection, transaction
from psycopg import sql

from inbox.models import Customer, Message
from tenants import entry, schemas
from tenants.database.base import NOWHERE
from tenants.entry import Misplaced, UnknownBrand
from tenants.models import Brand
from tests.walled import APP, KEY, as_owner, canary_of, digest, psql, role

pytestmark = pytest.mark.commits


@pytest.fixture(autouse=True)
def _nowhere_before_and_after(walled) -> Iterator[None]:
    connection.close()
    assert where() == ("nightjar_app", "public")
    yield
    assert connection.scope == NOWHERE
    assert not connection.in_atomic_block
    assert where() == ("nightjar_app", "public")


def where() -> tuple[str, str]:
    """The role and the search_path, as the database sees them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, current_setting('search_path')")
        return cursor.fetchone()


def place_of(brand: Brand) -> tuple[str, str]:
    return role(f"brand_{brand.pk}"), f'"{brand.schema_name}", public'


def text() -> str:
    """What the one message of the brand says."""
    return Message.objects.get(pk=KEY).text


def test_inside_a_brand_one_wears_its_role_and_path_and_outside_neither(walled):
    with entry.brand(walled.one) as inside:
        assert inside == walled.one
        assert where() == place_of(walled.one)
        assert (entry.current_brand_id(), entry.current_agency_id()) == (walled.one.pk, walled.north.pk)
        assert entry.current_schema() == walled.one.schema_name

    assert where() == ("nightjar_app", "public")


def test_the_directory_and_an_agency_have_roles_of_their_own(walled):
    with entry.directory():
        assert where() == (role("directory"), "public")
    with entry.agency(walled.south.pk):
        assert where() == (role(f"agency_{walled.south.pk}"), "public")
        assert entry.current_agency_id() == walled.south.pk


@pytest.mark.parametrize("ask", [entry.current_brand_id, entry.current_schema, entry.current_agency_id])
def test_what_needs_a_brand_raises_without_one(ask):
    with pytest.raises(Misplaced), entry.directory():
        ask()


def test_without_a_brand_a_brands_table_raises_wherever_one_stands(walled):
    for door in (entry.nowhere, entry.directory, lambda: entry.agency(walled.north.pk)):
        with door(), pytest.raises(ProgrammingError):
            text()


def test_an_unknown_schema_is_no_brand():
    for name in ("b_0_nobody", "public", "pg_catalog", "", "b_1; DROP SCHEMA public", None):
        with pytest.raises(UnknownBrand):
            entry.brand_named(name)


@pytest.mark.parametrize("broken", ["pk", "schema_name", "both"])
def test_a_brand_that_is_not_there_raises_at_the_first_touch(walled, broken):
    brand = Brand(pk=walled.one.pk, schema_name=walled.one.schema_name, agency_id=walled.north.pk)
    if broken != "schema_name":
        brand.pk = 999_999
    if broken != "pk":
        brand.schema_name = "b_999999_gone"

    with entry.brand(brand):
        for touch in (text, lambda: Brand.objects.count(), where):
            with pytest.raises(DatabaseError):
                touch()


def test_one_brands_role_with_another_brands_schema_reads_nothing(walled):
    mixed = Brand(pk=walled.one.pk, schema_name=walled.two.schema_name, agency_id=walled.north.pk)

    with entry.brand(mixed), pytest.raises(DatabaseError):
        text()


def test_a_brand_that_was_dropped_raises_for_whoever_still_holds_it(walled, new_brand):
    stale = new_brand()
    with entry.brand(stale):
        Customer.objects.create(pk=KEY, username="jo")
    before = digest(walled.one)
    _drop(stale)

    with entry.brand(stale), pytest.raises(DatabaseError):
        Customer.objects.create(pk=KEY + 1, username="jo")
    with pytest.raises(UnknownBrand):
        entry.brand_named(stale.schema_name)

    assert digest(walled.one) == before


def test_a_brand_that_is_dropped_while_one_stands_in_it_raises(new_brand):
    stale = new_brand()
    with entry.brand(stale):
        assert Customer.objects.count() == 0
        _drop(stale)

        with pytest.raises(DatabaseError):
            Customer.objects.count()
        with pytest.raises(DatabaseError):
            Customer.objects.create(pk=KEY, username="jo")


def test_a_schema_that_is_gone_behind_our_back_raises_and_public_is_not_read_instead(walled, new_brand):
    brand = new_brand()
    with as_owner() as owner:
        owner.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(brand.schema_name)))

    with entry.brand(brand):
        with pytest.raises(DatabaseError):
            Customer.objects.count()
        with pytest.raises(DatabaseError):
            Brand.objects.count()


def test_a_table_that_is_gone_raises(new_brand):
    brand = new_brand()
    with as_owner() as owner:
        owner.execute(sql.SQL("DROP TABLE {}.inbox_customer CASCADE").format(sql.Identifier(brand.schema_name)))

    with entry.brand(brand), pytest.raises(ProgrammingError):
        Customer.objects.count()


def test_a_role_that_may_not_be_worn_raises_and_the_statement_is_not_run(walled, new_brand):
    """django-tenants would swallow this, and read on in the schema of the call before."""
    brand = new_brand()
    with as_owner() as owner:
        owner.execute(sql.SQL("REVOKE {} FROM nightjar_app").format(sql.Identifier(role(f"brand_{brand.pk}"))))

    with entry.brand(walled.one):
        assert text().startswith(canary_of(walled.one))
        with entry.brand(brand):
            for _ in range(2):
                with pytest.raises(ProgrammingError, match="permission denied to set role"):
                    text()
            with pytest.raises(ProgrammingError), transaction.atomic():
                text()
        assert text().startswith(canary_of(walled.one))


def test_role_and_path_are_back_after_an_exception(walled):
    with pytest.raises(ZeroDivisionError), entry.brand(walled.one):  # noqa: PT012
        assert where() == place_of(walled.one)
        raise ZeroDivisionError

    assert where() == ("nightjar_app", "public")


def test_role_and_path_are_back_after_a_database_error(walled):
    with pytest.raises(IntegrityError), entry.brand(walled.one):
        Customer.objects.bulk_create([Customer(pk=KEY, username="jo")])

    assert where() == ("nightjar_app", "public")


def test_a_rollback_takes_the_rows_and_leaves_role_and_path(walled):
    """The SET was issued inside the transaction, so the rollback undoes it; the next statement must set it anew."""
    with entry.brand(walled.one):
        with pytest.raises(ZeroDivisionError), transaction.atomic():  # noqa: PT012
            Customer.objects.create(pk=KEY + 1, username="jo")
            raise ZeroDivisionError
        assert where() == place_of(walled.one)
        assert not Customer.objects.filter(pk=KEY + 1).exists()
    with entry.brand(walled.two):
        assert where() == place_of(walled.two)


def test_a_rollback_to_a_savepoint_leaves_role_and_path(walled):
    """Here the SET comes after the savepoint, and goes with it."""
    with entry.brand(walled.one), transaction.atomic():
        with pytest.raises(IntegrityError), transaction.atomic():
            Customer.objects.bulk_create([Customer(pk=KEY, username="jo")])
        assert where() == place_of(walled.one)
        with pytest.raises(ZeroDivisionError), transaction.atomic(), transaction.atomic():  # noqa: PT012
            Customer.objects.create(pk=KEY + 1, username="jo")
            raise ZeroDivisionError
        assert where() == place_of(walled.one)
        assert text().startswith(canary_of(walled.one))


def test_a_transaction_that_fails_at_its_commit_leaves_role_and_path(walled):
    with entry.brand(walled.one):
        with pytest.raises(IntegrityError), transaction.atomic():
            Message.objects.filter(pk=KEY).update(conversation_id=KEY + 1)  # the foreign key is looked at last
        assert where() == place_of(walled.one)


def test_brands_nest_outside_of_transactions(walled):
    with entry.brand(walled.one):
        with entry.brand(walled.two):
            assert where() == place_of(walled.two)
            with entry.directory():
                assert where() == (role("directory"), "public")
            with entry.brand(walled.two):
                assert text().startswith(canary_of(walled.two))
            assert where() == place_of(walled.two)
        assert where() == place_of(walled.one)
        with entry.nowhere():
            assert where() == ("nightjar_app", "public")
        assert text().startswith(canary_of(walled.one))


@pytest.mark.parametrize("door", ["brand", "agency", "directory", "nowhere"])
def test_no_door_opens_inside_a_transaction(walled, door):
    doors: dict[str, Callable] = {
        "brand": lambda: entry.brand(walled.two),
        "agency": lambda: entry.agency(walled.north.pk),
        "directory": entry.directory,
        "nowhere": entry.nowhere,
    }
    with entry.brand(walled.one), transaction.atomic():
        assert text().startswith(canary_of(walled.one))
        with pytest.raises(Misplaced), doors[door]():
            raise AssertionError("one stands inside")
        assert where() == place_of(walled.one)
        with entry.brand(walled.one):  # the brand that one stands in already
            assert text().startswith(canary_of(walled.one))


def test_no_door_opens_while_autocommit_is_off(walled):
    transaction.set_autocommit(False)
    try:
        with pytest.raises(Misplaced), entry.brand(walled.one):
            raise AssertionError("one stands inside")
    finally:
        transaction.rollback()
        transaction.set_autocommit(True)


def test_leaving_inside_a_transaction_raises_and_commits_nothing(walled):
    before = digest(walled.one)
    inner = transaction.atomic()

    with pytest.raises(Misplaced), entry.brand(walled.one):  # noqa: PT012
        inner.__enter__()
        Customer.objects.create(pk=KEY + 2, username="jo")
    inner.__exit__(None, None, None)

    assert digest(walled.one) == before


def test_the_first_exception_is_told_when_leaving_inside_a_transaction(walled):
    inner = transaction.atomic()

    with pytest.raises(Misplaced) as caught, entry.brand(walled.one):  # noqa: PT012
        inner.__enter__()
        raise ZeroDivisionError
    inner.__exit__(None, None, None)

    assert isinstance(caught.value.__context__, ZeroDivisionError)


def test_threads_share_nothing(walled):
    """Four threads, three brands, in step: each reads its own."""
    in_step, read = threading.Barrier(4), []

    def look(turn: int) -> None:
        with _own_connection():
            for step in range(12):
                brand = walled.brands[(turn + step) % 3]
                in_step.wait(10)
                with entry.brand(brand):
                    in_step.wait(10)
                    read.append((brand.pk, text()))
                in_step.wait(10)

    with ThreadPoolExecutor(4) as threads:
        for job in [threads.submit(look, turn) for turn in range(4)]:
            job.result()

    assert len(read) == 48
    assert [(pk, said) for pk, said in read if not said.startswith(f"canary-{pk}-")] == []
    assert connection.scope == NOWHERE


def test_a_worker_thread_that_is_used_again_brings_nothing_along(walled):
    def read_in(brand: Brand) -> str:
        with entry.brand(brand):
            return text()

    def read_nowhere() -> tuple[str, str]:
        with pytest.raises(ProgrammingError):
            text()
        return where()

    with ThreadPoolExecutor(1) as worker:
        try:
            texts = [worker.submit(read_in, brand).result() for brand in (*walled.brands, *reversed(walled.brands))]
            assert worker.submit(read_nowhere).result() == ("nightjar_app", "public")
            with pytest.raises(DatabaseError):
                worker.submit(read_in, Brand(pk=999_999, schema_name="b_999999_gone", agency_id=1)).result()
            assert worker.submit(read_nowhere).result() == ("nightjar_app", "public")
        finally:
            worker.submit(lambda: connection.close()).result()

    wanted = [*walled.brands, *reversed(walled.brands)]
    assert [said.rsplit("-", 1)[0] + "-" for said in texts] == [canary_of(brand) for brand in wanted]


def test_in_brand_enters_asks_and_leaves(walled):
    assert entry.in_brand(walled.two, text).startswith(canary_of(walled.two))
    assert where() == ("nightjar_app", "public")


def test_a_connection_that_the_server_ends_raises_and_the_next_reads_the_right_brand(walled):
    with entry.brand(walled.one):
        assert text().startswith(canary_of(walled.one))
        _terminate()
        with pytest.raises(OperationalError):
            text()
        connection.close()  # as at the end of a request
        assert text().startswith(canary_of(walled.one))
        assert where() == place_of(walled.one)
    with entry.brand(walled.two):
        _terminate()
        connection.close_if_unusable_or_obsolete()
        connection.close_if_unusable_or_obsolete()
        connection.close()
        assert text().startswith(canary_of(walled.two))


def test_a_connection_that_ends_between_two_brands_is_found_out_by_its_health_check(walled):
    """What Django does at the start of each request."""
    with entry.brand(walled.one):
        assert text().startswith(canary_of(walled.one))
    _terminate()
    connection.health_check_done = False

    with entry.brand(walled.two):
        assert text().startswith(canary_of(walled.two))
        assert where() == place_of(walled.two)


def test_a_connection_that_ends_within_a_transaction_writes_nothing(walled):
    before = digest(walled.one)
    with entry.brand(walled.one):
        with pytest.raises(DatabaseError), transaction.atomic():  # noqa: PT012
            Customer.objects.create(pk=KEY + 3, username="jo")
            _terminate()
            Customer.objects.create(pk=KEY + 4, username="jo")
        assert text().startswith(canary_of(walled.one))

    assert digest(walled.one) == before


def test_named_cursors_are_off_since_they_would_read_past_the_door():
    """A server-side cursor enters on another cursor than the one it reads with."""
    assert connection.settings_dict["DISABLE_SERVER_SIDE_CURSORS"]
    assert "pool" not in connection.settings_dict["OPTIONS"]


@contextmanager
def _own_connection() -> Iterator[None]:
    """In a thread: Django's connection of this thread is closed at the end."""
    try:
        yield
    finally:
        connection.close()


def _terminate() -> None:
    """The server ends our connection, as it does when it restarts."""
    pid = connection.connection.info.backend_pid
    same_login = psql(APP)
    try:
        assert same_login.execute("SELECT pg_terminate_backend(%s, 5000)", [pid]).fetchone()[0]
    finally:
        same_login.close()


def _drop(brand: Brand) -> None:
    """End a brand from a thread that stands nowhere."""
    with ThreadPoolExecutor(1) as elsewhere:
        elsewhere.submit(schemas.drop_brand, brand=brand).result()
