"""The whole matrix: every url of every kind of host, asked by everybody, from everywhere, by GET and by POST.

It is generated from the resolvers and from the table of rights (`config/rights.py`, `accounts/enums.py`). A url that
is in no table fails here, and so does a line of the table that no url has. Programs' addresses: `test_programs.py`.
"""

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import Client
from django.urls import Resolver404, resolve

from config.doors import SECOND_FACTOR_PAGE
from config.rights import NEEDS, PROGRAMS, Need
from tests.doors.addresses import ELSEWHERE, KINDS, OURS, THEIRS, Address, addresses_of, all_names, stated
from tests.doors.callers import BRAND_OF, CALLERS, Caller, Verdict, verdict_for
from tests.doors.things import word_of
from tests.visiting import ACME, AGENCY, CANARY, OPERATORS, undone, visitor

# Where one knocks: a host, and on an agency's host the brand that the address names.
PLACES = (
    (OPERATORS, ""),
    (AGENCY, "acme"),
    (AGENCY, "canary"),
    (ACME, "acme"),
    (CANARY, "canary"),
    (ELSEWHERE, "acme"),
)
METHODS = ("get", "post")

# How the doors refuse (`config/doors.py`). Any other refusal is a policy's word on the single thing, further in.
AT_THE_DOOR = (
    "This is not for you here: ",
    "This page is for ",
    "This host is for the people who run Nightjar itself.",
    "You are not a member of this ",
)
# Where whoever has the right is refused all the same, or finds nothing, each with its reason.
DECIDED_INSIDE: dict[str, str] = {
    "accounts:invitation": "a word that nobody was given leads nowhere",
    "inbox:undo": "a reply is taken back by whoever wrote it or let it go out",
    "inbox:discard": "a draft is its author's",
    "inbox:elsewhere-back": "what was handed over is taken back by whoever wrote it or let it go out",
    "inbox:file": "what a file shows is said by the author of its draft",
    "inbox:file-removal": "a file is taken off a draft by its author",
    "inbox:media": "an address that nobody signed shows no picture",
    "account_reauthenticate": "whoever has no password has none to say again",
    "mfa_reauthenticate": "whoever has no second factor has none to show again",
    "mfa_reauthenticate_webauthn": "whoever has no passkey has none to show again",
    "mfa_deactivate_totp": "whoever has no app has none to take away",
    "mfa_view_recovery_codes": "whoever has no codes has none to look at",
    "mfa_download_recovery_codes": "whoever has no codes has none to look at",
    "mfa_remove_webauthn": "whoever has no passkey has none to take away",
    "mfa_edit_webauthn": "whoever has no passkey has none to name",
}
# The admins' forms and acts refuse rows that are not there for them, and say so.
ADMINS_LISTS = ("admin:index", "admin:login", "admin:logout")


def addresses_at(host: str, slug: str, rows: dict[str, str] | None = None) -> list[Address]:
    """What there is to knock at, people's addresses alone; the agency's own are asked for with its first brand."""
    key = THEIRS if slug == "canary" else OURS
    found = addresses_of(KINDS[host], key=key, brand_slug=slug or "acme", **(rows or {}))
    people = [address for address in found if address.name not in PROGRAMS]
    return [address for address in people if address.is_of_a_brand] if (host, slug) == (AGENCY, "canary") else people


def cells() -> Iterator[tuple[str, str, str, str, str]]:
    """Every place, url, person and method."""
    for host, slug in PLACES:
        for address in addresses_at(host, slug):
            for who in CALLERS:
                for method in METHODS:
                    yield host, slug, address.name, who, method


# --- the tables and the urls ------------------------------------------------------------------------------------------


def test_of_every_url_it_is_said_who_may_open_it():
    assert sorted(all_names() - stated()) == []


def test_nothing_is_said_of_urls_that_are_not_there():
    assert sorted(stated() - all_names()) == []


def test_no_url_is_for_people_and_for_programs():
    assert {*NEEDS} & {*PROGRAMS} == set()


def test_no_exception_outlives_its_url():
    assert {*DECIDED_INSIDE, *ADMINS_LISTS} - {*NEEDS} == set()


def test_the_matrix_is_as_large_as_it_should_be(record_property):
    known = list(cells())

    record_property("cells", len(known))
    assert len(known) == len(set(known))
    assert len(known) >= 10_000


# --- who gets in ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", CALLERS)
@pytest.mark.parametrize(("host", "slug"), PLACES, ids=[f"{host} {slug}" for host, slug in PLACES])
def test_everybody_gets_what_the_table_of_rights_says(two_brands, town, host: str, slug: str, who: str):
    caller, client = CALLERS[who], knocking(town, who, host)
    rows = town.foreign_rows if host == ELSEWHERE else town.rows
    wrong = []
    for address in addresses_at(host, slug, rows):
        wanted = verdict_for(address.name, caller, host, slug if address.is_of_a_brand else "")
        for method in METHODS:
            answer = knocked(client, method, address.path)
            if (got := seen(answer, address.name)) != wanted:
                why = repr(answer.exc_info[1]) if answer.exc_info else ""
                wrong.append(f"{method} {address.name}: {who} {got} instead of: {wanted} {why}")
            if leaked := words_in(answer) - words_for(caller, host, address):
                wrong.append(f"{method} {address.name}: {who} reads of {leaked}")

    assert wrong == [], "\n".join(wrong)


@pytest.mark.parametrize("who", ["nobody", "an admin", "an operator"])
@pytest.mark.parametrize("host", KINDS)
def test_the_addresses_of_one_kind_of_host_are_nothing_on_another(two_brands, town, host: str, who: str):
    client = knocking(town, who, host)
    everything = {address.path for kind in set(KINDS.values()) for address in addresses_of(kind)}
    foreign = sorted(path for path in everything if not _is_address(path, host))

    got = {path: {method: getattr(client, method)(path).status_code for method in METHODS} for path in foreign}

    assert len(foreign) > 10
    assert {path: codes for path, codes in got.items() if set(codes.values()) != {404}} == {}


def test_a_rank_in_one_brand_is_none_in_another_and_none_at_the_agency(town):
    """The matrix says so of every url; here in plain words, since it is the easiest to lose."""
    admin_of_acme, two_faced = CALLERS["an admin of acme"], CALLERS["an agent, in acme a trainee"]

    assert verdict_for("inbox:inbox", admin_of_acme, AGENCY, "canary") == Verdict.REFUSED
    assert verdict_for("admin:tenants_brand_changelist", admin_of_acme, AGENCY, "") == Verdict.REFUSED
    assert verdict_for("inbox:retry", two_faced, AGENCY, "acme") == Verdict.REFUSED
    assert verdict_for("inbox:retry", two_faced, AGENCY, "canary") == Verdict.LET_IN


def knocking(town, who: str, host: str) -> Client:
    """The browser of this person on this host."""
    elsewhere = ACME if host != ACME else AGENCY
    opened_on = elsewhere if who == "an admin who came from another host" else None
    return visitor(host, town.ids[who], opened_on=opened_on, raise_request_exception=False)


def knocked(client: Client, method: str, path: str) -> HttpResponse:
    """The answer; whatever was done is undone, and the browser keeps the session that it had."""
    session = client.cookies.get(settings.SESSION_COOKIE_NAME)
    with undone():
        answer = getattr(client, method)(path)
    client.cookies.clear()
    if session is not None:
        client.cookies[settings.SESSION_COOKIE_NAME] = session.value
    return answer


def seen(answer: HttpResponse, name: str) -> Verdict:
    """What an answer amounts to."""
    where = answer.headers.get("Location", "")
    if answer.status_code >= 500:
        return Verdict.BROKE
    if answer.status_code == 302 and where.startswith("/login/?next="):
        return Verdict.LOG_IN
    if answer.status_code == 302 and where == SECOND_FACTOR_PAGE and NEEDS[name] not in (Need.NOTHING, Need.LOGGED_IN):
        return Verdict.FACTOR
    if answer.status_code == 403 and any(sentence in answer.text for sentence in AT_THE_DOOR):
        return Verdict.REFUSED
    if answer.status_code in (403, 404) and not _is_decided_inside(name):
        return Verdict.REFUSED if answer.status_code == 403 else Verdict.NOT_FOUND
    return Verdict.LET_IN


def _is_decided_inside(name: str) -> bool:
    in_admin = name.startswith("admin:") and name not in ADMINS_LISTS and not name.endswith("_changelist")
    return in_admin or name in DECIDED_INSIDE


def words_in(answer: HttpResponse) -> set[str]:
    """The brands whose words are in an answer."""
    text = b"" if answer.streaming else answer.content
    return {slug for slug in BRAND_OF.values() if word_of(slug).encode() in text}


def words_for(caller: Caller, host: str, address: Address) -> set[str]:
    """The brands whose words this person may be shown at this address."""
    if not caller.is_here or host in (OPERATORS, ELSEWHERE):
        return set()
    mine = {slug for slug in BRAND_OF.values() if caller.role(host, slug)}
    if host in BRAND_OF:
        return mine & {BRAND_OF[host]}
    return mine & {address.path.split("/")[2]} if address.is_of_a_brand else mine


def _is_address(path: str, host: str) -> bool:
    try:
        resolve(path, f"config.urls.{KINDS[host]}")
    except Resolver404:
        return False
    return True
