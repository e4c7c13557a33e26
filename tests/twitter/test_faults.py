"""Each fault does what its name says, as often as it was told."""

import time

import httpx
import pytest

from tests.twitter.playing import Receiver, World, eventually


def texts(world: World) -> list[str]:
    return [line["text"] for line in world.ledger()]


def test_lost_answer_publishes_and_cuts_the_connection(world: World) -> None:
    world.fault("lost_answer", times=1)

    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        world.tweet("AcmeCare", "are you there")

    assert texts(world) == ["are you there"]
    assert world.tweet("AcmeCare", "are you there").status_code == 403
    assert world.ask("GET", "/sandbox/faults")["faults"] == []


def test_server_error_publishes_nothing_and_server_error_after_does(world: World) -> None:
    world.fault("server_error", times=1)
    world.fault("server_error_after", times=1)

    first, second = world.tweet("AcmeCare", "one"), world.tweet("AcmeCare", "two")

    assert (first.status_code, second.status_code) == (503, 503)
    assert first.json()["title"] == "Service Unavailable"
    assert texts(world) == ["two"]


def test_time_out_publishes_nothing_and_time_out_after_does(world: World) -> None:
    world.fault("time_out", times=1, seconds=30)
    with pytest.raises(httpx.ReadTimeout):
        world.http.post("/2/tweets", json={"text": "one"}, headers=world.tokens["AcmeCare"], timeout=0.3)
    world.fault("time_out_after", times=1, seconds=30)
    with pytest.raises(httpx.ReadTimeout):
        world.http.post("/2/tweets", json={"text": "two"}, headers=world.tokens["AcmeCare"], timeout=0.3)

    assert texts(world) == ["two"]


def test_a_time_out_after_that_is_waited_for_answers_at_last(world: World) -> None:
    world.fault("time_out_after", times=1, seconds=0.4)

    begun = time.monotonic()
    answer = world.tweet("AcmeCare", "slow")

    assert (answer.status_code, time.monotonic() - begun >= 0.4) == (201, True)


def test_too_many_says_when_to_come_back(world: World) -> None:
    world.fault("too_many", times=1, seconds=120)

    refused = world.tweet("AcmeCare", "one")

    assert refused.status_code == 429
    assert refused.headers["x-rate-limit-remaining"] == "0"
    assert 100 < int(refused.headers["x-rate-limit-reset"]) - time.time() <= 121
    assert world.tweet("AcmeCare", "one").status_code == 201


@pytest.mark.parametrize(("name", "words"), [("duplicate", "duplicate content"), ("forbidden", "not been mentioned")])
def test_a_refusal_can_be_made_up(world: World, name: str, words: str) -> None:
    world.fault(name)

    refused = world.tweet("AcmeCare", "one")

    assert refused.status_code == 403
    assert words in refused.json()["detail"]
    assert texts(world) == []
    world.ask("DELETE", f"/sandbox/faults/{name}")
    assert world.tweet("AcmeCare", "one").status_code == 201


def test_index_lag_hides_the_newest_from_timelines_but_not_from_look_up(world: World) -> None:
    opening = world.tweeted("jodoe", "@AcmeCare hello")
    answer = world.tweeted("AcmeCare", "Hello", opening)
    world.fault("index_lag", seconds=60)

    assert world.own("AcmeCare") == world.mentions("AcmeCare") == {"meta": {"result_count": 0}}
    assert world.look_up(answer)["data"]["id"] == answer
    world.fault("index_lag", seconds=0)
    assert [one["id"] for one in world.own("AcmeCare")["data"]] == [answer]


def test_unauthorized_can_strike_one_account_alone(world: World) -> None:
    world.fault("unauthorized", user_id=world.people["AcmeCare"])

    assert world.tweet("AcmeCare", "one").status_code == 401
    assert world.http.get("/2/users/me", headers=world.tokens["AcmeCare"]).status_code == 401
    assert world.tweet("jodoe", "one").status_code == 201


def test_deliver_twice(world: World, receiver: Receiver) -> None:
    world.listen(receiver.url, "AcmeCare")
    world.fault("deliver_twice", times=1)

    first, second = world.tweeted("jodoe", "@AcmeCare one"), world.tweeted("jodoe", "@AcmeCare two")

    assert eventually(lambda: world.deliveries()["delivered"] == 3)
    assert sorted(tweet_id for _, tweet_id in receiver.events()) == [first, first, second]


def test_deliver_late(world: World, receiver: Receiver) -> None:
    world.listen(receiver.url, "AcmeCare")
    world.fault("deliver_late", seconds=0.8)

    begun = time.monotonic()
    world.tweeted("jodoe", "@AcmeCare one")

    assert world.deliveries()["waiting"] == 1
    assert eventually(lambda: len(receiver.got) == 1)
    assert time.monotonic() - begun >= 0.75


def test_deliver_shuffled(world: World, receiver: Receiver) -> None:
    world.listen(receiver.url, "AcmeCare")
    world.fault("deliver_shuffled", seconds=1)

    ids = [world.tweeted("jodoe", f"@AcmeCare number {number}") for number in range(20)]

    assert eventually(lambda: len(receiver.got) == 20)
    arrived = [tweet_id for _, tweet_id in receiver.events()]
    assert sorted(arrived) == ids
    assert arrived != ids


def test_deliver_never(world: World, receiver: Receiver) -> None:
    world.listen(receiver.url, "AcmeCare")
    world.fault("deliver_never", times=1)

    lost, second = world.tweeted("jodoe", "@AcmeCare one"), world.tweeted("jodoe", "@AcmeCare two")

    assert eventually(lambda: len(receiver.got) == 1)
    assert receiver.events() == [("post.mention.create", second)]
    assert world.deliveries()["withheld"] == 1
    assert lost in [one["id"] for one in world.mentions("AcmeCare")["data"]]


@pytest.mark.parametrize(
    "fault",
    [{"name": "earthquake"}, {}, {"name": "duplicate", "times": 0}, {"name": "duplicate", "times": True},
     {"name": "time_out", "seconds": -1}, {"name": "time_out", "seconds": "x"}, {"name": "duplicate", "user_id": "x"},
     {"name": "duplicate", "colour": "red"}],
)  # fmt: skip
def test_a_fault_that_makes_no_sense_is_refused(world: World, fault: dict[str, object]) -> None:
    assert world.http.post("/sandbox/faults", json=fault).status_code == 400
    assert world.ask("GET", "/sandbox/faults")["faults"] == []


def test_there_is_no_switching_off_what_does_not_exist(world: World) -> None:
    assert world.http.delete("/sandbox/faults/earthquake").status_code == 404
    assert world.ask("DELETE", "/sandbox/faults/duplicate")["removed"] is False
