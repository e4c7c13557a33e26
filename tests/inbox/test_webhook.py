"""Twitter's door as Twitter sees it: a real process, real HTTP."""

import asyncio
import json
import os
import socket
import time
from urllib.parse import quote

import pytest

from inbox.domain import flow
from inbox.enums import ArrivalKind, Outcome
from inbox.models import Arrival, Message
from inbox.twitter.signature import sign
from tenants import schemas
from tests.conftest import ACME_HANDLE, NOON, SHARED, committed, handle_of
from tests.factories import tweet_id
from tests.inbox.door import SECRET, Door, Wire
from tests.payloads import tweet_event

pytestmark = pytest.mark.commits
SAMPLES = SHARED / "twitter" / "samples"
needs_samples = pytest.mark.skipif(not SAMPLES.is_dir(), reason="shared data is not here")
JO = 900_000_000_000_000_001
MOST_BYTES = 1_000_000


@pytest.fixture(scope="module")
def door(tmp_path_factory, django_db_setup):
    with Door(tmp_path_factory.mktemp("door") / "log") as door:
        yield door


@pytest.fixture
def brand(new_brand):
    return new_brand()


def event(brand, number=0, **said):
    return tweet_event(id=tweet_id(0, number), author_id=JO, for_id=handle_of(brand), **{"text": "my bag", **said})


def arrivals_of(brand):
    with committed(brand):
        return list(Arrival.objects.order_by("pk"))


def strays(reason):
    with schemas.as_owner() as cursor:
        cursor.execute("SELECT body FROM tenants_stray WHERE reason = %s ORDER BY id", [reason])
        return [bytes(row[0]) for row in cursor.fetchall()]


# --- what Twitter publishes


@needs_samples
def test_the_challenge_is_answered_as_twitter_published(door):
    vector = json.loads((SAMPLES / "webhook" / "crc_vector.json").read_text())
    query = vector["request"].partition("?")[2]

    status, said = door.ask("GET", f"/twitter/webhook?{query}")

    assert vector["consumer_secret"] == SECRET
    assert (status, said) == (200, vector["response_json"])


@needs_samples
def test_the_signature_is_checked_as_twitter_published(door, house, brand):
    vector = json.loads((SAMPLES / "webhook" / "signature_vector.json").read_text())
    body = (SAMPLES / "webhook" / vector["raw_body_file"]).read_bytes()

    status = door.deliver(body, signature=vector["value"])
    changed = door.deliver(body.replace(b"A-1029", b"A-1028"), signature=vector["value"])
    with committed(house.acme):
        stored = list(Arrival.objects.order_by("pk"))
        Arrival.objects.all().delete()

    assert (status, changed) == (200, 401)
    assert [(row.kind, row.handle_id) for row in stored] == [(ArrivalKind.PRIVATE, ACME_HANDLE)]


@needs_samples
def test_every_event_that_twitter_publishes_is_taken_and_carried_or_kept(door, brand):
    files = [path for path in sorted((SAMPLES / "xaa").glob("*.json")) if "subscription" not in path.name]
    before = len(strays("unknown_handle"))

    statuses = {}
    for path in files:
        body = path.read_bytes().replace(str(ACME_HANDLE).encode(), str(handle_of(brand)).encode())
        statuses[path.name] = door.deliver(body)

    assert statuses == dict.fromkeys(statuses, 200)
    assert len(statuses) == 11
    with committed(brand):
        flow.carry_all(brand=brand, now=NOON)
        outcomes = sorted(Arrival.objects.values_list("outcome", flat=True))
    # Four tweets, two direct messages and an encrypted one; typing and a receipt are kept, lost access is noted.
    assert len(strays("unknown_handle")) == before
    assert outcomes == sorted([Outcome.MESSAGE] * 7 + [Outcome.DELETED] + [Outcome.KEPT] * 2 + [Outcome.NOTED])


# --- what is refused, and what becomes of it


def test_a_challenge_signs_no_event_for_whoever_asks(door, brand):
    """The challenge is answered to anybody, with the key that signs bodies: an event as the token would be signed."""
    body = event(brand)

    status, said = door.ask("GET", f"/twitter/webhook?crc_token={quote(body)}")
    harmless = door.ask("GET", "/twitter/webhook?crc_token=1234")[1]["response_token"]

    assert (status, said.get("response_token")) == (400, None)
    assert door.ask("GET", f"/twitter/webhook?crc_token={'A' * 600}")[0] == 400
    # What a challenge was answered with is no signature of anything that is kept.
    assert door.deliver(b"1234", signature=harmless) == 401
    assert b"1234" not in strays("malformed")


def test_a_wrong_signature_is_refused_counted_and_stores_nothing(door, brand):
    before = door.counts().get("wrong_signature", 0)
    body = event(brand)

    refused = [
        door.deliver(body, signature=signature)
        for signature in (
            "",
            "sha256=",
            "sha256=" + "A" * 44,
            "\xe9",
            sign(body, secret="another"),
            sign(b"", secret=SECRET),
        )
    ]

    assert refused == [401] * 6
    assert door.counts()["wrong_signature"] == before + 6
    assert arrivals_of(brand) == []


def test_what_is_not_json_is_refused_and_its_bytes_are_kept(door):
    body = b'{"data": {"event_type": \xff\x00 oh no'

    status = door.deliver(body)

    assert status == 400
    assert strays("malformed")[-1] == body


@pytest.mark.parametrize("body", [b"{}", b"[{}]", b'"{hello}"', b'{"for_user_id": "7", "tweet_create_events": []}'])
def test_what_is_of_no_shape_that_we_know_is_kept_and_not_sent_again_for_a_day(door, body):
    """A webhook that fails for 28 hours is switched off, with all of its subscriptions (FACTS 2.6)."""
    status = door.deliver(body)

    assert status == 200
    assert strays("malformed")[-1] == body


def test_an_event_for_an_account_of_no_brand_is_kept_and_told(door):
    body = tweet_event(id=tweet_id(), author_id=JO, text="hello", for_id=4_242)

    status = door.deliver(body)

    assert status == 200
    assert strays("unknown_handle")[-1] == body
    assert "account 4242" in door.log.read_text()


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_are_refused(door, method):
    status, _ = door.ask(method)

    assert status == 405


@pytest.mark.parametrize("path", ["/twitter/webhook/", "/twitter", "//twitter/webhook", "/twitter/webhook?x=1", "/"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_it_never_redirects(door, method, path):
    """Twitter takes a 3xx for the end of the webhook (FACTS 2.6)."""
    status, _ = door.ask(method, path)

    assert status in (400, 401, 404)


def test_a_body_that_says_it_is_too_large_is_refused_unread(door):
    before = door.counts().get("too_large", 0)

    with socket.create_connection(("127.0.0.1", door.port), timeout=10) as wire:
        wire.sendall(b"POST /twitter/webhook HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100000000\r\n\r\n")
        answer = wire.recv(1000)

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert door.counts()["too_large"] == before + 1


def test_a_body_of_exactly_the_limit_is_read(door, brand):
    said = event(brand, text="x")
    longest = said.replace(b'"x"', b'"' + b"x" * (MOST_BYTES - len(said) + 1) + b'"')

    assert len(longest) == MOST_BYTES
    assert door.deliver(longest) == 200
    assert door.deliver(longest + b" ") == 413
    assert len(arrivals_of(brand)) == 1


def test_a_body_that_streams_on_and_on_is_refused_and_held_in_no_memory(door):
    door.deliver(b" " * MOST_BYTES)  # what one full body needs is needed already
    before = door.memory()
    sent = 0

    with socket.create_connection(("127.0.0.1", door.port), timeout=10) as wire:
        wire.sendall(b"POST /twitter/webhook HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n")
        piece = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        try:
            while sent < 100_000_000:
                wire.sendall(piece)
                sent += 0x10000
        except OSError:
            pass  # hung up on
        answer = _last_words(wire)

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert door.memory() - before < 20_000_000
    assert door.ask("GET", "/live/healthz")[0] == 200


def _last_words(wire):
    try:
        return wire.recv(1000)
    except OSError:
        return b""


def test_a_caller_who_hangs_up_is_no_forger(door):
    before = door.counts().get("wrong_signature", 0)

    with socket.create_connection(("127.0.0.1", door.port), timeout=10) as wire:
        wire.sendall(b"POST /twitter/webhook HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\n{")
    time.sleep(0.3)

    assert door.counts().get("wrong_signature", 0) == before


# --- storing


def test_what_arrives_twice_is_stored_once(door, brand):
    mention, reply = event(brand), event(brand, event_type="post.reply.create")

    statuses = [door.deliver(body) for body in (mention, reply, mention)]

    assert statuses == [200, 200, 200]
    assert [row.twitter_id for row in arrivals_of(brand)] == [tweet_id()]


@pytest.mark.slow
def test_a_thousand_posts_at_once_are_all_stored(door, brand):
    bodies = [event(brand, number) for number in range(1000)]

    async def post(body):
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        signature = sign(body, secret=SECRET)
        head = f"POST /twitter/webhook HTTP/1.1\r\nhost: x\r\nx-twitter-webhooks-signature: {signature}\r\n"
        writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        answer = await reader.readline()
        writer.close()
        return int(answer.split()[1])

    async def all_at_once():
        return await asyncio.gather(*map(post, bodies))

    statuses = asyncio.run(all_at_once())

    assert statuses == [200] * 1000
    assert {row.twitter_id for row in arrivals_of(brand)} == {tweet_id(0, number) for number in range(1000)}


@pytest.mark.slow
def test_while_the_database_is_away_twitter_is_asked_to_come_again(tmp_path, brand):
    wire = Wire(os.environ["NIGHTJAR_LETTERBOX_DATABASE_URL"])

    with Door(tmp_path / "log", NIGHTJAR_LETTERBOX_DATABASE_URL=wire.url) as door:
        before = door.deliver(event(brand, 0))
        wire.mend()
        _until(lambda: door.deliver(event(brand, 1)) == 200)
        wire.cut()
        meanwhile = door.deliver(event(brand, 2))
        wire.mend()
        _until(lambda: door.deliver(event(brand, 2)) == 200)
        wire.cut()

    assert (before, meanwhile) == (503, 503)
    assert [row.twitter_id for row in arrivals_of(brand)] == [tweet_id(0, 1), tweet_id(0, 2)]


def _until(is_so, seconds=30):
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.2)


def test_what_cannot_be_written_as_text_is_still_stored_and_carried(door, brand):
    """Half of an emoji, where somebody cut a name to a length; and bytes that are no UTF-8 at all."""
    halved = event(brand, 0).replace(b"my bag", rb"\ud83d \u0000 bag")
    broken = event(brand, 1).replace(b"my bag", b"\xff\xfe bag")

    statuses = [door.deliver(halved), door.deliver(broken)]

    assert statuses == [200, 200]
    with committed(brand):
        flow.carry_all(brand=brand, now=NOON)
        texts = list(Message.objects.order_by("pk").values_list("text", flat=True))
    assert texts == ["\ufffd  bag", "\ufffd\ufffd bag"]
