"""Replies by a program, by every way: in public, in private, in parts; and refused by the rule that forbids it."""

import pytest

from inbox.enums import Answerable, ReplyStatus, ReplyWay
from inbox.models import ApprovalRule, ChannelSettings, Conversation, Message, Reply
from tenants import entry
from tests.conftest import NOON
from tests.factories import ConversationFactory, MessageFactory, ReplyFactory, tweet_id
from tests.programs import Program

LONG = "We look for your bag at every belt of the airport and write to you by noon. " * 6


@pytest.fixture
def conversation(db, house, _transactions_around) -> Conversation:
    """One of acme's, with a tweet, a direct message, and a tweet that names nobody."""
    with entry.brand(house.acme):
        made = ConversationFactory(id=tweet_id(1))
        MessageFactory(id=tweet_id(1), conversation=made, text="@AcmeAir my bag?")
        MessageFactory(id=tweet_id(2), conversation=made, text="My number is 7.", is_private=True)
        MessageFactory(
            id=tweet_id(3), conversation=made, answerable=Answerable.NOT_ELIGIBLE, answerable_why="not_named"
        )
        ChannelSettings.objects.update(takes_private=True)
    return made


def writes(program: Program, conversation: Conversation, answers: int, text: str = "On our way.", **more: object):
    about = {"conversation_id": str(conversation.pk), "answers_id": str(tweet_id(answers)), "text": text}
    return program.post("replies/", {**about, **more})


@pytest.mark.parametrize(("answers", "way"), [(1, ReplyWay.PUBLIC), (2, ReplyWay.PRIVATE)])
def test_where_no_way_is_said_a_message_is_answered_as_it_came(program, conversation, answers, way):
    answer = writes(program(), conversation, answers)

    assert answer.status_code == 201, answer.json()
    assert answer.json()["way"] == way


def test_a_direct_message_is_answered_in_public_by_nobody(program, conversation):
    answer = writes(program(), conversation, 2, way="public")

    assert answer.status_code == 409
    assert answer.json()["detail"] == "This is a direct message. Answer it in private."


def test_what_x_takes_from_no_program_is_refused_with_the_rule(program, conversation):
    answer = writes(program(), conversation, 3)

    assert answer.status_code == 409
    assert "neither named nor quoted the brand" in answer.json()["detail"]


def test_a_quote_is_for_the_enterprise_plan(program, conversation, settings):
    refused = writes(program(), conversation, 1, way="quote")
    settings.TWITTER_PLAN = "enterprise"
    taken = writes(program(), conversation, 1, way="quote")

    assert (refused.status_code, taken.status_code) == (409, 201)
    assert "Enterprise" in refused.json()["detail"]


def test_a_long_text_goes_out_in_parts_where_that_is_said(program, conversation, house):
    ours = program()
    refused, taken = writes(ours, conversation, 1, LONG), writes(ours, conversation, 1, LONG, in_parts=True)

    assert (refused.status_code, taken.status_code) == (409, 201)
    head = taken.json()
    assert head["follows_id"] is None
    assert head["rest"] == LONG.strip()
    rows = [row for row in ours.get("replies/").json()["results"] if row["follows_id"] == head["id"]]
    assert len(rows) == 1
    assert rows[0]["status"] == ReplyStatus.APPROVED


def test_a_button_to_write_in_private_is_kept_for_public_replies(program, conversation):
    public = writes(program(), conversation, 1, invites_private=True).json()
    private = writes(program(), conversation, 2, invites_private=True).json()

    assert (public["invites_private"], private["invites_private"]) == (True, False)


def test_a_way_that_nobody_knows_is_a_mistake(program, conversation):
    answer = writes(program(), conversation, 1, way="pigeon")

    assert answer.status_code == 422


def test_what_a_program_approves_and_x_takes_from_none_is_handed_over_to_x(program, conversation, house):
    with entry.brand(house.acme):
        ApprovalRule.objects.update(clients_approve=True)
        waits = ReplyFactory(
            conversation=conversation, answers_id=tweet_id(3), author_id=house.agent_id, status=ReplyStatus.SUBMITTED,
            needs_approval=True, submitted_at=NOON, text="We can help.",
        )  # fmt: skip

    answer = program().post(f"replies/{waits.pk}/approval/", {})

    assert (answer.status_code, answer.json()["status"]) == (201, ReplyStatus.ELSEWHERE)
    with entry.brand(house.acme):
        assert Reply.objects.get(pk=waits.pk).status == ReplyStatus.ELSEWHERE
        assert Message.objects.filter(reply=waits).count() == 0
