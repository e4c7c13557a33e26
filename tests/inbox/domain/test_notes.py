"""Notes: what colleagues tell each other."""

import pytest

from accounts.enums import Role
from inbox import queries
from inbox.domain import notes, wrapup
from inbox.enums import EventKind, FoundingDisposition
from inbox.models import Conversation, Event, Note
from tenants.refusals import NotNow, NotYours
from tests.conftest import ACME_HANDLE, NOON
from tests.factories import ConversationFactory, at, tweet_id
from tests.inbox.domain.scenes import carry, hours, tweet

JO = 900_000_000_000_000_001


def write(conversation, by, text="She called twice.", role=Role.AGENT, now=NOON) -> Note:
    return notes.write(conversation=conversation, text=text, by=by, role=role, now=now)


def test_a_note_is_kept_and_history_tells_without_its_words(acme, agent):
    conversation = ConversationFactory()

    note = write(conversation, agent, text="  She called twice.\n")

    assert (note.text, note.noted_by_id, note.noted_at) == ("She called twice.", agent.pk, NOON)
    event = Event.objects.get()
    assert (event.kind, event.by_id, event.facts) == (EventKind.NOTED, agent.pk, {"note": note.pk})


def test_notes_come_in_their_order(acme, agent):
    conversation, other = ConversationFactory(), ConversationFactory()
    later, sooner = write(conversation, agent, now=at(9)), write(conversation, agent, now=at(3))
    write(other, agent)

    assert list(queries.notes_of(conversation)) == [sooner, later]


def test_a_closed_conversation_is_noted_too(acme, agent):
    closed = ConversationFactory(
        closed_at=NOON,
        closed_by_id=agent.pk,
        disposition=FoundingDisposition.SPAM,
        waiting_since=None,
        respond_by=None,
    )

    write(closed, agent)

    assert Note.objects.count() == 1


@pytest.mark.parametrize("text", ["", " \n\t", "\x00"])
def test_an_empty_note_is_refused(acme, agent, text):
    with pytest.raises(NotNow, match=r"^The note is empty. Write something first.$"):
        write(ConversationFactory(), agent, text=text)

    assert not Note.objects.exists()


def test_a_note_is_no_book(acme, agent):
    with pytest.raises(NotNow, match="5001 characters long; 5000 are allowed"):
        write(ConversationFactory(), agent, text="x" * 5001)

    assert not Note.objects.exists()


@pytest.mark.parametrize("role", [Role.CLIENT_APPROVER, Role.CLIENT_VIEWER, ""])
def test_client_staff_write_no_notes(acme, agent, role):
    with pytest.raises(NotYours, match=r"^Notes and tags are for the agency's people.$"):
        write(ConversationFactory(), agent, role=role)

    assert not Note.objects.exists()


def test_history_says_nothing_of_notes_to_a_client(acme, agent):
    conversation = ConversationFactory()
    write(conversation, agent)

    assert [event.kind for event in queries.history_of(conversation, role=Role.TRAINEE)] == [EventKind.NOTED]
    assert list(queries.history_of(conversation, role=Role.CLIENT_APPROVER)) == []


def test_notes_go_with_a_conversation_that_is_merged_into_another(acme, agent):
    carry(acme, [tweet(id=hours(0), for_id=ACME_HANDLE, author_id=JO, text="@AcmeAir hello?")])
    first = Conversation.objects.get()
    wrapup.close(conversation=first, disposition=FoundingDisposition.RESOLVED, by=agent, role=Role.AGENT, now=at(60))
    carry(acme, [tweet(id=hours(80), for_id=ACME_HANDLE, author_id=JO, text="@AcmeAir again")], now=at(80 * 3600))
    write(Conversation.objects.exclude(pk=first.pk).get(), agent)

    carry(acme, [tweet(id=hours(40), for_id=ACME_HANDLE, author_id=JO, text="@AcmeAir between")], now=at(81 * 3600))

    assert Conversation.objects.count() == 1
    assert [note.conversation_id for note in Note.objects.order_by("pk")] == [tweet_id()]
