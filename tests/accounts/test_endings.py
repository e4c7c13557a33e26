"""A brand's end: exported whole, confirmed by its name, erased without a trace but its certificate."""

import csv
import hashlib
import io
import stat
import zipfile
import zlib
from pathlib import Path

import pytest
from django.conf import settings

from accounts.domain import audit, endings, founding
from accounts.domain.people import add_person
from accounts.enums import AuditKind, Role
from accounts.models import AuditEntry
from accounts.tasks import end_brands
from inbox.models import Credential
from tenants import badges, entry, schemas
from tenants.exports import safe_cell
from tenants.models import Brand, BrandState, Offboarding
from tenants.refusals import NotNow
from tests import factories
from tests.accounts.onboarding import office
from tests.conftest import NOON, handle_of
from tests.visiting import session_of, visitor
from tests.walled import as_owner

__all__ = ["office"]
pytestmark = pytest.mark.commits

SECRET = b"sealed-canary-of-a-token"


@pytest.fixture
def leaving(office) -> Brand:
    """A brand with a word of everything in it."""
    brand = office.ready(name="Leaving Air")
    schemas.add_handle(brand=brand, twitter_id=handle_of(brand), username="LeavingAir")
    with entry.brand(brand):
        conversation = factories.ConversationFactory(handle_id=handle_of(brand))
        factories.MessageFactory(conversation=conversation, text="=cmd|'/c calc'!A1 where is my bag?")
        for number, body in ((7, zlib.compress('{"text": "wörd for wörd"}'.encode())), (8, b"never packed")):
            factories.PayloadFactory(twitter_id=number, body=body)
        Credential.objects.create(handle_id=handle_of(brand), username="LeavingAir", sealed_access_token=SECRET)
    with entry.agency(office.agency.pk):
        founding.set_logo(brand=brand, picture=badges.picture_from(badges.tile("#0b6e4f")), by=office.admin, now=NOON)
    return brand


def act(office, verb, row, **values):
    with entry.agency(office.agency.pk):
        name = "brand" if isinstance(row, Brand) else "offboarding"
        return verb(**{name: row}, by=office.admin, now=NOON, **values)


def again(row: Offboarding) -> Offboarding:
    with entry.operators():
        return Offboarding.objects.get(pk=row.pk)


def exported(office, brand: Brand) -> Offboarding:
    row = act(office, endings.ask, brand)
    end_brands()
    return again(row)


def confirmed(office, brand: Brand) -> Offboarding:
    row = exported(office, brand)
    act(office, endings.fetch, row)
    act(office, endings.confirm, row, typed="Leaving Air")
    return again(row)


def exports_of(office) -> Path:
    return Path(settings.HOME) / "exports" / str(office.agency.pk)


def traces_of(brand: Brand) -> dict[str, int]:
    with as_owner() as owner:
        questions = {
            "schema": ("SELECT count(*) FROM pg_namespace WHERE nspname = %s", brand.schema_name),
            "role": (
                "SELECT count(*) FROM pg_roles WHERE rolname = %s",
                f"{schemas.database_name()}_brand_{brand.pk}",
            ),
            "row": ("SELECT count(*) FROM tenants_brand WHERE id = %s", brand.pk),
        } | {table: (f"SELECT count(*) FROM {table} WHERE brand_id = %s", brand.pk) for table in schemas.OF_A_BRAND}
        return {name: owner.execute(sql, [value]).fetchone()[0] for name, (sql, value) in questions.items()}


def test_from_the_asking_on_it_is_ending(office, leaving):
    row = act(office, endings.ask, leaving)

    assert office.row(leaving).state == BrandState.ENDING
    assert (row.brand_name, row.exported_at, row.erased_at) == ("Leaving Air", None, None)
    with pytest.raises(NotNow) as refusal:
        act(office, endings.ask, leaving)
    assert str(refusal.value) == "The end of Leaving Air was asked for already."


def test_the_export_holds_everything_but_secrets(office, leaving):
    row = exported(office, leaving)

    path = act(office, endings.fetch, row)
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        whole = b"".join(archive.read(name) for name in names)
        messages = list(csv.DictReader(io.StringIO(archive.read("inbox_message.csv").decode())))
        sent = list(csv.DictReader(io.StringIO(archive.read("inbox_payload.csv").decode())))
        chain = list(csv.DictReader(io.StringIO(archive.read("audit.csv").decode())))
        logo = archive.read("logo.png")
    assert {"README.txt", "inbox_conversation.csv", "tenants_brand.csv", "tenants_handle.csv", "people.csv"} <= names
    assert [line["text"] for line in messages] == ["'=cmd|'/c calc'!A1 where is my bag?"]
    assert [line["twitter_id"] for line in sent] == ["7", "8"]
    assert [line["body"] for line in sent] == ['{"text": "wörd for wörd"}', "never packed"]
    assert [line["kind"] for line in chain] == ["brand_founded", "brand_changed", "brand_ending"]
    assert logo.startswith(b"\x89PNG")
    assert SECRET not in whole
    assert b"argon2" not in whole


def test_the_export_names_nobody_of_another_brand(office, leaving):
    other = office.ready(name="Other Line")
    for name, brand in (("cleo", leaving), ("otto", other)):
        add_person(
            email=f"{name}@{leaving.slug}.test", name=name, password="secret", agency_id=office.agency.pk,
            role=Role.CLIENT_VIEWER, brand_id=brand.pk,
        )  # fmt: skip
    row = exported(office, leaving)

    with zipfile.ZipFile(act(office, endings.fetch, row)) as archive:
        people = list(csv.DictReader(io.StringIO(archive.read("people.csv").decode())))

    assert [line["name"] for line in people] == ["Admin Test", "cleo"]


def test_the_export_is_for_its_owner_alone_and_its_hash_is_kept(office, leaving):
    row = exported(office, leaving)

    path = Path(settings.HOME) / "exports" / str(office.agency.pk) / row.export_name

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert hashlib.sha256(path.read_bytes()).hexdigest() == row.export_sha256
    assert path.stat().st_size == row.export_size


def test_who_takes_the_export_is_in_the_audit(office, leaving):
    row = exported(office, leaving)

    act(office, endings.fetch, row)

    with entry.agency(office.agency.pk):
        last = AuditEntry.objects.filter(chain=f"b{leaving.pk}").order_by("-number").first()
    assert (last.kind, last.by_id) == (AuditKind.EXPORTED, office.admin.pk)
    assert last.facts == {"offboarding": row.pk, "sha256": row.export_sha256}


def test_before_the_export_nothing_can_be_fetched_or_confirmed(office, leaving):
    row = act(office, endings.ask, leaving)

    for verb, values in ((endings.fetch, {}), (endings.confirm, {"typed": "Leaving Air"})):
        with pytest.raises(NotNow) as refusal:
            act(office, verb, row, **values)
        assert "export is" in str(refusal.value)


def test_nobody_erases_what_nobody_has_fetched(office, leaving):
    row = exported(office, leaving)

    with pytest.raises(NotNow) as refusal:
        act(office, endings.confirm, row, typed="Leaving Air")

    assert str(refusal.value) == "Nobody has fetched the export yet, and it is erased with the brand. Fetch it first."


def test_of_an_end_that_was_withdrawn_no_export_is_left(office, leaving):
    row = exported(office, leaving)
    act(office, endings.fetch, row)

    act(office, endings.withdraw, row)

    assert list(exports_of(office).iterdir()) == []
    with pytest.raises(NotNow) as refusal:
        act(office, endings.fetch, again(row))
    assert str(refusal.value) == "The end of Leaving Air was withdrawn, and its export is not kept."


def test_with_a_brand_every_export_of_it_goes(office, leaving):
    row = exported(office, leaving)
    act(office, endings.withdraw, row)
    written_late = exports_of(office) / row.export_name
    written_late.write_bytes(b"by a worker that began before it was withdrawn")

    confirmed(office, leaving)
    end_brands()

    assert set(traces_of(leaving).values()) == {0}
    assert list(exports_of(office).iterdir()) == []


@pytest.mark.parametrize("typed", ["", "leaving air", "Leaving  Air", "Leaving Air!", "LEAVING AIR"])
def test_the_name_must_be_typed_exactly(office, leaving, typed):
    row = exported(office, leaving)
    act(office, endings.fetch, row)

    with pytest.raises(NotNow) as refusal:
        act(office, endings.confirm, row, typed=typed)

    assert str(refusal.value) == "That is not the brand's name. Type it exactly as it is written: Leaving Air"
    end_brands()
    assert traces_of(leaving)["row"] == 1


def test_erased_there_is_no_trace_but_the_certificate(office, leaving):
    row = confirmed(office, leaving)

    end_brands()

    certified = again(row)
    assert set(traces_of(leaving).values()) == {0}
    assert certified.erased["rows"]["inbox_message"] == 1
    assert certified.erased["rows"]["tenants_handle"] == 1
    assert certified.erased["schema"] == leaving.schema_name
    assert certified.certificate == endings.hash_of(certified)
    assert certified.certificate != ""
    assert not (Path(settings.HOME) / "exports" / str(office.agency.pk) / row.export_name).exists()
    with entry.agency(office.agency.pk):
        said = AuditEntry.objects.filter(chain=f"a{office.agency.pk}", kind=AuditKind.BRAND_ERASED)
        assert [each.facts for each in said] == [{"offboarding": row.pk, "brand": leaving.pk}]
        assert audit.first_broken(f"b{leaving.pk}") is None


def test_its_clients_staff_find_nobody_there(office, leaving, static_files):
    person = founding_person(office, leaving)
    host = leaving.domains.all()[0].name
    browser = visitor(host, person)
    session = session_of(person, host=f"{host}:8000")
    confirmed(office, leaving)

    end_brands()

    assert browser.get("/").status_code == 404
    with as_owner() as owner:
        [left] = owner.execute("SELECT count(*) FROM django_session WHERE session_key = %s", [session]).fetchone()
        owner.execute("DELETE FROM accounts_user WHERE id = %s", [person])
    assert left == 0


def founding_person(office, brand: Brand) -> int:
    return add_person(
        email=f"viewer{brand.pk}@client.test",
        name="Vera Viewer",
        password="secret",
        agency_id=office.agency.pk,
        brand_id=brand.pk,
        role=Role.CLIENT_VIEWER,
    )


@pytest.mark.parametrize(
    "place",
    [
        "tenants.schemas._drop_brand",
        "tenants.schemas._rows_of",
        "accounts.domain.endings._end_sessions",
        "accounts.domain.endings._place_of",
        "accounts.domain.audit.record",
        "accounts.domain.endings.hash_of",
        "tenants.schemas.note_offboarding",
    ],
)
def test_killed_at_any_step_of_erasing_the_next_run_ends_it_right(office, leaving, monkeypatch, place):
    row = confirmed(office, leaving)
    monkeypatch.setattr(place, _die)
    with pytest.raises(KeyboardInterrupt):
        end_brands()
    monkeypatch.undo()

    end_brands()
    end_brands()

    certified = again(row)
    assert set(traces_of(leaving).values()) == {0}
    assert certified.erased["rows"]["inbox_message"] == 1
    assert certified.certificate == endings.hash_of(certified)
    with entry.agency(office.agency.pk):
        said = AuditEntry.objects.filter(chain=f"a{office.agency.pk}", kind=AuditKind.BRAND_ERASED)
        assert said.count() == 1


@pytest.mark.parametrize(
    "place",
    ["tenants.exports._write_tables", "tenants.exports.hashlib.file_digest", "tenants.schemas.note_offboarding"],
)
def test_killed_at_any_step_of_exporting_the_next_run_writes_it_anew(office, leaving, monkeypatch, place):
    row = act(office, endings.ask, leaving)
    monkeypatch.setattr(place, _die)
    with pytest.raises(KeyboardInterrupt):
        end_brands()
    monkeypatch.undo()
    assert again(row).exported_at is None

    end_brands()

    path = act(office, endings.fetch, again(row))
    assert hashlib.sha256(path.read_bytes()).hexdigest() == again(row).export_sha256


def test_an_export_that_cannot_be_written_says_why(office, leaving, monkeypatch):
    row = act(office, endings.ask, leaving)
    monkeypatch.setattr("tenants.exports._write_tables", _full)
    end_brands()
    failed = again(row).error
    monkeypatch.undo()

    end_brands()

    assert failed == "No space left on device"
    assert (again(row).error, again(row).exported_at is not None) == ("", True)


def test_until_it_is_erased_it_may_be_kept(office, leaving):
    row = confirmed(office, leaving)

    act(office, endings.withdraw, row)
    end_brands()

    assert office.row(leaving).state == BrandState.PREPARING
    assert traces_of(leaving)["schema"] == 1
    with pytest.raises(NotNow) as refusal:
        act(office, endings.confirm, row, typed="Leaving Air")
    assert str(refusal.value).startswith("The end of Leaving Air was withdrawn.")


def test_what_is_erased_is_not_brought_back(office, leaving):
    row = confirmed(office, leaving)
    end_brands()

    for verb in (endings.withdraw, endings.fetch):
        with pytest.raises(NotNow) as refusal:
            act(office, verb, again(row))
        assert "erased" in str(refusal.value)


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+49", "'+49"),
        ("-1", "'-1"),
        ("@jo", "'@jo"),
        ("\t=1", "'\t=1"),
        ("fine", "fine"),
        (-1, "-1"),
        (None, ""),
        ({"a": ["=1"]}, '{"a": ["=1"]}'),
        (b"\xff=1", "\ufffd=1"),
        (True, "True"),
    ],
)
def test_no_cell_is_a_formula(value, cell):
    assert safe_cell(value) == cell


def _die(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def _full(*_: object) -> None:
    raise OSError("No space left on device")
