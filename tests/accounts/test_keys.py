"""Keys for programs: made and shown once, used in somebody's name, ended."""

import re

import pytest
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.utils import timezone

from accounts import queries
from accounts.domain import keys
from accounts.enums import AuditKind, Role
from accounts.models import ApiKey, AuditEntry, Membership
from tenants import entry
from tenants.refusals import NotNow, NotYours
from tests.conftest import NOON
from tests.programs import Program, key_of
from tests.visiting import ACME, AGENCY, visitor


@pytest.fixture
def at_keys(db, house, admin_id, static_files, _transactions_around):
    """The browser of an admin who has proved themselves in a second way."""
    client = visitor(AGENCY, admin_id)
    with entry.directory():
        session = SessionStore(client.cookies[settings.SESSION_COOKIE_NAME].value)
        session["has_factor"] = True
        session.save()
    return client


def all_keys(house) -> list[ApiKey]:
    with entry.agency(house.agency.pk):
        return list(ApiKey.objects.filter(agency=house.agency).order_by("pk"))


def make(house, admin, **more):
    with entry.directory():
        memberships = more.pop("memberships", None) or queries.memberships_of(admin, agency_id=house.agency.pk)
    given = {"brand_id": house.acme.pk, "name": "CRM", "scopes": ["brand:read"], **more}
    with entry.agency(house.agency.pk):
        return keys.make(agency_id=house.agency.pk, by=admin, memberships=memberships, now=NOON, **given)


# --- made -------------------------------------------------------------------------------------------------------------


def test_a_key_is_random_and_only_its_hash_is_kept(house, admin):
    key, secret = make(house, admin)

    assert re.fullmatch(r"nj_[\w-]{32}", secret)
    assert (key.beginning, key.secret_hash) == (secret[:10], keys.hash_of(secret))
    assert secret not in str(key.__dict__)


def test_two_keys_are_never_alike(house, admin):
    secrets = {make(house, admin)[1] for _ in range(10)}

    assert len(secrets) == 10


def test_making_and_revoking_are_written_down(house, admin):
    key, _ = make(house, admin)
    with entry.directory():
        memberships = queries.memberships_of(admin, agency_id=house.agency.pk)

    with entry.agency(house.agency.pk):
        keys.revoke(key=key, by=admin, memberships=memberships, now=NOON)
        written = list(
            AuditEntry.objects.filter(chain=f"b{house.acme.pk}", facts__key=key.pk)
            .order_by("number")
            .values_list("kind", "by_id")
        )

    assert written == [(AuditKind.KEY_MADE, admin.pk), (AuditKind.KEY_REVOKED, admin.pk)]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"name": " \x00 "}, "Give the key a name"),
        ({"name": "x" * 81}, "The name is too long"),
        ({"scopes": []}, "Choose at least one thing"),
        ({"scopes": ["everything"]}, "Choose at least one thing"),
        ({"scopes": ["desk:read"]}, "Choose at least one thing"),  # the agency's
        ({"scopes": ["brand:read"], "brand_id": None}, "Choose at least one thing"),  # a brand's
    ],
)
def test_a_key_without_name_or_use_is_not_made(house, admin, given, sentence):
    with pytest.raises(NotNow, match=sentence):
        make(house, admin, **given)


@pytest.mark.parametrize("role", [role for role in Role if role != Role.ADMIN])
def test_only_admins_make_keys(house, admin, role):
    membership = Membership(user=admin, agency=house.agency, brand=house.acme, role=role)

    with pytest.raises(NotYours, match="admins of the agency"):
        make(house, admin, memberships=[membership])


def test_an_admin_of_one_brand_makes_no_key_of_the_agency(house, admin):
    membership = Membership(user=admin, agency=house.agency, brand=house.acme, role=Role.ADMIN)

    with pytest.raises(NotYours, match="admins of the agency"):
        make(house, admin, memberships=[membership], brand_id=None, scopes=["desk:read"])


# --- used -------------------------------------------------------------------------------------------------------------


def test_use_is_noted_at_most_once_a_minute(program, house):
    ours = program()

    ours.get("brand/")
    first = all_keys(house)[-1].last_used_at
    ours.get("brand/")
    second = all_keys(house)[-1].last_used_at

    assert (timezone.now() - first).total_seconds() < 60
    assert second == first


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer  ",
        "Basic YTpi",
        "Bearer nj_unknown",
        "Bearer \x00",
        "Bearer nj_é",
        "nj_x",
        "Bearer " * 900,
    ],
)
def test_without_a_living_key_nothing_opens(program, house, authorization):
    ours = program()
    headers = {"Authorization": authorization} if authorization else {}

    answer = ours.client.get("/api/v1/brand/", headers=headers)

    assert (answer.status_code, answer.headers["Content-Type"]) == (401, "application/problem+json")
    assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="Nightjar"')
    assert not answer.cookies


def test_a_session_opens_nothing_of_the_api(db, house, static_files, _transactions_around):
    answer = visitor(ACME, house.supervisor_id).get("/api/v1/brand/")

    assert answer.status_code == 401


def test_a_revoked_key_says_that_it_was_revoked(program, house):
    ours = program()
    with entry.agency(house.agency.pk):
        ApiKey.objects.filter(pk=ours.key.pk).update(revoked_at=NOON)

    answer = ours.get("brand/")

    assert answer.status_code == 401
    assert answer.json()["detail"] == (
        "This key was revoked on 2026-11-03. Ask an admin of the agency for another one."
    )


def test_a_key_dies_with_its_persons_membership(house, clients_ids, static_files, db, _transactions_around):
    _, secret = key_of(house, clients_ids[Role.CLIENT_VIEWER])
    ours = Program(ACME, secret)
    before = ours.get("brand/").status_code
    with entry.agency(house.agency.pk):
        Membership.objects.filter(user=clients_ids[Role.CLIENT_VIEWER]).delete()

    answer = ours.get("brand/")

    assert (before, answer.status_code) == (200, 401)
    assert "no longer with the agency" in answer.json()["detail"]


def test_a_key_loses_what_its_person_loses(program, house, admin):
    ours = program(agencys=True)
    before = ours.get("people/").status_code
    with entry.agency(house.agency.pk):
        Membership.objects.filter(user=admin).update(role=Role.AGENT)

    answer = ours.get("people/")

    assert (before, answer.status_code) == (200, 403)
    assert answer.json()["detail"].startswith("The person who made this key may not do this here any more")


# --- the page ---------------------------------------------------------------------------------------------------------


def test_a_new_key_is_shown_once(at_keys, house):
    form = {"name": "CRM", "brand": "acme", "scopes": ["brand:read", "events:read"]}

    shown = at_keys.post("/keys/", form)
    later = at_keys.get("/keys/")

    secret = re.search(r"nj_[\w-]{32}", shown.text).group()
    assert all_keys(house)[-1].secret_hash == keys.hash_of(secret)
    assert secret not in later.text
    assert "CRM" in later.text
    assert "read what happened, since a number · read about the brand" in later.text
    assert "Never used." in later.text


def test_a_key_is_revoked_after_it_was_asked_for(at_keys, house):
    at_keys.post("/keys/", {"name": "CRM", "brand": "agency", "scopes": ["desk:read"]})
    key = all_keys(house)[-1]

    asked = at_keys.get(f"/keys/{key.pk}/")
    done = at_keys.post(f"/keys/{key.pk}/")
    again = at_keys.post(f"/keys/{key.pk}/")

    assert "Revoke “CRM”?" in asked.text
    assert (done.status_code, again.status_code) == (302, 409)
    assert "This key is revoked already." in again.text
    assert all_keys(house)[-1].revoked_at is not None


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({}, "Say what the key is for"),
        ({"brand": "nobody", "name": "x", "scopes": ["brand:read"]}, "Say what the key is for"),
        ({"brand": "acme", "name": "", "scopes": ["brand:read"]}, "Give the key a name"),
        ({"brand": "acme", "name": "x"}, "Choose at least one thing"),
        ({"brand": "acme", "name": "x\x00y" * 500, "scopes": ["brand:read"]}, "The name is too long"),
    ],
)
def test_a_form_that_does_not_do_is_shown_again_with_why(at_keys, house, form, sentence):
    before = len(all_keys(house))

    answer = at_keys.post("/keys/", form)

    assert answer.status_code == 409
    assert sentence in answer.text
    assert len(all_keys(house)) == before


@pytest.mark.parametrize("who", ["agent_id", "supervisor_id"])
def test_keys_are_for_admins(db, house, static_files, _transactions_around, who):
    client = visitor(AGENCY, getattr(house, who))

    assert client.get("/keys/").status_code == 403
    assert client.post("/keys/", {"name": "x", "brand": "acme", "scopes": ["brand:read"]}).status_code == 403


@pytest.mark.parametrize("pk", [0, 99, 2**63, 10**30])
def test_a_key_that_is_none_is_not_found(at_keys, pk):
    assert at_keys.get(f"/keys/{pk}/").status_code == 404
