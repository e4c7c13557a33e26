"""Who gets what at every address: each url of every kind of host, asked by everybody, from everywhere.

The table below is the rule. A url that is not in it fails.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.test import Client
from django.urls import URLPattern, get_resolver

from accounts.domain.people import add_person
from accounts.enums import AuditKind, Role
from accounts.models import AuditEntry
from inbox.enums import ReplyStatus
from inbox.models import Reply
from tenants import entry, schemas
from tests.conftest import ACME_HANDLE, CANARY_HANDLE, NOON
from tests.factories import ConversationFactory, MessageFactory, ReplyFactory, tweet_id
from tests.visiting import ACME, AGENCY, CANARY, OPERATORS, undone, visitor

OURS, THEIRS = tweet_id(1), tweet_id(2)  # a conversation of acme's, and one of canary's
PEOPLE = ("nobody", "agent", "supervisor", "client of acme", "client of canary", "agent of canary", "stranger", "moved")

# Who gets what, in the order of PEOPLE. `moved` is an agent whose session was opened on another host.
EVERYBODY = dict.fromkeys(PEOPLE, 200)
NOWHERE = dict.fromkeys(PEOPLE, 404)
STAFF = dict(zip(PEOPLE, (302, 200, 200, 403, 403, 200, 403, 302), strict=True))
MEMBERS = dict(zip(PEOPLE, (302, 200, 200, 200, 200, 200, 403, 302), strict=True))
OF_ACME = dict(zip(PEOPLE, (302, 200, 200, 200, 403, 403, 403, 302), strict=True))
OF_CANARY = dict(zip(PEOPLE, (302, 200, 200, 403, 200, 200, 403, 302), strict=True))
ACTS_IN_ACME = dict(zip(PEOPLE, (302, 302, 302, 403, 403, 403, 403, 302), strict=True))
ACTS_IN_CANARY = dict(zip(PEOPLE, (302, 302, 302, 403, 403, 302, 403, 302), strict=True))
LOGS_OUT = dict.fromkeys(PEOPLE, 302)


@dataclass(frozen=True)
class Form:
    """An address that something is done at: only by POST."""

    who: dict[str, int]
    fields: dict[str, str]


def acts(who: dict[str, int], pk: int) -> dict[str, Form]:
    return {
        "inbox:replies": Form(who, {"text": "We look into it.", "in_reply_to": str(pk)}),
        "inbox:assignment": Form(who, {}),
        "inbox:close": Form(who, {"disposition": "resolved"}),
        "inbox:retry": Form(who, {}),
        "inbox:posted": Form(who, {"address": f"https://x.com/x/status/{tweet_id(9)}"}),
    }


def brand_pages(who: dict[str, int], its_acts: dict[str, int], pk: int) -> dict[str, dict[str, int] | Form]:
    pages = ("inbox:inbox", "inbox:rows", "inbox:conversation", "reporting:first-response")
    return {**dict.fromkeys(pages, who), **acts(its_acts, pk)}


EVERY_HOST = {"health": EVERYBODY}
PEOPLES_HOST = {**EVERY_HOST, "accounts:login": EVERYBODY, "accounts:logout": Form(LOGS_OUT, {})}
AGENCY_PAGES = {
    **PEOPLES_HOST,
    "desk": STAFF,
    "desk-rows": STAFF,
    "agency-first-response": STAFF,
    "live-since": MEMBERS,
}
TABLE: dict[tuple[str, str], dict[str, dict[str, int] | Form]] = {
    (OPERATORS, ""): {**EVERY_HOST, "landing": EVERYBODY},
    (AGENCY, "acme"): {**AGENCY_PAGES, **brand_pages(OF_ACME, ACTS_IN_ACME, OURS)},
    (AGENCY, "canary"): {**AGENCY_PAGES, **brand_pages(OF_CANARY, ACTS_IN_CANARY, THEIRS)},
    (ACME, "acme"): {**PEOPLES_HOST, **brand_pages(OF_ACME, ACTS_IN_ACME, OURS), "live-since": OF_ACME},
    (CANARY, "canary"): {**PEOPLES_HOST, **brand_pages(OF_CANARY, ACTS_IN_CANARY, THEIRS), "live-since": OF_CANARY},
}
KINDS = {OPERATORS: "operators", AGENCY: "agency", ACME: "brand", CANARY: "brand"}


@pytest.fixture(scope="module")
def people(house, django_db_blocker) -> dict[str, int | None]:
    """Everybody who may knock, by what they are."""
    with django_db_blocker.unblock():
        elsewhere = schemas.create_agency(name="Elsewhere", slug="elsewhere", now=NOON)

        def hire(name: str, role: Role, brand_id: int | None = None, agency_id: int = house.agency.pk) -> int:
            email = f"{name}@doors.test"
            return add_person(
                email=email, name=name.title(), password="secret", agency_id=agency_id, role=role, brand_id=brand_id
            )

        people = {
            "nobody": None,
            "agent": house.agent_id,
            "supervisor": house.supervisor_id,
            "client of acme": hire("vera", Role.CLIENT_VIEWER, house.acme.pk),
            "client of canary": hire("viktor", Role.CLIENT_VIEWER, house.canary.pk),
            "agent of canary": hire("alma", Role.AGENT, house.canary.pk),
            "stranger": hire("stan", Role.AGENT, agency_id=elsewhere.pk),
            "moved": house.agent_id,
        }
        entry.connection.close()
    return people


@pytest.fixture
def two_brands(db, house, static_files, _transactions_around) -> None:
    """A conversation and a reply in each brand, under keys that the other brand does not have."""
    for brand, pk, handle_id in ((house.acme, OURS, ACME_HANDLE), (house.canary, THEIRS, CANARY_HANDLE)):
        with entry.brand(brand):
            conversation = ConversationFactory(id=pk, handle_id=handle_id)
            MessageFactory(id=pk, conversation=conversation, text=f"the word is {brand.slug}word")
            # Elsewhere, since a conversation is not closed while a reply's fate is open.
            another = ConversationFactory(id=pk + 1, handle_id=conversation.handle_id)
            MessageFactory(id=pk + 1, conversation=another)
            ReplyFactory(
                id=pk,
                conversation=another,
                author_id=house.agent_id,
                status=ReplyStatus.UNKNOWN,
                why="No answer came.",
                approved_by_id=house.agent_id,
                approved_at=NOON,
                posting_since=NOON,
            )


def knock(people: dict[str, int | None], who: str, host: str) -> Client:
    elsewhere = ACME if host != ACME else AGENCY
    return visitor(host, people[who], opened_on=elsewhere if who == "moved" else None)


@pytest.mark.parametrize(("host", "slug"), TABLE)
def test_everybody_gets_what_the_table_says_and_nothing_else(two_brands, people, host: str, slug: str):
    table, pk = TABLE[host, slug], THEIRS if slug == "canary" else OURS
    urls = dict(_urls(KINDS[host], slug=slug, pk=pk))
    assert set(urls) == set(table), "a url is missing from the table, or the table knows one that is gone"

    got: dict[str, dict[str, int]] = {}
    for name, address in urls.items():
        rule = table[name]
        for who in PEOPLE:
            client = knock(people, who, host)
            with undone():
                if isinstance(rule, Form):
                    got.setdefault(name, {})[who] = client.post(address, rule.fields).status_code
                else:
                    got.setdefault(name, {})[who] = client.get(address).status_code

    wanted = {name: rule.who if isinstance(rule, Form) else rule for name, rule in table.items()}
    # A desk row is missing here, so that nobody can take the conversation: the refusal is shown on its page.
    for name, who in wanted.items():
        if name == "inbox:assignment":
            wanted[name] = {each: 409 if each in ANSWERS[slug] else status for each, status in who.items()}
    assert got == wanted


ANSWERS = {
    "acme": {"agent", "supervisor"},
    "canary": {"agent", "supervisor", "agent of canary"},
}


@pytest.mark.parametrize(("host", "slug"), [where for where in TABLE if where[0] != OPERATORS])
def test_what_changes_something_answers_post_alone_and_the_rest_never_does(two_brands, people, host: str, slug: str):
    urls = dict(_urls(KINDS[host], slug=slug, pk=THEIRS if slug == "canary" else OURS))
    client = knock(people, "agent", host)
    got = {}

    for name, address in urls.items():
        if name in ("accounts:login", "health"):
            continue
        with undone():
            is_form = isinstance(TABLE[host, slug][name], Form)
            got[name] = client.get(address).status_code if is_form else client.post(address, {}).status_code

    assert got == dict.fromkeys(got, 405)


def test_the_addresses_of_one_kind_of_host_are_nothing_on_another(two_brands, people):
    kinds = {OPERATORS: "operators", AGENCY: "agency", ACME: "brand"}
    urls = {host: {address for _, address in _urls(kind, slug="acme", pk=OURS)} for host, kind in kinds.items()}

    for host in kinds:
        elsewhere = set().union(*urls.values()) - urls[host]
        client = knock(people, "agent", host)
        assert {address: client.get(address).status_code for address in elsewhere} == dict.fromkeys(elsewhere, 404)


# --- keys of the other brand ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["agent", "client of acme"])
def test_a_key_of_the_other_brand_is_found_nowhere(two_brands, people, who: str):
    """The agent may enter both brands: under one brand's address the other brand's key is nothing all the same."""
    client = knock(people, who, AGENCY)
    urls = dict(_urls("agency", slug="acme", pk=THEIRS))
    keyed = {name: address for name, address in urls.items() if str(THEIRS) in address}

    got = {}
    for name, address in keyed.items():
        rule = TABLE[AGENCY, "acme"][name]
        answer = client.post(address, rule.fields) if isinstance(rule, Form) else client.get(address)
        got[name] = answer.status_code
        assert "canaryword" not in answer.text

    assert len(got) == 6
    assert got == dict.fromkeys(got, 404)


def test_a_tweet_of_the_other_brand_cannot_be_answered(two_brands, people, house):
    client = knock(people, "agent", AGENCY)

    fields = {"text": "Hello over there.", "in_reply_to": str(THEIRS)}
    answer = client.post(f"/b/acme/conversations/{OURS}/replies/", fields)

    assert answer.status_code == 409
    assert "The tweet you answer is not in this conversation." in answer.text
    assert "Hello over there." in answer.text
    for brand in (house.acme, house.canary):
        with entry.brand(brand):
            assert Reply.objects.count() == 1


PAGES = ("", "rows/", f"conversations/{OURS}/", f"conversations/{THEIRS}/")


@pytest.mark.parametrize("who", ["agent", "agent of canary", "client of canary"])
def test_no_list_holds_a_word_of_a_brand_that_one_may_not_enter(two_brands, people, who: str):
    client = knock(people, who, AGENCY)
    may = {"agent": {"acme", "canary"}}.get(who, {"canary"})

    pages = [f"/b/{slug}/{page}" for slug in ("acme", "canary") for page in PAGES]
    pages += ["/", "/desk/rows/", "/live-since/", "/live-since/?brands=acme", "/reports/first-response/"]
    said = "".join(client.get(page).text for page in pages)

    assert ("acmeword" in said, "canaryword" in said) == ("acme" in may, "canary" in may)
    assert set(json.loads(client.get("/live-since/").text)) == may


@pytest.mark.parametrize(
    "address",
    [
        "/b/acme/conversations/9223372036854775807/",
        "/b/acme/conversations/9223372036854775808/",
        "/b/acme/conversations/99999999999999999999999999/",
        "/b/acme/conversations/0/",
        "/b/nobody/",
        "/b/acme",
        "/b/%00/",
        "/b/acme/?filter=closed%00&after=",
        "/b/acme/?after=%00",
        "/b/acme/?after=bm90aGluZw==",
        "/b/acme/?after=MjAyNi0xMS0wM1QxMjowMDowMCswMDowMCA5OTk5OTk5OTk5OTk5OTk5OTk5OTk=",
        "/b/acme/?after=MDAwMS0wMS0wMVQwMDowMDowMCsyMzowMCA1",
        "/?after=-1",
        "/?after=99999999999999999999",
        "/?filter=closed",
        "/live-since/?brands=acme,nobody,%00",
    ],
)
def test_nonsense_in_an_address_is_answered_and_breaks_nothing(two_brands, people, address: str):
    answer = knock(people, "agent", AGENCY).get(address)

    assert answer.status_code in (200, 403, 404, 409)


# --- hosts ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["nobody.localhost", "acme.localhost", "care.acme.localhost.localhost", "xcare.acme.localhost"]
)
def test_a_host_of_nobodys_has_no_page(two_brands, people, host: str):
    answer = knock(people, "agent", host).get("/")

    assert answer.status_code == 404
    assert "This host belongs to no agency and no brand." in answer.text


@pytest.mark.parametrize("host", ["evil.example", "northlight.localhost.evil.example", "northlight.localhost@evil"])
def test_a_host_that_is_not_ours_is_turned_away(two_brands, people, host: str):
    assert knock(people, "agent", host).get("/").status_code == 400


@pytest.mark.parametrize("host", ["NORTHLIGHT.localhost", "northlight.localhost.", "northlight.localhost:9999"])
def test_a_session_belongs_to_the_host_letter_by_letter(two_brands, people, host: str):
    client = visitor(host, people["agent"], opened_on=AGENCY)

    assert client.get("/").status_code in (302, 404)


# --- cookies, forms, log-in -------------------------------------------------------------------------------------------


def test_cookies_are_for_this_host_alone_and_out_of_reach_of_scripts(two_brands, people, house):
    client = Client(HTTP_HOST=AGENCY, enforce_csrf_checks=True)
    client.get("/login/")
    token = client.cookies["__Host-csrf"].value

    answer = client.post("/login/", {**_agent(), "csrfmiddlewaretoken": token}, headers={"Origin": f"http://{AGENCY}"})

    assert answer.status_code == 302
    assert {name for name, morsel in client.cookies.items() if morsel.value} == {"__Host-csrf", "__Host-session"}
    for morsel in client.cookies.values():
        assert (morsel["secure"], morsel["httponly"], morsel["path"], morsel["domain"]) == (True, True, "/", "")
        assert morsel["samesite"] == "Lax"


@pytest.mark.parametrize("origin", [None, f"http://{CANARY}", "http://evil.example", "null"])
def test_a_form_without_its_token_is_refused_in_words(two_brands, people, origin: str | None):
    client = visitor(AGENCY, people["agent"], enforce_csrf_checks=True)
    headers = {"Origin": origin} if origin else {}

    answer = client.post(f"/b/acme/conversations/{OURS}/close/", {"disposition": "resolved"}, headers=headers)

    assert answer.status_code == 403
    assert "This page was open for too long, or your browser keeps no cookies." in answer.text


@pytest.mark.parametrize(
    ("wanted", "leads_to"),
    [
        ("/b/acme/?filter=mine", "/b/acme/?filter=mine"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("http://care.canary.localhost/", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("\thttps://evil.example", "/"),
        ("///evil.example", "/"),
        ("", "/"),
    ],
)
def test_logging_in_leads_nowhere_else(two_brands, people, wanted: str, leads_to: str):
    answer = Client(HTTP_HOST=AGENCY).post("/login/", {**_agent(), "next": wanted})

    assert (answer.status_code, answer.headers["Location"]) == (302, leads_to)


def test_logging_in_opens_a_new_session_that_is_this_hosts(two_brands, people):
    client = visitor(AGENCY, people["supervisor"])
    before = client.cookies["__Host-session"].value

    client.post("/login/", _agent())
    after = client.cookies["__Host-session"].value

    assert after != before
    assert client.get("/").status_code == 200
    moved = Client(HTTP_HOST=ACME)
    moved.cookies["__Host-session"] = after
    assert moved.get("/").status_code == 302


NOT_TOGETHER = "This e-mail address and password do not fit together here."


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"password": "wrong"}, NOT_TOGETHER),
        ({"email": "nobody@northlight.test"}, NOT_TOGETHER),
        ({"email": "stan@doors.test"}, NOT_TOGETHER),  # of another agency
        ({"email": ""}, "This field is required."),
        ({"password": ""}, "This field is required."),
        ({"email": "agent@northlight.test' --"}, "Enter a valid email address."),
        ({"email": "a\x00@b.test"}, "Enter a valid email address."),
        ({"password": "x" * 5000}, ""),
    ],
)
def test_a_failed_log_in_is_told_in_words_and_who_exists_is_not(two_brands, people, given, sentence: str):
    answer = Client(HTTP_HOST=AGENCY).post("/login/", {**_agent(), **given})

    assert answer.status_code == 422
    assert sentence in answer.text
    assert "__Host-session" not in answer.cookies
    assert "wrong" not in answer.text


def test_logging_in_and_out_and_failing_to_is_written_down(two_brands, people, house):
    before = _audited(house)
    client = Client(HTTP_HOST=AGENCY)

    client.post("/login/", {**_agent(), "password": "wrong"})
    client.post("/login/", _agent())
    client.post("/logout/")

    assert _audited(house)[len(before) :] == [
        (AuditKind.LOG_IN_FAILED, None),
        (AuditKind.LOGGED_IN, house.agent_id),
        (AuditKind.LOGGED_OUT, house.agent_id),
    ]
    assert client.get("/").status_code == 302


def test_who_is_logged_out_here_is_logged_out_with_every_tab(two_brands, people):
    client = visitor(AGENCY, people["agent"])
    tab = Client(HTTP_HOST=AGENCY)
    tab.cookies["__Host-session"] = client.cookies["__Host-session"].value

    client.post("/logout/")

    assert tab.get("/").status_code == 302


def test_a_body_over_the_limit_is_refused(two_brands, people):
    answer = visitor(AGENCY, people["agent"]).post(
        f"/b/acme/conversations/{OURS}/replies/", {"text": "x" * 1_100_000, "in_reply_to": str(OURS)}
    )

    assert answer.status_code == 413
    assert "That was more than we take at once." in answer.text


def test_every_page_says_what_a_browser_may_do_with_it(two_brands, people):
    answer = knock(people, "agent", AGENCY).get("/")

    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert "no-store" in answer.headers.get("Cache-Control", "")


def _agent() -> dict[str, str]:
    return {"email": "agent@northlight.test", "password": "secret"}


def _audited(house) -> list[tuple[str, int | None]]:
    with entry.agency(house.agency.pk):
        written = AuditEntry.objects.filter(chain=f"a{house.agency.pk}").order_by("number")
        return list(written.values_list("kind", "by_id"))


def _urls(kind: str, *, slug: str, pk: int) -> Iterator[tuple[str, str]]:
    """The name and an address of every url of a kind of host, as its resolver knows them."""
    yield from _walk(get_resolver(f"config.urls.{kind}"), "", "/", {"<slug:brand_slug>": slug, "<int:pk>": str(pk)})


def _walk(resolver, namespace: str, address: str, values: dict[str, str]) -> Iterator[tuple[str, str]]:
    for pattern in resolver.url_patterns:
        route = str(pattern.pattern)
        for placeholder, value in values.items():
            route = route.replace(placeholder, value)
        if isinstance(pattern, URLPattern):
            assert "<" not in route, f"{address}{route}: no example for this part"
            yield f"{namespace}{pattern.name or ''}", address + route
        else:
            within = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from _walk(pattern, within, address + route, values)
