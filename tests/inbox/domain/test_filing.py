"""Rows that are written whole say what their messages say; columns carry any character; batches of any size agree."""

import random

import pytest

from inbox.domain import conversations, routing, sla, triage
from inbox.models import Conversation, Customer, Message
from tenants.database.bulk import ask, names, numbers, times, words
from tests.conftest import ACME_HANDLE, NOON
from tests.inbox.domain.scenes import carry, hours, outcome_of, snapshot, tweet

JO = 900_000_000_000_000_001
ODD = ["", "NULL", "null", '"', "\\", '\\"', "{a,b}", "a\tb\nc\r", "'; --", "😀 é ﷽ 한", "\\N", " ", "%s $1", "\ufffd"]
SAID = [
    "@AcmeAir my bag is lost!",
    "@AcmeAir thank you",
    "@AcmeAir stranded at the airport",
    "@AcmeAir wo ist mein Koffer",
]


def test_columns_carry_any_character(acme):
    rows = ask("SELECT * FROM unnest($1::text[], $2::bigint[], $3::timestamptz[])", [
        words([*ODD, None]), numbers([*range(len(ODD)), None]), times([NOON] * len(ODD) + [None])
    ])  # fmt: skip

    assert rows == [*((text, place, NOON) for place, text in enumerate(ODD)), (None, None, None)]
    assert ask("SELECT $1::text[]", [names(["tweet", "private"])]) == [(["tweet", "private"],)]


def test_a_message_keeps_every_character(acme):
    carry(
        acme,
        [
            tweet(
                id=hours(0, place),
                for_id=ACME_HANDLE,
                author_id=JO + place,
                text=f"@AcmeAir {text}x",
                username=f"u{place}",
            )
            for place, text in enumerate(ODD)
        ],
    )

    assert list(Message.objects.order_by("pk").values_list("text", flat=True)) == [f"@AcmeAir {text}x" for text in ODD]
    assert Customer.objects.count() == len(ODD)


def scene(seed):
    """An hour of ten customers, some of whom we answer, in the order in which it happened."""
    dice = random.Random(seed)
    sent, last = [], {}
    for number in range(60):
        customer = JO + dice.randrange(10)
        if customer in last and dice.random() < 0.2:
            sent.append(
                tweet(
                    id=hours(number / 60, 1), for_id=ACME_HANDLE, author_id=ACME_HANDLE, text="Sorry!", mentions=[],
                    in_reply_to=last[customer], in_reply_to_user=customer,
                )
            )  # fmt: skip
        else:
            last[customer] = hours(number / 60)
            sent.append(tweet(id=last[customer], for_id=ACME_HANDLE, author_id=customer, text=dice.choice(SAID)))
    return sent


@pytest.mark.parametrize("seed", range(4))
def test_batches_of_one_and_of_all_write_the_same_rows(acme, seed):
    sent = scene(seed)

    one_by_one = outcome_of(acme, [[each] for each in sent])

    assert outcome_of(acme, [sent]) == one_by_one
    assert outcome_of(acme, [sent[:7], sent[7:20], sent[20:]]) == one_by_one


@pytest.mark.parametrize("seed", range(4))
def test_what_was_written_whole_is_what_its_messages_say(acme, seed):
    sent = scene(seed)
    for place in range(0, 60, 9):
        carry(acme, sent[place : place + 9])
    before = snapshot()

    every = list(Conversation.objects.values_list("pk", flat=True))
    conversations.refresh(every)
    triage.settle(every)
    sla.promise(every)
    routing.offer(every)

    assert snapshot() == before
    assert len(every) == 10
