"""Every kind of body that Twitter publishes, in both of its vocabularies: what it becomes here, sample by sample."""

import gzip
import json
from datetime import UTC, datetime

import pytest

from inbox.twitter.events import read_arrival, read_letters, without_words
from inbox.twitter.old_shapes import is_old_tweet
from inbox.twitter.shapes import NotJson, Tweet, Unreadable
from tests.conftest import SHARED
from tests.inbox.twitter.vocabularies import in_words

SAMPLES = SHARED / "twitter" / "samples"
DATA = SHARED / "data"
pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="shared data is not here")
both = pytest.mark.parametrize("vocabulary", ["tweet", "post"])
ACME, JO, PASSER_BY = 1_700_000_000_000_000_001, 1_700_000_000_000_000_002, 44_196_397_001
ASKED, ANSWERED, THANKED = 2087599998366646273, 2087600250024886273, 2087600501683126273


def sample(name, vocabulary="tweet"):
    return json.dumps(in_words(json.loads((SAMPLES / name).read_text()), vocabulary)).encode()


def letters(name, vocabulary="tweet"):
    return read_letters(sample(name, vocabulary))


def read(name, vocabulary="tweet"):
    [letter] = letters(name, vocabulary)
    return read_arrival(letter.kind, letter.body)


def as_letter(name, vocabulary="tweet"):
    [letter] = letters(name, vocabulary)
    return letter.for_id, letter.kind, letter.twitter_id


@both
@pytest.mark.parametrize(
    ("name", "for_id", "kind", "twitter_id"),
    [
        ("xaa/post.mention.create.json", ACME, "tweet", ASKED),
        ("xaa/post.create_own_reply.json", ACME, "tweet", ANSWERED),
        ("xaa/post.reply.create.json", ACME, "tweet", THANKED),
        ("xaa/post.quote.create.json", ACME, "tweet", 2087602514949046273),
        ("xaa/post.delete_own.json", ACME, "deletion", ANSWERED),
        ("xaa/dm.received.json", ACME, "private", 2087602095518646273),
        ("xaa/dm.sent.json", ACME, "private", 2087601676088246273),
        ("aaa/tweet_create_mention.json", ACME, "tweet", ASKED),
        ("aaa/tweet_create_retweet.json", ACME, "tweet", 2087602934379446273),
        ("aaa/tweet_delete.json", ACME, "deletion", ANSWERED),
        ("aaa/direct_message_media.json", ACME, "private", 2087602137461686273),
    ],
)
def test_a_letter_goes_by_its_kind_and_twitters_id(name, for_id, kind, twitter_id, vocabulary):
    assert as_letter(name, vocabulary) == (for_id, kind, twitter_id)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("xaa/chat.received_encrypted.json", "chat"),
        ("xaa/dm.read.UNVERIFIED.json", "other"),
        ("xaa/dm.indicate_typing.UNVERIFIED.json", "other"),
        ("xaa/oauth.revoke.json", "person"),
        ("aaa/user_event_revoke.json", "person"),
        ("aaa/follow.json", "person"),
        ("aaa/block.json", "person"),
        ("aaa/direct_message_mark_read.json", "other"),
        ("aaa/direct_message_indicate_typing.json", "other"),
    ],
)
def test_what_has_no_id_of_its_own_goes_by_a_number_that_stays_the_same(name, kind):
    first, again = letters(name)[0], letters(name)[0]

    assert (first.kind, first.for_id) == (kind, ACME)
    assert 0 < first.twitter_id == again.twitter_id < 2**63


@both
def test_a_mention_is_read_with_its_author_its_names_and_its_signs_unescaped(vocabulary):
    tweet = read("xaa/post.mention.create.json", vocabulary)

    assert (tweet.id, tweet.author_id, tweet.reply_tree_id) == (ASKED, JO, ASKED)
    assert tweet.text == "@AcmeCare my order #A-1029 never arrived & nobody answers 😡"
    assert tweet.created_at == datetime(2026, 8, 12, 18, tzinfo=UTC)
    assert (tweet.mentioned, tweet.typed) == (((ACME, "AcmeCare"),), (ACME,))
    assert tweet.event == f"{vocabulary}.mention.create"
    jo = tweet.accounts[JO]
    assert (jo.username, jo.followers, jo.is_protected) == ("jodoe", 12, False)
    assert jo.avatar_url == "https://pbs.twimg.com/profile_images/0/x_normal.jpg"


@both
def test_a_name_that_twitter_put_in_front_of_an_answer_was_not_typed(vocabulary):
    tweet = read("xaa/post.reply.create.json", vocabulary)

    assert (tweet.in_reply_to_id, tweet.in_reply_to_user_id) == (ANSWERED, ACME)
    assert (tweet.mentioned, tweet.typed) == (((ACME, "AcmeCare"),), ())


@both
def test_a_name_typed_further_on_in_an_answer_counts(vocabulary):
    [_, by_somebody, _] = letters("v2/mentions_page.tweet-names.json", vocabulary)

    tweet = read_arrival(by_somebody.kind, by_somebody.body)

    assert tweet.text == "@jodoe @AcmeCare same here!"
    assert tweet.in_reply_to_user_id == JO
    assert ACME in dict(tweet.mentioned)


@both
def test_a_quote_names_the_tweet_that_it_quotes(vocabulary):
    tweet = read("xaa/post.quote.create.json", vocabulary)

    assert (tweet.author_id, tweet.quote_of, tweet.in_reply_to_id) == (PASSER_BY, ANSWERED, None)


@both
def test_a_deletion_is_the_id_of_what_is_gone(vocabulary):
    assert read("xaa/post.delete_own.json", vocabulary) == ANSWERED
    assert read("aaa/tweet_delete.json") == ANSWERED


@pytest.mark.parametrize("name", ["xaa/dm.received.json", "aaa/direct_message.json"])
def test_a_direct_message_is_a_private_message_to_the_brand(name):
    message = read(name)

    assert (message.id, message.author_id, message.in_reply_to_user_id) == (2087602095518646273, JO, ACME)
    assert (message.text, message.is_private, message.is_encrypted) == ("it is A-1029", True, False)
    assert message.created_at == datetime(2026, 8, 12, 18, 8, 20, tzinfo=UTC)
    assert message.accounts[JO].username == "jodoe"


def test_a_direct_message_of_ours_is_one_to_the_customer():
    message = read("xaa/dm.sent.json")

    assert (message.author_id, message.in_reply_to_user_id) == (ACME, JO)
    assert message.text == "Hi Jo, could you share the order number?"


@both
def test_a_page_of_direct_messages_is_the_same_messages(vocabulary):
    theirs, ours = letters("v2/dm_events_page.json", vocabulary)

    message, answer = (read_arrival(letter.kind, letter.body) for letter in (theirs, ours))

    assert (theirs.kind, theirs.twitter_id, theirs.for_id) == ("private", 2087602095518646273, None)
    assert (message.author_id, message.in_reply_to_user_id) == (JO, ACME)
    assert [one["kind"] for one in message.media] == ["photo"]
    assert [one["shown"] for one in message.links] == [""]
    assert (answer.author_id, answer.in_reply_to_user_id, answer.media) == (ACME, JO, None)


def test_a_picture_in_a_direct_message_is_kept_with_its_address():
    message = read("aaa/direct_message_media.json")

    [picture] = message.media
    assert (picture["kind"], picture["url"]) == ("photo", "https://ton.x.com/1.1/ton/data/dm/1/2/x.jpg")
    assert [one["shown"] for one in message.links] == [""]


def test_a_message_to_a_group_and_those_who_join_it_are_kept_and_are_nobodys_matter():
    joined = json.loads((SAMPLES / "v2/dm_participants_join.json").read_text())
    said = {**joined, "event_type": "MessageCreate", "text": "hello all"}

    [join] = read_letters(json.dumps({"data": joined}).encode())
    [message] = read_letters(json.dumps({"data": said}).encode())

    assert (join.kind, message.kind) == ("other", "private")
    assert read_arrival(join.kind, join.body) is read_arrival(message.kind, message.body) is None


def test_an_encrypted_message_is_one_without_words_that_sorts_by_its_time():
    message = read("xaa/chat.received_encrypted.json")

    assert (message.author_id, message.in_reply_to_user_id, message.text) == (JO, ACME, "")
    assert (message.is_private, message.is_encrypted) == (True, True)
    assert message.created_at == datetime(2026, 8, 12, 18, tzinfo=UTC)
    assert message.id >> 22 == ASKED >> 22


# --- version 1.1


def test_a_long_tweet_of_version_1_is_whole():
    tweet = read("aaa/tweet_create_extended.json")

    assert (tweet.author_id, tweet.typed, len(tweet.text) > 280) == (JO, (ACME,), True)
    assert tweet.created_at == datetime(2026, 8, 12, 18, 3, 20, tzinfo=UTC)


def test_an_answer_of_version_1_names_its_parent_by_the_string():
    body = json.loads(sample("aaa/tweet_create_reply.json"))
    tweet = body["tweet_create_events"][0]
    for name in ("id", "in_reply_to_status_id", "in_reply_to_user_id"):
        tweet[name] = int(float(tweet[name])) + 512  # as a reader that takes numbers for floats rounds it
    tweet["user"]["id"] += 512

    [letter] = read_letters(json.dumps(body).encode())
    found = read_arrival(letter.kind, letter.body)

    assert (letter.twitter_id, found.id, found.author_id) == (THANKED, THANKED, JO)
    assert (found.in_reply_to_id, found.in_reply_to_user_id) == (ANSWERED, ACME)


def test_a_retweet_of_version_1_names_what_it_passes_on():
    assert read("aaa/tweet_create_retweet.json").retweet_of == ASKED


def test_who_blocks_whom_is_a_letter_of_its_own_beside_the_tweet():
    tweet, blocks = letters("aaa/tweet_create_from_blocked.json")

    deeds = read_arrival(blocks.kind, blocks.body)

    assert (tweet.kind, blocks.kind) == ("tweet", "person")
    assert [(act.kind, act.by_id, act.of_id) for act in deeds] == [("block", ACME, JO), ("block", JO, ACME)]
    assert len(letters("aaa/tweet_create_mention.json")) == 1


def test_several_events_in_one_body_are_several_letters():
    body = json.loads(sample("aaa/tweet_create_mention.json"))
    other = json.loads(sample("aaa/tweet_create_reply.json"))["tweet_create_events"][0]
    body["tweet_create_events"].append(other)
    body["tweet_delete_events"] = json.loads(sample("aaa/tweet_delete.json"))["tweet_delete_events"]

    found = read_letters(json.dumps(body).encode())

    assert [(one.kind, one.twitter_id) for one in found] == [
        ("tweet", ASKED),
        ("tweet", THANKED),
        ("deletion", ANSWERED),
    ]
    assert [read_arrival(one.kind, one.body) for one in found][2] == ANSWERED


def test_one_message_to_two_brands_is_a_letter_for_each():
    body = json.loads(sample("aaa/direct_message.json"))
    other = {**body, "for_user_id": "7"}

    found = [read_letters(json.dumps(one).encode())[0] for one in (body, other)]

    assert [(one.for_id, one.twitter_id) for one in found] == [(ACME, 2087602095518646273), (7, 2087602095518646273)]


@pytest.mark.parametrize(
    ("name", "deed"),
    [
        ("aaa/follow.json", ("follow", JO, ACME)),
        ("aaa/unfollow.json", ("unfollow", JO, ACME)),
        ("aaa/block.json", ("block", ACME, JO)),
        ("aaa/mute.json", ("mute", ACME, JO)),
        ("aaa/favorite.json", ("like", JO, ACME)),
        ("aaa/user_event_revoke.json", ("revoke", ACME, None)),
        ("xaa/oauth.revoke.json", ("revoke", ACME, None)),
    ],
)
def test_a_deed_says_who_did_it_to_whom(name, deed):
    [act] = read(name)

    assert (act.kind, act.by_id, act.of_id) == deed
    assert act.at is not None


@both
def test_a_deed_of_x_activity_is_read_with_its_users_wrapped_or_not(vocabulary):
    user = json.loads(sample("xaa/dm.received.json"))["data"]["payload"]["users"]
    sides = {"source": user[str(JO)], "target": user[str(ACME)]["data"]}
    event = {"event_uuid": "-5", "filter": {"user_id": str(ACME)}, "event_type": "follow.follow", "payload": sides}

    [letter] = read_letters(json.dumps(in_words({"data": event}, vocabulary)).encode())
    [act] = read_arrival(letter.kind, letter.body)

    assert (act.kind, act.by_id, act.of_id, act.accounts[JO].username) == ("follow", JO, ACME, "jodoe")


@both
def test_a_changed_profile_says_what_it_is_now(vocabulary):
    payload = {"before": "Jo", "after": "Jo &amp; Co"}
    event = {"filter": {"user_id": str(JO)}, "event_type": "profile.update.screenname", "payload": payload}

    [letter] = read_letters(json.dumps(in_words({"data": event}, vocabulary)).encode())
    [act] = read_arrival(letter.kind, letter.body)

    assert (act.kind, act.by_id, act.changed, act.after) == ("profile", JO, "screenname", "Jo & Co")


# --- what we ask for: pages, look-ups, the stream


@both
def test_a_page_and_a_line_of_the_stream_are_the_same_tweets_as_the_events(vocabulary):
    by_event = read("xaa/post.mention.create.json", vocabulary)
    [*_, on_page] = letters("v2/mentions_page.post-names.json", vocabulary)
    [in_stream] = letters("stream/filtered_line.json", vocabulary)

    read_again = [read_arrival(one.kind, one.body) for one in (on_page, in_stream)]

    assert {(one.kind, one.twitter_id) for one in (on_page, in_stream)} == {("tweet", ASKED)}
    for tweet in read_again:
        assert (tweet.id, tweet.text, tweet.typed) == (by_event.id, by_event.text, by_event.typed)
        assert tweet.accounts[JO].username == "jodoe"


@both
@pytest.mark.parametrize("name", ["v2/tweet_long_note.tweet-names.json", "v2/tweet_long_note.post-names.json"])
def test_a_long_tweet_is_whole(name, vocabulary):
    assert read(name, vocabulary).text.endswith("THE END")


@both
def test_an_edited_tweet_names_its_versions(vocabulary):
    tweet = read("v2/tweet_edited.json", vocabulary)

    assert (tweet.id, tweet.versions) == (2087601256657846273, (ASKED, 2087601256657846273))
    assert tweet.first_id == ASKED


@both
def test_pictures_and_links_are_kept_with_their_words(vocabulary):
    tweet = read("v2/tweet_lookup_full.json", vocabulary)

    assert tweet.media == [
        {
            "key": "3_1800000000000000009",
            "kind": "photo",
            "url": "https://pbs.twimg.com/media/x.jpg",
            "preview": "",
            "alt": "box",
            "width": 100,
            "height": 100,
        }
    ]
    assert tweet.links == [{"url": "https://t.co/abcdefghij", "expanded": "https://acme.example/x", "shown": ""}]


def test_an_empty_page_an_error_and_a_replays_end_bring_no_tweet():
    names = ("v2/mentions_empty.json", "v2/tweet_deleted_lookup_200.json", "aaa/replay_job_status.json")

    found = [letters(name)[0] for name in names]

    assert [one.kind for one in found] == ["other"] * 3
    assert found[2].event_type == "replay_job_status"


def test_every_line_of_a_stream_is_read():
    lines = [line for line in (SAMPLES / "stream/filtered_stream.txt").read_bytes().splitlines() if line.strip()]

    found = [read_letters(line)[0] for line in lines]

    assert [one.kind for one in found] == ["tweet", "tweet", "tweet", "other"]
    assert found[-1].event_type == "errors:operational-disconnect"
    assert found[1].twitter_id == 2087601256657846273


# --- oddities


def test_what_is_unknown_is_kept_and_what_is_no_event_is_refused():
    event = {"event_uuid": -3, "filter": {"user_id": ACME}, "event_type": "moon.rise", "payload": {"id": "a-b"}}

    [letter] = read_letters(json.dumps({"data": event}).encode())

    assert (letter.for_id, letter.kind, letter.event_type) == (ACME, "other", "moon.rise")
    for body in (b"[]", b"{}", b'{"data": {}}', b'{"hello": 1}', b'{"data": {"event_type": 3}}'):
        with pytest.raises(Unreadable):
            read_letters(body)
    with pytest.raises(NotJson):
        read_letters(b"\xff{")


@both
@pytest.mark.parametrize("folder", ["xaa", "aaa", "stream", "v2"])
def test_without_its_words_a_letter_has_the_same_ids(folder, vocabulary):
    for path in sorted((SAMPLES / folder).glob("*.json")):
        try:
            found = letters(f"{folder}/{path.name}", vocabulary)
        except Unreadable:
            continue
        for letter in found:
            if letter.kind not in ("tweet", "private", "chat") or path.name == "create_201.json":
                continue
            whole = read_arrival(letter.kind, letter.body)
            bare = read_arrival(letter.kind, without_words(letter.kind, letter.body))
            assert (bare.text, bare.media, bare.links) == ("", None, None)
            for name in (
                "id",
                "author_id",
                "in_reply_to_id",
                "in_reply_to_user_id",
                "versions",
                "quote_of",
                "mentioned",
            ):
                assert getattr(bare, name) == getattr(whole, name), (path.name, name)


# --- real payloads


def test_every_real_tweet_of_version_1_is_read_without_loss():
    read_ones = 0
    for line in gzip.decompress((DATA / "payload_v1_tweets.jsonl.gz").read_bytes()).splitlines():
        status = json.loads(line)
        whole = status.get("extended_tweet") or {}
        tweet = read_arrival("tweet", line)

        assert is_old_tweet(status)
        assert tweet.id == int(status["id_str"] if "id_str" in status else status["id"])
        assert len(tweet.text) > 0 or not (status.get("full_text") or status.get("text"))
        assert tweet.text.count(" ") >= (whole.get("full_text") or status.get("full_text") or status["text"]).count(" ")
        shown = (whole.get("extended_entities") or status.get("extended_entities") or {}).get("media") or []
        assert len(tweet.media or []) >= len(shown)
        assert bool(tweet.retweet_of) == bool(status.get("retweeted_status"))
        read_ones += 1
    assert read_ones == 1247


@both
def test_every_real_tweet_of_version_2_is_read_without_loss_or_says_what_it_lacks(vocabulary):
    read_ones, without_author = 0, 0
    for line in gzip.decompress((DATA / "payload_v2_tweets.jsonl.gz").read_bytes()).splitlines():
        post = json.loads(line)
        body = json.dumps({"data": in_words(post, vocabulary)}).encode()
        [letter] = read_letters(body)
        if "author_id" not in post:
            with pytest.raises(Unreadable, match="author_id"):
                read_arrival(letter.kind, letter.body)
            without_author += 1
            continue
        tweet = read_arrival(letter.kind, letter.body)

        references = {one["type"]: int(one["id"]) for one in post.get("referenced_tweets") or ()}
        assert (tweet.id, tweet.author_id) == (int(post["id"]), int(post["author_id"]))
        assert tweet.text.count(" ") >= post["text"].count(" ")
        assert (tweet.in_reply_to_id, tweet.quote_of, tweet.retweet_of) == (
            references.get("replied_to"),
            references.get("quoted"),
            references.get("retweeted"),
        )
        assert len(tweet.media or []) >= len((post.get("attachments") or {}).get("media_keys") or ())
        assert len(tweet.links or []) >= len({one["url"] for one in (post.get("entities") or {}).get("urls") or ()})
        read_ones += 1
    assert (read_ones, without_author) == (1613, 315)


def test_every_real_direct_message_of_version_1_is_read():
    seen = []
    for path in sorted((DATA / "dm").glob("*.json")):
        whole = json.loads(path.read_text())
        events = whole if isinstance(whole, list) else whole.get("events") or [whole.get("event") or whole]
        for one in events:
            message = read_arrival("private", json.dumps(one).encode())
            assert isinstance(message, Tweet)
            assert message.is_private
            assert message.author_id
            assert message.in_reply_to_user_id
            seen.append(message.id)
    assert len(seen) == 65


@pytest.mark.parametrize("name", ["direct_message_events", "tweet_create_events", "follow_events"])
def test_a_body_of_more_events_than_twitter_sends_is_kept_as_one(name):
    """Each event becomes a letter with all that is said beside it: a body of a megabyte would fill gigabytes."""
    events = [{"id": str(number + 1), "type": "message_create", "message_create": {}} for number in range(5_000)]
    body = json.dumps({"for_user_id": "7", name: events, "users": {"x": "y" * 300_000}}).encode()

    with pytest.raises(Unreadable, match="more events"):
        read_letters(body)
