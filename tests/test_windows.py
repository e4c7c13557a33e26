"""Every page in every width, by day and by night: nothing sticks out, no script breaks, no style is refused.

With `NIGHTJAR_SCREENSHOTS=1` the same pages are written to `docs/images/`.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from itertools import cycle
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone
from playwright.sync_api import Page, expect

from tests import lumen, quay
from tests.lumen import Lumen
from tests.pictures import smaller
from tests.services import Running, Screens, eventually, in_a_browser

pytestmark = in_a_browser

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
WANTS_PICTURES = bool(os.environ.get("NIGHTJAR_SCREENSHOTS"))
WIDTHS = {390: 844, 1280: 800, 1920: 1080}
SCHEMES = ("light", "dark")
# Of the page, and of what scrolls inside of the frame.
STICKING_OUT = """Math.max(...[document.scrollingElement, document.getElementById("main")]
    .filter(Boolean).map((element) => element.scrollWidth - element.clientWidth))"""
_programs = cycle(("Shop order tracker", "Outage map", "Chat window on the website", "Complaints archive"))
_sessions: dict[tuple[int, str, str], str] = {}

# Who, name, to which brand, how many minutes ago, what; then what the brand said, if it did, and what they said then.
TALK = (
    ("anaribeiro", "Ana Ribeiro", "tern", 3, "The 14:20 to Horta just left without us and we were at the gate. Two kids, one pushchair, no boat. What now?"),
    ("mstroud", "Malcolm Stroud", "tern", 71, "Third time this month that the app shows a ticket I did not buy. Please take it off my card, I have written twice."),
    ("liv_aas", "Liv Aas", "tern", 12, "Is the dog allowed on deck with us or does she stay in the car? She panics alone."),
    ("tguerreiro", "Tomás Guerreiro", "tern", 26, "Boa tarde, o barco das 18h vai sair com este vento? Não consigo ligar para a linha de apoio."),
    ("hanakoito", "Hanako Ito", "tern", 47, "My father fell on the stairs of the car deck. The crew was kind but nobody wrote it down. Who do I talk to?", "We are sorry to hear this, Hanako. Is your father all right? Send us the sailing and we call you today. ^OR", "He is, thank you. It was the 08:05 from Velas, yesterday."),
    ("quietharbour", "Jules", "tern", 95, "Lovely crossing this morning, dolphins all the way. Thank you to the crew of the Alcyone!", "That made our day, Jules. We have pinned it up in the mess. ^IF"),
    ("pkoroma", "Patrick Koroma", "tern", 8, "Where do I find the timetable for December? The page says 404."),
    ("rosalind_v", "Rosalind Vane", "moss", 2, "Found a piece of plastic in my oat flat white at the Canal St shop. I have a photo. This is not okay."),
    ("deshawnk", "DeShawn Keller", "moss", 16, "You charged me for the beans twice (order 20831). The second one is still there after four days."),
    ("mirabel_ost", "Mirabel Ost", "moss", 33, "Do the seasonal beans have any nut traces? My son is allergic and the bag does not say.", "Good that you ask, Mirabel: they are roasted where hazelnuts are used. Please do not give them to him. ^NB", "Thank you for being so clear. Could you put that on the bag?"),
    ("yannbellec", "Yann Bellec", "moss", 64, "Toujours pas de réponse pour ma commande, cela fait deux semaines. Vous êtes là ?"),
    ("coffeeandcode", "Sofía Marín", "moss", 5, "Wifi at the Grand St shop is down again, half of us are sitting here with one coffee and no work :("),
    ("oskarw", "Oskar Wiśniewski", "moss", 110, "The new cups leak at the seam. Three out of three.", "Thank you, Oskar. We have taken that batch back. The next coffee is on us. ^NB"),
    ("linhdang", "Linh Đặng", "moss", 21, "Is your roastery tour still on this Saturday? The form does not open on my phone."),
)  # fmt: skip


@pytest.fixture(scope="module")
def busy(running: Running) -> str:
    """About an hour of two brands' lives; the address of one conversation."""
    now = timezone.now()
    for username, name, brand, minutes, text, *rest in TALK:
        person = running.twitter.people([{"username": username, "name": name, "followers": 17 * minutes + 40}])[0]
        handle, last = running.handle(brand), None
        for number, words in enumerate((text, *rest)):
            ours = number == 1
            words = words if ours else f"@{handle[1]} {words}"
            at = now - timedelta(minutes=minutes * (1 - number / 4))
            tweet = {"author_id": str(handle[0]) if ours else person["id"], "text": words, "created_at": at.isoformat()}
            last = running.twitter.tweets([{**tweet, **({"in_reply_to_tweet_id": last} if last else {})}])["ids"][0]
    return _taken_and_answered(running)


def _taken_and_answered(running: Running) -> str:
    cookie = running.log_in("ines")

    def rows() -> str:
        return running.ask("GET", "/desk/rows/", cookie=cookie)[2]

    assert eventually(lambda: all(name in rows() for name in ("Ana Ribeiro", "Hanako Ito", "Linh Đặng")), 20)
    urls = {name: _url_of(rows(), name) for name in ("Liv Aas", "Hanako Ito", "DeShawn Keller", "Patrick Koroma")}
    for name in ("Liv Aas", "Hanako Ito", "Patrick Koroma"):
        assert running.post(f"{urls[name]}assignment/", cookie)[0] == 302
    return urls["Hanako Ito"]


def _url_of(rows: str, name: str) -> str:
    row = next(row for row in rows.split("<li class=")[1:] if name in row)
    return row.partition('href="')[2].partition('"')[0]


@pytest.fixture(scope="module")
def aboard(running: Running, django_db_blocker) -> Lumen:
    """The agency whose pages of coming and going, approving and setting up are looked at."""
    # In a thread of its own: while a browser runs, this one is taken for async code, which may not ask the database.
    with django_db_blocker.unblock(), ThreadPoolExecutor(1) as thread:
        settled = thread.submit(lumen.settle, running).result()
        thread.submit(lambda: connection.close()).result()  # the connection of that thread
    lumen.end(running, settled)
    return settled


@pytest.fixture(scope="module")
def channel(running: Running, django_db_blocker) -> dict[str, str]:
    """What the whole channel brings into a brand; addresses by the customer's name."""
    with django_db_blocker.unblock():
        return quay.settle(running)


@dataclass(frozen=True)
class Look:
    """One page: who looks at it, on which host, where (or under which name it was put down), and what they do first."""

    person: str | None
    host: str
    path: str
    act: Callable[[Page], None] | None = None
    widths: tuple[int, ...] = (390, 1280)


def _write_well(page: Page) -> None:
    """A reply that lights all nine, as its reader will see it."""
    page.locator("#composer-text").fill(
        "So sorry, Pete, that must have been so frustrating. The Sunday tariff is back on 1 December because so many "
        "asked, and I've credited your account. DM us if the app disagrees; I'll update you before noon. Your first "
        "Sunday is on us, we can't wait to see you again! – Agnes"
    )
    if page.locator("#coach-preview").is_hidden():
        page.locator("[data-toggle-preview]").click()
    expect(page.locator("#lights [aria-pressed=true]")).to_have_count(9)


def _open_customer(page: Page) -> None:
    """Where there is no room for it beside the messages."""
    if (button := page.locator('[data-key="d"]')).is_visible():
        button.click()


def _make_key(page: Page) -> None:
    page.get_by_label("Name: the program that uses it").fill(next(_programs))
    page.get_by_label("read conversations, messages and customers").check()
    page.get_by_role("button", name="Make key").click()
    expect(page.get_by_text("nj_").first).to_be_visible()


def _set_up_an_app(page: Page) -> None:
    page.get_by_role("link", name="Set up an app").click()
    expect(page.get_by_role("heading", name="Set up an app")).to_be_visible()


def _wait_for_twitter(page: Page) -> None:
    expect(page.get_by_text("kinds of events")).to_be_visible()


def _wait_for_docs(page: Page) -> None:
    expect(page.locator(".opblock").first).to_be_visible()


def _open_acts(page: Page) -> None:
    """What can be done at Twitter to what the brand said."""
    page.locator(".message-acts summary").first.click()


def _scroll_up(page: Page) -> None:
    page.locator("#timeline").evaluate("(timeline) => { timeline.scrollTop = 0; }")


def _write_with_a_link(page: Page) -> None:
    _write(page, "Hello Orla, the second fare is on its way back to you: https://ternferries.com/refunds ^IF")
    expect(page.get_by_text("times as much")).to_be_visible()


def _write_at_length(page: Page) -> None:
    _write(page, " ".join(["We are sorry, Orla, and it was wrong. You get the second fare back today."] * 5))
    expect(page.get_by_text("one after another")).to_be_visible()


def _write(page: Page, text: str) -> None:
    page.locator("#composer-text").fill(text)


def _be_hedda(page: Page) -> None:
    page.evaluate(
        """() => fetch("/as", {method: "POST", body: new URLSearchParams({who: "@hedda_lund", back: "/"})})"""
    )
    page.reload()


def _wait_for_alarms(page: Page) -> None:
    expect(page.locator(".alarm-strip")).to_be_visible()


def _open_settings_pages(page: Page) -> None:
    """On a phone one button names the page; the row of all comes up when it is pressed."""
    pages = page.get_by_role("navigation", name="Settings")
    expect(pages).to_be_hidden()
    page.get_by_role("button", name="Page of the settings: What X allows").click()
    expect(pages.get_by_role("link")).to_have_count(8)
    expect(pages.get_by_role("link", name="Webhooks")).to_be_in_viewport()
    expect(pages.locator("[aria-current=page]")).to_have_text("What X allows")


def _need_not_scroll(page: Page) -> None:
    """Tables whose lines become small cards on a phone."""
    sticking_out = """[...document.querySelectorAll(".table-scroll:has(> .table-stack)")]
        .map((element) => element.scrollWidth - element.clientWidth)"""
    assert page.evaluate(sticking_out) != []
    assert max(page.evaluate(sticking_out)) <= 0


ALL = tuple(WIDTHS)
FIRST = {
    "landing": Look(None, "", "/", _need_not_scroll, ALL),
    "login": Look(None, "harbour", "/login/", None, ALL),
    "desk": Look("ines", "harbour", "/", None, ALL),
    "inbox": Look("ines", "harbour", "/b/tern/?filter=open", None, ALL),
    "conversation": Look("ines", "harbour", "busy", None, ALL),
    "report": Look("omar", "harbour", "/reports/first-response/", _need_not_scroll, ALL),
    "sandbox": Look(None, "twitter", "/", None, ALL),
}
ABOARD = {
    "approvals": Look("agnes", "lumen", "/b/solis/approvals/", None, ALL),
    "note": Look("agnes", "lumen", "outage"),
    "tags": Look("agnes", "lumen", "outage", _open_customer),
    "sent-back": Look("tom", "lumen", "tariff"),
    "lights": Look("agnes", "lumen", "tariff", _write_well),
    "german": Look("agnes", "lumen", "german"),
    "settings-replies": Look("ada", "lumen", "/b/solis/settings/replies/"),
    "settings-canned": Look("ada", "lumen", "/b/solis/settings/canned/"),
    "settings-playbook": Look("ada", "lumen", "/b/solis/settings/playbook/"),
    "settings-twitter": Look("ada", "lumen", "/b/solis/settings/twitter/", _wait_for_twitter),
    "settings-webhooks": Look("ada", "lumen", "/b/solis/settings/webhooks/"),
    "settings-webhook": Look("ada", "lumen", "webhook"),
    "keys": Look("ada", "lumen", "/keys/", _make_key),
    "api-docs": Look("ada", "lumen", "/api/docs/", _wait_for_docs),
    "admin": Look("ada", "lumen", "/admin/"),
    "admin-brands": Look("ada", "lumen", "/admin/tenants/brand/", _need_not_scroll),
    "admin-brand-live": Look("ada", "lumen", "live"),
    "admin-brand-preparing": Look("ada", "lumen", "preparing"),
    "admin-people": Look("ada", "lumen", "/admin/accounts/membership/", _need_not_scroll),
    "admin-invitations": Look("ada", "lumen", "/admin/accounts/invitation/", _need_not_scroll),
    "admin-certificate": Look("ada", "lumen", "ending"),
    "operators-agencies": Look("olga", "", "/admin/tenants/agency/", _need_not_scroll),
    "operators-agency": Look("olga", "", "agency"),
    "invitation": Look(None, "fable", "invitation"),
    "brand-login": Look(None, "solis", "/login/"),
    "brand-login-long": Look(None, "kfz", "/login/", None, (390,)),
    "second-factor": Look("newly", "lumen", "/admin/"),
    "second-factor-app": Look("newly", "lumen", "/admin/", _set_up_an_app),
    "account": Look("agnes", "lumen", "/me/"),
    "client-inbox": Look("clara", "solis", "/?filter=open"),
    "client-approvals": Look("clara", "solis", "/approvals/"),
    "client-report": Look("clara", "solis", "/reports/first-response/"),
    "closed-brand": Look("benno", "kfz", "/"),
}
# Of the whole channel: its own brand's pages, in the agency of the first pictures.
CHANNEL = {
    "desk-alarms": Look("ines", "harbour", "/", _wait_for_alarms, ALL),
    "channel-inbox": Look("ines", "harbour", "/b/tern/?filter=open", None, ALL),
    "private": Look("ines", "harbour", "hedda_lund"),
    "pictures": Look("ines", "harbour", "hedda_lund", _scroll_up),
    "long": Look("omar", "harbour", "obrennan"),
    "link": Look("ines", "harbour", "obrennan", _write_with_a_link),
    "parts": Look("ines", "harbour", "obrennan", _write_at_length),
    "hidden": Look("ines", "harbour", "shyharbour"),
    "overheard": Look("ines", "harbour", "caspar_ny"),
    "stuck": Look("ines", "harbour", "zofia_k"),
    "acts": Look("ines", "harbour", "hedda_lund", _open_acts),
    "settings-channel": Look("astrid", "harbour", "/b/tern/settings/channel/"),
    "settings-costs": Look("astrid", "harbour", "/b/tern/settings/costs/", _need_not_scroll),
    "settings-policy": Look("astrid", "harbour", "/b/tern/settings/policy/"),
    "settings-pages": Look("astrid", "harbour", "/b/tern/settings/policy/", _open_settings_pages, (390,)),
    "costs": Look("astrid", "harbour", "/costs/", _need_not_scroll),
    "operators-states": Look("olga", "", "/admin/tenants/appstate/", _need_not_scroll),
    "sandbox-messages": Look(None, "twitter", "/messages/TernFerries", _be_hedda),
    "sandbox-tweet": Look(None, "twitter", "edited", _be_hedda),
}


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", FIRST)
def test_nothing_sticks_out(running: Running, screens: Screens, busy: str, name: str, scheme: str):
    _look_at(running, screens, name, FIRST[name], scheme, {"busy": busy})


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", ABOARD)
def test_nothing_sticks_out_aboard(running: Running, screens: Screens, aboard: Lumen, name: str, scheme: str):
    _look_at(running, screens, name, ABOARD[name], scheme, aboard.paths)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", CHANNEL)
def test_nothing_of_the_channel_sticks_out(
    running: Running, screens: Screens, channel: dict[str, str], aboard: Lumen, name: str, scheme: str
):
    _look_at(running, screens, name, CHANNEL[name], scheme, channel)


def _look_at(running: Running, screens: Screens, name: str, look: Look, scheme: str, paths: dict[str, str]) -> None:
    page = screens.open(color_scheme=scheme)
    if look.person:
        _carry_session(running, page, look.person, look.host)
    for width in look.widths:
        page.set_viewport_size({"width": width, "height": WIDTHS[width]})
        page.goto(running.address(look.host, paths.get(look.path, look.path)))
        _settle(page)
        if look.act:
            look.act(page)
            _settle(page)
        if WANTS_PICTURES:
            _picture(page, f"{name}-{scheme}-{width}")
        assert page.evaluate(STICKING_OUT) <= 0, f"{name} at {width}"


def _carry_session(running: Running, page: Page, person: str, host: str) -> None:
    for cookie in _session_of(running, person, host).split("; "):
        name, _, value = cookie.partition("=")
        page.context.add_cookies(
            [{"name": name, "value": value, "url": running.address(host).replace("http:", "https:")}]
        )


def _session_of(running: Running, person: str, host: str) -> str:
    """One log-in per person: a door lets nobody knock often."""
    key = (running.port, person, host)
    if key not in _sessions:
        _sessions[key] = running.log_in(person, host)
    return _sessions[key]


def _settle(page: Page) -> None:
    """Until the light says that it is live, where there is one: pictures should not differ by chance."""
    for place, state in (("#light", "live"), ("#coach", "on")):
        if page.locator(place).count():
            expect(page.locator(place)).to_have_attribute("data-state", state)
    if page.locator("#may-answer").count():
        expect(page.locator("#may-answer > *").first).to_be_attached()
    page.evaluate("document.fonts.ready")


def _picture(page: Page, name: str) -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    picture = page.screenshot(animations="disabled", caret="hide")
    (IMAGES / f"{name}.png").write_bytes(smaller(picture))
