"""Webhooks and events: the challenge, the signature, the tries, the holes."""

import pytest

from tests.twitter.playing import APP, SECRET, Receiver, SandboxProcess, World, eventually, sign


def register(world: World, url: str) -> tuple[int, str]:
    answer = world.http.post("/2/webhooks", json={"url": url}, headers=APP)
    message = answer.json().get("errors", [{}])[0].get("message", "")
    return answer.status_code, message.split(":")[0]


def test_a_webhook_is_taken_only_when_it_answers_the_challenge(world: World, receiver: Receiver) -> None:
    receiver.secret = b"somebody else's"
    assert register(world, receiver.url) == (400, "CrcValidationFailed")

    receiver.secret = SECRET
    assert register(world, receiver.url) == (200, "")
    assert register(world, receiver.url) == (400, "DuplicateUrlFailed")
    listed = world.http.get("/2/webhooks", headers=APP).json()
    assert [(one["url"], one["valid"]) for one in listed["data"]] == [(receiver.url, True)]


@pytest.mark.parametrize(
    "url",
    ["", "ftp://a.example/", "http://a.example/hook", "https://a.example:8443/hook", "http://127.0.0.1:99999/", None,
     "http://127.0.0.1/" + "x" * 200, "http://user:secret@localhost/"],
)  # fmt: skip
def test_an_address_twitter_would_not_take_is_refused(world: World, url: object) -> None:
    answer = world.http.post("/2/webhooks", json={"url": url}, headers=APP)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["message"].startswith("UrlValidationFailed")


def test_a_webhook_nobody_listens_at_is_refused(world: World, receiver: Receiver) -> None:
    receiver.close()

    assert register(world, receiver.url) == (400, "CrcValidationFailed")


def test_only_the_app_registers_webhooks(world: World, receiver: Receiver) -> None:
    answer = world.http.post("/2/webhooks", json={"url": receiver.url}, headers=world.tokens["AcmeCare"])

    assert (answer.status_code, answer.json()["title"]) == (403, "Unsupported Authentication")


def test_an_event_is_signed_over_its_very_bytes_and_names_its_host(world: World, receiver: Receiver) -> None:
    world.listen(f"http://care.acme.localhost:{receiver.port}/twitter/webhook", "AcmeCare")

    opening = world.tweeted("jodoe", "@AcmeCare where is it? 😡")

    assert eventually(lambda: len(receiver.got) == 1)
    parsed, body, signature = receiver.got[0]
    assert signature == sign(SECRET, body)
    assert receiver.hosts == [f"care.acme.localhost:{receiver.port}"]
    data = parsed["data"]
    assert (data["event_type"], data["tag"]) == ("post.mention.create", "AcmeCare")
    assert data["filter"] == {"user_id": world.people["AcmeCare"]}
    assert data["payload"]["id"] == opening
    assert data["payload"]["edit_controls"]["edits_remaining_str"] == "5"
    assert data["payload"]["entities"]["mentions"][0]["end_str"] == "9"
    assert [user["username"] for user in data["includes"]["users"]] == ["jodoe", "AcmeCare"]


def test_a_tweet_that_names_and_answers_the_brand_arrives_both_ways(world: World, receiver: Receiver) -> None:
    world.listen(receiver.url, "AcmeCare")
    root = world.tweeted("AcmeCare", "We are open again")

    reply = world.tweeted("jodoe", "great news @AcmeCare", root)

    assert eventually(lambda: len(receiver.got) == 3)
    assert set(receiver.events()) == {
        ("post.create", root),
        ("post.mention.create", reply),
        ("post.reply.create", reply),
    }
    event = next(one for one in receiver.data() if one["event_type"] == "post.reply.create")
    assert event["payload"]["in_reply_to_tweet_id"] == root


def test_a_tweet_that_names_the_brand_only_implicitly_deep_in_a_thread_arrives_not_at_all(
    world: World, receiver: Receiver
) -> None:
    world.listen(receiver.url, "AcmeCare")
    opening = world.tweeted("jodoe", "@AcmeCare hello")
    joining = world.tweeted("passerby", "same here!", opening)
    deep = world.tweeted("jodoe", "since Monday!", joining)

    assert eventually(lambda: world.deliveries()["waiting"] == 0)
    assert receiver.events() == [("post.mention.create", opening)]
    assert {one["id"] for one in world.mentions("AcmeCare")["data"]} == {opening, joining, deep}


def test_quotes_reposts_and_deletions_have_events_of_their_own(world: World, receiver: Receiver) -> None:
    world.listen(receiver.url, "AcmeCare")
    root = world.tweeted("AcmeCare", "We are open again")
    quote = world.tweeted("jodoe", "look", quote_tweet_id=root)
    customers = world.tweeted("jodoe", "unrelated")
    world.http.delete(f"/2/tweets/{customers}", headers=world.tokens["jodoe"])
    world.http.delete(f"/2/tweets/{root}", headers=world.tokens["AcmeCare"])

    assert eventually(lambda: len(receiver.got) == 3)
    assert set(receiver.events()) == {("post.create", root), ("post.quote.create", quote), ("post.delete", root)}
    deletion = next(one for one in receiver.data() if one["event_type"] == "post.delete")
    assert deletion["payload"] == {"id": root, "author_id": world.people["AcmeCare"]}
    assert deletion["includes"]["users"][0]["data"]["username"] == "AcmeCare"


def test_a_revocation_is_told(world: World, receiver: Receiver) -> None:
    webhook = world.listen(receiver.url, "AcmeCare")
    body = {"event_type": "oauth.revoke", "filter": {}, "webhook_id": webhook}
    assert world.http.post("/2/activity/subscriptions", json=body, headers=APP).status_code == 200

    world.ask("DELETE", "/sandbox/tokens", json={"user_id": world.people["AcmeCare"]})

    assert eventually(lambda: len(receiver.got) == 1)
    assert receiver.data()[0]["payload"]["user_id"] == world.people["AcmeCare"]


def test_a_replayed_tweet_reaches_those_it_is_for_and_nobody_else(world: World, receiver: Receiver) -> None:
    world.person("NimbusAir")
    world.listen(receiver.url, "AcmeCare", "NimbusAir")
    jo, acme = world.people["jodoe"], world.people["AcmeCare"]

    world.record(
        {"id": "11", "author_id": jo, "text": "@NimbusAir hm", "for": [acme]},
        {"id": "12", "author_id": jo, "text": "no names", "in_reply_to_tweet_id": "99", "for": [acme]},
        {"id": "13", "author_id": acme, "text": "our own", "for": [acme]},
        {"id": "14", "author_id": jo, "text": "@AcmeCare nobody hears", "for": []},
    )
    world.record({"id": "15", "author_id": jo, "text": "@AcmeCare silent"}, deliver=False)

    assert eventually(lambda: len(receiver.got) == 3 and world.deliveries()["waiting"] == 0)
    assert set(receiver.events()) == {
        ("post.mention.create", "11"),
        ("post.reply.create", "12"),
        ("post.create", "13"),
    }
    assert {one["filter"]["user_id"] for one in receiver.data()} == {acme}
    world.record({"id": "11", "author_id": jo, "text": "@NimbusAir hm", "for": [acme]})
    assert world.deliveries()["delivered"] == 3


def test_a_refused_delivery_is_tried_again_until_it_is_taken(world: World, receiver: Receiver) -> None:
    world.listen(receiver.url, "AcmeCare")
    receiver.answers = [500, 404]

    opening = world.tweeted("jodoe", "@AcmeCare hello")

    assert eventually(lambda: len(receiver.got) == 1)
    assert eventually(lambda: world.deliveries()["failed"] == 1)
    assert eventually(lambda: len(receiver.got) == 3, seconds=6)
    assert eventually(lambda: world.deliveries()["waiting"] == 0)
    assert receiver.events() == [("post.mention.create", opening)] * 3
    assert len({body for _, body, _ in receiver.got}) == 1
    assert world.deliveries() == {"waiting": 0, "delivered": 1, "failed": 0, "given_up": 0, "withheld": 0}


def test_a_redirect_makes_the_webhook_invalid_until_it_is_checked_again(world: World, receiver: Receiver) -> None:
    webhook = world.listen(receiver.url, "AcmeCare")
    receiver.answers = [302]
    world.tweeted("jodoe", "@AcmeCare one")
    assert eventually(lambda: not world.http.get("/2/webhooks", headers=APP).json()["data"][0]["valid"])

    world.tweeted("jodoe", "@AcmeCare two")
    checked = world.http.put(f"/2/webhooks/{webhook}", headers=APP)
    third = world.tweeted("jodoe", "@AcmeCare three")

    assert checked.json() == {"data": {"attempted": True}}
    assert eventually(lambda: len(receiver.got) == 2)
    assert receiver.events()[1] == ("post.mention.create", third)
    assert world.deliveries()["withheld"] == 2


def test_a_webhook_can_be_taken_away_with_all_that_hangs_on_it(world: World, receiver: Receiver) -> None:
    webhook = world.listen(receiver.url, "AcmeCare")

    assert world.http.delete(f"/2/webhooks/{webhook}", headers=APP).json() == {"data": {"deleted": True}}
    world.tweeted("jodoe", "@AcmeCare hello")

    assert world.http.get("/2/activity/subscriptions", headers=APP).json() == {
        "data": [],
        "meta": {"result_count": 0},
    }
    assert world.deliveries()["waiting"] == 0
    assert receiver.got == []
    assert world.http.delete(f"/2/webhooks/{webhook}", headers=APP).status_code == 404


def test_the_same_subscription_twice_is_one(world: World, receiver: Receiver) -> None:
    webhook = world.listen(receiver.url, "AcmeCare")
    body = {"event_type": "post.create", "filter": {"user_id": world.people["AcmeCare"]}, "webhook_id": webhook}
    made = [world.http.post("/2/activity/subscriptions", json=body, headers=APP).json() for _ in range(2)]
    subscription = made[0]["data"]["subscription"]["subscription_id"]

    assert made[0] == made[1]
    gone = world.http.delete(f"/2/activity/subscriptions/{subscription}", headers=APP)
    assert gone.json()["data"] == {"deleted": True}
    world.tweeted("AcmeCare", "hello")
    assert world.deliveries()["delivered"] + world.deliveries()["waiting"] == 0


@pytest.mark.parametrize(
    "body",
    [{}, {"event_type": "post.create"}, {"event_type": "nonsense", "filter": {"user_id": "1"}},
     {"event_type": "post.create", "filter": {"user_id": "x"}}, {"event_type": "post.create", "filter": 3},
     {"event_type": "post.create", "filter": {"user_id": "1"}, "webhook_id": "404"},
     {"event_type": ["post.create"], "filter": {"user_id": "1"}},
     {"event_type": "post.create", "filter": {"user_id": "1"}, "tag": ""}],
)  # fmt: skip
def test_a_bad_subscription_is_refused(world: World, body: object) -> None:
    assert world.http.post("/2/activity/subscriptions", json=body, headers=APP).status_code == 400


def test_what_waits_for_delivery_outlives_a_killed_sandbox(
    sandbox: SandboxProcess, world: World, receiver: Receiver
) -> None:
    world.listen(receiver.url, "AcmeCare")
    world.fault("deliver_late", seconds=2)
    opening = world.tweeted("jodoe", "@AcmeCare hello")

    sandbox.kill()
    assert receiver.got == []
    sandbox.start()

    assert eventually(lambda: len(receiver.got) == 1, seconds=10)
    assert receiver.events() == [("post.mention.create", opening)]


def test_a_long_line_is_worked_off_without_losing_or_repeating_one(world: World, receiver: Receiver) -> None:
    world.listen(receiver.url, "AcmeCare")
    jo, acme = world.people["jodoe"], world.people["AcmeCare"]

    ids = world.record(*({"author_id": jo, "text": f"number {number}", "for": [acme]} for number in range(1500)))["ids"]

    assert eventually(lambda: world.deliveries()["waiting"] == 0, seconds=20)
    assert sorted(tweet_id for _, tweet_id in receiver.events()) == sorted(ids)
