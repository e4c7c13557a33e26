"""Recent search: what a question means, and where it stops."""

import time

import pytest

from tests.twitter.playing import APP, World


def found(world: World, query: str, **more: str) -> list[str]:
    answer = world.http.get("/2/tweets/search/recent", headers=APP, params={"query": query, **more})
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json().get("data", [])]


@pytest.fixture
def said(world: World) -> dict[str, str]:
    """Tweets by a short name of each."""
    ids = {"opening": world.tweeted("jodoe", "@AcmeCare my ACME Kettle leaks #badluck https://a.example/x")}
    ids["joining"] = world.tweeted("passerby", "same here, the kettle again", ids["opening"])
    ids["answer"] = world.tweeted("AcmeCare", "Sorry! Please send a picture.", ids["opening"])
    ids["quote"] = world.tweeted("passerby", "well said, acme", quote_tweet_id=ids["answer"])
    body = {
        "author_id": world.people["passerby"],
        "text": "Der Wasserkocher 東京 leckt",
        "lang": "de",
        "media": ["photo"],
    }
    ids["german"] = world.record(body)["ids"][0]
    return ids


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("kettle", "opening joining"),
        ("KETTLE -leaks", "joining"),
        ('"acme kettle"', "opening"),
        ('"kettle acme"', ""),
        ("acme OR wasserkocher", "opening quote german"),
        ("(kettle OR acme) -(leaks OR again)", "quote"),
        ("from:passerby kettle", "joining"),
        ("from:passerby -is:reply -is:quote", "german"),
        ("to:jodoe", "joining answer"),
        ("@AcmeCare -is:reply", "opening"),
        ("#badluck", "opening"),
        ("lang:de wasserkocher", "german"),
        ("lang:en wasserkocher", ""),
        ("from:passerby has:media", "german"),
        ("kettle has:links", "opening"),
        ("url:a.example", "opening"),
        ("東京", "german"),
        ("acme is:quote", "quote"),
        ("nothingofthekind", ""),
    ],
)
def test_a_question_means_what_it_says(world: World, said: dict[str, str], query: str, names: str) -> None:
    assert set(found(world, query)) == {said[name] for name in names.split()}


def test_a_conversation_is_found_by_its_id(world: World, said: dict[str, str]) -> None:
    query = f"conversation_id:{said['opening']}"
    assert found(world, query) == [said["answer"], said["joining"], said["opening"]]


@pytest.mark.parametrize(
    "query", ["", "   ", "(kettle", "kettle)", "kettle OR", "-kettle", "is:retweet", "has:wings kettle",
              "colour:red", "x" * 513, '"never closed'],
)  # fmt: skip
def test_a_question_that_cannot_be_read_is_refused_with_a_reason(world: World, query: str) -> None:
    answer = world.http.get("/2/tweets/search/recent", headers=APP, params={"query": query})

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["message"]


def test_pages_follow_each_other_and_a_week_is_the_end(world: World) -> None:
    ids = [world.tweeted("jodoe", f"kettle number {number}") for number in range(25)]
    day = 86_400
    old = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 8 * day))
    ancient = world.record({"author_id": world.people["jodoe"], "text": "kettle of old", "created_at": old})["ids"][0]

    first = world.http.get(
        "/2/tweets/search/recent", headers=APP, params={"query": "kettle", "max_results": "10"}
    ).json()
    token = first["meta"]["next_token"]
    rest = found(world, "kettle", max_results="100", next_token=token)

    assert [one["id"] for one in first["data"]] + rest == ids[::-1]
    assert ancient not in rest
    asked = {"query": "kettle", "since_id": ancient}
    answer = world.http.get("/2/tweets/search/recent", headers=APP, params=asked)
    assert answer.status_code == 400
    assert "must be a tweet id created after" in answer.json()["errors"][0]["message"]
    assert found(world, "kettle", since_id=ids[20]) == ids[:20:-1]


def test_the_index_is_behind_when_told_so(world: World) -> None:
    world.ask("PUT", "/sandbox/settings", json={"index_lag_seconds": 60})
    world.tweeted("jodoe", "@AcmeCare the kettle")

    assert found(world, "kettle") == []
    assert world.mentions("AcmeCare") == {"meta": {"result_count": 0}}
    world.ask("PUT", "/sandbox/settings", json={"index_lag_seconds": 0})
    assert len(found(world, "kettle")) == 1


def test_whom_strangers_cannot_see_is_not_found(world: World, said: dict[str, str]) -> None:
    world.ask("PATCH", "/sandbox/accounts/passerby", json={"protected": True})
    assert found(world, "kettle") == [said["opening"]]
    answer = world.look_up(said["joining"])
    assert answer["errors"][0]["type"].endswith("not-authorized-for-resource")

    world.ask("PATCH", "/sandbox/accounts/passerby", json={"protected": False, "suspended": True})
    assert found(world, "kettle") == [said["opening"]]
    assert world.look_up(said["joining"])["errors"][0]["type"].endswith("resource-not-found")
    suspended = world.http.get(f"/2/users/{world.people['passerby']}", headers=APP).json()
    assert suspended["errors"][0]["detail"] == f"User has been suspended: [{world.people['passerby']}]."

    world.ask("PATCH", "/sandbox/accounts/passerby", json={"suspended": False})
    assert set(found(world, "kettle")) == {said["opening"], said["joining"]}


def test_a_gap_leaves_mentions_out(world: World) -> None:
    ids = [world.tweeted("jodoe", f"@AcmeCare number {number}") for number in range(6)]
    world.fault("gap", times=1)

    assert len(world.mentions("AcmeCare")["data"]) == 3
    assert [one["id"] for one in world.mentions("AcmeCare")["data"]] == ids[::-1]
