"""The short way says of a tweet what the tolerant reader says, or nothing."""

import gzip
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inbox.twitter.events import TWEETS
from inbox.twitter.shapes import Unreadable, read_tweet
from inbox.twitter.short_way import read_short
from tests.conftest import SHARED
from tests.inbox.twitter.vocabularies import in_words

SAMPLES = sorted((SHARED / "twitter" / "samples" / "xaa").glob("*.json"))
PAYLOADS = SHARED / "data" / "payload_v2_tweets.jsonl.gz"
shared = pytest.mark.skipif(not SAMPLES, reason="shared data is not here")
EVENT = {
    "event_type": "post.mention.create",
    "payload": {
        "id": "2087599998366646273",
        "text": "@Acme hello &amp; goodbye",
        "author_id": "5",
        "created_at": "2026-08-12T18:00:00.000Z",
        "entities": {"mentions": [{"start": 0, "end": 5, "username": "Acme", "id": "7"}]},
    },
    "includes": {"users": [{"id": "5", "username": "jo", "name": "Jo", "public_metrics": {"followers_count": 3}}]},
}


def the_long_way(event):
    try:
        return read_tweet(event["payload"], includes=event.get("includes") or {}, event=event["event_type"])
    except Unreadable:
        return None


def the_short_way(event):
    return read_short(json.dumps({"data": event}).encode())


def event_with(path, value):
    """The event above with another value at this place; without the place for `...`."""
    event = json.loads(json.dumps(EVENT))
    *above, last = path
    place = event
    for name in above:
        place = place[name]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return event


@shared
@pytest.mark.parametrize("vocabulary", ["tweet", "post"])
def test_samples_are_read_alike_by_both(vocabulary):
    events = [in_words(json.loads(path.read_text()), vocabulary).get("data") or {} for path in SAMPLES]
    tweets = [event for event in events if event.get("event_type") in TWEETS and "payload" in event]

    assert [the_short_way(event) for event in tweets] == [the_long_way(event) for event in tweets]
    assert len(tweets) == 4


@shared
def test_real_tweets_are_read_alike_by_both_and_nearly_all_the_short_way():
    with gzip.open(PAYLOADS, "rt", encoding="utf-8") as lines:
        payloads = [json.loads(line) for line in lines]
    events = [{**EVENT, "payload": payload} for payload in payloads]
    found = [(the_short_way(event), the_long_way(event)) for event in events]
    read = [(short, long) for short, long in found if short is not None]

    assert [short for short, _ in read] == [long for _, long in read]
    # Those without an author are no events.
    assert len(read) > 0.98 * sum("author_id" in payload for payload in payloads)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("payload", "note_tweet"), {"text": "much longer"}),
        (("payload", "id"), 2087599998366646273),
        (("payload", "id"), "0"),
        (("payload", "author_id"), ...),
        (("payload", "created_at"), "soon"),
        (("payload", "entities", "mentions", 0, "start"), ...),
        (("includes", "users", 0), {"data": {"id": "5", "username": "jo"}}),
        (("includes", "users", 0, "id_str"), "6"),
        (("includes", "users", 0, "profile_image_url_https"), "https://x.example/a.jpg"),
        (("includes", "users", 0, "followers_count"), 9),
        (("includes", "users", 0, "protected"), "true"),
    ],
)
def test_what_looks_otherwise_is_left_to_the_long_way(path, value):
    assert the_short_way(event_with(path, value)) is None


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(["", "everyone", "following", "5", "2026-08-12T18:00:00Z", "2026-08-12T18:00:00+02:00", "a\x00b"]),
    st.lists(st.sampled_from(["5", "6", "2087599998366646273"]), max_size=3),
    st.just([{"type": "replied_to", "id": "5"}]),
    st.just([{"type": "quoted", "id": "5"}, {"type": "retweeted", "id": "6"}]),
    st.just([2, 9]),
    st.just({"urls": [{"url": "https://t.co/a", "media_key": "3_1"}]}),
    st.just({"media_keys": ["3_1"]}),
)
NAMES = (
    *(
        "id",
        "author_id",
        "text",
        "created_at",
        "in_reply_to_tweet_id",
        "in_reply_to_user_id",
        "conversation_id",
        "lang",
    ),
    *("reply_settings", "referenced_tweets", "referenced_posts", "edit_history_tweet_ids", "edit_history_post_ids"),
    *("display_text_range", "entities", "attachments", "note_tweet", "note_post"),
)


@settings(max_examples=400, deadline=None)
@given(odd=st.dictionaries(st.sampled_from(NAMES), ODD, max_size=4))
def test_whatever_is_odd_is_read_alike_or_left(odd):
    event = {**EVENT, "payload": {**EVENT["payload"], **odd}}
    short = the_short_way(event)

    assert short is None or short == the_long_way(event)
