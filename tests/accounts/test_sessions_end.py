"""What ends a person's sessions ends their open pages at once, and their sockets within two seconds."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.utils import timezone

from accounts.domain import people
from accounts.domain.people import add_person
from accounts.enums import Role
from accounts.models import Membership, User
from tenants import entry
from tests.inbox.test_live import closed_with, hears, opened
from tests.services import PASSWORD, Running, cookie_of, eventually, together

pytestmark = [together, pytest.mark.commits]
LOGGED_OUT = 4401
AT_MOST = 2  # seconds
FRESH = "moonlit-harbour"


@pytest.fixture(autouse=True)
def _may_commit(django_db_blocker) -> Iterator[None]:
    with django_db_blocker.unblock():
        yield
        connection.close()


@pytest.fixture(scope="module")
def admin(running: Running, django_db_blocker) -> User:
    with django_db_blocker.unblock():
        return User(pk=running.people[running.hire(Role.ADMIN)])


def test_a_log_out_ends_them(running: Running):
    cookie = running.log_in(running.hire())

    with opened(running, cookie) as screen:
        hears(screen)
        _post(running, "/logout/", cookie)

        assert closed_with(screen, AT_MOST) == LOGGED_OUT
    assert _is_shown_the_log_in(running, cookie)


def test_a_new_password_ends_every_other_session(running: Running):
    mailbox = running.hire()
    here, elsewhere = running.log_in(mailbox), running.log_in(mailbox, host="tern")

    with opened(running, elsewhere, host="tern") as screen:
        hears(screen)
        given = {"oldpassword": PASSWORD, "password1": FRESH, "password2": FRESH}
        status, headers, text = _post(running, "/me/password/", here, given)

        assert status == 302, text
        assert closed_with(screen, AT_MOST) == LOGGED_OUT
    assert _is_shown_the_log_in(running, elsewhere, host="tern")
    kept = f"{here.partition(';')[0]}; {cookie_of(headers, '__Host-session')}"
    assert not _is_shown_the_log_in(running, kept)


def test_a_password_reset_by_mail_ends_them(running: Running):
    mailbox = running.hire()
    cookie = running.log_in(mailbox)
    link = _mailed_link(running, mailbox)

    with opened(running, cookie) as screen:
        hears(screen)
        status, headers, _ = running.ask("GET", link)
        form = dict(headers)["Location"]
        visitor = cookie_of(headers, "__Host-session")
        _, headers, _ = running.ask("GET", form, cookie=visitor)
        visitor = f"{cookie_of(headers, '__Host-csrf')}; {visitor}"
        status, _, text = _post(running, form, visitor, {"password1": FRESH, "password2": FRESH})

        assert status == 302, text
        assert closed_with(screen, AT_MOST) == LOGGED_OUT
    assert _is_shown_the_log_in(running, cookie)


def test_a_role_that_was_taken_ends_them(running: Running, admin: User):
    mailbox = running.hire()
    cookie = running.log_in(mailbox)

    with opened(running, cookie) as screen:
        hears(screen)
        with entry.agency(running.agency.pk):
            held = Membership.objects.get(user_id=running.people[mailbox])
            people.take_role(membership=held, by=admin, now=timezone.now())

        assert closed_with(screen, AT_MOST) == LOGGED_OUT
    assert running.ask("GET", "/", cookie=cookie)[0] == 403


def test_a_changed_role_is_heard_at_once(running: Running, admin: User):
    mailbox = running.hire(brand="moss")
    cookie = running.log_in(mailbox)

    with opened(running, cookie) as screen:
        before = hears(screen)["hello"]
        with entry.agency(running.agency.pk):
            people.give_role(
                person_id=running.people[mailbox], agency_id=running.agency.pk, brand_id=running.brands["tern"].pk,
                role=Role.AGENT, by=admin, now=timezone.now(),
            )  # fmt: skip
        after = hears(screen, AT_MOST)["hello"]

    assert (set(before), set(after)) == ({"moss"}, {"moss", "tern"})
    assert running.ask("GET", "/b/tern/", cookie=cookie)[0] == 200


def test_somebody_who_may_no_longer_log_in_is_out_everywhere(running: Running):
    gone, stays = (
        add_person(
            email=running.email(f"{name}-{time.time_ns()}"),
            name=name,
            password=PASSWORD,
            agency_id=running.agency.pk,
            role=Role.AGENT,
            is_operator=True,
        )
        for name in ("gone", "stays")
    )
    with entry.directory():
        mailbox = User.objects.get(pk=gone).email.partition("@")[0]
    cookie = running.log_in(mailbox)

    with opened(running, cookie) as screen:
        hears(screen)
        with entry.operators():
            people.deactivate(person_id=gone, by=User(pk=stays, is_operator=True), now=timezone.now())

        assert closed_with(screen, AT_MOST) == LOGGED_OUT
    assert _is_shown_the_log_in(running, cookie)


def _post(running: Running, path: str, cookie: str, given: dict[str, str] | None = None, host: str = "harbour"):
    token = re.search(r"__Host-csrf=([^;]+)", cookie)[1]
    body = urlencode({**(given or {}), "csrfmiddlewaretoken": token})
    return running.ask("POST", path, host=host, cookie=cookie, body=body)


def _is_shown_the_log_in(running: Running, cookie: str, host: str = "harbour") -> bool:
    status, headers, _ = running.ask("GET", "/", host=host, cookie=cookie)
    return status == 302 and dict(headers)["Location"].startswith("/login/")


def _mailed_link(running: Running, mailbox: str) -> str:
    """Asks for a new password; the path of the link that is mailed for it."""
    _, headers, _ = running.ask("GET", "/login/")
    csrf = cookie_of(headers, "__Host-csrf")
    _post(running, "/password/", csrf, {"email": running.email(mailbox)})
    mails = Path(running.env["NIGHTJAR_HOME"], "mail")
    assert eventually(lambda: any(running.email(mailbox) in each.read_text() for each in mails.glob("*")))
    mail = next(each.read_text() for each in mails.glob("*") if running.email(mailbox) in each.read_text())
    return re.search(r"http://[^/\s]+(/password/\S+)", mail)[1]
