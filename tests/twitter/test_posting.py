"""Writing to the sandbox: what it accepts, refuses and remembers."""

import pytest

from tests.twitter.playing import APP, SandboxProcess, World


def test_a_text_of_280_is_accepted_and_of_281_refused(world: World) -> None:
    opening = world.tweeted("jodoe", "@AcmeCare hello")

    assert world.tweet("AcmeCare", "x" * 280, opening).status_code == 201
    assert world.tweet("AcmeCare", "字" * 140).status_code == 201
    refused = world.tweet("AcmeCare", "x" * 281, opening)
    assert refused.status_code == 400
    assert "too long" in refused.json()["errors"][0]["message"]


def test_the_same_words_are_refused_a_second_time_but_not_elsewhere(world: World) -> None:
    first, second = world.tweeted("jodoe", "@AcmeCare one"), world.tweeted("jodoe", "@AcmeCare two")

    assert world.tweet("AcmeCare", "We are on it.", first).status_code == 201
    again = world.tweet("AcmeCare", "  We are   on it. ", first)
    assert (again.status_code, again.json()) == (
        403,
        {
            "title": "Forbidden",
            "detail": "You are not allowed to create a Tweet with duplicate content.",
            "type": "about:blank",
            "status": 403,
        },
    )
    assert world.tweet("AcmeCare", "We are on it.", second).status_code == 201
    assert world.tweet("AcmeCare", "We are on it.").status_code == 201
    assert world.tweet("jodoe", "We are on it.", first).status_code == 201


def test_what_was_deleted_may_be_said_again(world: World) -> None:
    tweet = world.tweeted("AcmeCare", "Good morning")

    gone = world.http.delete(f"/2/tweets/{tweet}", headers=world.tokens["AcmeCare"])

    assert gone.json() == {"data": {"deleted": True}}
    assert world.tweet("AcmeCare", "Good morning").status_code == 201


def test_a_deleted_tweet_can_be_neither_read_nor_answered(world: World) -> None:
    opening = world.tweeted("jodoe", "@AcmeCare hello")
    world.http.delete(f"/2/tweets/{opening}", headers=world.tokens["jodoe"])

    assert "data" not in world.look_up(opening)
    assert world.mentions("AcmeCare") == {"meta": {"result_count": 0}}
    refused = world.tweet("AcmeCare", "Hello Jo", opening)
    assert (refused.status_code, refused.json()["title"]) == (403, "Forbidden")
    assert "deleted or not visible" in refused.json()["detail"]
    assert [(line["id"], line["deleted"]) for line in world.ledger()] == [(opening, True)]


def test_nobody_deletes_what_somebody_else_wrote(world: World) -> None:
    opening = world.tweeted("jodoe", "@AcmeCare hello")

    refused = world.http.delete(f"/2/tweets/{opening}", headers=world.tokens["AcmeCare"])

    assert refused.status_code == 403
    assert world.look_up(opening)["data"]["id"] == opening


def test_with_the_summoned_rule_only_those_who_asked_are_answered(world: World) -> None:
    asked, unasked = world.tweeted("jodoe", "@AcmeCare hello"), world.tweeted("passerby", "acme is slow today")
    implicit = world.tweeted("passerby", "me too", asked)
    world.ask("POST", "/sandbox/settings", json={"summoned_rule": True})

    assert world.tweet("AcmeCare", "Hello", asked).status_code == 201
    for tweet in (unasked, implicit):
        refused = world.tweet("AcmeCare", "Hello", tweet)
        assert refused.status_code == 403
        assert refused.json()["detail"].startswith("Reply to this conversation is not allowed")


def test_a_revoked_token_opens_nothing(world: World) -> None:
    assert world.ask("DELETE", "/sandbox/tokens", json={"user_id": world.people["AcmeCare"]}) == {"revoked": 1}

    assert world.tweet("AcmeCare", "Hello").status_code == 401


def test_accounts_are_made_once_and_keep_the_id_they_were_given(world: World) -> None:
    made = world.ask("POST", "/sandbox/users", json=[{"username": "NimbusAir", "name": "Nimbus", "id": "42"}] * 2)
    again = world.ask("POST", "/sandbox/users", json={"username": "nimbusair", "name": "Other"})

    assert [user["id"] for user in made] == ["42", "42"]
    assert again == {"id": "42", "username": "NimbusAir", "name": "Nimbus", "followers": 0}


@pytest.mark.parametrize("user", [{"username": "has space"}, {"username": ""}, {"username": "a" * 16}, {}, 7, None])
def test_a_bad_account_is_refused(world: World, user: object) -> None:
    answer = world.http.post("/sandbox/users", json=user)

    assert (answer.status_code, answer.json()["title"]) == (400, "Invalid Request")


def test_recorded_tweets_keep_their_ids_and_are_put_in_once(world: World) -> None:
    jo, acme = world.people["jodoe"], world.people["AcmeCare"]
    opening = {"id": "925000000000000001", "author_id": jo, "text": "@AcmeCare help @ghost",
               "created_at": "2017-10-31T22:10:47Z", "mentions": [{"username": "ghost", "id": "77"}]}  # fmt: skip
    answer = {"id": "925000000000000002", "author_id": acme, "text": "@jodoe on it", "lang": "en",
              "in_reply_to_tweet_id": "925000000000000001"}  # fmt: skip

    first = world.record(answer, opening)
    second = world.record(opening, answer)

    assert first == {"created": 2, "already": 0, "ids": ["925000000000000002", "925000000000000001"]}
    assert (second["created"], second["already"]) == (0, 2)
    shown = world.look_up("925000000000000002", **{"tweet.fields": "conversation_id,display_text_range,lang"})["data"]
    assert (shown["conversation_id"], shown["display_text_range"], shown["lang"]) == (opening["id"], [7, 12], "en")
    asked = world.look_up("925000000000000001", **{"tweet.fields": "created_at,entities"})["data"]
    assert asked["created_at"] == "2017-10-31T22:10:47.000Z"
    assert [one["id"] for one in asked["entities"]["mentions"]] == [acme, "77"]


def test_a_recorded_tweet_without_an_id_gets_one_that_carries_its_time(world: World) -> None:
    tweet = {"author_id": world.people["jodoe"], "text": "hello", "created_at": "2017-10-31T22:10:47.250Z"}

    ids = world.record(tweet, tweet)["ids"]

    assert len(set(ids)) == 2
    assert {(int(tweet_id) >> 22) + 1_288_834_974_657 for tweet_id in ids} == {1_509_487_847_250}


def test_a_parent_that_comes_later_brings_its_answers_into_its_conversation(world: World) -> None:
    jo = world.people["jodoe"]
    world.record({"id": "30", "author_id": jo, "text": "third", "in_reply_to_tweet_id": "20"})
    world.record({"id": "20", "author_id": jo, "text": "second", "in_reply_to_tweet_id": "10"})
    world.record({"id": "10", "author_id": jo, "text": "first"})

    assert {line["conversation_id"] for line in world.ledger()} == {"10"}


def test_one_bad_tweet_in_a_list_puts_none_in_and_says_which(world: World) -> None:
    answer = world.http.post(
        "/sandbox/tweets", json={"tweets": [{"author_id": world.people["jodoe"], "text": "ok"}, {"author_id": "5"}]}
    )

    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("Tweet number 1 of the list")
    assert world.ledger() == []


def test_a_killed_sandbox_comes_back_with_everything_it_answered(sandbox: SandboxProcess, world: World) -> None:
    opening = world.tweeted("jodoe", "@AcmeCare hello")
    answer = world.tweeted("AcmeCare", "Hello Jo", opening)
    world.fault("too_many", times=3)
    world.ask("POST", "/sandbox/settings", json={"summoned_rule": True})
    world.http.post("/sandbox/tweets", json={"tweets": [{"author_id": world.people["jodoe"], "text": "last words"}]})

    sandbox.kill()
    sandbox.start()

    assert [line["text"] for line in world.ledger()] == ["@AcmeCare hello", "@jodoe Hello Jo", "last words"]
    assert world.ask("GET", "/sandbox/faults")["faults"][0]["times"] == 3
    assert world.ask("GET", "/sandbox/settings")["summoned_rule"] is True
    assert world.http.get("/2/users/me", headers=world.tokens["AcmeCare"]).status_code == 200
    world.ask("DELETE", "/sandbox/faults/too_many")
    assert int(world.tweeted("jodoe", "and more")) > int(answer)
    assert world.look_up(answer)["data"]["id"] == answer


def test_a_thousand_tweets_go_in_with_one_request(world: World) -> None:
    jo = world.people["jodoe"]
    tweets = [{"author_id": jo, "text": f"@AcmeCare number {number}"} for number in range(1000)]

    assert world.record(*tweets)["created"] == 1000
    assert len(world.ledger()) == 1000


def test_settings_are_checked(world: World) -> None:
    for wrong in ({"vocabulary": "toot"}, {"summoned_rule": 1}, {"colour": "red"}):
        assert world.http.post("/sandbox/settings", json=wrong).status_code == 400
    assert world.http.get("/sandbox/settings", headers=APP).json()["vocabulary"] == "tweet"
