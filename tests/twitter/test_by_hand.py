"""What a person does on the sandbox's page as a customer, beside tweeting: as a browser without scripts sees it."""

import struct
import zlib
from collections.abc import Iterator

import httpx
import pytest

from tests.twitter.playing import APP, Receiver, World, eventually


def png() -> bytes:
    """The smallest picture: one grey pixel."""

    def part(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = part(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + part(b"IDAT", zlib.compress(b"\x00\x80")) + part(b"IEND", b"")


@pytest.fixture
def jo(world: World) -> Iterator[httpx.Client]:
    """The browser of somebody who plays jodoe."""
    with httpx.Client(base_url=world.url, headers={"origin": world.url}, follow_redirects=True) as client:
        client.post("/as", data={"who": "@jodoe"})
        yield client


def test_a_customer_writes_to_a_brand_privately_and_sees_the_answer(world: World, jo: httpx.Client) -> None:
    page = jo.post("/messages", data={"to": "AcmeCare", "text": "my booking is <b>QF7K2L</b>"})

    assert page.url.path == "/messages/AcmeCare"
    assert "my booking is &lt;b&gt;QF7K2L&lt;/b&gt;" in page.text
    path = f"/2/dm_conversations/with/{world.people['jodoe']}/messages"
    answer = world.http.post(path, json={"text": "Found it."}, headers=world.tokens["AcmeCare"])
    assert answer.status_code == 201, answer.text
    assert "Found it." in jo.get("/messages/AcmeCare").text
    assert 'href="/messages/AcmeCare"' in jo.get("/messages").text


def test_nobody_else_reads_a_private_message(world: World, jo: httpx.Client) -> None:
    jo.post("/messages", data={"to": "AcmeCare", "text": "only for you"})

    jo.post("/as", data={"who": "@passerby"})

    assert "only for you" not in jo.get("/messages/AcmeCare").text
    assert "only for you" not in jo.get("/messages/jodoe").text
    assert "only for you" not in jo.get("/").text


def test_a_message_that_is_refused_comes_back_with_its_words(world: World, jo: httpx.Client) -> None:
    world.ask("PATCH", "/sandbox/accounts/AcmeCare", json={"takes_private": "nobody"})

    page = jo.post("/messages", data={"to": "AcmeCare", "text": "hello?"})

    assert page.status_code == 403
    assert "You do not have permission to DM one or more participants." in page.text
    assert page.text.count(">hello?</textarea>") == 1  # in the box for messages, not in the one for tweets


def test_a_message_to_nobody_comes_back_with_its_words_and_the_name(world: World, jo: httpx.Client) -> None:
    page = jo.post("/messages", data={"to": "@AcmeCar", "text": "hello <there>?"})

    assert page.status_code == 404
    assert 'role="alert">Nobody here is called @AcmeCar.</p>' in page.text
    assert page.text.count(">hello &lt;there&gt;?</textarea>") == 1
    assert 'value="AcmeCar"' in page.text


def test_a_message_without_a_name_is_asked_for_one_and_kept(world: World, jo: httpx.Client) -> None:
    page = jo.post("/messages", data={"to": " @ ", "text": "hello?"})

    assert page.status_code == 400
    assert 'role="alert">Say to whom, by their @name.</p>' in page.text
    assert page.text.count(">hello?</textarea>") == 1  # in the box for messages, not in the one for tweets


def test_a_picture_goes_along_with_its_description(world: World, jo: httpx.Client) -> None:
    files = {"picture": ("cup.png", png(), "image/png")}

    page = jo.post("/compose", data={"text": "@AcmeCare look", "alt_text": "A <cup>"}, files=files)

    assert page.status_code == 200
    assert 'alt="A &lt;cup&gt;"' in page.text
    address = page.text.split('<img src="/media/')[1].split('"')[0]
    assert jo.get(f"/media/{address}").content == png()
    fields = {"expansions": "attachments.media_keys", "media.fields": "alt_text"}
    told = world.look_up(world.ledger()[-1]["id"], **fields)
    assert told["includes"]["media"][0]["alt_text"] == "A <cup>"


def test_a_private_picture_is_for_the_two_alone(world: World, jo: httpx.Client) -> None:
    files = {"picture": ("cup.png", png(), "image/png")}
    page = jo.post("/messages", data={"to": "AcmeCare", "text": "", "alt_text": "A cup"}, files=files)
    address = "/messages/media/" + page.text.split('<img src="/messages/media/')[1].split('"')[0]

    assert jo.get(address).content == png()
    jo.post("/as", data={"who": "@passerby"})
    assert jo.get(address).status_code == 404


def test_what_is_no_picture_is_refused_in_a_sentence(world: World, jo: httpx.Client) -> None:
    files = {"picture": ("notes.txt", b"just words", "image/png")}

    page = jo.post("/compose", data={"text": "@AcmeCare look"}, files=files)

    assert page.status_code == 400
    assert 'role="alert"' in page.text
    assert world.ledger() == []


def test_an_edited_tweet_is_marked_and_drawn_once(world: World, receiver: Receiver, jo: httpx.Client) -> None:
    world.listen(receiver.url, "AcmeCare")
    first = world.tweeted("jodoe", "@AcmeCare where is my bgg?")

    page = jo.post(f"/status/{first}/edit", data={"text": "@AcmeCare where is my bag?"})

    assert page.status_code == 200
    assert page.text.count("where is my bag?") >= 1
    assert ">Edited<" in page.text
    assert "bgg" not in jo.get("/").text
    assert eventually(lambda: len(receiver.got) == 2)


def test_only_ones_own_tweets_are_edited(world: World, jo: httpx.Client) -> None:
    theirs = world.tweeted("passerby", "theirs")

    page = jo.post(f"/status/{theirs}/edit", data={"text": "mine now"})

    assert page.status_code == 403
    assert "mine now" not in [line["text"] for line in world.ledger()]


def test_a_brands_tweet_is_quoted_and_liked(world: World, receiver: Receiver, jo: httpx.Client) -> None:
    world.listen(receiver.url, "AcmeCare")
    theirs = world.tweeted("AcmeCare", "We are open all night.")

    quoted = jo.post("/compose", data={"text": "Are you?", "quoted": theirs})
    liked = jo.post(f"/status/{theirs}/like", data={"how": "like"})

    assert "We are open all night." in quoted.text.split("<blockquote>")[1]
    assert 'aria-pressed="true"' in liked.text
    again = jo.post(f"/status/{theirs}/like", data={"how": "unlike"})
    assert 'aria-pressed="true"' not in again.text
    assert eventually(lambda: any(one["event_type"].endswith("quote.create") for one in receiver.data()))


def test_who_protects_their_tweets_is_not_delivered(world: World, receiver: Receiver, jo: httpx.Client) -> None:
    world.listen(receiver.url, "AcmeCare")

    page = jo.post("/me/protection", data={"how": "protect"})
    jo.post("/compose", data={"text": "@AcmeCare can you see this?"})

    assert "protected" in page.text
    assert world.look_up(world.ledger()[-1]["id"])["errors"]
    jo.post("/me/protection", data={"how": "open"})
    assert "data" in world.look_up(world.ledger()[-1]["id"])
    assert receiver.got == []


def test_a_brand_that_is_blocked_cannot_answer(world: World, jo: httpx.Client) -> None:
    opening = world.tweeted("jodoe", "@AcmeCare hello")

    page = jo.post("/account/AcmeCare/relation", data={"how": "block", "back": "/account/AcmeCare"})

    assert "Unblock @AcmeCare" in page.text
    assert world.tweet("AcmeCare", "Hello!", opening).status_code == 403
    jo.post("/account/AcmeCare/relation", data={"how": "unblock"})
    assert world.tweet("AcmeCare", "Hello!", opening).status_code == 201


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/messages", {"to": "AcmeCare", "text": "x"}),
        ("/me/protection", {"how": "protect"}),
        ("/account/AcmeCare/relation", {"how": "block"}),
    ],
)
def test_whoever_is_nobody_yet_is_asked_who_they_are(world: World, path: str, form: dict[str, str]) -> None:
    answer = world.http.post(path, data=form, headers={"origin": world.url})

    assert answer.status_code == 400
    assert "Choose who you are first." in answer.text
    assert world.http.get("/2/users/me", headers=APP).status_code == 403
