"""The desk follows what waits; who has a conversation is decided there, by one at a time."""

import threading

import pytest
from django.db import connection

from accounts.domain import desk
from accounts.enums import Role
from accounts.models import DeskRow, User
from inbox.domain import flow, routing, wrapup
from inbox.enums import EventKind, FoundingDisposition
from inbox.models import Conversation, Event
from tenants import entry
from tenants.refusals import NotNow
from tests.conftest import ACME_HANDLE, NOON, committed, handle_of
from tests.factories import at, tweet_id
from tests.inbox.domain.scenes import carry, tweet

JO = 900_000_000_000_000_001


def question(seconds=0, text="@AcmeAir my bag", for_id=ACME_HANDLE, lang="en"):
    return tweet(id=tweet_id(seconds), for_id=for_id, author_id=JO, text=text, lang=lang)


def answer(seconds, to=0):
    return tweet(
        id=tweet_id(seconds), for_id=ACME_HANDLE, author_id=ACME_HANDLE, text="Sorry!", mentions=[],
        in_reply_to=tweet_id(to), in_reply_to_user=JO,
    )  # fmt: skip


def rows():
    return list(DeskRow.objects.order_by("pk").values_list("conversation_id", "waiting_since", "assignee_id"))


@pytest.fixture
def taken(acme, agent):
    """A waiting conversation that the agent has, on the desk and in the brand."""
    carry(acme, [question()])
    with entry.agency(acme.agency_id):
        desk.take(brand_id=acme.pk, conversation_id=tweet_id(0), by=agent, now=NOON)
    routing.copy_taken(conversation_id=tweet_id(0), by=agent, now=NOON)
    return Conversation.objects.get()


def test_what_waits_is_on_the_desk_as_pointers(acme):
    carry(acme, [question(text="@AcmeAir this is fraud", lang="en")])

    row = DeskRow.objects.get()
    conversation = Conversation.objects.get()
    assert (row.brand_id, row.agency_id, row.conversation_id) == (acme.pk, acme.agency_id, conversation.pk)
    assert (row.waiting_since, row.respond_by) == (NOON, conversation.respond_by)
    assert (row.urgency, row.language, row.assignee_id) == (conversation.urgency, "en", None)


def test_the_desk_follows_from_waiting_to_answered_to_waiting_to_closed(acme, agent):
    seen = []
    for event in (question(0), question(5), answer(10), question(20, text="@AcmeAir thanks, and my coat?")):
        carry(acme, [event])
        seen.append(rows())
    wrapup.close(
        conversation=Conversation.objects.get(),
        disposition=FoundingDisposition.RESOLVED,
        by=agent,
        role=Role.AGENT,
        now=at(30),
    )
    seen.append(rows())
    carry(acme, [question(40)])
    seen.append(rows())

    pk = tweet_id(0)
    waiting = [(pk, NOON, None)]
    assert seen == [waiting, waiting, [], [(pk, at(20), None)], [], [(pk, at(40), None)]]


def test_what_somebody_has_stays_theirs_when_it_is_answered(acme, agent, taken):
    carry(acme, [answer(10)])

    assert rows() == [(taken.pk, None, agent.pk)]


def test_taking_is_written_on_the_desk_in_the_brand_and_in_history(acme, agent, taken):
    assert rows() == [(taken.pk, NOON, agent.pk)]
    assert (taken.assignee_id, taken.assigned_at) == (agent.pk, NOON)
    assert Event.objects.filter(kind=EventKind.TAKEN).values_list("by_id", flat=True).get() == agent.pk


def test_taking_twice_changes_nothing_more(acme, agent, taken):
    with entry.agency(acme.agency_id):
        desk.take(brand_id=acme.pk, conversation_id=taken.pk, by=agent, now=at(60))
    routing.copy_taken(conversation_id=taken.pk, by=agent, now=at(60))

    taken.refresh_from_db()
    assert taken.assigned_at == DeskRow.objects.get().assigned_at == NOON
    assert Event.objects.filter(kind=EventKind.TAKEN).count() == 1


def test_nobody_takes_what_somebody_has(acme, supervisor, taken):
    with entry.agency(acme.agency_id), pytest.raises(NotNow, match="Somebody else"):
        desk.take(brand_id=acme.pk, conversation_id=taken.pk, by=supervisor, now=NOON)


def test_nobody_takes_what_does_not_wait(acme, agent):
    carry(acme, [question(), answer(10)])

    with entry.agency(acme.agency_id), pytest.raises(NotNow, match="not waiting"):
        desk.take(brand_id=acme.pk, conversation_id=tweet_id(0), by=agent, now=NOON)


def test_giving_back_puts_it_into_the_line_again(acme, agent, taken):
    with entry.agency(acme.agency_id):
        desk.give_back(brand_id=acme.pk, conversation_id=taken.pk, by=agent)
    routing.copy_given_back(conversation_id=taken.pk, by=agent, now=NOON)

    taken.refresh_from_db()
    assert rows() == [(taken.pk, NOON, None)]
    assert (taken.assignee_id, taken.assigned_at) == (None, None)
    assert Event.objects.filter(kind=EventKind.GIVEN_BACK).count() == 1


def test_giving_back_what_is_answered_takes_it_off_the_desk(acme, agent, taken):
    carry(acme, [answer(10)])

    with entry.agency(acme.agency_id):
        desk.give_back(brand_id=acme.pk, conversation_id=taken.pk, by=agent)

    assert rows() == []


def test_nobody_gives_back_what_another_has(acme, supervisor, taken):
    with entry.agency(acme.agency_id), pytest.raises(NotNow, match="not yours"):
        desk.give_back(brand_id=acme.pk, conversation_id=taken.pk, by=supervisor)

    assert rows()[0][2] == taken.assignee_id


def test_closing_takes_it_off_the_desk_and_from_its_agent(acme, agent, taken):
    wrapup.close(conversation=taken, disposition=FoundingDisposition.RESOLVED, by=agent, role=Role.AGENT, now=at(10))

    taken.refresh_from_db()
    assert rows() == []
    assert taken.assignee_id is None


def test_a_crash_after_the_desk_took_is_mended_in_the_brand_and_told(acme, agent):
    carry(acme, [question()])
    with entry.agency(acme.agency_id):
        desk.take(brand_id=acme.pk, conversation_id=tweet_id(0), by=agent, now=NOON)

    mended = [routing.repair(now=at(30)), routing.repair(now=at(60))]
    routing.copy_taken(conversation_id=tweet_id(0), by=agent, now=at(90))

    conversation = Conversation.objects.get()
    assert mended == [1, 0]
    assert (conversation.assignee_id, conversation.assigned_at) == (agent.pk, NOON)
    assert Event.objects.filter(kind=EventKind.TAKEN).values_list("by_id", "at").get() == (agent.pk, at(30))


def test_a_crash_after_the_desk_gave_back_is_mended_too(acme, agent, taken):
    with entry.agency(acme.agency_id):
        desk.give_back(brand_id=acme.pk, conversation_id=taken.pk, by=agent)

    mended = routing.repair(now=at(30))

    taken.refresh_from_db()
    assert mended == 1
    assert taken.assignee_id is None
    assert Event.objects.filter(kind=EventKind.GIVEN_BACK).count() == 1


def test_a_copy_that_comes_after_the_closing_changes_nothing(acme, agent):
    carry(acme, [question()])
    with entry.agency(acme.agency_id):
        desk.take(brand_id=acme.pk, conversation_id=tweet_id(0), by=agent, now=NOON)
    wrapup.close(
        conversation=Conversation.objects.get(),
        disposition=FoundingDisposition.SPAM,
        by=agent,
        role=Role.AGENT,
        now=at(10),
    )

    routing.copy_taken(conversation_id=tweet_id(0), by=agent, now=at(11))

    assert Conversation.objects.get().assignee_id is None


def test_a_merged_conversation_leaves_its_place_and_its_agent_to_the_one_that_took_it_in(acme, agent):
    carry(acme, [question()])
    wrapup.close(
        conversation=Conversation.objects.get(),
        disposition=FoundingDisposition.SPAM,
        by=agent,
        role=Role.AGENT,
        now=at(10),
    )
    beyond, within = 72 * 3600 + 20, 72 * 3600
    carry(acme, [question(beyond)])
    with entry.agency(acme.agency_id):
        desk.take(brand_id=acme.pk, conversation_id=tweet_id(beyond), by=agent, now=NOON)
    routing.copy_taken(conversation_id=tweet_id(beyond), by=agent, now=NOON)

    carry(acme, [question(within)])

    assert rows() == [(tweet_id(0), at(within), agent.pk)]
    assert Conversation.objects.values_list("pk", "assignee_id").get() == (tweet_id(0), agent.pk)


@pytest.mark.commits
def test_of_two_agents_who_take_at_once_one_gets_it(new_brand, house):
    brand = new_brand()
    people = [User(pk=house.agent_id), User(pk=house.supervisor_id)]
    for number in range(5):
        with committed(brand):
            sent = tweet(id=tweet_id(number), for_id=handle_of(brand), author_id=JO + number, text="hello", mentions=[])
            sent.arrive()
            flow.carry(brand=brand, now=NOON)
        start = threading.Barrier(2)
        got: list[object] = []

        def take(person, start=start, got=got, number=number):
            try:
                with entry.agency(brand.agency_id):
                    start.wait(timeout=10)
                    desk.take(brand_id=brand.pk, conversation_id=tweet_id(number), by=person, now=NOON)
                got.append(person.pk)
            except NotNow as refusal:
                got.append(str(refusal))
            finally:
                connection.close()

        threads = [threading.Thread(target=take, args=(person,)) for person in people]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        winners = [each for each in got if isinstance(each, int)]
        assert len(winners) == 1
        assert [each for each in got if each not in winners] == ["Somebody else has taken this conversation."]
        with committed(brand):
            assert DeskRow.objects.get(conversation_id=tweet_id(number)).assignee_id == winners[0]
