"""Costs and limits, what X allows, and the panel beside the composer: who may open them, and what they say."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.enums import Role
from inbox.enums import Answerable, ReplyStatus
from inbox.models import ChannelSettings, Reply
from tenants import entry
from tests.factories import (
    AllowanceFactory,
    ConversationFactory,
    CostLineFactory,
    MessageFactory,
    PolicyLineFactory,
    tweet_id,
)
from tests.visiting import ACME, AGENCY, count_of, one_of_each_role, queries_counted, visitor

COSTS, POLICY = "/b/acme/settings/costs/", "/b/acme/settings/policy/"


@pytest.fixture(scope="module")
def people(house, django_db_blocker) -> dict[str, int]:
    with django_db_blocker.unblock():
        return one_of_each_role(house, at="money.test")


@pytest.fixture
def admin(db, people, static_files, _transactions_around) -> Client:
    return visitor(AGENCY, people[Role.ADMIN])


@pytest.fixture
def agent(db, people, static_files, _transactions_around) -> Client:
    return visitor(AGENCY, people[Role.AGENT])


def in_acme(house, question):
    with entry.brand(house.acme):
        return question()


def a_message(house, **fields):
    def made():
        return MessageFactory(id=tweet_id(1), conversation=ConversationFactory(id=tweet_id(1)), **fields)

    return in_acme(house, made)


@pytest.mark.parametrize(
    ("role", "status"),
    [
        (Role.ADMIN, 200),
        (Role.SUPERVISOR, 200),
        (Role.AGENT, 403),
        (Role.TRAINEE, 403),
        (Role.CLIENT_APPROVER, 403),
        (Role.CLIENT_VIEWER, 403),
    ],
)
def test_costs_and_rules_are_for_supervisors_and_admins(db, people, static_files, _transactions_around, role, status):
    host = ACME if role.startswith("client") else AGENCY
    root = "/" if host == ACME else "/b/acme/"

    pages = [visitor(host, people[role]).get(f"{root}settings/{name}/") for name in ("costs", "policy")]

    assert [page.status_code for page in pages] == [status, status]


def test_the_month_is_shown_by_kind_in_dollars(admin, house):
    today = timezone.now().date()
    in_acme(house, lambda: CostLineFactory(on=today, kind="post.create_summoned_with_link", count=3, cost=600_000))
    in_acme(house, lambda: ChannelSettings.objects.filter(pk=1).update(monthly_budget=500_000))

    page = admin.get(COSTS)

    assert "Replies posted with a link" in page.text
    assert "$0.600" in page.text
    assert "more than its budget of $0.500" in page.text


def test_one_line_and_three_cost_the_same(admin, house):
    now = timezone.now()
    counts = []
    for number in range(3):
        in_acme(house, lambda: (CostLineFactory(on=now.date()), AllowanceFactory(resets_at=now + timedelta(hours=1))))
        in_acme(house, lambda: PolicyLineFactory())
        if number != 1:
            with queries_counted() as captured:
                assert admin.get(COSTS).status_code == admin.get(POLICY).status_code == 200
            counts.append(count_of(captured))

    assert counts[0] == counts[1]


def test_an_admin_sets_a_budget_and_a_wrong_one_is_kept_with_a_sentence(admin, house):
    assert admin.post(f"{COSTS}budget/", {"dollars": "250"}).status_code == 302
    page = admin.post(f"{COSTS}budget/", {"dollars": "a lot"})

    assert page.status_code == 409
    assert "Write the budget in dollars" in page.text
    assert 'value="a lot"' in page.text
    assert in_acme(house, lambda: ChannelSettings.objects.get().monthly_budget) == 250_000_000


def test_the_rules_have_dates_and_sources_and_the_ledger_is_paged_and_filtered(admin, house):
    def lines():
        for number in range(60):
            PolicyLineFactory(message_id=number, at=timezone.now() - timedelta(minutes=number))
        PolicyLineFactory(rule="opted_out", is_allowed=False)

    in_acme(house, lines)

    first, refused = admin.get(POLICY), admin.get(f"{POLICY}?answer=refused")

    assert "https://docs.x.com/developer-guidelines" in first.text
    assert "22 Aug 2026" in first.text
    assert first.text.count('class="ledger-head"') == 50
    older = admin.get(first.text.split('class="button" href="')[1].split('"')[0].replace("&amp;", "&"))
    assert older.text.count('class="ledger-head"') == 11
    assert refused.text.count('class="ledger-head"') == 1


@pytest.mark.parametrize("asked", ["?rule=nonsense", "?who=nobody", "?answer=perhaps", "?after=nonsense"])
def test_an_address_that_makes_no_sense_gets_a_sentence(admin, asked):
    page = admin.get(f"{POLICY}{asked}")

    assert page.status_code == 409
    assert "not understood" in page.text or "does not lead on" in page.text


def test_an_admin_says_that_the_account_is_labelled(admin, house):
    wrong = admin.post(f"{POLICY}automation/", {"privacy_url": "acme"})
    right = admin.post(f"{POLICY}automation/", {"privacy_url": "https://acme.example/privacy", "is_labelled": "on"})

    assert (wrong.status_code, right.status_code) == (409, 302)
    assert in_acme(house, lambda: ChannelSettings.objects.get().is_labelled)


def test_an_agency_sees_what_each_brand_costs_and_a_client_nothing(admin, house, people):
    in_acme(house, lambda: CostLineFactory(on=timezone.now().date(), cost=1_234_000))

    page = admin.get("/costs/")

    assert "$1.234" in page.text
    assert "Acme Air" in page.text
    assert "Canary" in page.text
    assert visitor(AGENCY, people[Role.CLIENT_VIEWER]).get("/costs/").status_code == 403


# --- beside the composer


def panel(agent, **said):
    return agent.post(f"/b/acme/conversations/{tweet_id(1)}/may-answer/", {"in_reply_to": tweet_id(1), **said})


def test_the_panel_says_why_and_what_it_costs(agent, house):
    a_message(house, answerable=Answerable.ELIGIBLE, answerable_why="named")

    plain, dear = panel(agent, text="On our way."), panel(agent, text="See acme.com, please.")

    assert "may be answered here" in plain.text
    assert "Costs $0.010" in plain.text
    assert "$0.200, 20 times as much" in dear.text
    assert "acme.com" in dear.text
    assert "Post it in X" not in plain.text


def test_where_the_api_may_not_answer_x_and_direct_messages_are_offered(agent, house):
    a_message(house, answerable=Answerable.NOT_ELIGIBLE, answerable_why="not_named")

    page = panel(agent, text="Sorry!")

    assert "neither named nor quoted" in page.text
    assert "Post it in X by hand" in page.text
    assert "https://x.com/messages/compose?recipient_id=" in page.text


def test_a_reply_is_handed_over_shown_and_taken_back(agent, house):
    a_message(house, answerable=Answerable.NOT_ELIGIBLE, answerable_why="not_named")
    root = f"/b/acme/conversations/{tweet_id(1)}/"

    agent.post(f"{root}elsewhere/", {"in_reply_to": tweet_id(1), "text": "Sorry <b>Jo</b>!"})
    reply = in_acme(house, Reply.objects.get)
    page = panel(agent)

    assert reply.status == ReplyStatus.ELSEWHERE
    assert "https://x.com/intent/post?in_reply_to=" in page.text
    assert "Sorry &lt;b&gt;Jo&lt;/b&gt;!" in page.text
    agent.post(f"/b/acme/replies/{reply.pk}/elsewhere/back/")
    assert in_acme(house, Reply.objects.get).status == ReplyStatus.DRAFT


def test_an_outcome_that_is_out_of_place_is_refused_in_words(agent, house):
    a_message(house)

    page = agent.post(f"/b/acme/conversations/{tweet_id(1)}/outcome/", headers={"HX-Request": "true"})

    assert page.status_code == 409
    assert "no public part" in page.text


@pytest.mark.parametrize("said", [{"in_reply_to": "x"}, {"in_reply_to": "9" * 19}, {"way": "pigeon"}, {"text": "\x00"}])
def test_what_a_page_never_sends_is_no_crash(agent, house, said):
    a_message(house, answerable=Answerable.ELIGIBLE, answerable_why="named")

    assert panel(agent, **said).status_code == 200
