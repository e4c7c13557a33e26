"""The policy ledger: what may be sent automatically, and who wants none of it any more."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction
from msgspec.structs import replace

from accounts.enums import Role
from inbox.domain import ledger
from inbox.enums import EventKind, Reach, ReplyStatus, ReplyWay
from inbox.models import ChannelSettings, PolicyLine, Reply
from inbox.twitter.shapes import Tweet
from tenants.refusals import NotNow, NotYours
from tests.conftest import ACME_HANDLE, NOON
from tests.factories import (
    ConversationFactory,
    CustomerFactory,
    MessageFactory,
    PolicyLineFactory,
    ReplyFactory,
    somebody_id,
)

PRIVACY = "https://acme.example/privacy"


@pytest.fixture
def labelled(acme):
    ChannelSettings.objects.filter(pk=1).update(is_labelled=True, privacy_url=PRIVACY)


def drafted(**fields) -> Reply:
    message = fields.pop("message", None) or MessageFactory()
    return ReplyFactory(conversation=message.conversation, answers_id=message.pk, author=None, **fields)


def lines():
    return list(PolicyLine.objects.order_by("pk").values_list("rule", "is_automatic", "is_allowed"))


def test_an_automatic_reply_to_whoever_named_the_brand_is_allowed_and_written_down(labelled):
    reply = drafted(text="We are looking into it.")

    assert ledger.allow("reply", reply, NOON) is None

    line = PolicyLine.objects.get()
    assert (line.rule, line.is_automatic, line.is_allowed, line.message_id, line.reply_id) == (
        "addressed_us",
        True,
        True,
        reply.answers_id,
        reply.pk,
    )
    assert "looking" not in line.said
    assert len(line.said) == 16


def test_a_reply_that_is_tried_again_is_allowed_still_and_not_written_twice(labelled):
    reply = drafted()

    assert [ledger.allow("reply", reply, NOON) for _ in range(3)] == [None, None, None]
    assert PolicyLine.objects.count() == 1


def test_there_is_one_automatic_reply_to_each_message(labelled):
    message = MessageFactory()
    first, second = drafted(message=message, text="One."), drafted(message=message, text="Two.")

    assert ledger.allow("reply", first, NOON) is None
    refusal = ledger.allow("reply", second, NOON)

    assert refusal.rule == "one_each"
    assert lines() == [("addressed_us", True, True), ("one_each", True, False)]


@pytest.mark.parametrize("reach", [Reach.BROAD, Reach.PROACTIVE])
def test_a_word_in_a_tweet_is_not_enough(labelled, reach):
    refusal = ledger.allow("reply", drafted(message=MessageFactory(reach=reach)), NOON)

    assert refusal.rule == "addressed_us"
    assert "2026-08-22" in refusal.why
    assert "https://docs.x.com/developer-guidelines" in refusal.why


def test_nothing_is_automatic_before_the_account_is_labelled(acme):
    assert ledger.allow("reply", drafted(), NOON).rule == "label_first"


def test_an_automatic_direct_message_carries_the_privacy_link(labelled):
    private = {"way": ReplyWay.PRIVATE}

    assert ledger.allow("reply", drafted(text="Hello.", **private), NOON).rule == "privacy_link"
    assert ledger.allow("reply", drafted(text=f"Hello. {PRIVACY}", **private), NOON) is None


def test_the_same_text_goes_to_three_people_and_not_to_a_fourth(labelled):
    answers = [ledger.allow("reply", drafted(text=text), NOON) for text in ("Sorry!", "@jo sorry!", "Sorry!", "SORRY!")]

    assert [answer and answer.rule for answer in answers] == [None, None, None, "same_to_many"]
    assert ledger.allow("reply", drafted(text="Sorry!"), NOON + timedelta(hours=25)) is None


def test_whoever_opted_out_gets_nothing_automatic_even_if_it_was_allowed_before(labelled):
    reply = drafted()
    ledger.allow("reply", reply, NOON)

    customer = reply.conversation.customer
    customer.opted_out_at = NOON
    customer.save()

    assert ledger.allow("reply", reply, NOON).rule == "opted_out"


# --- stop


@pytest.mark.parametrize(
    "text",
    [
        "stop",
        "STOP!!!",
        "@AcmeAir stop",
        "@AcmeAir Please stop.",
        "Unsubscribe",
        "opt-out",
        "Abmelden bitte",
        "arrêtez",
        "désabonner",
        "Stop, please",
        "停止",
        "стоп",
        "no más mensajes",
    ],
)
def test_stop_is_heard_in_many_languages(text):
    assert ledger.opts_out(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@AcmeAir",
        "Please stop losing my bags",
        "Does this bus stop at the airport?",
        "You cannot stop me",
        "thanks",
        "stop " * 40,
    ],
)
def test_a_sentence_with_the_word_in_it_is_no_opt_out(text):
    assert not ledger.opts_out(text)


OURS = frozenset({ACME_HANDLE})


def tweet_of(message, **fields) -> Tweet:
    plain = Tweet(
        id=message.pk,
        author_id=message.author_id,
        text=message.text,
        created_at=NOON,
        mentioned=((ACME_HANDLE, "AcmeAir"),),
    )
    return replace(plain, **fields)


def test_stop_is_honoured_at_once_and_stops_what_was_approved(labelled):
    message = MessageFactory(text="@AcmeAir stop")
    waiting = drafted(message=message, status=ReplyStatus.APPROVED, approved_at=NOON, approved_by_id=somebody_id())
    by_hand = ReplyFactory(conversation=message.conversation, author_id=somebody_id())

    told = ledger.notice_opt_outs([tweet_of(message)], ours=OURS, now=NOON)

    waiting.refresh_from_db()
    by_hand.refresh_from_db()
    message.conversation.customer.refresh_from_db()
    assert message.conversation.customer.opted_out_at == NOON
    assert [line.kind for line in told] == [EventKind.OPTED_OUT, EventKind.REPLY_SENT_BACK]
    assert waiting.status == ReplyStatus.SENT_BACK
    assert waiting.why.startswith("This customer said")
    assert by_hand.status == ReplyStatus.DRAFT


def test_stop_is_for_ever_and_told_once(acme):
    message = MessageFactory(text="stop")
    for hours in (0, 5):
        told = ledger.notice_opt_outs([tweet_of(message)], ours=OURS, now=NOON + timedelta(hours=hours))

    message.conversation.customer.refresh_from_db()
    assert told == []
    assert message.conversation.customer.opted_out_at == NOON


def test_stop_said_to_somebody_else_is_not_for_us(acme):
    message = MessageFactory(text="@Other stop")

    assert ledger.notice_opt_outs([tweet_of(message, mentioned=((5, "Other"),))], ours=OURS, now=NOON) == []
    assert ledger.notice_opt_outs([tweet_of(message, mentioned=(), is_private=True)], ours=OURS, now=NOON) != []


def test_a_batch_in_which_nobody_says_stop_costs_nothing(acme, django_assert_num_queries):
    message = MessageFactory(text="Where is my bag?")

    with django_assert_num_queries(0):
        assert ledger.notice_opt_outs([tweet_of(message)] * 100, ours=OURS, now=NOON) == []


# --- the ledger itself


def test_what_a_person_does_is_written_down_too(acme):
    ledger.record("by_hand", "by_hand", reply=ReplyFactory(), now=NOON)

    assert lines() == [("by_hand", False, True)]


def test_no_line_is_changed_or_removed(acme):
    PolicyLineFactory()
    for act in (lambda: PolicyLine.objects.update(is_allowed=False), lambda: PolicyLine.objects.all().delete()):
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            act()


def test_admins_say_that_an_account_is_labelled(acme, agent):
    with pytest.raises(NotYours):
        ledger.set_automation(privacy_url=PRIVACY, is_labelled=True, by=agent, role=Role.SUPERVISOR, now=NOON)
    with pytest.raises(NotNow, match="https://"):
        ledger.set_automation(privacy_url="javascript:x", is_labelled=True, by=agent, role=Role.ADMIN, now=NOON)

    ledger.set_automation(privacy_url=PRIVACY, is_labelled=True, by=agent, role=Role.ADMIN, now=NOON)
    assert ChannelSettings.objects.values_list("privacy_url", "is_labelled").get() == (PRIVACY, True)


def test_a_conversation_of_another_customer_is_not_touched(labelled):
    other = drafted(message=MessageFactory(conversation=ConversationFactory(customer=CustomerFactory())))
    message = MessageFactory(text="stop")

    ledger.notice_opt_outs([tweet_of(message)], ours=OURS, now=NOON)

    assert ledger.allow("reply", other, NOON) is None
