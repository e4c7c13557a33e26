"""Connecting in a real browser: a form of ours that ends at Twitter, and Twitter's that ends with us."""

import re

import pytest

from accounts.domain.people import add_person
from accounts.enums import Role
from tests.services import PASSWORD, Running, Screens, in_a_browser

pytestmark = in_a_browser


@pytest.fixture(scope="module", autouse=True)  # before the browser, whose loop Django takes for async code
def connector(running: Running, django_db_blocker) -> str:
    """An admin of the agency; their mailbox."""
    with django_db_blocker.unblock():
        running.people["connector"] = add_person(
            email=running.email("connector"),
            name="Connie Admin",
            password=PASSWORD,
            agency_id=running.agency.pk,
            role=Role.ADMIN,
            is_demonstration=True,
        )
    return "connector"


def test_an_admin_goes_to_twitter_says_yes_and_is_back(running: Running, screens: Screens, connector: str):
    page = screens.of(running, connector, path="/b/tern/settings/twitter/")

    page.get_by_role("button", name="Connect to Twitter").click()
    page.wait_for_url(f"{running.address('twitter')}i/oauth2/authorize?**")
    page.get_by_label("@TernFerries").check()
    page.get_by_role("button", name="Authorize app").click()

    page.wait_for_url(running.address(path="/b/tern/settings/twitter/?connected=TernFerries"))
    assert page.get_by_text("@TernFerries is connected.").is_visible()
    assert page.get_by_text("by Connie Admin").is_visible()
    page.get_by_text(re.compile(r"@TernFerries: (\d+) of \1 kinds of events")).wait_for()


def test_an_account_made_on_the_way_is_connected_and_let_go_again(running: Running, screens: Screens, connector: str):
    page = screens.of(running, connector, path="/b/tern/settings/twitter/")
    page.get_by_role("button", name="Connect to Twitter").click()
    page.get_by_label("Or a new account").fill("Tern Help")
    page.get_by_role("button", name="Authorize app").click()
    page.wait_for_url(running.address(path="/b/tern/settings/twitter/?connected=TernHelp"))

    handle = page.locator("section", has=page.get_by_role("heading", name="@TernHelp"))
    handle.get_by_text("Disconnect", exact=True).first.click()
    handle.get_by_label("Type @TernHelp to go on").fill("@TernHelp")
    handle.get_by_role("button", name="Disconnect").click()

    page.wait_for_url(running.address(path="/b/tern/settings/twitter/?gone=yes"))
    assert page.get_by_role("heading", name="@TernHelp").count() == 0


def test_a_no_at_twitter_leads_back_and_says_so(running: Running, screens: Screens, connector: str):
    page = screens.of(running, connector, path="/b/tern/settings/twitter/")
    page.get_by_role("button", name="Connect to Twitter").click()

    page.get_by_role("button", name="Cancel").click()

    page.get_by_text("You did not allow it at Twitter. Nothing was changed.").wait_for()
