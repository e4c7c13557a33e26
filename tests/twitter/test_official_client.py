"""Twitter's official client, as it is published, drives the sandbox: it is told another address and nothing else."""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from pydantic import ValidationError
from xdk import Client
from xdk.streaming import StreamConfig

from tests.twitter.playing import APP, Receiver, World, eventually
from tests.twitter.test_by_hand import png

pytestmark = pytest.mark.twitter

FIELDS = ["conversation_id", "created_at", "edit_controls", "entities", "public_metrics", "note_post"]
EXPANSIONS = ["author_id", "in_reply_to_user_id", "referenced_posts", "edit_history_post_ids"]


@pytest.fixture(autouse=True)
def _posts(world: World) -> None:
    """The client knows the newer names only."""
    world.ask("PUT", "/sandbox/settings", json={"vocabulary": "post", "strict_vocabulary": True, "plan": "enterprise"})


@pytest.fixture
def brand(world: World) -> Iterator[Client]:
    yield from _client(world, access_token=_token(world, "AcmeCare"))


@pytest.fixture
def jo(world: World) -> Iterator[Client]:
    yield from _client(world, access_token=_token(world, "jodoe"))


@pytest.fixture
def app(world: World) -> Iterator[Client]:
    yield from _client(world, bearer_token=APP["authorization"].removeprefix("Bearer "))


def _client(world: World, **token: str) -> Iterator[Client]:
    client = Client(base_url=world.url, **token)
    yield client
    client.session.close()


def _token(world: World, username: str) -> str:
    return world.tokens[username]["authorization"].removeprefix("Bearer ")


def test_it_writes_answers_reads_and_deletes_a_post(world: World, brand: Client, jo: Client) -> None:
    opening = jo.posts.create({"text": "@AcmeCare where is my parcel?"}).data.id
    answer = brand.posts.create({"text": "On its way!", "reply": {"in_reply_to_tweet_id": opening}}).data.id

    read = brand.posts.get_by_id(answer, post_fields=FIELDS, expansions=EXPANSIONS)

    assert _plain(read.data)["conversation_id"] == opening
    assert _plain(read.includes)["users"][0]["username"] == "AcmeCare"
    assert _plain(read.data)["referenced_posts"] == [{"type": "replied_to", "id": opening}]
    many = brand.posts.get_by_ids([opening, answer], post_fields=FIELDS)
    assert [_plain(one)["id"] for one in many.data] == [opening, answer]
    assert brand.posts.delete(answer).data.deleted is True


def test_it_reads_mentions_and_its_own_posts_page_by_page(world: World, brand: Client) -> None:
    for number in range(12):
        world.tweeted("jodoe", f"@AcmeCare number {number}")
        world.tweeted("AcmeCare", f"Answer {number}")

    mentions = list(brand.users.get_mentions(world.people["AcmeCare"], max_results=5, post_fields=FIELDS))
    own = list(brand.users.get_posts(world.people["AcmeCare"], max_results=5))

    assert [len(page.data) for page in mentions] == [5, 5, 2]
    assert [len(page.data) for page in own] == [5, 5, 2]


def test_it_searches(world: World, app: Client) -> None:
    for number in range(11):
        world.tweeted("jodoe", f"Acme Care lost parcel {number}")
    world.tweeted("passerby", "something else")

    pages = list(app.posts.search_recent('"acme care" -is:retweet', max_results=10, post_fields=["created_at"]))

    assert [len(page.data) for page in pages] == [10, 1]


def test_an_empty_page_is_no_trouble(app: Client) -> None:
    pages = list(app.posts.search_recent("nobodysaidthis", max_results=10))

    assert [page.data for page in pages] in ([None], [[]])


def test_it_keeps_rules_and_reads_the_stream(world: World, app: Client) -> None:
    made = app.stream.update_rules({"add": [{"value": "@AcmeCare", "tag": "acme"}]})
    rules = [rule for page in app.stream.get_rules() for rule in page.data]
    said: list[str] = []

    def speak() -> None:
        said.append(world.tweeted("jodoe", f"@AcmeCare is this live? {len(said)}"))

    config = StreamConfig(timeout=20, max_retries=0, on_connect=speak)
    stream = app.stream.posts(tweet_fields=["author_id"], expansions=["author_id"], stream_config=config)
    first = next(stream)
    stream.close()

    assert [(_plain(rule)["value"], _plain(rule)["tag"]) for rule in rules] == [("@AcmeCare", "acme")]
    assert _plain(made.meta)["summary"]["created"] == 1
    assert _plain(first.data)["id"] == said[0]
    assert _plain(first.matching_rules[0])["tag"] == "acme"
    gone = app.stream.update_rules({"delete": {"ids": [_plain(rules[0])["id"]]}})
    assert _plain(gone.meta)["summary"]["deleted"] == 1


def test_it_registers_a_webhook_and_subscribes(world: World, app: Client, receiver: Receiver) -> None:
    made = _plain(app.webhooks.create({"url": receiver.url}))
    webhook_id = str((made.get("data") or made)["id"])
    body = {
        "event_type": "post.mention.create",
        "filter": {"user_id": world.people["AcmeCare"]},
        "tag": "acme",
        "webhook_id": webhook_id,
    }
    app.activity.create_subscription(body)
    world.tweeted("jodoe", "@AcmeCare hello")

    assert eventually(lambda: len(receiver.got) == 1)
    listed = [one for page in app.activity.get_subscriptions() for one in page.data]
    assert [_plain(one)["event_type"] for one in listed] == ["post.mention.create"]
    assert [_plain(one)["url"] for one in app.webhooks.get().data] == [receiver.url]
    assert app.webhooks.validate(webhook_id) is not None
    changed = app.activity.update_subscription(_plain(listed[0])["subscription_id"], {"tag": "other"})
    assert changed is not None
    app.activity.delete_subscription(_plain(listed[0])["subscription_id"])
    assert _plain(app.webhooks.delete(webhook_id))["data"]["deleted"] is True


def test_it_has_what_a_webhook_missed_replayed(world: World, app: Client, receiver: Receiver) -> None:
    webhook_id = world.listen(receiver.url, "AcmeCare", kinds=("post.mention.create",))
    world.ask("PUT", "/sandbox/settings", json={"replay_rules": False})
    world.ask("POST", "/sandbox/webhooks/invalidation", json={})
    missed = world.tweeted("jodoe", "@AcmeCare are you there?")
    app.webhooks.validate(webhook_id)
    now = datetime.now(UTC)
    span = {
        "from_date": f"{now - timedelta(hours=1):%Y%m%d%H%M}",
        "to_date": f"{now + timedelta(minutes=2):%Y%m%d%H%M}",
    }

    job = _plain(app.webhooks.create_webhook_replay_job({"webhook_id": webhook_id, **span}))

    assert job["data"]["job_id"]
    assert eventually(lambda: len(receiver.got) == 2)
    assert receiver.got[0][0]["data"]["payload"]["id"] == missed
    assert receiver.got[1][0]["replay_job_status"]["job_id"] == job["data"]["job_id"]


def test_it_writes_reads_and_deletes_private_messages(world: World, brand: Client, jo: Client) -> None:
    theirs = jo.direct_messages.create_by_participant_id(world.people["AcmeCare"], {"text": "Hello, privately"})
    ours = brand.direct_messages.create_by_participant_id(world.people["jodoe"], {"text": "Hello Jo"})

    pages = list(brand.direct_messages.get_events(max_results=10, dm_event_fields=["id", "text", "created_at"]))

    texts = [_plain(one)["text"] for page in pages for one in page.data]
    assert texts == ["Hello Jo", "Hello, privately"]
    assert theirs.data.dm_conversation_id == ours.data.dm_conversation_id
    there = ours.data.dm_conversation_id
    brand.direct_messages.create_by_conversation_id(there, {"text": "And one more"})
    one = brand.direct_messages.get_events_by_id(ours.data.dm_event_id, dm_event_fields=["id", "text"])
    assert _plain(one.data)["text"] == "Hello Jo"
    brand.direct_messages.delete_events(ours.data.dm_event_id)
    left = list(jo.direct_messages.get_events_by_participant_id(world.people["AcmeCare"], max_results=10))
    assert [_plain(one)["text"] for page in left for one in page.data] == ["And one more", "Hello, privately"]


def test_it_uploads_a_picture_in_one_piece_and_in_parts(world: World, brand: Client) -> None:
    whole = base64.b64encode(png()).decode()
    simple = brand.media.upload({"media": whole, "media_category": "tweet_image", "media_type": "image/png"})
    begun = brand.media.initialize_upload(
        {"media_type": "image/png", "total_bytes": len(png()), "media_category": "tweet_image"}
    )
    brand.media.append_upload(begun.data.id, {"media": whole, "segment_index": 0})
    brand.media.finalize_upload(begun.data.id)
    alt_text = {"id": begun.data.id, "metadata": {"alt_text": {"text": "A grey pixel"}}}
    brand.media.create_metadata(alt_text)

    body = {"text": "Two pictures", "media": {"media_ids": [simple.data.id, begun.data.id]}}
    posted = brand.posts.create(body).data.id

    read = brand.posts.get_by_id(posted, expansions=["attachments.media_keys"], media_fields=["alt_text", "type"])
    shown = [_plain(one) for one in _plain(read.includes)["media"]]
    assert [one["type"] for one in shown] == ["photo", "photo"]
    assert shown[1]["alt_text"] == "A grey pixel"


def test_it_looks_people_up(world: World, brand: Client, app: Client) -> None:
    ids = [world.people["jodoe"], world.people["passerby"]]

    assert _plain(brand.users.get_me().data)["username"] == "AcmeCare"
    assert [_plain(one)["id"] for one in app.users.get_by_ids(ids).data] == ids
    assert _plain(app.users.get_by_username("jodoe").data)["id"] == ids[0]


def test_it_hides_a_reply_and_likes_a_post(world: World, brand: Client) -> None:
    own = world.tweeted("AcmeCare", "We are open.")
    reply = world.tweeted("jodoe", "No you are not", own)

    assert brand.posts.hide_reply(reply, {"hidden": True}).data.hidden is True
    me = world.people["AcmeCare"]
    assert brand.users.like_post(me, {"tweet_id": reply}).data.liked is True
    assert brand.users.unlike_post(me, reply).data.liked is False


# -- where it is known to stumble: so does it here -----------------------------------------------------------------


def test_partial_errors_with_the_older_address_make_it_throw_the_whole_answer_away(world: World, app: Client) -> None:
    """Its list of problems is of api.x.com only (FACTS, section 1)."""
    there = world.tweeted("jodoe", "still here")
    world.ask("PUT", "/sandbox/settings", json={"vocabulary": "tweet", "strict_vocabulary": False})

    with pytest.raises(ValidationError):
        app.posts.get_by_ids([there, "123456789"])

    world.ask("PUT", "/sandbox/settings", json={"vocabulary": "post"})
    assert [_plain(one)["id"] for one in app.posts.get_by_ids([there, "123456789"]).data] == [there]


def test_a_refusal_is_an_error_that_hides_the_headers_but_not_the_words(world: World, brand: Client) -> None:
    brand.posts.create({"text": "The very same"})

    with pytest.raises(requests.HTTPError) as refused:
        brand.posts.create({"text": "The very same"})

    assert refused.value.response.status_code == 403
    assert "duplicate content" in refused.value.response.json()["detail"]


def test_a_post_that_is_gone_is_an_answer_of_errors_alone(world: World, app: Client) -> None:
    answer = app.posts.get_by_id("123456789")

    assert answer.data is None
    assert _plain(answer.errors[0])["type"].endswith("/resource-not-found")


def test_its_own_documentation_calls_what_is_not_there(brand: Client) -> None:
    with pytest.raises(TypeError):
        brand.posts.create(text="hello")
    assert not hasattr(brand, "filtered_stream")


def _plain(one: Any) -> dict[str, Any]:
    """A model, or what was not made one, as plain values."""
    return one.model_dump(exclude_none=True) if hasattr(one, "model_dump") else one
