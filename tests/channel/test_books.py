"""The comparison of the books finds what is missing, changed or said twice: one that finds nothing proves nothing."""

from typing import Any

import pytest

from inbox.enums import Direction, ReplyStatus
from tenants.models import Brand
from tests.channel.books import Books
from tests.channel.ledger import Ledger
from tests.conftest import ACME_HANDLE, NOON
from tests.factories.inbox import ConversationFactory, MessageFactory, ReplyFactory

FACTS = {"handle_id": str(ACME_HANDLE), "username": "AcmeAir", "name": "Acme Air"}
CUSTOMER = 900_000_000_000_000_777


def said(pk: int, text: str, *, by: int = CUSTOMER, **more: Any) -> dict[str, Any]:
    return {"id": str(pk), "author_id": str(by), "text": text, "deleted": False, **more}


def wrong(acme: Brand, *lines: dict[str, Any], **facts: Any) -> dict[str, list[str]]:
    """What does not agree, by what was compared."""
    found = Books("acme", FACTS | facts, Ledger(lines)).lines(acme)
    return {line.what: line.wrong for line in found if line.is_fatal and line.expected != line.found}


@pytest.fixture
def asked(acme):
    """A message that is in both books."""
    conversation = ConversationFactory(customer__id=CUSTOMER, waiting_since=None)
    return MessageFactory(conversation=conversation, text="@AcmeAir where is my bag?")


def test_books_that_agree_say_nothing(acme, asked):
    assert wrong(acme, said(asked.pk, asked.text)) == {}


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (said(7, "@acmeair hello?"), "tweets that name or answer the handle are in one conversation"),
        (said(7, "Acme Air again."), "tweets that name the brand by its words are in one conversation"),
        (
            said(7, "psst", conversation_id=f"{CUSTOMER}-{ACME_HANDLE}"),
            "direct messages are in one conversation",
        ),
    ],
)
def test_what_did_not_come_in_is_found(acme, asked, line, what):
    assert list(wrong(acme, said(asked.pk, asked.text), line)) == [what]


def test_what_was_taken_back_before_it_came_is_not_missed(acme, asked):
    assert wrong(acme, said(asked.pk, asked.text), said(7, "@AcmeAir no!") | {"deleted": True}) == {}


def test_words_that_should_be_gone_and_words_that_were_changed_are_found(acme, asked):
    gone = wrong(acme, said(asked.pk, asked.text) | {"deleted": True})
    edited = wrong(
        acme, said(asked.pk, asked.text), said(asked.pk + 1, "@AcmeAir found it", first_version_id=str(asked.pk))
    )

    assert list(gone) == ["deleted tweets have no words"]
    assert list(edited) == ["messages read as their newest version does", "versions of edited tweets are known"]


def test_what_nobody_said_and_what_is_said_to_others_is_found(acme, asked):
    other = MessageFactory(conversation=asked.conversation, text="@BoltAndBrew more beans")

    found = wrong(acme, said(asked.pk, asked.text), said(other.pk, other.text))
    nobody = wrong(acme, said(asked.pk, asked.text))

    assert list(found) == list(nobody) == ["nothing of another brand's, nothing that nobody said"]


def test_a_reply_that_is_said_twice_lost_or_still_on_its_way_is_found(acme, asked, agent):
    approved = {"conversation": asked.conversation, "approved_by": agent, "approved_at": NOON}
    posted = ReplyFactory(**approved, status=ReplyStatus.POSTED, twitter_id=asked.pk + 5, text="On it.", posted_at=NOON)
    MessageFactory(pk=asked.pk + 5, conversation=asked.conversation, direction=Direction.OUTBOUND, text="@jo On it.")
    book = [
        said(asked.pk, asked.text),
        said(asked.pk + 5, "@jo On it.", by=ACME_HANDLE, in_reply_to_tweet_id=str(asked.pk)),
    ]
    again = said(asked.pk + 6, "On it.", by=ACME_HANDLE, in_reply_to_tweet_id=str(asked.pk))

    assert wrong(acme, *book, accepted={"1": str(posted.pk)}) == {}
    assert "nothing is said twice" in wrong(acme, *book, again)
    assert list(wrong(acme, book[0])) == ["posted replies are on Twitter"]
    assert list(wrong(acme, *book, accepted={"1": "99"})) == ["replies that the API accepted are kept"]
    ReplyFactory(**approved, status=ReplyStatus.POSTING, posting_since=NOON)
    assert list(wrong(acme, *book)) == ["no reply is left on its way"]
