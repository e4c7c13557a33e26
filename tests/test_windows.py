"""Every page in every width, by day and by night: nothing sticks out, no script breaks, no style is refused.

With `NIGHTJAR_SCREENSHOTS=1` the same pages are written to `docs/images/`.
"""

import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from tests.pictures import smaller
from tests.services import Running, Screens, eventually, in_a_browser

pytestmark = in_a_browser

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
WANTS_PICTURES = bool(os.environ.get("NIGHTJAR_SCREENSHOTS"))
WIDTHS = {390: 844, 1280: 800, 1920: 1080}
SCHEMES = ("light", "dark")

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


PAGES = {
    "landing": (None, "", "/"),
    "login": (None, "harbour", "/login/"),
    "desk": ("ines", "harbour", "/"),
    "inbox": ("ines", "harbour", "/b/tern/?filter=open"),
    "conversation": ("ines", "harbour", None),
    "report": ("omar", "harbour", "/reports/first-response/"),
    "sandbox": (None, "twitter", "/"),
}


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", PAGES)
def test_nothing_sticks_out(running: Running, screens: Screens, busy: str, name: str, scheme: str):
    person, host, path = PAGES[name]
    page = screens.open(color_scheme=scheme)
    if person:
        _carry_session(running, page, person, host)

    for width, height in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": height})
        page.goto(running.address(host, path or busy))
        _settle(page)
        if WANTS_PICTURES:
            _picture(page, f"{name}-{scheme}-{width}")
        assert page.evaluate("document.scrollingElement.scrollWidth - innerWidth") <= 0, f"{name} at {width}"


def _carry_session(running: Running, page: Page, person: str, host: str) -> None:
    for cookie in running.log_in(person, host).split("; "):
        name, _, value = cookie.partition("=")
        page.context.add_cookies(
            [{"name": name, "value": value, "url": running.address(host).replace("http:", "https:")}]
        )


def _settle(page: Page) -> None:
    """Until the light says that it is live, where there is one: pictures should not differ by chance."""
    light = page.locator("#light")
    if light.count():
        expect(light).to_have_attribute("data-state", "live")
    page.evaluate("document.fonts.ready")


def _picture(page: Page, name: str) -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    picture = page.screenshot(animations="disabled", caret="hide")
    (IMAGES / f"{name}.png").write_bytes(smaller(picture))
