"""Who takes conversations is given them: in order, evenly, up to capacity, of brands that they serve, once."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from accounts.domain import desk, presence
from accounts.domain.people import add_person
from accounts.enums import Role
from accounts.models import DeskRow, Presence, User
from inbox.domain import routing
from inbox.enums import EventKind
from inbox.models import Conversation, Event
from tenants import entry, schemas
from tenants.refusals import NotNow, NotYours
from tests.conftest import CANARY_HANDLE, NOON
from tests.factories import AgencyFactory, ConversationFactory, DeskRowFactory, PresenceFactory, at
from tests.visiting import AGENCY, queries_counted, visitor


def waits(brand, *numbers, **more):
    """Conversations of this brand that wait: the lower the number, the sooner they are due."""
    more = {"handle_id": CANARY_HANDLE} | more if brand.slug == "canary" else more
    with entry.brand(brand):
        rows = [ConversationFactory(waiting_since=at(number), **more) for number in numbers]
        routing.offer([row.pk for row in rows])
        return [row.pk for row in rows]


def take(person, agency_id, *, capacity=5, role=Role.AGENT):
    with entry.agency(agency_id):
        return presence.take_conversations(capacity=capacity, by=person, role=role, now=NOON)


def assign(agency_id):
    with entry.agency(agency_id):
        return desk.assign(now=at(60))


def held(agency_id):
    """By person, the conversations that they have on the desk, the soonest due first."""
    with entry.agency(agency_id):
        rows = DeskRow.objects.filter(assignee__isnull=False).order_by("respond_by", "pk")
        found: dict[int, list[int]] = {}
        for row in rows:
            found.setdefault(row.assignee_id, []).append(row.conversation_id)
        return found


@pytest.fixture
def outside(db, house, _transactions_around):
    """Nowhere, as a carrier stands between two brands; the agency, its brands, its people."""
    return house


def test_what_waits_is_given_in_order_and_evenly(outside, agent, supervisor):
    late, soon, soonest, sooner = waits(outside.acme, 40, 20, 0, 10)
    agency_id = outside.agency.pk
    take(agent, agency_id)
    take(supervisor, agency_id, role=Role.SUPERVISOR)

    given = assign(agency_id)

    assert [each.conversation_id for each in given] == [soonest, sooner, soon, late]
    assert held(agency_id) == {agent.pk: [soonest, soon], supervisor.pk: [sooner, late]}


def test_urgency_decides_between_two_that_are_due_at_the_same_moment(outside, agent):
    waits(outside.acme, 0, urgency=1)
    [urgent] = waits(outside.acme, 0, urgency=3)
    take(agent, outside.agency.pk, capacity=1)

    assert [each.conversation_id for each in assign(outside.agency.pk)] == [urgent]


def test_nobody_is_given_more_than_they_can_hold(outside, agent):
    waiting = waits(outside.acme, *range(6))
    take(agent, outside.agency.pk, capacity=4)

    first, second = assign(outside.agency.pk), assign(outside.agency.pk)

    assert ([each.conversation_id for each in first], second) == (waiting[:4], [])


def test_whoever_is_away_keeps_what_they_have_and_gets_no_more(outside, agent):
    first, second = waits(outside.acme, 0, 1)
    agency_id = outside.agency.pk
    take(agent, agency_id, capacity=1)
    assign(agency_id)
    with entry.agency(agency_id):
        presence.step_away(by=agent)
    with entry.agency(agency_id):
        desk.give_back(brand_id=outside.acme.pk, conversation_id=first, by=agent)
        desk.take(brand_id=outside.acme.pk, conversation_id=second, by=agent, now=NOON)

    assert assign(agency_id) == []
    assert held(agency_id) == {agent.pk: [second]}


def test_both_brands_of_the_agency_are_one_line(outside, agent):
    [third, first] = waits(outside.acme, 20, 0)
    [second] = waits(outside.canary, 10)
    take(agent, outside.agency.pk)

    given = assign(outside.agency.pk)

    assert [(each.brand_id, each.conversation_id) for each in given] == [
        (outside.acme.pk, first),
        (outside.canary.pk, second),
        (outside.acme.pk, third),
    ]


@pytest.mark.commits
def test_people_are_given_what_their_memberships_serve_and_nothing_else(new_brand, django_db_blocker):
    agency = AgencyFactory()
    ours, theirs = new_brand(agency=agency), new_brand(agency=agency)
    names = ("everywhere", "in one", "not there", "gone", "reads")
    ids = {name: _person(agency.pk, name) for name in names}
    with schemas.as_owner() as cursor:
        member = "UPDATE accounts_membership SET brand_id = %s, role = %s WHERE user_id = %s"
        cursor.execute(member, [theirs.pk, Role.AGENT, ids["in one"]])
        cursor.execute(member, [theirs.pk, Role.CLIENT_VIEWER, ids["reads"]])
        extra = "INSERT INTO accounts_membership (user_id, agency_id, brand_id, role) VALUES (%s, %s, %s, %s)"
        cursor.execute(extra, [ids["not there"], agency.pk, theirs.pk, Role.CLIENT_VIEWER])
        cursor.execute("UPDATE accounts_user SET is_active = false WHERE id = %s", [ids["gone"]])
    for name in names:
        PresenceFactory(agency=agency, user_id=ids[name], user=None, capacity=2)
    for brand in (ours, theirs):
        for number in range(4):
            DeskRowFactory(agency=agency, brand=brand, waiting_since=at(number), respond_by=at(100 + number))

    given = assign(agency.pk)

    served = {(each.user_id, each.brand_id) for each in given}
    assert len(given) == 6
    assert served <= {
        (ids["everywhere"], ours.pk),
        (ids["everywhere"], theirs.pk),
        (ids["in one"], theirs.pk),
        (ids["not there"], ours.pk),
    }
    assert {user_id for user_id, _ in served} == {ids["everywhere"], ids["in one"], ids["not there"]}
    connection.close()
    schemas_clean(agency.pk, list(ids.values()))


def _person(agency_id, name):
    email = f"{name.replace(' ', '.')}@{agency_id}.test"
    return add_person(email=email, name=name, password="secret", agency_id=agency_id, role=Role.AGENT)


def schemas_clean(agency_id, user_ids):
    """What the agency's people left in the public tables goes with them."""
    with schemas.as_owner() as cursor:
        for table in ("accounts_deskrow", "accounts_presence", "accounts_membership"):
            cursor.execute(f"DELETE FROM {table} WHERE agency_id = %s", [agency_id])
        cursor.execute("DELETE FROM account_emailaddress WHERE user_id = ANY(%s)", [user_ids])
        cursor.execute("DELETE FROM accounts_user WHERE id = ANY(%s)", [user_ids])


@pytest.mark.commits
def test_fifty_assigners_at_once_give_each_row_once_and_hold_everybodys_capacity(new_brand):
    agency, other = AgencyFactory(), AgencyFactory()
    brand, stranger = new_brand(agency=agency), _person(other.pk, "stranger")
    people = [_person(agency.pk, f"agent {number}") for number in range(5)]
    for user_id in people:
        PresenceFactory(agency=agency, user_id=user_id, user=None, capacity=7)
    PresenceFactory(agency=other, user_id=stranger, user=None, capacity=50)
    for number in range(50):
        DeskRowFactory(agency=agency, brand=brand, waiting_since=at(number), respond_by=at(100 + number))
    connection.close()

    def run(_):
        try:
            return assign(agency.pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(50) as pool:
        given = [each for some in pool.map(run, range(50)) for each in some]

    assert len(given) == len({each.conversation_id for each in given}) == 35
    assert {user_id: len(rows) for user_id, rows in held(agency.pk).items()} == dict.fromkeys(people, 7)
    connection.close()
    schemas_clean(agency.pk, people)
    schemas_clean(other.pk, [stranger])


def test_it_costs_the_same_for_one_row_and_for_a_hundred(outside, agent):
    costs = []
    for count in (1, 100):
        waits(outside.acme, *range(count))
        take(agent, outside.agency.pk, capacity=50)
        with entry.agency(outside.agency.pk):
            DeskRow.objects.filter(assignee=agent).update(assignee=None, assigned_at=None)
            with queries_counted() as captured:
                given = desk.assign(now=NOON)
        costs.append((bool(given), len(captured)))

    assert costs[0] == costs[1]


def test_with_nobody_there_it_costs_one_statement(outside):
    waits(outside.acme, 0)
    with entry.agency(outside.agency.pk), queries_counted() as captured:
        assert desk.assign(now=NOON) == []

    said = [query["sql"] for query in captured if "SAVEPOINT" not in query["sql"] and "set_config" not in query["sql"]]
    assert len(said) == 1


def test_the_brands_copy_and_history_follow_the_desk(outside, agent):
    [ours] = waits(outside.acme, 0)
    [theirs] = waits(outside.canary, 1)
    take(agent, outside.agency.pk)

    assert routing.share_out(agency_id=outside.agency.pk, now=at(60)) == 2

    for brand, pk in ((outside.acme, ours), (outside.canary, theirs)):
        with entry.brand(brand):
            assert Conversation.objects.values_list("assignee_id", "assigned_at").get(pk=pk) == (agent.pk, at(60))
            assert Event.objects.filter(kind=EventKind.TAKEN, by_id=agent.pk, conversation_id=pk).count() == 1
            assert routing.repair(now=at(90)) == 0


def test_a_copy_that_is_held_is_left_and_the_sweep_repairs_it(acme, agent):
    [pk] = waits(acme, 0)
    take(agent, acme.agency_id)
    given = {each.conversation_id: each.user_id for each in assign(acme.agency_id)}

    assert routing.copy_given({pk + 1: agent.pk}, now=NOON) == {pk + 1: agent.pk}
    assert routing.repair(now=at(60)) == 1

    assert given == {pk: agent.pk}
    assert Conversation.objects.get(pk=pk).assignee_id == agent.pk
    assert routing.copy_given(given, now=NOON) == {}
    assert Event.objects.filter(kind=EventKind.TAKEN).count() == 1


@pytest.mark.parametrize("capacity", [0, 51])
def test_a_number_that_nobody_can_hold_is_refused(outside, agent, capacity: int):
    with pytest.raises(NotNow, match="1 to 50 conversations"):
        take(agent, outside.agency.pk, capacity=capacity)

    with entry.agency(outside.agency.pk):
        assert not Presence.objects.exists()


def test_client_staff_take_no_conversations(outside, agent):
    with pytest.raises(NotYours, match="agency's people"):
        take(agent, outside.agency.pk, role=Role.CLIENT_APPROVER)


def test_the_switch_on_the_desk_gives_at_once_and_ends_it(outside, static_files):
    [pk] = waits(outside.acme, 0)
    agent = User(pk=outside.agent_id)
    client = visitor(AGENCY, agent.pk)

    taken = client.post("/desk/presence/", {"capacity": "3"})
    drawn = client.get("/").content.decode()
    refused = client.post("/desk/presence/", {"capacity": "many"})
    client.post("/desk/presence/", {"away": "yes"})
    drawn_later = client.get("/").content.decode()

    assert (taken.status_code, taken["Location"]) == (302, "/")
    assert held(outside.agency.pk) == {agent.pk: [pk]}
    assert "You are given conversations, up to 3 at once." in drawn
    assert (refused.status_code, "1 to 50 conversations at once" in refused.content.decode()) == (409, True)
    assert "Nothing is given to you." in drawn_later
