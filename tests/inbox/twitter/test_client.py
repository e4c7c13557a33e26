"""What the gateway makes of everything that Twitter, or whatever stands in its place, may say."""

import json
import logging
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from inbox.twitter.client import Credentials, NotNow, Refused, Said, Sent, Twitter, TwitterApp, Unavailable, Unknown
from tests.conftest import NOON, SHARED
from tests.factories import tweet_id
from tests.inbox.twitter.answering import RESET, Answering, answer
from tests.twitter.playing import SandboxProcess, World, free_port

HANDLE = 1_700_000_000_000_000_001
TOKEN = "canary-token-that-nobody-prints"
SAMPLES = SHARED / "twitter" / "samples"
SENT = {"data": {"id": str(tweet_id(1)), "text": "@jo Hello"}}


def twitter_at(url: str, *, longest_call: float = 2, read: float = 0.3) -> Twitter:
    timeout = httpx.Timeout(connect=0.5, read=read, write=0.5, pool=0.5)
    return Twitter(base_url=url, credentials=Credentials(HANDLE, TOKEN), timeout=timeout, longest_call=longest_call)


def posting(*script: object, **more: float):
    """What posting comes to when Twitter plays this."""
    with Answering(script) as server, twitter_at(server.url, **more) as twitter:
        return twitter.create_reply(text="Hello", in_reply_to_id=tweet_id(0))


def reading(*scripts: list, **more: float):
    """The brand's own tweets when Twitter plays these."""
    with Answering(*scripts) as server, twitter_at(server.url, **more) as twitter:
        return twitter.own_tweets(since=NOON)


def seconds_until(outcome: NotNow) -> float:
    return (outcome.until - datetime.now(UTC)).total_seconds()


# --- Twitter's own answers

MEANS = {
    "400_invalid.json": (Refused, "One or more parameters to your request was invalid. 'since_id' must be"),
    "401.json": (NotNow, "Twitter does not accept the brand's log-in: Unauthorized"),
    "402_credits.json": (NotNow, "Twitter wants payment: credits depleted"),
    "402_credits_alt.json": (NotNow, "Twitter wants payment: Your enrolled account does not have any credits"),
    "403_client_not_enrolled.json": (NotNow, "Twitter does not let Nightjar in: This app is not enrolled"),
    "403_dm_not_allowed.json": (Refused, "You do not have permission to DM one or more participants."),
    "403_duplicate.json": (Unknown, "Twitter answered 403: You are not allowed to create a Tweet with duplicate"),
    "403_feature.json": (Refused, "Your account is not permitted to access this feature."),
    "403_reply_not_summoned.json": (Refused, "Reply to this conversation is not allowed because you have not been"),
    "403_unsupported_auth.json": (NotNow, "Twitter does not accept the brand's log-in: Authenticating with OAuth 2.0"),
    "404_empty.json": (Refused, "HTTP 404"),
    "409_no_rules.json": (Refused, "This stream has no rules"),
    "429.json": (NotNow, "Twitter's limit for this account is used up: Too Many Requests"),
    "429_too_many_connections.json": (NotNow, "Twitter's limit for this account is used up: This stream is"),
    "429_usage_capped.json": (NotNow, "Twitter's limit for this account is used up: Usage cap exceeded"),
    "429_v11_style.json": (NotNow, "Twitter's limit for this account is used up: Rate limit exceeded"),
    "503.json": (Unknown, "Twitter answered 503: Service Unavailable"),
}
RECONNECT = {"401.json", "403_unsupported_auth.json"}
WAITS = {"402": 900, "401": 300, "403": 300, "429": 60}


def test_every_recorded_error_has_its_meaning():
    assert {path.name for path in (SAMPLES / "errors").glob("*.json")} == set(MEANS)


@pytest.mark.parametrize("name", MEANS)
def test_an_error_of_twitters_means_what_the_table_says(name):
    kind, words = MEANS[name]

    outcome = posting(answer(int(name[:3]), (SAMPLES / "errors" / name).read_bytes()))

    assert type(outcome) is kind
    assert outcome.why.startswith(words)
    if isinstance(outcome, NotNow):
        wait = 900 if name in ("403_client_not_enrolled.json", "429_usage_capped.json") else WAITS[name[:3]]
        assert wait - 5 < seconds_until(outcome) <= wait
        assert outcome.reconnect == (name in RECONNECT)


@pytest.mark.parametrize("name", MEANS)
def test_the_same_errors_are_no_answer_to_a_question(name):
    with pytest.raises(Unavailable, match=f"Twitter answered {name[:3]} to a reading call."):
        reading([answer(int(name[:3]), (SAMPLES / "errors" / name).read_bytes())])


@pytest.mark.parametrize("status", [200, 201, 202])
def test_a_success_brings_the_id_and_the_words_without_escapes(status):
    body = {"data": {"id": str(tweet_id(1)), "text": "@jo 1 &lt; 2 &amp;amp;\x00", "entities": 7, "created_at": []}}

    assert posting(answer(status, body)) == Sent(tweet_id(1), "@jo 1 < 2 &amp;")


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b"\xff\xfe", b'"\\ud800"', b"[" * 200_000, {}, {"data": []}, {"data": {}},
        {"data": {"id": None}}, {"data": {"id": "x"}}, {"data": {"id": "0"}}, {"data": {"id": str(2**63)}},
        {"data": {"id": "9" * 5000}}, {"errors": [{"title": "Not Found Error"}]}, b"<html>It works!</html>",
    ],
)  # fmt: skip
def test_a_success_that_cannot_be_read_is_unknown(body):
    assert posting(answer(201, body)) == Unknown("Twitter accepted the call and its answer could not be read.")


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308, 408, 500, 502, 504, 520, 599])
@pytest.mark.parametrize("body", [b"", b"<html>"])
def test_what_says_neither_yes_nor_no_is_unknown(status, body):
    if status == 304:
        body = b""

    assert posting(answer(status, body)) == Unknown(f"Twitter answered {status}: HTTP {status}")


@pytest.mark.parametrize("status", [400, 404, 405, 410, 413, 415, 422, 431])
def test_a_clear_no_is_a_refusal_even_without_words(status):
    assert posting(answer(status, b"<html>")) == Refused(f"HTTP {status}", rule="gone" if status == 404 else "")


def test_a_403_that_cannot_be_read_may_speak_of_a_duplicate():
    assert posting(answer(403, b"<html>")) == Unknown("Twitter answered 403: HTTP 403")
    assert posting(answer(403, {})) == Refused("HTTP 403")
    assert posting(answer(403, {"errors": [{"code": 187, "message": "Status is a duplicate."}]})) == Unknown(
        "Twitter answered 403: Status is a duplicate."
    )


def test_reasons_of_any_shape_become_words_of_a_bearable_length():
    assert posting(answer(400, {"detail": ["?"], "title": "x\x00" * 900, "errors": [7, {"message": 8}]})) == Refused(
        "HTTP 400"
    )
    assert posting(answer(400, {"title": "x\x00" * 900})) == Refused("x" * 300)


@pytest.mark.parametrize(
    ("reset", "seconds"),
    [("120", 120), ("-100", 1), ("31536000", 86_400), (None, 60), ("soon", 60), ("nan", 60), ("1e400", 60)],
)
def test_a_limit_says_when_it_ends_if_that_can_be_believed(reset, seconds):
    is_offset = reset is not None and reset.lstrip("-").isdigit()
    value = str(int(time.time() + float(reset))) if is_offset else reset
    headers = (f"x-rate-limit-reset: {value}",) if value else ()

    outcome = posting(answer(429, b"", headers=headers))

    assert isinstance(outcome, NotNow)
    assert seconds - 5 < seconds_until(outcome) <= seconds


# --- the network


def test_a_port_that_nobody_listens_on_is_not_now():
    with twitter_at(f"http://127.0.0.1:{free_port()}") as twitter:
        outcome = twitter.create_reply(text="Hello", in_reply_to_id=1)

        assert isinstance(outcome, NotNow)
        assert 10 < seconds_until(outcome) <= 15
        with pytest.raises(Unavailable, match="Twitter could not be reached."):
            twitter.me()


def test_a_host_without_an_address_is_not_now():
    with twitter_at("http://nobody.invalid") as twitter:
        assert isinstance(twitter.create_reply(text="Hello", in_reply_to_id=1), NotNow)


def test_a_server_on_the_old_kind_of_address_alone_is_found_by_name():
    with Answering([answer(201, SENT)]) as server, twitter_at(f"http://localhost:{server.port}") as twitter:
        assert twitter.create_reply(text="Hello", in_reply_to_id=1) == Sent(tweet_id(1), "@jo Hello")


@pytest.mark.parametrize(
    "script",
    [
        [],
        [RESET],
        [b"HTTP/1.1 201 Created\r\n", RESET],
        [b"HTTP/1.1 201 Created\r\ncontent-length: 50\r\n\r\n{"],
        [b"HTTP/1.1 201 Created\r\ncontent-length: 50\r\n\r\n{", RESET],
        [b"HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"],
        [b"HTTP/1.1 201 Created\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\nhaha"],
        [b"220 mail.example ESMTP\r\n"],
        [b"\x16\x03\x01\x00\x00"],
        [b"\x00" * 200_000],
        [5.0],
        [b"HTTP/1.1 201 Created\r\n", 5.0],
        [b"HTTP/1.1 201 Created\r\ncontent-length: 50\r\n\r\n{", 5.0],
        [b"HTTP/1.1 201 Created\r\ncontent-length: 9000000\r\n\r\n" + b" " * 5_000_000],
        [b"HTTP/1.1 201 Created\r\n" + b"x: y\r\n" * 100_000],
    ],
    ids=[
        "hangs up", "reset", "reset in the head", "cut body", "reset in the body", "bad chunks", "bad gzip", "smtp",
        "tls", "zeroes", "silence", "half a head", "half a body", "huge body", "huge head",
    ],
)  # fmt: skip
def test_a_connection_that_breaks_after_the_call_was_written_is_unknown_and_said_in_words(script, caplog):
    outcome = posting(*script)

    assert isinstance(outcome, Unknown)
    assert outcome.why in (
        "The connection to Twitter broke off before an answer came.",
        "Twitter did not answer in time.",
    )
    assert re.fullmatch(r"A call to Twitter failed: \w+(Error|Timeout)\.", caplog.messages[0])
    with pytest.raises(Unavailable, match=re.escape(outcome.why)):
        reading(script)


@pytest.mark.parametrize(
    "head",
    [b"", b"HTTP/1.1 201 Created\r\ncontent-length: 900\r\n\r\n", b"HTTP/1.0 201 Created\r\n\r\n"],
    ids=["head", "body", "body without a length"],
)
def test_an_answer_that_drips_is_cut_off(head):
    drips = [step for letter in b"HTTP/1.1 201 Created\r\nx: " + b"y" * 100 for step in (0.05, bytes([letter]))]
    begun = time.monotonic()

    outcome = posting(head, *drips, longest_call=0.6)

    assert 0.5 < time.monotonic() - begun < 1.5
    assert isinstance(outcome, Unknown)
    with pytest.raises(Unavailable):
        reading([head, *drips], longest_call=0.3)


def test_when_the_time_is_up_before_anything_was_written_nothing_is():
    with Answering([answer(201, SENT)]) as server, twitter_at(server.url, longest_call=0) as twitter:
        outcome = twitter.create_reply(text="Hello", in_reply_to_id=1)

    assert isinstance(outcome, NotNow)
    assert server.requests == []


def test_a_slow_answer_within_its_time_is_an_answer():
    assert posting(0.1, answer(201, SENT)[:30], 0.2, answer(201, SENT)[30:]) == Sent(tweet_id(1), "@jo Hello")


def test_the_old_protocol_and_early_hints_are_understood():
    body = json.dumps(SENT).encode()
    assert posting(answer(201, SENT, version="1.0")) == Sent(tweet_id(1), "@jo Hello")
    assert posting(b"HTTP/1.0 201 Created\r\n\r\n" + body) == Sent(tweet_id(1), "@jo Hello")
    assert posting(b"HTTP/1.1 103 Early Hints\r\n\r\n" + answer(201, SENT)) == Sent(tweet_id(1), "@jo Hello")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_never_followed(status):
    with Answering([answer(200, SENT)]) as elsewhere:
        there = answer(status, b"", headers=(f"location: {elsewhere.url}/2/tweets",))
        with Answering([there]) as server, twitter_at(server.url) as twitter:
            assert isinstance(twitter.create_reply(text="Hello", in_reply_to_id=1), Unknown)
            with pytest.raises(Unavailable):
                twitter.own_tweets(since=NOON)
        with (
            Answering([there]) as server,
            TwitterApp(base_url=server.url, bearer=TOKEN) as app,
            pytest.raises(Unavailable),
        ):
            app.ensure_webhook("http://localhost/")

        assert elsewhere.requests == []


def test_the_environment_of_the_machine_changes_nothing(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")

    assert posting(answer(201, SENT)) == Sent(tweet_id(1), "@jo Hello")


def test_what_is_sent_is_one_request_with_the_token_and_the_tweet():
    with Answering([answer(201, SENT)]) as server, twitter_at(server.url) as twitter:
        twitter.create_reply(text="Grüße & 1 < 2 👋", in_reply_to_id=tweet_id(0))

    [request] = server.requests
    head, _, body = request.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /2/tweets HTTP/1.1\r\n")
    assert b"\r\nAuthorization: Bearer " + TOKEN.encode() + b"\r\n" in head + b"\r\n"
    assert json.loads(body) == {"text": "Grüße & 1 < 2 👋", "reply": {"in_reply_to_tweet_id": str(tweet_id(0))}}


def test_whatever_goes_wrong_the_token_is_in_no_words(caplog):
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore"):
        caplog.set_level(logging.DEBUG, logger=name)
    said = []

    for script in ([RESET], [answer(401, {"detail": "no"})], [answer(302, b"")], [b"nonsense\r\n"], [1.0]):
        said.append(repr(posting(*script, read=0.1)))
        with pytest.raises(Unavailable) as caught:
            reading(script, read=0.1)
        said += [repr(caught.value), repr(caught.value.__cause__), str(caught.value.__context__)]

    assert "httpcore" in caplog.text
    assert TOKEN not in caplog.text + "".join(said)


# --- the brand's own tweets


def page(*tweets: dict, token: str | None = None) -> bytes:
    meta = {"result_count": len(tweets), **({"next_token": token} if token else {})}
    return answer(200, {"meta": meta, **({"data": list(tweets)} if tweets else {})})


def post(seconds: float, **more: object) -> dict:
    return {"id": str(tweet_id(seconds)), "text": "Hello", **more}


def test_the_timeline_is_read_page_by_page():
    pages = [page(post(3), post(2), token="t2")], [page(post(1), token="t3")], [page(post(0))]
    with Answering(*pages) as server, twitter_at(server.url) as twitter:
        tweets = twitter.own_tweets(since=NOON)

    assert [tweet.id for tweet in tweets] == [tweet_id(seconds) for seconds in (3, 2, 1, 0)]
    assert {tweet.author_id for tweet in tweets} == {HANDLE}
    asked = [request.split(b" ")[1].decode() for request in server.requests]
    assert [httpx.URL(path).params.get("pagination_token") for path in asked] == [None, "t2", "t3"]
    assert {httpx.URL(path).params["since_id"] for path in asked} == {str(tweet_id(0) - 2)}


def test_a_timeline_without_end_is_not_taken_for_a_whole_one():
    with pytest.raises(Unavailable, match="more tweets since than can be read at once"):
        reading([page(post(1), token="again")])


def test_an_empty_page_is_an_answer_and_an_answer_without_a_page_is_none():
    assert reading([page()]) == []
    for body in ({"errors": [{"title": "Not Found Error"}]}, {}, {"data": {}}, {"data": "x"}, {"data": None}):
        with pytest.raises(Unavailable, match="no list of tweets"):
            reading([answer(200, body)])


@pytest.mark.parametrize("odd", [7, None, {}, {"id": "x"}, {"id": "5", "referenced_tweets": [7]}, {"id": "-1"}])
def test_a_page_with_something_unreadable_in_it_is_no_answer(odd):
    with pytest.raises(Unavailable, match="timeline could not be read"):
        reading([answer(200, {"data": [post(1), odd], "meta": {}})])


@pytest.mark.parametrize("name", ["referenced_tweets", "referenced_posts"])
@pytest.mark.parametrize("note", ["note_tweet", "note_post"])
def test_both_vocabularies_are_read(name, note):
    told = post(1, **{name: [{"type": "replied_to", "id": "41"}], note: {"text": "A longer text &amp; whole"}})

    [tweet] = reading([page(told)])

    assert (tweet.in_reply_to_id, tweet.text) == (41, "A longer text & whole")


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    process = SandboxProcess(tmp_path_factory.mktemp("sandbox"))
    process.start()
    yield process
    process.stop()


@pytest.mark.parametrize("vocabulary", ["tweet", "post"])
def test_the_sandboxs_timeline_is_read_in_both_vocabularies_and_over_pages(sandbox, vocabulary):
    with httpx.Client(base_url=sandbox.url, timeout=20) as http:
        world = World(sandbox.url, http)
        world.ask("POST", "/sandbox/reset")
        handle_id = int(world.person("AcmeCare"))
        opening = world.tweeted("jodoe", "@AcmeCare hello") if world.person("jodoe") else ""
        world.ask("POST", "/sandbox/settings", json={"vocabulary": vocabulary, "strict_vocabulary": True})
        answers = [{"author_id": str(handle_id), "text": f"@jodoe no. {number} & so on",
                    "in_reply_to_tweet_id": opening} for number in range(130)]  # fmt: skip
        world.record(*answers, deliver=False)
        token = world.tokens["AcmeCare"]["authorization"].removeprefix("Bearer ")
        credentials = Credentials(handle_id, token)

        with Twitter(base_url=sandbox.url, credentials=credentials, vocabulary=vocabulary) as twitter:
            tweets = twitter.own_tweets(since=datetime.now(UTC) - timedelta(minutes=1))
            assert twitter.me().username == "AcmeCare"

        world.ask("POST", "/sandbox/reset")
    assert [tweet.text for tweet in tweets] == [f"@jodoe no. {number} & so on" for number in reversed(range(130))]
    assert {(tweet.author_id, tweet.in_reply_to_id) for tweet in tweets} == {(handle_id, int(opening))}


@pytest.mark.parametrize("vocabulary", ["tweet", "post"])
def test_what_became_of_messages_and_edits_is_asked_in_twitters_own_words(sandbox, vocabulary):
    """A Twitter that knows the other vocabulary no more refuses whoever asks in it."""
    with httpx.Client(base_url=sandbox.url, timeout=20) as http:
        world = World(sandbox.url, http)
        world.ask("POST", "/sandbox/reset")
        handle_id, jo_id = int(world.person("AcmeCare")), int(world.person("jodoe"))
        world.ask("PUT", "/sandbox/settings", json={"vocabulary": vocabulary, "strict_vocabulary": True})
        token = world.tokens["AcmeCare"]["authorization"].removeprefix("Bearer ")
        about = {"base_url": sandbox.url, "credentials": Credentials(handle_id, token)}
        since = datetime.now(UTC) - timedelta(minutes=1)
        first = int(world.tweeted("AcmeCare", "We open at nine."))
        with Twitter(**about, vocabulary=vocabulary) as twitter:
            edited = twitter.create(Said("We open at ten.", edit_of_id=first))
            sent = twitter.send_private(to_id=jo_id, text="Only for you & us")
            assert isinstance(edited, Sent)
            assert isinstance(sent, Sent)
            newest, privates = twitter.newest_version(first), twitter.own_privates(with_id=jo_id, since=since)
        other = {"tweet": "post", "post": "tweet"}[vocabulary]
        with Twitter(**about, vocabulary=other) as wrong, pytest.raises(Unavailable):
            wrong.own_tweets(since=since)

        world.ask("POST", "/sandbox/reset")
    assert newest
    assert (newest.id, newest.text, newest.versions) == (edited.id, "We open at ten.", (first, edited.id))
    assert [(each.id, each.author_id, each.text, each.in_reply_to_user_id) for each in privates] == [
        (sent.id, handle_id, "Only for you & us", jo_id)
    ]
