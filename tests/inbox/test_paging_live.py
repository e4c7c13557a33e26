"""A list of more than one page on a screen: hints leave it where it is, and finding says when it found nothing."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from playwright.sync_api import Page, expect

from inbox.enums import FoundingDisposition
from inbox.queries import PAGE
from tenants import entry
from tests.factories import ConversationFactory, CustomerFactory, MessageFactory
from tests.services import Running, Screens, in_a_browser

pytestmark = in_a_browser
FIRST = 1_800_000_000_000_000_000  # ids of long ago, which no other test's tweets have


@pytest.fixture(scope="module")
def long_list(running: Running, django_db_blocker) -> str:
    """More closed conversations than one page holds: they are in nobody's way. Where they are listed."""
    # In a thread of its own: while a browser runs, this one is taken for async code, which may not ask the database.
    with django_db_blocker.unblock(), ThreadPoolExecutor(1) as thread:
        thread.submit(_make, running).result()
        thread.submit(lambda: connection.close()).result()
    return "/b/moss/?filter=closed"


def test_a_hint_leaves_the_second_page_where_it_is(
    running: Running, screens: Screens, long_list: str, django_db_blocker
):
    page = screens.of(running, "ines", path=long_list)
    page.get_by_role("link", name="Show the next ones").click()
    expect(page.get_by_role("link", name="Back to the first ones")).to_be_visible()
    expect(page.locator("#light")).to_have_attribute("data-state", "live")
    before, address = _rows(page), page.url
    page.evaluate("document.addEventListener('nightjar:redrawn', () => { document.title = 'drawn again'; })")

    with django_db_blocker.unblock(), ThreadPoolExecutor(1) as thread:
        thread.submit(running.happens, "moss").result()
        thread.submit(lambda: connection.close()).result()

    expect(page).to_have_title("drawn again")
    assert len(before) == 5
    assert _rows(page) == before
    assert page.locator(".row.is-new").count() == 0
    page.locator(".row-link").first.click()
    expect(page.locator("#pane-title")).to_be_visible()
    page.keyboard.press("Escape")
    assert page.url == address


def test_finding_says_that_nothing_shown_fits_and_where_there_is_more(
    running: Running, screens: Screens, long_list: str
):
    page = screens.of(running, "ines", path=long_list)
    sentence = page.get_by_text("Nothing of the 40 shown fits “zebra <b>”.")
    expect(page.locator(".row")).to_have_count(PAGE)

    page.get_by_label("Find in this list").fill("zebra <b>")

    expect(sentence).to_be_visible()
    expect(page.get_by_role("link", name="Show the next ones")).to_be_visible()
    expect(page.locator(".row:visible")).to_have_count(0)
    page.get_by_label("Find in this list").fill("OLD matter")
    expect(page.locator(".row:visible")).to_have_count(PAGE)
    expect(page.locator("#nothing-fits .empty")).to_be_hidden()


def _rows(page: Page) -> list[str]:
    return [str(row.get_attribute("id")) for row in page.locator(".row").all()]


def _make(running: Running) -> None:
    long_ago = timezone.now() - timedelta(days=300)
    handle_id, _ = running.handle("moss")
    ines = running.people["ines"]
    with entry.brand(running.brands["moss"]):
        for number in range(1, PAGE + 6):
            pk, said_at = FIRST + number, long_ago + timedelta(minutes=number)
            found = ConversationFactory(
                id=pk,
                customer=CustomerFactory(id=pk),
                handle_id=handle_id,
                opened_at=said_at,
                last_message_at=said_at,
                last_message=pk,
                message_count=1,
                waiting_since=None,
                closed_at=said_at,
                closed_by_id=ines,
                disposition=FoundingDisposition.RESOLVED,
            )
            MessageFactory(id=pk, conversation=found, text=f"Old matter {number}", created_at=said_at)
