"""What the sandbox says, held against Twitter's own description and samples."""

import json
import time
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from jsonschema import Draft202012Validator
from PIL import Image
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from tests.twitter.playing import APP, PROJECT, Receiver, World, eventually

SHARED = PROJECT.parent / "shared" / "twitter"
FILES = {"tweet": "openapi-2.166-2026-06-11-tweet-names.json", "post": "openapi-2.167-2026-08-22-post-names.json"}
SCHEMAS = {
    "tweet": {
        "tweet": "Get2TweetsIdResponse",
        "tweets": "Get2TweetsResponse",
        "timeline": "Get2UsersIdTweetsResponse",
        "mentions": "Get2UsersIdMentionsResponse",
        "me": "Get2UsersMeResponse",
        "users": "Get2UsersResponse",
        "created": "TweetCreateResponse",
        "deleted": "TweetDeleteResponse",
        "subscription": "ActivitySubscriptionCreateResponse",
        "subscriptions": "ActivitySubscriptionGetResponse",
        "webhooks": "Get2WebhooksResponse",
        "payload": "Tweet",
        "user": "User",
    },
    "post": {
        "tweet": "GetPostsByIdResponse",
        "tweets": "GetPostsByIdsResponse",
        "timeline": "GetUsersPostsResponse",
        "mentions": "GetUsersMentionsResponse",
        "me": "GetUsersMeResponse",
        "users": "GetUsersByIdsResponse",
        "created": "CreatePostsResponse",
        "deleted": "DeletePostsResponse",
        "subscription": "CreateActivitySubscriptionResponse",
        "subscriptions": "GetActivitySubscriptionsResponse",
        "webhooks": "GetWebhooksResponse",
        "payload": "Post",
        "user": "User",
    },
}
ASKED = {
    "tweet": {
        "tweet.fields": "author_id,conversation_id,created_at,in_reply_to_user_id,referenced_tweets,"
        "edit_history_tweet_ids,edit_controls,entities,lang,public_metrics,reply_settings,display_text_range,"
        "possibly_sensitive",
        "expansions": "author_id,in_reply_to_user_id,referenced_tweets.id,referenced_tweets.id.author_id",
        "user.fields": "name,username,profile_image_url,protected,verified,verified_type,created_at,public_metrics",
    },
    "post": {
        "post.fields": "conversation_id,created_at,edit_controls,entities,lang,public_metrics,reply_settings,"
        "display_text_range,possibly_sensitive",
        "expansions": "author_id,in_reply_to_user_id,referenced_posts,edit_history_post_ids",
        "user.fields": "name,username,profile_image_url,protected,verified,verified_type,created_at",
    },
}
needs_shared = pytest.mark.skipif(not SHARED.exists(), reason="Twitter's OpenAPI files are not beside the project")


@pytest.fixture(scope="module")
def registries() -> dict[str, Registry]:
    def registry(name: str) -> Registry:
        document = json.loads((SHARED / name).read_text())
        return Registry().with_resource("urn:twitter", Resource(document, DRAFT202012))

    return {vocabulary: registry(name) for vocabulary, name in FILES.items()}


@pytest.fixture(params=["tweet", "post"])
def vocabulary(request: pytest.FixtureRequest, world: World) -> str:
    world.ask("POST", "/sandbox/settings", json={"vocabulary": request.param})
    return request.param


def check(registries: dict[str, Registry], vocabulary: str, kind: str, answer: Any) -> None:
    schema = {"$ref": f"urn:twitter#/components/schemas/{SCHEMAS[vocabulary][kind]}"}
    errors = list(Draft202012Validator(schema, registry=registries[vocabulary]).iter_errors(answer))
    assert [error.message for error in errors] == []


@pytest.mark.twitter
@needs_shared
def test_every_answer_fits_twitters_own_description_in_both_vocabularies(
    world: World, receiver: Receiver, registries: dict[str, Registry], vocabulary: str
) -> None:
    world.listen(receiver.url, "AcmeCare")
    opening = world.tweeted("jodoe", "@AcmeCare my order #A1029 never arrived & nobody answers 😡 https://a.example/x")
    created = world.tweet("AcmeCare", "Sorry to hear that, Jo. ^SM", opening)
    answer = created.json()["data"]["id"]
    world.tweeted("passerby", "look at this", quote_tweet_id=answer)
    asked, own = ASKED[vocabulary], world.tokens["AcmeCare"]

    def get(path: str, headers: dict[str, str] = APP, **query: str) -> Any:
        return world.http.get(path, headers=headers, params=query).json()

    check(registries, vocabulary, "created", created.json())
    check(registries, vocabulary, "tweet", get(f"/2/tweets/{answer}", **asked))
    check(registries, vocabulary, "tweet", get("/2/tweets/123456789"))
    check(registries, vocabulary, "tweets", get("/2/tweets", ids=f"{opening},{answer},123456789", **asked))
    check(registries, vocabulary, "timeline", world.own("AcmeCare", **asked))
    check(registries, vocabulary, "mentions", world.mentions("AcmeCare", **asked))
    check(registries, vocabulary, "me", get("/2/users/me", own, **{"user.fields": asked["user.fields"]}))
    check(registries, vocabulary, "users", get("/2/users", ids=f"{world.people['jodoe']},1"))
    check(registries, vocabulary, "webhooks", get("/2/webhooks"))
    check(registries, vocabulary, "subscriptions", get("/2/activity/subscriptions"))
    check(registries, vocabulary, "deleted", world.http.delete(f"/2/tweets/{answer}", headers=own).json())

    assert eventually(lambda: len(receiver.got) == 4)
    for event in receiver.data():
        if event["event_type"] != "post.delete":
            check(registries, vocabulary, "payload", event["payload"])
            for user in event["includes"]["users"]:
                check(registries, vocabulary, "user", user)


def test_the_other_vocabulary_renames_fields_in_answers_and_in_events(world: World, receiver: Receiver) -> None:
    world.listen(receiver.url, "AcmeCare")
    opening = world.tweeted("jodoe", "@AcmeCare hello")
    old = world.look_up(opening, **ASKED["tweet"])["data"]

    world.ask("POST", "/sandbox/settings", json={"vocabulary": "post"})
    new = world.look_up(opening, **ASKED["tweet"])["data"]
    world.tweeted("passerby", "me too", opening)
    world.tweeted("AcmeCare", "Hi both", opening)

    assert old["edit_history_tweet_ids"] == new["edit_history_post_ids"] == [opening]
    assert {"retweet_count", "repost_count"} & set(old["public_metrics"]) == {"retweet_count"}
    assert {"retweet_count", "repost_count"} & set(new["public_metrics"]) == {"repost_count"}
    assert eventually(lambda: len(receiver.got) == 2)
    payload = receiver.data()[1]["payload"]
    assert payload["referenced_posts"] == [{"type": "replied_to", "id": opening}]
    assert payload["public_metrics"]["repost_count_str"] == "0"
    assert "referenced_tweets" not in payload
    assert "posts" in receiver.data()[1]["includes"]
    assert world.look_up("1")["errors"][0]["type"] == "https://api.x.com/2/problems/resource-not-found"


def test_an_answer_carries_no_more_than_what_was_asked_for(world: World) -> None:
    opening = world.tweeted("jodoe", "@AcmeCare hello")

    assert world.look_up(opening)["data"] == {
        "id": opening,
        "text": "@AcmeCare hello",
        "edit_history_tweet_ids": [opening],
    }
    asked = world.look_up(opening, **{"tweet.fields": "author_id", "expansions": "in_reply_to_user_id"})
    assert asked["data"]["author_id"] == world.people["jodoe"]
    assert "in_reply_to_user_id" not in asked["data"]
    assert "includes" not in asked


def test_a_reply_gets_the_names_of_those_it_answers_and_says_where_its_own_words_begin(world: World) -> None:
    opening = world.tweeted("jodoe", "@AcmeCare where is it & why? <b>")
    joining = world.tweeted("passerby", "same here!", opening)
    answer = world.tweeted("AcmeCare", "We are on it. ^SM", joining)

    def shown(tweet_id: str) -> dict[str, Any]:
        return world.look_up(tweet_id, **ASKED["tweet"])["data"]

    assert shown(opening)["text"] == "@AcmeCare where is it &amp; why? &lt;b&gt;"
    assert shown(joining)["text"] == "@jodoe @AcmeCare same here!"
    assert shown(joining)["display_text_range"] == [17, 27]
    assert [(one["username"], one["start"], one["end"]) for one in shown(joining)["entities"]["mentions"]] == [
        ("jodoe", 0, 6),
        ("AcmeCare", 7, 16),
    ]
    assert shown(answer)["text"] == "@passerby @jodoe We are on it. ^SM"
    assert shown(answer)["in_reply_to_user_id"] == world.people["passerby"]
    assert shown(answer)["referenced_tweets"] == [{"type": "replied_to", "id": joining}]
    assert {shown(one)["conversation_id"] for one in (opening, joining, answer)} == {opening}


def test_ids_have_nineteen_digits_carry_their_time_and_only_grow(world: World) -> None:
    before = int(time.time() * 1000)
    ids = [int(world.tweeted("jodoe", f"number {number}")) for number in range(30)]
    after = int(time.time() * 1000)

    assert ids == sorted(set(ids))
    assert {len(str(tweet_id)) for tweet_id in ids} == {19}
    assert all(before <= (tweet_id >> 22) + 1_288_834_974_657 <= after for tweet_id in ids)
    created_at = world.look_up(str(ids[0]), **{"tweet.fields": "created_at"})["data"]["created_at"]
    assert created_at.endswith(".000Z")


def test_timelines_are_read_in_pages_whose_ends_are_outside(world: World) -> None:
    ids = [world.tweeted("jodoe", f"@AcmeCare number {number}") for number in range(12)]
    newest_first = ids[::-1]

    first = world.mentions("AcmeCare", max_results="5")
    second = world.mentions("AcmeCare", max_results="5", pagination_token=first["meta"]["next_token"])
    third = world.mentions("AcmeCare", max_results="5", pagination_token=second["meta"]["next_token"])
    pages = [[one["id"] for one in page["data"]] for page in (first, second, third)]
    assert pages == [newest_first[:5], newest_first[5:10], newest_first[10:]]
    assert "next_token" not in third["meta"]
    assert first["meta"]["newest_id"], first["meta"]["oldest_id"] == (newest_first[0], newest_first[4])

    between = world.own("jodoe", since_id=ids[3], until_id=ids[6])
    assert [one["id"] for one in between["data"]] == [ids[5], ids[4]]
    assert world.own("jodoe", since_id=ids[-1]) == {"meta": {"result_count": 0}}


def test_a_missing_tweet_is_an_error_inside_a_200(world: World) -> None:
    answer = world.http.get("/2/tweets/1234567890", headers=APP)

    assert answer.status_code == 200
    assert answer.json()["errors"][0]["detail"] == "Could not find tweet with id: [1234567890]."
    assert "data" not in answer.json()


def test_every_answer_says_how_much_of_the_allowance_is_left(world: World) -> None:
    world.tweeted("jodoe", "one")
    headers = world.tweet("jodoe", "two").headers

    assert (headers["x-rate-limit-limit"], headers["x-rate-limit-remaining"]) == ("100", "98")
    assert time.time() < int(headers["x-rate-limit-reset"]) <= time.time() + 900


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/2/users/me", {}, 401),
        ("/2/users/me", {"authorization": "Bearer nonsense"}, 401),
        ("/2/users/me", APP, 403),
        ("/2/tweets/abc", APP, 400),
        ("/2/tweets?ids=", APP, 400),
        ("/2/tweets?ids=" + ",".join(map(str, range(1, 103))), APP, 400),
        ("/2/tweets/1?tweet.fields=colour", APP, 400),
        ("/2/users/1700000000000000001/tweets?max_results=3", APP, 400),
        ("/2/users/1700000000000000001/tweets?since_id=x", APP, 400),
        ("/2/users/1700000000000000001/tweets?pagination_token=x", APP, 400),
        ("/2/users/99999999999999999999/tweets", APP, 400),
        ("/2/nothing", APP, 404),
    ],
)
def test_a_bad_question_gets_a_problem_and_never_a_500(
    world: World, path: str, headers: dict[str, str], status: int
) -> None:
    answer = world.http.get(path, headers=headers)

    assert answer.status_code == status
    assert {"title", "detail"} <= set(answer.json())


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"text": 1}', b'{"text": ""}', b'{"txt": "x"}',
     b'{"text":"x","reply":{}}', b'{"text":"x","reply":{"in_reply_to_tweet_id":"abc"}}', b'{"text":"x","reply":7}',
     b"[" * 5000],
)  # fmt: skip
def test_a_bad_body_is_refused_with_a_reason(world: World, body: bytes) -> None:
    answer = world.http.post("/2/tweets", content=body, headers=world.tokens["jodoe"])

    assert answer.status_code == 400
    assert {"title", "detail"} <= set(answer.json())


def test_a_body_over_two_megabytes_is_too_large(world: World) -> None:
    large = b'{"text": "' + b"x" * 2_100_000 + b'"}'

    assert world.http.post("/2/tweets", content=large, headers=world.tokens["jodoe"]).status_code == 413


def test_a_page_of_another_site_and_a_foreign_name_are_turned_away(world: World) -> None:
    body = {"username": "intruder"}
    foreign = world.http.post("/sandbox/users", json=body, headers={"origin": "https://evil.example"})
    rebound = world.http.get("/sandbox/ledger", headers={"host": "evil.example"})

    assert (foreign.status_code, rebound.status_code) == (403, 421)
    assert httpx.get(f"{world.url}/2/users/by/username/intruder", headers=APP).json()["errors"]


@pytest.mark.twitter
@needs_shared
def test_weighted_length_is_the_one_of_twitters_own_vectors(world: World) -> None:
    vectors = json.loads((Path(SHARED) / "samples/text/weighted_length_vectors.json").read_text())["vectors"]
    close = [one for one in vectors if 270 <= one["weightedLength"] <= 290 and one["text"].strip()][:40]

    for number, one in enumerate(close):
        status = world.tweet("jodoe", one["text"]).status_code
        assert status == (201 if one["weightedLength"] <= 280 else 400), (number, one["text"])
    assert len(close) > 5


@pytest.mark.parametrize("kind", ["video", "gif"])
def test_a_film_comes_with_a_first_picture_that_may_be_shown(world: World, kind: str) -> None:
    author = world.person("filmed")
    [tweet] = world.record({"author_id": author, "text": "@AcmeCare look", "media": [kind]}, deliver=False)["ids"]

    shown = world.look_up(tweet, **{"expansions": "attachments.media_keys", "media.fields": "preview_image_url"})

    [film] = shown["includes"]["media"]
    picture = world.http.get(urlsplit(film["preview_image_url"]).path)
    assert picture.headers["content-type"] == "image/jpeg"
    assert Image.open(BytesIO(picture.content)).size == (640, 360)
