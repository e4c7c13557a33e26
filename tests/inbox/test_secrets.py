"""The canary: secrets are put to use everywhere, then looked for wherever anything is written. There must be none."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from django.test import Client
from django.utils import timezone
from redis import Redis

from accounts.models import User
from inbox.domain import connecting, credentials
from inbox.models import ConnectAttempt, Credential, Webhook
from inbox.twitter import oauth
from inbox.twitter.oauth import Granted
from tenants import entry, schemas, sealing
from tests.conftest import ACME_HANDLE, NOON
from tests.inbox.test_connect import (  # noqa: F401, fixtures
    SETTINGS,
    admin,
    admins,
    comes_back,
    goes,
    sandbox,
    says_yes,
    twitter,
    world,
)
from tests.inbox.twitter.answering import Answering, answer
from tests.services import PASSWORD, Running
from tests.twitter.playing import CLIENT

ACCESS, REFRESH, SECRET, VERIFIER = (f"canary-{name}-" + "c" * 40 for name in ("access", "refresh", "app", "verifier"))


@dataclass
class Sinks:
    """Whatever was written, by where, and the secrets that must not be in it."""

    secrets: dict[str, str] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)

    def hits(self) -> list[str]:
        return [
            f"{name} in {where}"
            for where, text in self.said.items()
            for name, secret in self.secrets.items()
            if secret in text
        ]


def test_what_holds_a_secret_prints_without_it():
    granted = Granted(ACCESS, REFRESH, 7200, frozenset(oauth.SCOPES))
    app = oauth.App("id", SECRET, "http://localhost/", "http://x/", "http://x/")
    opened = credentials.Credentials(1, ACCESS)

    printed = "".join(f"{each!r}{each!s}{[each]}" for each in (granted, app, opened))

    assert [secret for secret in (ACCESS, REFRESH, SECRET) if secret in printed] == []


@pytest.mark.parametrize("script", [[answer(400, {"error": "invalid_grant"})], ["reset"], [b"nonsense\r\n\r\n"]])
def test_the_gateways_tracebacks_and_logs_hold_none(script, caplog, settings):
    caplog.set_level(logging.DEBUG)
    settings.TWITTER_CLIENT_SECRET = SECRET
    with Answering(script) as server:
        settings.TWITTER_URL = server.url
        app = credentials.this_app()
        said = [
            repr(oauth.exchange(app, code=ACCESS, verifier=VERIFIER)),
            repr(oauth.refresh(app, refresh_token=REFRESH)),
            repr(oauth.revoke(app, token=REFRESH)),
        ]
    everything = "".join(said) + caplog.text

    assert REFRESH.encode() in server.requests[1]
    assert [secret for secret in (ACCESS, REFRESH, SECRET, VERIFIER) if secret in everything] == []


def test_rows_print_without_what_they_keep(acme, house):
    granted = Granted(ACCESS, REFRESH, 7200, frozenset(oauth.SCOPES))
    stored = credentials.store_granted(
        handle_id=ACME_HANDLE, username="AcmeAir", granted=granted, by_id=house.agent_id, now=NOON
    )
    attempt = ConnectAttempt(
        word_hash="h", sealed_verifier=sealing.seal(VERIFIER, place="x"), begun_at=NOON, begun_by_id=house.agent_id
    )
    printed = "".join(f"{each!r}{each!s}{vars(each)}" for each in (stored, attempt, Webhook(sealed_secret=b"s")))

    assert [secret for secret in (ACCESS, REFRESH, VERIFIER) if secret in printed] == []


def test_a_crash_with_keys_in_hand_shows_and_logs_none_of_them(admin: Client, house, settings, caplog):  # noqa: F811
    caplog.set_level(logging.DEBUG)
    back = urlsplit(comes_back(says_yes(goes(admin))))
    pair = {"token_type": "bearer", "expires_in": 7200, "access_token": ACCESS, "refresh_token": REFRESH}
    me = answer(200, {"data": {"id": str(ACME_HANDLE), "username": "Acme\x00Air", "name": "Acme"}})
    admin.raise_request_exception = False
    with Answering([answer(200, {**pair, "scope": " ".join(oauth.SCOPES)})], [me]) as server:
        settings.TWITTER_URL = server.url
        page = admin.get(f"{back.path}?{back.query}")

    verifier = dict(parse_qsl(server.requests[0].decode().rpartition("\r\n\r\n")[2]))["code_verifier"]
    everything = page.content.decode() + caplog.text
    assert page.status_code == 500  # PostgreSQL takes no name with a zero in it
    assert "Traceback" in caplog.text
    assert [secret for secret in (ACCESS, REFRESH, CLIENT[1], verifier, PASSWORD) if secret in everything] == []


def test_a_secret_in_a_sink_is_found():
    assert Sinks({"access": ACCESS}, {"a log": f"GET /?token={ACCESS}", "another": ""}).hits() == ["access in a log"]


@pytest.fixture
def used(running: Running, django_db_blocker) -> Iterator[Sinks]:
    """All of Nightjar, in which every kind of secret has been used, rightly and wrongly; what it wrote meanwhile."""
    sinks = Sinks()
    names = ("CLIENT_SECRET", "CONSUMER_SECRET", "APP_BEARER")
    sinks.secrets = {name: running.env[f"NIGHTJAR_TWITTER_{name}"] for name in names}
    sinks.secrets |= {name: running.env[f"NIGHTJAR_{name}"] for name in ("SECRET_KEY", "SEALING_KEY")}
    sinks.secrets["password"] = PASSWORD
    with django_db_blocker.unblock():
        _use(running, sinks)
        _gather(running, sinks)
        yield sinks


@pytest.mark.running
def test_no_sink_holds_a_secret(used: Sinks):
    assert len(used.said) > 10
    assert len(used.secrets) >= 11
    assert used.hits() == []


def _use(running: Running, sinks: Sinks) -> None:
    brand, (handle_id, username) = running.brands["tern"], running.handle("tern")
    person = User(pk=running.people["omar"], email=running.email("omar"), name="Omar Reyes")
    with entry.brand(brand):
        address = connecting.begin(host="harbour.localhost", by=person, now=timezone.now())
    parts = urlsplit(address)
    form = {**dict(parse_qsl(parts.query)), "who": f"@{username}", "decision": "allow"}
    status, headers, text = running.ask("POST", parts.path, host="twitter", body=urlencode(form))
    assert status == 303, text
    back = urlsplit({name.lower(): value for name, value in headers}["location"])
    status, headers, text = running.ask("GET", f"{back.path}?{back.query}", host="")
    assert status == 302, text
    came = dict(parse_qsl(back.query))
    with entry.brand(brand):
        attempt = connecting.come_back(state=came["state"], by=person, now=timezone.now())
        sinks.secrets["verifier"] = sealing.unseal(
            attempt.sealed_verifier, place=sealing.place_in(brand.schema_name, attempt, "sealed_verifier")
        )
        connecting.finish(attempt=attempt, code=came["code"], by=person, now=timezone.now())
        kept = Credential.objects.get(pk=handle_id)
        for name in ("access_token", "refresh_token"):
            place = sealing.place_in(brand.schema_name, kept, f"sealed_{name}")
            sinks.secrets[name] = sealing.unseal(getattr(kept, f"sealed_{name}"), place=place)
        Credential.objects.filter(pk=handle_id).update(refreshed_at=timezone.now() - timedelta(hours=3))
        renewed = credentials.opened(handle_id)
        sinks.secrets["renewed"] = renewed.access_token
        with credentials.twitter_for(renewed) as gateway:
            assert gateway.me().id == handle_id
    _use_wrongly(running, sinks)


def _use_wrongly(running: Running, sinks: Sinks) -> None:
    """What goes wrong is what gets logged."""
    cookie = running.log_in("omar")
    sinks.secrets["session"] = cookie.rpartition("__Host-session=")[2]
    running.post("/login/", cookie, email=running.email("omar"), password=PASSWORD + "x")
    for path in ("/b/tern/settings/twitter/", "/b/tern/settings/twitter/return/?code=x&state=y", "/b/tern/", "/admin/"):
        sinks.said[f"page {path}"] = running.ask("GET", path, cookie=cookie)[2]
    bearer = {"Authorization": f"Bearer {sinks.secrets['renewed']}"}
    for host in ("harbour", "tern"):
        sinks.said[f"API at {host}"] = running.ask("GET", "/api/v1/brands/", host=host, **bearer)[2]
    running.ask("POST", "/twitter/webhook", host="", body="{", **{"x-twitter-webhooks-signature": "sha256=x"})
    running.twitter.people([{"username": "jocanary", "name": "Jo"}])


def _gather(running: Running, sinks: Sinks) -> None:
    for name in running.processes:
        sinks.said[f"log of {name}"] = running.log_of(name)
    for path in Path(running.env["NIGHTJAR_HOME"]).glob("*.log"):
        sinks.said[path.name] = path.read_text(errors="replace")
    with Redis.from_url(running.env["NIGHTJAR_REDIS_URL"]) as redis:
        kept = [(key, redis.dump(key)) for key in redis.scan_iter()]
    sinks.said["the broker"] = repr(kept)
    with schemas.as_owner() as cursor:
        tables = cursor.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables "
            "WHERE (schemaname = 'public' OR schemaname LIKE 'b\\_%') AND tablename <> 'django_session'"
        ).fetchall()
        for (table,) in tables:
            rows = cursor.execute(f"SELECT t::text FROM {table} t").fetchall()
            sinks.said[f"table {table}"] = "\n".join(row for (row,) in rows)
