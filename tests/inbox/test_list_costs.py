"""What the pages of the whole channel cost: the same with one row of a thing as with three."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from inbox.enums import Answerable, Direction, ErrandKind, ErrandState, ReplyStatus
from inbox.models import Conversation, Reply
from tenants import entry
from tests.conftest import ACME_HANDLE, CANARY_HANDLE, NOON
from tests.factories import (
    CostLineFactory,
    ErrandFactory,
    MessageFactory,
    PulseFactory,
    ReplyFactory,
    ReplyMediaFactory,
    tweet_id,
)
from tests.inbox.test_pages import HTMX, a_conversation, cost, page_of
from tests.visiting import AGENCY, count_of, queries_counted, visitor


@pytest.fixture
def client(db, house, static_files, _transactions_around) -> Client:
    """A supervisor on the agency's host."""
    return visitor(AGENCY, house.supervisor_id)


def a_reply(found: Conversation, house, *, status: str = ReplyStatus.UNKNOWN, **fields) -> Reply:
    by = {"author_id": house.agent_id, "approved_by_id": house.agent_id, "approved_at": NOON}
    if status == ReplyStatus.UNKNOWN:
        by |= {"posting_since": NOON, "why": "No answer came."}
    return ReplyFactory(conversation=found, answers_id=found.pk, status=status, **by, **fields)


def with_files(reply: Reply, house) -> Reply:
    for position in range(2):
        ReplyMediaFactory(reply=reply, position=position, added_by_id=house.agent_id)
    return reply


def with_an_errand(number: int, found: Conversation, house) -> None:
    message = MessageFactory(
        id=tweet_id(number), conversation=found, direction=Direction.OUTBOUND, author_id=ACME_HANDLE
    )
    ErrandFactory(
        kind=ErrandKind.DELETE,
        message=message,
        state=ErrandState.UNKNOWN,
        why="No answer came.",
        begun_at=NOON,
        wanted_by_id=house.agent_id,
    )


def test_a_conversation_costs_the_same_with_one_reply_errand_and_file_and_with_three(client, house):
    costs = []
    with entry.brand(house.acme):
        found = a_conversation(1)

    for number in (2, 3, 4):
        with entry.brand(house.acme):
            with_files(a_reply(found, house), house)
            with_an_errand(number, found, house)
        costs.append(cost(client, page_of(found.pk), headers=HTMX))

    assert client.get(page_of(found.pk)).text.count("/retry/") >= 6
    assert costs[0] == costs[1] == costs[2]


def test_the_list_of_approvals_costs_the_same_with_one_file_and_with_six(client, house):
    costs = []

    for number in (1, 2, 3):
        with entry.brand(house.acme):
            found = a_conversation(number)
            reply = ReplyFactory(
                conversation=found,
                answers_id=found.pk,
                author_id=house.agent_id,
                status=ReplyStatus.SUBMITTED,
                submitted_at=NOON,
                needs_approval=True,
            )
            with_files(reply, house)
        costs.append(cost(client, "/b/acme/approvals/"))

    assert client.get("/b/acme/approvals/").text.count('class="approval card"') == 3
    assert costs[0] == costs[1] == costs[2]


def test_the_panel_beside_the_composer_costs_the_same_with_one_reply_handed_over_and_with_three(client, house):
    costs = []
    with entry.brand(house.acme):
        found = a_conversation(1)

    for number in (2, 3, 4):
        with entry.brand(house.acme):
            message = MessageFactory(
                id=tweet_id(number), conversation=found, answerable=Answerable.NOT_ELIGIBLE, answerable_why="not_named"
            )
            reply = a_reply(found, house, status=ReplyStatus.ELSEWHERE)
            Reply.objects.filter(pk=reply.pk).update(answers_id=message.pk)
        with queries_counted() as captured:
            page = client.post(f"{page_of(found.pk)}may-answer/", {"in_reply_to": tweet_id(1)})
        costs.append(count_of(captured))
        assert page.text.count("https://x.com/intent/post") == number - 1

    assert costs[0] == costs[1] == costs[2]


def test_an_agencys_costs_cost_the_same_with_one_line_per_brand_and_with_three(client, house):
    costs = []

    for _ in range(3):
        for brand in (house.acme, house.canary):
            with entry.brand(brand):
                CostLineFactory(on=timezone.now().date(), cost=1_000_000)
        costs.append(cost(client, "/costs/"))

    assert "$3.000" in client.get("/costs/").text
    assert costs[0] == costs[1] == costs[2]
    assert costs[0] <= 20


def test_the_desks_alarms_cost_the_same_with_one_quiet_way_and_with_three(client, house):
    costs = []

    for source in ("webhook", "mentions", "search"):
        for brand, handle_id in ((house.acme, ACME_HANDLE), (house.canary, CANARY_HANDLE)):
            with entry.brand(brand):
                since = timezone.now() - timedelta(hours=1)
                PulseFactory(handle_id=handle_id, source=source, quiet_since=since, last_event_at=since)
        costs.append(cost(client, "/desk/alarms/"))

    assert costs[0] == costs[1] == costs[2]
