"""Hosts, cookies, forms and log-in: what holds at every door, whoever knocks."""

import pytest
from django.test import Client

from accounts.enums import AuditKind
from accounts.models import AuditEntry
from tenants import entry
from tests.doors.addresses import OURS
from tests.doors.test_matrix import knocking
from tests.visiting import ACME, AGENCY, CANARY, visitor

# --- hosts ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        "nobody.localhost",
        "acme.localhost",
        "care.acme.localhost.localhost",
        "xcare.acme.localhost",
        "evil.example",
        "northlight.localhost.evil.example",
    ],
)
def test_a_host_of_nobodys_has_no_page(two_brands, town, host: str):
    answer = knocking(town, "an agent", host).get("/")

    assert answer.status_code == 404
    assert "This host belongs to no agency and no brand." in answer.text


@pytest.mark.parametrize("host", ["northlight.localhost@evil", "a b", "[::1", "x/y"])
def test_what_is_no_hosts_name_is_turned_away(two_brands, town, host: str):
    assert knocking(town, "an agent", host).get("/").status_code == 400


@pytest.mark.parametrize("host", ["NORTHLIGHT.localhost", "northlight.localhost.", "northlight.localhost:9999"])
def test_a_session_belongs_to_the_host_letter_by_letter(two_brands, town, host: str):
    client = visitor(host, town.ids["an agent"], opened_on=AGENCY)

    assert client.get("/").status_code in (302, 404)


# --- cookies, forms, log-in -------------------------------------------------------------------------------------------


def test_cookies_are_for_this_host_alone_and_out_of_reach_of_scripts(two_brands, town, house):
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
def test_a_form_without_its_token_is_refused_in_words(two_brands, town, origin: str | None):
    client = visitor(AGENCY, town.ids["an agent"], enforce_csrf_checks=True)
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
def test_logging_in_leads_nowhere_else(two_brands, town, wanted: str, leads_to: str):
    answer = Client(HTTP_HOST=AGENCY).post("/login/", {**_agent(), "next": wanted})

    assert (answer.status_code, answer.headers["Location"]) == (302, leads_to)


def test_logging_in_opens_a_new_session_that_is_this_hosts(two_brands, town):
    client = visitor(AGENCY, town.ids["a supervisor"])
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
        ({"email": "caller13@doors.test"}, NOT_TOGETHER),  # of another agency
        ({"email": ""}, "This field is required."),
        ({"password": ""}, "This field is required."),
        ({"email": "agent@northlight.test' --"}, "Enter a valid email address."),
        ({"email": "a\x00@b.test"}, "Enter a valid email address."),
        ({"password": "x" * 5000}, ""),
    ],
)
def test_a_failed_log_in_is_told_in_words_and_who_exists_is_not(two_brands, town, given, sentence: str):
    answer = Client(HTTP_HOST=AGENCY).post("/login/", {**_agent(), **given})

    assert answer.status_code == 422
    assert sentence in answer.text
    assert "__Host-session" not in answer.cookies
    assert "wrong" not in answer.text


def test_logging_in_and_out_and_failing_to_is_written_down(two_brands, town, house):
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


def test_who_is_logged_out_here_is_logged_out_with_every_tab(two_brands, town):
    client = visitor(AGENCY, town.ids["an agent"])
    tab = Client(HTTP_HOST=AGENCY)
    tab.cookies["__Host-session"] = client.cookies["__Host-session"].value

    client.post("/logout/")

    assert tab.get("/").status_code == 302


def test_a_body_over_the_limit_is_refused(two_brands, town):
    answer = visitor(AGENCY, town.ids["an agent"]).post(
        f"/b/acme/conversations/{OURS}/replies/", {"text": "x" * 1_100_000, "in_reply_to": str(OURS)}
    )

    assert answer.status_code == 413
    assert "That was more than we take at once." in answer.text


def test_every_page_says_what_a_browser_may_do_with_it(two_brands, town):
    answer = knocking(town, "an agent", AGENCY).get("/")

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
