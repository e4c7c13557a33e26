"""A long answer through the pages: let go, approved, taken back, stopped half-way, thrown away."""

from datetime import timedelta

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from accounts.domain.people import add_person
from accounts.enums import Role
from inbox.domain import posting
from inbox.enums import ReplyStatus
from inbox.models import ChannelSettings, Message, Reply
from inbox.twitter.client import PostingOutcome, Refused, Sent
from tenants import entry
from tenants.models import Brand
from tests.conftest import CANARY_HANDLE
from tests.factories import tweet_id
from tests.inbox.test_pages import HTMX, a_conversation, page_of
from tests.visiting import AGENCY, visitor

PARTS = [
    "We are sorry about the bag. It was put on the evening flight to Porto by mistake, and the crew there has it now, "
    "with the label and the lock as you left them.",
    "It comes back with the first flight tomorrow, which lands at ten. A driver brings it to the address you gave us, "
    "and rings before he comes, so that somebody is there.",
    "What you bought meanwhile is ours to pay. Keep every receipt, and send them with the number of the report when "
    "all is back with you again, please.",
]
WHOLE = "\n\n".join(PARTS)
OTHER = WHOLE.replace("Porto", "Faro")
DRAFT, SUBMITTED, APPROVED = ReplyStatus.DRAFT, ReplyStatus.SUBMITTED, ReplyStatus.APPROVED
POSTED, REFUSED, SENT_BACK = ReplyStatus.POSTED, ReplyStatus.REFUSED, ReplyStatus.SENT_BACK
OPENING = tweet_id(1)


@pytest.fixture(scope="module")
def trainee_id(house, django_db_blocker) -> int:
    with django_db_blocker.unblock():
        about = {"email": "trainee@parts.test", "name": "Trainee Test", "password": "secret", "role": Role.TRAINEE}
        made = add_person(agency_id=house.agency.pk, is_demonstration=True, **about)
        connection.close()
    return made


@pytest.fixture
def asked(db, house, static_files, _transactions_around) -> None:
    """A customer asks acme, and another asks the canary under the same key."""
    for brand, handle_id in ((house.acme, None), (house.canary, CANARY_HANDLE)):
        with entry.brand(brand):
            a_conversation(1, handle_id=handle_id)


@pytest.fixture
def client(asked, house) -> Client:
    """An agent on the agency's host."""
    return visitor(AGENCY, house.agent_id)


@pytest.fixture
def colleague(asked, house) -> Client:
    return visitor(AGENCY, house.supervisor_id)


@pytest.fixture
def trainee(asked, trainee_id) -> Client:
    return visitor(AGENCY, trainee_id)


def writes(who: Client, text: str = WHOLE, *, brand: str = "acme", **more: str) -> HttpResponse:
    fields = {"text": text, "in_reply_to": str(OPENING), "in_parts": "on", **more}
    return who.post(f"/b/{brand}/conversations/{OPENING}/replies/", fields, headers=HTMX)


def presses(who: Client, act: str, pk: int, **fields: str) -> HttpResponse:
    """The button of this reply that leads to this act."""
    return who.post(f"/b/acme/replies/{pk}/{act}/", fields, headers=HTMX)


def pane(who: Client) -> str:
    return who.get(page_of(OPENING), headers=HTMX).text


def rows(brand: Brand) -> list[tuple[str, str]]:
    """The brand's replies as they are: state and words, in their order."""
    with entry.brand(brand):
        return list(Reply.objects.order_by("pk").values_list("status", "text"))


def keys(house) -> list[int]:
    with entry.brand(house.acme):
        return list(Reply.objects.order_by("pk").values_list("pk", flat=True))


def takes(house) -> Reply | None:
    """What the poster takes when nothing can be taken back any more."""
    with entry.brand(house.acme):
        return posting.claim(now=timezone.now() + timedelta(minutes=1))


def comes_to(house, outcome: PostingOutcome) -> Reply:
    """The poster takes the next part, and this is what the call comes to."""
    return settles(house, takes(house), outcome)


def settles(house, taken: Reply, outcome: PostingOutcome) -> Reply:
    with entry.brand(house.acme):
        return posting.settle(reply_id=taken.pk, attempt=taken.attempt, outcome=outcome, now=timezone.now())


# --- let go -----------------------------------------------------------------------------------------------------------


def test_the_composer_shows_the_parts_before_they_are_let_go(client):
    shown = client.post(f"{page_of(OPENING)}parts/", {"text": WHOLE}, headers=HTMX).text
    short = client.post(f"{page_of(OPENING)}parts/", {"text": PARTS[0]}, headers=HTMX).text

    assert "Goes out as 3 tweets, one after another:" in shown
    assert [part in shown for part in PARTS] == [True, True, True]
    assert ('name="in_parts" value="on"' in shown, short.strip()) == (True, "")


def test_a_long_answer_is_let_go_as_all_its_parts(client, house):
    answer = writes(client)

    assert answer.status_code == 200
    assert rows(house.acme) == [(APPROVED, part) for part in PARTS]
    assert answer.text.count("Goes out after the part before.") == 2


def test_a_long_answer_that_was_not_meant_for_parts_stays_in_the_composer(client, house):
    refused = writes(client, in_parts="")

    assert (refused.status_code, "280 are allowed" in refused.text) == (409, True)
    assert "</textarea>" in refused.text.partition(PARTS[2])[2]
    assert rows(house.acme) == []


def test_each_part_waits_for_the_one_before_and_answers_it(client, house):
    writes(client)
    first = takes(house)
    assert takes(house) is None

    settles(house, first, Sent(tweet_id(11)))
    second, third = comes_to(house, Sent(tweet_id(12))), comes_to(house, Sent(tweet_id(13)))

    assert [first.answers_id, second.answers_id, third.answers_id] == [OPENING, tweet_id(11), tweet_id(12)]
    assert rows(house.acme) == [(POSTED, part) for part in PARTS]
    with entry.brand(house.acme):
        said = Message.objects.filter(direction="out").order_by("pk").values_list("text", "in_reply_to_id")
        assert list(said) == list(zip(PARTS, (OPENING, tweet_id(11), tweet_id(12)), strict=True))
    assert takes(house) is None


def test_parts_have_numbers_only_where_the_brand_wants_them(client, house):
    with entry.brand(house.acme):
        ChannelSettings.objects.update(numbers_parts=True)

    writes(client)
    writes(client, brand="canary")

    assert rows(house.acme) == [(APPROVED, f"{part} {number}/3") for number, part in enumerate(PARTS, start=1)]
    assert rows(house.canary) == [(APPROVED, part) for part in PARTS]
    presses(client, "undo", keys(house)[0])
    assert rows(house.acme) == [(DRAFT, WHOLE)]


def test_an_answer_of_more_parts_than_anybody_reads_is_refused(client, house):
    refused = writes(client, "\n\n".join(f"{number}. {PARTS[0]}" for number in range(40)))

    assert (refused.status_code, "more than 25 tweets" in refused.text) == (409, True)
    assert rows(house.acme) == []


def test_the_button_pressed_twice_lets_the_answer_go_once(client, house):
    writes(client)

    again = writes(client)

    assert (again.status_code, "already on its way or posted" in again.text) == (409, True)
    assert rows(house.acme) == [(APPROVED, part) for part in PARTS]


# --- approved ---------------------------------------------------------------------------------------------------------


def test_a_trainees_long_answer_waits_as_a_whole(trainee, client, house):
    answer = writes(trainee)

    assert (answer.status_code, rows(house.acme)) == (200, [(SUBMITTED, WHOLE)])
    assert takes(house) is None
    listed = client.get("/b/acme/approvals/").text
    assert (listed.count('class="approval card"'), PARTS[0] in listed, PARTS[2] in listed) == (1, True, True)


def test_one_yes_lets_all_parts_go(trainee, client, house, trainee_id):
    writes(trainee)

    presses(client, "approval", keys(house)[0])
    again = presses(client, "approval", keys(house)[0])

    assert rows(house.acme) == [(APPROVED, part) for part in PARTS]
    assert (again.status_code, "Somebody was quicker" in again.text) == (409, True)
    with entry.brand(house.acme):
        people = set(Reply.objects.values_list("author_id", "approved_by_id", "needs_approval"))
    assert people == {(trainee_id, house.agent_id, True)}


def test_what_the_approver_changes_goes_out_in_parts_and_the_authors_words_are_kept(trainee, client, house):
    writes(trainee)

    presses(client, "approval", keys(house)[0], text=OTHER)

    assert rows(house.acme) == [(APPROVED, part) for part in OTHER.split("\n\n")]
    with entry.brand(house.acme):
        first = Reply.objects.order_by("pk").first()
        assert (first.original_text, first.changed_by_id) == (WHOLE, house.agent_id)


def test_an_approver_may_make_a_long_answer_short_and_no_short_one_long(trainee, client, house):
    writes(trainee)
    writes(trainee, "We look for it.")
    long, short = keys(house)

    refused = presses(client, "approval", short, text=OTHER)
    presses(client, "approval", long, text=PARTS[0])

    assert (refused.status_code, "280 are allowed" in refused.text) == (409, True)
    assert rows(house.acme) == [(APPROVED, PARTS[0]), (SUBMITTED, "We look for it.")]


def test_a_long_answer_is_sent_back_whole(trainee, client, house):
    writes(trainee)

    presses(client, "sending-back", keys(house)[0], why="Say when it lands.")

    assert rows(house.acme) == [(SENT_BACK, WHOLE)]
    assert takes(house) is None
    page = pane(trainee)
    assert ("Say when it lands." in page, "</textarea>" in page.partition(PARTS[2])[2]) == (True, True)


def test_an_approver_who_takes_back_their_yes_has_the_whole_before_them_again(trainee, client, house):
    writes(trainee)
    presses(client, "approval", keys(house)[0])

    presses(client, "undo", keys(house)[2])

    assert rows(house.acme) == [(SUBMITTED, WHOLE)]
    assert takes(house) is None
    presses(client, "approval", keys(house)[0])
    assert rows(house.acme) == [(APPROVED, part) for part in PARTS]


# --- taken back, thrown away ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", [0, 1, 2])
def test_whichever_part_is_taken_back_in_time_the_whole_is_a_draft_again(client, house, part):
    writes(client)

    page = presses(client, "undo", keys(house)[part])

    assert rows(house.acme) == [(DRAFT, WHOLE)]
    assert "</textarea>" in page.text.partition(PARTS[2])[2]
    assert takes(house) is None


def test_what_was_taken_back_twice_is_one_draft_and_can_be_let_go_again(client, house):
    writes(client)
    first, _, third = keys(house)
    presses(client, "undo", first)

    again, gone = presses(client, "undo", first), presses(client, "undo", third)

    assert (again.status_code, "taken back already" in again.text, gone.status_code) == (409, True, 404)
    assert rows(house.acme) == [(DRAFT, WHOLE)]
    writes(client, reply=str(first))
    assert rows(house.acme) == [(APPROVED, part) for part in PARTS]


def test_a_colleague_takes_nothing_of_it_back(client, colleague, house):
    writes(client)

    refused = presses(colleague, "undo", keys(house)[1])

    assert refused.status_code == 403
    assert rows(house.acme) == [(APPROVED, part) for part in PARTS]


@pytest.mark.parametrize("is_posted", [False, True])
def test_when_the_first_part_has_left_nothing_is_taken_back(client, house, is_posted):
    writes(client)
    if is_posted:
        comes_to(house, Sent(tweet_id(11)))
    else:
        takes(house)
    with entry.brand(house.acme):
        Reply.objects.update(undo_until=timezone.now())
    before = rows(house.acme)

    answers = [presses(client, "undo", pk) for pk in keys(house)]

    assert [(each.status_code, "Too late" in each.text) for each in answers] == [(409, True)] * 3
    assert rows(house.acme) == before
    assert "/undo/" not in pane(client)


def test_a_long_draft_is_thrown_away_whole_and_what_was_let_go_is_not(client, house):
    writes(client)
    all_three = keys(house)

    refused = [presses(client, "discard", pk).status_code for pk in all_three]
    assert (refused, rows(house.acme)) == ([409] * 3, [(APPROVED, part) for part in PARTS])
    presses(client, "undo", all_three[0])
    thrown, twice = [presses(client, "discard", all_three[0]).status_code for _ in range(2)]

    assert (thrown, twice, rows(house.acme)) == (200, 404, [])
    assert PARTS[0] not in pane(client)


# --- stopped half-way -------------------------------------------------------------------------------------------------


@pytest.fixture
def stopped(client, house) -> list[int]:
    """The first part is posted, the second refused, the third waits; their keys."""
    writes(client)
    with entry.brand(house.acme):
        Reply.objects.update(undo_until=timezone.now())
    comes_to(house, Sent(tweet_id(11)))
    comes_to(house, Refused("You are not allowed to say that."))
    assert rows(house.acme) == list(zip((POSTED, REFUSED, APPROVED), PARTS, strict=True))
    return keys(house)


def test_where_a_part_is_refused_the_rest_waits_and_the_page_says_why(client, house, stopped):
    page = pane(client)

    assert takes(house) is None
    assert "You are not allowed to say that." in page
    for pk, has_buttons in zip(stopped, (False, True, False), strict=True):
        assert (f"/replies/{pk}/retry/" in page, f"/replies/{pk}/posted/" in page) == (has_buttons, has_buttons)


def test_a_part_that_is_tried_again_is_posted_and_the_rest_follows(client, house, stopped):
    tried, twice = presses(client, "retry", stopped[1]), presses(client, "retry", stopped[1])

    assert (tried.status_code, twice.status_code, "nothing to decide" in twice.text) == (200, 409, True)
    second, third = comes_to(house, Sent(tweet_id(12))), comes_to(house, Sent(tweet_id(13)))
    assert [second.pk, third.pk] == stopped[1:]
    assert [second.answers_id, third.answers_id] == [tweet_id(11), tweet_id(12)]
    assert rows(house.acme) == [(POSTED, part) for part in PARTS]


def test_a_part_that_waits_is_not_tried_before_the_one_that_was_refused(client, house, stopped):
    refused = [presses(client, "retry", pk).status_code for pk in (stopped[0], stopped[2])]

    assert refused == [409, 409]
    assert rows(house.acme) == list(zip((POSTED, REFUSED, APPROVED), PARTS, strict=True))


def test_a_part_that_somebody_typed_on_twitter_is_answered_by_the_rest(client, house, stopped):
    said = presses(client, "posted", stopped[1], address=f"https://x.com/acmeair/status/{tweet_id(12)}")

    assert said.status_code == 200
    third = comes_to(house, Sent(tweet_id(13)))
    assert (third.pk, third.answers_id) == (stopped[2], tweet_id(12))
    assert rows(house.acme) == [(POSTED, part) for part in PARTS]


def test_the_rest_taken_back_is_an_answer_of_its_own_to_the_customer(client, house, stopped):
    page = presses(client, "undo", stopped[2])

    assert rows(house.acme) == list(zip((POSTED, REFUSED, DRAFT), PARTS, strict=True))
    assert "</textarea>" in page.text.partition(PARTS[2])[2]
    assert takes(house) is None
    writes(client, PARTS[2], reply=str(stopped[2]))
    assert comes_to(house, Sent(tweet_id(14))).answers_id == OPENING


# --- and nobody else --------------------------------------------------------------------------------------------------


def test_the_same_answer_in_another_brand_notices_nothing(client, house):
    writes(client, OTHER, brand="canary")
    before = rows(house.canary)
    assert before == [(APPROVED, part) for part in OTHER.split("\n\n")]

    writes(client)
    presses(client, "undo", keys(house)[1])
    writes(client, reply=str(keys(house)[0]))
    comes_to(house, Sent(tweet_id(11)))
    presses(client, "retry", comes_to(house, Refused("No.")).pk)

    assert rows(house.canary) == before
    assert [status for status, _ in rows(house.acme)] == [POSTED, APPROVED, APPROVED]
    assert "Porto" not in client.get(f"/b/canary/conversations/{OPENING}/").text
