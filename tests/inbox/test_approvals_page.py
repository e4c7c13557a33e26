"""Undo and approval, as a person does them in a browser, by keyboard."""

from playwright.sync_api import expect

from tests.services import Running, Screens, eventually, in_a_browser

pytestmark = in_a_browser


def test_a_reply_that_was_sent_too_quickly_is_taken_back_by_one_key(running: Running, screens: Screens):
    pk = running.writes("quick", "@TernFerries is anybody there?", name="Quick Quinn")
    _is_there(running, pk)
    page = screens.of(running, "ines", path=f"/b/tern/conversations/{pk}/")

    page.locator("#composer-text").fill("Yes, I am hree.")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".reply-status")).to_contain_text("Going out in")
    page.keyboard.press("z")

    expect(page.locator("#composer-text")).to_have_value("Yes, I am hree.")
    expect(page.locator(".reply")).to_have_count(0)
    assert "hree" not in str(running.said_on_twitter())


def test_a_trainees_reply_appears_before_an_agent_who_approves_it(running: Running, screens: Screens):
    pk = running.writes("learner", "@TernFerries where is the pier?", name="Lea Rner")
    _is_there(running, pk)
    approvals = screens.of(running, "ines", path="/b/tern/approvals/")
    writing = screens.of(running, "tove", path=f"/b/tern/conversations/{pk}/")

    writing.locator("#composer-text").fill("Behind the market, follow the gulls.")
    writing.get_by_role("button", name="Submit for approval").click()
    expect(writing.locator(".reply-status")).to_contain_text("waiting for approval")
    expect(approvals.locator(".approval-text")).to_have_text("Behind the market, follow the gulls.")
    expect(approvals.locator("#approvals-count")).to_have_text("1")
    approvals.keyboard.press("j")
    approvals.keyboard.press("a")

    expect(approvals.get_by_text("Nothing waits for approval")).to_be_visible()
    assert eventually(lambda: "follow the gulls" in str(running.said_on_twitter()), 20)


def test_a_key_decides_about_the_reply_in_focus_and_can_be_undone(running: Running, screens: Screens):
    approvals = screens.of(running, "ines", path="/b/tern/approvals/")
    for username, words in (("early", "It leaves at ten."), ("later", "It leaves at noon.")):
        pk = running.writes(username, "@TernFerries when does it leave?")
        _is_there(running, pk)
        writing = screens.of(running, "tove", path=f"/b/tern/conversations/{pk}/")
        writing.locator("#composer-text").fill(words)
        writing.get_by_role("button", name="Submit for approval").click()
        expect(approvals.locator(".approval-text", has_text=words)).to_be_visible()

    approvals.keyboard.press("a")
    expect(approvals.locator(".approval").first).to_be_focused()
    expect(approvals.locator(".approval")).to_have_count(2)
    approvals.keyboard.press("a")
    expect(approvals.locator(".approval")).to_have_count(1)
    approvals.keyboard.press("z")

    expect(approvals.locator(".reply-status")).to_contain_text("waiting for approval")
    approvals.goto(running.address(path="/b/tern/approvals/"))
    expect(approvals.locator(".approval-text")).to_have_text(["It leaves at ten.", "It leaves at noon."])
    assert "It leaves at" not in str(running.said_on_twitter())


def _is_there(running: Running, pk: str) -> None:
    """Wait until the tweet is a conversation that a page can show."""
    cookie = running.log_in("ines")
    assert eventually(lambda: running.ask("GET", f"/b/tern/conversations/{pk}/", cookie=cookie)[0] == 200)
