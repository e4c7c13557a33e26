"""Edits, direct messages, deletions, people: what arrives besides new tweets, and what it changes."""

import itertools
import json

import pytest

from inbox.domain import arrivals, deletions, flow
from inbox.enums import ArrivalKind, Direction, EventKind, Outcome, ReplyStatus
from inbox.models import Arrival, Conversation, Customer, Deletion, Event, Message, Reply, Version
from inbox.twitter.events import read_letters
from inbox.twitter.shapes import read_tweet
from tests.conftest import ACME_HANDLE, NOON
from tests.factories import ErrandFactory, ReplyFactory, at
from tests.inbox.domain.scenes import HOUR, carry, deletion, hours, partition, tweet
from tests.payloads import payload_of

JO = 900_000_000_000_000_001
FIRST, SECOND, THIRD = hours(0), hours(0.2), hours(0.4)
WORDS = {FIRST: "@AcmeAir my bag is lots", SECOND: "@AcmeAir my bag is lost", THIRD: "@AcmeAir my bag is lost!"}


def version(id, **more):
    chain = [pk for pk in WORDS if pk <= id]
    extra = {"edit_history_tweet_ids": [str(pk) for pk in chain], **more}
    return tweet(id=id, for_id=ACME_HANDLE, author_id=JO, text=WORDS[id], more=extra)


def takes_in(acme, body, now=NOON):
    """Let what this body holds arrive, as the door does, and carry it."""
    for letter in read_letters(json.dumps(body).encode()):
        arrivals.store(
            kind=letter.kind, twitter_id=letter.twitter_id, handle_id=letter.for_id, body=letter.body, now=now
        )
    flow.carry_all(brand=acme, now=now)


def private(id, *, by=JO, to=ACME_HANDLE, text="My order is A-1029"):
    said = {"target": {"recipient_id": str(to)}, "sender_id": str(by), "message_data": {"text": text}}
    event = {"type": "message_create", "id": str(id), "message_create": said}
    kind = "dm.sent" if by == ACME_HANDLE else "dm.received"
    users = {str(JO): {"data": {"id": str(JO), "username": "jo", "name": "Jo Doe"}}}
    payload = {"direct_message_events": [event], "users": users}
    return {"data": {"event_type": kind, "filter": {"user_id": str(ACME_HANDLE)}, "payload": payload}}


def deed(kind, source, target):
    sides = {"source": {"data": {"id": str(source)}}, "target": {"data": {"id": str(target)}}}
    named = {"event_type": kind, "event_uuid": f"-{kind}{source}{target}", "filter": {"user_id": str(ACME_HANDLE)}}
    return {"data": {**named, "payload": sides}}


def kinds():
    return list(Event.objects.order_by("seq").values_list("kind", flat=True))


# --- edits


@pytest.mark.parametrize("order", list(itertools.permutations([FIRST, SECOND, THIRD])))
@pytest.mark.parametrize("at_once", [False, True])
def test_versions_in_any_order_are_one_message_with_the_newest_words_and_all_of_the_history(acme, order, at_once):
    sent = [version(pk) for pk in order]
    for batch in [sent] if at_once else [[one] for one in sent]:
        carry(acme, batch)

    message = Message.objects.get()
    assert (message.pk, message.text, message.version_id) == (FIRST, WORDS[THIRD], THIRD)
    assert (message.created_at, message.edited_at) == (at(0), at(0.4 * HOUR))
    assert dict(Version.objects.values_list("pk", "text")) == WORDS
    assert set(Version.objects.values_list("message_id", flat=True)) == {FIRST}
    assert Conversation.objects.get().message_count == 1
    assert set(Arrival.objects.values_list("outcome", flat=True)) == {Outcome.MESSAGE}


def test_an_edit_is_told_and_its_new_words_are_triaged(acme):
    carry(acme, [version(FIRST)])
    urgent = tweet(
        id=SECOND,
        for_id=ACME_HANDLE,
        author_id=JO,
        text="@AcmeAir my bag is lost and I will call my lawyer",
        more={"edit_history_tweet_ids": [str(FIRST), str(SECOND)]},
    )

    carry(acme, [urgent])

    message = Message.objects.get()
    assert kinds() == [EventKind.OPENED, EventKind.MESSAGE_ARRIVED, EventKind.MESSAGE_EDITED]
    assert message.urgency == Conversation.objects.get().urgency
    assert message.text == "@AcmeAir my bag is lost and I will call my lawyer"


def test_a_version_that_never_came_has_a_row_without_words(acme):
    carry(acme, [version(THIRD)])

    assert dict(Version.objects.values_list("pk", "text")) == {FIRST: "", SECOND: "", THIRD: WORDS[THIRD]}


def test_an_answer_to_a_later_version_answers_the_message(acme):
    carry(acme, [version(FIRST), version(SECOND)])
    answer = tweet(
        id=hours(1),
        for_id=ACME_HANDLE,
        author_id=ACME_HANDLE,
        text="@jo Sorry!",
        mentions=[(JO, "jo")],
        in_reply_to=SECOND,
        in_reply_to_user=JO,
    )

    carry(acme, [answer])

    assert partition() == {(FIRST, hours(1))}
    assert Message.objects.get(pk=hours(1)).in_reply_to_id == FIRST


def test_an_approved_answer_goes_back_to_its_author_when_the_tweet_is_edited(acme, agent):
    carry(acme, [version(FIRST)])
    conversation = Conversation.objects.get()
    said = {"conversation": conversation, "answers_id": FIRST, "author": agent}
    going = ReplyFactory(
        **said, status=ReplyStatus.APPROVED, approved_by=agent, approved_at=NOON, text="We look for it {now}"
    )
    claimed = ReplyFactory(**said, status=ReplyStatus.POSTING, approved_by=agent, approved_at=NOON, posting_since=NOON)
    draft = ReplyFactory(**said)

    carry(acme, [version(SECOND)])

    assert [Reply.objects.get(pk=one.pk).status for one in (going, claimed, draft)] == [
        ReplyStatus.SENT_BACK,
        ReplyStatus.POSTING,
        ReplyStatus.DRAFT,
    ]
    going.refresh_from_db()
    assert (going.sent_back_by, going.approved_by, going.text) == (None, None, "We look for it {{now}}")
    assert "edited" in going.why
    assert kinds()[-2:] == [EventKind.MESSAGE_EDITED, EventKind.REPLY_SENT_BACK]


@pytest.mark.parametrize("gone", [FIRST, SECOND])
@pytest.mark.parametrize("first", ["edit", "deletion"])
def test_deleting_any_version_deletes_the_message_and_its_history(acme, gone, first):
    carry(acme, [version(FIRST)])
    steps = {"edit": [version(SECOND)], "deletion": [deletion(id=gone, for_id=ACME_HANDLE)]}

    for name in (first, *(set(steps) - {first})):
        carry(acme, steps[name])

    message = Message.objects.get()
    assert (message.text, message.media, message.links, message.reasons) == ("", None, None, [])
    assert message.deleted_at is not None
    assert set(Version.objects.values_list("text", flat=True)) <= {""}
    assert not any(b"bag" in payload_of(row) for row in Arrival.objects.filter(kind=ArrivalKind.TWEET))


# --- deletions


def test_a_deleted_tweet_leaves_no_quotation_in_what_we_have_not_posted(acme, agent):
    words = "@AcmeAir my grandmother's ring was in that bag, it cannot be replaced"
    carry(acme, [tweet(id=FIRST, for_id=ACME_HANDLE, author_id=JO, text=words)])
    text = "You wrote “my grandmother's ring was in that bag, it cannot be replaced”. We are so sorry."
    draft = ReplyFactory(conversation=Conversation.objects.get(), answers_id=FIRST, author=agent, text=text)

    carry(acme, [deletion(id=FIRST, for_id=ACME_HANDLE)])

    draft.refresh_from_db()
    assert draft.text == "You wrote “[deleted]”. We are so sorry."


def test_what_an_edit_was_to_say_goes_with_the_tweet(acme):
    carry(acme, [tweet(id=FIRST, for_id=ACME_HANDLE, author_id=JO, text="hello")])
    message = Message.objects.get()
    done = {"message": message, "kind": "edit", "text": "secret words", "state": "done", "done_at": NOON}
    over, waiting = ErrandFactory(**done), ErrandFactory(message=message, kind="edit", text="others", state="wanted")

    carry(acme, [deletion(id=FIRST, for_id=ACME_HANDLE)])

    over.refresh_from_db()
    waiting.refresh_from_db()
    assert (over.text, waiting.text) == ("", "others")


def test_what_its_author_hid_is_not_shown_until_twitter_shows_it_again(acme):
    carry(acme, [version(FIRST)])

    hidden = deletions.hide_all_of([JO], why="protected", now=NOON)
    was = Message.objects.get()
    fresh = {"id": str(FIRST), "author_id": str(JO), "text": "@AcmeAir my bag is here"}
    shown = deletions.show_again([read_tweet(fresh, includes={})])

    assert [line.kind for line in hidden.lines] == [EventKind.MESSAGE_HIDDEN]
    assert (was.hidden_why, was.hidden_at) == ("protected", NOON)
    assert shown == 1
    assert (Message.objects.get().hidden_at, Message.objects.get().text) == (None, "@AcmeAir my bag is here")


# --- direct messages


def test_a_direct_message_is_in_the_same_conversation_as_the_public_part(acme):
    carry(acme, [version(FIRST)])

    takes_in(acme, private(hours(1)))
    takes_in(acme, private(hours(2), by=ACME_HANDLE, to=JO, text="Thank you, we found it."))

    conversation = Conversation.objects.get()
    assert partition() == {(FIRST, hours(1), hours(2))}
    assert [*Message.objects.order_by("pk").values_list("is_private", "direction")] == [
        (False, Direction.INBOUND),
        (True, Direction.INBOUND),
        (True, Direction.OUTBOUND),
    ]
    assert conversation.went_private_at == at(HOUR)
    assert conversation.waiting_since is None


def test_a_direct_message_opens_a_conversation_where_there_is_none(acme):
    takes_in(acme, private(hours(1), by=ACME_HANDLE, to=JO, text="You asked us to write."))

    assert partition() == {(hours(1),)}
    assert Conversation.objects.get().customer.username == "jo"


def test_a_message_between_two_of_our_handles_and_one_to_a_group_are_kept(acme):
    takes_in(acme, private(hours(1), by=ACME_HANDLE, to=ACME_HANDLE))
    group = {"id": str(hours(2)), "event_type": "MessageCreate", "sender_id": str(JO), "dm_conversation_id": "55"}
    body = json.dumps({"data": group}).encode()
    arrivals.store(kind=ArrivalKind.PRIVATE, twitter_id=hours(2), handle_id=ACME_HANDLE, body=body, now=NOON)
    flow.carry_all(brand=acme, now=NOON)

    assert Message.objects.count() == Conversation.objects.count() == 0
    assert list(Arrival.objects.values_list("outcome", flat=True)) == [Outcome.KEPT] * 2


def test_an_encrypted_message_is_a_message_that_only_x_can_show(acme):
    payload = {
        "id": "e4f4d3fc-8bbf-4928-92eb-e5058d6bb6f6",
        "created_at_msec": str(int(at(HOUR).timestamp() * 1000)),
        "sender_id": str(JO),
        "conversation_id": f"{JO}:{ACME_HANDLE}",
        "encoded_event": "CwAB",
    }
    named = {"event_type": "chat.received", "filter": {"user_id": str(ACME_HANDLE)}, "event_uuid": "-4"}

    for _ in range(2):
        takes_in(acme, {"data": {**named, "payload": payload}})

    message = Message.objects.get()
    assert (message.is_encrypted, message.is_private, message.text) == (True, True, "")
    assert message.created_at == at(HOUR)


# --- people


def test_what_people_do_is_noted_about_customers_and_undone_again(acme):
    carry(acme, [version(FIRST)])

    takes_in(acme, deed("follow.follow", JO, ACME_HANDLE))
    takes_in(acme, deed("block.block", ACME_HANDLE, JO), now=at(HOUR))
    noted = Customer.objects.get()
    takes_in(acme, deed("follow.unfollow", JO, ACME_HANDLE))
    takes_in(acme, deed("follow.follow", 77, ACME_HANDLE))

    assert (noted.follows_us_at, noted.blocked_at, noted.blocks_us_at) == (NOON, at(HOUR), None)
    assert Customer.objects.get().follows_us_at is None
    outcomes = Arrival.objects.filter(kind=ArrivalKind.PERSON).values_list("outcome", flat=True)
    assert set(outcomes) == {Outcome.NOTED}


def test_a_changed_profile_changes_the_customer(acme):
    carry(acme, [version(FIRST)])
    for what, after in (("handle", "jo_new"), ("screenname", "Jo Neu"), ("profile_picture", "http://no.example/x")):
        event = {"event_type": f"profile.update.{what}", "event_uuid": f"-{what}", "filter": {"user_id": str(JO)}}
        body = json.dumps({"data": {**event, "payload": {"after": after}}}).encode()
        [letter] = read_letters(body)
        arrivals.store(kind="person", twitter_id=letter.twitter_id, handle_id=ACME_HANDLE, body=body, now=NOON)
    flow.carry_all(brand=acme, now=NOON)

    customer = Customer.objects.get()
    assert (customer.username, customer.name, customer.avatar_url) == ("jo_new", "Jo Neu", "")


def test_a_deletion_that_is_known_twice_changes_nothing_more(acme):
    carry(acme, [version(FIRST), deletion(id=FIRST, for_id=ACME_HANDLE)])
    before = kinds()

    assert deletions.carry_out([FIRST], now=at(HOUR)).lines == []
    assert kinds() == before
    assert Deletion.objects.get().pk == FIRST
