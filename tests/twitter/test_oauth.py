"""The sandbox's way to let an app act for an account: the page that asks, codes, tokens that turn, and their faults."""

import base64
import hashlib
import re
import time
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from tests.twitter.playing import CALLBACK, CLIENT, Receiver, World, eventually

VERIFIER = "v" * 60
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
ALL = "tweet.read tweet.write users.read offline.access"
ASKED = {
    "response_type": "code",
    "client_id": CLIENT[0],
    "redirect_uri": CALLBACK,
    "scope": ALL,
    "state": "a state",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


@pytest.fixture
def browser(world: World) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=world.url, headers={"origin": world.url}) as client:
        yield client


def decided(browser: httpx.Client, **changed: str) -> dict[str, str]:
    """What the app hears after a person has pressed a button."""
    answer = browser.post("/i/oauth2/authorize", data={**ASKED, "who": "@AcmeCare", "decision": "allow", **changed})
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"].startswith(f"{CALLBACK}?")
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


def ask(world: World, path: str = "/2/oauth2/token", auth: tuple[str, str] | None = CLIENT, **form: str):
    return world.http.post(path, data=form, auth=auth)


def exchanged(world: World, code: str, **changed: str) -> httpx.Response:
    form = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER, "redirect_uri": CALLBACK}
    return ask(world, **{**form, **changed})


def granted(world: World, browser: httpx.Client, **changed: str) -> dict[str, str]:
    answer = exchanged(world, decided(browser, **changed)["code"])
    assert answer.status_code == 200, answer.text
    return answer.json()


def refreshed(world: World, token: str) -> httpx.Response:
    return ask(world, grant_type="refresh_token", refresh_token=token)


def me(world: World, token: str) -> httpx.Response:
    return world.http.get("/2/users/me", headers={"authorization": f"Bearer {token}"})


def test_a_person_says_yes_and_the_app_acts_for_the_account(world: World, browser: httpx.Client) -> None:
    page = browser.get("/i/oauth2/authorize", params=ASKED)
    tokens = granted(world, browser)

    assert page.status_code == 200
    assert "Nightjar wants to act for one of your accounts" in page.text
    assert "Post and delete tweets for you" in page.text
    assert re.search("form-action 'self' http: https:", page.headers["content-security-policy"])
    assert (tokens["token_type"], tokens["expires_in"], tokens["scope"]) == ("bearer", 7200, ALL)
    assert me(world, tokens["access_token"]).json()["data"]["username"] == "AcmeCare"


def test_the_state_comes_back_as_it_was_and_a_no_says_so(world: World, browser: httpx.Client) -> None:
    assert decided(browser, decision="cancel") == {"state": "a state", "error": "access_denied"}
    assert decided(browser)["state"] == "a state"


def test_an_account_may_be_made_on_the_way(world: World, browser: httpx.Client) -> None:
    tokens = granted(world, browser, name="Tern Ferries")

    assert me(world, tokens["access_token"]).json()["data"]["username"] == "TernFerries"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("client_id", "another"),
        ("client_id", ""),
        ("redirect_uri", CALLBACK + "x"),
        ("redirect_uri", "https://evil.test/"),
    ],
)
def test_strangers_are_sent_nowhere(world: World, browser: httpx.Client, name: str, value: str) -> None:
    for answer in (
        browser.get("/i/oauth2/authorize", params={**ASKED, name: value}),
        browser.post("/i/oauth2/authorize", data={**ASKED, "who": "@AcmeCare", "decision": "allow", name: value}),
    ):
        assert answer.status_code == 400
        assert "location" not in answer.headers


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("response_type", "token", "unsupported_response_type"),
        ("scope", "tweet.read everything", "invalid_scope"),
        ("scope", "", "invalid_scope"),
        ("state", "s" * 501, "invalid_request"),
        ("code_challenge", "short", "invalid_request"),
        ("code_challenge_method", "plain", "invalid_request"),
    ],
)
def test_what_is_asked_wrongly_is_told_to_the_app(world: World, browser, name: str, value: str, error: str) -> None:
    answer = browser.get("/i/oauth2/authorize", params={**ASKED, name: value})

    assert dict(parse_qsl(urlsplit(answer.headers["location"]).query))["error"] == error


def test_a_code_works_once_and_a_second_time_ends_what_came_of_it(world: World, browser: httpx.Client) -> None:
    code = decided(browser)["code"]
    first, second = exchanged(world, code), exchanged(world, code)

    assert (first.status_code, second.status_code) == (200, 400)
    assert second.json()["error"] == "invalid_request"
    assert me(world, first.json()["access_token"]).status_code == 401


def test_a_code_lives_shortly(world: World, browser: httpx.Client) -> None:
    world.ask("POST", "/sandbox/settings", json={"code_seconds": 1})
    code = decided(browser)["code"]
    time.sleep(1.1)

    assert exchanged(world, code).status_code == 400


@pytest.mark.parametrize("changed", [{"code_verifier": "w" * 60}, {"code_verifier": ""}, {"redirect_uri": "http://x/"}])
def test_a_stolen_code_brings_nothing(world: World, browser: httpx.Client, changed: dict[str, str]) -> None:
    assert exchanged(world, decided(browser)["code"], **changed).status_code == 400


@pytest.mark.parametrize("auth", [None, (CLIENT[0], "wrong"), ("wrong", CLIENT[1])])
def test_only_the_app_itself_gets_tokens(world: World, browser: httpx.Client, auth) -> None:
    form = {"grant_type": "authorization_code", "code": decided(browser)["code"], "code_verifier": VERIFIER}
    answer = ask(world, auth=auth, **form, redirect_uri=CALLBACK, client_id=CLIENT[0])

    assert (answer.status_code, answer.json()["error"]) == (401, "unauthorized_client")


def test_refresh_tokens_turn_and_a_used_one_ends_the_grant(world: World, browser: httpx.Client) -> None:
    first = granted(world, browser)
    second = refreshed(world, first["refresh_token"]).json()
    assert me(world, first["access_token"]).status_code == 401
    assert me(world, second["access_token"]).status_code == 200

    assert refreshed(world, first["refresh_token"]).json()["error"] == "invalid_request"

    assert me(world, second["access_token"]).status_code == 401
    assert refreshed(world, second["refresh_token"]).status_code == 400


def test_without_offline_access_there_is_nothing_to_refresh(world: World, browser: httpx.Client) -> None:
    assert "refresh_token" not in granted(world, browser, scope="tweet.read users.read")


def test_an_access_token_ends(world: World, browser: httpx.Client) -> None:
    world.ask("POST", "/sandbox/settings", json={"token_seconds": 1})
    tokens = granted(world, browser)
    time.sleep(1.1)

    assert me(world, tokens["access_token"]).status_code == 401


def test_who_may_read_may_not_write(world: World, browser: httpx.Client) -> None:
    tokens = granted(world, browser, scope="tweet.read users.read")
    headers = {"authorization": f"Bearer {tokens['access_token']}"}

    assert me(world, tokens["access_token"]).status_code == 200
    assert world.http.post("/2/tweets", json={"text": "hello"}, headers=headers).status_code == 403


def test_revoking_ends_the_grant_and_is_announced(world: World, browser: httpx.Client, receiver: Receiver) -> None:
    world.listen(receiver.url, "AcmeCare")
    world.http.post(
        "/2/activity/subscriptions",
        json={"event_type": "oauth.revoke", "filter": {"user_id": world.people["AcmeCare"]}},
        headers={"authorization": "Bearer app-token-of-the-tests"},
    )
    tokens = granted(world, browser)

    assert ask(world, "/2/oauth2/revoke", token=tokens["refresh_token"]).json() == {"revoked": True}

    assert me(world, tokens["access_token"]).status_code == 401
    assert ask(world, "/2/oauth2/revoke", token="nonsense").json() == {"revoked": True}


def test_tokens_outlive_the_process(world: World, browser: httpx.Client, sandbox) -> None:
    tokens = granted(world, browser)
    sandbox.kill()
    sandbox.start()

    assert me(world, tokens["access_token"]).status_code == 200
    assert refreshed(world, tokens["refresh_token"]).status_code == 200


def test_a_lost_answer_has_turned_the_token_all_the_same(world: World, browser: httpx.Client) -> None:
    tokens = granted(world, browser)
    world.fault("token_lost", times=1, user_id=world.people["AcmeCare"])

    with pytest.raises(httpx.TransportError):
        refreshed(world, tokens["refresh_token"])

    assert refreshed(world, tokens["refresh_token"]).status_code == 400


def test_an_error_of_twitters_turns_nothing(world: World, browser: httpx.Client) -> None:
    tokens = granted(world, browser)
    world.fault("token_error", times=1)
    world.fault("token_refused", times=1)

    assert refreshed(world, tokens["refresh_token"]).status_code == 503
    assert refreshed(world, tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert refreshed(world, tokens["refresh_token"]).status_code == 200


def test_tokens_made_by_hand_know_no_limits(world: World) -> None:
    assert world.tweet("AcmeCare", "hello").status_code == 201
    assert eventually(lambda: world.http.get("/2/users/me", headers=world.tokens["AcmeCare"]).status_code == 200)
