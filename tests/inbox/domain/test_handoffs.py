"""What goes on elsewhere: in X by a person's hand, in direct messages, and the way back."""

from datetime import timedelta

import pytest

from accounts.enums import Role
from inbox.domain import handoffs, posting, replies
from inbox.enums import Answerable, Direction, EventKind, ReplyStatus
from inbox.models import Event, PolicyLine, Reply
from tenants.refusals import NotNow, NotYours
from tests.conftest import ACME_HANDLE, NOON
from tests.factories import MessageFactory, ReplyFactory, at, somebody_id, tweet_id

NOT_OURS = {"answerable": Answerable.NOT_ELIGIBLE, "answerable_why": "not_named"}


@pytest.fixture
def message(acme):
    """Jo wrote about the brand and did not name it."""
    return MessageFactory(id=tweet_id(1), text="acme air lost my bag", **NOT_OURS)


def hand_over(message, by, *, role=Role.AGENT, text="Sorry! {{}} & more: write to us.") -> Reply:
    return handoffs.hand_over(
        conversation=message.conversation, text=text, answers_id=message.pk, by=by, role=role, now=NOON
    )


def kinds():
    return list(Event.objects.order_by("seq").values_list("kind", flat=True))


def test_a_reply_is_kept_to_be_posted_by_hand_and_recorded(message, agent):
    reply = hand_over(message, agent)

    assert (reply.status, reply.text, reply.approved_by_id) == (
        ReplyStatus.ELSEWHERE,
        "Sorry! {} & more: write to us.",
        agent.pk,
    )
    assert kinds()[-1] == EventKind.REPLY_ELSEWHERE
    assert PolicyLine.objects.values_list("rule", "is_automatic", "reply_id").get() == ("by_hand", False, reply.pk)


def test_a_trainees_words_are_approved_before_they_are_handed_over(message, agent, supervisor):
    reply = hand_over(message, agent, role=Role.TRAINEE)
    assert reply.status == ReplyStatus.SUBMITTED

    reply = handoffs.approve(reply=reply, by=supervisor, role=Role.SUPERVISOR, now=NOON)

    assert (reply.status, reply.approved_by_id) == (ReplyStatus.ELSEWHERE, supervisor.pk)


def test_what_the_api_may_post_is_approved_as_ever(acme, agent, supervisor):
    message = MessageFactory(id=tweet_id(1), answerable=Answerable.ELIGIBLE, answerable_why="named")
    reply = replies.compose(
        conversation=message.conversation, text="Hi.", answers_id=message.pk, by=agent, role=Role.TRAINEE, now=NOON
    )

    assert handoffs.approve(reply=reply, by=supervisor, role=Role.SUPERVISOR, now=NOON).status == ReplyStatus.APPROVED


def test_it_is_not_posted_by_the_poster(message, agent):
    hand_over(message, agent)

    assert posting.claim.__wrapped__(now=NOON + timedelta(hours=1)) is None


def test_it_can_be_taken_back_to_a_draft_with_its_blanks_as_written(message, agent):
    reply = handoffs.take_back(reply=hand_over(message, agent), by=agent, role=Role.AGENT, now=NOON)

    assert (reply.status, reply.text, reply.approved_at) == (
        ReplyStatus.DRAFT,
        "Sorry! {{}} & more: write to us.",
        None,
    )
    with pytest.raises(NotNow, match="not waiting"):
        handoffs.take_back(reply=reply, by=agent, role=Role.AGENT, now=NOON)


def test_a_client_takes_nothing_back(message, agent, supervisor):
    reply = hand_over(message, agent)

    with pytest.raises(NotYours):
        handoffs.take_back(reply=reply, by=supervisor, role=Role.CLIENT_APPROVER, now=NOON)


def own_tweet(message, text, minutes=10, **fields):
    return MessageFactory(
        id=tweet_id(minutes * 60),
        conversation=message.conversation,
        direction=Direction.OUTBOUND,
        author_id=ACME_HANDLE,
        in_reply_to_id=message.pk,
        text=text,
        created_at=at(minutes * 60),
        **fields,
    )


def test_other_words_in_answer_to_the_same_tweet_are_offered_to_a_person_who_says_so(message, agent):
    reply = hand_over(message, agent)
    assert handoffs.likely([reply]) == {}

    own = own_tweet(message, "Sorry, Jo! We are on it.")

    assert handoffs.likely([reply]) == {reply.pk: own}
    posting.it_was_posted(reply=reply, tweet_id=own.pk, by=agent, role=Role.AGENT, now=at(900))
    reply.refresh_from_db()
    assert (reply.status, reply.twitter_id) == (ReplyStatus.POSTED, own.pk)
    assert handoffs.waiting() == []


@pytest.mark.parametrize("spoilt", ["two tweets", "two replies", "too late", "deleted"])
def test_nothing_is_offered_where_it_is_not_clear(message, agent, spoilt):
    reply = hand_over(message, agent)
    if spoilt == "too late":
        own_tweet(message, "Sorry!", minutes=60 * 24 * 3)
    elif spoilt == "deleted":
        own_tweet(message, "", deleted_at=NOON)
    else:
        own_tweet(message, "Sorry!")
    if spoilt == "two tweets":
        own_tweet(message, "Really sorry!", minutes=11)
    if spoilt == "two replies":
        hand_over(message, agent, text="Another one.")

    assert handoffs.likely([reply]) == {}


def test_after_a_while_one_is_reminded(message, agent):
    reply = hand_over(message, agent)

    assert [handoffs.is_overdue(reply, NOON + timedelta(hours=hours)) for hours in (1, 3)] == [False, True]
    assert [each.pk for each in handoffs.waiting()] == [reply.pk]


# --- direct messages


def test_going_private_is_noted_once(message):
    first = handoffs.go_private([message.conversation_id, message.conversation_id], now=NOON)
    again = handoffs.go_private([message.conversation_id], now=NOON + timedelta(hours=1))

    message.conversation.refresh_from_db()
    assert [line.kind for line in first] == [EventKind.WENT_PRIVATE]
    assert again == []
    assert message.conversation.went_private_at == NOON


def test_nobody_going_private_costs_nothing(acme, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert handoffs.go_private([], now=NOON) == []


def test_an_invitation_is_kept_in_the_ledger(message):
    reply = ReplyFactory(conversation=message.conversation, answers_id=message.pk, invites_private=True)

    assert [line.kind for line in handoffs.invited(reply, now=NOON)] == [EventKind.WENT_PRIVATE]
    assert handoffs.invited(ReplyFactory(conversation=message.conversation), now=NOON) == []
    assert PolicyLine.objects.get().rule == "invited_to_private"


# --- the way back


@pytest.fixture
def gone_private(acme):
    """Jo named the brand, was asked into direct messages, and told us a secret there."""
    message = MessageFactory(id=tweet_id(1), answerable=Answerable.ELIGIBLE, answerable_why="named")
    MessageFactory(id=tweet_id(301), conversation=message.conversation, is_private=True, text="My code is CANARY42.")
    handoffs.go_private([message.conversation_id], now=at(200))
    message.conversation.refresh_from_db()
    return message


def test_the_outcome_is_drafted_in_public_without_a_word_of_what_was_private(gone_private, agent):
    reply = handoffs.draft_outcome(conversation=gone_private.conversation, by=agent, role=Role.AGENT, now=at(600))

    assert (reply.status, reply.answers_id, reply.author_id) == (ReplyStatus.DRAFT, gone_private.pk, agent.pk)
    assert "CANARY42" not in reply.text
    assert reply.text.startswith("Thank you for sorting this out")
    assert PolicyLine.objects.get().rule == "public_outcome"


def test_the_outcome_is_told_in_the_customers_language(gone_private):
    gone_private.conversation.language = "de"

    assert handoffs.outcome_of(gone_private.conversation).text.startswith("Danke")


def test_no_outcome_where_the_public_heard_of_it_or_never_knew(gone_private, agent):
    own_tweet(gone_private, "All settled.", minutes=20)

    assert handoffs.outcome_of(gone_private.conversation) is None
    assert handoffs.outcome_of(MessageFactory().conversation) is None
    with pytest.raises(NotNow, match="no public part"):
        handoffs.draft_outcome(conversation=gone_private.conversation, by=agent, role=Role.AGENT, now=at(600))


def test_the_invitation_itself_is_not_the_outcome(gone_private):
    invitation = ReplyFactory(conversation=gone_private.conversation, invites_private=True, author_id=somebody_id())
    own_tweet(gone_private, "Please write to us in private.", minutes=5, reply=invitation)

    assert handoffs.outcome_of(gone_private.conversation) is not None
