"""Invitations: one word, one use, three days, one host, one address; and what each wrong one is told."""

from datetime import timedelta

import pytest
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from accounts.domain import invitations
from accounts.domain.people import add_person
from accounts.enums import InvitationState, Role
from accounts.models import Invitation, Membership, User
from tenants import entry
from tenants.badges import address
from tenants.models import Brand
from tenants.refusals import NotNow, NotYours
from tests.visiting import ACME, AGENCY, CANARY, OPERATORS

PASSWORD = "moonlit-harbour"


@pytest.fixture(autouse=True)
def _nobody_tried_before(db, house, static_files):
    cache.clear()


@pytest.fixture(scope="module")
def admin(house, django_db_blocker) -> User:
    """An agency admin, as a page is handed one."""
    return _person(house, django_db_blocker, "admin@inviting.test", agency_id=house.agency.pk, role=Role.ADMIN)


@pytest.fixture(scope="module")
def operator(house, django_db_blocker) -> User:
    return _person(house, django_db_blocker, "operator@inviting.test", is_operator=True)


def test_somebody_new_comes_aboard_with_a_name_and_a_password(house, admin):
    word = _invited(house, admin, email="New.Person@invited.test", role=Role.SUPERVISOR)
    client = Client(HTTP_HOST=AGENCY)

    page = client.get(f"/invitation/{word}/")
    answer = client.post(f"/invitation/{word}/", {"name": " Nia  New ", "password": PASSWORD})

    assert "new.person@invited.test" in page.text
    assert "supervisor" in page.text
    assert answer.headers["Location"] == "/"
    assert client.get("/").status_code == 200
    with entry.directory():
        person = User.objects.get(email="new.person@invited.test")
        held = list(Membership.objects.filter(user=person).values_list("role", "brand_id", "given_by_id"))
    assert (person.name, person.password.split("$")[0]) == ("Nia New", "argon2")
    assert held == [(Role.SUPERVISOR, None, admin.pk)]


def test_somebody_known_accepts_with_the_password_they_have(house, admin, operator):
    word = _invited(house, admin, email=operator.email, role=Role.AGENT)
    client = Client(HTTP_HOST=AGENCY)

    page = client.get(f"/invitation/{word}/")
    wrong = client.post(f"/invitation/{word}/", {"password": "another one"})
    right = client.post(f"/invitation/{word}/", {"password": "secret", "name": "Somebody Else"})

    assert "You have an account with this address already" in page.text
    assert wrong.status_code == 422
    assert "This is not the password of your account." in wrong.text
    assert right.status_code == 302
    with entry.directory():
        assert User.objects.get(pk=operator.pk).name == "Person"


def test_an_invitation_works_once(house, admin):
    word = _invited(house, admin)
    given = {"name": "Nia New", "password": PASSWORD}

    first = Client(HTTP_HOST=AGENCY).post(f"/invitation/{word}/", given)
    second = Client(HTTP_HOST=AGENCY).post(f"/invitation/{word}/", given)

    assert first.status_code == 302
    assert second.status_code == 410
    assert "This invitation was accepted already." in second.text


def test_an_invitation_lasts_three_days(house, admin):
    word = _invited(house, admin, now=timezone.now() - timedelta(hours=72, seconds=1))

    answer = Client(HTTP_HOST=AGENCY).get(f"/invitation/{word}/")

    assert answer.status_code == 410
    assert "This invitation has expired: they last for three days." in answer.text


def test_a_withdrawn_invitation_opens_nothing(house, admin):
    word = _invited(house, admin)
    with entry.agency(house.agency.pk):
        invitations.withdraw(invitation=_newest(), by=admin, now=timezone.now())

    answer = Client(HTTP_HOST=AGENCY).get(f"/invitation/{word}/")

    assert answer.status_code == 410
    assert "This invitation was withdrawn." in answer.text


@pytest.mark.parametrize("host", [ACME, CANARY, OPERATORS])
def test_an_invitation_is_accepted_on_its_own_host_only(house, admin, host):
    word = _invited(house, admin)

    answer = Client(HTTP_HOST=host).post(f"/invitation/{word}/", {"name": "Nia New", "password": PASSWORD})

    assert answer.status_code == 404
    assert "This invitation is for another address." in answer.text


@pytest.mark.parametrize("word", ["x", "%00", "a" * 4000, "Ω" * 22, "..", "' OR 1=1 --"])
def test_a_garbage_word_is_told_in_words(house, word):
    answer = Client(HTTP_HOST=AGENCY).get(f"/invitation/{word}/")

    assert answer.status_code == 404
    assert "There is no such invitation." in answer.text or word == ".."


def test_client_staff_come_aboard_on_their_brands_host_and_nowhere_else(house, admin):
    word = _invited(house, admin, role=Role.CLIENT_APPROVER, brand_id=house.acme.pk)
    given = {"name": "Nia New", "password": PASSWORD}

    answers = [
        Client(HTTP_HOST=host).post(f"/invitation/{word}/", given).status_code for host in (AGENCY, CANARY, ACME)
    ]

    assert answers == [404, 404, 302]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"password": "short"}, "at least 10 characters"),
        ({"password": "password123"}, "too common"),
        ({"password": "nianew@invited.test"}, "too similar"),
        ({"name": "   "}, "Say what your colleagues call you."),
        ({"name": "N" * 81}, "at most 80 characters"),
        ({"name": "N\x00"}, "Null characters are not allowed."),
        ({"password": "x" * 201}, "at most 200 characters"),
    ],
)
def test_a_name_or_password_that_will_not_do_spends_nothing(house, admin, given, sentence):
    word = _invited(house, admin, email="nianew@invited.test")
    client = Client(HTTP_HOST=AGENCY)

    answer = client.post(f"/invitation/{word}/", {"name": "Nia New", "password": PASSWORD, **given})

    assert answer.status_code == 422
    assert sentence in answer.text
    assert client.get(f"/invitation/{word}/").status_code == 200


def test_passwords_are_not_tried_for_ever_at_an_invitation(house, admin, operator):
    word = _invited(house, admin, email=operator.email)
    client = Client(HTTP_HOST=AGENCY)

    answers = [client.post(f"/invitation/{word}/", {"password": f"guess {n}"}).status_code for n in range(6)]

    assert answers == [422] * 5 + [429]


def test_another_invitation_gives_no_more_tries_at_the_same_password(house, admin, operator):
    client = Client(HTTP_HOST=AGENCY)

    answers = [
        client.post(f"/invitation/{_invited(house, admin, email=operator.email)}/", {"password": f"guess {number}"})
        for number in range(6)
    ]
    at_the_log_in = Client(HTTP_HOST=OPERATORS).post("/login/", {"email": operator.email, "password": "secret"})

    assert [answer.status_code for answer in answers] == [422] * 5 + [429]
    assert at_the_log_in.status_code == 429


def test_who_comes_aboard_is_forgiven_no_other_wrong_try_from_there(house, admin, settings):
    settings.ACCOUNT_RATE_LIMITS = {"login_failed": "3/5m/ip,50/5m/key"}
    wrong = [{"email": f"{who}@northlight.test", "password": "guess"} for who in ("agent", "supervisor", "agent")]

    before = [Client(HTTP_HOST=AGENCY).post("/login/", each).status_code for each in wrong[:2]]
    given = {"name": "Nia New", "password": PASSWORD}
    aboard = Client(HTTP_HOST=AGENCY).post(f"/invitation/{_invited(house, admin)}/", given).status_code
    after = [Client(HTTP_HOST=AGENCY).post("/login/", each).status_code for each in wrong[1:]]

    assert (before, aboard, after) == ([422, 422], 302, [422, 429])


def test_a_new_invitation_of_the_same_person_ends_the_one_before(house, admin):
    words = [_invited(house, admin) for _ in range(2)]

    answers = [Client(HTTP_HOST=AGENCY).get(f"/invitation/{word}/").status_code for word in words]

    assert answers == [410, 200]


def test_only_the_hash_of_a_word_is_kept(house, admin):
    word = _invited(house, admin)

    with entry.agency(house.agency.pk):
        row = Invitation.objects.order_by("-pk").values().first()

    assert word not in str(row)
    assert len(word) >= 22  # 128 bits in base64


@pytest.mark.parametrize("role", Role.values)
def test_whoever_is_no_admin_invites_nobody(house, agent, role):
    with entry.agency(house.agency.pk), pytest.raises(NotYours, match="is for the agency's admins"):
        invitations.invite(
            agency_id=house.agency.pk, brand_id=house.acme.pk, role=role, email="x@invited.test", name="", by=agent,
            now=timezone.now(),
        )  # fmt: skip


def test_an_admin_invites_no_operator(house, admin):
    with entry.operators(), pytest.raises(NotYours, match="To invite operators is for operators."):
        invitations.invite(
            agency_id=None, brand_id=None, role="", email="x@invited.test", name="", by=admin, now=timezone.now()
        )


def test_operators_invite_an_agencys_admins_and_nobody_else_there(house, operator):
    asked = {"agency_id": house.agency.pk, "email": "first@invited.test", "name": "", "by": operator}

    with entry.operators():
        made, _ = invitations.invite(**asked, brand_id=None, role=Role.ADMIN, now=timezone.now())
        state = invitations.state_of(made, now=timezone.now())

    assert state == InvitationState.OPEN
    with entry.agency(house.agency.pk), pytest.raises(NotYours):
        invitations.invite(**asked, brand_id=None, role=Role.AGENT, now=timezone.now())


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"email": "nobody"}, "This is no e-mail address."),
        ({"email": ""}, "This is no e-mail address."),
        ({"role": Role.CLIENT_VIEWER}, "Client staff belong to one brand."),
        ({"email": "agent@northlight.test"}, "works here already, as agent"),
    ],
)
def test_an_invitation_that_makes_no_sense_is_refused_in_words(house, admin, asked, sentence):
    with pytest.raises(NotNow, match=sentence):
        _invited(house, admin, **asked)


def test_the_mail_leads_to_our_own_row_of_the_host(house, admin):
    with entry.agency(house.agency.pk):
        made, word = _invite(house, admin, role=Role.CLIENT_VIEWER, brand_id=house.acme.pk)
        sent = invitations.send(made, invitations.link(made, word, base_domain="localhost"))

    assert sent
    assert f"{address('care.acme.localhost')}invitation/{word}/" in mail.outbox[0].body
    assert mail.outbox[0].to == ["nia@invited.test"]


def test_a_name_of_several_lines_adds_no_line_to_the_mails_head(house, admin):
    with entry.agency(house.agency.pk):
        Brand.objects.filter(pk=house.acme.pk).update(name="Acme\r\nBcc: everybody@evil.test")
        made, word = _invite(house, admin, role=Role.CLIENT_VIEWER, brand_id=house.acme.pk)
        sent = invitations.send(made, invitations.link(made, word, base_domain="localhost"))

    assert sent
    assert mail.outbox[0].subject == "You are invited to Acme Bcc: everybody@evil.test"
    assert mail.outbox[0].recipients() == ["nia@invited.test"]


def test_a_mail_server_that_is_away_loses_no_invitation(house, admin, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9

    with entry.agency(house.agency.pk):
        made, word = _invite(house, admin)
        sent = invitations.send(made, invitations.link(made, word, base_domain="localhost"))

    assert not sent
    assert Client(HTTP_HOST=AGENCY).get(f"/invitation/{word}/").status_code == 200


def test_the_installation_invites_its_first_operator_until_there_is_one(house):
    with entry.directory():
        User.objects.filter(is_operator=True).update(is_operator=False)
    with entry.operators():
        words = [invitations.first_operator(now=timezone.now()) for _ in range(2)]
    client = Client(HTTP_HOST=OPERATORS)

    gone = client.get(f"/invitation/{words[0]}/").status_code
    given = {"email": "Olu@first.test", "name": "Olu First", "password": PASSWORD}
    answer = client.post(f"/invitation/{words[1]}/", given)

    assert gone == 410
    assert answer.headers["Location"] == "/admin/"
    assert client.get("/admin/").headers["Location"] == "/me/2fa/"
    with entry.operators():
        assert invitations.first_operator(now=timezone.now()) is None
        assert User.objects.only("is_operator").get(email="olu@first.test").is_operator


def _invited(house, by: User, **asked) -> str:
    with entry.agency(house.agency.pk):
        return _invite(house, by, **asked)[1]


def _invite(house, by: User, **asked) -> tuple[Invitation, str]:
    plain = {"brand_id": None, "role": Role.AGENT, "email": "nia@invited.test", "name": "Nia", "now": timezone.now()}
    return invitations.invite(**{**plain, "agency_id": house.agency.pk, "by": by, **asked})


def _newest() -> Invitation:
    return Invitation.objects.order_by("-pk").first()


def _person(house, django_db_blocker, email: str, **fields) -> User:
    with django_db_blocker.unblock():
        pk = add_person(email=email, name="Person", password="secret", **fields)
    return User(pk=pk, email=email, name="Person", is_operator=fields.get("is_operator", False))
