from playwright.sync_api import expect
from tests.services import Running, Screens, in_a_browser
pytestmark = in_a_browser

def test_use(running: Running, screens: Screens):
    pk = running.writes("night", "@TernFerries are you awake?", name="Night Owl")
    page = screens.of(running, "ines", path=f"/b/tern/conversations/{pk}/")
    k = page.keyboard
    expect(page.locator("#light")).to_have_attribute("data-state", "live")
    k.press("n")
    expect(page.locator("#note-text")).to_be_focused()
    k.type("colleagues only")
    running.writes("night", "@TernFerries one more", name="Night Owl")
    page.wait_for_timeout(3000)
    print("A no after:", "one more" in page.locator("#timeline").inner_text(), repr(page.locator("#note-text").input_value()))
    running.writes("night", "@TernFerries two more", name="Night Owl", after=pk)
    page.wait_for_timeout(4000)
    print("B after:", "two more" in page.locator("#timeline").inner_text(), screens.errors)
    cookie = running.log_in("ines")
    print("B by http:", "two more" in running.ask("GET", f"/b/tern/conversations/{pk}/", cookie=cookie)[2])
    k.press("Escape"); page.wait_for_timeout(200)
    print("closed by esc", page.locator("#note-new").is_hidden(), repr(page.locator("#note-text").input_value()))
    k.press("n"); k.press("Control+Enter")
    expect(page.locator("li.note")).to_have_count(1)
    k.press("1"); page.wait_for_timeout(1500)
    print("brand 1 url", page.url)
    page.goto(running.address(path=f"/b/tern/conversations/{pk}/"))
    k.press("r"); k.type("12 not a brand switch n")
    page.wait_for_timeout(300)
    print("reply box", page.locator("#composer-text").input_value(), page.url)
    assert "said" and 'not a brand' not in str(running.said_on_twitter())
