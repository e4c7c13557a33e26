"""What is done to a message by page besides answering it: what is made and told, and who is refused in which words."""

from datetime import timedelta
from html import unescape

import pytest
from django.test import Client
from django.utils import timezone

from accounts.enums import Role
from inbox.enums import Direction, ErrandKind, ErrandState, EventKind
from inbox.models import Conversation, Errand, Event, Message, Version
from tenants import entry
from tests.conftest import ACME_HANDLE, CANARY_HANDLE, NOON
from tests.factories import ConversationFactory, ErrandFactory, MessageFactory, VersionFactory, tweet_id
from tests.visiting import ACME, AGENCY, one_of_each_role, visitor

HTMX = {"HX-Request": "true"}
THEIRS, OURS, ANSWER, ANSWERED = (tweet_id(number) for number in (1, 2, 3, 4))
ALONE = tweet_id(9)  # in the other brand only
PANE = f"/b/acme/conversations/{THEIRS}/"


@pytest.fixture(scope="module")
def people(house, django_db_blocker) -> dict[str, int]:
    with django_db_blocker.unblock():
        return one_of_each_role(house, at="errands.test")


@pytest.fixture
def supervisor(db, people, static_files, _transactions_around) -> Client:
    return visitor(AGENCY, people[Role.SUPERVISOR])


@pytest.fixture
def agent(db, people, static_files, _transactions_around) -> Client:
    return visitor(AGENCY, people[Role.AGENT])


@pytest.fixture(autouse=True)
def talk(db, house, _transactions_around) -> None:
    """The same talk in both brands, with the same keys: theirs, a tweet of ours, their answer, our answer to them."""
    now = timezone.now()
    for brand, handle_id in ((house.acme, ACME_HANDLE), (house.canary, CANARY_HANDLE)):
        with entry.brand(brand):
            found = ConversationFactory(id=THEIRS, handle_id=handle_id)
            ours = {"conversation": found, "direction": Direction.OUTBOUND, "author_id": handle_id, "created_at": now}
            MessageFactory(id=THEIRS, conversation=found)
            MessageFactory(id=OURS, text="We look for your bog.", **ours)
            MessageFactory(id=ANSWER, conversation=found, in_reply_to_id=OURS)
            MessageFactory(id=ANSWERED, in_reply_to_id=THEIRS, **ours)
    with entry.brand(house.canary):
        MessageFactory(id=ALONE, conversation=found)


@pytest.fixture
def enterprise(settings) -> None:
    settings.TWITTER_PLAN = "enterprise"


def asks(client: Client, pk: int, kind: str, text: str = "", **more):
    return client.post(f"/b/acme/messages/{pk}/errands/", {"kind": kind, "text": text}, **more)


def in_acme(house, question):
    with entry.brand(house.acme):
        return question()


def changed(house, pk: int, **fields) -> None:
    in_acme(house, lambda: Message.objects.filter(pk=pk).update(**fields))


def errands(brand) -> list[tuple]:
    with entry.brand(brand):
        return list(Errand.objects.order_by("pk").values_list("kind", "message_id", "text", "state", "wanted_by_id"))


def told(brand) -> list[tuple]:
    with entry.brand(brand):
        return list(Event.objects.order_by("seq").values_list("kind", "message_id", "by_id"))


def stuck(house, people, state: str = ErrandState.REFUSED, *, kind: str = ErrandKind.HIDE, pk: int = ANSWER) -> str:
    """An errand that Twitter did not do, with the same key in both brands; its address."""
    for brand in (house.acme, house.canary):
        with entry.brand(brand):
            about = {"message_id": pk, "kind": kind, "state": state, "why": "Not today.", "begun_at": NOON}
            ErrandFactory(id=77, message=None, attempt=6, wanted_by_id=people[Role.AGENT], **about)
    return "/b/acme/errands/77/"


# --- what a press makes


@pytest.mark.parametrize(
    ("kind", "pk", "text", "words"),
    [
        (ErrandKind.LIKE, THEIRS, "", "Like: on its way"),
        (ErrandKind.HIDE, ANSWER, "", "Hide a reply: on its way"),
        (ErrandKind.DELETE, OURS, "", "Delete our tweet: on its way"),
        (ErrandKind.EDIT, OURS, "We look for your bag.", "Edit our tweet: on its way"),
    ],
)
def test_a_press_makes_one_errand_which_is_told_and_shown(supervisor, house, people, enterprise, kind, pk, text, words):
    answer = asks(supervisor, pk, kind, text)

    assert (answer.status_code, answer["location"]) == (302, PANE)
    assert errands(house.acme) == [(kind, pk, text, ErrandState.WANTED, people[Role.SUPERVISOR])]
    assert told(house.acme) == [(EventKind.ERRAND_WANTED, pk, people[Role.SUPERVISOR])]
    assert words in supervisor.get(PANE).text
    assert (errands(house.canary), told(house.canary)) == ([], [])


@pytest.mark.parametrize(
    ("kind", "pk", "field"),
    [(ErrandKind.UNLIKE, THEIRS, "liked_at"), (ErrandKind.UNHIDE, ANSWER, "concealed_at")],
)
def test_what_was_done_is_taken_back_by_an_errand_of_its_own(agent, house, people, enterprise, kind, pk, field):
    changed(house, pk, **{field: NOON})

    answer = asks(agent, pk, kind)

    assert answer.status_code == 302
    assert errands(house.acme) == [(kind, pk, "", ErrandState.WANTED, people[Role.AGENT])]
    assert in_acme(house, lambda: getattr(Message.objects.get(pk=pk), field)) == NOON  # until Twitter did it


def test_a_press_on_the_screen_gets_the_pane_where_it_cannot_be_pressed_again(agent, house, enterprise):
    page = asks(agent, THEIRS, ErrandKind.LIKE, headers=HTMX)

    assert page.status_code == 200
    assert "Like: on its way" in page.text
    assert "<html" not in page.text
    assert 'value="like"' in agent.get(PANE).text  # of the customer's other tweet
    assert f"/messages/{ANSWER}/errands/" in page.text
    assert f"/messages/{THEIRS}/errands/" not in page.text


def test_the_words_of_what_is_no_edit_are_not_kept(agent, house):
    asks(agent, ANSWER, ErrandKind.HIDE, "words that nobody asked for")

    assert [text for _, _, text, _, _ in errands(house.acme)] == [""]


# --- who is refused


def test_a_second_press_is_refused_and_makes_nothing(agent, house, enterprise):
    asks(agent, THEIRS, ErrandKind.LIKE)

    pages = [asks(agent, THEIRS, kind) for kind in (ErrandKind.LIKE, ErrandKind.UNLIKE)]

    assert pages[0].status_code == pages[1].status_code == 409
    assert "Something is being done to this tweet already." in pages[0].text
    assert "The brand does not like this tweet." in pages[1].text
    assert len(errands(house.acme)) == len(told(house.acme)) == 1


@pytest.mark.parametrize("kind", [ErrandKind.DELETE, ErrandKind.EDIT])
def test_what_the_brand_said_is_corrected_by_supervisors(agent, house, kind):
    page = asks(agent, OURS, kind, "We look for your bag.")

    assert page.status_code == 403
    assert "tweets is for supervisors and admins. Ask one of them." in page.text
    assert f'action="/b/acme/messages/{OURS}/errands/"' not in page.text
    assert (errands(house.acme), told(house.acme)) == ([], [])


@pytest.mark.parametrize("role", [Role.TRAINEE, Role.CLIENT_APPROVER, Role.CLIENT_VIEWER])
@pytest.mark.parametrize("address", [f"messages/{ANSWER}/errands/", "errands/77/retry/", "errands/77/done/"])
def test_who_lets_nothing_go_out_does_nothing_at_twitter(house, people, static_files, role, address):
    stuck(house, people)
    host, root = (ACME, "/") if role.startswith("client") else (AGENCY, "/b/acme/")

    page = visitor(host, people[role]).post(f"{root}{address}", {"kind": "hide"})

    assert page.status_code == 403
    assert "This is not for you here" in page.text
    assert [errand[3] for errand in errands(house.acme)] == [ErrandState.REFUSED]
    assert told(house.acme) == []


def test_a_stranger_and_the_other_brands_client_do_nothing(house, people, static_files, canary_client):
    stranger = visitor(AGENCY).post(f"/b/acme/messages/{ANSWER}/errands/", {"kind": "hide"})
    client = canary_client.post(f"/messages/{ANSWER}/errands/", {"kind": "hide"})

    assert (stranger.status_code, client.status_code) == (302, 403)
    assert "/login" in stranger["location"]
    assert (errands(house.acme), errands(house.canary)) == ([], [])


@pytest.fixture
def canary_client(people, static_files) -> Client:
    """The client of Acme, at the other brand's host."""
    return visitor("care.canary.localhost", people[Role.CLIENT_APPROVER])


@pytest.mark.parametrize("pk", [ALONE, tweet_id(5), 2**63, 10**40])
def test_what_the_brand_has_not_is_not_found(supervisor, house, pk):
    pages = [asks(supervisor, pk, ErrandKind.DELETE)]
    pages += [supervisor.post(f"/b/acme/errands/{pk}/{act}/") for act in ("retry", "done")]

    assert [page.status_code for page in pages] == [404] * 3
    assert (errands(house.acme), errands(house.canary)) == ([], [])


@pytest.mark.parametrize("kind", ["", "explode", "LIKE", "like\x00", "<b>"])
def test_a_kind_that_is_none_is_refused_in_words(supervisor, house, kind):
    page = asks(supervisor, THEIRS, kind)

    assert page.status_code == 409
    assert "Choose what is to be done" in page.text
    assert errands(house.acme) == []


def test_nothing_is_done_by_looking(supervisor, house, people):
    root = stuck(house, people)
    addresses = [f"/b/acme/messages/{THEIRS}/errands/", f"{root}retry/", f"{root}done/"]

    assert [supervisor.get(address).status_code for address in addresses] == [405] * 3


# --- what is refused, and why


def test_a_plan_without_likes_says_so_and_offers_none(agent, house, settings):
    settings.TWITTER_PLAN = "self_serve"

    page = asks(agent, THEIRS, ErrandKind.LIKE)

    assert page.status_code == 409
    assert "X took likes by programs from self-serve plans on 2026-04-20. Like it in X by hand." in page.text
    assert 'value="like"' not in page.text
    assert (errands(house.acme), told(house.acme)) == ([], [])


@pytest.mark.parametrize(
    ("kind", "pk", "fields", "words"),
    [
        (ErrandKind.LIKE, THEIRS, {"deleted_at": NOON, "text": ""}, "This tweet was deleted on Twitter."),
        (ErrandKind.HIDE, ANSWER, {"deleted_at": NOON, "text": ""}, "This tweet was deleted on Twitter."),
        (ErrandKind.DELETE, OURS, {"deleted_at": NOON, "text": ""}, "This tweet was deleted on Twitter."),
        (ErrandKind.EDIT, OURS, {"deleted_at": NOON, "text": ""}, "This tweet was deleted on Twitter."),
        (ErrandKind.LIKE, THEIRS, {"liked_at": NOON}, "The brand likes this tweet already."),
        (ErrandKind.HIDE, ANSWER, {"concealed_at": NOON}, "This reply is hidden already."),
        (ErrandKind.UNHIDE, ANSWER, {}, "This reply is not hidden."),
        (ErrandKind.HIDE, THEIRS, {}, "Only an answer to one of the brand's tweets can be hidden"),
        (ErrandKind.HIDE, OURS, {}, "Only what customers write is hidden or liked."),
        (ErrandKind.LIKE, OURS, {}, "Only what customers write is hidden or liked."),
        (ErrandKind.DELETE, THEIRS, {}, "Only the brand's own tweets can be deleted or edited."),
        (ErrandKind.EDIT, THEIRS, {}, "Only the brand's own tweets can be deleted or edited."),
        (ErrandKind.LIKE, THEIRS, {"is_private": True}, "A direct message cannot be edited, hidden or liked."),
        (ErrandKind.EDIT, OURS, {"is_private": True}, "A direct message cannot be edited, hidden or liked."),
        (ErrandKind.EDIT, ANSWERED, {}, "X lets nobody edit an answer to somebody else."),
    ],
)
def test_what_cannot_be_done_to_a_message_is_told_why(supervisor, house, enterprise, kind, pk, fields, words):
    if fields:
        changed(house, pk, **fields)

    page = asks(supervisor, pk, kind, "Other words.")

    assert page.status_code == 409
    assert words in unescape(page.text)
    assert (errands(house.acme), told(house.acme)) == ([], [])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (" \x00\n", "An edit needs words."),
        ("We look for your bog. ", "That is what the tweet says already."),
        ("b" * 281, "The tweet would be 281 characters long as Twitter counts; 280 are allowed."),
    ],
)
def test_words_that_make_no_edit_are_refused(supervisor, house, text, words):
    page = asks(supervisor, OURS, ErrandKind.EDIT, text)

    assert page.status_code == 409
    assert words in page.text
    assert errands(house.acme) == []


def test_an_edit_is_too_late_after_an_hour_and_after_five(supervisor, house):
    in_acme(house, lambda: [VersionFactory(id=OURS + each, message_id=OURS, message=None) for each in range(6)])
    often = asks(supervisor, OURS, ErrandKind.EDIT, "We look for your bag.")
    in_acme(house, lambda: Version.objects.all().delete())
    changed(house, OURS, created_at=timezone.now() - timedelta(minutes=61))
    late = asks(supervisor, OURS, ErrandKind.EDIT, "We look for your bag.")

    assert (often.status_code, late.status_code) == (409, 409)
    assert "X lets a tweet be edited 5 times." in often.text
    assert "X lets a tweet be edited for an hour." in late.text
    assert errands(house.acme) == []


def test_a_refusal_on_the_screen_is_the_pane_with_its_words(agent, house):
    page = asks(agent, OURS, ErrandKind.DELETE, headers=HTMX)

    assert page.status_code == 403
    assert 'role="alert"' in page.text
    assert "<html" not in page.text


# --- what Twitter did not do


@pytest.mark.parametrize("state", [ErrandState.REFUSED, ErrandState.UNKNOWN])
def test_what_is_stuck_is_shown_with_why_and_tried_again(agent, house, people, state):
    root = stuck(house, people, state)

    shown = agent.get(PANE).text
    answer = agent.post(f"{root}retry/")

    assert "Not today." in shown
    assert f'action="{root}retry/"' in shown
    assert f'action="{root}done/"' in shown
    assert (answer.status_code, answer["location"]) == (302, PANE)
    errand = in_acme(house, Errand.objects.get)
    assert (errand.state, errand.why, errand.attempt) == (ErrandState.WANTED, "", 0)
    assert told(house.acme) == [(EventKind.ERRAND_WANTED, ANSWER, people[Role.AGENT])]
    assert [each[3] for each in errands(house.canary)] == [state]


def test_somebody_says_that_it_was_done(agent, house, people):
    root = stuck(house, people, ErrandState.UNKNOWN)

    answer = agent.post(f"{root}done/")

    assert (answer.status_code, answer["location"]) == (302, PANE)
    assert [each[3] for each in errands(house.acme)] == [ErrandState.DONE]
    assert [kind for kind, _, _ in told(house.acme)] == [EventKind.ERRAND_DONE]
    assert in_acme(house, lambda: Message.objects.get(pk=ANSWER).concealed_at) is not None
    with entry.brand(house.canary):
        assert Message.objects.get(pk=ANSWER).concealed_at is None
        assert Errand.objects.get().state == ErrandState.UNKNOWN


def test_a_deletion_that_was_done_takes_the_words_away(supervisor, house, people):
    root = stuck(house, people, ErrandState.UNKNOWN, kind=ErrandKind.DELETE, pk=OURS)

    supervisor.post(f"{root}done/")

    gone = in_acme(house, lambda: Message.objects.get(pk=OURS))
    assert (gone.text, gone.deleted_at is not None) == ("", True)
    assert [kind for kind, _, _ in told(house.acme)] == [EventKind.ERRAND_DONE, EventKind.MESSAGE_DELETED]
    with entry.brand(house.canary):
        assert Message.objects.get(pk=OURS).text == "We look for your bog."


@pytest.mark.parametrize("act", ["retry", "done"])
def test_a_second_decision_is_refused(agent, house, people, act):
    root = stuck(house, people)
    agent.post(f"{root}{act}/")

    page = agent.post(f"{root}{act}/")

    assert page.status_code == 409
    assert "There is nothing to decide about this any more." in page.text
    assert len(told(house.acme)) == 1


@pytest.mark.parametrize("act", ["retry", "done"])
def test_an_agent_does_not_decide_about_a_deletion(agent, house, people, act):
    root = stuck(house, people, kind=ErrandKind.DELETE, pk=OURS)

    page = agent.post(f"{root}{act}/")

    assert page.status_code == 403
    assert "is for supervisors and admins" in page.text
    assert "Not today." in page.text
    assert f'action="{root}retry/"' not in page.text
    assert [each[3] for each in errands(house.acme)] == [ErrandState.REFUSED]


def test_what_was_deleted_meanwhile_is_not_tried_again(agent, house, people):
    root = stuck(house, people)
    changed(house, ANSWER, deleted_at=NOON, text="")

    page = agent.post(f"{root}retry/")

    assert page.status_code == 409
    assert "This tweet was deleted on Twitter." in page.text
    assert [each[3] for each in errands(house.acme)] == [ErrandState.REFUSED]


def test_a_closed_conversation_can_still_be_corrected(supervisor, house, people):
    closed = {"closed_at": NOON, "closed_by_id": people[Role.AGENT], "disposition": "resolved", "waiting_since": None}
    in_acme(house, lambda: Conversation.objects.filter(pk=THEIRS).update(respond_by=None, **closed))

    assert asks(supervisor, OURS, ErrandKind.DELETE).status_code == 302
    assert len(errands(house.acme)) == 1
