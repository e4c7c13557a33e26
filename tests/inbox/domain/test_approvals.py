"""A second person's yes or no, drafts, and taking back."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from accounts.enums import AuditKind, Role
from accounts.models import AuditEntry, User
from inbox import queries
from inbox.domain import posting, replies, wrapup
from inbox.enums import EventKind, FoundingDisposition, ReplyStatus
from inbox.models import ApprovalRule, Event, Reply
from tenants import entry
from tenants.models import Brand, BrandState
from tenants.refusals import NotNow, NotYours, Refusal
from tests.conftest import NOON, committed
from tests.factories import MessageFactory, at, tweet_id


@pytest.fixture
def conversation(acme):
    """Jo waits for an answer."""
    return MessageFactory(id=tweet_id(1)).conversation


@pytest.fixture
def trainee(house) -> User:
    return User(pk=house.supervisor_id, email="trainee@northlight.test", name="Trainee Test")


@pytest.fixture
def submitted(conversation, trainee) -> Reply:
    """A trainee's reply, which waits for a second person."""
    return compose(conversation, trainee, role=Role.TRAINEE)


def compose(conversation, by, text="On our way.", role=Role.AGENT, now=NOON, **more) -> Reply:
    return replies.compose(
        conversation=conversation, text=text, answers_id=tweet_id(1), by=by, role=role, now=now, **more
    )


def keep(conversation, by, text="On our", role=Role.AGENT, **more) -> Reply:
    return replies.save_draft(conversation=conversation, text=text, answers_id=None, by=by, role=role, now=NOON, **more)


def approve(reply, by, role=Role.AGENT, now=NOON, **more) -> Reply:
    return replies.approve(reply=reply, by=by, role=role, now=now, **more)


def kinds() -> list[str]:
    return list(Event.objects.order_by("seq").values_list("kind", flat=True))


def audited() -> list[tuple]:
    return list(AuditEntry.objects.order_by("-pk").values_list("kind", "by_id", "facts")[:1])


def state_of(reply) -> str:
    return str(Reply.objects.values_list("status", flat=True).get(pk=reply.pk))


def set_state(brand: Brand, state: BrandState) -> None:
    with entry.agency(brand.agency_id):
        Brand.objects.filter(pk=brand.pk).update(state=state)


# --- yes


def test_a_trainees_reply_waits_and_another_person_lets_it_go(conversation, submitted, agent, trainee):
    assert (submitted.status, submitted.needs_approval, submitted.approved_by) == (ReplyStatus.SUBMITTED, True, None)
    assert list(queries.replies_to_approve()) == [submitted]

    reply = approve(submitted, agent, now=at(10))

    assert (reply.status, reply.approved_by_id, reply.undo_until) == (ReplyStatus.APPROVED, agent.pk, at(15))
    assert kinds() == [EventKind.REPLY_COMPOSED, EventKind.REPLY_SUBMITTED, EventKind.REPLY_APPROVED]
    assert audited() == [(AuditKind.REPLY_APPROVED, agent.pk, {"reply": reply.pk})]
    assert list(queries.replies_to_approve()) == []


def test_an_approver_changes_the_words_and_the_first_ones_are_kept(submitted, agent, trainee):
    reply = approve(submitted, agent, text=" We are on our way. ")

    assert (reply.text, reply.original_text, reply.changed_by_id) == ("We are on our way.", "On our way.", agent.pk)
    assert (reply.author_id, reply.status) == (trainee.pk, ReplyStatus.APPROVED)
    assert kinds()[-2:] == [EventKind.REPLY_CHANGED, EventKind.REPLY_APPROVED]
    assert audited() == [(AuditKind.REPLY_APPROVED, agent.pk, {"reply": reply.pk, "changed": True})]


@pytest.mark.parametrize(
    ("text", "said"),
    [(" ", "empty"), ("x" * 281, "281 characters"), ("Dear {name}", "Fill in {name} first"), ("a\x00b", "cannot be")],
)
def test_a_change_is_held_to_what_every_reply_is_held_to(submitted, agent, text, said):
    with pytest.raises(NotNow, match=said):
        approve(submitted, agent, text=text)

    assert (state_of(submitted), Reply.objects.get().text) == (ReplyStatus.SUBMITTED, "On our way.")


def test_nobody_approves_or_sends_back_what_they_wrote(submitted, trainee):
    with pytest.raises(NotYours, match=r"^Somebody else approves what you wrote\."):
        approve(submitted, trainee)
    with pytest.raises(NotYours, match=r"^Somebody else approves what you wrote\."):
        replies.send_back(reply=submitted, by=trainee, role=Role.SUPERVISOR, why="no", now=NOON)

    assert state_of(submitted) == ReplyStatus.SUBMITTED


@pytest.mark.parametrize("role", [Role.TRAINEE, Role.CLIENT_VIEWER, "", "director"])
def test_only_approvers_approve(submitted, agent, role):
    for act in (lambda: approve(submitted, agent, role=role), lambda: send_back(submitted, agent, role=role)):
        with pytest.raises(NotYours, match=r"^Approving is for agents, supervisors and the client's approvers.$"):
            act()

    assert state_of(submitted) == ReplyStatus.SUBMITTED


def test_a_clients_approver_approves_where_the_rule_lets_them(submitted, agent):
    ApprovalRule.objects.update(clients_approve=False)
    with pytest.raises(NotYours, match="approves this brand's replies itself"):
        approve(submitted, agent, role=Role.CLIENT_APPROVER)

    ApprovalRule.objects.update(clients_approve=True)
    assert approve(submitted, agent, role=Role.CLIENT_APPROVER).status == ReplyStatus.APPROVED


def test_the_second_of_two_approvers_is_told_what_the_first_did(submitted, agent):
    approve(submitted, agent)

    with pytest.raises(NotNow, match=r"^Somebody was quicker: this reply was approved already.$"):
        approve(submitted, agent, role=Role.SUPERVISOR)
    with pytest.raises(NotNow, match=r"^Somebody was quicker: this reply was approved already.$"):
        send_back(submitted, agent)

    assert kinds().count(EventKind.REPLY_APPROVED) == 1


def test_a_reply_is_not_approved_where_its_tweet_is_gone(conversation, submitted, agent):
    conversation.messages.update(text="", reasons=[], deleted_at=NOON)

    with pytest.raises(NotNow, match="was deleted"):
        approve(submitted, agent)

    assert state_of(submitted) == ReplyStatus.SUBMITTED


def test_a_conversation_is_not_closed_over_a_reply_that_waits(conversation, submitted, agent):
    closing = {"disposition": FoundingDisposition.RESOLVED, "by": agent, "role": Role.AGENT, "now": NOON}

    with pytest.raises(NotNow, match=r"^A reply still waits for approval\."):
        wrapup.close(conversation=conversation, **closing)

    send_back(submitted, agent)
    assert wrapup.close(conversation=conversation, **closing).is_closed


# --- no


def send_back(reply, by, why="Say when.", role=Role.AGENT, now=NOON) -> Reply:
    return replies.send_back(reply=reply, by=by, role=role, why=why, now=now)


def test_a_reply_is_sent_back_with_the_reason_and_comes_again(conversation, submitted, agent, trainee):
    reply = send_back(submitted, agent, why=" Say\nwhen. ")

    assert (reply.status, reply.why, reply.sent_back_by_id) == (ReplyStatus.SENT_BACK, "Say when.", agent.pk)
    assert audited() == [(AuditKind.REPLY_SENT_BACK, agent.pk, {"reply": reply.pk})]
    assert list(queries.drafts_of(conversation, user_id=trainee.pk)) == [reply]

    again = compose(conversation, trainee, text="At six.", role=Role.TRAINEE, now=at(60), reply=reply)
    assert (again.pk, again.status, again.why, again.text) == (reply.pk, ReplyStatus.SUBMITTED, "", "At six.")
    assert kinds()[-3:] == [EventKind.REPLY_SUBMITTED, EventKind.REPLY_SENT_BACK, EventKind.REPLY_SUBMITTED]


@pytest.mark.parametrize(("why", "said"), [(" \n", "Say why"), ("x" * 301, "301 characters long; 300 are allowed")])
def test_the_reason_is_some_words_and_not_too_many(submitted, agent, why, said):
    with pytest.raises(NotNow, match=said):
        send_back(submitted, agent, why=why)

    assert state_of(submitted) == ReplyStatus.SUBMITTED


# --- taking back


def test_an_author_takes_an_approved_reply_back_in_time(conversation, agent):
    reply = compose(conversation, agent, text="Use {{braces}}.")
    assert (reply.text, reply.undo_until) == ("Use {braces}.", at(5))

    replies.take_back(reply=reply, by=agent, role=Role.AGENT, now=at(4.9))

    reply = Reply.objects.get()
    assert (reply.status, reply.text, reply.approved_by, reply.undo_until) == (
        ReplyStatus.DRAFT,
        "Use {{braces}}.",
        None,
        None,
    )
    assert kinds()[-1] == EventKind.REPLY_TAKEN_BACK
    assert audited() == [(AuditKind.REPLY_APPROVED, agent.pk, {"reply": reply.pk, "taken_back": True})]


def test_too_late_is_too_late(conversation, agent):
    reply = compose(conversation, agent)

    with pytest.raises(NotNow, match=r"^Too late: this reply is going out, or has gone.$"):
        replies.take_back(reply=reply, by=agent, role=Role.AGENT, now=at(5))

    assert state_of(reply) == ReplyStatus.APPROVED


def test_without_seconds_to_undo_it_goes_at_once(conversation, agent):
    ApprovalRule.objects.update(undo_seconds=0)
    reply = compose(conversation, agent)

    with pytest.raises(NotNow, match="Too late"):
        replies.take_back(reply=reply, by=agent, role=Role.AGENT, now=NOON)

    assert reply.undo_until is None


def test_an_approver_takes_their_yes_back_and_it_waits_again(submitted, agent):
    approve(submitted, agent)

    replies.take_back(reply=submitted, by=agent, role=Role.AGENT, now=at(1))

    assert (state_of(submitted), Reply.objects.get().approved_by) == (ReplyStatus.SUBMITTED, None)


def test_an_author_takes_back_what_waits(submitted, trainee, agent):
    with pytest.raises(NotYours, match="for whoever wrote it"):
        replies.take_back(reply=submitted, by=agent, role=Role.AGENT, now=NOON)

    replies.take_back(reply=submitted, by=trainee, role=Role.TRAINEE, now=at(3600))

    assert state_of(submitted) == ReplyStatus.DRAFT
    with pytest.raises(NotNow, match=r"^Its author has taken this reply back.$"):
        approve(submitted, agent)
    with pytest.raises(NotNow, match=r"^This reply was taken back already.$"):
        replies.take_back(reply=submitted, by=trainee, role=Role.TRAINEE, now=NOON)


def test_a_client_viewer_takes_nothing_back(submitted, trainee):
    with pytest.raises(NotYours):
        replies.take_back(reply=submitted, by=trainee, role=Role.CLIENT_VIEWER, now=NOON)

    assert state_of(submitted) == ReplyStatus.SUBMITTED


def test_what_was_sent_back_is_not_taken_back(submitted, agent, trainee):
    send_back(submitted, agent)

    with pytest.raises(NotNow, match="was sent back"):
        replies.take_back(reply=submitted, by=trainee, role=Role.TRAINEE, now=NOON)

    assert state_of(submitted) == ReplyStatus.SENT_BACK


# --- drafts


def test_a_draft_is_kept_for_its_author_and_goes_out_later(conversation, agent, supervisor):
    draft = keep(conversation, agent)
    draft = keep(conversation, agent, text="On our way, Jo", reply=draft)

    assert (Reply.objects.count(), draft.status, draft.text) == (1, ReplyStatus.DRAFT, "On our way, Jo")
    assert list(queries.drafts_of(conversation, user_id=agent.pk)) == [draft]
    assert list(queries.drafts_of(conversation, user_id=supervisor.pk)) == []
    assert kinds() == []

    sent = replies.submit(reply=draft, by=agent, role=Role.AGENT, now=at(60))
    assert (sent.pk, sent.status) == (draft.pk, ReplyStatus.APPROVED)


def test_the_same_words_kept_twice_are_one_draft_and_others_another(conversation, agent):
    first = keep(conversation, agent)

    assert keep(conversation, agent) == first
    assert keep(conversation, agent, text="Something else") != first


@pytest.mark.parametrize(("text", "said"), [(" \n", "empty"), ("x" * 25_001, "25000 can be kept")])
def test_a_draft_is_some_words_and_not_a_book(conversation, agent, text, said):
    with pytest.raises(NotNow, match=said):
        keep(conversation, agent, text=text)

    assert not Reply.objects.exists()


def test_a_draft_is_nobody_elses(conversation, agent, supervisor):
    draft = keep(conversation, agent)

    for act in (
        lambda: keep(conversation, supervisor, text="Mine", reply=draft),
        lambda: replies.submit(reply=draft, by=supervisor, role=Role.SUPERVISOR, now=NOON),
        lambda: replies.discard(reply=draft, by=supervisor, role=Role.SUPERVISOR, now=NOON),
    ):
        with pytest.raises(NotYours, match="a colleague's"):
            act()

    assert Reply.objects.get().text == "On our"


def test_a_draft_is_thrown_away_and_what_was_sent_is_not(conversation, agent, submitted, trainee):
    replies.discard(reply=keep(conversation, agent), by=agent, role=Role.AGENT, now=NOON)
    with pytest.raises(NotNow, match=r"^This reply is not a draft any more: it is waiting for approval.$"):
        replies.discard(reply=submitted, by=trainee, role=Role.TRAINEE, now=NOON)
    with pytest.raises(NotYours):
        replies.discard(reply=submitted, by=trainee, role=Role.CLIENT_APPROVER, now=NOON)
    assert EventKind.REPLY_DISCARDED not in kinds()

    send_back(submitted, agent)
    replies.discard(reply=submitted, by=trainee, role=Role.TRAINEE, now=NOON)

    assert not Reply.objects.exists()
    assert kinds()[-1] == EventKind.REPLY_DISCARDED


def test_a_draft_answers_a_tweet_of_its_conversation(conversation, agent):
    with pytest.raises(NotNow, match="not in this conversation"):
        replies.save_draft(
            conversation=conversation, text="Hi", answers_id=tweet_id(9), by=agent, role=Role.AGENT, now=NOON
        )

    assert not Reply.objects.exists()


# --- who sees what


def test_each_role_sees_the_replies_that_are_for_it(conversation, submitted, agent):
    draft, gone = keep(conversation, agent), compose(conversation, agent, text="Gone.")

    seen = {role: set(queries.replies_visible_to(role)) for role in Role}

    assert seen[Role.AGENT] == seen[Role.TRAINEE] == {submitted, draft, gone}
    assert seen[Role.CLIENT_APPROVER] == {submitted, gone}
    assert seen[Role.CLIENT_VIEWER] == {gone}
    assert set(queries.replies_visible_to(Role.AGENT, user_id=agent.pk + 99)) == {submitted, gone}


# --- a brand that is not live


@pytest.mark.parametrize("state", [BrandState.PREPARING, BrandState.SUSPENDED, BrandState.ENDING])
def test_in_a_brand_that_is_not_live_drafts_are_written_and_nothing_goes_out(
    acme, conversation, submitted, agent, state
):
    draft = keep(conversation, agent)
    set_state(acme, state)

    assert keep(conversation, agent, text="On our way, Jo", reply=draft).text == "On our way, Jo"
    for act in (
        lambda: compose(conversation, agent, text="Hello."),
        lambda: replies.submit(reply=draft, by=agent, role=Role.AGENT, now=NOON),
        lambda: approve(submitted, agent),
    ):
        with pytest.raises(NotNow, match=r"^Nothing goes out: this brand is .*\. Drafts are kept\.$"):
            act()

    assert [state_of(draft), state_of(submitted)] == [ReplyStatus.DRAFT, ReplyStatus.SUBMITTED]


# --- undo and claim at once


@pytest.mark.commits
def test_of_undo_and_claim_exactly_one_wins(house, new_brand):
    agent = User(pk=house.agent_id, name="Agent Test")
    for number in range(3):
        brand, come = new_brand(), threading.Barrier(2)
        with committed(brand):
            found = MessageFactory(id=tweet_id(1)).conversation
            reply = compose(found, agent, text=f"On our way {number}.", now=timezone.now())
            # Each has a clock of its own, and both believe to be in time.
            Reply.objects.update(undo_until=timezone.now())
        outcomes: dict[str, object] = {}

        def undo(brand=brand, come=come, reply_id=reply.pk, outcomes=outcomes) -> None:
            _at_once(brand, come, outcomes, "undo", lambda: _taken_back(reply_id, agent))

        def claim(brand=brand, come=come, outcomes=outcomes) -> None:
            _at_once(brand, come, outcomes, "claim", lambda: posting.claim(now=timezone.now() + timedelta(seconds=1)))

        threads = [threading.Thread(target=undo), threading.Thread(target=claim)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=20)

        with committed(brand):
            state = state_of(reply)
        assert (outcomes["undo"] is not None, outcomes["claim"] is not None) in [(True, False), (False, True)]
        assert state == (ReplyStatus.POSTING if outcomes["claim"] else ReplyStatus.DRAFT)


def _taken_back(reply_id: int, by: User) -> Reply:
    early = timezone.now() - timedelta(seconds=5)
    return replies.take_back(reply=Reply.objects.get(pk=reply_id), by=by, role=Role.AGENT, now=early)


def _at_once(brand, come, outcomes, name, act) -> None:
    try:
        with committed(brand):
            come.wait(timeout=10)
            outcomes[name] = act()
    except Refusal:
        outcomes[name] = None
    finally:
        connection.close()


@pytest.mark.commits
def test_the_poster_leaves_alone_what_can_still_be_taken_back(house, new_brand):
    agent = User(pk=house.agent_id, name="Agent Test")
    with committed(new_brand()):
        reply = compose(MessageFactory(id=tweet_id(1)).conversation, agent)

        assert posting.claim(now=at(4.9)) is None
        assert posting.claim(now=at(5)) == reply


@pytest.mark.commits
def test_what_was_approved_goes_back_where_the_brand_is_not_live_any_more(house, new_brand):
    agent, brand = User(pk=house.agent_id, name="Agent Test"), new_brand()
    with committed(brand):
        found = MessageFactory(id=tweet_id(1)).conversation
        reply = compose(found, agent, text="Use {{braces}}.")
        set_state(brand, BrandState.SUSPENDED)

        assert posting.claim(now=at(60)) is None
        set_state(brand, BrandState.LIVE)
        assert posting.claim(now=at(61)) is None

        reply.refresh_from_db()
        assert (reply.status, reply.text, reply.sent_back_at) == (ReplyStatus.SENT_BACK, "Use {{braces}}.", at(60))
        assert reply.why == "Nothing goes out: this brand is suspended until an admin resumes it."
        assert kinds()[-1] == EventKind.REPLY_SENT_BACK
        again = replies.submit(reply=reply, by=agent, role=Role.AGENT, now=at(70))
        assert (again.status, again.why) == (ReplyStatus.APPROVED, "")
