"""Private messages: sent, listed, told of, deleted, refused."""

from typing import Any

import httpx
import pytest

from tests.twitter.playing import APP, Receiver, World, eventually

ASKED = {"dm_event.fields": "id,event_type,text,sender_id,dm_conversation_id,created_at,attachments,entities",
         "expansions": "sender_id,attachments.media_keys", "media.fields": "url,width,height,type"}  # fmt: skip


def send(world: World, sender: str, to: str, text: str, **more: Any) -> httpx.Response:
    path = f"/2/dm_conversations/with/{world.people[to]}/messages"
    return world.http.post(path, json={"text": text, **more}, headers=world.tokens[sender])


def events(world: World, username: str, path: str = "/2/dm_events", **query: str) -> dict[str, Any]:
    return world.http.get(path, headers=world.tokens[username], params={**ASKED, **query}).json()


def test_a_message_reaches_both_sides_lists_newest_first(world: World) -> None:
    first = send(world, "jodoe", "AcmeCare", "it is A-1029 & more")
    second = send(world, "AcmeCare", "jodoe", "Thanks, Jo!")

    assert (first.status_code, second.status_code) == (201, 201)
    pair = sorted((world.people["jodoe"], world.people["AcmeCare"]), key=int)
    assert first.json()["data"]["dm_conversation_id"] == second.json()["data"]["dm_conversation_id"] == "-".join(pair)
    page = events(world, "AcmeCare")
    assert [one["text"] for one in page["data"]] == ["Thanks, Jo!", "it is A-1029 &amp; more"]
    assert [one["sender_id"] for one in page["data"]] == [world.people["AcmeCare"], world.people["jodoe"]]
    assert {user["username"] for user in page["includes"]["users"]} == {"AcmeCare", "jodoe"}
    assert events(world, "jodoe")["data"] == page["data"]
    assert "data" not in events(world, "passerby")
    path = f"/2/dm_conversations/with/{world.people['jodoe']}/dm_events"
    assert events(world, "AcmeCare", path)["data"] == page["data"]
    conversation = f"/2/dm_conversations/{'-'.join(pair)}/dm_events"
    assert events(world, "AcmeCare", conversation)["data"] == page["data"]


def test_lists_are_read_in_pages_and_know_no_since_id(world: World) -> None:
    ids = [send(world, "jodoe", "AcmeCare", f"number {number}").json()["data"]["dm_event_id"] for number in range(5)]

    first = events(world, "AcmeCare", max_results="2")
    second = events(world, "AcmeCare", max_results="2", pagination_token=first["meta"]["next_token"])
    assert [one["id"] for one in first["data"] + second["data"]] == ids[:0:-1]
    asked = world.http.get("/2/dm_events", headers=world.tokens["AcmeCare"], params={"since_id": ids[0]})
    assert asked.status_code == 400
    assert world.http.get("/2/dm_events", headers=APP).status_code == 403


def test_a_group_is_written_with_a_capital_letter(world: World) -> None:
    members = [world.people["jodoe"], world.people["passerby"]]
    body = {"conversation_type": "Group", "participant_ids": members, "message": {"text": "Hello both"}}

    made = world.http.post("/2/dm_conversations", json=body, headers=world.tokens["AcmeCare"])
    wrong = world.http.post(
        "/2/dm_conversations", json={**body, "conversation_type": "group"}, headers=world.tokens["AcmeCare"]
    )

    assert (made.status_code, wrong.status_code) == (201, 400)
    conversation_id = made.json()["data"]["dm_conversation_id"]
    assert conversation_id.isdigit()
    said = world.http.post(
        f"/2/dm_conversations/{conversation_id}/messages", json={"text": "Hi"}, headers=world.tokens["jodoe"]
    )
    assert said.status_code == 201
    kinds = [one["event_type"] for one in events(world, "passerby")["data"]]
    assert kinds == ["MessageCreate", "MessageCreate", "ParticipantsJoin"]
    joined = events(world, "passerby", event_types="ParticipantsJoin", expansions="participant_ids")
    assert set(joined["data"][0]["participant_ids"]) == set(world.people.values())


@pytest.mark.parametrize("setting", ["nobody", "followers"])
def test_who_does_not_take_messages_from_everybody_may_refuse(world: World, setting: str) -> None:
    world.ask("PATCH", "/sandbox/accounts/jodoe", json={"takes_private": setting})

    refused = send(world, "AcmeCare", "jodoe", "Hello?")

    assert refused.status_code == 403
    assert refused.json()["detail"] == "You do not have permission to DM one or more participants."
    fields = {"user.fields": "receives_your_dm"}
    path = f"/2/users/{world.people['jodoe']}"
    assert (
        world.http.get(path, headers=world.tokens["AcmeCare"], params=fields).json()["data"]["receives_your_dm"]
        is False
    )
    assert send(world, "jodoe", "AcmeCare", "I begin").status_code == 201
    assert send(world, "AcmeCare", "jodoe", "Then we may answer").status_code == 201


def test_blocking_in_private_stops_messages_until_it_ends(world: World) -> None:
    path = f"/2/users/{world.people['AcmeCare']}/dm"
    assert world.http.post(f"{path}/block", headers=world.tokens["jodoe"]).json() == {"data": {"blocked": True}}
    assert send(world, "AcmeCare", "jodoe", "Hello?").status_code == 403
    assert world.http.post(f"{path}/unblock", headers=world.tokens["jodoe"]).json() == {"data": {"blocked": False}}
    assert send(world, "AcmeCare", "jodoe", "Hello?").status_code == 201


def test_one_deletes_only_what_one_sent(world: World) -> None:
    event_id = send(world, "jodoe", "AcmeCare", "oops").json()["data"]["dm_event_id"]

    path = f"/2/dm_events/{event_id}"
    assert world.http.delete(path, headers=world.tokens["AcmeCare"]).status_code == 403
    assert world.http.delete(path, headers=world.tokens["passerby"]).status_code == 404
    assert world.http.delete(path, headers=world.tokens["jodoe"]).json() == {"data": {"deleted": True}}
    missing = world.http.get(path, headers=world.tokens["AcmeCare"])
    assert (missing.status_code, "data" in missing.json()) == (200, False)
    assert [line["deleted"] for line in world.ledger(kind="private")] == [True]


def test_each_subscriber_hears_of_a_message_once(world: World, receiver: Receiver) -> None:
    kinds = ("dm.received", "dm.sent", "dm.read", "dm.indicate_typing")
    world.listen(receiver.url, "AcmeCare", "jodoe", kinds=kinds)

    event_id = send(world, "jodoe", "AcmeCare", "it is A-1029").json()["data"]["dm_event_id"]
    world.ask("POST", "/sandbox/private/read", json={"from": "AcmeCare", "to": "jodoe"})
    world.ask("POST", "/sandbox/private/typing", json={"from": "AcmeCare", "to": "jodoe"})

    assert eventually(lambda: len(receiver.got) == 4)
    heard = {(one["event_type"], one["filter"]["user_id"]): one for one in receiver.data()}
    brand, customer = world.people["AcmeCare"], world.people["jodoe"]
    assert set(heard) == {
        ("dm.received", brand), ("dm.sent", customer), ("dm.read", customer), ("dm.indicate_typing", customer)
    }  # fmt: skip
    payload = heard["dm.received", brand]["payload"]
    message = payload["direct_message_events"][0]
    assert (message["id"], message["type"]) == (event_id, "message_create")
    assert message["message_create"]["target"] == {"recipient_id": brand}
    assert payload["users"][customer]["data"]["username"] == "jodoe"
    assert heard["dm.read", customer]["payload"]["direct_message_mark_read_events"][0]["last_read_event_id"] == event_id


def test_an_encrypted_message_is_told_of_and_nothing_more(world: World, receiver: Receiver) -> None:
    world.listen(receiver.url, "AcmeCare", kinds=("dm.received", "chat.received"))

    world.ask("POST", "/sandbox/private", json={"from": "jodoe", "to": "AcmeCare", "text": "hush", "encrypted": True})

    assert eventually(lambda: len(receiver.got) == 1)
    event = receiver.data()[0]
    assert event["event_type"] == "chat.received"
    assert event["payload"]["conversation_id"] == f"{world.people['jodoe']}:{world.people['AcmeCare']}"
    assert "hush" not in receiver.got[0][1].decode()
    assert "data" not in events(world, "AcmeCare")


def test_a_picture_in_a_message_is_for_those_in_the_conversation(world: World) -> None:
    world.ask("POST", "/sandbox/private", json={"from": "jodoe", "to": "AcmeCare", "text": "see", "media": "photo"})

    page = events(world, "AcmeCare")
    media = page["includes"]["media"][0]
    assert page["data"][0]["attachments"] == {"media_keys": [media["media_key"]]}
    path = media["url"][media["url"].index("/2/") :]
    seen = world.http.get(path, headers=world.tokens["AcmeCare"])
    assert (seen.status_code, seen.content[:4], seen.headers["content-type"]) == (200, b"\x89PNG", "image/png")
    assert world.http.get(path, headers=world.tokens["passerby"]).status_code == 404
    assert world.http.get(path).status_code == 401
    assert (media["width"], media["height"]) == (48, 32)


@pytest.mark.parametrize(
    "body", [{}, {"text": ""}, {"text": 1}, {"text": "x" * 10_001}, {"text": "x", "attachments": {}},
             {"attachments": [{"media_id": "1"}]}, {"text": "x", "attachments": [{}, {}]}, {"words": "x"}],
)  # fmt: skip
def test_a_bad_message_is_refused_with_a_reason(world: World, body: dict[str, Any]) -> None:
    path = f"/2/dm_conversations/with/{world.people['jodoe']}/messages"
    answer = world.http.post(path, json=body, headers=world.tokens["AcmeCare"])

    assert answer.status_code == 400
    assert {"title", "detail"} <= set(answer.json())
