"""What the pages tell the composer: the newest message, whatever is being answered; and what each page loads for it."""

import re
from datetime import timedelta

import pytest
from django.test import Client

from inbox.enums import ReplyStatus, ReplyWay
from inbox.models import Conversation, Reply
from tenants import entry
from tests.conftest import NOON
from tests.factories import ConversationFactory, MessageFactory, ReplyFactory, at, tweet_id
from tests.visiting import AGENCY, visitor

OLDER, NEWER, NEWEST = (tweet_id(number) for number in (1, 2, 3))
PANE = f"/b/acme/conversations/{OLDER}/"


@pytest.fixture
def client(db, house, static_files, _transactions_around) -> Client:
    return visitor(AGENCY, house.agent_id)


@pytest.fixture
def conversation(client, house) -> Conversation:
    """One to which the customer wrote twice."""
    with entry.brand(house.acme):
        found = ConversationFactory(id=OLDER, last_message=NEWER)
        MessageFactory(id=OLDER, conversation=found, created_at=at(1))
        MessageFactory(id=NEWER, conversation=found, created_at=at(2))
        return found


def drafted(house, conversation: Conversation, **fields) -> Reply:
    with entry.brand(house.acme):
        return ReplyFactory(conversation=conversation, answers_id=OLDER, author_id=house.agent_id, **fields)


def said(house, conversation: Conversation, number: int, **fields) -> None:
    with entry.brand(house.acme):
        MessageFactory(id=tweet_id(number), conversation=conversation, created_at=at(number), **fields)


def composer_of(text: str) -> tuple[str, str]:
    """What the composer answers, and the newest that could be answered."""
    answered = re.search(r'id="composer-in-reply-to" value="(\d*)"', text)
    newest = re.search(r'class="pane-foot" data-newest="(\d*)"', text)
    assert answered
    assert newest
    return answered[1], newest[1]


def sheets_of(text: str) -> list[str]:
    return re.findall(r'<link rel="stylesheet" href="([^"]+)"', text)


def test_every_page_that_shows_a_conversation_loads_the_same_sheets_and_scripts(client, conversation):
    pages = [client.get(address).text for address in ("/", "/b/acme/", PANE)]

    desk, inbox, pane = (sheets_of(page) for page in pages)
    assert desk == inbox == pane
    assert {"timeline.css", "money.css"} <= {re.sub(r"\.[0-9a-f]{12}", "", name.split("/")[-1]) for name in desk}
    assert [bool(re.search(r"nightjar/copy[^/]*\.js", page)) for page in pages] == [True, True, True]


def test_a_fresh_composer_answers_the_newest(client, conversation):
    assert composer_of(client.get(PANE).text) == (str(NEWER), str(NEWER))


def test_a_draft_that_answers_an_older_message_is_told_of_the_newest(client, house, conversation):
    drafted(house, conversation)

    assert composer_of(client.get(PANE).text) == (str(OLDER), str(NEWER))

    said(house, conversation, 3)

    assert composer_of(client.get(PANE).text) == (str(OLDER), str(NEWEST))


def test_the_newest_is_one_that_still_stands(client, house, conversation):
    drafted(house, conversation)
    said(house, conversation, 3, deleted_at=NOON, text="")

    assert composer_of(client.get(PANE).text) == (str(OLDER), str(NEWER))


@pytest.mark.parametrize(("minutes", "newest"), [(-10, NEWEST), (+10, NEWER)])
def test_a_public_draft_begun_after_a_private_message_is_not_behind_it(client, house, conversation, minutes, newest):
    said(house, conversation, 3, is_private=True)
    drafted(house, conversation, way=ReplyWay.PUBLIC, created_at=NOON + timedelta(minutes=minutes))

    assert composer_of(client.get(PANE).text)[1] == str(newest)


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        (ReplyStatus.DRAFT, at(10)),
        (ReplyStatus.SUBMITTED, at(550)),
        (ReplyStatus.APPROVED, at(560)),
        (ReplyStatus.REFUSED, at(560)),
    ],
)
def test_a_replys_card_says_when_it_was_sent_not_when_it_was_begun(client, house, conversation, status, shown):
    is_approved = status in (ReplyStatus.APPROVED, ReplyStatus.REFUSED)
    yes = {"approved_by_id": house.supervisor_id, "approved_at": at(560)} if is_approved else {}
    reply = drafted(house, conversation, status=status, created_at=at(10), submitted_at=at(550), **yes)
    drafted(house, conversation, text="what the composer holds")

    text = client.get(PANE).text

    card = text.partition(f'id="reply-{reply.pk}"')[2].partition("</li>")[0]
    assert re.findall(r'<time datetime="([^"]+)"', card) == [shown.isoformat()]
