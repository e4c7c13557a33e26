"""What Twitter answers to reading calls, in both vocabularies: its own samples, from a server that knows nothing."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from inbox.twitter.calls import Unavailable
from inbox.twitter.reading import (
    Gone,
    Limited,
    NotAllowed,
    OutOfCredits,
    Reader,
    Refused401,
    private_params,
    tweet_params,
)
from inbox.twitter.rules import AppAtTwitter, Rule
from inbox.twitter.stream import BackOff, Beat, Line, Lost, Trouble, read_line, refusal_of
from inbox.twitter.subscriptions import EVENTS, events_of, subscription_id
from tests.conftest import SHARED
from tests.inbox.twitter.answering import Answering, answer

SAMPLES = SHARED / "twitter" / "samples"
SINCE = datetime(2026, 8, 12, 17, 0, tzinfo=UTC)


def sample(name: str) -> dict:
    return json.loads((SAMPLES / name).read_text())


def reading(server: Answering, vocabulary: str = "tweet") -> Reader:
    return Reader(base_url=server.url, bearer="token", vocabulary=vocabulary, handle_id=1_700_000_000_000_000_001)


@pytest.mark.parametrize("vocabulary", ["tweet", "post"])
def test_a_page_of_mentions_is_read_in_either_vocabulary(vocabulary):
    page = sample(f"v2/mentions_page.{vocabulary}-names.json")
    page["meta"].pop("next_token", None)

    with Answering([answer(200, page)]) as server, reading(server, vocabulary) as reader:
        found = reader.mentions(since=SINCE)

    assert [each.id for each in found.found] == [int(post["id"]) for post in page["data"]]
    assert found.is_whole
    assert json.loads(found.found[0].body)["data"] == page["data"][0]


def test_an_empty_page_is_whole():
    with Answering([answer(200, sample("v2/mentions_empty.json"))]) as server, reading(server) as reader:
        found = reader.mentions(since=SINCE)

    assert (found.found, found.is_whole) == ([], True)


def test_pages_end_at_the_cap_and_say_so():
    page = sample("v2/mentions_page.tweet-names.json")
    page["meta"]["next_token"] = "more"

    with Answering([answer(200, page)] * 2) as server, reading(server) as reader:
        found = reader.mentions(since=SINCE, most=len(page["data"]) + 1)

    assert (len(found.found), found.is_whole) == (2 * len(page["data"]), False)


@pytest.mark.parametrize("is_empty", [True, False])
def test_pages_that_always_have_one_more_end_nevertheless(is_empty):
    """Each page may cost something: a Twitter that answers oddly is not asked for ever."""
    meta = {"result_count": 0, "next_token": "again"}
    pages = [{"meta": {**meta, "next_token": "again" if is_empty else f"{number}"}} for number in range(100)]

    with Answering(*([answer(200, page)] for page in pages)) as server, reading(server) as reader:
        found = reader.search("acme", since=datetime.now(UTC) - timedelta(hours=1))
        asked = len(server.requests)
        privates = reader.dm_events(most=100)

    assert (found.found, found.is_whole, asked) == ([], False, 2 if is_empty else 23)
    assert (privates.is_whole, len(server.requests) - asked) == (False, 2 if is_empty else 5)


def test_one_tweet_that_cannot_be_read_keeps_no_other_from_being_read():
    page = {"data": [{"id": "12", "author_id": "nobody"}, {"no": "id"}, {"id": "13", "author_id": "5", "text": "x"}]}

    with Answering([answer(200, page)]) as server, reading(server) as reader:
        found = reader.mentions(since=SINCE)

    assert [(each.id, each.tweet is None) for each in found.found] == [(12, True), (13, False)]
    assert json.loads(found.found[0].body)["data"] == page["data"][0]


@pytest.mark.parametrize("said", [{}, {"data": []}, {"errors": [{"title": "Internal Error", "detail": "Oops."}]}])
def test_what_twitter_says_nothing_of_is_not_known_to_be_gone(said):
    """An answer that is empty by a fault of theirs would take the words of a hundred messages away."""
    with Answering([answer(200, said)]) as server, reading(server) as reader:
        found = reader.tweets([12, 13])

    assert found.missing == {12: Gone.UNAVAILABLE, 13: Gone.UNAVAILABLE}


@pytest.mark.parametrize("names_it", [True, False])
def test_one_rule_that_twitter_does_not_take_costs_nobody_else_a_rule(names_it):
    rules = [Rule(f"word{number} -is:retweet", f"{number}:broad") for number in range(4)]
    bad = rules[2].value

    class Strict(Answering):
        def _play(self, script, caller):
            sent = json.loads(self.requests[-1].partition(b"\r\n\r\n")[2])["add"]
            errors = [{"value": bad, "detail": "no"}] if names_it else [{"message": "something is wrong"}]
            is_bad = any(each["value"] == bad for each in sent)
            taken.extend(() if is_bad else sent)
            caller.sendall(answer(400, {"errors": errors}) if is_bad else answer(201, {"data": []}))

    taken: list[dict] = []
    with Strict([b""]) as server, AppAtTwitter(base_url=server.url, bearer="b") as app:
        refused = app.add_rules(rules)

    assert sorted(each["value"] for each in taken) == sorted(rule.value for rule in rules if rule.value != bad)
    assert [bad in said for said in refused] == [True]


def test_partial_errors_take_nothing_from_what_is_there():
    with Answering([answer(200, sample("v2/search_recent_partial_error.json"))]) as server, reading(server) as reader:
        found = reader.search("@AcmeCare", since=datetime.now(UTC) - timedelta(hours=1))

    assert [each.id for each in found.found] == [2087599998366646273]


@pytest.mark.parametrize(
    ("name", "why"),
    [("v2/tweet_deleted_lookup_200.json", Gone.NOT_FOUND), ("v2/tweet_protected_lookup_200.json", Gone.PROTECTED)],
)
def test_an_answer_of_nothing_but_errors_says_why_each_is_missing(name, why):
    said = sample(name)
    missing = int(said["errors"][0]["resource_id"])

    with Answering([answer(200, said)]) as server, reading(server) as reader:
        found = reader.tweets([missing])

    assert (found.found, found.missing) == ([], {missing: why})


def test_direct_messages_are_read_until_one_that_is_known():
    page = sample("v2/dm_events_page.json")

    with Answering([answer(200, page)]) as server, reading(server) as reader:
        found = reader.dm_events(until_id=int(page["data"][1]["id"]))

    assert [each.id for each in found.found] == [int(page["data"][0]["id"])]
    assert json.loads(found.found[0].body)["includes"]["media"][0]["media_key"] == "3_1800000000000000010"


@pytest.mark.parametrize(
    ("status", "name", "kind"),
    [
        (401, "errors/401.json", Refused401),
        (402, "errors/402_credits.json", OutOfCredits),
        (402, "errors/402_credits_alt.json", OutOfCredits),
        (429, "errors/429.json", Limited),
        (429, "errors/429_usage_capped.json", OutOfCredits),
        (403, "errors/403_feature.json", NotAllowed),
        (503, "errors/503.json", Unavailable),
    ],
)
def test_each_refusal_has_its_own_kind(status, name, kind):
    with Answering([answer(status, sample(name))]) as server, reading(server) as reader, pytest.raises(kind) as caught:
        reader.mentions(since=SINCE)

    assert type(caught.value) is kind


def test_an_id_that_is_too_old_is_asked_for_again_by_its_time():
    too_old = {"title": "Invalid Request", "errors": [{"message": "'since_id' must be a tweet id created after [x]"}]}

    with (
        Answering([answer(400, too_old)], [answer(200, sample("v2/mentions_empty.json"))]) as server,
        reading(server) as reader,
    ):
        found = reader.mentions_after(1_000_000)

    assert found.is_whole


def test_the_two_vocabularies_ask_for_the_same_by_other_names():
    older, newer = tweet_params("tweet"), tweet_params("post")

    assert "author_id" in older["tweet.fields"]
    assert "author_id" in newer["expansions"]
    assert "author_id" not in newer["post.fields"]
    assert "referenced_tweets.id" in older["expansions"]
    assert "referenced_posts" in newer["expansions"]
    assert "sender_id" in private_params("post")["expansions"]
    assert "sender_id" not in private_params("post")["dm_event.fields"]


# -- the stream --------------------------------------------------------------------------------------------------


def test_the_sample_of_a_stream_is_lines_beats_and_its_end():
    lines = (SAMPLES / "stream" / "filtered_stream.txt").read_bytes().split(b"\n")
    heard = [read_line(line.strip()) for line in lines[:-1]]

    assert sum(isinstance(each, Line) for each in heard) == 3
    assert any(isinstance(each, Beat) for each in heard)
    assert isinstance(heard[-1], Lost)
    assert heard[-1].trouble == Trouble.OPERATIONAL


def test_a_refused_connection_says_why():
    assert refusal_of(429, sample("errors/429_too_many_connections.json")).trouble == Trouble.TOO_MANY
    assert refusal_of(409, sample("errors/409_no_rules.json")).trouble == Trouble.NO_RULES
    assert refusal_of(429, sample("errors/429.json")).trouble == Trouble.LIMITED
    assert refusal_of(503, {}).trouble == Trouble.HTTP


def test_the_first_try_comes_at_once_and_later_ones_as_twitter_asks():
    network, refused, limited = BackOff(), BackOff(), BackOff()

    assert [network.next(Trouble.NETWORK) for _ in range(4)] == [0, 0.25, 0.5, 0.75]
    assert [network.next(Trouble.SILENCE) for _ in range(80)][-1] == 16
    assert [refused.next(Trouble.HTTP) for _ in range(8)] == [5, 10, 20, 40, 80, 160, 320, 320]
    assert [limited.next(Trouble.LIMITED) for _ in range(3)] == [60, 120, 240]
    network.had_one()
    assert network.next(Trouble.CLOSED) == 0


# -- subscriptions -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["doc-shape", "spec-shape", "list"])
def test_a_subscription_is_found_in_each_of_three_shapes(name):
    said = sample(f"xaa/subscription_create_200.{'doc-shape' if name == 'list' else name}.json")
    said = {"data": [said["data"]], "meta": {}} if name == "list" else said

    assert subscription_id(said) == "1976325569252868096"


def test_what_is_an_accounts_own_is_asked_for_only_as_far_as_its_grant_goes():
    assert events_of(None) == [*EVENTS[""]]
    assert "dm.received" not in events_of({"tweet.read", "users.read"})
    assert {"post.mention.create", "dm.received", "follow.follow"} <= set(
        events_of({"tweet.read", "dm.read", "follows.read"})
    )
