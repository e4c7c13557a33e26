"""The story that Nightjar is for: a customer tweets, an agent sees it at once and answers, the answer is on Twitter."""

from playwright.sync_api import Page, Response, expect

from tests.services import PASSWORD, Running, Screens, in_a_browser

pytestmark = in_a_browser


def test_a_tweet_is_answered_and_the_answer_is_on_twitter(running: Running, screens: Screens):
    desk = screens.of(running, "ines")
    expect(desk.locator("#light")).to_have_attribute("data-state", "live")
    desk.evaluate("window.notReloaded = true")
    customer = screens.open()

    twitter = _play_a_customer(running, customer, "Ana Lima", "TernFerries", "the 9 o'clock boat left without us")
    row = desk.locator(".row", has_text="the 9 o'clock boat left without us")
    expect(row).to_be_visible()
    row.get_by_role("link").click()
    expect(desk.locator("#pane-title")).to_have_text("Ana Lima")
    desk.get_by_role("button", name="Take").click()
    expect(desk.locator("#pane-head")).to_contain_text("Yours")
    desk.locator("#composer-text").fill("We are sorry, Ana. The next one takes you at 9:40. ^IF")
    desk.get_by_role("button", name="Reply as @TernFerries").click()

    answer = twitter.locator(".tweet.brand .words", has_text="9:40")
    expect(answer).to_have_text("We are sorry, Ana. The next one takes you at 9:40. ^IF")
    ours = desk.locator(".message-ours:not(.reply)")
    expect(ours.locator(".bubble")).to_contain_text("The next one takes you at 9:40.")
    expect(ours.locator(".message-name")).to_have_text("Ines Falk")
    expect(row).to_have_count(0)
    assert desk.url.startswith(running.address(path="/b/tern/conversations/"))
    assert desk.evaluate("window.notReloaded")


def test_the_keyboard_alone_is_enough(running: Running, screens: Screens):
    running.writes("benedikt", "@TernFerries my car is still on board!", name="Benedikt Orlov")
    page = screens.open()
    keys = page.keyboard

    page.goto(running.address())
    expect(page.get_by_label("E-mail")).to_be_focused()
    keys.type(running.email("ines"))
    keys.press("Tab")
    keys.type(PASSWORD)
    keys.press("Enter")
    expect(page.locator(".row", has_text="my car is still on board!")).to_be_visible()
    expect(page.locator("#light")).to_have_attribute("data-state", "live")  # so its scripts run
    keys.press("/")
    keys.type("still on board")
    keys.press("Enter")
    keys.press("Enter")
    expect(page.locator("#pane-title")).to_have_text("Benedikt Orlov")
    keys.press("t")
    expect(page.locator("#pane-head")).to_contain_text("Yours")
    keys.press("r")
    keys.type("It comes back on the 11:10, for nothing.")
    keys.press("Control+Enter")

    expect(page.locator(".message-ours:not(.reply) .bubble")).to_contain_text("It comes back on the 11:10")
    assert page.locator("#composer-text").input_value() == ""
    said = running.said_on_twitter()
    answers = [tweet["text"] for tweet in said if "11:10" in tweet["text"]]
    assert answers == ["@benedikt It comes back on the 11:10, for nothing."]


def test_an_agent_of_one_brand_never_gets_a_word_of_another(running: Running, screens: Screens):
    nell = screens.open()
    got: list[str] = []
    nell.on("response", lambda answer: got.append(answer.text()) if _is_page(answer) else None)
    nell.on("websocket", lambda socket: socket.on("framereceived", lambda frame: got.append(str(frame))))
    _log_in(running, nell, "nell")
    expect(nell.locator("#light")).to_have_attribute("data-state", "live")

    theirs = running.writes("carla", "@TernFerries the word is halibut", name="Halibut Carla")
    running.writes("dario", "@MossAndBean the word is espresso", name="Espresso Dario")
    expect(nell.locator(".row", has_text="the word is espresso")).to_be_visible()
    answers = [nell.goto(running.address(path=path)) for path in ("/b/tern/", f"/b/tern/conversations/{theirs}/")]

    assert [answer.status for answer in answers if answer] == [403, 403]
    assert any("espresso" in body for body in got)
    theirs_in = ("halibut", "carla", '"tern"', "/tern/", "ternferries")
    assert [body for body in got if any(word in body.lower() for word in theirs_in)] == []


def _log_in(running: Running, page: Page, name: str) -> None:
    page.goto(running.address())
    page.get_by_label("E-mail").fill(running.email(name))
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    page.wait_for_url(running.address())


def _is_page(answer: Response) -> bool:
    return answer.ok and answer.header_value("content-type") in ("text/html; charset=utf-8", "application/json")


def _play_a_customer(running: Running, page: Page, name: str, handle: str, text: str) -> Page:
    """From the landing page to a tweet; the window that shows Twitter."""
    page.goto(running.address(""))
    with page.expect_popup() as opened:
        page.get_by_role("link", name="Open Twitter").click()
    twitter = opened.value
    twitter.get_by_label("Your name").fill(name)
    brands = twitter.get_by_role("group", name="Name a brand")
    if (more := brands.locator("summary")).count():  # other tests have left more brands than are shown at once
        more.click()
    brands.get_by_text(f"@{handle}").click()
    twitter.keyboard.type(text)
    twitter.get_by_role("button", name="Tweet").click()
    expect(twitter.locator(".tweet .words").first).to_have_text(f"@{handle} {text}")
    return twitter
