"""The audit's chains, and the walls between agencies in the public tables."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psycopg
import pytest
from django.db import ProgrammingError, connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.domain import audit
from accounts.enums import AuditKind
from accounts.models import AuditEntry, DeskRow, Membership, User
from tenants import entry
from tenants.models import Brand
from tests.conftest import NOON
from tests.walled import Walled, as_owner

pytestmark = pytest.mark.commits


@pytest.fixture(autouse=True)
def _chains_as_they_were(walled) -> Iterator[None]:
    with as_owner() as owner:
        kept = [row[0] for row in owner.execute("SELECT id FROM accounts_auditentry")]
    yield
    with as_owner() as owner:
        owner.execute("DELETE FROM accounts_auditentry WHERE NOT id = ANY(%s)", [kept])


def chain_of(brand: Brand) -> str:
    return f"b{brand.pk}"


def write(walled: Walled, count: int = 5) -> None:
    """Entries two to six of brand one's chain."""
    with entry.brand(walled.one):
        for number in range(count):
            audit.record(
                AuditKind.REPLY_APPROVED,
                now=NOON + timedelta(seconds=number, microseconds=number),
                brand_id=walled.one.pk,
                by_id=number,
                facts={"reply": number, "names": ["ä", None, True, {"deep": -1}]},
            )


def first_broken(chain: str) -> int | None:
    with entry.directory():
        return audit.first_broken(chain)


def test_each_brand_agency_and_the_house_has_a_chain_of_its_own(walled):
    with entry.directory():
        house = audit.record(AuditKind.EXPORTED, now=NOON)
        agency = audit.record(AuditKind.EXPORTED, now=NOON, agency_id=walled.north.pk)
        brand = audit.record(AuditKind.EXPORTED, now=NOON, agency_id=walled.north.pk, brand_id=walled.one.pk)

        assert house.chain == "house"
        assert (agency.chain, brand.chain) == (f"a{walled.north.pk}", chain_of(walled.one))
        for entry_made in (agency, brand):
            before = AuditEntry.objects.get(chain=entry_made.chain, number=entry_made.number - 1)
            assert entry_made.previous_hash == before.hash
        for chain in ("house", agency.chain, brand.chain):
            assert audit.first_broken(chain) is None


def test_whoever_writes_goes_on_where_the_others_stopped(walled):
    """Directory, agency and brand write into one chain, and each reads it whole."""
    one = walled.one
    with entry.directory():
        audit.record(AuditKind.EXPORTED, now=NOON, agency_id=one.agency_id, brand_id=one.pk)
    with entry.brand(one):
        audit.record(AuditKind.EXPORTED, now=NOON, brand_id=one.pk)
        assert audit.first_broken(chain_of(one)) is None
    with entry.agency(one.agency_id):
        audit.record(AuditKind.EXPORTED, now=NOON, brand_id=one.pk)
        assert audit.first_broken(chain_of(one)) is None
        numbers = AuditEntry.objects.filter(chain=chain_of(one)).order_by("number").values_list("number", "agency_id")

        assert list(numbers) == [(number, one.agency_id) for number in (1, 2, 3, 4)]


def test_a_brands_entry_needs_to_know_whose_the_brand_is(walled):
    with entry.directory(), pytest.raises(entry.Misplaced):
        audit.record(AuditKind.EXPORTED, now=NOON, brand_id=walled.one.pk)


def test_nobody_records_for_another(walled):
    with entry.brand(walled.one):
        for others in ({"brand_id": walled.two.pk}, {"agency_id": walled.north.pk}, {}):
            with pytest.raises(ProgrammingError, match="row-level security"):
                audit.record(AuditKind.EXPORTED, now=NOON, **others)
    with entry.agency(walled.north.pk):
        for others in ({"brand_id": walled.three.pk}, {"agency_id": walled.south.pk}, {}):
            with pytest.raises(ProgrammingError, match="row-level security"):
                audit.record(AuditKind.EXPORTED, now=NOON, **others)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("at", "2026-11-03T12:00:02.000003Z"),
        ("by_id", 99),
        ("by_id", None),
        ("kind", "exported"),
        ("facts", '{"reply": 3}'),
        ("agency_id", None),
        ("brand_id", None),
        ("previous_hash", "0" * 64),
        ("hash", "0" * 64),
    ],
)
def test_a_changed_entry_is_found(walled, column, value):
    write(walled)

    _tamper(
        f"UPDATE accounts_auditentry SET {column} = %s WHERE chain = %s AND number = 4", value, chain_of(walled.one)
    )

    assert first_broken(chain_of(walled.one)) == 4


def test_an_entry_that_was_changed_and_hashed_anew_is_found_at_the_next(walled):
    write(walled)
    with entry.directory():
        changed = AuditEntry.objects.get(chain=chain_of(walled.one), number=4)
    changed.by_id = 99

    _tamper("UPDATE accounts_auditentry SET by_id = 99, hash = %s WHERE id = %s", audit.hash_of(changed), changed.pk)

    assert first_broken(chain_of(walled.one)) == 5


@pytest.mark.parametrize("number", [1, 2, 4, 5])
def test_a_removed_entry_is_found(walled, number):
    write(walled)
    with as_owner() as owner:
        kept = owner.execute(
            "SELECT * FROM accounts_auditentry WHERE chain = %s AND number = %s", [chain_of(walled.one), number]
        ).fetchone()

    _tamper("DELETE FROM accounts_auditentry WHERE chain = %s AND number = %s", chain_of(walled.one), number)

    try:
        assert first_broken(chain_of(walled.one)) == number
    finally:
        if number == 1:
            _put_back(kept)


def test_a_removed_entry_whose_followers_moved_up_is_found(walled):
    write(walled)

    _tamper("DELETE FROM accounts_auditentry WHERE chain = %s AND number = 3", chain_of(walled.one))
    for number in (4, 5, 6):
        _tamper(
            "UPDATE accounts_auditentry SET number = number - 1 WHERE chain = %s AND number = %s",
            chain_of(walled.one),
            number,
        )

    assert first_broken(chain_of(walled.one)) == 3


def test_two_entries_that_changed_places_are_found(walled):
    write(walled)

    for old, new in ((3, 33), (4, 3), (33, 4)):
        _tamper(
            "UPDATE accounts_auditentry SET number = %s WHERE chain = %s AND number = %s",
            new,
            chain_of(walled.one),
            old,
        )

    assert first_broken(chain_of(walled.one)) == 3


def test_an_entry_that_was_put_in_between_is_found(walled):
    write(walled)

    for number in (6, 5, 4):
        _tamper(
            "UPDATE accounts_auditentry SET number = number + 1 WHERE chain = %s AND number = %s",
            chain_of(walled.one),
            number,
        )
    _tamper(
        "INSERT INTO accounts_auditentry (chain, number, agency_id, brand_id, at, kind, facts, previous_hash, hash) "
        "SELECT chain, 4, agency_id, brand_id, at, kind, facts, previous_hash, hash FROM accounts_auditentry "
        "WHERE chain = %s AND number = 3",
        chain_of(walled.one),
    )

    assert first_broken(chain_of(walled.one)) == 4


def test_an_entry_of_another_chain_is_found(walled):
    write(walled)

    _tamper("DELETE FROM accounts_auditentry WHERE chain = %s AND number = 6", chain_of(walled.one))
    _tamper(
        "UPDATE accounts_auditentry SET chain = %s, number = 6 WHERE chain = %s AND number = 1",
        chain_of(walled.one),
        chain_of(walled.two),
    )

    try:
        assert first_broken(chain_of(walled.one)) == 6
    finally:
        _tamper(
            "UPDATE accounts_auditentry SET chain = %s, number = 1 WHERE chain = %s AND number = 6",
            chain_of(walled.two),
            chain_of(walled.one),
        )


def test_writers_at_the_same_time_keep_one_chain(walled):
    def write_ten(turn: int) -> None:
        try:
            with entry.brand(walled.one):
                for number in range(10):
                    audit.record(
                        AuditKind.EXPORTED, now=NOON, brand_id=walled.one.pk, facts={"turn": turn, "n": number}
                    )
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write_ten, range(4)))

    with entry.directory():
        numbers = list(
            AuditEntry.objects.filter(chain=chain_of(walled.one)).order_by("number").values_list("number", flat=True)
        )
    assert numbers == list(range(1, 42))
    assert first_broken(chain_of(walled.one)) is None


def test_an_entry_whose_transaction_fails_leaves_no_gap(walled):
    with entry.brand(walled.one):
        with pytest.raises(ZeroDivisionError), transaction.atomic():  # noqa: PT012
            audit.record(AuditKind.EXPORTED, now=NOON, brand_id=walled.one.pk)
            raise ZeroDivisionError
        audit.record(AuditKind.EXPORTED, now=NOON, brand_id=walled.one.pk)

    assert first_broken(chain_of(walled.one)) is None


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(codec="ascii", exclude_characters="\x00")), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(
    facts=st.dictionaries(st.text(st.characters(codec="ascii", exclude_characters="\x00")), plain, max_size=4),
    at=st.datetimes(timezones=st.timezones()),
)
def test_what_was_written_is_read_back_as_it_was_hashed(walled, facts, at):
    with entry.directory():
        written = audit.record(AuditKind.EXPORTED, now=at, facts=facts)

        assert audit.hash_of(AuditEntry.objects.get(pk=written.pk)) == written.hash


@pytest.mark.parametrize("door", ["directory", "agency", "brand"])
def test_the_app_neither_changes_nor_removes_an_entry(walled, door):
    doors = {
        "directory": entry.directory,
        "agency": lambda: entry.agency(walled.north.pk),
        "brand": lambda: entry.brand(walled.one),
    }
    with doors[door]():
        written = AuditEntry.objects.order_by("pk").first()
        for change in (
            lambda: AuditEntry.objects.update(by_id=1),
            lambda: AuditEntry.objects.all().delete(),
            lambda: written.save(),
            lambda: written.delete(),
            _truncate,
        ):
            with pytest.raises(ProgrammingError, match="permission denied"):
                change()


def test_an_agency_sees_its_own_desk_people_memberships_and_audit_and_no_others(walled):
    for mine, other, brands, person in (
        (walled.north, walled.south, [walled.one, walled.two], walled.norther_id),
        (walled.south, walled.north, [walled.three], walled.souther_id),
    ):
        with entry.agency(mine.pk):
            assert set(DeskRow.objects.values_list("agency_id", "brand_id")) == {
                (mine.pk, brand.pk) for brand in brands
            }
            assert set(User.objects.values_list("pk", flat=True)) == {person}
            assert set(Membership.objects.values_list("agency_id", "user_id")) == {(mine.pk, person)}
            assert set(AuditEntry.objects.values_list("agency_id", flat=True)) == {mine.pk}
            assert set(Brand.objects.values_list("pk", flat=True)) == {brand.pk for brand in brands}
            for model in (DeskRow, Membership, AuditEntry):
                assert not model.objects.filter(agency_id=other.pk).exists()
            assert DeskRow.objects.filter(agency_id=other.pk).delete()[0] == 0
            assert DeskRow.objects.filter(agency_id=other.pk).update(assigned_at=None) == 0


def _tamper(statement: str, *values: object) -> None:
    """As somebody who has got hold of the owner's log-in would."""
    with as_owner() as owner:
        assert owner.execute(statement, values).rowcount == 1


def _put_back(row: tuple[object, ...]) -> None:
    with as_owner() as owner:
        values = [psycopg.types.json.Jsonb(value) if isinstance(value, dict) else value for value in row]
        owner.execute(
            f"INSERT INTO accounts_auditentry OVERRIDING SYSTEM VALUE VALUES ({', '.join(['%s'] * len(row))})", values
        )


def _truncate() -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE accounts_auditentry")
