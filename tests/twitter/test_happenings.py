"""What happens beside tweets: events of all kinds, faults of every write, money, replay, webhooks that fall silent."""

import time
from typing import Any

import httpx
import pytest

from tests.twitter.playing import APP, Receiver, World, eventually


def kinds(receiver: Receiver) -> list[str]:
    return [one["event_type"] for one in receiver.data()]


def test_every_kind_of_event_arrives(world: World, receiver: Receiver) -> None:
    wanted = ("post.repost.create", "follow.follow", "follow.unfollow", "like.create", "block.block", "mute.mute",
              "profile.update.bio", "oauth.revoke")  # fmt: skip
    world.listen(receiver.url, "AcmeCare", kinds=wanted)
    said = world.tweeted("AcmeCare", "Our kettles are back")

    world.ask("POST", f"/sandbox/tweets/{said}/reposts", json={"from": "jodoe"})
    world.ask("PUT", "/sandbox/relations", json={"kind": "follow", "from": "jodoe", "to": "AcmeCare"})
    world.ask("PUT", f"/sandbox/tweets/{said}/likes", json={"from": "jodoe"})
    world.ask("PUT", "/sandbox/relations", json={"kind": "block", "from": "AcmeCare", "to": "passerby"})
    world.ask("PUT", "/sandbox/relations", json={"kind": "mute", "from": "AcmeCare", "to": "jodoe"})
    world.ask("PATCH", "/sandbox/accounts/AcmeCare", json={"description": "We help."})

    assert eventually(lambda: len(receiver.got) == 6)
    assert set(kinds(receiver)) == set(wanted) - {"follow.unfollow", "oauth.revoke"}
    changed = next(one for one in receiver.data() if one["event_type"] == "profile.update.bio")
    assert changed["payload"] == {"before": "", "after": "We help."}


def test_the_old_shape_arrives_by_a_switch(world: World, receiver: Receiver) -> None:
    world.listen(
        receiver.url, "AcmeCare", kinds=("post.mention.create", "post.reply.create", "post.delete", "dm.received")
    )
    world.ask("PUT", "/sandbox/settings", json={"payloads": "account_activity"})

    own = world.tweeted("AcmeCare", "Hello")
    tweet_id = world.tweeted("jodoe", "hello & goodbye " + "again " * 25, own)
    world.ask("POST", "/sandbox/private", json={"from": "jodoe", "to": "AcmeCare", "text": "psst"})
    world.http.delete(f"/2/tweets/{own}", headers=world.tokens["AcmeCare"])

    assert eventually(lambda: len(receiver.got) == 3)
    bodies = [parsed for parsed, _, _ in receiver.got]
    assert {body["for_user_id"] for body in bodies} == {world.people["AcmeCare"]}
    tweet = next(body["tweet_create_events"][0] for body in bodies if "tweet_create_events" in body)
    assert (tweet["id_str"], tweet["in_reply_to_status_id_str"], tweet["truncated"]) == (tweet_id, own, True)
    assert tweet["extended_tweet"]["full_text"].startswith("@AcmeCare hello &amp; goodbye")
    assert tweet["user"]["screen_name"] == "jodoe"
    assert {name for body in bodies for name in body if name.endswith("_events")} == {
        "tweet_create_events", "direct_message_events", "tweet_delete_events"
    }  # fmt: skip


def test_an_answer_to_an_answer_and_a_protected_account_are_not_told_of(world: World, receiver: Receiver) -> None:
    world.listen(receiver.url, "AcmeCare")
    opening = world.tweeted("passerby", "kettles, anyone?")
    answer = world.tweeted("jodoe", "not me", opening)
    deep = world.tweeted("passerby", "ask @AcmeCare", answer)
    world.ask("PATCH", "/sandbox/accounts/passerby", json={"protected": True})
    hidden = world.tweeted("passerby", "@AcmeCare hello?")
    heard = world.tweeted("jodoe", "@AcmeCare hello!")

    assert eventually(lambda: len(receiver.got) == 1)
    time.sleep(0.3)
    assert receiver.events() == [("post.mention.create", heard)]
    assert {deep, heard} == {one["id"] for one in world.mentions("AcmeCare")["data"]} | {deep}
    assert hidden not in [one["id"] for one in world.mentions("AcmeCare")["data"]]


def test_private_events_need_the_accounts_own_grant(world: World, receiver: Receiver) -> None:
    webhook_id = world.listen(receiver.url)
    stranger = world.ask("POST", "/sandbox/users", json={"username": "stranger"})["id"]

    def subscribe(event_type: str) -> int:
        body = {"event_type": event_type, "filter": {"user_id": stranger}, "webhook_id": webhook_id}
        return world.http.post("/2/activity/subscriptions", json=body, headers=APP).status_code

    assert (subscribe("post.create"), subscribe("post.mention.create"), subscribe("dm.received")) == (200, 403, 403)
    world.ask("PUT", "/sandbox/settings", json={"most_subscriptions": 1})
    assert subscribe("post.delete") == 403


WRITES = {
    "tweet": ("POST", "/2/tweets", {"text": "one"}),
    "delete": ("DELETE", "/2/tweets/{tweet}", None),
    "edit": ("POST", "/2/tweets", {"text": "two", "edit_options": {"previous_post_id": "{tweet}"}}),
    "hide": ("PUT", "/2/tweets/{reply}/hidden", {"hidden": True}),
    "like": ("POST", "/2/users/{me}/likes", {"tweet_id": "{reply}"}),
    "private": ("POST", "/2/dm_conversations/with/{jodoe}/messages", {"text": "hello"}),
    "upload_initialize": ("POST", "/2/media/upload/initialize", {"media_type": "image/png", "total_bytes": 3}),
}


@pytest.mark.parametrize(
    "fault", ["cut_before", "lost_answer", "server_error", "server_error_after", "too_many", "time_out"]
)
@pytest.mark.parametrize("act", WRITES)
def test_every_write_can_suffer_every_fault(world: World, act: str, fault: str) -> None:
    tweet = world.tweeted("AcmeCare", "hello")
    reply = world.tweeted("jodoe", "boo", tweet)
    names = {"tweet": tweet, "reply": reply, "me": world.people["AcmeCare"], "jodoe": world.people["jodoe"]}
    method, path, body = WRITES[act]

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: filled(one) for name, one in value.items()}
        return value.format(**names) if isinstance(value, str) else value

    def write() -> int:
        answer = world.http.request(
            method, filled(path), json=filled(body), headers=world.tokens["AcmeCare"], timeout=1.0
        )
        return answer.status_code

    before = state(world)
    world.fault(fault, times=1, act=act, seconds=5)
    try:
        status = write()
    except httpx.TransportError:
        status = 0
    expected = {"too_many": 429, "server_error": 503, "server_error_after": 503}.get(fault, 0)
    assert status == expected
    is_done = state(world) != before
    assert is_done == (fault in ("lost_answer", "server_error_after")) or act == "upload_initialize"
    assert world.ask("GET", "/sandbox/faults")["faults"] == []


def state(world: World) -> list[Any]:
    return [world.ledger(), world.ledger(kind="private"), world.ledger(kind="acts")]


def test_money_runs_out_and_everything_that_costs_stops(world: World) -> None:
    opening = world.tweeted("jodoe", "@AcmeCare hello")
    world.ask("PUT", "/sandbox/settings", json={"credits": 0.22})

    world.tweeted("AcmeCare", "Hello, Jo.", opening)
    assert world.ask("GET", "/sandbox/settings")["credits"] == 0.21
    world.tweeted("AcmeCare", "See acme.com for more.", opening)
    assert world.ask("GET", "/sandbox/settings")["credits"] == 0.01
    assert len(world.mentions("AcmeCare")["data"]) == 1
    assert len(world.mentions("AcmeCare")["data"]) == 1
    assert world.ask("GET", "/sandbox/settings")["credits"] == 0.005
    world.tweeted("AcmeCare", "Bye")
    refused = world.tweet("AcmeCare", "One more")
    assert (refused.status_code, refused.json()["detail"]) == (402, "credits depleted")
    assert world.http.get("/2/webhooks", headers=APP).status_code == 200
    world.ask("PUT", "/sandbox/settings", json={"credits": 10})
    assert world.tweet("AcmeCare", "One more").status_code == 201
    lines = {line["kind"]: line["count"] for line in world.ask("GET", "/sandbox/spending")["lines"]}
    assert (lines["post_create_with_url"], lines["post_create_summoned"], lines["post_read"]) == (1, 1, 1)


def test_the_apps_private_messages_of_a_day_are_one_allowance_for_all(world: World) -> None:
    world.ask("PUT", "/sandbox/settings", json={"rate_limits": True, "dm_cap": 2})
    path = f"/2/dm_conversations/with/{world.people['passerby']}/messages"

    answers = [
        world.http.post(path, json={"text": f"number {number}"}, headers=world.tokens[who])
        for number, who in enumerate(("AcmeCare", "jodoe", "AcmeCare"))
    ]

    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert answers[1].headers["x-app-limit-24hour-remaining"] == "0"
    assert answers[1].headers["x-user-limit-24hour-limit"] == "1440"


def test_what_a_webhook_missed_is_replayed(world: World, receiver: Receiver) -> None:
    webhook_id = world.listen(receiver.url, "AcmeCare")
    world.ask("POST", "/sandbox/webhooks/invalidation", json={})
    missed = world.tweeted("jodoe", "@AcmeCare are you there?")
    assert world.http.get("/2/webhooks", headers=APP).json()["data"][0]["valid"] is False
    world.http.put(f"/2/webhooks/{webhook_id}", headers=APP)
    body = {"webhook_id": webhook_id, "from_date": "000", "to_date": "000"}
    for name, ago in (("from_date", 3_600), ("to_date", -120)):
        body[name] = time.strftime("%Y%m%d%H%M", time.gmtime(time.time() - ago))

    assert world.http.post("/2/webhooks/replay", json=body, headers=APP).status_code == 400
    world.ask("PUT", "/sandbox/settings", json={"replay_rules": False})
    assert world.http.post("/2/webhooks/replay", json=body, headers=APP).status_code == 200

    assert eventually(lambda: len(receiver.got) == 2)
    assert receiver.got[0][0]["data"]["payload"]["id"] == missed
    assert receiver.got[1][0]["replay_job_status"]["job_state"] == "Complete"
    world.ask("PUT", "/sandbox/settings", json={"replay_allowed": False})
    assert world.http.post("/2/webhooks/replay", json=body, headers=APP).status_code == 403


def test_errors_without_end_and_a_failed_challenge_make_a_webhook_invalid(world: World, receiver: Receiver) -> None:
    webhook_id = world.listen(receiver.url, "AcmeCare")
    world.ask("PUT", "/sandbox/settings", json={"webhook_patience_seconds": 1})
    receiver.answers += [500] * 10
    world.tweeted("jodoe", "@AcmeCare hello")

    def is_valid() -> bool:
        return world.http.get("/2/webhooks", headers=APP).json()["data"][0]["valid"]

    assert eventually(lambda: not is_valid())
    receiver.answers.clear()
    world.http.put(f"/2/webhooks/{webhook_id}", headers=APP)
    assert is_valid()
    receiver.secret = b"another"
    world.ask("POST", "/sandbox/webhooks/challenges", json={})
    assert not is_valid()


def test_the_rules_of_replying(world: World) -> None:
    said = {"author_id": world.people["jodoe"], "text": "for few", "reply_settings": "following"}
    closed = world.record(said)["ids"][0]
    assert world.tweet("AcmeCare", "may we?", closed).status_code == 403
    world.ask("PUT", "/sandbox/relations", json={"kind": "follow", "from": "jodoe", "to": "AcmeCare"})
    assert world.tweet("AcmeCare", "may we?", closed).status_code == 201
    world.ask("PUT", "/sandbox/relations", json={"kind": "block", "from": "jodoe", "to": "AcmeCare"})
    opening = world.tweeted("jodoe", "@AcmeCare go away")
    assert "blocked" in world.tweet("AcmeCare", "oh", opening).json()["detail"]


def test_nobody_can_connect_while_twitter_is_away(world: World) -> None:
    world.ask("POST", "/sandbox/absence", json={"seconds": 0.6})

    assert eventually(lambda: _is_refused(world.url))
    assert eventually(lambda: not _is_refused(world.url))
    assert world.tweet("AcmeCare", "back again").status_code == 201


def _is_refused(url: str) -> bool:
    try:
        httpx.get(f"{url}/sandbox/healthz")
    except httpx.ConnectError:
        return True
    return False
