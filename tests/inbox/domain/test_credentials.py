import logging
import pickle
import traceback

import pytest
from cryptography.exceptions import InvalidTag

from inbox.domain import credentials
from inbox.domain.posting import connect
from inbox.models import Credential
from inbox.twitter.client import Credentials, Twitter, TwitterApp, Unavailable
from tenants import entry, sealing
from tenants.refusals import NotNow
from tests.conftest import ACME_HANDLE, NOON, committed, handle_of
from tests.inbox.twitter.answering import Answering, answer

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
