"""A passkey in a real browser, with an authenticator that the browser plays itself."""

import pytest
from django.db import connection

from tests.services import PASSWORD, Running, in_a_browser

pytestmark = [*in_a_browser, pytest.mark.commits]
VIRTUAL = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture(scope="module")
def mailbox(running: Running, django_db_blocker) -> str:
    """Somebody fresh. Hired before the browser starts, whose loop Django takes for async code."""
    with django_db_blocker.unblock():
        hired = running.hire()
        connection.close()
    return hired


def test_a_passkey_is_added_logs_in_and_is_a_second_factor(running: Running, mailbox: str, screens):
    page = screens.of(running, mailbox)
    keys = page.context.new_cdp_session(page)
    keys.send("WebAuthn.enable")
    keys.send("WebAuthn.addVirtualAuthenticator", {"options": VIRTUAL})

    page.goto(running.address(path="/me/2fa/passkeys/new/"))
    page.get_by_role("button", name="Add").click()
    page.wait_for_url(running.address(path="/me/2fa/codes/"))
    page.goto(running.address(path="/me/"))
    page.get_by_role("button", name="Log out").click()
    page.get_by_role("button", name="Log in with a passkey").click()
    page.wait_for_url(running.address())

    elsewhere = screens.open()
    elsewhere.goto(running.address(path="/login/"))
    elsewhere.get_by_label("E-mail").fill(running.email(mailbox))
    elsewhere.get_by_label("Password").fill(PASSWORD)
    elsewhere.get_by_role("button", name="Log in", exact=True).click()
    elsewhere.wait_for_url(running.address(path="/login/code/"))
    assert elsewhere.get_by_role("heading", name="Your second factor").is_visible()
