"""Whoever stands before a closed door is told whose it is, and led to where they may go."""

import re

import pytest
from django.test import Client

from tests.doors.test_matrix import knocking
from tests.visiting import AGENCY

CLIENTS = ("an approver of acme's", "a viewer of acme's")


def links_on(text: str) -> list[str]:
    return re.findall(r'class="button[^"]*" href="([^"]+)"', text)


@pytest.mark.parametrize("who", CLIENTS)
@pytest.mark.parametrize("page", ["/", "/desk/rows/", "/costs/", "/admin/", "/reports/first-response/"])
def test_a_clients_staff_are_led_to_their_brands_own_host(two_brands, town, settings, who: str, page: str):
    answer = knocking(town, who, AGENCY).get(page)

    host = f"http://care.acme.localhost:{settings.PORT}/"
    assert answer.status_code == 403
    assert "You work on your brand&#x27;s own host: log in there." in answer.text
    assert links_on(answer.text) == [host, "/login/"]
    assert "Acme Air" in answer.text
    assert "canary" not in answer.text.lower()


@pytest.mark.parametrize(
    ("who", "page", "whose"),
    [
        ("an agent", "/costs/", "agency admins and supervisors"),
        ("a trainee", "/costs/", "agency admins and supervisors"),
        ("an agent", "/keys/", "agency admins"),
        ("a supervisor", "/admin/", "admins of the whole agency"),
        ("an admin of acme", "/admin/", "admins of the whole agency"),
    ],
)
def test_the_agencys_people_are_told_whose_page_it_is_and_led_to_the_desk(two_brands, town, who, page, whose):
    client = knocking(town, who, AGENCY)

    answer = client.get(page)

    assert answer.status_code == 403
    assert f"This page is for {whose}." in answer.text
    assert "host" not in answer.text.partition("<main")[2]
    assert links_on(answer.text) == ["/", "/login/"]
    assert client.get("/").status_code == 200


def test_whoever_is_nobody_here_is_not_sent_round_in_a_circle(two_brands, town):
    client = knocking(town, "an admin of another agency", AGENCY)

    at_the_front, further_in = client.get("/"), client.get("/admin/")

    assert (at_the_front.status_code, further_in.status_code) == (403, 403)
    assert links_on(at_the_front.text) == ["/login/"]
    assert links_on(further_in.text) == ["/", "/login/"]


@pytest.mark.parametrize("path", ["/", "/static/nothing.css", "/b/acme/"])
def test_a_host_of_nobodys_looks_like_ours_and_leads_to_the_front(db, static_files, settings, path: str):
    answer = Client(HTTP_HOST="mistyped.localhost").get(path)

    assert answer.status_code == 404
    assert links_on(answer.text) == [f"http://localhost:{settings.PORT}/"]
    assert 'class="card dead-end"' in answer.text
    assert "style-src 'self'" in answer.headers["Content-Security-Policy"]


def test_a_host_of_nobodys_gets_the_style_sheets_of_its_page(db, static_files):
    client = Client(HTTP_HOST="mistyped.localhost")
    sheets = re.findall(r'<link rel="stylesheet" href="([^"]+)"', client.get("/").text)

    assert len(sheets) == 2
    for sheet in sheets:
        answer = client.get(sheet)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, 'text/css; charset="utf-8"')
