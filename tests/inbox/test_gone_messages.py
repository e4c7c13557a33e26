"""What lists and cards say of messages that were deleted on Twitter: of what stands, not of what is gone."""

import re

import pytest
from django.test import Client

from inbox.domain import routing
from inbox.enums import Answerable, Direction, ReplyStatus, ReplyWay
from inbox.models import Conversation, Message
from tenants import entry
from tests.conftest import NOON
from tests.factories import ConversationFactory, CustomerFactory, MessageFactory, ReplyFactory, at, tweet_id
from tests.visiting import AGENCY, count_of, queries_counted, visitor

HTMX = {"HX-Request": "true"}
GONE = {"deleted_at": NOON, "text": ""}
LISTS = ["/b/acme/", "/desk/rows/"]


@pytest.fixture
def client(db, house, static_files, _transactions_around) -> Client:
    return visitor(AGENCY, house.agent_id)


def talk(number: int, *messages: dict) -> Conversation:
    """A conversation that waits, with these messages, the oldest first."""
    ids = [tweet_id(number, place) for place, _ in enumerate(messages)]
    customer = CustomerFactory(id=ids[0], name=f"Customer {number}")
    found = ConversationFactory(id=ids[0], customer=customer, last_message=ids[-1], message_count=len(ids))
    for pk, fields in zip(ids, messages, strict=True):
        MessageFactory(id=pk, conversation=found, created_at=at(number), **fields)
    routing.offer([found.pk])
    return found


def row_of(text: str, conversation: Conversation) -> str:
    return text.partition(f'id="row-acme-{conversation.pk}"')[2].partition("</li>")[0]


def excerpt_of(text: str, conversation: Conversation) -> str:
    row = row_of(text, conversation)
    found = re.search(r'class="row-excerpt" dir="auto">(.*?)</span>\s*<span class="row-last"', row, re.S)
    assert found
    return " ".join(re.sub(r"<[^>]+>", " ", found[1]).split())


# --- rows


@pytest.mark.parametrize("address", LISTS)
def test_a_row_shows_the_newest_message_that_still_stands(client, house, address):
    with entry.brand(house.acme):
        both = talk(1, {"text": "@AcmeAir first"}, {"text": "@AcmeAir second"})
        one = talk(2, {"text": "@AcmeAir oldest"}, {"text": "@AcmeAir still here"}, GONE, GONE)
        none = talk(3, GONE, GONE)

    text = client.get(address, headers=HTMX).text

    shown = [excerpt_of(text, each) for each in (both, one, none)]
    assert shown == ["second", "still here", "deleted on Twitter"]


@pytest.mark.parametrize("address", LISTS)
def test_rows_of_deleted_messages_cost_no_more_statements_when_there_are_more(client, house, address):
    counts = []
    for numbers in ([1], [2, 3]):
        with entry.brand(house.acme):
            for number in numbers:
                talk(number, {"text": "@AcmeAir still here"}, GONE)
        client.get(address, headers=HTMX)
        with queries_counted() as captured:
            text = client.get(address, headers=HTMX).text
        counts.append((text.count("still here"), count_of(captured)))

    assert [rows for rows, _ in counts] == [1, 3]
    assert counts[0][1] == counts[1][1]


def test_a_row_whose_last_standing_message_is_ours_says_so(client, house):
    with entry.brand(house.acme):
        found = talk(1, {}, {"text": "We look for it.", "direction": Direction.OUTBOUND}, GONE)

    assert excerpt_of(client.get("/b/acme/").text, found) == "We: We look for it."


@pytest.mark.parametrize("address", LISTS)
def test_a_row_does_not_say_where_a_deleted_tweet_can_be_answered(client, house, address):
    for_x = {"answerable": Answerable.NOT_ELIGIBLE, "answerable_why": "not_named"}
    with entry.brand(house.acme):
        gone, stands = talk(1, {**for_x, **GONE}), talk(2, for_x)

    text = client.get(address, headers=HTMX).text

    said = "Can only be answered in X" in row_of(text, gone), "Can only be answered in X" in row_of(text, stands)
    assert said == (False, True)


# --- what cannot be tried again


@pytest.mark.parametrize("status", [ReplyStatus.REFUSED, ReplyStatus.UNKNOWN])
@pytest.mark.parametrize("way", [ReplyWay.PUBLIC, ReplyWay.PRIVATE])
def test_a_reply_to_what_was_deleted_cannot_be_tried_again_and_its_card_says_why(client, house, status, way):
    with entry.brand(house.acme):
        found = talk(1, {}, {})
        reply = ReplyFactory(
            conversation=found,
            answers_id=found.pk,
            author_id=house.agent_id,
            approved_by_id=house.agent_id,
            approved_at=NOON,
            status=status,
            way=way,
            posting_since=NOON if status == ReplyStatus.UNKNOWN else None,
        )
    address = f"/b/acme/conversations/{found.pk}/"
    before = client.get(address, headers=HTMX).text
    with entry.brand(house.acme):
        Message.objects.filter(pk=found.pk).update(**GONE)

    after = client.get(address, headers=HTMX).text

    why = "What it answers was deleted, so it cannot be tried again."
    assert (f'action="/b/acme/replies/{reply.pk}/retry/"' in before, why in before) == (True, False)
    assert (f'action="/b/acme/replies/{reply.pk}/retry/"' in after, why in after) == (False, True)
    assert f'action="/b/acme/replies/{reply.pk}/posted/"' in after
