"""The matrix of programs: every address of the API × every kind of key × every method × every host."""

from dataclasses import dataclass, field

import pytest
from django.http import HttpResponse
from django.test import Client

from accounts.domain.keys import hash_of
from accounts.enums import RIGHTS, Scope
from config.rights import PROGRAMS, RIGHT_FOR
from tenants import schemas
from tests import factories
from tests.doors.addresses import ELSEWHERE, KINDS, OURS, THEIRS, Address, addresses_of
from tests.doors.callers import BRAND_OF, CALLERS
from tests.doors.things import word_of
from tests.visiting import ACME, AGENCY, CANARY, OPERATORS, undone, visitor

METHODS = ("get", "post", "put", "patch", "delete")
ALL = tuple(scope.value for scope in Scope)


@dataclass(frozen=True)
class Key:
    """A key: the host that it is for, who made it, what for."""

    host: str
    by: str
    scopes: tuple[str, ...] = field(default=ALL)
    is_alive: bool = True


KEYS = {
    "none": None,
    "one that nobody made": None,
    "a session instead of a key": None,
    "acme's": Key(ACME, "an admin"),
    "acme's, to read": Key(ACME, "an admin", tuple(scope for scope in ALL if scope.endswith(":read"))),
    "acme's, for nothing": Key(ACME, "an admin", ()),
    "acme's, of a trainee": Key(ACME, "a trainee"),
    "acme's, of an approver": Key(ACME, "an approver of acme's"),
    "acme's, of a viewer": Key(ACME, "a viewer of acme's"),
    "acme's, of somebody who is no member of it": Key(ACME, "an agent of canary"),
    "acme's, of somebody who left": Key(ACME, "an admin who may no longer log in", is_alive=False),
    "acme's, revoked": Key(ACME, "an admin", is_alive=False),
    "canary's": Key(CANARY, "an admin"),
    "the agency's": Key(AGENCY, "an admin"),
    "the agency's, of an agent": Key(AGENCY, "an agent"),
    "the agency's, of a viewer": Key(AGENCY, "a viewer of acme's"),
    "another agency's": Key(ELSEWHERE, "an admin of another agency"),
}
HOSTS = (AGENCY, ACME, CANARY, ELSEWHERE)


def programs_at(host: str) -> list[Address]:
    found = addresses_of(KINDS[host], key=THEIRS if host == CANARY else OURS)
    return [address for address in found if address.name in PROGRAMS]


def status_for(name: str, method: str, key: Key | None, host: str) -> int:
    """What a program gets, worked out from the tables; 200 stands for: it is let in."""
    if key is None or not key.is_alive:
        return 401
    if key.host != host:
        return 403
    scope = PROGRAMS[name].get(method.upper())
    if scope is None:
        return 405
    role = CALLERS[key.by].role(host, BRAND_OF.get(host, ""))
    if role is None:
        return 401
    return 200 if scope.value in key.scopes and RIGHT_FOR[scope] in RIGHTS[role] else 403


def test_there_are_no_programs_on_the_operators_host():
    assert [address for address in addresses_of(KINDS[OPERATORS]) if address.name in PROGRAMS] == []


def test_the_matrix_of_programs_is_as_large_as_it_should_be(record_property):
    cells = sum(len(programs_at(host)) for host in HOSTS) * len(METHODS) * len(KEYS)

    record_property("cells", cells)
    assert cells >= 2_500


@pytest.mark.parametrize("which", KEYS)
@pytest.mark.parametrize("host", HOSTS)
def test_a_key_opens_what_its_scopes_and_its_person_may(two_brands, town, house, settings, host: str, which: str):
    settings.API_CALLS_A_MINUTE = {"read": 1_000_000, "write": 1_000_000}
    client, headers = calling(house, town, which, host)
    wrong = []

    for address in programs_at(host):
        for method in METHODS:
            with undone():
                answer = getattr(client, method)(address.path, content_type="application/json", headers=headers)
            wanted = status_for(address.name, method, KEYS[which], host)
            if not fits(answer, wanted):
                why = repr(answer.exc_info[1]) if answer.exc_info else answer.text[:200]
                wrong.append(f"{method} {address.name}: {which} gets {answer.status_code} instead of {wanted} {why}")
            if {slug for slug in BRAND_OF.values() if word_of(slug) in answer.text} - {BRAND_OF.get(host, "")}:
                wrong.append(f"{method} {address.name}: {which} reads of another brand")

    assert wrong == [], "\n".join(wrong)


def fits(answer: HttpResponse, wanted: int) -> bool:
    """Whether an answer is what was wanted; who is let in may be told that the body is no good, or not now."""
    if wanted != 200:
        return answer.status_code == wanted
    return answer.status_code < 300 or answer.status_code in (400, 409, 422)


def calling(house, town, which: str, host: str) -> tuple[Client, dict[str, str]]:
    """A program's client on this host, and the headers with its key."""
    if which == "a session instead of a key":
        return visitor(host, town.ids["an admin"], raise_request_exception=False), {}
    client = Client(HTTP_HOST=host, raise_request_exception=False)
    if which == "none":
        return client, {}
    secret = f"nj_{which}".replace(" ", "-").replace("'", "").replace(",", "")
    key = KEYS[which]
    if key is not None and not _is_made(secret):
        brand = {ACME: house.acme, CANARY: house.canary}.get(key.host)
        factories.ApiKeyFactory(
            agency=town.elsewhere if key.host == ELSEWHERE else house.agency,
            brand=brand,
            made_by=None,
            made_by_id=town.ids[key.by],
            secret_hash=hash_of(secret),
            scopes=list(key.scopes),
            revoked_at=factories.at(1) if which == "acme's, revoked" else None,
        )
    return client, {"Authorization": f"Bearer {secret}"}


def _is_made(secret: str) -> bool:
    with schemas.as_owner() as cursor:
        statement = "SELECT 1 FROM accounts_apikey WHERE secret_hash = %s"
        return cursor.execute(statement, [hash_of(secret)]).fetchone() is not None
