"""Who is what at an agency, who may say so, and the lists of it in the admin."""

import pytest
from django.core.cache import cache
from django.utils import timezone

from accounts import queries
from accounts.domain import people
from accounts.domain.people import add_person
from accounts.enums import AuditKind, Role
from accounts.models import AuditEntry, Invitation, Membership, User
from tenants import entry
from tenants.refusals import NotNow, NotYours
from tests.factories import MembershipFactory
from tests.visiting import AGENCY, OPERATORS, count_of, queries_counted, undone, visitor


@pytest.fixture(autouse=True)
def _nobody_tried_before(db, house, static_files):
    cache.clear()


@pytest.fixture(scope="module")
def aboard(house, django_db_blocker) -> dict[str, int]:
    """Admins and operators of the demonstration's kind, who need no second factor."""
    at_home = {"agency_id": house.agency.pk, "role": Role.ADMIN}
    with django_db_blocker.unblock():
        return {
            name: add_person(email=f"{name}@people.test", name=name, password="secret", is_demonstration=True, **more)
            for name, more in {
                "ada": at_home,
                "brand-admin": {**at_home, "brand_id": house.acme.pk},
                "olu": {"is_operator": True},
                "ola": {"is_operator": True},
            }.items()
        }


def test_a_role_is_given_changed_and_taken(house, aboard):
    asked = {"person_id": house.agent_id, "agency_id": house.agency.pk, "by": _user(aboard["ada"])}

    with entry.agency(house.agency.pk):
        people.give_role(**asked, brand_id=house.acme.pk, role=Role.TRAINEE, now=timezone.now())
        given = people.give_role(**asked, brand_id=house.acme.pk, role=Role.SUPERVISOR, now=timezone.now())
        held = _roles(house, house.agent_id)
        people.take_role(membership=given, by=_user(aboard["ada"]), now=timezone.now())
        kinds = list(AuditEntry.objects.order_by("-number").values_list("kind", flat=True)[:3])

    assert held == [(None, Role.AGENT), (house.acme.pk, Role.SUPERVISOR)]
    assert kinds == [AuditKind.ROLE_TAKEN, AuditKind.ROLE_GIVEN, AuditKind.ROLE_GIVEN]
    assert _roles_later(house, house.agent_id) == [(None, Role.AGENT)]


@pytest.mark.parametrize("role", Role.values)
def test_only_admins_give_roles(house, role):
    by = _user(house.supervisor_id)

    with entry.agency(house.agency.pk), pytest.raises(NotYours, match="is for the agency's admins"):
        people.give_role(
            person_id=house.agent_id, agency_id=house.agency.pk, brand_id=house.acme.pk, role=role, by=by,
            now=timezone.now(),
        )  # fmt: skip


def test_an_admin_of_one_brand_gives_roles_in_that_brand_alone(house, aboard):
    asked = {"person_id": house.agent_id, "agency_id": house.agency.pk, "by": _user(aboard["brand-admin"])}

    with entry.agency(house.agency.pk):
        given = people.give_role(**asked, brand_id=house.acme.pk, role=Role.TRAINEE, now=timezone.now())
        for elsewhere in (None, house.canary.pk):
            with pytest.raises(NotYours):
                people.give_role(**asked, brand_id=elsewhere, role=Role.TRAINEE, now=timezone.now())

    assert given.role == Role.TRAINEE


def test_the_last_admin_stays_one(house, aboard):
    ada = _user(aboard["ada"])
    with entry.agency(house.agency.pk):
        Membership.objects.filter(role=Role.ADMIN, brand_id=None).exclude(user_id=ada.pk).delete()
        own = Membership.objects.get(user_id=ada.pk)

        with pytest.raises(NotNow, match="You are the agency's last admin. Make somebody else an admin first."):
            people.take_role(membership=own, by=ada, now=timezone.now())
        with pytest.raises(NotNow, match="last admin"):
            people.give_role(
                person_id=ada.pk, agency_id=house.agency.pk, brand_id=None, role=Role.AGENT, by=ada, now=timezone.now()
            )

    assert _roles_later(house, ada.pk) == [(None, Role.ADMIN)]


def test_a_stranger_is_given_no_role(house, aboard):
    with entry.agency(house.agency.pk), pytest.raises(NotYours, match="Invite them."):
        people.give_role(
            person_id=aboard["olu"], agency_id=house.agency.pk, brand_id=None, role=Role.AGENT,
            by=_user(aboard["ada"]), now=timezone.now(),
        )  # fmt: skip


def test_the_last_operator_stays_one(aboard):
    with entry.directory():
        User.objects.exclude(pk__in=[aboard["olu"], aboard["ola"]]).update(is_operator=False)

    with entry.operators():
        by = User(pk=aboard["olu"], is_operator=True)
        people.deactivate(person_id=aboard["ola"], by=by, now=timezone.now())
        with pytest.raises(NotNow, match="This is the last operator. Invite another first."):
            people.deactivate(person_id=aboard["olu"], by=by, now=timezone.now())
        people.reactivate(person_id=aboard["ola"], by=by, now=timezone.now())
        with pytest.raises(NotNow, match="can log in already"):
            people.reactivate(person_id=aboard["ola"], by=by, now=timezone.now())


def test_the_list_of_people_costs_the_same_for_one_and_for_three(house, aboard):
    client = visitor(AGENCY, aboard["ada"])
    client.get("/admin/accounts/membership/")

    costs = []
    for number in (1, 2):
        with queries_counted() as counted:
            answer = client.get("/admin/accounts/membership/")
        costs.append(count_of(counted))
        assert "password" not in "".join(query["sql"] for query in counted.captured_queries if "membership" in query)
        MembershipFactory.create_batch(number, agency=house.agency)

    assert answer.status_code == 200
    assert costs[0] == costs[1]


def test_an_admin_invites_from_the_admin_and_is_shown_the_address_once(house, aboard):
    client = visitor(AGENCY, aboard["ada"])
    given = {"email": "nia@people.test", "name": "Nia", "role": Role.AGENT, "brand": house.acme.pk}

    with undone():
        told = client.post("/admin/accounts/invitation/add/", given, follow=True)
        later = client.get("/admin/accounts/invitation/")

    assert 'You may also hand over this address: <a href="http://northlight.localhost' in told.text
    assert "nia@people.test" in later.text
    assert "/invitation/" not in later.text.replace("/admin/accounts/invitation/", "")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"email": "nobody"}, "Enter a valid email address."),
        ({"role": "emperor"}, "Select a valid choice."),
        ({"brand": 999_999}, "Select a valid choice."),
        ({"role": Role.CLIENT_VIEWER, "brand": ""}, "Client staff belong to one brand."),
        ({"email": "agent@northlight.test", "brand": ""}, "works here already, as agent"),
    ],
)
def test_an_invitation_that_will_not_do_is_said_over_what_was_typed(house, aboard, given, sentence):
    client = visitor(AGENCY, aboard["ada"])
    right = {"email": "nia@people.test", "name": "Nia Typed", "role": Role.AGENT, "brand": house.acme.pk}

    answer = client.post("/admin/accounts/invitation/add/", {**right, **given})

    assert sentence in answer.text
    assert "Nia Typed" in answer.text
    with entry.agency(house.agency.pk):
        assert not Invitation.objects.filter(name="Nia Typed").exists()


def test_operators_see_operators_and_first_invitations(aboard):
    client = visitor(OPERATORS, aboard["olu"])

    with undone():
        told = client.post("/admin/accounts/invitation/add/", {"email": "o@people.test", "agency": ""}, follow=True)
        answer = client.get("/admin/accounts/user/")

    assert "/invitation/" in told.text
    assert answer.status_code == 200
    assert "ola@people.test" in answer.text
    assert "ada@people.test" not in answer.text


def test_taking_the_last_admins_role_is_refused_on_the_page(house, aboard):
    with entry.agency(house.agency.pk):
        Membership.objects.filter(role=Role.ADMIN, brand_id=None).exclude(user_id=aboard["ada"]).delete()
        own = Membership.objects.get(user_id=aboard["ada"])

    answer = visitor(AGENCY, aboard["ada"]).post(f"/admin/accounts/membership/{own.pk}/take-role/", follow=True)

    assert "You are the agency&#x27;s last admin." in answer.text


def _roles(house, person_id: int) -> list[tuple[int | None, str]]:
    held = queries.memberships_of(User(pk=person_id), agency_id=house.agency.pk)
    return [(each.brand_id, each.role) for each in held]


def _roles_later(house, person_id: int) -> list[tuple[int | None, str]]:
    with entry.agency(house.agency.pk):
        return _roles(house, person_id)


def _user(pk: int) -> User:
    return User(pk=pk, name="Somebody")
