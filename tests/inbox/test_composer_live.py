"""The composer in a real browser: whoever goes on with older words is told that the customer wrote again."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from playwright.sync_api import Page, expect

from inbox.enums import Source
from inbox.models import Pulse
from tenants import entry
from tests.services import Running, Screens, in_a_browser

pytestmark = in_a_browser
NEWER = "They wrote again since you began."
GONE = "What you began to answer was deleted."


class Customer:
    """One who writes to Tern Ferries, and goes on."""

    def __init__(self, running: Running, username: str) -> None:
        self.twitter, self.tweets = running.twitter, []
        self.person = self.twitter.people([{"username": username, "name": username.title()}])[0]

    def says(self, text: str) -> str:
        tweet: dict[str, Any] = {"author_id": self.person["id"], "text": f"@TernFerries {text}"}
        self.tweets.append(str(self.twitter.tweets([tweet])["ids"][0]))
        return self.tweets[-1]


def opened(desk: Page, words: str) -> None:
    desk.locator(".row", has_text=words).get_by_role("link").click()
    expect(desk.locator(".message-theirs .bubble", has_text=words)).to_be_visible()


def answered(desk: Page) -> str:
    return desk.locator("#composer-in-reply-to").input_value()


def ask_for_privates(running: Running) -> None:
    """Have the worker ask for direct messages at its next look, and not when their turn is."""
    with entry.brand(running.brands["tern"]):
        Pulse.objects.filter(source=Source.PRIVATES).update(due_at=timezone.now())
    connection.close()


def marked(desk: Page, tweet_id: str) -> None:
    expect(desk.locator(f'[data-answering="{tweet_id}"]')).to_be_visible()
    expect(desk.locator("[data-answering]:visible")).to_have_count(1)


def test_whoever_goes_on_with_a_draft_is_told_that_they_wrote_again(running: Running, screens: Screens):
    customer = Customer(running, "draftee")
    first = customer.says("my ferry went without me")
    desk = screens.of(running, "ines")
    opened(desk, "went without me")
    address = desk.url
    hint, field = desk.locator("#composer-newer"), desk.locator("#composer-text")
    expect(hint).to_be_hidden()
    field.press_sequentially("I am sorry")
    with desk.expect_response("**/draft/"):
        desk.get_by_role("button", name="Save draft").click()
    desk.goto(running.address())

    second = customer.says("and my bag went with it")
    expect(desk.locator(".row", has_text="my bag went with it")).to_be_visible()
    desk.goto(address)

    expect(field).to_have_value("I am sorry")
    expect(hint.get_by_text(NEWER)).to_be_visible()
    assert answered(desk) == first
    marked(desk, first)

    third = customer.says("and now it rains")
    expect(desk.locator(f"#m-{third}")).to_be_visible()
    expect(hint.get_by_text(NEWER)).to_be_visible()
    assert answered(desk) == first

    hint.get_by_role("button", name="Answer the newest").click()

    expect(hint).to_be_hidden()
    assert (answered(desk), second < third) == (third, True)
    marked(desk, third)
    expect(field).to_have_value("I am sorry")


def test_what_is_typed_and_not_kept_still_answers_what_it_was_typed_for(running: Running, screens: Screens):
    customer = Customer(running, "typed")
    first = customer.says("is the bar open")
    desk = screens.of(running, "ines")
    opened(desk, "is the bar open")
    hint, field = desk.locator("#composer-newer"), desk.locator("#composer-text")
    desk.route("**/draft/", lambda route: route.abort())
    field.press_sequentially("Yes, until ten")
    second = customer.says("never mind, I found it")
    expect(desk.locator(f"#m-{second}")).to_be_visible()
    expect(hint.get_by_text(NEWER)).to_be_visible()

    desk.reload()

    expect(field).to_have_value("Yes, until ten")
    expect(hint.get_by_text(NEWER)).to_be_visible()
    assert answered(desk) == first


def test_an_empty_composer_goes_along_with_what_they_write(running: Running, screens: Screens):
    customer = Customer(running, "empty")
    customer.says("do you take dogs")
    desk = screens.of(running, "ines")
    opened(desk, "do you take dogs")

    newest = customer.says("small ones I mean")

    marked(desk, newest)
    assert answered(desk) == newest
    expect(desk.locator("#composer-newer")).to_be_hidden()


def test_whoever_answers_what_is_deleted_is_told_so(running: Running, screens: Screens):
    customer = Customer(running, "deleter")
    first = customer.says("how do I complain")
    second = customer.says("about everything")
    desk = screens.of(running, "ines")
    opened(desk, "about everything")
    desk.locator("#composer-text").press_sequentially("Write to us")
    desk.get_by_role("button", name="Save draft").click()
    expect(desk.get_by_role("button", name="Discard")).to_be_visible()

    customer.twitter.delete(second)

    hint = desk.locator("#composer-newer")
    # Twitter does not tell of it: it is found when the tweet is looked up again.
    expect(hint.get_by_text(GONE)).to_be_visible(timeout=90_000)
    hint.get_by_role("button", name="Answer the newest").click()
    expect(hint).to_be_hidden()
    assert answered(desk) == first


def test_a_refusal_goes_as_soon_as_other_words_are_typed(running: Running, screens: Screens):
    Customer(running, "wordless").says("are you there")
    desk = screens.of(running, "ines")
    opened(desk, "are you there")
    desk.locator("#composer-text").fill("   ")
    desk.get_by_role("button", name="Reply as @TernFerries").click()
    refusal = desk.get_by_role("alert")
    expect(refusal).to_contain_text("The reply is empty. Write something first.")

    desk.locator("#composer-text").press_sequentially("Y")

    expect(refusal).to_have_count(0)


@pytest.mark.parametrize("width", [320, 390])
def test_on_a_phone_all_ways_to_answer_are_in_sight(running: Running, screens: Screens, width: int):
    words = f"may I bring {width} bees"
    Customer(running, f"phone{width}").says(words)
    phone = screens.of(running, "ines", width=width, height=844)
    opened(phone, words)

    ways = phone.locator(".composer-ways")
    expect(ways.locator("label")).to_have_count(3)
    assert ways.evaluate("row => row.scrollWidth - row.clientWidth") <= 0
    for label in ways.locator("label").all():
        box = label.bounding_box()
        assert box
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width


def test_a_conversation_on_the_desk_looks_as_in_the_brands_inbox(running: Running, screens: Screens):
    Customer(running, "dresser").says("what do I wear on deck")
    desk = screens.of(running, "ines")
    opened(desk, "what do I wear on deck")
    inbox = screens.of(running, "ines", path=desk.url.removeprefix(running.address(path="")))
    loaded = "[...document.styleSheets].map((sheet) => new URL(sheet.href).pathname)"

    assert desk.evaluate(loaded) == inbox.evaluate(loaded)
    looks = "getComputedStyle(document.querySelector('.may-answer')).cssText"
    assert desk.evaluate(looks) == inbox.evaluate(looks)


def test_whoever_turns_to_what_was_said_in_private_answers_in_private(
    running: Running, screens: Screens, django_db_blocker
):
    customer = Customer(running, "whisperer")
    customer.says("my booking is a mess")
    desk = screens.of(running, "ines")
    opened(desk, "my booking is a mess")
    desk.locator("#composer-text").press_sequentially("What is its number?")
    desk.get_by_role("button", name="Save draft").click()
    expect(desk.get_by_role("button", name="Discard")).to_be_visible()

    handle_id, _ = running.handle("tern")
    customer.twitter.private(sender=str(customer.person["id"]), to=str(handle_id), text="it is 4711")
    with django_db_blocker.unblock(), ThreadPoolExecutor(1) as thread:  # Playwright's own allows no queries
        thread.submit(ask_for_privates, running).result()
    expect(desk.locator(".message-private")).to_be_visible(timeout=30_000)
    desk.reload()  # only one way is offered now
    expect(desk.locator("#composer-newer").get_by_text(NEWER)).to_be_visible()
    assert desk.locator('#composer [name="way"]').input_value() == "public"
    desk.get_by_role("button", name="Answer the newest").click()

    assert desk.locator('#composer [name="way"]').input_value() == "private"
    expect(desk.locator(".count-left")).to_have_text("9981")
    desk.get_by_role("button", name="Reply as @TernFerries").click()
    expect(desk.get_by_role("alert")).to_have_count(0)
    expect(desk.locator(".reply .reply-why")).to_contain_text("Direct message")
