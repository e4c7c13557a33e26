"""May a message be answered here? Every branch of what X allows programs, on Twitter's samples where there are some."""

import json

import pytest
from msgspec.structs import replace

from inbox.domain import eligibility
from inbox.enums import Answerable, Direction
from inbox.models import ChannelSettings, Message
from inbox.twitter.events import read_arrival
from inbox.twitter.shapes import Tweet, read_tweet
from inbox.twitter.terms import RULES
from tests.conftest import ACME_HANDLE, NOON, SHARED
from tests.factories import ConversationFactory, CustomerFactory, MessageFactory, tweet_id

OURS = frozenset({ACME_HANDLE})
SAMPLES = SHARED / "twitter/samples"
PLAIN = Tweet(id=1, author_id=2, text="", created_at=NOON)
OTHER = 1_500_000_000_000_000_009


def judged(tweet, *, plan="self_serve", **more):
    return eligibility.judge([tweet], ours=OURS, plan=plan, **more)[tweet.id]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"event": "post.mention.create"}, (Answerable.ELIGIBLE, "mention_event")),
        ({"typed": (ACME_HANDLE,), "in_reply_to_id": 5}, (Answerable.ELIGIBLE, "named")),
        ({"mentioned": ((ACME_HANDLE, "AcmeCare"),)}, (Answerable.ELIGIBLE, "named_at_root")),
        ({"event": "post.quote.create", "quote_of": 5}, (Answerable.ELIGIBLE, "quoted")),
        (
            {"mentioned": ((ACME_HANDLE, "AcmeCare"),), "in_reply_to_id": 5, "in_reply_to_user_id": ACME_HANDLE},
            (Answerable.UNKNOWN, "implicit"),
        ),
        ({"in_reply_to_id": 5, "in_reply_to_user_id": ACME_HANDLE}, (Answerable.UNKNOWN, "implicit")),
        ({"mentioned": ((OTHER, "Other"),), "typed": (OTHER,)}, (Answerable.NOT_ELIGIBLE, "not_named")),
        ({"quote_of": 5}, (Answerable.NOT_ELIGIBLE, "not_named")),
        ({}, (Answerable.NOT_ELIGIBLE, "not_named")),
        ({"is_private": True}, (Answerable.ELIGIBLE, "private")),
        ({"is_private": True, "is_encrypted": True}, (Answerable.NOT_ELIGIBLE, "encrypted")),
    ],
)
def test_on_a_self_serve_plan_only_who_named_or_quoted_the_brand_is_answered(settings, said, expected):
    settings.TWITTER_IMPLICIT_MENTIONS_COUNT = False

    assert judged(replace(PLAIN, **said)) == expected


def test_a_quote_counts_where_the_quoted_tweet_is_known_to_be_ours():
    quote = replace(PLAIN, quote_of=5)

    assert judged(quote, own_tweets=frozenset({5})) == (Answerable.ELIGIBLE, "quoted")


def test_a_switch_says_whether_names_that_twitter_put_there_count(settings):
    settings.TWITTER_IMPLICIT_MENTIONS_COUNT = True
    implicit = replace(PLAIN, mentioned=((ACME_HANDLE, "AcmeCare"),), in_reply_to_id=5)

    assert judged(implicit) == (Answerable.ELIGIBLE, "implicit_counts")


def test_an_enterprise_plan_answers_everybody():
    assert judged(PLAIN, plan="enterprise") == (Answerable.ELIGIBLE, "enterprise")


@pytest.mark.parametrize(
    ("reply_settings", "named", "expected"),
    [
        ("mentionedUsers", True, (Answerable.ELIGIBLE, "named")),
        ("mentionedUsers", False, (Answerable.NOT_ELIGIBLE, "only_mentioned")),
        ("following", True, (Answerable.UNKNOWN, "only_followed")),
        ("subscribers", True, (Answerable.UNKNOWN, "only_subscribers")),
        ("verified", True, (Answerable.UNKNOWN, "only_verified")),
        ("something_new", True, (Answerable.UNKNOWN, "only_some")),
        ("everyone", True, (Answerable.ELIGIBLE, "named")),
    ],
)
def test_whom_the_author_lets_answer_is_heeded_on_every_plan(reply_settings, named, expected):
    tweet = replace(PLAIN, reply_settings=reply_settings, typed=(ACME_HANDLE,) if named else ())

    assert judged(tweet, plan="enterprise") == expected


def test_the_brands_own_tweets_are_not_judged():
    assert eligibility.judge([replace(PLAIN, author_id=ACME_HANDLE)], ours=OURS, plan="self_serve") == {}


def test_twitters_own_mention_event_may_be_answered():
    sample = next((SAMPLES / "xaa").glob("*mention*.json"))
    tweet = read_arrival("tweet", sample.read_bytes())
    ours = frozenset(pk for pk, _ in tweet.mentioned)

    assert eligibility.judge([tweet], ours=ours, plan="self_serve") == {
        tweet.id: (Answerable.ELIGIBLE, "mention_event")
    }


def test_on_twitters_own_page_of_mentions_a_name_in_front_of_an_answer_is_not_a_typed_one():
    page = json.loads((SAMPLES / "v2/mentions_page.tweet-names.json").read_text())
    tweets = [read_tweet(post, includes={}) for post in page["data"]]

    found = eligibility.judge(tweets, ours=OURS, plan="self_serve")

    implicit = [each.id for each in tweets if each.in_reply_to_id and not each.typed]
    assert {found[pk] for pk in implicit} <= {(Answerable.UNKNOWN, "implicit")}
    assert {found[each.id][0] for each in tweets if each.typed} <= {Answerable.ELIGIBLE}


def test_every_rule_about_answering_has_a_sentence_a_date_and_a_source():
    assert [key for key, rule in RULES.items() if not (rule.sentence and rule.source and rule.date)] == []
    assert [key for key in RULES if len(key) > 24] == []


# --- now


def now_for(**said):
    customer = CustomerFactory(**{key[9:]: value for key, value in said.items() if key.startswith("customer_")})
    conversation = ConversationFactory(customer=customer)
    fields = {key: value for key, value in said.items() if not key.startswith("customer_")}
    message = MessageFactory(
        conversation=conversation, **{"answerable": Answerable.ELIGIBLE, "answerable_why": "named", **fields}
    )
    return eligibility.now_for(message, customer, conversation)


@pytest.mark.parametrize(
    ("since", "expected"),
    [
        ({}, (Answerable.ELIGIBLE, "named")),
        ({"deleted_at": NOON, "text": ""}, (Answerable.NOT_ELIGIBLE, "deleted")),
        ({"customer_is_protected": True}, (Answerable.NOT_ELIGIBLE, "protected")),
        ({"customer_suspended_at": NOON}, (Answerable.NOT_ELIGIBLE, "suspended")),
        ({"customer_blocks_us_at": NOON}, (Answerable.NOT_ELIGIBLE, "blocks_us")),
        ({"customer_blocked_at": NOON}, (Answerable.NOT_ELIGIBLE, "blocked")),
        ({"answerable": "", "answerable_why": ""}, (Answerable.UNKNOWN, "implicit")),
        ({"is_private": True}, (Answerable.ELIGIBLE, "private")),
    ],
)
def test_what_happened_since_is_heeded(acme, since, expected):
    verdict = now_for(**since)

    assert (verdict.public, verdict.why) == expected
    assert verdict.sentence == RULES[expected[1]].sentence


@pytest.mark.parametrize(
    ("since", "expected"),
    [
        ({}, (True, "")),
        ({"customer_takes_private": True}, (True, "")),
        ({"customer_takes_private": False}, (False, "takes_no_private")),
        ({"is_private": True}, (True, "")),
        ({"is_private": True, "customer_takes_private": False}, (False, "takes_no_private")),
        ({"is_private": True, "is_encrypted": True}, (False, "encrypted")),
        ({"customer_blocks_us_at": NOON}, (False, "blocks_us")),
        ({"customer_is_protected": True}, (True, "")),
    ],
)
def test_a_private_answer_is_a_matter_of_its_own(acme, since, expected):
    verdict = now_for(**since)

    assert (verdict.may_private, verdict.private_why) == expected


def test_a_brand_may_keep_no_direct_messages(acme):
    ChannelSettings.objects.filter(pk=1).update(takes_private=False)

    assert now_for().private_sentence == RULES["no_private_here"].sentence


def test_a_quote_is_recognised_as_one_of_ours_when_somebody_is_about_to_answer(acme):
    own = MessageFactory(direction=Direction.OUTBOUND, author_id=ACME_HANDLE)
    quoting = {"answerable": Answerable.NOT_ELIGIBLE, "answerable_why": "not_named", "quote_of_id": own.pk}

    assert now_for(**quoting).why == "quoted"


# --- what a refusal teaches


def test_a_refusal_is_learned_for_that_message_alone(acme):
    message, other = MessageFactory(id=tweet_id(1)), MessageFactory(id=tweet_id(2), answerable_why="named")
    words = json.loads((SAMPLES / "errors/403_reply_not_summoned.json").read_text())["detail"]

    assert eligibility.learn(message.pk, words)

    message.refresh_from_db()
    other.refresh_from_db()
    verdict = eligibility.now_for(message, message.conversation.customer, message.conversation)
    assert (message.answerable, verdict.why) == (Answerable.NOT_ELIGIBLE, "refused_not_summoned")
    assert other.answerable_why == "named"
    assert eligibility.is_for_x(message, message.conversation.customer, message.conversation)


def test_a_refused_direct_message_is_learned_for_the_customer(acme):
    message = MessageFactory()

    assert eligibility.learn(message.pk, "You do not have permission to DM one or more participants.")

    message.conversation.customer.refresh_from_db()
    assert message.conversation.customer.takes_private is False
    assert Message.objects.get(pk=message.pk).answerable_why == ""


def test_a_refusal_of_the_text_teaches_nothing(acme):
    message = MessageFactory()

    assert not eligibility.learn(message.pk, "You are not allowed to create a Tweet with duplicate content.")
    assert not eligibility.learn(message.pk + 1, "Reply to this conversation is not allowed")


def test_a_batch_is_judged_without_asking_the_database():  # which this test may not
    tweets = [replace(PLAIN, id=number, typed=(ACME_HANDLE,)) for number in range(2_000)]

    assert len(eligibility.judge(tweets, ours=OURS, plan="self_serve")) == 2_000
