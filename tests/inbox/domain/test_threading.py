"""Which conversation a tweet belongs to, rule by rule. `test_permutations` holds all of it in any order."""

import zlib
from datetime import timedelta

import pytest

from accounts.enums import Role
from inbox.domain import flow, wrapup
from inbox.enums import ArrivalKind, Direction, EventKind, FoundingDisposition, Outcome
from inbox.models import Amplification, Arrival, Conversation, Customer, Deletion, Event, Message, Payload
from tests.conftest import ACME_HANDLE, CANARY_HANDLE, NOON
from tests.factories import at, tweet_id
from tests.inbox.domain.conftest import FRONT, HELP
from tests.inbox.domain.scenes import HOUR, carry, deletion, hours, partition, tweet

JO, KIM = 900_000_000_000_000_001, 900_000_000_000_000_002
WINDOW = 72 * HOUR
QUESTION, ANSWER, MORE = hours(0), hours(1), hours(2)


def asks(id=QUESTION, author_id=JO, for_id=ACME_HANDLE, **said):
    said = {"text": "@AcmeAir my bag", "mentions": [(for_id, "AcmeAir")], **said}
    return tweet(id=id, for_id=for_id, author_id=author_id, **said)


def answers(id=ANSWER, to=QUESTION, customer=JO, by=ACME_HANDLE, **said):
    said = {"text": "@jo Sorry!", "mentions": [(customer, "jo")], "in_reply_to_user": customer, **said}
    return tweet(id=id, for_id=by, author_id=by, in_reply_to=to, **said)


def goes_on(id, after, by=ACME_HANDLE):
    return tweet(
        id=id, for_id=by, author_id=by, text="… 2/2", mentions=[], in_reply_to=after, in_reply_to_user=by
    )  # fmt: skip


def says(id=QUESTION, by=ACME_HANDLE, text="Fog in Oslo."):
    return tweet(id=id, for_id=by, author_id=by, text=text, mentions=[])


def retweets(id, of, author_id=KIM):
    return tweet(id=id, for_id=ACME_HANDLE, author_id=author_id, text="RT", mentions=[], retweet_of=of)


def closed(conversation, by, seconds):
    return wrapup.close(
        conversation=conversation, disposition=FoundingDisposition.RESOLVED, by=by, role=Role.AGENT, now=at(seconds)
    )


def outcomes():
    return dict(Arrival.objects.filter(kind=ArrivalKind.TWEET).values_list("twitter_id", "outcome"))


def kinds():
    return list(Event.objects.order_by("seq").values_list("kind", flat=True))


# --- retweets


@pytest.mark.parametrize("author_id", [KIM, JO, ACME_HANDLE])
def test_a_retweet_is_counted_and_is_no_work(acme, author_id):
    carry(acme, [asks()])

    carry(acme, [retweets(hours(1), QUESTION, author_id)])

    assert partition() == {(QUESTION,)}
    assert outcomes() == {QUESTION: Outcome.MESSAGE, hours(1): Outcome.AMPLIFICATION}
    assert Amplification.objects.values_list("of_id", "author_id").get() == (QUESTION, author_id)
    assert kinds() == [EventKind.OPENED, EventKind.MESSAGE_ARRIVED, EventKind.AMPLIFIED]


def test_a_retweet_of_a_tweet_that_never_comes_is_counted_and_is_no_work(acme):
    carry(acme, [retweets(hours(1), QUESTION)])

    assert Conversation.objects.count() == Customer.objects.count() == 0
    assert Amplification.objects.count() == 1
    assert kinds() == []


def test_a_retweet_before_its_original_is_told_when_that_comes(acme):
    carry(acme, [retweets(hours(1), QUESTION)])

    carry(acme, [asks()])

    assert kinds() == [EventKind.OPENED, EventKind.MESSAGE_ARRIVED, EventKind.AMPLIFIED]
    assert Event.objects.get(kind=EventKind.AMPLIFIED).message_id == QUESTION


# --- our own tweets


def test_an_answer_typed_on_twitter_is_an_outbound_message_and_nobody_waits_any_more(acme):
    carry(acme, [asks()])

    carry(acme, [answers()])

    conversation = Conversation.objects.get()
    assert partition() == {(QUESTION, ANSWER)}
    assert Message.objects.get(pk=ANSWER).direction == Direction.OUTBOUND
    assert (conversation.waiting_since, conversation.respond_by, conversation.message_count) == (None, None, 2)


def test_an_answer_in_two_parts_is_one_conversation(acme):
    carry(acme, [asks(), answers(), goes_on(MORE, ANSWER)])

    assert partition() == {(QUESTION, ANSWER, MORE)}


def test_a_second_part_waits_for_its_first(acme):
    carry(acme, [asks(), goes_on(MORE, ANSWER)])
    waits = outcomes()[MORE]

    carry(acme, [answers()])

    assert waits == Outcome.ORPHAN
    assert partition() == {(QUESTION, ANSWER, MORE)}
    assert outcomes()[MORE] == Outcome.MESSAGE
    assert Arrival.objects.get(twitter_id=MORE).awaits_id is None


def test_a_chain_of_parts_that_arrived_backwards_is_adopted_whole(acme):
    parts = [answers(), *(goes_on(ANSWER + place, ANSWER + place - 1) for place in range(1, 6))]
    for part in reversed(parts):
        carry(acme, [part])

    assert partition() == {tuple(ANSWER + place for place in range(6))}
    assert set(outcomes().values()) == {Outcome.MESSAGE}


def test_a_part_whose_first_never_comes_is_kept_and_waits(acme):
    carry(acme, [goes_on(MORE, ANSWER)])

    assert Conversation.objects.count() == 0
    assert Arrival.objects.values_list("outcome", "awaits_id").get() == (Outcome.ORPHAN, ANSWER)


def test_an_answer_to_a_tweet_that_never_comes_is_in_the_customer_s_conversation(acme):
    carry(acme, [answers(to=hours(-9))])

    conversation = Conversation.objects.get()
    assert conversation.customer_id == JO
    assert conversation.customer.username == "jo"
    assert conversation.waiting_since is None


def test_a_customer_whom_only_we_named_has_the_name_that_they_give_themselves_later(acme):
    carry(acme, [answers(to=hours(-9), mentions=[])])
    nameless = Customer.objects.get().username
    carry(acme, [answers(id=MORE, to=hours(-9), mentions=[(JO, "jo_in_a_reply")])])
    named = Customer.objects.get().username

    carry(acme, [asks(username="jo")])

    assert (nameless, named, Customer.objects.get().username) == (str(JO), "jo_in_a_reply", "jo")


def test_what_the_brand_says_to_nobody_is_no_work(acme):
    carry(acme, [says(), goes_on(hours(0, 1), QUESTION)])

    assert Conversation.objects.count() == 0
    assert set(outcomes().values()) == {Outcome.BROADCAST}


def test_a_second_part_of_a_broadcast_may_come_first(acme):
    carry(acme, [goes_on(hours(0, 1), QUESTION)])
    carry(acme, [says()])

    assert Conversation.objects.count() == 0
    assert set(outcomes().values()) == {Outcome.BROADCAST}


def test_those_who_answer_a_broadcast_each_have_their_conversation(acme):
    carry(
        acme,
        [
            says(),
            asks(hours(1), JO, in_reply_to=QUESTION, in_reply_to_user=ACME_HANDLE),
            asks(hours(2), KIM, in_reply_to=QUESTION, in_reply_to_user=ACME_HANDLE),
            answers(hours(3), to=hours(2), customer=KIM),
        ],
    )

    assert partition() == {(hours(1),), (hours(2), hours(3))}


def test_an_answer_to_an_answer_stays_with_its_customer(acme):
    carry(acme, [asks(), answers(), asks(MORE, JO, in_reply_to=ANSWER, in_reply_to_user=ACME_HANDLE)])

    assert partition() == {(QUESTION, ANSWER, MORE)}
    assert Conversation.objects.get().waiting_since == at(2 * HOUR)


def test_a_bystander_in_a_reply_tree_has_a_conversation_of_their_own(acme):
    both = [(JO, "jo"), (ACME_HANDLE, "AcmeAir")]
    carry(
        acme,
        [
            asks(),
            answers(),
            asks(hours(2), KIM, in_reply_to=QUESTION, in_reply_to_user=JO, mentions=both),
            answers(hours(3), to=hours(2), customer=KIM),
            asks(hours(4), JO, in_reply_to=hours(3), in_reply_to_user=ACME_HANDLE),
        ],
    )

    assert partition() == {(QUESTION, ANSWER, hours(4)), (hours(2), hours(3))}
    wrong = [
        message
        for message in Message.objects.filter(direction=Direction.INBOUND).select_related("conversation")
        if message.author_id != message.conversation.customer_id
    ]
    assert wrong == []


def test_another_brand_of_the_agency_that_writes_to_us_is_a_customer_like_others(acme):
    carry(acme, [asks(author_id=CANARY_HANDLE, username="CanaryCare"), answers(customer=CANARY_HANDLE)])

    assert partition() == {(QUESTION, ANSWER)}
    assert Conversation.objects.get().customer_id == CANARY_HANDLE


# --- one open conversation per customer and handle


def test_one_customer_has_one_open_conversation_whatever_reply_trees_they_write_in(acme):
    carry(acme, [asks(hours(number)) for number in range(3)])
    carry(acme, [asks(hours(400), text="@AcmeAir weeks later, still open")])

    assert partition() == {(hours(0), hours(1), hours(2), hours(400))}


def test_two_handles_are_two_conversations(duo):
    carry(duo, [asks(hours(0), for_id=FRONT), asks(hours(1), for_id=HELP), asks(hours(2), for_id=FRONT)])

    assert partition() == {(hours(0), hours(2)), (hours(1),)}


@pytest.mark.parametrize("told", [(FRONT, HELP), (HELP, FRONT)])
def test_a_tweet_that_names_both_handles_is_the_first_one_s_whichever_was_told_first(duo, told):
    for handle in told:
        carry(duo, [asks(for_id=handle, mentions=[(HELP, "DuoHelp"), (FRONT, "Duo")])])

    assert Conversation.objects.values_list("handle_id", flat=True).get() == HELP


def test_the_other_handle_answers_in_the_conversation_that_it_answers(duo):
    carry(duo, [asks(for_id=FRONT), answers(by=HELP)])

    assert partition() == {(QUESTION, ANSWER)}
    assert Conversation.objects.get().waiting_since is None


def test_an_answer_of_the_other_handle_moves_to_its_question_when_that_comes(duo):
    carry(duo, [answers(by=HELP), goes_on(MORE, ANSWER, by=HELP)])
    before = Conversation.objects.values_list("handle_id", flat=True).get()

    carry(duo, [asks(for_id=FRONT)])

    assert before == HELP
    assert partition() == {(QUESTION, ANSWER, MORE)}
    assert Conversation.objects.values_list("handle_id", "waiting_since").get() == (FRONT, None)


# --- closing and reopening


@pytest.mark.parametrize(
    ("seconds", "same"),
    [(1, True), (WINDOW - 1, True), (WINDOW, True), (WINDOW + 1, False), (WINDOW * 5, False)],
)
def test_within_the_window_a_closed_conversation_is_reopened_and_later_a_new_one_begins(acme, agent, seconds, same):
    carry(acme, [asks()])
    closed(Conversation.objects.get(), agent, 10)

    carry(acme, [asks(tweet_id(10 + seconds))])

    assert (Conversation.objects.count() == 1) is same
    latest = Message.objects.get(pk=tweet_id(10 + seconds)).conversation
    assert (latest.closed_at, latest.waiting_since) == (None, at(10 + seconds))
    assert kinds()[3:] == [EventKind.REOPENED if same else EventKind.OPENED, EventKind.MESSAGE_ARRIVED]


def test_the_window_is_the_brand_s_own(acme, agent):
    acme.reopen_window, before = timedelta(minutes=5), acme.reopen_window
    carry(acme, [asks()])
    closed(Conversation.objects.get(), agent, 10)

    carry(acme, [asks(tweet_id(10 + 301))])
    acme.reopen_window = before

    assert partition() == {(QUESTION,), (tweet_id(10 + 301),)}


def test_what_was_written_before_the_closing_and_arrives_after_it_reopens(acme, agent):
    """Nobody has seen it."""
    carry(acme, [asks()])
    closed(Conversation.objects.get(), agent, 100)

    carry(acme, [asks(tweet_id(50))])

    conversation = Conversation.objects.get()
    assert (conversation.closed_at, conversation.waiting_since) == (None, at(50))


def test_a_conversation_closed_without_an_answer_waits_for_nobody_and_reopens_from_the_new_word_on(acme, agent):
    carry(acme, [asks(text="@AcmeAir I will sue you, this is fraud")])
    closed(Conversation.objects.get(), agent, 10)
    while_closed = Conversation.objects.values_list("waiting_since", "respond_by").get()

    carry(acme, [asks(tweet_id(20), text="@AcmeAir which form do I need?")])

    conversation = Conversation.objects.get()
    assert while_closed == (None, None)
    assert (conversation.waiting_since, conversation.urgency) == (at(20), 1)


def test_our_own_word_after_the_closing_neither_reopens_nor_waits(acme, agent):
    carry(acme, [asks()])
    closed(Conversation.objects.get(), agent, 10)

    carry(acme, [answers()])

    conversation = Conversation.objects.get()
    assert partition() == {(QUESTION, ANSWER)}
    assert (conversation.closed_at, conversation.waiting_since) == (at(10), None)


def test_a_late_word_from_within_the_window_takes_the_newer_conversation_in(acme, agent):
    """The smallest scene in which what was decided turns out wrong: closed, then one tweet each side of the window."""
    carry(acme, [asks()])
    first = closed(Conversation.objects.get(), agent, 10)
    within, beyond = tweet_id(10 + WINDOW - 60), tweet_id(10 + WINDOW + 60)
    carry(acme, [asks(beyond)])
    apart = partition()

    carry(acme, [asks(within)])

    assert apart == {(QUESTION,), (beyond,)}
    assert partition() == {(QUESTION, within, beyond)}
    conversation = Conversation.objects.get()
    assert (conversation.pk, conversation.closed_at) == (first.pk, None)
    assert conversation.waiting_since == at(10 + WINDOW - 60)
    assert Event.objects.get(kind=EventKind.REOPENED).facts == {"merged": [str(beyond)]}


# --- who they are


def test_a_customer_who_renames_is_the_same_customer_with_the_new_name(acme):
    carry(acme, [asks(hours(1), username="new")])
    carry(acme, [asks(hours(0), username="old")])

    assert Customer.objects.values_list("pk", "username").get() == (JO, "new")
    assert partition() == {(hours(0), hours(1))}


# --- what is gone, edited, strange


@pytest.mark.parametrize("deleted_first", [False, True])
def test_a_deleted_tweet_leaves_no_words_and_nobody_waits(acme, deleted_first):
    events = [asks(text="@AcmeAir xyzzy"), deletion(id=QUESTION, for_id=ACME_HANDLE)]
    for event in reversed(events) if deleted_first else events:
        carry(acme, [event])

    message = Message.objects.get()
    assert (message.text, message.reasons, message.deleted_at) == ("", [], NOON)
    assert Conversation.objects.get().waiting_since is None
    assert b"xyzzy" not in _all_payloads()
    assert kinds() == [EventKind.OPENED, EventKind.MESSAGE_ARRIVED, EventKind.MESSAGE_DELETED]


@pytest.mark.parametrize("deleted_first", [False, True])
def test_a_deleted_part_that_waits_for_its_first_leaves_no_words_either(acme, deleted_first):
    events = [goes_on(MORE, ANSWER), deletion(id=MORE, for_id=ACME_HANDLE)]
    for event in reversed(events) if deleted_first else events:
        carry(acme, [event])
    waiting = _all_payloads()

    carry(acme, [asks(), answers()])

    assert "… 2/2".encode() not in waiting
    assert rb"\u2026 2/2" not in waiting
    assert partition() == {(QUESTION, ANSWER, MORE)}
    assert Message.objects.get(pk=MORE).deleted_at == NOON


def test_a_tweet_deleted_before_its_own_batch_is_carried_is_threaded_all_the_same(acme):
    deletion(id=QUESTION, for_id=ACME_HANDLE).arrive()
    asks().arrive()

    first, second = (flow.carry(brand=acme, now=NOON, limit=1) for _ in range(2))

    assert (first.count, second.count) == (1, 1)
    assert outcomes() == {QUESTION: Outcome.MESSAGE}
    assert Message.objects.get().text == ""


def test_the_most_urgent_word_no_longer_counts_once_it_is_deleted(acme):
    carry(acme, [asks(text="@AcmeAir I will sue you, this is fraud"), asks(MORE, text="@AcmeAir where is my bag?")])
    before = Conversation.objects.get().urgency

    carry(acme, [deletion(id=QUESTION, for_id=ACME_HANDLE)])

    conversation = Conversation.objects.get()
    assert before > 1
    assert (conversation.urgency, conversation.waiting_since) == (1, at(2 * HOUR))


def test_an_edit_has_a_new_id_and_is_the_same_message(acme):
    carry(acme, [asks(), asks(hours(0, 1), more={"edit_history_tweet_ids": [str(QUESTION), str(hours(0, 1))]})])

    assert partition() == {(QUESTION,)}


def test_a_deletion_of_a_tweet_that_never_comes_is_remembered(acme):
    carry(acme, [deletion(id=QUESTION, for_id=ACME_HANDLE)])

    assert Deletion.objects.values_list("pk", flat=True).get() == QUESTION
    assert Arrival.objects.get().outcome == Outcome.DELETED
    assert kinds() == []


def test_a_tweet_for_a_handle_that_is_no_longer_ours_is_settled_and_no_work(acme):
    carry(acme, [asks(for_id=CANARY_HANDLE)])

    assert outcomes() == {QUESTION: Outcome.NOT_OURS}
    assert Conversation.objects.count() == 0


def test_a_tweet_that_names_the_brand_but_no_handle_is_work_of_the_handle_that_was_told(acme):
    carry(acme, [asks(mentions=[], text="Acme Air lost my bag")])

    assert Conversation.objects.values_list("handle_id", "reach").get() == (ACME_HANDLE, "broad")


def _all_payloads():
    return b"".join(zlib.decompress(row.body) for row in Payload.objects.filter(kind=ArrivalKind.TWEET))
