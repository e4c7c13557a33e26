"""All of Nightjar, running as `make run` runs it, for tests that need a browser, sockets, or several processes at once.

`running` is one for the whole run: its tests say `pytestmark = together`. Its carrier and its workers would do the
work that other tests look at, so `make test` runs those that need it by themselves. It has an agency of its own, truly
committed, so that the tests that roll back never meet it.
"""

import fcntl
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection, transaction
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from accounts.domain.people import add_person
from accounts.enums import Role
from accounts.queries import DEMONSTRATION_DOMAIN, DEMONSTRATION_PASSWORD
from config.local import front, parts
from config.local.processes import Part, end, spawn, wait_until
from inbox.domain import credentials, events
from inbox.domain.events import Line
from inbox.enums import EventKind
from inbox.models import ApprovalRule
from inbox.twitter.playground import Playground
from tenants import entry, schemas
from tenants.models import Agency, Brand, BrandState

together = pytest.mark.running
CHROMIUM = shutil.which("chromium")
in_a_browser = [
    together,
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="there is no chromium on this machine"),
]
PASSWORD = DEMONSTRATION_PASSWORD
BRANDS = (
    ("Tern Ferries", "tern", "TernFerries", "#0b5cad", "Europe/Lisbon"),
    ("Moss & Bean", "moss", "MossAndBean", "#7a3e12", "America/New_York"),
)
PEOPLE = (
    ("Ines Falk", "ines", Role.AGENT, None),
    ("Omar Reyes", "omar", Role.SUPERVISOR, None),
    ("Nell Baptiste", "nell", Role.AGENT, "moss"),
    ("Petra Lund", "petra", Role.CLIENT_VIEWER, "tern"),
    ("Tove Lind", "tove", Role.TRAINEE, "tern"),
)


@dataclass
class Running:
    """The processes, the agency, and what a test asks of them in few words."""

    env: Mapping[str, str] = field(repr=False)
    agency: Agency
    brands: Mapping[str, Brand]
    people: dict[str, int]
    twitter: Playground
    processes: dict[str, tuple[Part, subprocess.Popen[bytes]]] = field(default_factory=dict)

    @property
    def port(self) -> int:
        return int(self.env["NIGHTJAR_PORT"])

    def host(self, name: str = "harbour") -> str:
        """`harbour`, `lumen`: an agency's host; `tern`: a brand's; `twitter`: the sandbox's; empty: the operators'."""
        own = {"": "localhost", **{label: f"{label}.localhost" for label in ("twitter", "harbour", "lumen")}}
        return f"{own.get(name, f'care.{name}.localhost')}:{self.port}"

    def address(self, name: str = "harbour", path: str = "/") -> str:
        """A page's address, as a browser opens it."""
        return f"http://{self.host(name)}{path}"

    def email(self, name: str) -> str:
        return f"{name}{DEMONSTRATION_DOMAIN}"

    def handle(self, brand: str) -> tuple[int, str]:
        """A brand's Twitter account: id and username."""
        return HANDLES[brand], next(username for _, slug, username, _, _ in BRANDS if slug == brand)

    def writes(self, username: str, text: str, *, name: str = "", after: str | None = None, **more: Any) -> str:
        """A customer tweets; the tweet's id. It reaches the brands as Twitter delivers it."""
        person = self.twitter.people([{"username": username, "name": name or username.title(), **more}])[0]
        tweet = {"author_id": person["id"], "text": text, **({"in_reply_to_tweet_id": after} if after else {})}
        return str(self.twitter.tweets([tweet])["ids"][0])

    def said_on_twitter(self) -> list[dict[str, Any]]:
        """Every tweet of the sandbox, as it knows them."""
        _, _, lines = self.ask("GET", "/sandbox/ledger", host="twitter")
        return [json.loads(line) for line in lines.splitlines()]

    def log_in(self, name: str, host: str = "harbour") -> str:
        """The cookies of a person who has logged in with their password, as one `Cookie` line."""
        status, headers, _ = self.ask("GET", "/login/", host=host)
        csrf = cookie_of(headers, "__Host-csrf")
        token = csrf.partition("=")[2]
        body = urlencode({"email": self.email(name), "password": PASSWORD, "csrfmiddlewaretoken": token})
        status, headers, text = self.ask("POST", "/login/", host=host, cookie=csrf, body=body)
        assert status == 302, text
        return f"{cookie_of(headers, '__Host-csrf')}; {cookie_of(headers, '__Host-session')}"

    def ask(
        self, method: str, path: str, *, host: str = "harbour", cookie: str = "", body: str | None = None, **more: str
    ) -> tuple[int, list[tuple[str, str]], str]:
        """One request through the front door: status, headers, body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        headers = {"Host": self.host(host), **({"Cookie": cookie} if cookie else {}), **more}
        if body is not None:
            headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
        if method == "POST":
            headers.setdefault("Origin", f"http://{self.host(host)}")
        try:
            connection.request(method, path, body=body, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read().decode(errors="replace")
        finally:
            connection.close()

    def post(self, path: str, cookie: str, *, host: str = "harbour", **form: str) -> tuple[int, str]:
        """Send a form as a page of ours would; status and body."""
        token = next(part.partition("=")[2] for part in cookie.split("; ") if part.startswith("__Host-csrf="))
        body = urlencode({**form, "csrfmiddlewaretoken": token})
        status, _, text = self.ask("POST", path, host=host, cookie=cookie, body=body)
        return status, text

    def numbers(self, cookie: str, host: str = "harbour") -> dict[str, int]:
        """The newest event number of each brand, as the pages say."""
        return dict(json.loads(self.ask("GET", "/live-since/", host=host, cookie=cookie)[2]))

    def hire(self, role: Role = Role.AGENT, brand: str | None = None) -> str:
        """One more person, truly committed; their mailbox."""
        mailbox = f"hired{len(self.people)}"
        brand_id = self.brands[brand].pk if brand else None
        email, agency_id = self.email(mailbox), self.agency.pk
        self.people[mailbox] = add_person(
            email=email, name="Hired Hand", password=PASSWORD, agency_id=agency_id, role=role, brand_id=brand_id
        )
        return mailbox

    def happens(self, brand: str, *, times: int = 1) -> int:
        """Something happens in a brand, and its screens are told; the brand's newest number."""
        newest = 0
        with entry.brand(self.brands[brand]):
            for _ in range(times):
                with transaction.atomic():
                    newest = events.record([Line(EventKind.AMPLIFIED, 1, timezone.now())])
        return newest

    def log_of(self, name: str) -> str:
        """What a process has printed."""
        return (Path(self.env["NIGHTJAR_HOME"]) / f"{name}.log").read_text(errors="replace")

    def start(self, part: Part) -> None:
        with (Path(self.env["NIGHTJAR_HOME"]) / f"{part.name}.log").open("ab") as log:
            self.processes[part.name] = (part, spawn(part, log))

    def stop(self) -> None:
        for part, process in reversed(self.processes.values()):
            end(process, part.stop_signal)
        self.processes.clear()


HANDLES = {slug: 1_900_000_000_000_000_001 + number for number, (_, slug, *_rest) in enumerate(BRANDS)}


@pytest.fixture(scope="session")
def static_files() -> None:
    """The style sheets and scripts under their hashed names, once for all workers."""
    home = Path(os.environ["NIGHTJAR_HOME"])
    with (home / "static.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "static.done").exists():
            collect = [sys.executable, "manage.py", "collectstatic", "--noinput", "--verbosity=0"]
            subprocess.run(collect, check=True)
            (home / "static.done").touch()


@pytest.fixture(scope="session")
def running(django_db_setup, django_db_blocker, static_files) -> Iterator[Running]:
    """Every process of `make run` but the database servers, which are the run's own."""
    home = Path(tempfile.mkdtemp(prefix="running-", dir=os.environ["NIGHTJAR_WORKER_HOME"]))
    (home / "static").symlink_to(Path(os.environ["NIGHTJAR_HOME"]) / "static")
    # A number of its own: its worker must not take what tests of this process put into the broker. Hints know none.
    server, _, number = os.environ["NIGHTJAR_REDIS_URL"].rpartition("/")
    redis_url = f"{server}/{int(number) + 1}"
    env = {**os.environ, "NIGHTJAR_HOME": str(home), "NIGHTJAR_LIVE_RECHECK": "3", "NIGHTJAR_REDIS_URL": redis_url}
    env["NIGHTJAR_TWITTER_PAGES_URL"] = f"http://twitter.localhost:{env['NIGHTJAR_PORT']}"
    with Playground(base_url=env["NIGHTJAR_TWITTER_URL"]) as twitter, django_db_blocker.unblock():
        agency, brands = _found_an_agency()
        people = _hire(agency, brands)
        now_running = Running(env=env, agency=agency, brands=brands, people=people, twitter=twitter)
        try:
            front.write(env)
            for part in parts.application_parts(env):
                now_running.start(part)
            _wait_until_healthy(now_running)
            _connect(now_running)
            connection.close()
            with django_db_blocker.block():
                yield now_running
        finally:
            now_running.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium. It goes with its module: Django takes Playwright's loop, while it runs, for async code."""
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def screens(browser: Browser) -> Iterator["Screens"]:
    """Opens windows of people who share nothing; the test fails when a script of ours did."""
    opened = Screens(browser)
    yield opened
    for context in opened.contexts:
        context.close()
    assert opened.errors == [], opened.errors


class Screens:
    """Browser windows, each with cookies of its own."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.contexts: list[BrowserContext] = []
        self.errors: list[str] = []

    def open(self, width: int = 1280, height: int = 900, **more: Any) -> Page:
        context = self.browser.new_context(viewport={"width": width, "height": height}, **more)
        context.set_default_timeout(10_000)
        self.contexts.append(context)
        context.on("weberror", lambda error: self.errors.append(str(error.error)))
        context.on("console", lambda said: self._heard(said.type, said.text))
        return context.new_page()

    def of(self, running: Running, name: str, *, host: str = "harbour", path: str = "/", **more: Any) -> Page:
        """A window of a person who has logged in."""
        page = self.open(**more)
        page.goto(running.address(host, f"/login/?next={path}"))
        page.get_by_label("E-mail").fill(running.email(name))
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in", exact=True).click()
        page.wait_for_url(running.address(host, path))
        return page

    def _heard(self, kind: str, text: str) -> None:
        # A request that is refused, or a network that is away, is said here too; both are part of what tests do.
        away = ("Failed to load resource", "WebSocket connection to", "htmx:send", "htmx:afterRequest")
        if kind == "error" and not text.startswith(away):
            self.errors.append(text)


def cookie_of(headers: list[tuple[str, str]], name: str) -> str:
    """One cookie of an answer as `name=value`."""
    lines = [value for header, value in headers if header.lower() == "set-cookie" and value.startswith(f"{name}=")]
    assert lines, f"no cookie {name} in {headers}"
    return lines[-1].partition(";")[0]


def eventually(check: Callable[[], Any], seconds: float = 10) -> bool:
    """Ask until it is true; whether it became so in time."""
    return wait_until(lambda: bool(check()), seconds, every=0.05)


def _found_an_agency() -> tuple[Agency, dict[str, Brand]]:
    now = timezone.now()
    agency = schemas.create_agency(name="Harbour", slug="harbour", now=now)
    brands = {}
    for name, slug, username, colour, zone in BRANDS:
        brands[slug] = schemas.create_brand(
            agency=agency, name=name, slug=slug, colour=colour, zone=zone, now=now, state=BrandState.LIVE
        )
        schemas.add_handle(brand=brands[slug], twitter_id=HANDLES[slug], username=username)
    return agency, brands


def _hire(agency: Agency, brands: Mapping[str, Brand]) -> dict[str, int]:
    return {
        mailbox: add_person(
            email=mailbox + DEMONSTRATION_DOMAIN,
            name=name,
            password=PASSWORD,
            agency_id=agency.pk,
            role=role,
            brand_id=brands[slug].pk if slug else None,
            is_demonstration=True,
        )
        for name, mailbox, role, slug in PEOPLE
    }


def _connect(now_running: Running) -> None:
    for name, slug, username, _, _ in BRANDS:
        account = {"id": str(HANDLES[slug]), "username": username, "name": name, "followers": 84_000}
        now_running.twitter.people([account])
        with entry.brand(now_running.brands[slug]):
            token = now_running.twitter.token_of(HANDLES[slug])
            credentials.store(handle_id=HANDLES[slug], username=username, access_token=token, now=timezone.now())
            ApprovalRule.objects.update(undo_seconds=3)  # the tests are quicker than the people
        credentials.subscribe(HANDLES[slug])


def _wait_until_healthy(now_running: Running) -> None:
    until = time.monotonic() + 60
    for name, (part, process) in now_running.processes.items():
        while part.is_healthy and not part.is_healthy():
            assert process.poll() is None, f"{name} has ended:\n{now_running.log_of(name)}"
            assert time.monotonic() < until, f"{name} does not start:\n{now_running.log_of(name)}"
            time.sleep(0.05)
