"""Wrap-up: how a conversation ended, with a note and tags in the same act."""

import pytest

from accounts.enums import Role
from inbox import queries
from inbox.domain import rules, wrapup
from inbox.enums import EventKind, FoundingDisposition, ReplyStatus
from inbox.models import Conversation, Event, Note, Tag
from tenants.refusals import NotNow, NotYours
from tests.conftest import NOON
from tests.factories import MessageFactory, ReplyFactory, tweet_id


@pytest.fixture
def conversation(acme) -> Conversation:
    return MessageFactory(id=tweet_id(1)).conversation


def close(conversation, by, disposition=FoundingDisposition.RESOLVED, role=Role.AGENT, **more) -> Conversation:
    return wrapup.close(conversation=conversation, disposition=disposition, by=by, role=role, now=NOON, **more)


def test_a_conversation_is_closed_with_a_note_and_tags_in_one_act(conversation, agent):
    closed = close(conversation, agent, note="She was glad.", tagged=["praise", "vip"])

    assert (closed.closed_at, closed.closed_by_id, closed.disposition) == (NOON, agent.pk, "resolved")
    assert [note.text for note in queries.notes_of(closed)] == ["She was glad."]
    assert [tag.name for tag in queries.tags_of(closed)] == ["praise", "vip"]
    assert list(Event.objects.order_by("seq").values_list("kind", flat=True)) == [
        EventKind.TAGGED,
        EventKind.TAGGED,
        EventKind.NOTED,
        EventKind.CLOSED,
    ]


def test_where_a_tag_is_refused_nothing_happened(conversation, agent):
    with pytest.raises(NotNow, match="40 characters"):
        close(conversation, agent, note="Done.", tagged=["vip", "x" * 41])

    conversation.refresh_from_db()
    assert (conversation.closed_at, Note.objects.count(), Tag.objects.count()) == (None, 0, 0)


@pytest.mark.parametrize("disposition", ["", "nothing", "x" * 30])
def test_a_conversation_ends_in_a_way_that_the_brand_has(conversation, agent, disposition):
    with pytest.raises(NotNow, match=r"^Say how it ended, from the list.$"):
        close(conversation, agent, disposition=disposition)

    conversation.refresh_from_db()
    assert not conversation.is_closed


def test_a_retired_disposition_ends_nothing_and_one_of_the_brands_own_does(conversation, agent):
    own = rules.add_disposition(name="At the shop", resolves=True, role=Role.ADMIN)
    rules.retire_disposition(key="spam", role=Role.ADMIN, now=NOON)

    with pytest.raises(NotNow, match="from the list"):
        close(conversation, agent, disposition="spam")

    assert close(conversation, agent, disposition=own.key).disposition == own.key


def test_a_trainee_closes_and_client_staff_do_not(conversation, agent):
    for role in (Role.CLIENT_APPROVER, Role.CLIENT_VIEWER, ""):
        with pytest.raises(NotYours, match="working on it is for the agency's people"):
            close(conversation, agent, role=role)

    assert close(conversation, agent, role=Role.TRAINEE).is_closed
    with pytest.raises(NotNow, match="closed already"):
        close(conversation, agent)


@pytest.mark.parametrize("status", [ReplyStatus.APPROVED, ReplyStatus.POSTING, ReplyStatus.UNKNOWN])
def test_what_is_on_its_way_keeps_a_conversation_open(conversation, agent, status):
    stuck = NOON if status != ReplyStatus.APPROVED else None
    ReplyFactory(
        conversation=conversation, status=status, approved_by_id=agent.pk, approved_at=NOON, posting_since=stuck
    )

    with pytest.raises(NotNow, match="still on its way"):
        close(conversation, agent)

    conversation.refresh_from_db()
    assert not conversation.is_closed


def test_a_draft_keeps_nothing_open(conversation, agent):
    ReplyFactory(conversation=conversation, author_id=agent.pk)

    assert close(conversation, agent).is_closed
