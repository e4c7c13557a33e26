"""What a brand decides about replies: whose need a second person, how its conversations end."""

import pytest

from accounts.enums import AuditKind, Role
from accounts.models import AuditEntry
from inbox import queries
from inbox.domain import rules
from inbox.enums import FoundingDisposition
from inbox.models import ApprovalRule, Disposition
from tenants.refusals import NotNow, NotYours
from tests.conftest import NOON

AS_FOUNDED = {
    "agents_need_approval": False,
    "supervisors_need_approval": False,
    "clients_approve": True,
    "undo_seconds": 5,
}


def change(by, role=Role.ADMIN, **changed) -> ApprovalRule:
    return rules.change(**{**AS_FOUNDED, **changed}, by=by, role=role, now=NOON)


def names() -> list[tuple[str, bool]]:
    return [(each.name, each.resolves) for each in queries.dispositions() if each.retired_at is None]


def test_a_brand_begins_with_five_seconds_and_no_second_person_but_for_trainees(acme):
    rule = rules.current()

    assert {name: getattr(rule, name) for name in AS_FOUNDED} == AS_FOUNDED
    assert {role for role in Role if rules.needs_approval(rule, role)} == {
        Role.TRAINEE,
        Role.CLIENT_APPROVER,
        Role.CLIENT_VIEWER,
    }


def test_an_admin_changes_the_rule_and_that_is_audited_without_what_stayed(acme, agent):
    change(agent, agents_need_approval=True, undo_seconds=30)

    rule = rules.current()
    assert (rules.needs_approval(rule, Role.AGENT), rules.needs_approval(rule, Role.SUPERVISOR)) == (True, False)
    assert list(AuditEntry.objects.order_by("-pk").values_list("kind", "by_id", "facts")[:1]) == [
        (AuditKind.RULE_CHANGED, agent.pk, {"agents_need_approval": True, "undo_seconds": 30})
    ]


def test_a_rule_that_stays_as_it_is_is_not_audited(acme, agent):
    before = AuditEntry.objects.count()

    change(agent)

    assert AuditEntry.objects.count() == before


@pytest.mark.parametrize("role", [role for role in Role if role != Role.ADMIN])
def test_only_admins_change_the_rule(acme, agent, role):
    with pytest.raises(NotYours, match=r"^A brand's rules are changed by the agency's admins.$"):
        change(agent, role=role, undo_seconds=0)

    assert rules.current().undo_seconds == 5


@pytest.mark.parametrize("seconds", [-1, 61])
def test_a_reply_is_held_back_for_a_minute_at_most(acme, agent, seconds):
    with pytest.raises(NotNow, match="0 to 60 seconds"):
        change(agent, undo_seconds=seconds)

    assert rules.current().undo_seconds == 5


# --- dispositions


def test_a_brand_begins_with_the_five_founding_dispositions(acme):
    assert [each.key for each in queries.dispositions()] == [str(key) for key in FoundingDisposition]
    assert names()[0] == ("resolved", True)
    assert {resolves for _, resolves in names()[1:]} == {False}


def test_a_disposition_is_added_renamed_retired_and_added_again(acme):
    added = rules.add_disposition(name=" Sent  to the shop ", resolves=True, role=Role.SUPERVISOR)
    assert (added.key, names()[-1]) == ("sent-to-the-sh", ("Sent to the shop", True))

    rules.change_disposition(key=added.key, name="At the shop", resolves=False, role=Role.SUPERVISOR)
    assert names()[-1] == ("At the shop", False)

    rules.retire_disposition(key=added.key, role=Role.SUPERVISOR, now=NOON)
    assert ("At the shop", False) not in names()
    assert Disposition.objects.get(key=added.key).retired_at == NOON

    again = rules.add_disposition(name="at the SHOP", resolves=True, role=Role.SUPERVISOR)
    assert (again.key, names()[-1]) == (added.key, ("At the shop", True))


@pytest.mark.parametrize(
    ("name", "said"),
    [(" \n", "needs a name"), ("x" * 61, "60 characters"), ("Resolved", "called “Resolved” already")],
)
def test_a_name_is_one_short_and_not_taken(acme, name, said):
    with pytest.raises(NotNow, match=said):
        rules.add_disposition(name=name, resolves=False, role=Role.SUPERVISOR)
    with pytest.raises(NotNow, match=said):
        rules.change_disposition(key="spam", name=name, resolves=False, role=Role.SUPERVISOR)

    assert len(names()) == 5


def test_names_without_a_latin_letter_have_keys_too(acme):
    keys = {rules.add_disposition(name=name, resolves=False, role=Role.ADMIN).key for name in ("解決", "완료")}

    assert keys == {"disposition", "disposition-2"}


def test_the_last_disposition_stays(acme):
    for key in list(FoundingDisposition)[1:]:
        rules.retire_disposition(key=key, role=Role.ADMIN, now=NOON)

    with pytest.raises(NotNow, match="One disposition must be left"):
        rules.retire_disposition(key="resolved", role=Role.ADMIN, now=NOON)

    assert names() == [("resolved", True)]


def test_thirty_dispositions_are_the_most(acme):
    for number in range(25):
        rules.add_disposition(name=f"Number {number}", resolves=False, role=Role.ADMIN)

    with pytest.raises(NotNow, match="30 dispositions are the most"):
        rules.add_disposition(name="One more", resolves=False, role=Role.ADMIN)

    assert len(names()) == 30


@pytest.mark.parametrize("role", [Role.AGENT, Role.TRAINEE, Role.CLIENT_APPROVER, Role.CLIENT_VIEWER, ""])
def test_dispositions_are_for_those_who_guide(acme, role):
    for act in (
        lambda: rules.add_disposition(name="New", resolves=False, role=role),
        lambda: rules.change_disposition(key="spam", name="New", resolves=False, role=role),
        lambda: rules.retire_disposition(key="spam", role=role, now=NOON),
    ):
        with pytest.raises(NotYours, match="changed by supervisors and admins"):
            act()

    assert len(names()) == 5


def test_one_that_there_is_not_is_not_changed(acme):
    with pytest.raises(NotNow, match="no such disposition"):
        rules.change_disposition(key="nothing", name="New", resolves=False, role=Role.ADMIN)
    with pytest.raises(NotNow, match="no such disposition"):
        rules.retire_disposition(key="nothing", role=Role.ADMIN, now=NOON)

    assert len(names()) == 5
