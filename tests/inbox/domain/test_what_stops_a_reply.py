"""What stops an approved reply before Twitter is called, and for whom else it stops the way."""

from contextlib import closing
from datetime import timedelta

import pytest
from django.db import connection

from accounts.enums import Role
from accounts.models import User
from inbox import policies
from inbox.domain import credentials, fates, ledger, posting, replies
from inbox.enums import EventKind, MediaState, ReplyStatus, ReplyWay
from inbox.models import Credential, Event, Message, Reply
from inbox.twitter.client import Unknown
from tenants import entry
from tenants.models import BrandState
from tenants.refusals import NotNow, NotYours
from tests.conftest import ACME_HANDLE, NOON, committed, handle_of
from tests.factories import (
    AllowanceFactory,
    ConversationFactory,
    MessageFactory,
    ReplyFactory,
    ReplyMediaFactory,
    somebody_id,
)
from tests.inbox.domain.conftest import FRONT, HELP
from tests.inbox.domain.test_approvals import set_state

LATER = NOON + timedelta(minutes=15)


def approved(**fields) -> Reply:
    """A reply that may be claimed at once; automatic where it has no author."""
    message = fields.pop("message", None) or MessageFactory()
    people = {"approved_by_id": fields.get("author_id") or somebody_id(), "approved_at": NOON}
    about = {"status": ReplyStatus.APPROVED, **people, **fields}
    return ReplyFactory(conversation=message.conversation, answers_id=message.pk, **about)


def how(reply: Reply) -> tuple:
    """Its state, until when it waits, and why."""
    return Reply.objects.values_list("status", "not_before", "why").get(pk=reply.pk)


def at_noon():
    return NOON


# --- before the call --------------------------------------------------------------------------------------------------


def test_a_limit_of_public_replies_holds_public_ones_and_lets_a_direct_message_out(acme, agent):
    AllowanceFactory(endpoint="POST /2/tweets", cap=100, used=100, resets_at=LATER)
    public, another = approved(author_id=agent.pk), approved(author_id=agent.pk)
    private = approved(author_id=agent.pk, way=ReplyWay.PRIVATE)

    claimed = posting.claim(now=NOON)

    assert (claimed, how(private)[0]) == (private, ReplyStatus.POSTING)
    assert how(public) == how(another)
    assert how(public)[:2] == (ReplyStatus.APPROVED, LATER)
    assert how(public)[2] != ""


def test_when_the_apps_direct_messages_are_used_up_public_replies_go_out(acme, agent, settings):
    settings.TWITTER_DM_CAP = 0
    private = approved(author_id=agent.pk, way=ReplyWay.PRIVATE)
    public = approved(author_id=agent.pk)

    assert posting.claim(now=NOON) == public

    status, until, why = how(private)
    assert (status, until > NOON, why != "") == (ReplyStatus.APPROVED, True, True)


def test_an_automatic_reply_that_the_rules_forbid_goes_back_with_the_rule(acme):
    reply = approved()

    assert posting.claim(now=NOON) is None

    status, until, why = how(reply)
    assert (status, until) == (ReplyStatus.SENT_BACK, None)
    assert why in [ledger.Refusal(rule).why for rule in ledger.RULES]
    assert Event.objects.order_by("-seq").first().kind == EventKind.REPLY_SENT_BACK


def test_a_file_that_twitter_refused_refuses_its_reply_without_a_call(acme, agent):
    reply = approved(author_id=agent.pk)
    ReplyMediaFactory(reply=reply, state=MediaState.REFUSED, why="The picture is too large.")

    # There is no key here: a call would have left the reply waiting for one.
    assert posting.post_waiting(clock=at_noon) == 1

    assert how(reply) == (ReplyStatus.REFUSED, None, "The picture is too large.")


def test_a_brand_whose_twitter_is_slow_leaves_the_thread_to_others(duo, agent, monkeypatch):
    monkeypatch.setattr(posting, "_SLOW_CALL", 0.0)
    first, second = [
        approved(author_id=agent.pk, message=MessageFactory(conversation=ConversationFactory(handle_id=handle_id)))
        for handle_id in (FRONT, HELP)
    ]

    assert posting.post_waiting(clock=at_noon) == 1

    assert (how(first)[1] > NOON, how(second)[:2]) == (True, (ReplyStatus.APPROVED, None))
    assert posting.post_waiting(clock=at_noon) == 1
    assert how(second)[1] > NOON


@pytest.mark.commits
def test_a_long_answer_goes_back_as_one_where_the_brand_is_not_live_any_more(house, new_brand):
    agent, brand, words = User(pk=house.agent_id, name="Agent Test"), new_brand(), "We look for it everywhere. " * 20
    with committed(brand):
        tweet = MessageFactory(conversation=ConversationFactory(handle_id=handle_of(brand)))
        about = {"answers_id": tweet.pk, "by": agent, "role": Role.AGENT, "now": NOON}
        replies.compose(conversation=tweet.conversation, text=words, in_parts=True, **about)
        assert Reply.objects.count() == 2
        set_state(brand, BrandState.SUSPENDED)

        assert posting.claim(now=LATER) is None

        assert list(Reply.objects.values_list("status", "text")) == [(ReplyStatus.SENT_BACK, words.strip())]
        assert list(Event.objects.values_list("kind", flat=True)).count(EventKind.REPLY_SENT_BACK) == 1


# --- what became of it ------------------------------------------------------------------------------------------------


@pytest.fixture
def private_in_doubt(acme, agent) -> Reply:
    """A direct message that nobody knows the fate of."""
    reply = approved(author_id=agent.pk, way=ReplyWay.PRIVATE)
    posting.claim(now=NOON)
    posting.settle(reply_id=reply.pk, attempt=1, outcome=Unknown("It broke."), now=NOON)
    fates.conclude(reply.pk, [], asked_at=LATER, now=LATER)
    status, _, why = how(reply)
    assert (status, why) == (ReplyStatus.UNKNOWN, "It broke. It is not among the direct messages.")
    return reply


def test_a_person_says_that_a_direct_message_was_sent_without_its_address(private_in_doubt, agent):
    said = posting.it_was_posted(reply=private_in_doubt, tweet_id=None, by=agent, role=Role.AGENT, now=LATER)

    assert (said.status, said.twitter_id, said.posted_at) == (ReplyStatus.POSTED, None, LATER)
    assert how(private_in_doubt) == (ReplyStatus.POSTED, None, "")
    assert not Message.objects.filter(direction="out").exists()
    with pytest.raises(NotNow, match="nothing to decide"):
        posting.it_was_posted(reply=private_in_doubt, tweet_id=None, by=agent, role=Role.AGENT, now=LATER)


def test_of_a_public_reply_nobody_says_so_without_its_address(acme, agent):
    reply = approved(author_id=agent.pk, status=ReplyStatus.REFUSED, attempt=1)

    with pytest.raises(NotNow, match="paste its address"):
        posting.it_was_posted(reply=reply, tweet_id=None, by=agent, role=Role.AGENT, now=NOON)

    assert how(reply)[0] == ReplyStatus.REFUSED


def test_of_a_reply_that_is_known_already_the_timeline_decides_nothing(acme, agent):
    reply = approved(author_id=agent.pk)

    assert fates.conclude(reply.pk, [], asked_at=LATER, now=LATER) == 0
    assert how(reply) == (ReplyStatus.APPROVED, None, "")


def test_a_brands_fates_are_looked_after_by_one_at_a_time_and_another_brands_beside_it(db, house, _transactions_around):
    with closing(connection.copy()) as other, entry.brand(house.acme):
        assert has(other, "pg_try_advisory_lock")
        with fates.alone() as is_alone:
            assert is_alone is False
        with entry.brand(house.canary), fates.alone() as is_alone:
            assert is_alone is True
        assert has(other, "pg_advisory_unlock")

        with fates.alone() as is_alone:
            assert (is_alone, has(other, "pg_try_advisory_lock")) == (True, False)


def has(other, what: str) -> bool:
    """Another worker's session takes the lock of this brand's fates, or gives it up; whether it could."""
    with other.cursor() as cursor:
        cursor.execute(f"SELECT {what}(hashtextextended('fates ' || %s, 0))", [entry.current_schema()])
        return cursor.fetchone()[0]


# --- who may, and what is kept ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.CLIENT_VIEWER, Role.CLIENT_APPROVER])
@pytest.mark.parametrize(
    "check",
    [
        lambda role, reply: policies.check_can_work(role, reply.conversation),
        lambda role, reply: policies.check_can_keep(role),
        lambda role, reply: policies.check_can_write(role, reply.conversation),
        lambda role, reply: policies.check_can_decide_fate(role, reply),
        lambda role, reply: policies.check_can_guide(role),
        lambda role, reply: policies.check_can_set_up(role),
        lambda role, reply: policies.check_can_keep_webhooks(role),
    ],
    ids=["work", "notes", "write", "fate", "tags", "rules", "webhooks"],
)
def test_clients_people_look_on(acme, role, check):
    reply = approved(status=ReplyStatus.REFUSED)

    with pytest.raises(NotYours):
        check(role, reply)


def test_a_key_given_by_hand_is_not_twitters_to_end(acme):
    kept = credentials.store(handle_id=ACME_HANDLE, username="AcmeAir", access_token="by-hand", now=NOON)

    assert credentials.token_to_revoke(kept) is None
    assert credentials.is_any_due() is False
    assert Credential.objects.get().connected_at is None


def test_a_draft_answers_no_tweet_of_another_conversation(acme, agent):
    ours, theirs = MessageFactory(), MessageFactory()

    with pytest.raises(NotNow, match="not in this conversation"):
        replies.save_draft(
            conversation=ours.conversation, text="Hm.", answers_id=theirs.pk, by=agent, role=Role.AGENT, now=NOON
        )

    assert not Reply.objects.exists()
