import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inbox.domain import arrivals, flow
from inbox.enums import ArrivalKind, Direction, Outcome, Source
from inbox.models import Arrival, Conversation, CostLine, Customer, Event, Message
from tests.conftest import ACME_HANDLE, NOON
from tests.factories import MessageFactory, tweet_id
from tests.payloads import arrive, payload_of, tweet_event

JO = 900_000_000_000_000_001


def test_a_mention_becomes_a_waiting_conversation(acme):
    arrive(tweet_event(id=tweet_id(0), author_id=JO, text="@AcmeAir my bag is gone"))

    carried = flow.carry(brand=acme, now=NOON)

    assert carried.count == 1
    conversation = Conversation.objects.get()
    assert conversation.waiting_since == NOON
    assert conversation.customer.username == f"u{JO}"[:15]
    assert Message.objects.get().text == "@AcmeAir my bag is gone"
    assert list(Event.objects.order_by("seq").values_list("kind", flat=True)) == ["opened", "message_arrived"]


def test_the_same_arrival_twice_changes_nothing_more(acme):
    for _ in range(2):
        arrive(tweet_event(id=tweet_id(0), author_id=JO, text="@AcmeAir my bag is gone"))
        flow.carry(brand=acme, now=NOON)

    assert Message.objects.count() == 1
    assert Event.objects.count() == 2


# --- whatever Twitter sends -------------------------------------------------------------------------------------------


def carried(brand, body, *, kind=ArrivalKind.TWEET, twitter_id=None):
    """What becomes of one event, stored as the letterbox stores it."""
    twitter_id = twitter_id or tweet_id(0)
    arrivals.store(kind=kind, twitter_id=twitter_id, handle_id=ACME_HANDLE, body=body, now=NOON)
    flow.carry(brand=brand, now=NOON)
    return Arrival.objects.order_by("-pk").values_list("outcome", flat=True).first()


def changed(body, **payload):
    """The event with other fields in its payload; `...` takes one away."""
    event = json.loads(body)
    event["data"]["payload"] |= payload
    event["data"]["payload"] = {name: value for name, value in event["data"]["payload"].items() if value is not ...}
    return json.dumps(event).encode()


MENTION = tweet_event(id=tweet_id(0), author_id=JO, text="@AcmeAir my bag is gone")


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "x" * 25_000,
        "𝔵" * 25_000,
        "\u202e\u2066gnp.exe\u2069 @AcmeAir",
        "مرحبا @AcmeAir أين حقيبتي؟",
        "👩‍👩‍👧‍👦" * 100,
        "a\u0300" * 500,
        "'); DROP TABLE inbox_message; --",
        "{{ 7*7 }} %s %(x)s {0}",
        "line\r\nline\u2028line",
    ],
    ids=lambda text: ascii(text)[:20],
)
def test_any_text_is_kept_to_the_letter(acme, text):
    outcome = carried(acme, tweet_event(id=tweet_id(0), author_id=JO, text=text))

    assert outcome == Outcome.MESSAGE
    assert Message.objects.get().text == text


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("a\x00b", "ab"), ("cut \ud83d", "cut \ufffd"), ("\udc00\ud800", "\ufffd\ufffd"), ("&lt;b&gt; &amp;", "<b> &")],
    ids=["nul", "half", "halves", "escaped"],
)
def test_what_no_database_keeps_is_left_out_and_the_rest_stays(acme, sent, kept):
    body = tweet_event(id=tweet_id(0), author_id=JO, text=sent, username="jo\x00\ud83d", lang="e\x00n\ud83d")

    assert carried(acme, body) == Outcome.MESSAGE
    assert Message.objects.get().text == kept
    assert Customer.objects.get().username == "jo\ufffd"


def test_bytes_that_are_no_text_are_read_as_well_as_they_can_be(acme):
    assert carried(acme, MENTION.replace(b"my bag", b"\xff\xfe\xed\xa0\x80")) == Outcome.MESSAGE
    assert "\ufffd" in Message.objects.get().text


@pytest.mark.parametrize(
    "field", ["created_at", "conversation_id", "lang", "entities", "text", "edit_history_tweet_ids"]
)
def test_what_is_absent_is_absent_and_no_reason_to_refuse(acme, field):
    assert carried(acme, changed(MENTION, **{field: ...})) == Outcome.MESSAGE
    assert Message.objects.get().created_at == NOON


@pytest.mark.parametrize(
    "fields",
    [
        {"id": tweet_id(0), "author_id": JO, "conversation_id": tweet_id(0)},  # numbers, not strings
        {"lang": None, "entities": None, "in_reply_to_user_id": None, "referenced_tweets": None, "text": None},
        {"in_reply_to_user_id": "", "lang": "x" * 100},
        {"created_at": "2026-11-03T12:00:00"},  # no zone
        {"created_at": "2026-11-03T13:00:00+01:00"},
        {"unheard_of": {"deep": [1, {"er": None}]}, "entities": {"mentions": [], "annotations": [{"x": 1}]}},
        {"note_tweet": {"text": "the whole of it"}},
        {"text": ..., "note_post": {"text": "the whole of it"}},
    ],
    ids=lambda fields: " ".join(fields)[:40],
)
def test_the_wire_may_vary(acme, fields):
    assert carried(acme, changed(MENTION, **fields)) == Outcome.MESSAGE
    message = Message.objects.get()
    assert (message.pk, message.author_id, message.created_at) == (tweet_id(0), JO, NOON)
    if "note_tweet" in fields or "note_post" in fields:
        assert message.text == "the whole of it"


def test_both_vocabularies_of_twitter_are_understood(acme):
    carried(acme, MENTION)
    answer = tweet_event(id=tweet_id(60), author_id=ACME_HANDLE, text="Sorry!", mentions=[])
    references = [{"type": "replied_to", "id": str(tweet_id(0))}]

    outcome = carried(acme, changed(answer, referenced_posts=references), twitter_id=tweet_id(60))

    assert outcome == Outcome.MESSAGE
    assert Message.objects.get(pk=tweet_id(60)).in_reply_to_id == tweet_id(0)


def test_a_user_may_be_wrapped_once_more(acme):
    event = json.loads(MENTION)
    event["data"]["includes"]["users"] = [{"data": user} for user in event["data"]["includes"]["users"]]

    carried(acme, json.dumps(event).encode())

    assert Customer.objects.values_list("name", "followers").get() == (f"Name of {JO}", 12)


@pytest.mark.parametrize("number", [1, 2**63 - 1, 2**62 + 1])
def test_ids_up_to_the_largest_are_kept_exactly(acme, number):
    body = tweet_event(id=number, author_id=number, text="hello", created_at=NOON)

    assert carried(acme, body, twitter_id=number) == Outcome.MESSAGE
    assert Message.objects.values_list("pk", "author_id").get() == (number, number)


@pytest.mark.parametrize(
    "followers", [-1, 2**31, 2**40, "12", 1.5, None], ids=["negative", "2^31", "2^40", "text", "half", "none"]
)
def test_any_number_of_followers_will_do(acme, followers):
    event = json.loads(MENTION)
    event["data"]["includes"]["users"][0]["public_metrics"]["followers_count"] = followers

    assert carried(acme, json.dumps(event).encode()) == Outcome.MESSAGE
    assert 0 <= Customer.objects.get().followers < 2**31


UNREADABLE = {
    "no author": changed(MENTION, author_id=...),
    "no id": changed(MENTION, id=...),
    "id of 2^63": changed(MENTION, id=str(2**63)),
    "id of a float's infinity": MENTION.replace(f'"author_id": "{JO}"'.encode(), b'"author_id": 1e400'),
    "negative author": changed(MENTION, author_id="-5"),
    "author is a list": changed(MENTION, author_id=[1]),
    "text is a number": changed(MENTION, text=5),
    "text is a list": changed(MENTION, text=["a"]),
    "year 1, far east": changed(MENTION, created_at="0001-01-01T00:00:00+14:00"),
    "another calendar": changed(MENTION, created_at="Wed Aug 12 18:03:20 +0000 2026"),
    "retweet of 2^63": changed(MENTION, referenced_tweets=[{"type": "retweeted", "id": str(2**63)}]),
    "reply to 2^70": changed(MENTION, referenced_tweets=[{"type": "replied_to", "id": str(2**70)}]),
    "mention of nobody": changed(MENTION, entities={"mentions": [{"id": "x"}]}),
    "references are a text": changed(MENTION, referenced_tweets="no"),
    "payload is a list": b'{"data": {"event_type": "post.create", "payload": []}}',
    "users are text": MENTION.replace(b'"users": [{', b'"users": ["x", {'),
    "no payload": b'{"data": {"event_type": "post.create"}}',
    "not JSON": b"{",
    "nothing": b"",
    "very deep": b'{"data":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_is_settled_and_kept_and_stops_nobody(acme, body):
    arrive(tweet_event(id=tweet_id(1), author_id=JO, text="@AcmeAir and me?"))

    outcome = carried(acme, body)

    assert outcome == Outcome.UNREADABLE
    assert payload_of(Arrival.objects.get(twitter_id=tweet_id(0))) == body
    assert Message.objects.values_list("pk", flat=True).get() == tweet_id(1)
    assert arrivals.claim(limit=10).waiting == []


def test_kinds_that_we_do_not_act_on_yet_are_kept(acme):
    body = b'{"data": {"event_type": "dm.received", "payload": {"direct_message_events": []}}}'

    outcome = carried(acme, body, kind=ArrivalKind.OTHER, twitter_id=7)

    assert outcome == Outcome.KEPT
    assert payload_of(Arrival.objects.get()) == body


def test_a_batch_takes_no_more_than_it_is_allowed_and_the_oldest_first(acme):
    for number in range(5):
        arrive(tweet_event(id=tweet_id(number), author_id=JO, text="@AcmeAir hello"))

    counts = [flow.carry(brand=acme, now=NOON, limit=2).count for _ in range(4)]

    assert counts == [2, 2, 1, 0]
    assert Message.objects.count() == 5


def test_the_number_of_statements_does_not_depend_on_the_batch(acme):
    def statements_of(count, start):
        for number in range(count):
            arrive(tweet_event(id=tweet_id(start + number), author_id=JO + number % 7, text="@AcmeAir hello"))
        with CaptureQueriesContext(connection) as queries:
            flow.carry(brand=acme, now=NOON)
        return len(queries)

    assert statements_of(1, 0) == statements_of(3, 10) == statements_of(200, 100)


def test_who_quotes_a_tweet_of_ours_may_be_answered_without_naming_us(acme):
    ours = MessageFactory(direction=Direction.OUTBOUND, author_id=ACME_HANDLE)
    quote = {"more": {"referenced_tweets": [{"type": "quoted", "id": str(ours.pk)}]}, "mentions": ()}
    said = {"author_id": JO, "text": "is that so?", "in_reply_to_user": ACME_HANDLE}
    arrive(tweet_event(id=tweet_id(60), event_type="post.create", **said, **quote))

    flow.carry(brand=acme, now=NOON)

    assert Message.objects.get(pk=tweet_id(60)).answerable_why == "quoted"


def test_a_tweet_that_the_stream_brought_is_paid_once(acme):
    post = json.loads(MENTION)["data"]["payload"]
    body = json.dumps({"data": post, "matching_rules": [{"tag": f"{ACME_HANDLE}:broad"}]}).encode()
    told = {"kind": ArrivalKind.TWEET, "handle_id": ACME_HANDLE, "source": Source.STREAM}
    for _ in range(2):
        arrivals.store_all([(tweet_id(0), body)], now=NOON, **told)
        flow.carry(brand=acme, now=NOON)

    assert list(CostLine.objects.values_list("kind", "count")) == [("post.read", 1)]
