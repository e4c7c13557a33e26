"""The key that seals secrets is replaced: everything opens before, during and after, and what does not is said."""

import base64
import os
from io import StringIO

import pytest
from allauth.mfa.models import Authenticator
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.enums import AuditKind
from accounts.models import AuditEntry
from config import environment
from inbox.domain import credentials
from inbox.management.commands import rotate_keys
from inbox.models import Credential
from tenants import entry, sealing
from tests.conftest import ACME_HANDLE, CANARY_HANDLE, NOON

OLD, NEW = (base64.b64encode(bytes([number]) * 32).decode() for number in (7, 8))


@pytest.fixture
def sealed(db, house, settings, _transactions_around):
    """A token in each of two brands, and a second factor with recovery codes, sealed with the old key."""
    settings.SEALING_KEY, settings.SEALING_KEY_BEFORE = OLD, ""
    for brand, handle_id in ((house.acme, ACME_HANDLE), (house.canary, CANARY_HANDLE)):
        with entry.brand(brand):
            credentials.store(handle_id=handle_id, username="x", access_token=f"token-{handle_id}", now=NOON)
    with entry.directory():
        place = f"public/mfa_authenticator/{house.agent_id}/data"
        texts = [base64.b64encode(sealing.seal(text, place=place)).decode() for text in ("totp", "code 1", "code 2")]
        Authenticator.objects.create(user_id=house.agent_id, type="totp", data={"secret": texts[0]})
        codes = {"migrated_codes": texts[1:]}
        Authenticator.objects.create(user_id=house.agent_id, type="recovery_codes", data=codes)
    settings.SEALING_KEY, settings.SEALING_KEY_BEFORE = NEW, OLD
    return place


def rotate(*arguments: str) -> str:
    said = StringIO()
    call_command("rotate_keys", *arguments, stdout=said)
    return said.getvalue()


def token_of(brand, handle_id: int) -> str:
    with entry.brand(brand):
        return credentials.opened(handle_id).access_token


def test_everything_is_sealed_anew_and_opens_without_the_old_key(sealed, house, settings):
    assert "5 secrets were sealed anew." in rotate()

    settings.SEALING_KEY_BEFORE = ""
    assert token_of(house.acme, ACME_HANDLE) == f"token-{ACME_HANDLE}"
    assert token_of(house.canary, CANARY_HANDLE) == f"token-{CANARY_HANDLE}"
    with entry.directory():
        factors = Authenticator.objects.filter(user_id=house.agent_id).order_by("pk")
        texts = [factors[0].data["secret"], *factors[1].data["migrated_codes"]]
        assert [sealing.unseal(base64.b64decode(text), place=sealed) for text in texts] == ["totp", "code 1", "code 2"]


def test_it_is_audited_where_something_was_done(sealed, house):
    rotate()

    with entry.directory():
        kinds = AuditEntry.objects.filter(kind=AuditKind.SECRETS_ROTATED).order_by("pk")
        assert [(each.chain, each.facts) for each in kinds] == [
            (f"b{house.acme.pk}", {"secrets": 1}),
            (f"b{house.canary.pk}", {"secrets": 1}),
            ("house", {"secrets": 5}),
        ]


def test_a_second_run_finds_nothing_to_do(sealed):
    rotate()

    assert "0 secrets were sealed anew." in rotate()


def test_one_that_was_killed_half_way_is_taken_up(sealed, house, settings):
    with entry.brand(house.acme):
        tally = rotate_keys.Tally()
        rotate_keys._row_anew(Credential, "sealed_access_token", ACME_HANDLE, house.acme.schema_name, tally)
    assert token_of(house.acme, ACME_HANDLE) == f"token-{ACME_HANDLE}"
    assert token_of(house.canary, CANARY_HANDLE) == f"token-{CANARY_HANDLE}"

    assert "4 secrets were sealed anew." in rotate()

    settings.SEALING_KEY_BEFORE = ""
    assert token_of(house.acme, ACME_HANDLE) == f"token-{ACME_HANDLE}"


def test_what_does_not_open_is_named_kept_and_holds_up_nothing_else(sealed, house, settings):
    with entry.brand(house.acme):
        Credential.objects.update(sealed_access_token=b"nonsense")
    said = StringIO()

    with pytest.raises(CommandError, match="1 secrets do not open. Keep the old key"):
        call_command("rotate_keys", stdout=said)

    assert f"{house.acme.schema_name}/inbox_credential/{ACME_HANDLE}/access_token" in said.getvalue()
    assert "4 secrets were sealed anew." in said.getvalue()
    with entry.brand(house.acme):
        assert bytes(Credential.objects.get().sealed_access_token) == b"nonsense"
    with pytest.raises(CommandError, match="1 secrets are sealed with an older key still"):
        rotate("--forget")


@pytest.fixture
def installation(tmp_path, settings, monkeypatch):
    """An installation's own file of secrets, as `make run` writes it."""
    settings.HOME, settings.SEALING_KEY, settings.SEALING_KEY_BEFORE = tmp_path, OLD, ""
    monkeypatch.setenv("NIGHTJAR_SEALING_KEY", OLD)
    environment.write(tmp_path, {"NIGHTJAR_SEALING_KEY": OLD, "NIGHTJAR_SECRET_KEY": "stays"})
    return tmp_path


def test_a_new_key_is_made_beside_the_old_one(installation):
    said = rotate("--make")

    kept = environment.read(installation)
    assert "Restart Nightjar" in said
    assert kept["NIGHTJAR_SEALING_KEY_BEFORE"] == OLD
    assert len(base64.b64decode(kept["NIGHTJAR_SEALING_KEY"])) == 32
    assert kept["NIGHTJAR_SEALING_KEY"] != OLD
    assert kept["NIGHTJAR_SECRET_KEY"] == "stays"
    assert (installation / "env").stat().st_mode & 0o777 == 0o600
    assert kept["NIGHTJAR_SEALING_KEY"] not in said


def test_no_third_key_is_made_while_two_are_in_use(installation, settings):
    settings.SEALING_KEY_BEFORE = NEW

    with pytest.raises(CommandError, match="A rotation is under way"):
        rotate("--make")


def test_keys_that_come_from_elsewhere_are_changed_there(installation, monkeypatch):
    monkeypatch.setenv("NIGHTJAR_SEALING_KEY", NEW)

    with pytest.raises(CommandError, match="do not come from its own file"):
        rotate("--make")
    assert environment.read(installation)["NIGHTJAR_SEALING_KEY"] == OLD


def test_the_old_key_goes_once_nothing_needs_it(db, house, installation, settings, monkeypatch, _transactions_around):
    settings.SEALING_KEY, settings.SEALING_KEY_BEFORE = NEW, OLD
    two = {"NIGHTJAR_SEALING_KEY": NEW, "NIGHTJAR_SEALING_KEY_BEFORE": OLD}
    environment.write(installation, two)
    for name, value in two.items():
        monkeypatch.setenv(name, value)

    assert "The old key was let go." in rotate("--forget")

    assert environment.read(installation) == {"NIGHTJAR_SEALING_KEY": NEW}
    assert connection.in_atomic_block
    assert os.environ["NIGHTJAR_SEALING_KEY_BEFORE"] == OLD
