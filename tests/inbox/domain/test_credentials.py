import logging
import os
import pickle
import re
import subprocess
import sys
import threading
import traceback
from datetime import datetime, timedelta

import pytest
from cryptography.exceptions import InvalidTag
from django.db import connection

from inbox.domain import credentials
from inbox.domain.posting import connect
from inbox.models import Credential
from inbox.twitter.client import Credentials, Twitter, TwitterApp, Unavailable
from inbox.twitter.oauth import SCOPES, Granted
from tenants import entry, sealing
from tenants.refusals import NotNow
from tests.conftest import ACME_HANDLE, NOON, committed, handle_of
from tests.inbox.twitter.answering import Answering, answer
from tests.services import eventually
from tests.world import free_port

CANARY = "canary-token-that-nobody-prints"


def store(handle_id: int = ACME_HANDLE, token: str = CANARY) -> Credential:
    return credentials.store(handle_id=handle_id, username="AcmeAir", access_token=token, now=NOON)


def test_a_token_comes_back_as_it_went_in(acme):
    store()

    assert credentials.opened(ACME_HANDLE) == Credentials(handle_id=ACME_HANDLE, access_token=CANARY)


def test_a_new_token_replaces_the_old_and_its_refusal(acme):
    store()
    credentials.mark_refused(handle_id=ACME_HANDLE, why="x" * 400, now=NOON)
    assert (Credential.objects.get().refused_at, Credential.objects.get().refused_why) == (NOON, "x" * 300)

    store(token="another")

    assert credentials.opened(ACME_HANDLE).access_token == "another"
    assert (Credential.objects.get().refused_at, Credential.objects.get().refused_why) == (None, "")


def test_a_token_that_works_is_not_called_refused(acme):
    store()
    credentials.mark_refused(handle_id=ACME_HANDLE, why="no", now=NOON)

    credentials.mark_accepted(ACME_HANDLE)

    assert (Credential.objects.get().refused_at, Credential.objects.get().refused_why) == (None, "")


def test_a_handle_that_is_not_connected_says_so(acme):
    with pytest.raises(NotNow, match=r"^This handle is not connected to Twitter. Connect it first.$"):
        credentials.opened(ACME_HANDLE)


def test_sealed_twice_is_never_the_same(acme):
    first, second = bytes(store().sealed_access_token), bytes(store().sealed_access_token)

    assert first != second
    assert CANARY.encode() not in first + second


def test_another_handles_key_does_not_open(acme):
    ours, theirs = store(1, "one"), store(2, "two")
    ours.sealed_access_token, theirs.sealed_access_token = theirs.sealed_access_token, ours.sealed_access_token
    ours.save()
    theirs.save()

    for handle_id in (1, 2):
        with pytest.raises(NotNow, match="cannot be opened here. Connect the handle again.") as caught:
            credentials.opened(handle_id)
        assert isinstance(caught.value.__cause__, InvalidTag)


@pytest.mark.commits
def test_another_brands_key_does_not_open_under_the_same_handle(house, new_brand):
    one, other = new_brand(), new_brand()
    handle_id = handle_of(one)
    with committed(one):
        sealed = bytes(store(handle_id).sealed_access_token)
    with committed(other):
        store(handle_id, "another")
        Credential.objects.update(sealed_access_token=sealed)

        with pytest.raises(NotNow, match="cannot be opened here"):
            credentials.opened(handle_id)
    with committed(one):
        assert credentials.opened(handle_id).access_token == CANARY


@pytest.mark.parametrize("spoil", ["cut short", "empty", "one bit", "another key"])
def test_what_was_tampered_with_does_not_open(acme, settings, spoil):
    sealed = bytes(store().sealed_access_token)
    spoilt = {"cut short": sealed[:-1], "empty": b"", "one bit": sealed[:-1] + bytes([sealed[-1] ^ 1])}
    Credential.objects.update(sealed_access_token=spoilt.get(spoil, sealed))
    if spoil == "another key":
        settings.SEALING_KEY = "A" * 43 + "="

    with pytest.raises(NotNow, match="cannot be opened here"):
        credentials.opened(ACME_HANDLE)


def test_a_key_of_another_place_in_the_same_row_does_not_open(acme):
    sealed = sealing.seal(CANARY, place=f"{entry.current_schema()}/inbox_credential/{ACME_HANDLE}/refresh_token")
    store()
    Credential.objects.update(sealed_access_token=sealed)

    with pytest.raises(NotNow, match="cannot be opened here"):
        credentials.opened(ACME_HANDLE)


@pytest.mark.parametrize("token", ["", " ", "two words", "line\nbreak", "tab\t", "é", "x\r\nHost: evil", "\x00"])
def test_what_cannot_travel_in_a_header_is_no_token(acme, token):
    with pytest.raises(NotNow, match="is not an access token") as caught:
        store(token=token)

    assert not token.strip() or token not in str(caught.value)
    assert not Credential.objects.exists()
    with pytest.raises(ValueError, match=r"^This is no access token.$"):
        Twitter(base_url="http://127.0.0.1:1", credentials=Credentials(1, token))


def test_nothing_that_is_printed_shows_the_token(acme, settings, caplog, capsys):
    caplog.set_level(logging.DEBUG)
    logging.getLogger("httpx").setLevel(logging.DEBUG)
    logging.getLogger("httpcore").setLevel(logging.DEBUG)
    stored = store()
    opened = credentials.opened(ACME_HANDLE)
    printed = [repr(stored), str(stored), repr(opened), str(opened), f"{opened}", repr([opened]), repr(stored.__dict__)]

    for script in ([answer(401, {"detail": "no"})], [answer(200, {"data": 1})], [b"nonsense\r\n\r\n"], ["reset"]):
        with Answering(script) as server:
            settings.TWITTER_URL = server.url
            with connect(ACME_HANDLE) as twitter:
                printed += [repr(twitter), str(vars(twitter)), repr(twitter._http.headers)]
                printed.append(repr(twitter.create_reply(text="hello", in_reply_to_id=1)))
                for ask in (twitter.me, lambda at=twitter: at.own_tweets(since=NOON)):
                    with pytest.raises(Unavailable) as caught:
                        ask()
                    printed += traceback.format_exception(caught.value)
            assert CANARY.encode() in server.requests[0]
    logging.getLogger("inbox").error("posting with %s %r", opened, opened)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.getLogger("httpcore").setLevel(logging.WARNING)

    everything = "\n".join([*printed, caplog.text, *map(str, capsys.readouterr())])
    assert len(everything) > 1000
    assert CANARY not in everything


def test_the_apps_own_bearer_is_not_printed_either(settings):
    with Answering([answer(403, {"detail": "no"})]) as server:
        with TwitterApp(base_url=server.url, bearer=CANARY) as app, pytest.raises(Unavailable) as caught:
            app.ensure_webhook("http://localhost/")
        printed = "".join(traceback.format_exception(caught.value)) + repr(app) + str(vars(app))

    assert CANARY.encode() in server.requests[0]
    assert CANARY not in printed


def test_the_sealed_row_may_travel_without_the_token(acme):
    assert CANARY.encode() not in pickle.dumps(store())


# --- keys that end and are renewed ------------------------------------------------------------------------------------

LASTS = 7_200


def granted(token: str = "access-1", again: str = "refresh-1", scopes: str = " ".join(SCOPES)) -> Granted:
    return Granted(token, again, LASTS, frozenset(scopes.split()))


def connected(house, *, at: datetime = NOON, **more) -> Credential:
    return credentials.store_granted(
        handle_id=ACME_HANDLE, username="AcmeAir", granted=granted(**more), by_id=house.agent_id, now=at
    )


def at_noon_and(seconds: float):
    return lambda: NOON + timedelta(seconds=seconds)


def pair(token: str, again: str, **more) -> bytes:
    said = {"token_type": "bearer", "expires_in": LASTS, "access_token": token, "refresh_token": again}
    return answer(200, {**said, "scope": " ".join(SCOPES), **more})


def refused_pair(error: str = "invalid_request") -> bytes:
    return answer(400, {"error": error, "error_description": "Value passed for the token was invalid."})


def test_a_key_is_not_renewed_before_three_quarters_of_its_life(acme, house, settings):
    connected(house)
    with Answering([]) as server:
        settings.TWITTER_URL = server.url
        assert credentials.opened(ACME_HANDLE, clock=at_noon_and(LASTS * 0.74)).access_token == "access-1"
    assert credentials.due_now() == [ACME_HANDLE]  # by today's clock, noon was long ago


def test_a_key_that_is_due_is_renewed_and_both_halves_are_kept(acme, house, settings):
    connected(house)
    with Answering([pair("access-2", "refresh-2")], [pair("access-3", "refresh-3")]) as server:
        settings.TWITTER_URL = server.url
        second = credentials.opened(ACME_HANDLE, clock=at_noon_and(LASTS * 0.76))
        third = credentials.opened(ACME_HANDLE, clock=at_noon_and(LASTS * 1.6))

    kept = Credential.objects.get()
    assert [second.access_token, third.access_token] == ["access-2", "access-3"]
    assert b"refresh_token=refresh-1" in server.requests[0]
    assert b"refresh_token=refresh-2" in server.requests[1]
    assert kept.expires_at == NOON + timedelta(seconds=LASTS * 2.6)
    assert (kept.refused_at, kept.connected_at) == (None, NOON)


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (refused_pair(), "Twitter ended the connection: invalid_request: Value passed for the token was invalid."),
        (refused_pair("invalid_grant"), "Twitter ended the connection: invalid_grant: Value passed for the token"),
        ("reset", "Twitter's answer with the next key was lost. The connection to Twitter broke off before"),
        (answer(200, {"token_type": "bearer"}), "Twitter's answer with the new keys could not be read."),
        (pair("access 2", "refresh-2"), "Twitter's answer with the new keys could not be read."),
        (pair("access-2", "refresh-2", expires_in="soon"), "does not say how long they last"),
    ],
)
def test_a_renewal_that_failed_for_good_says_why_and_is_never_tried_again(acme, house, settings, script, why):
    connected(house)
    with Answering([script]) as server:
        settings.TWITTER_URL = server.url
        # What is left of the old key's life is lived.
        assert credentials.opened(ACME_HANDLE, clock=at_noon_and(LASTS * 0.8)).access_token == "access-1"
        assert credentials.opened(ACME_HANDLE, clock=at_noon_and(LASTS * 0.9)).access_token == "access-1"
        with pytest.raises(NotNow, match=re.escape(why)):
            credentials.opened(ACME_HANDLE, clock=at_noon_and(LASTS + 1))

    kept = Credential.objects.get()
    assert len(server.requests) == 1
    assert why in kept.refused_why
    assert kept.sealed_refresh_token is None
    assert credentials.due_now() == []


def test_why_a_grant_ended_is_neither_written_over_nor_forgotten(acme, house, settings):
    connected(house)
    with Answering([refused_pair()]) as server:
        settings.TWITTER_URL = server.url
        credentials.opened(ACME_HANDLE, clock=at_noon_and(LASTS * 0.8))

    credentials.mark_refused(handle_id=ACME_HANDLE, why="Unauthorized", now=NOON)
    credentials.mark_accepted(ACME_HANDLE)

    assert "invalid_request" in Credential.objects.get().refused_why


@pytest.mark.parametrize("status", [429, 500, 503, 401])
def test_a_bad_day_of_twitters_ends_nothing(acme, house, settings, status):
    connected(house)
    no = [answer(status, {"detail": "no"})]
    with Answering(no, no, [pair("access-2", "refresh-2")]) as server:
        settings.TWITTER_URL = server.url
        assert credentials.opened(ACME_HANDLE, clock=at_noon_and(LASTS * 0.8)).access_token == "access-1"
        with pytest.raises(NotNow, match="Nightjar goes on asking"):
            credentials.opened(ACME_HANDLE, clock=at_noon_and(LASTS + 1))
        assert credentials.opened(ACME_HANDLE, clock=at_noon_and(LASTS + 2)).access_token == "access-2"


def test_nobody_there_ends_nothing(acme, house, settings):
    connected(house)
    settings.TWITTER_URL = f"http://127.0.0.1:{free_port()}"

    assert credentials.opened(ACME_HANDLE, clock=at_noon_and(LASTS * 0.8)).access_token == "access-1"
    assert Credential.objects.get().sealed_refresh_token is not None


def test_a_refused_key_is_renewed_once_and_a_fresh_one_never(acme, house, settings):
    connected(house)
    first, later = credentials.opened(ACME_HANDLE, clock=at_noon_and(0)), NOON + timedelta(minutes=20)
    assert credentials.is_another_key_there(first, now=NOON + timedelta(minutes=5)) is False

    with Answering([pair("access-2", "refresh-2")]) as server:
        settings.TWITTER_URL = server.url
        assert credentials.is_another_key_there(first, now=later) is True
        assert credentials.is_another_key_there(first, now=later) is True  # there already
        second = credentials.opened(ACME_HANDLE, clock=lambda: later)
        assert credentials.is_another_key_there(second, now=later) is False
        credentials.mark_refused(handle_id=ACME_HANDLE, why="Unauthorized", now=later)
        assert credentials.is_another_key_there(second, now=later + timedelta(minutes=30)) is False

    assert len(server.requests) == 1


def test_a_key_given_by_hand_is_never_renewed(acme):
    store()
    opened = credentials.opened(ACME_HANDLE)

    assert credentials.due_now() == []
    assert credentials.is_another_key_there(opened, now=NOON) is False


@pytest.mark.commits
def test_many_who_ask_at_once_make_one_renewal(house, new_brand, settings):
    brand = new_brand()
    with committed(brand):
        credentials.store_granted(
            handle_id=handle_of(brand), username="x", granted=granted(), by_id=house.agent_id, now=NOON
        )
    found: list[str] = []

    def ask() -> None:
        with entry.brand(brand):
            found.append(credentials.opened(handle_of(brand), clock=at_noon_and(LASTS * 0.8)).access_token)
        connection.close()

    with Answering([pair("access-2", "refresh-2")]) as server:
        settings.TWITTER_URL = server.url
        asking = [threading.Thread(target=ask) for _ in range(6)]
        for each in asking:
            each.start()
        for each in asking:
            each.join()

    assert found == ["access-2"] * 6
    assert len(server.requests) == 1


@pytest.mark.commits
def test_a_worker_killed_in_the_middle_of_a_renewal_leaves_an_honest_state(house, new_brand, settings):
    brand = new_brand()
    with committed(brand):
        credentials.store_granted(
            handle_id=handle_of(brand), username="x", granted=granted(), by_id=house.agent_id, now=NOON
        )
    with Answering([30.0]) as server:
        env = {**os.environ, "NIGHTJAR_TWITTER_URL": server.url}
        worker = subprocess.Popen([sys.executable, "-c", RENEWS, brand.schema_name, str(handle_of(brand))], env=env)
        assert eventually(lambda: len(server.requests) == 1, seconds=30)
        worker.kill()
        worker.wait()

    with committed(brand), Answering([refused_pair()]) as server:
        settings.TWITTER_URL = server.url
        # Twitter had taken the call, so the old key is used up; it says so, once, and that is what is kept.
        assert credentials.opened(handle_of(brand), clock=at_noon_and(LASTS * 0.8)).access_token == "access-1"
        kept = Credential.objects.get()
        assert (kept.sealed_refresh_token, kept.refused_at is not None) == (None, True)
        assert "Value passed for the token was invalid" in kept.refused_why


RENEWS = """
import sys
import django
django.setup()
from django.utils import timezone
from inbox.domain import credentials
from tenants import entry
with entry.brand(entry.brand_named(sys.argv[1])):
    credentials.renew(int(sys.argv[2]), now=timezone.now())
"""
