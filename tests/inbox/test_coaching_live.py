"""The coach in a real browser: lights while typing, a canned response by keyboard alone, no blank that slips out."""

import json

import pytest
from playwright.sync_api import expect

from tests.conftest import SHARED
from tests.services import Running, Screens, eventually, in_a_browser

pytestmark = in_a_browser
VECTORS = SHARED / "twitter" / "samples" / "text" / "weighted_length_vectors.json"


def test_lights_canned_responses_and_blanks_by_keyboard_alone(running: Running, screens: Screens):
    running.writes("coached", "@TernFerries my crossing is cancelled and nobody answers", name="Cora Coached")
    desk = screens.of(running, "ines")
    desk.locator(".row", has_text="nobody answers").get_by_role("link").click()
    reply = desk.locator("#composer-text")

    reply.fill("I'm so sorry, Cora, that must have been awful.")
    expect(desk.locator('.step[data-state="lit"]')).to_have_text(
        ["Respond quickly", "Apologise", "Empathise", "Talk human"]
    )
    desk.locator(".step", has_text="Apologise").hover()
    expect(desk.locator("#coach-words")).to_have_text("“so sorry”.")
    expect(desk.locator(".mark-word")).to_have_text("so sorry")

    reply.fill("")
    reply.press("/")
    expect(desk.get_by_role("combobox", name="Find a canned response")).to_be_focused()
    desk.keyboard.type("first")
    desk.keyboard.press("Enter")
    expect(reply).to_be_focused()
    assert reply.input_value().startswith("Hi Cora, I've seen this")
    assert desk.evaluate("getSelection().toString()") == "{time}"

    reply.press("Control+Enter")
    expect(desk.locator("#coach-blank")).to_have_text("Fill in {time} first: it is still blank.")
    desk.keyboard.type("6 pm")
    expect(desk.locator("#coach-blank")).to_be_hidden()
    reply.press("Control+Enter")

    assert eventually(lambda: "Give me until 6 pm to find out" in str(running.said_on_twitter()), 20)
    assert "{time}" not in str(running.said_on_twitter())


def test_tab_goes_from_blank_to_blank_and_then_on(running: Running, screens: Screens):
    running.writes("tabbed", "@TernFerries where is my parcel then", name="Tabea Tabbed")
    desk = screens.of(running, "ines")
    desk.locator(".row", has_text="my parcel then").get_by_role("link").click()
    reply = desk.locator("#composer-text")

    reply.fill("{one} and {two}")
    reply.evaluate("field => field.setSelectionRange(0, 0)")
    chosen = []
    for _ in range(2):
        reply.press("Tab")
        chosen.append(desk.evaluate("getSelection().toString()"))
    reply.press("Tab")

    assert chosen == ["{one}", "{two}"]
    expect(reply).not_to_be_focused()


def test_without_a_connection_the_lights_go_out_and_typing_goes_on(running: Running, screens: Screens):
    running.writes("tunnel", "@TernFerries I am in a tunnel", name="Tunne Ll")
    desk = screens.of(running, "ines")
    desk.locator(".row", has_text="in a tunnel").get_by_role("link").click()
    reply = desk.locator("#composer-text")
    reply.fill("Sorry")
    expect(desk.locator('.step[data-state="lit"]', has_text="Apologise")).to_be_visible()

    desk.context.set_offline(True)
    reply.press("End")
    desk.keyboard.type(" about that")
    expect(desk.locator("#coach")).to_have_attribute("data-state", "out")
    assert reply.input_value() == "Sorry about that"
    desk.context.set_offline(False)

    expect(desk.locator("#coach")).to_have_attribute("data-state", "on")


def test_the_composer_shows_the_servers_count_as_soon_as_it_comes(running: Running, screens: Screens):
    running.writes("counted", "@TernFerries count with me", name="Cosima Counted")
    desk = screens.of(running, "ines")
    desk.locator(".row", has_text="count with me").get_by_role("link").click()

    desk.locator("#composer-text").fill("🧑‍🧑‍🧒")

    assert desk.evaluate("nightjar.weigh('🧑‍🧑‍🧒')") == 2  # a sequence that is newer than Twitter's table
    expect(desk.locator(".count-left")).to_have_text("272")


@pytest.mark.skipif(not VECTORS.is_file(), reason="shared data is not here")
def test_the_composer_alone_counts_nearly_as_the_server_does(running: Running, screens: Screens):
    desk = screens.of(running, "ines")
    vectors = json.loads(VECTORS.read_text(encoding="utf-8"))["vectors"]

    weights = desk.evaluate("texts => texts.map(text => nightjar.weigh(text))", [each["text"] for each in vectors])

    agreed = sum(weight == each["weightedLength"] for each, weight in zip(vectors, weights, strict=True))
    # The others are made of emoji newer than Twitter's table, and of links that touch other letters.
    assert (len(vectors), agreed) == (1549, 1326)
