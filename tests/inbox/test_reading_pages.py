"""What the conversation page shows of private and public messages, pictures, edits, and of what is not shown."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from django.test import Client

from inbox.enums import Direction
from inbox.models import Conversation, Message
from inbox.twitter import pictures
from inbox.views import timeline
from tenants import entry
from tests.conftest import NOON
from tests.factories import ConversationFactory, CustomerFactory, MessageFactory, at, tweet_id
from tests.factories.inbox import VersionFactory
from tests.visiting import AGENCY, queries_counted, visitor

PHOTO = {"key": "3_1", "kind": "photo", "url": "https://pbs.twimg.com/media/x.jpg", "preview": "", "alt": "a box"}
FILM = {"key": "7_1", "kind": "video", "url": "", "preview": "", "alt": "the belt"}
PNG = b"\x89PNG\r\n\x1a\n and so on"


@pytest.fixture
def client(db, house, static_files, _transactions_around) -> Client:
    return visitor(AGENCY, house.agent_id)


@pytest.fixture
def conversation(house, client) -> Iterator[Conversation]:
    with entry.brand(house.acme):
        pk = tweet_id(0)
        customer = CustomerFactory(id=pk, username="jo", avatar_url="https://pbs.twimg.com/jo.jpg")
        return ConversationFactory(id=pk, customer=customer, last_message=pk)


def said(house, conversation, number=0, **fields):
    with entry.brand(house.acme):
        return MessageFactory(id=tweet_id(number), conversation=conversation, created_at=at(number), **fields)


def page(client, conversation):
    return client.get(f"/b/acme/conversations/{conversation.pk}/", HTTP_HX_REQUEST="true").content.decode()


@contextmanager
def a_shelf(answers):
    """A server on this machine that keeps pictures, as the sandbox does; what was asked of it, and with which token."""
    asked = []

    class Shelf(BaseHTTPRequestHandler):
        def do_GET(self):  # noqa: N802, the library's name
            asked.append((self.path, self.headers.get("Authorization")))
            status, kind, body = answers.get(self.path, (404, "text/plain", b""))
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Location", "http://127.0.0.1:1/")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Shelf)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


def test_private_and_public_messages_are_told_apart(client, house, conversation):
    said(house, conversation, text="In public")
    said(house, conversation, 1, text="In private", is_private=True)
    said(house, conversation, 2, text="Our answer", is_private=True, direction=Direction.OUTBOUND)

    shown = page(client, conversation)

    assert shown.count("direct message</p>") == 2
    assert shown.count("message-private") == 2
    assert f"https://x.com/messages/compose?recipient_id={conversation.customer_id}" in shown


def test_every_link_to_x_leads_to_where_its_pages_are(client, house, conversation, settings):
    settings.TWITTER_PAGES_URL = "http://twitter.localhost:8000"
    said(house, conversation, text="@AcmeAir it is #late", quote_of_id=20)
    said(house, conversation, 1, text="In private", is_private=True)

    shown = page(client, conversation)

    for path in ("AcmeAir", "hashtag/late", "i/status/20", f"messages/compose?recipient_id={conversation.customer_id}"):
        assert f'href="http://twitter.localhost:8000/{path}"' in shown
    assert 'href="https://x.com' not in shown


def test_an_encrypted_message_says_where_it_can_be_read(client, house, conversation):
    said(house, conversation, text="", is_private=True, is_encrypted=True)

    shown = page(client, conversation)

    assert "Encrypted message." in shown
    assert "Open it in X" in shown


def test_pictures_come_from_our_own_address_with_their_words(client, house, conversation):
    said(house, conversation, text="@AcmeAir look https://t.co/a", media=[PHOTO, FILM],
         links=[{"url": "https://t.co/a", "expanded": "https://x.com/i/1/photo/1", "shown": ""}])  # fmt: skip

    shown = page(client, conversation)

    assert re.search(r'<img src="/b/acme/media/[^"/]+/" alt="a box"', shown)
    assert "Play the video in X" in shown
    assert "t.co" not in shown
    assert "twimg.com" not in shown


def test_links_are_shown_as_what_they_lead_to(client, house, conversation):
    link = {"url": "https://t.co/b", "expanded": "https://acme.example/claims?x=1", "shown": "acme.example/claims"}
    evil = {"url": "https://t.co/c", "expanded": "javascript:alert(1)", "shown": "<b>\u202egood"}
    said(house, conversation, text="see https://t.co/b and https://t.co/c", links=[link, evil])

    shown = page(client, conversation)

    assert 'href="https://t.co/b" title="https://acme.example/claims?x=1"' in shown
    assert ">acme.example/claims</a>" in shown
    assert 'href="javascript' not in shown
    assert "&lt;b&gt;good" in shown


def test_an_edited_tweet_shows_what_it_said_before(client, house, conversation):
    message = said(house, conversation, text="my bag is lost", version_id=tweet_id(9), edited_at=at(9))
    with entry.brand(house.acme):
        VersionFactory(id=message.pk, message=message, text="my bag is lots")
        VersionFactory(id=tweet_id(5), message=message, text="")
        VersionFactory(id=tweet_id(9), message=message, text="my bag is lost")

    shown = page(client, conversation)

    assert "<del>lots</del><ins>lost</ins>" in shown
    assert "This version did not reach us." in shown


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"deleted_at": NOON, "text": ""}, "This tweet was deleted."),
        ({"hidden_at": NOON, "hidden_why": "protected"}, "This account is protected now."),
        ({"hidden_at": NOON, "hidden_why": "suspended"}, "X has suspended this account."),
    ],
)
def test_what_is_not_to_be_shown_is_not_on_the_page(client, house, conversation, fields, sentence):
    said(
        house,
        conversation,
        **{"text": "a secret thing", "media": None if "deleted_at" in fields else [PHOTO], **fields},
    )

    shown = page(client, conversation)
    listed = client.get("/b/acme/").content.decode()

    assert sentence in shown
    assert "a secret thing" not in shown + listed
    assert "/media/" not in shown.replace("/media/face", "") or "a box" not in shown


def test_what_matters_about_the_customer_is_beside_it(client, house, conversation):
    with entry.brand(house.acme):
        type(conversation.customer).objects.update(is_protected=True, blocks_us_at=NOON, takes_private=False)
    said(house, conversation)

    shown = page(client, conversation)

    assert all(words in shown for words in ("protected account", "blocks us", "takes no direct messages"))


def test_a_page_costs_the_same_with_one_edited_message_and_with_three(client, house, conversation):
    counts = []
    for number in range(3):
        message = said(house, conversation, number, version_id=tweet_id(50 + number), edited_at=NOON, media=[PHOTO])
        with entry.brand(house.acme):
            VersionFactory(id=message.pk, message=message)
            VersionFactory(id=tweet_id(50 + number), message=message)
        with queries_counted() as counted:
            page(client, conversation)
        counts.append(len(counted))

    assert len(set(counts)) == 1


# --- the pictures themselves


def picture_address(client, conversation):
    return re.search(r'img src="(/b/acme/media/[^"]+)" alt="a', page(client, conversation)).group(1)


def test_a_picture_is_fetched_by_us_and_shown_as_ours(client, house, conversation, settings):
    with a_shelf({"/media/1.png": (200, "image/png", PNG)}) as (url, asked):
        settings.TWITTER_URL = url
        said(house, conversation, media=[{**PHOTO, "url": f"{url}/media/1.png"}])
        answer = client.get(picture_address(client, conversation))

    assert (answer.status_code, answer["Content-Type"], answer.content) == (200, "image/png", PNG)
    assert "no-store" in answer["Cache-Control"]
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert asked == [("/media/1.png", None)]


@pytest.mark.parametrize(
    "given",
    [
        (200, "text/html", b"<script>"),
        (200, "image/svg+xml", b"<svg/>"),
        (200, "image/png", b"<html> that says it is a picture"),
        (302, "image/png", PNG),
        (404, "image/png", PNG),
        (200, "image/png", PNG + b"x" * 5_000_000),
    ],
)
def test_what_is_no_picture_is_not_shown(client, house, conversation, settings, given):
    with a_shelf({"/media/1.png": given}) as (url, asked):
        settings.TWITTER_URL = url
        said(house, conversation, media=[{**PHOTO, "url": f"{url}/media/1.png"}])
        answer = client.get(picture_address(client, conversation))

    assert answer.status_code == 404
    assert len(asked) == 1


def test_a_picture_of_a_deleted_tweet_is_gone(client, house, conversation, settings):
    with a_shelf({"/media/1.png": (200, "image/png", PNG)}) as (url, asked):
        settings.TWITTER_URL = url
        message = said(house, conversation, media=[{**PHOTO, "url": f"{url}/media/1.png"}])
        address = picture_address(client, conversation)
        with entry.brand(house.acme):
            Message.objects.filter(pk=message.pk).update(deleted_at=NOON, text="", media=None, links=None, reasons=[])
        answer = client.get(address)

    assert (answer.status_code, asked) == (404, [])


def test_an_address_of_another_brand_or_a_changed_one_opens_nothing(client, house, conversation):
    said(house, conversation, media=[PHOTO])
    address = picture_address(client, conversation)

    elsewhere = client.get(address.replace("/b/acme/", "/b/canary/"))
    changed = client.get(address.replace(f"{tweet_id(0)}.0", f"{tweet_id(0)}.1"))

    assert (elsewhere.status_code, changed.status_code) == (404, 404)


@pytest.mark.parametrize(
    "url",
    [
        "http://pbs.twimg.com/x.jpg",
        "https://pbs.twimg.com.evil.example/x.jpg",
        "https://evil.example/x.jpg",
        "https://pbs.twimg.com@evil.example/x.jpg",
        "https://pbs.twimg.com:8443/x.jpg",
        "http://127.0.0.1/x.jpg",
        "file:///etc/passwd",
        "https://[",
        "https://pbs.twimg.com:99999999/x.jpg",
        "",
    ],
)
def test_only_twitters_own_addresses_are_fetched(url):
    assert not pictures.is_ours_to_fetch(url)
    assert not pictures.needs_token(url)
    with pytest.raises(pictures.NoPicture):
        pictures.fetch(url)


def test_the_brands_token_goes_to_where_direct_messages_are_and_nowhere_else():
    assert pictures.needs_token("https://ton.x.com/1.1/ton/data/dm/1/2/x.jpg")
    assert not pictures.needs_token("https://pbs.twimg.com/media/x.jpg")


def test_a_difference_is_told_word_by_word():
    assert timeline.difference("my bag is lots", "my bag is lost now") == [
        {"kind": "kept", "text": "my bag is "},
        {"kind": "gone", "text": "lots"},
        {"kind": "new", "text": "lost now"},
    ]
