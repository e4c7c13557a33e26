"""The page of the sandbox in a real browser: it keeps itself fresh and never takes away what is being typed."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.twitter.playing import Receiver, World

CHROMIUM = shutil.which("chromium")
pytestmark = [pytest.mark.browser, pytest.mark.skipif(not CHROMIUM, reason="there is no chromium on this machine")]


@pytest.fixture(scope="module")
def browser_page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield browser.new_page()
        browser.close()


@pytest.fixture
def page(browser_page: Page, world: World) -> Page:
    browser_page.context.clear_cookies()
    return browser_page


def address(world: World) -> str:
    """As a person types it; browsers know that every name under localhost is this machine."""
    return world.url.replace("127.0.0.1", "twitter.localhost")


def test_an_answer_appears_by_itself_while_somebody_goes_on_typing(
    world: World, receiver: Receiver, page: Page
) -> None:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    world.listen(receiver.url, "AcmeCare")
    page.goto(address(world))

    page.get_by_label("Your name").fill("Ana Lima")
    page.get_by_role("group", name="Name a brand").get_by_text("@AcmeCare").click()
    page.keyboard.type("where is my parcel?")
    page.get_by_role("button", name="Tweet").click()
    expect(page.locator(".tweet .words")).to_have_text(["@AcmeCare where is my parcel?"])

    page.get_by_label("What is happening?").fill("half a thou")
    page.locator(".tweet .reply summary").first.click()
    page.keyboard.type("half a reply")
    opening = world.ledger()[0]["id"]
    answer = world.tweeted("AcmeCare", "It comes tomorrow. ^SM", opening)
    expect(page.locator(f"#tweet-{answer} .words")).to_have_text("It comes tomorrow. ^SM", timeout=5000)
    expect(page.locator(f"#tweet-{answer} .badge")).to_have_text("Brand")

    assert page.get_by_label("What is happening?").input_value() == "half a thou"
    assert page.locator(f"#tweet-{opening} textarea[id^=reply]").input_value() == "half a reply"
    world.http.delete(f"/2/tweets/{answer}", headers=world.tokens["AcmeCare"])
    expect(page.locator(f"#tweet-{answer}")).to_have_count(0, timeout=5000)
    assert errors == []


def test_the_keyboard_alone_sends_a_reply(world: World, page: Page) -> None:
    opening = world.tweeted("passerby", "hello world")
    page.goto(address(world))
    page.get_by_role("button", name="Jodoe").press("Enter")
    page.locator(f"#tweet-{opening} .reply summary").first.press("Enter")
    page.locator(f"#tweet-{opening} textarea[id^=reply]").type("hello passer-by")

    page.keyboard.press("Control+Enter")

    expect(page.locator(".tweet .words")).to_have_text(["hello passer-by", "hello world"])


def test_the_counter_counts_as_the_server_does(world: World, page: Page) -> None:
    page.goto(address(world))
    counter = page.locator(".composer [data-counter]")

    for text, left in [
        ("x" * 280, "0"),
        ("x" * 281, "-1"),
        ("字" * 100, "80"),
        ("👩‍👩‍👧 https://a.example/long/path", "254"),
    ]:
        page.get_by_label("What is happening?").fill(text)
        expect(counter).to_have_text(left)


def test_a_page_that_is_not_there_is_not_asked_for_again(world: World, page: Page) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    page.goto(f"{address(world)}/status/5")
    expect(page.get_by_text("There is no such tweet.")).to_be_visible()
    page.wait_for_timeout(4500)

    assert [url for url in asked if "part=yes" in url] == []
    assert len(said) == 1  # the browser's own word on the page itself
