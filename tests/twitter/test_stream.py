"""The filtered stream: rules, lines, heartbeats, and everything that ends it."""

import json
import queue
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.twitter.playing import APP, World, eventually

RULES = "/2/tweets/search/stream/rules"


class Reader:
    """Reads a stream in a thread; knows every line and when the connection ended."""

    def __init__(self, url: str, **query: str) -> None:
        self.lines: queue.Queue[bytes] = queue.Queue()
        self.got: list[dict[str, Any]] = []
        self.heartbeats, self.status, self.ended = 0, 0, False
        self.url, self.query = url, query
        self.client = httpx.Client(timeout=20)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        try:
            with self.client.stream(
                "GET", f"{self.url}/2/tweets/search/stream", headers=APP, params=self.query
            ) as answer:
                self.status = answer.status_code
                rest = b""
                for part in answer.iter_raw():
                    *lines, rest = (rest + part).split(b"\r\n")
                    for line in lines:
                        if line:
                            self.got.append(json.loads(line))
                        else:
                            self.heartbeats += 1
        except httpx.TransportError:
            pass
        finally:
            self.ended = True

    def ids(self) -> list[str]:
        return [line["data"]["id"] for line in self.got if "data" in line]

    def close(self) -> None:
        self.client.close()


@pytest.fixture
def readers(world: World) -> Iterator[list[Reader]]:
    opened: list[Reader] = []
    yield opened
    for reader in opened:
        reader.close()


def connected(world: World, readers: list[Reader], **query: str) -> Reader:
    reader = Reader(world.url, **query)
    readers.append(reader)
    assert eventually(lambda: reader.status != 0 or reader.ended)
    return reader


def add(world: World, *rules: tuple[str, str], **query: str) -> httpx.Response:
    body = {"add": [{"value": value, "tag": tag} for value, tag in rules]}
    return world.http.post(RULES, json=body, headers=APP, params=query)


def test_rules_are_added_listed_tried_and_deleted(world: World) -> None:
    made = add(world, ("@AcmeCare -is:retweet", "42"), ("kettle", "43"))
    assert made.status_code == 201
    assert made.json()["meta"]["summary"] == {"created": 2, "not_created": 0, "valid": 2, "invalid": 0}
    first = made.json()["data"][0]

    again = add(world, ("@AcmeCare -is:retweet", "99"))
    assert again.status_code == 200
    assert again.json()["errors"][0]["title"] == "DuplicateRule"
    assert again.json()["errors"][0]["id"] == first["id"]

    tried = add(world, ("teapot", ""), dry_run="true")
    assert tried.json()["meta"]["summary"]["created"] == 1
    listed = world.http.get(RULES, headers=APP).json()
    assert [one["value"] for one in listed["data"]] == ["@AcmeCare -is:retweet", "kettle"]
    gone = world.http.post(RULES, json={"delete": {"ids": [first["id"], "1"]}}, headers=APP).json()
    assert gone["meta"]["summary"] == {"deleted": 1, "not_deleted": 1}
    assert add(world, ("@AcmeCare -is:retweet", "42")).status_code == 201


def test_rules_have_limits(world: World) -> None:
    world.ask("PUT", "/sandbox/settings", json={"plan": "self_serve"})

    assert add(world, ("x" * 1_025, "")).status_code == 400
    assert add(world, ("(broken", "")).json()["errors"][0]["type"].endswith("invalid-rules")
    many = [(f"word{number}", str(number)) for number in range(1_000)]
    assert add(world, *many).status_code == 201
    refused = add(world, ("one more", ""))
    assert (refused.status_code, refused.json()["type"].rsplit("/")[-1]) == (422, "rule-cap")


def test_a_stream_without_rules_is_a_conflict(world: World) -> None:
    refused = world.http.get("/2/tweets/search/stream", headers=APP)

    assert refused.status_code == 409
    assert refused.json()["connection_issue"] == "RuleConfigurationIssue"


def test_lines_carry_the_tweet_and_the_rules_it_met(world: World, readers: list[Reader]) -> None:
    add(world, ("@AcmeCare", "acme"), ("kettle lang:en", "kettles"), ("teapot", "no"))
    reader = connected(world, readers, **{"tweet.fields": "author_id", "expansions": "author_id"})

    ids = world.record(
        {"author_id": world.people["jodoe"], "text": "@AcmeCare the kettle", "lang": "en"},
        {"author_id": world.people["jodoe"], "text": "kettle", "lang": "de"},
        {"author_id": world.people["passerby"], "text": "a kettle!", "lang": "en"},
    )["ids"]

    assert eventually(lambda: len(reader.got) == 2)
    assert reader.ids() == [ids[0], ids[2]]
    assert [rule["tag"] for rule in reader.got[0]["matching_rules"]] == ["acme", "kettles"]
    assert reader.got[0]["includes"]["users"][0]["username"] == "jodoe"


def test_a_quiet_stream_says_that_it_lives(world: World, readers: list[Reader]) -> None:
    add(world, ("kettle", ""))
    world.ask("PUT", "/sandbox/settings", json={"heartbeat_seconds": 0.2})
    reader = connected(world, readers)

    assert eventually(lambda: reader.heartbeats >= 3)
    world.fault("stream_silent")
    time.sleep(0.3)
    before = reader.heartbeats
    world.tweeted("jodoe", "kettle")
    time.sleep(0.6)
    assert (reader.heartbeats, reader.got) == (before, [])


def test_only_one_may_listen_and_whoever_left_still_counts_for_a_while(world: World, readers: list[Reader]) -> None:
    add(world, ("kettle", ""))
    world.fault("stream_phantom", seconds=60)
    reader = connected(world, readers)

    refused = world.http.get("/2/tweets/search/stream", headers=APP)
    assert (refused.status_code, refused.json()["connection_issue"]) == (429, "TooManyConnections")
    assert len(world.http.get("/2/connections", headers=APP).json()["data"]) == 1
    reader.close()
    time.sleep(0.5)
    assert world.http.get("/2/tweets/search/stream", headers=APP).status_code == 429
    ended = world.http.delete("/2/connections/all", headers=APP).json()
    assert ended["data"]["successful_kills"] == 1
    assert connected(world, readers).status == 200


def test_an_operational_disconnect_is_said_and_done(world: World, readers: list[Reader]) -> None:
    add(world, ("kettle", ""))
    reader = connected(world, readers)
    world.fault("stream_disconnect", times=1)

    assert eventually(lambda: reader.ended)
    assert reader.got[-1]["errors"][0]["disconnect_type"] == "UpstreamOperationalDisconnect"
    assert connected(world, readers).status == 200


def test_what_was_missed_comes_back_for_those_who_pay(world: World, readers: list[Reader]) -> None:
    add(world, ("kettle", ""))
    missed = world.tweeted("jodoe", "kettle one")

    reader = connected(world, readers, backfill_minutes="5")
    assert eventually(lambda: reader.ids() == [missed])
    world.ask("PUT", "/sandbox/settings", json={"plan": "self_serve"})
    refused = world.http.get("/2/tweets/search/stream", headers=APP, params={"backfill_minutes": "5"})
    assert refused.status_code == 403


def test_a_rule_takes_a_while_to_begin_and_to_end(world: World, readers: list[Reader]) -> None:
    add(world, ("teapot", ""))
    world.ask("PUT", "/sandbox/settings", json={"rule_seconds": 0.6})
    made = add(world, ("kettle", "")).json()["data"][0]
    reader = connected(world, readers)

    world.tweeted("jodoe", "kettle, too early")
    time.sleep(0.7)
    second = world.tweeted("jodoe", "kettle, in time")
    assert eventually(lambda: reader.ids() == [second])
    world.http.post(RULES, json={"delete": {"ids": [made["id"]]}}, headers=APP)
    third = world.tweeted("jodoe", "kettle, still")
    assert eventually(lambda: reader.ids() == [second, third])
    time.sleep(0.7)
    world.tweeted("jodoe", "kettle, no more")
    time.sleep(0.3)
    assert reader.ids() == [second, third]
