"""From nothing to a tweet that is answered: how an agency comes aboard without a developer, in a real browser.

The installation is its own: `make run DEMO=no` on an empty folder, with its own servers.
"""

import base64
import hmac
import os
import re
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from config import environment
from config.local import places
from config.local.processes import wait_until
from tests.pictures import smaller
from tests.services import Screens, in_a_browser
from tests.test_windows import IMAGES, WANTS_PICTURES
from tests.world import free_port

pytestmark = in_a_browser

PASSWORD = "lanterns over the harbour"
PATIENCE = 90  # seconds for a first start


@dataclass
class Installation:
    """Nightjar as somebody has just started it for the first time."""

    port: int
    printed: Path

    def address(self, host: str, path: str = "/") -> str:
        return f"http://{host}:{self.port}{path}"

    def first_invitation(self) -> str:
        """The address that the terminal shows to whoever started it."""
        found = re.search(r"http://\S+/invitation/\S+", self.printed.read_text())
        assert found, self.printed.read_text()
        return found.group()


@pytest.fixture
def installation(tmp_path) -> Iterator[Installation]:
    """An empty one, with no demonstration, gone afterwards."""
    home, port, printed = tmp_path / "var", free_port(), tmp_path / "printed"
    env = {name: value for name, value in os.environ.items() if not name.startswith("NIGHTJAR_")}
    env |= {"NIGHTJAR_HOME": str(home), "PORT": str(port), "DEMO": "no"}
    with printed.open("w") as output:
        up = [sys.executable, "-m", "config.local", "up"]
        process = subprocess.Popen(up, env=env, cwd=environment.PROJECT, stdout=output, stderr=subprocess.STDOUT)
    try:
        wait_until(lambda: "/invitation/" in printed.read_text() or process.poll() is not None, PATIENCE)
        yield Installation(port, printed)
    finally:
        process.terminate()
        process.wait(30)
        places.remove(home)


def test_from_an_empty_installation_to_an_answered_tweet(installation: Installation, screens: Screens):
    agency, brand = "lumen.localhost", "care.fable.localhost"

    operator = _comes_aboard(screens, installation.first_invitation(), "Olga Sand", email="olga@nightjar.test")
    _proves_twice(operator)
    operator.goto(installation.address("localhost", "/admin/"))
    _picture(operator, "operators")
    to_first_admin = _founds_an_agency(operator, installation, "Lumen Care", "lumen", "ada@lumen.test")

    admin = _comes_aboard(screens, to_first_admin, "Ada Berg")
    _proves_twice(admin)
    admin.goto(installation.address(agency, "/admin/"))
    _picture(admin, "admin")
    _founds_a_brand(admin, "Fable Toys", "fable", "#7a1f6b")
    _picture(admin, "brand-preparing")
    _connects(admin, "Fable Toys")
    _picture(admin, "twitter-connected")
    invited = {
        email: _invites(admin, installation.address(agency), email, role, brand_name)
        for email, role, brand_name in (
            ("tom@lumen.test", "trainee", "all brands"),
            ("agnes@lumen.test", "agent", "all brands"),
            ("clara@fable.test", "client approver", "Fable Toys"),
        )
    }
    _sets_live(admin, installation.address(agency), "Fable Toys")
    _picture(admin, "brand-live")

    client = _comes_aboard(screens, invited["clara@fable.test"], "Clara Fable")
    trainee = _comes_aboard(screens, invited["tom@lumen.test"], "Tom Rook")
    assert client.url.startswith(installation.address(brand))
    assert trainee.url.startswith(installation.address(agency))

    twitter = _a_customer_tweets(screens, installation, "Nora Quist", "FableToys", "the dragon came without its wings")
    _answers(trainee, installation.address(agency), "dragon came without", "Oh no, Nora! New wings leave today. ^TR")
    _picture(trainee, "waiting-for-approval")
    client.goto(installation.address(brand, "/approvals/"))
    waiting = client.locator(".approval-text", has_text="New wings leave today.")
    expect(waiting).to_be_visible()
    _picture(client, "approvals")
    client.get_by_role("button", name="Approve", exact=True).first.click()
    expect(waiting).to_have_count(0)

    answer = twitter.locator(".tweet.brand .words", has_text="New wings leave today.")
    expect(answer).to_have_text("Oh no, Nora! New wings leave today. ^TR", timeout=30_000)


def _comes_aboard(screens: Screens, invitation: str, name: str, *, email: str = "") -> Page:
    """Open an invitation, become a person with a password; the window in which that person is logged in."""
    page = screens.open()
    page.goto(invitation)
    if email:
        page.get_by_label("E-mail").fill(email)
    page.get_by_label("Your name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Accept").click()
    page.wait_for_url(lambda url: "/invitation/" not in url)
    return page


def _proves_twice(page: Page) -> None:
    """Set up an app with codes, as operators and admins must before they see anything else."""
    expect(page.get_by_role("heading", name="One more step: a second factor")).to_be_visible()
    page.get_by_role("link", name="Set up an app").click()
    secret = page.locator("#authenticator_secret").input_value()
    page.locator("input[name=code]").fill(_code(secret))
    page.get_by_role("button", name="Activate").click()
    page.wait_for_url(lambda url: "totp/activate" not in url)


def _code(secret: str) -> str:
    """The six digits that an authenticator shows now (RFC 6238)."""
    counter = struct.pack(">Q", int(time.time()) // 30)
    digest = hmac.digest(base64.b32decode(secret), counter, "sha1")
    place = digest[-1] & 15
    number = struct.unpack(">I", digest[place : place + 4])[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"


def _founds_an_agency(page: Page, installation: Installation, name: str, slug: str, first_admin: str) -> str:
    """Make an agency, invite its first admin; the address that the invitation has."""
    page.goto(installation.address("localhost", "/admin/tenants/agency/add/"))
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Short name").fill(slug)
    page.get_by_role("button", name="Make it").click()
    expect(page.get_by_role("heading", name="It is ready")).to_be_visible(timeout=20_000)
    page.get_by_role("link", name="Invite its first admin").click()
    page.get_by_label("E-mail").fill(first_admin)
    page.get_by_role("button", name="Make it").click()
    return _address_shown(page)


def _founds_a_brand(page: Page, name: str, slug: str, colour: str) -> None:
    page.goto("/".join(page.url.split("/")[:3]) + "/admin/tenants/brand/add/")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Short name").fill(slug)
    page.locator("input[name=colour]").fill(colour)
    page.get_by_role("button", name="Make it").click()
    expect(page.get_by_role("heading", name="Getting ready")).to_be_visible(timeout=20_000)


def _connects(page: Page, account: str) -> None:
    """By the checklist to Twitter, which asks; allowed; and back."""
    page.get_by_role("link", name="Connect Twitter").click()
    page.get_by_role("button", name="Connect to Twitter").click()
    expect(page.get_by_role("heading", name="Nightjar wants to act for one of your accounts")).to_be_visible()
    page.locator("#new-name").fill(account)
    page.get_by_role("button", name="Authorize app").click()
    expect(page.get_by_text("@FableToys is connected.")).to_be_visible()


def _invites(page: Page, agency: str, email: str, role: str, brand: str) -> str:
    page.goto(f"{agency}admin/accounts/invitation/add/")
    page.get_by_label("E-mail").fill(email)
    page.locator("select[name=role]").select_option(label=role)
    page.locator("select[name=brand]").select_option(label=brand)
    page.get_by_role("button", name="Make it").click()
    return _address_shown(page)


def _address_shown(page: Page) -> str:
    """The invitation's address, which is shown once."""
    link = page.locator(".admin-message a", has_text="/invitation/")
    expect(link).to_be_visible()
    return str(link.get_attribute("href"))


def _sets_live(page: Page, agency: str, brand: str) -> None:
    page.goto(f"{agency}admin/tenants/brand/")
    page.locator("#result_list").get_by_role("link", name=brand).click()
    page.get_by_role("button", name="Set live").click()
    expect(page.get_by_role("heading", name="Live", exact=True)).to_be_visible()


def _a_customer_tweets(screens: Screens, installation: Installation, name: str, handle: str, text: str) -> Page:
    page = screens.open()
    page.goto(installation.address("twitter.localhost"))
    page.get_by_label("Your name").fill(name)
    page.get_by_role("group", name="Name a brand").get_by_text(f"@{handle}").click()
    page.keyboard.type(text)
    page.get_by_role("button", name="Tweet").click()
    expect(page.locator(".tweet .words").first).to_have_text(f"@{handle} {text}")
    return page


def _answers(page: Page, agency: str, about: str, text: str) -> None:
    """A trainee takes a conversation from the desk and writes what somebody else will let go out."""
    page.goto(agency)
    row = page.locator(".row", has_text=about)
    expect(row).to_be_visible(timeout=20_000)
    row.get_by_role("link").click()
    page.get_by_role("button", name="Take").click()
    expect(page.locator("#pane-head")).to_contain_text("Yours")
    page.locator("#composer-text").fill(text)
    page.get_by_role("button", name="Submit for approval").click()
    expect(page.locator("#timeline")).to_contain_text(text)


def _picture(page: Page, name: str) -> None:
    if WANTS_PICTURES:
        picture = page.screenshot(animations="disabled", caret="hide")
        (IMAGES / f"story-{name}.png").write_bytes(smaller(picture))
