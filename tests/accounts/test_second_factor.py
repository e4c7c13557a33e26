"""Second factors: who must have one, an app with codes, recovery codes, passkeys; and that their secrets are sealed."""

import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core import mail
from django.core.cache import cache
from django.test import Client

from accounts.domain.people import add_person
from accounts.enums import AuditKind, Role
from accounts.models import AuditEntry
from tenants import entry
from tests.visiting import ACME, AGENCY, OPERATORS, visitor

SECRET = "secret"


@pytest.fixture
def _nobody_tried_before(db, house, static_files):
    cache.clear()


@pytest.fixture(scope="module")
def must(house, django_db_blocker) -> dict[str, int]:
    """Who must have a second factor, and who need not."""
    at_home = {"agency_id": house.agency.pk, "role": Role.ADMIN}
    with django_db_blocker.unblock():
        return {
            name: add_person(email=f"{name}@factor.test", name=name.title(), password=SECRET, **more)
            for name, more in {
                "admin": at_home,
                "brand-admin": {**at_home, "brand_id": house.acme.pk},
                "operator": {"is_operator": True},
                "shown": {**at_home, "is_demonstration": True},
                "both": {"agency_id": house.agency.pk, "role": Role.AGENT, "is_operator": True},
            }.items()
        }


@pytest.mark.parametrize(
    ("who", "host", "pages"),
    [
        ("admin", AGENCY, ["/", "/admin/", "/b/acme/", "/reports/first-response/", "/live-since/"]),
        ("brand-admin", ACME, ["/", "/reports/first-response/"]),
        ("operator", OPERATORS, ["/admin/"]),
    ],
)
def test_who_must_have_a_second_factor_is_led_to_it_from_everywhere(_nobody_tried_before, must, who, host, pages):
    client = visitor(host, must[who])

    answers = {page: client.get(page).headers.get("Location") for page in pages}

    assert answers == dict.fromkeys(pages, "/me/2fa/")
    assert "One more step: a second factor" in client.get("/me/2fa/").text


def test_the_demonstrations_people_are_asked_for_none_and_told_so(_nobody_tried_before, must, house):
    client = visitor(AGENCY, must["shown"])

    assert client.get("/").status_code == 200
    assert "This is a demonstration account: no second factor is asked of it." in client.get("/me/").text
    assert visitor(AGENCY, house.agent_id).get("/").status_code == 200


def test_an_app_is_set_up_sealed_and_opens_the_way(_nobody_tried_before, must, django_capture_on_commit_callbacks):
    with entry.directory(), django_capture_on_commit_callbacks(execute=True):
        client, secret = _with_an_app(must)
    with entry.directory():
        kept = Authenticator.objects.get(user_id=must["admin"], type=Authenticator.Type.TOTP).data
        codes = Authenticator.objects.get(user_id=must["admin"], type=Authenticator.Type.RECOVERY_CODES).data
        kinds = AuditEntry.objects.filter(by_id=must["admin"]).order_by("-number").values_list("kind", flat=True)
        kinds = set(kinds[:3])

    assert client.get("/").status_code == 200
    assert secret not in str(kept)
    assert len(codes["seed"]) > 60  # sealed: a seed itself has 40
    assert AuditKind.FACTOR_ADDED in kinds
    assert {message.to[0] for message in mail.outbox} == {"admin@factor.test"}


def test_log_in_asks_for_the_code_and_takes_each_once(_nobody_tried_before, must):
    _, secret = _with_an_app(must)
    cache.clear()
    code = _code(secret)

    first, again = _half_logged_in(), _half_logged_in()
    outside = first.get("/").status_code
    wrong = first.post("/login/code/", {"code": "000000" if code != "000000" else "111111"})
    right = first.post("/login/code/", {"code": code})
    replayed = again.post("/login/code/", {"code": code})

    assert outside == 302
    assert "This code does not fit." in wrong.text
    assert right.headers["Location"] == "/"
    assert first.get("/").status_code == 200
    assert "This code does not fit." in replayed.text


@pytest.mark.parametrize("code", ["", "x" * 5000, "123456\x00", "' OR 1=1", "１２３４５６"])
def test_a_code_that_is_none_is_told_in_words(_nobody_tried_before, must, code):
    _with_an_app(must)
    client = _half_logged_in()

    answer = client.post("/login/code/", {"code": code})

    assert answer.status_code == 200
    assert "field-error" in answer.text
    assert client.get("/").status_code == 302


def test_codes_are_not_tried_for_ever(_nobody_tried_before, must):
    _with_an_app(must)
    client = _half_logged_in()

    answers = [client.post("/login/code/", {"code": f"00000{number}"}).text for number in range(6)]

    assert "Too many attempts. Wait five minutes, then try again." in answers[-1]
    assert "Too many attempts" not in answers[-2]


def test_a_recovery_code_opens_once(_nobody_tried_before, must):
    admin, _ = _with_an_app(must)
    code = admin.get("/me/2fa/codes/file/").text.split()[0]

    first, again = _half_logged_in(), _half_logged_in()

    assert first.post("/login/code/", {"code": code}).headers["Location"] == "/"
    assert "This code does not fit." in again.post("/login/code/", {"code": code}).text


def test_the_last_second_factor_stays_where_one_must_be(_nobody_tried_before, must):
    client, _ = _with_an_app(must)

    answer = client.post("/me/2fa/app/remove/")

    assert "This is your last second factor" in answer.text
    with entry.directory():
        assert Authenticator.objects.filter(user_id=must["admin"], type=Authenticator.Type.TOTP).exists()


def test_what_one_host_asks_for_is_not_taken_away_on_another(_nobody_tried_before, must):
    client, _ = _with_an_app(must, "both")  # an agent here, and an operator on another host

    answer = client.post("/me/2fa/app/remove/")

    assert "This is your last second factor" in answer.text
    with entry.directory():
        assert Authenticator.objects.filter(user_id=must["both"], type=Authenticator.Type.TOTP).exists()


def test_a_secret_moved_to_somebody_else_does_not_open(_nobody_tried_before, must):
    _, secret = _with_an_app(must)
    with entry.directory():
        Authenticator.objects.filter(user_id=must["admin"], type="totp").update(user_id=must["brand-admin"])
    client = _half_logged_in("brand-admin")

    with pytest.raises(Exception, match=r"^$"):  # cryptography's InvalidTag says nothing
        client.post("/login/code/", {"code": _code(secret)})


def test_who_logged_in_long_ago_proves_once_more_who_they_are(_nobody_tried_before, must):
    client = visitor(AGENCY, must["admin"])

    answer = client.get("/me/2fa/app/", follow=True)

    assert answer.redirect_chain[-1][0].startswith("/me/again/")
    assert "Is it you?" in answer.text


@pytest.mark.parametrize(
    "credential",
    ["", "null", "[]", "{", '{"response": {"clientDataJSON": "e30"}}', '{"response": {"userHandle": "MTI"}}'],
)
def test_a_passkey_that_is_none_opens_nothing(_nobody_tried_before, must, credential):
    client = Client(HTTP_HOST=AGENCY)
    client.get("/login/passkey/", headers={"Accept": "application/json"})

    answer = client.post("/login/passkey/", {"credential": credential}, follow=True)

    assert answer.redirect_chain[-1][0] == "/login/"
    assert client.get("/").status_code == 302


def _with_an_app(must, who: str = "admin") -> tuple[Client, str]:
    """Somebody who has just logged in and set up an app; and the app's secret."""
    client = Client(HTTP_HOST=AGENCY)
    client.post("/login/", {"email": f"{who}@factor.test", "password": SECRET})
    secret = client.get("/me/2fa/app/").context["form"].secret
    answer = client.post("/me/2fa/app/", {"code": _code(secret)})
    assert answer.headers["Location"] == "/me/2fa/codes/", answer.text
    return client, secret


def _half_logged_in(who: str = "admin") -> Client:
    """Somebody who gave their password, and nothing more yet."""
    client = Client(HTTP_HOST=AGENCY)
    answer = client.post("/login/", {"email": f"{who}@factor.test", "password": SECRET})
    assert answer.headers["Location"] == "/login/code/", answer.text
    return client


def _code(secret: str) -> str:
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))
