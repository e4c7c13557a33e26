"""Undo and approval, as a person does them in a browser, by keyboard."""

from playwright.sync_api import expect

from tests.services import Running, Screens, eventually, in_a_browser

pytestmark = in_a_browser


def test_a_reply_that_was_sent_too_quickly_is_taken_back_by_one_key(running: Running, screens: Screens):
    pk = running.writes("quick", "@TernFerries is anybody there?", name="Quick Quinn")
    page = screens.of(running, "ines", path=f"/b/tern/conversations/{pk}/")

    page.get_by_label("Answer").fill("Yes, I am hree.")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".reply-status")).to_contain_text("Going out in")
    page.keyboard.press("z")

    expect(page.get_by_label("Answer")).to_have_value("Yes, I am hree.")
    expect(page.locator(".reply")).to_have_count(0)
    assert "hree" not in str(running.said_on_twitter())


def test_a_trainees_reply_appears_before_an_agent_who_approves_it(running: Running, screens: Screens):
    pk = running.writes("learner", "@TernFerries where is the pier?", name="Lea Rner")
    approvals = screens.of(running, "ines", path="/b/tern/approvals/")
    writing = screens.of(running, "tove", path=f"/b/tern/conversations/{pk}/")

    writing.get_by_label("Answer").fill("Behind the market, follow the gulls.")
    writing.get_by_role("button", name="Submit for approval").click()
    expect(writing.locator(".reply-status")).to_contain_text("waiting for approval")
    expect(approvals.locator(".approval-text")).to_have_text("Behind the market, follow the gulls.")
    expect(approvals.locator("#approvals-count")).to_have_text("1")
    approvals.keyboard.press("j")
    approvals.keyboard.press("a")

    expect(approvals.get_by_text("Nothing waits for approval")).to_be_visible()
    assert eventually(lambda: "follow the gulls" in str(running.said_on_twitter()), 20)
