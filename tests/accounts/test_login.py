"""Log-in and log-out on every kind of host, the limits on it, and a new password by mail."""

import re

import pytest
from django.core import mail
from django.core.cache import cache
from django.test import Client

from accounts.domain.people import add_person
from accounts.enums import AuditKind, Role
from accounts.models import AuditEntry
from tenants import entry
from tests.visiting import ACME, AGENCY, CANARY, OPERATORS, visitor

NOT_TOGETHER = "This e-mail address and password do not fit together here."
AGENT = {"email": "agent@northlight.test", "password": "secret"}


@pytest.fixture(autouse=True)
def _nobody_tried_before(db, house, static_files):
    cache.clear()


@pytest.fixture(scope="module")
def people(house, django_db_blocker) -> dict[str, int]:
    """Client staff of one brand, and an operator."""
    with django_db_blocker.unblock():
        return {
            "client": add_person(
                email="client@login.test",
                name="Cleo Client",
                password="secret",
                agency_id=house.agency.pk,
                role=Role.CLIENT_VIEWER,
                brand_id=house.acme.pk,
            ),
            "operator": add_person(
                email="operator@login.test", name="Olu Operator", password="secret", is_operator=True
            ),
        }


@pytest.mark.parametrize(
    ("host", "email", "leads_to"),
    [
        (AGENCY, "agent@northlight.test", "/"),
        (AGENCY, "AGENT@Northlight.test", "/"),
        (ACME, "agent@northlight.test", "/"),
        (ACME, "client@login.test", "/"),
        (OPERATORS, "operator@login.test", "/admin/"),
    ],
)
def test_who_belongs_on_a_host_comes_in(people, host, email, leads_to):
    answer = Client(HTTP_HOST=host).post("/login/", {"email": email, "password": "secret"})

    assert (answer.status_code, answer.headers["Location"]) == (302, leads_to)


@pytest.mark.parametrize(
    ("host", "email", "password"),
    [
        (AGENCY, "agent@northlight.test", "wrong"),
        (AGENCY, "nobody@northlight.test", "secret"),
        (AGENCY, "operator@login.test", "secret"),
        (CANARY, "client@login.test", "secret"),
        (OPERATORS, "agent@northlight.test", "secret"),
    ],
)
def test_whoever_does_not_belong_is_told_what_a_wrong_password_is_told(people, host, email, password):
    client = Client(HTTP_HOST=host)

    answer = client.post("/login/", {"email": email, "password": password})

    assert answer.status_code == 422
    assert NOT_TOGETHER in answer.text
    assert f'value="{email}"' in answer.text


@pytest.mark.parametrize("wanted", ["https://evil.test/", "//evil.test", "http://care.acme.localhost/", "javascript:1"])
def test_log_in_leads_to_a_page_of_this_host_only(people, wanted):
    answer = Client(HTTP_HOST=AGENCY).post("/login/", {**AGENT, "next": wanted})

    assert answer.headers["Location"] == "/"


def test_after_five_failures_somebody_is_told_when_to_try_again(people):
    client = Client(HTTP_HOST=AGENCY)
    for _ in range(5):
        client.post("/login/", {**AGENT, "password": "wrong"})

    answer = client.post("/login/", AGENT)

    assert answer.status_code == 429
    assert re.search(r"Too many attempts\. Try again in 5 minutes, at \d\d:\d\d UTC\.", answer.text)
    assert int(answer.headers["Retry-After"]) > 290
    assert 'value="agent@northlight.test"' in answer.text
    assert "__Host-session" not in answer.cookies


def test_the_limit_holds_over_all_hosts_and_for_one_person_alone(people):
    for host in (AGENCY, ACME, CANARY, AGENCY, ACME):
        Client(HTTP_HOST=host).post("/login/", {**AGENT, "password": "wrong"})

    answers = [
        Client(HTTP_HOST=AGENCY).post("/login/", {**AGENT, "email": f"{who}@northlight.test"}).status_code
        for who in ("agent", "supervisor")
    ]

    assert answers == [429, 302]


def test_log_in_of_operators_is_written_into_the_houses_own_chain(people):
    client = Client(HTTP_HOST=OPERATORS)

    client.post("/login/", {"email": "operator@login.test", "password": "secret"})
    client.post("/logout/")

    with entry.operators():
        kinds = list(AuditEntry.objects.order_by("-number").values_list("kind", "by_id")[:2])
    assert kinds == [(AuditKind.LOGGED_OUT, people["operator"]), (AuditKind.LOGGED_IN, people["operator"])]


def test_a_forgotten_password_is_replaced_by_a_link_to_our_own_host(people):
    client = Client(HTTP_HOST=AGENCY)

    asked = client.post("/password/", {"email": "agent@northlight.test"})
    link = re.search(r"http://\S+", mail.outbox[0].body).group()
    path = "/password/" + link.partition("/password/")[2]
    form = client.get(path, follow=True)
    changed = client.post(form.redirect_chain[-1][0], {"password1": "moonlit-harbour", "password2": "moonlit-harbour"})

    assert asked.headers["Location"] == "/password/sent/"
    assert link.startswith("http://northlight.localhost")
    assert changed.headers["Location"] == "/password/done/"
    assert client.post("/login/", AGENT).status_code == 422
    assert client.post("/login/", {**AGENT, "password": "moonlit-harbour"}).status_code == 302
    assert "It was used already" in client.get(path, follow=True).text


@pytest.mark.parametrize(
    ("host", "email"),
    [(AGENCY, "nobody@northlight.test"), (AGENCY, "operator@login.test"), (CANARY, "client@login.test")],
)
def test_who_has_no_account_here_is_mailed_nothing_and_told_the_same(people, host, email):
    answer = Client(HTTP_HOST=host).post("/password/", {"email": email})

    assert answer.headers["Location"] == "/password/sent/"
    assert mail.outbox == []


@pytest.mark.parametrize("path", ["/password/1/garbage/", "/password/zz/set-password/", "/password/%00/x-y/"])
def test_a_garbage_link_to_a_new_password_is_told_in_words(people, path):
    answer = Client(HTTP_HOST=AGENCY).get(path, follow=True)

    assert answer.status_code == 200
    assert "This link opens nothing" in answer.text


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"oldpassword": "wrong"}, "Please type your current password."),
        ({"password1": "short", "password2": "short"}, "at least 10 characters"),
        ({"password2": "something-else"}, "You must type the same password each time."),
        ({"password1": "password123", "password2": "password123"}, "too common"),
        ({"oldpassword": ""}, "This field is required."),
    ],
)
def test_a_password_that_will_not_do_changes_nothing(people, house, given, sentence):
    client = visitor(AGENCY, house.agent_id)
    right = {"oldpassword": "secret", "password1": "moonlit-harbour", "password2": "moonlit-harbour"}

    answer = client.post("/me/password/", {**right, **given})

    assert sentence in answer.text
    assert Client(HTTP_HOST=AGENCY).post("/login/", AGENT).status_code == 302
