"""A long answer that was stopped half-way: what becomes of its rest, and that no word of it is said twice."""

from django.utils import timezone

from inbox.domain import posting
from inbox.models import Reply
from inbox.twitter.client import Sent
from tenants import entry
from tests.factories import tweet_id
from tests.inbox import test_parts_page as long_answers
from tests.inbox.test_parts_page import (
    APPROVED,
    DRAFT,
    OPENING,
    PARTS,
    POSTED,
    REFUSED,
    SENT_BACK,
    comes_to,
    pane,
    presses,
    rows,
    writes,
)

asked, client, colleague, stopped = (
    long_answers.asked,
    long_answers.client,
    long_answers.colleague,
    long_answers.stopped,
)


def suspended(house) -> None:
    """The brand is suspended while the poster looks for work."""
    with entry.brand(house.acme):
        posting._send_back_all(why="The brand is suspended.", now=timezone.now())


def test_the_rest_has_a_button_to_take_it_back_and_nothing_else_has(client, house, stopped):
    page = pane(client)

    assert [f"/replies/{pk}/undo/" in page for pk in stopped] == [False, False, True]


def test_a_colleague_has_no_such_button(client, colleague, house, stopped):
    with entry.brand(house.acme):
        Reply.objects.update(author_id=house.agent_id, approved_by_id=house.agent_id)

    assert f"/replies/{stopped[2]}/undo/" not in pane(colleague)


def test_what_was_taken_back_is_not_said_again_with_the_part_before_it(client, house, stopped):
    presses(client, "undo", stopped[2])
    presses(client, "retry", stopped[1])

    suspended(house)

    assert rows(house.acme) == list(zip((POSTED, SENT_BACK, DRAFT), PARTS, strict=True))


def test_what_was_taken_back_and_thrown_away_may_be_written_anew_with_the_rest(client, house, stopped):
    presses(client, "undo", stopped[2])
    presses(client, "discard", stopped[2])
    again = "\n\n".join([PARTS[1].replace("ten", "eleven"), PARTS[2]])

    assert writes(client, again).status_code == 200
    assert [status for status, _ in rows(house.acme)] == [POSTED, REFUSED, APPROVED, APPROVED]


def test_one_part_of_what_is_on_its_way_is_not_said_a_second_time(client, house, stopped):
    for part in (PARTS[0], PARTS[2]):
        answer = writes(client, part)

        assert (answer.status_code, "already on its way or posted" in answer.text) == (409, True)
    assert rows(house.acme) == list(zip((POSTED, REFUSED, APPROVED), PARTS, strict=True))


def test_a_rest_that_comes_back_with_the_brands_suspension_goes_out_when_its_author_sends_it(client, house, stopped):
    suspended(house)
    assert rows(house.acme) == list(zip((POSTED, REFUSED, SENT_BACK), PARTS, strict=True))

    assert writes(client, PARTS[2], reply=str(stopped[2])).status_code == 200

    assert comes_to(house, Sent(tweet_id(14))).answers_id == OPENING


def test_a_long_answer_can_be_undone_once_on_the_page_of_approvals(client, house):
    writes(client)

    page = client.get("/b/acme/approvals/").text

    with entry.brand(house.acme):
        first, *others = Reply.objects.order_by("pk").values_list("pk", flat=True)
    assert f"/replies/{first}/undo/" in page
    assert [pk for pk in others if f"/replies/{pk}/undo/" in page] == []
