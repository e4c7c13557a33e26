"""Deliveries: every event once and in order, signed, tried again for a day, and nobody waits for a slow receiver."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest

from accounts.enums import Role
from accounts.models import AuditEntry
from inbox.domain import deliveries, events, webhooks
from inbox.domain.events import Line
from inbox.enums import WEBHOOK_TYPES, EventKind
from inbox.models import Delivery, Webhook
from inbox.queries import webhooks_to_call
from tenants.outgoing import Answered, NoAnswer, NotAllowed
from tenants.refusals import NotNow, NotYours
from tests.conftest import NOON
from tests.factories import DeliveryFactory, MessageFactory, WebhookFactory
from tests.inbox.domain.receiver import Receiver

ALL = [str(kind) for kind in WEBHOOK_TYPES]
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ADMIN = Role.ADMIN


@pytest.fixture(autouse=True)
def _on_ones_own_machine(settings):
    settings.OUTGOING_LOOPBACK = True


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def made(acme, supervisor) -> Callable[..., tuple[Webhook, str]]:
    """Makes webhooks, each with its secret."""

    def make(url: str, *, kinds: list[str] = ALL, name: str = "Orders", now: datetime = NOON) -> tuple[Webhook, str]:
        return webhooks.make(url=url, name=name, kinds=kinds, by=supervisor, role=ADMIN, now=now)

    return make


def happens(*kinds: EventKind, conversation_id: int = 7) -> list[int]:
    """These events, one after another; their numbers."""
    last = events.record([Line(kind, conversation_id, NOON) for kind in kinds])
    return list(range(last - len(kinds) + 1, last + 1))


def round_at(now: datetime, **more: object) -> int:
    """What the worker does each time it comes by."""
    deliveries.tell(now=now)
    return deliveries.deliver(clock=lambda: now, **more)


def only() -> Delivery:
    return Delivery.objects.get()


def test_what_is_about_no_conversation_leads_to_none(made, receiver):
    made(receiver.url)
    happens(EventKind.CHANNEL_QUIET, conversation_id=0)

    assert round_at(NOON) == 1

    (told,) = receiver.told
    assert (told.payload["type"], told.payload["data"]["conversation"]) == ("channel.quiet", None)
    assert "conversations/0" not in told.body.decode()


# --- what is told -----------------------------------------------------------------------------------------------------


def test_an_event_is_told_signed_and_without_a_word_of_the_customers(made, receiver):
    webhook, secret = made(receiver.url)
    message = MessageFactory(text="my secret order is 4711")
    line = Line(EventKind.MESSAGE_ARRIVED, message.conversation_id, NOON, message_id=message.pk)
    number = events.record([line])

    assert round_at(NOON) == 1

    (told,) = receiver.told
    assert told.is_signed_with(secret)
    assert not told.is_signed_with("whsec_" + "A" * 43 + "=")
    assert (told.payload["type"], told.payload["timestamp"]) == ("message.arrived", NOON.isoformat())
    assert told.payload["data"] == {
        "sequence": number,
        "kind": "message_arrived",
        "brand": told.payload["data"]["brand"],
        "conversation": {
            "id": str(message.conversation_id),
            "url": f"http://care.acme.localhost{_port()}/api/v1/conversations/{message.conversation_id}/",
        },
        "message": {
            "id": str(message.pk),
            "url": f"http://care.acme.localhost{_port()}/api/v1/messages/{message.pk}/",
        },
        "reply": None,
    }
    assert (only().delivered_at, only().last_status, only().attempts) == (NOON, 204, 1)
    assert b"4711" not in told.body


def test_every_event_is_told_once_and_in_order(made, receiver):
    happens(EventKind.OPENED)
    made(receiver.url)
    numbers = happens(EventKind.MESSAGE_ARRIVED, EventKind.TAKEN, EventKind.REPLY_POSTED)
    round_at(NOON)
    numbers += happens(EventKind.CLOSED)
    round_at(NOON)
    round_at(NOON)

    assert receiver.sequences == numbers


def test_only_what_was_asked_for_is_told(made, receiver):
    made(receiver.url, kinds=[EventKind.CLOSED])
    numbers = happens(EventKind.TAKEN, EventKind.CLOSED, EventKind.NOTED)

    round_at(NOON)

    assert receiver.sequences == numbers[1:2]


def test_every_kind_of_event_has_a_name_of_its_own():
    assert set(WEBHOOK_TYPES) == set(EventKind)
    assert len(set(WEBHOOK_TYPES.values())) == len(EventKind)


def test_a_brand_without_news_has_nothing_to_do(made, receiver):
    made(receiver.url)
    quiet = webhooks_to_call()
    happens(EventKind.OPENED)

    assert (quiet, webhooks_to_call()) == (False, True)


# --- the secret -------------------------------------------------------------------------------------------------------


def test_for_a_day_both_secrets_sign(made, receiver, supervisor):
    webhook, old = made(receiver.url)
    new = webhooks.roll(webhook=webhook, is_leaked=False, by=supervisor, role=ADMIN, now=NOON)
    for now in (NOON + 23 * HOUR, NOON + 25 * HOUR):
        happens(EventKind.OPENED)
        round_at(now)

    signed = [(told.is_signed_with(old), told.is_signed_with(new)) for told in receiver.told]
    assert signed == [(True, True), (False, True)]


def test_a_secret_that_leaked_ends_at_once(made, receiver, supervisor):
    webhook, old = made(receiver.url)
    new = webhooks.roll(webhook=webhook, is_leaked=True, by=supervisor, role=ADMIN, now=NOON)
    happens(EventKind.OPENED)
    round_at(NOON)

    assert [(told.is_signed_with(old), told.is_signed_with(new)) for told in receiver.told] == [(False, True)]


def test_a_secret_is_not_rolled_away_under_the_one_before(made, receiver, supervisor):
    webhook, _ = made(receiver.url)
    webhooks.roll(webhook=webhook, is_leaked=False, by=supervisor, role=ADMIN, now=NOON)

    with pytest.raises(NotNow, match="within the last day"):
        webhooks.roll(webhook=webhook, is_leaked=False, by=supervisor, role=ADMIN, now=NOON + HOUR)


def test_a_secret_that_was_moved_signs_nothing(made, receiver):
    one, _ = made(receiver.url)
    with Receiver() as second:
        other, _ = made(second.url, name="Other")
        Webhook.objects.filter(pk=other.pk).update(sealed_secret=one.sealed_secret)
        happens(EventKind.OPENED)
        round_at(NOON)

        assert (len(receiver.told), second.told) == (1, [])
    assert "cannot be opened" in Delivery.objects.get(webhook=other).last_error


def test_a_secret_lies_sealed_and_is_in_no_audit(made, receiver, supervisor):
    webhook, secret = made(receiver.url)
    webhook.refresh_from_db()

    assert secret.encode() not in bytes(webhook.sealed_secret)
    assert secret.startswith("whsec_")
    assert [secret in str(facts) for facts in AuditEntry.objects.values_list("facts", flat=True)] == [False]


# --- trying again -----------------------------------------------------------------------------------------------------


def test_the_waits_grow_threefold_and_last_about_a_day():
    waits = [deliveries.wait_after(tries) for tries in range(1, deliveries.MOST_TRIES)]
    earliest, latest = deliveries.wait_after(1, chance=0), deliveries.wait_after(1, chance=1)

    assert [wait.total_seconds() for wait in waits[:4]] == [8, 24, 72, 216]
    assert 20 * HOUR < sum(waits, timedelta()) < 26 * HOUR
    assert (earliest.total_seconds(), latest.total_seconds()) == (6.4, pytest.approx(9.6))


def test_what_fails_is_tried_again_with_the_same_id_and_then_given_up(made):
    with Receiver(500) as receiver:
        made(receiver.url)
        happens(EventKind.OPENED)
        now = NOON
        while Delivery.objects.filter(given_up_at=None).exists() or not Delivery.objects.exists():
            round_at(now)
            Webhook.objects.update(rests_until=None)
            now = only().due_at or now

    assert len(receiver.told) == deliveries.MOST_TRIES
    assert len({told.headers["webhook-id"] for told in receiver.told}) == 1
    assert len({told.headers["webhook-timestamp"] for told in receiver.told}) == deliveries.MOST_TRIES
    assert (only().last_status, only().last_error) == (500, "The receiver answered 500.")
    assert 17 * HOUR < now - NOON < 27 * HOUR


def test_a_receiver_that_comes_back_is_told_all_in_order(made, receiver):
    webhook, _ = made(receiver.url)
    receiver.status = 503
    numbers = happens(EventKind.OPENED, EventKind.MESSAGE_ARRIVED, EventKind.CLOSED)
    round_at(NOON)
    failing = Webhook.objects.get()
    receiver.status, receiver.told = 204, []
    round_at(NOON + HOUR)

    assert failing.failing_since == NOON
    assert sorted(receiver.sequences) == numbers
    assert (Webhook.objects.get().failing_since, Webhook.objects.get().delivered_at) == (None, NOON + HOUR)


def test_a_receiver_that_fails_is_left_alone_for_the_round(made, receiver):
    made(receiver.url)
    receiver.status = 500
    happens(*[EventKind.OPENED] * 5)

    assert [round_at(NOON), round_at(NOON + timedelta(seconds=1))] == [1, 0]


def test_a_receiver_may_ask_for_more_time(made):
    with Receiver(429, headers={"retry-after": "1200"}) as receiver:
        made(receiver.url)
        happens(EventKind.OPENED)
        round_at(NOON)

    assert only().due_at == NOON + 20 * MINUTE


@pytest.mark.parametrize("text", ["-5", "soon", "1e9", "٣", "99999999999999999999", "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_nonsense_about_time_is_passed_over(made, text: str):
    made("http://127.0.0.1:9999/")
    happens(EventKind.OPENED)

    round_at(NOON, call=lambda url, **_: Answered(503, "", retry_after=text))

    assert only().due_at < NOON + MINUTE


def test_a_receiver_that_is_gone_is_called_no_more(made):
    with Receiver(410) as receiver:
        made(receiver.url)
        happens(EventKind.OPENED, EventKind.CLOSED)
        round_at(NOON)
        round_at(NOON + DAY)

    webhook = Webhook.objects.get()
    assert (len(receiver.told), webhook.paused_at) == (1, NOON)
    assert "410" in webhook.paused_why


def test_a_webhook_that_fails_for_days_is_paused_and_says_why(made):
    made("http://127.0.0.1:9999/")
    happens(EventKind.OPENED)
    now = NOON
    while Webhook.objects.filter(paused_at=None).exists() and now < NOON + 5 * DAY:
        happens(EventKind.OPENED)
        round_at(now, call=lambda url, **_: NoAnswer("nobody there"))
        now += HOUR

    webhook = Webhook.objects.get()
    assert 3 * DAY <= webhook.paused_at - NOON < 4 * DAY
    assert webhook.paused_why == "Nothing could be delivered for 3 days: nobody there"


def test_an_address_that_became_private_is_not_called(made, settings, receiver):
    made(receiver.url)
    settings.OUTGOING_LOOPBACK = False
    happens(EventKind.OPENED)
    round_at(NOON)

    assert receiver.told == []
    assert only().last_error.startswith("The address must begin with https://")


# --- dying on the way, and two at once --------------------------------------------------------------------------------


def test_a_worker_that_dies_before_the_call_leaves_the_delivery_to_the_next(made, receiver):
    webhook, _ = made(receiver.url)
    numbers = happens(EventKind.OPENED)
    deliveries.tell(now=NOON)
    deliveries.claim_webhooks(now=NOON)
    deliveries.claim(webhook_id=webhook.pk, now=NOON)

    early = round_at(NOON + timedelta(seconds=59))
    late = round_at(NOON + timedelta(seconds=61))

    assert (early, late, receiver.sequences) == (0, 1, numbers)
    assert only().attempts == 2


def test_an_answer_that_comes_after_the_claim_has_ended_changes_nothing(made):
    webhook, _ = made("http://127.0.0.1:9999/")
    happens(EventKind.OPENED)
    deliveries.tell(now=NOON)
    first = deliveries.claim(webhook_id=webhook.pk, now=NOON)
    second = deliveries.claim(webhook_id=webhook.pk, now=NOON + HOUR)
    deliveries.settle(delivery_id=second.pk, attempt=2, outcome=Answered(200, ""), now=NOON + HOUR)

    deliveries.settle(delivery_id=first.pk, attempt=1, outcome=NoAnswer("late"), now=NOON + HOUR)

    assert (only().delivered_at, only().last_error) == (NOON + HOUR, "")


def test_a_webhook_in_one_workers_hands_is_not_taken_by_another(made):
    made("http://127.0.0.1:9999/")
    happens(EventKind.OPENED, EventKind.CLOSED)
    deliveries.tell(now=NOON)

    assert len(deliveries.claim_webhooks(now=NOON)) == 1
    assert deliveries.claim_webhooks(now=NOON) == []


def test_telling_twice_makes_no_delivery_twice(made):
    made("http://127.0.0.1:9999/")
    happens(EventKind.OPENED, EventKind.CLOSED)

    assert [deliveries.tell(now=NOON), deliveries.tell(now=NOON)] == [2, 0]


def test_a_webhook_removed_during_a_call_is_gone(made, supervisor):
    webhook, _ = made("http://127.0.0.1:9999/")
    happens(EventKind.OPENED)
    deliveries.tell(now=NOON)
    claimed = deliveries.claim(webhook_id=webhook.pk, now=NOON)
    webhooks.remove(webhook=webhook, by=supervisor, role=ADMIN, now=NOON)

    deliveries.settle(delivery_id=claimed.pk, attempt=1, outcome=Answered(200, ""), now=NOON)

    assert (Webhook.objects.count(), Delivery.objects.count()) == (0, 0)


# --- fair shares ------------------------------------------------------------------------------------------------------


def test_a_slow_receiver_holds_up_no_other(made, receiver):
    with Receiver(delay=1.5) as slow:
        made(slow.url, name="Slow")
        made(receiver.url, name="Quick")
        happens(*[EventKind.OPENED] * 5)
        deliveries.tell(now=NOON)
        arrived = []

        def call(url: str, **request: object):
            outcome = deliveries.outgoing.post(url, **request)
            arrived.append((url, time.monotonic()))
            return outcome

        deliveries._LONGEST_ROUND, before = 1.0, deliveries._LONGEST_ROUND
        try:
            sent = deliveries.deliver(clock=lambda: NOON, call=call)
        finally:
            deliveries._LONGEST_ROUND = before

    assert [url for url, _ in arrived] == [receiver.url] * 5 + [slow.url]
    assert (sent, len(receiver.told), len(slow.told)) == (6, 5, 1)


def test_more_webhooks_than_threads_all_have_their_turn(acme):
    for number in range(20):
        webhook = WebhookFactory(url=f"http://127.0.0.1:9999/{number}", kinds=ALL, sealed_secret=b"")
        DeliveryFactory(webhook=webhook, event_seq=-1)
    called = []

    sent = deliveries.deliver(clock=lambda: NOON, call=lambda url, **_: called.append(url) or NoAnswer("no"))

    assert sent == 20


# --- what people do ---------------------------------------------------------------------------------------------------


def test_a_paused_webhook_goes_on_where_it_stopped(made, receiver, supervisor):
    webhook, _ = made(receiver.url)
    webhooks.pause(webhook=webhook, by=supervisor, role=ADMIN, now=NOON)
    numbers = happens(EventKind.OPENED, EventKind.CLOSED)
    paused = round_at(NOON)
    webhooks.resume(webhook=webhook, is_skipping=False, by=supervisor, role=ADMIN, now=NOON)
    round_at(NOON)

    assert (paused, receiver.sequences) == (0, numbers)


def test_or_with_what_comes(made, receiver, supervisor):
    webhook, _ = made(receiver.url)
    happens(EventKind.OPENED)
    deliveries.tell(now=NOON)
    webhooks.pause(webhook=webhook, by=supervisor, role=ADMIN, now=NOON)
    happens(EventKind.TAKEN)
    webhooks.resume(webhook=webhook, is_skipping=True, by=supervisor, role=ADMIN, now=NOON)
    numbers = happens(EventKind.CLOSED)
    round_at(NOON)

    assert receiver.sequences == numbers


def test_a_test_says_that_it_is_one(made, receiver, supervisor):
    webhook, secret = made(receiver.url)
    for _ in range(2):
        webhooks.send_test(webhook=webhook, by=supervisor, role=ADMIN, now=NOON)
    round_at(NOON)

    assert [told.payload["type"] for told in receiver.told] == ["webhook.test"] * 2
    assert [told.is_signed_with(secret) for told in receiver.told] == [True, True]


def test_a_delivery_is_sent_again_with_its_id(made, receiver, supervisor):
    made(receiver.url)
    happens(EventKind.OPENED)
    round_at(NOON)
    webhooks.replay(delivery=only(), by=supervisor, role=ADMIN, now=NOON + HOUR)
    round_at(NOON + HOUR)

    assert [told.sequence for told in receiver.told] == [receiver.told[0].sequence] * 2
    assert len({told.headers["webhook-id"] for told in receiver.told}) == 1
    assert only().delivered_at == NOON + HOUR


def test_a_delivery_under_way_is_not_sent_beside_itself(made, supervisor):
    webhook, _ = made("http://127.0.0.1:9999/")
    happens(EventKind.OPENED)
    deliveries.tell(now=NOON)
    deliveries.claim(webhook_id=webhook.pk, now=NOON)

    with pytest.raises(NotNow, match="on its way already"):
        webhooks.replay(delivery=only(), by=supervisor, role=ADMIN, now=NOON)


def test_everything_that_failed_is_sent_again(made, receiver, supervisor):
    webhook, _ = made(receiver.url)
    numbers = happens(EventKind.OPENED, EventKind.CLOSED, EventKind.REOPENED)
    deliveries.tell(now=NOON)
    first, second, third = Delivery.objects.order_by("pk")
    Delivery.objects.filter(pk=first.pk).update(due_at=None, given_up_at=NOON, attempts=10)
    Delivery.objects.filter(pk=second.pk).update(due_at=NOON + DAY, tried_at=NOON - HOUR, attempts=3)
    Delivery.objects.filter(pk=third.pk).update(due_at=None, delivered_at=NOON, attempts=1)
    again = webhooks.replay_failed(webhook=webhook, by=supervisor, role=ADMIN, now=NOON)
    round_at(NOON)

    assert (again, receiver.sequences) == (2, numbers[:2])


@pytest.mark.parametrize("role", [role for role in Role if role != Role.ADMIN])
def test_webhooks_are_for_admins(made, supervisor, role):
    webhook, _ = made("http://127.0.0.1:9999/")
    who = {"by": supervisor, "role": role, "now": NOON}

    for act in (
        lambda: webhooks.make(url="http://127.0.0.1:9999/b", name="B", kinds=ALL, **who),
        lambda: webhooks.change(webhook=webhook, url="http://127.0.0.1:9999/b", name="B", kinds=ALL, **who),
        lambda: webhooks.pause(webhook=webhook, **who),
        lambda: webhooks.resume(webhook=webhook, is_skipping=True, **who),
        lambda: webhooks.roll(webhook=webhook, is_leaked=True, **who),
        lambda: webhooks.remove(webhook=webhook, **who),
        lambda: webhooks.send_test(webhook=webhook, **who),
        lambda: webhooks.replay_failed(webhook=webhook, **who),
    ):
        with pytest.raises(NotYours, match="admins"):
            act()


def test_one_address_has_one_webhook(made):
    made("http://127.0.0.1:9999/in", name="First")

    with pytest.raises(NotNow, match="“First”"):
        made("http://127.0.0.1:9999/in", name="Second")


def test_a_brand_has_so_many_webhooks_and_no_more(made):
    for number in range(webhooks.MOST_WEBHOOKS):
        made(f"http://127.0.0.1:9999/{number}")

    with pytest.raises(NotNow, match="at most"):
        made("http://127.0.0.1:9999/more")


@pytest.mark.parametrize("name", ["", "   ", "\r\n", "a" * 81])
def test_a_webhook_has_a_name(made, name: str):
    with pytest.raises(NotNow, match="name"):
        made("http://127.0.0.1:9999/in", name=name)


@pytest.mark.parametrize("kinds", [[], ["nonsense"], ["opened", "nonsense"]])
def test_a_webhook_is_told_something(made, kinds: list[str]):
    with pytest.raises(NotNow, match="from the list"):
        made("http://127.0.0.1:9999/in", kinds=kinds)


def test_acts_are_audited_without_the_address(made, supervisor):
    webhook, _ = made("http://127.0.0.1:9999/in?key=hidden")
    webhooks.pause(webhook=webhook, by=supervisor, role=ADMIN, now=NOON)
    webhooks.remove(webhook=webhook, by=supervisor, role=ADMIN, now=NOON)

    facts = list(AuditEntry.objects.filter(kind="webhook_changed").order_by("pk").values_list("facts", flat=True))
    assert [each["what"] for each in facts] == ["made", "paused", "removed"]
    assert "hidden" not in str(facts)


def test_old_deliveries_are_forgotten(acme):
    for age in (31, 29):
        DeliveryFactory(made_at=NOON - age * DAY)

    assert deliveries.forget(now=NOON) == 1
    assert only().made_at == NOON - 29 * DAY


def test_a_refused_outcome_is_kept_in_words(made):
    made("http://127.0.0.1:9999/")
    happens(EventKind.OPENED)

    round_at(NOON, call=lambda url, **_: NotAllowed("It leads into a private network."))

    assert (only().last_status, only().last_error) == (None, "It leads into a private network.")


def _port() -> str:
    return deliveries.address("x").removeprefix("http://x").removesuffix("/")
