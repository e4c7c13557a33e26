"""What a screen does by itself: it tells the truth about its connection, catches up, and never loses what is typed."""

from playwright.sync_api import Page, expect

from tests.services import Running, Screens, eventually, in_a_browser

pytestmark = in_a_browser

SCRIPTS = (
    '@TernFerries <script>document.title = "taken"</script>',
    '@TernFerries "><img src=x onerror=\'document.title = "taken"\'>',
    "@TernFerries javascript:document.title='taken' https://x.com/javascript:alert(1)",
    "@TernFerries </textarea></template><svg onload='document.title=`taken`'> {{ 7|add:7 }}",
    "@TernFerries " + "wide" * 60,
)


def test_after_a_time_without_network_the_screen_equals_the_database(running: Running, screens: Screens):
    gone = running.writes("gaspar", "@TernFerries I will be answered meanwhile", name="Gaspar Gone")
    desk = screens.of(running, "ines")
    row = desk.locator(".row", has_text="I will be answered meanwhile")
    row.get_by_role("link").click()
    desk.locator("#composer-text").fill("half a thou")

    desk.context.set_offline(True)
    expect(desk.locator("#light")).to_have_attribute("data-state", "offline")
    for number in range(3):
        running.writes(f"late{number}", f"@TernFerries came while you were away {number}")
    other = running.log_in("omar")
    url = f"/b/tern/conversations/{gone}/"
    running.post(f"{url}replies/", other, text="Omar was faster.", in_reply_to=gone)
    assert eventually(lambda: "Omar was faster." in str(running.said_on_twitter()), 20)
    assert eventually(lambda: "message-ours reply" not in running.ask("GET", url, cookie=other)[2])
    assert desk.locator(".row", has_text="came while you were away").count() == 0
    desk.context.set_offline(False)

    expect(desk.locator("#light")).to_have_attribute("data-state", "live", timeout=15_000)
    expect(desk.locator(".row", has_text="came while you were away")).to_have_count(3)
    expect(row).to_have_count(0)
    expect(desk.locator(".message-ours .bubble")).to_contain_text("Omar was faster.")
    assert desk.locator("#composer-text").input_value() == "half a thou"
    assert _rows(desk) == _rows_of(running, desk)


def test_a_refused_reply_stays_in_the_composer_and_says_why(running: Running, screens: Screens):
    running.writes("longo", "@TernFerries tell me everything", name="Lon Go")
    desk = screens.of(running, "ines")
    desk.locator(".row", has_text="tell me everything").get_by_role("link").click()
    words = "All of it. " * 30

    desk.locator("#composer-text").fill(words)
    desk.get_by_role("button", name="Reply as @TernFerries").click()

    expect(desk.get_by_role("alert")).to_contain_text("characters long as Twitter counts; 280 are allowed.")
    assert desk.locator("#composer-text").input_value() == words


def test_logging_out_in_one_window_takes_the_other_to_the_log_in(running: Running, screens: Screens):
    desk = screens.of(running, "ines")
    other = desk.context.new_page()
    other.goto(running.address(path="/b/tern/"))
    expect(other.locator("#light")).to_have_attribute("data-state", "live")

    desk.get_by_role("button", name="You: Ines Falk").click()
    desk.get_by_role("button", name="Log out").click()

    other.wait_for_url(lambda url: "/login/" in url, timeout=3_000)
    desk.wait_for_url(running.address(path="/login/"))
    desk.go_back()
    expect(desk.get_by_label("Password")).to_be_visible()  # not the desk as it was


def test_nothing_that_a_customer_writes_runs_or_breaks_the_page(running: Running, screens: Screens):
    for number, text in enumerate(SCRIPTS):
        running.writes(f"nasty{number}", text, name=f"<i>Nasty</i> \u202e{number}")
    desk = screens.of(running, "ines", width=390)
    asked: list[str] = []
    desk.on("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
    expect(desk.locator(".row", has_text="Nasty")).to_have_count(len(SCRIPTS))
    title = desk.title()

    links = [link.get_attribute("href") for link in desk.locator(".row:has-text('Nasty') .row-link").all()]
    for link in links:
        desk.goto(running.address(path=str(link)))
        expect(desk.locator("#pane-title")).to_contain_text("<i>Nasty</i>")
        assert desk.evaluate("document.scrollingElement.scrollWidth - innerWidth") <= 0
        assert "taken" not in desk.title()
        for place in desk.locator(".bubble a").all():
            assert str(place.get_attribute("href")).startswith(("https://", running.address("twitter")))

    assert title != "taken"
    assert asked == []


def _rows(desk: Page) -> list[str]:
    return [str(row.get_attribute("id")) for row in desk.locator(".row").all()]


def _rows_of(running: Running, desk: Page) -> list[str]:
    """The rows as the server has them now, asked with this window's own session."""
    html = desk.evaluate("fetch('/desk/rows/?filter=waiting').then(answer => answer.text())")
    return [part.partition('"')[0] for part in html.split('<li class="row')[1:] for part in [part.partition('id="')[2]]]
