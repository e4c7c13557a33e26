"""What the sandbox sends by itself, lines of the stream and events, is what Twitter's own description allows."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.twitter.description import SHARED, Description
from tests.twitter.playing import Receiver, World, eventually
from tests.twitter.test_stream import Reader, add, connected

pytestmark = [
    pytest.mark.twitter,
    pytest.mark.skipif(not SHARED.exists(), reason="Twitter's OpenAPI files are not beside the project"),
]
FIELDS = "author_id,created_at,conversation_id,entities,edit_controls,in_reply_to_user_id,lang,referenced_tweets"
STREAMED = {
    "tweet.fields": f"{FIELDS},attachments,note_tweet,public_metrics,reply_settings,display_text_range",
    "expansions": "author_id,referenced_tweets.id,attachments.media_keys",
    "media.fields": "url,preview_image_url,type,alt_text,variants,width,height",
    "user.fields": "name,username,created_at,protected,profile_image_url",
}
KINDS = (
    "post.create", "post.delete", "post.mention.create", "post.reply.create", "post.quote.create",
    "post.repost.create", "follow.follow", "follow.unfollow", "like.create",
    "profile.update.bio", "profile.update.screenname", "profile.update.geo", "profile.update.url",
    "profile.update.profile_picture", "profile.update.handle",
)  # fmt: skip


@pytest.fixture
def readers() -> Iterator[list[Reader]]:
    opened: list[Reader] = []
    yield opened
    for reader in opened:
        reader.close()


@pytest.fixture(params=["tweet", "post"])
def vocabulary(world: World, request: pytest.FixtureRequest) -> str:
    world.ask("PUT", "/sandbox/settings", json={"vocabulary": request.param})
    return request.param


def test_every_line_of_the_stream_fits(world: World, readers: list[Reader], vocabulary: str) -> None:
    add(world, ("@AcmeCare", "acme"), ("to:jodoe", "jo"))
    reader = connected(world, readers, **_asked(vocabulary))
    jo = world.people["jodoe"]
    world.ask("PATCH", "/sandbox/accounts/jodoe", json={"verified": True})

    opening = world.tweeted("jodoe", "@AcmeCare where is it? https://acme.example/a #late")
    world.tweeted("AcmeCare", "On its way", opening)
    world.record(
        *({"author_id": jo, "text": f"@AcmeCare a {kind}", "media": [kind]} for kind in ("photo", "gif", "video"))
    )
    world.tweeted("jodoe", "@AcmeCare " + "it goes on & on " * 40)
    world.tweeted("passerby", "@AcmeCare look", quote_tweet_id=opening)
    world.ask("POST", f"/sandbox/tweets/{opening}/edits", json={"text": "@AcmeCare where is it now?"})
    assert eventually(lambda: len(reader.got) == 8)
    world.ask("POST", "/sandbox/stream/disconnection")
    assert eventually(lambda: len(reader.got) == 9)

    # The newer file does not list this kind of problem, which Twitter sends all the same.
    lines = reader.got if vocabulary == "tweet" else reader.got[:8]
    description = Description(vocabulary)
    assert [why for line in lines for why in description.wrong_with_line(line)] == []


def test_every_event_fits(world: World, receiver: Receiver, vocabulary: str) -> None:
    world.listen(receiver.url, "AcmeCare", kinds=KINDS)
    jo, own = world.people["jodoe"], world.tweeted("AcmeCare", "We are open.")
    world.tweeted("jodoe", "@AcmeCare where is it? https://acme.example/a #late")
    world.tweeted("jodoe", "no, closed", own)
    world.tweeted("jodoe", "they say", quote_tweet_id=own)
    world.record({"author_id": jo, "text": "@AcmeCare " + "it goes on & on " * 40, "media": ["photo"]})
    world.ask("POST", f"/sandbox/tweets/{own}/reposts", json={"from": "jodoe"})
    world.ask("PUT", f"/sandbox/tweets/{own}/likes", json={"from": "jodoe"})
    for method in ("PUT", "DELETE"):
        world.ask(method, "/sandbox/relations", json={"kind": "follow", "from": "jodoe", "to": "AcmeCare"})
    profile = {"name": "Acme Cares", "description": "Kettles", "location": "Faro", "url": "https://acme.example"}
    world.ask("PATCH", "/sandbox/accounts/AcmeCare", json={**profile, "picture": True, "username": "AcmeCares"})
    world.ask("DELETE", f"/sandbox/tweets/{own}")

    assert eventually(lambda: {one["event_type"] for one in receiver.data()} >= set(KINDS)), _left(receiver)
    description = Description(vocabulary)
    wrong = {one["event_type"]: description.wrong_with_event(one) for one in receiver.data()}
    assert {kind: why for kind, why in wrong.items() if why} == {}
    # The older file describes four kinds of payloads, the newer one those of tweets and likes as well.
    described = {kind for kind in wrong if description.payload_of(kind)}
    assert described == (set(KINDS) if vocabulary == "post" else {kind for kind in KINDS if _is_old(kind)})


def _asked(vocabulary: str) -> dict[str, str]:
    if vocabulary == "tweet":
        return STREAMED
    fields = STREAMED["tweet.fields"].replace("author_id,", "", 1).replace("in_reply_to_user_id,", "")
    fields = fields.replace("referenced_tweets,", "").replace("note_tweet", "note_post")
    more = {name: value for name, value in STREAMED.items() if name.endswith((".fields",)) and name != "tweet.fields"}
    return {**more, "post.fields": fields, "expansions": "author_id,referenced_posts,attachments.media_keys"}


def _is_old(kind: str) -> bool:
    return kind in ("post.create", "post.delete") or kind.startswith(("follow.", "profile."))


def _left(receiver: Receiver) -> Any:
    return set(KINDS) - {one["event_type"] for one in receiver.data()}
