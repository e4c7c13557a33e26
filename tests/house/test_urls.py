"""Every url has a name, and asks who you are, except those on the list that was agreed here."""

import pytest
from django.test import Client

from config.rights import NEEDS, PROGRAMS, Need
from tests.doors.addresses import KINDS, addresses_of
from tests.visiting import ACME, AGENCY, OPERATORS

PUBLIC = {name for name, need in NEEDS.items() if need is Need.NOTHING}
HOSTS = (OPERATORS, AGENCY, ACME)

# What a url may be for that anybody may open, each with its reason.
EVERYBODYS = {
    "landing": "the way in, for a newcomer",
    "health": "whether the pages can reach the database; says nothing else",
    "logo": "on a brand's log-in page",
    "accounts:login": "where one says who one is",
    "accounts:invitation": "one opens it before one has a log-in; its word is the proof",
    "account_login": "the same page, by the name that allauth knows",
    "mfa_authenticate": "the second step of a log-in",
    "mfa_login_webauthn": "a log-in by passkey",
    "account_reset_password": "for whoever cannot log in",
    "account_reset_password_done": "for whoever cannot log in",
    "account_reset_password_from_key": "for whoever cannot log in; the key in the address is the proof",
    "account_reset_password_from_key_done": "for whoever cannot log in",
    "twitter-callback": "a browser comes back from Twitter, and is sent on to the brand's own host, which asks",
}


def test_the_public_list_is_as_short_as_it_was_agreed():
    assert set(EVERYBODYS) == PUBLIC


@pytest.mark.parametrize("host", HOSTS)
def test_every_url_has_a_name(host):
    unnamed = [each.path for each in addresses_of(KINDS[host]) if not each.name or each.name.endswith(":")]

    assert unnamed == []


@pytest.mark.parametrize("host", HOSTS)
def test_every_url_asks_who_you_are_and_where_you_wanted_to_go(db, house, static_files, host):
    private = private_at(host)

    answers = {path: asked(host, path) for path in private}

    assert answers == {path: (302, f"/login/?next={path}") for path in private}


@pytest.mark.parametrize("host", HOSTS)
def test_every_url_asks_who_you_are_when_part_of_a_page_is_asked_for(db, house, static_files, host):
    private = private_at(host)

    answers = {path: asked(host, path, headers={"HX-Request": "true"}) for path in private}

    assert answers == dict.fromkeys(private, (401, None))


@pytest.mark.parametrize("host", [AGENCY, ACME])
def test_every_address_for_programs_asks_for_a_key(db, house, static_files, host):
    paths = [each.path for each in addresses_of(KINDS[host]) if each.name in PROGRAMS]

    answers = {path: asked(host, path) for path in paths}

    assert answers == dict.fromkeys(paths, (401, None))


def private_at(host: str) -> list[str]:
    return [each.path for each in addresses_of(KINDS[host]) if each.name not in PUBLIC and each.name not in PROGRAMS]


def asked(host: str, path: str, **more) -> tuple[int, str | None]:
    answer = Client(HTTP_HOST=host).get(path, **more)
    return answer.status_code, answer.headers.get("Location")
