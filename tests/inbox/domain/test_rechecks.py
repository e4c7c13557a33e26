"""Looking again: what a customer deletes, changes or hides is so here too, soon, at a price that has bounds."""

import json
import zlib
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest
from django.db import connection
from django.utils import timezone

from inbox import tasks
from inbox.domain import arrivals, budgets, calls, deliveries, polling, posting, rechecks
from inbox.domain.calls import Answer, Call
from inbox.enums import ArrivalKind, Source
from inbox.models import ChannelSettings, Conversation, Customer, Message, Payload, Pulse, Reply
from inbox.twitter.reading import id_at
from tenants import entry, sealing
from tenants.models import AppBudget, AppState
from tests.conftest import ACME_HANDLE, NOON, committed
from tests.factories import (
    ConversationFactory,
    CostLineFactory,
    CustomerFactory,
    MessageFactory,
    PulseFactory,
    ReplyFactory,
    WebhookFactory,
)
from tests.inbox.domain.channel_scene import Channel
from tests.inbox.domain.receiver import Receiver
from tests.twitter.playing import APP, SandboxProcess, World, eventually

MINUTE = timedelta(minutes=1)
SAID = "my grandmother waits at gate seventeen since Tuesday morning"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    process = SandboxProcess(tmp_path_factory.mktemp("sandbox"))
    process.start()
    yield process
    process.stop()


@pytest.fixture
def channel(new_brand, sandbox, settings) -> Iterator[Channel]:
    settings.TWITTER_URL = sandbox.url
    settings.TWITTER_APP_BEARER = APP["authorization"].removeprefix("Bearer ")
    settings.TWITTER_INDEX_LAG = timedelta(0)
    with httpx.Client(base_url=sandbox.url, timeout=20) as http:
        yield Channel(new_brand(), World(sandbox.url, http))
    with entry.directory():
        AppState.objects.all().delete()


def look(channel: Channel, source: Source = Source.LOOKUP) -> None:
    with committed(channel.brand):
        channel.due(source)
        polling.look(clock=timezone.now)
    channel.carry()


def received(channel: Channel, text: str, **more: object) -> int:
    """A tweet that is a message here."""
    tweet_id = channel.mentions(text, **more)
    look(channel, Source.MENTIONS)
    return tweet_id


def deleted(channel: Channel, tweet_id: int, *, by: str = "") -> None:
    answer = channel.twitter.http.delete(
        f"/2/tweets/{tweet_id}", headers=channel.twitter.tokens[by or channel.customer]
    )
    assert answer.status_code == 200


def everything_kept(channel: Channel) -> str:
    """Each row of each table of the brand, and each payload unpacked."""
    with committed(channel.brand), connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [channel.brand.schema_name])
        rows = []
        for (table,) in cursor.fetchall():
            if table not in ("django_migrations",):
                cursor.execute(f'SELECT t::text FROM "{channel.brand.schema_name}"."{table}" t')
                rows += [row for (row,) in cursor.fetchall()]
        rows += [zlib.decompress(payload.body).decode() for payload in Payload.objects.all()]
    return "\n".join(rows)


@pytest.mark.commits
def test_what_a_customer_deletes_is_gone_everywhere_within_one_cadence(channel, settings, house):
    settings.TWITTER_RECHECK_SECONDS, settings.OUTGOING_LOOPBACK = (1, 2, 3, 60), True
    tweet_id = received(channel, SAID)
    words = {"text": f"@{channel.username} {SAID}!"}
    channel.twitter.ask("POST", f"/sandbox/tweets/{tweet_id}/edits", json=words)
    look(channel)
    answer = received(channel, "same here", in_reply_to_tweet_id=str(tweet_id))
    with committed(channel.brand), Receiver() as receiver:
        retweeted(channel, tweet_id)
        quoting = {"text": f"You wrote “{SAID}”. Sorry!"}
        Reply.objects.create(
            conversation=Conversation.objects.get(), answers_id=tweet_id, created_at=timezone.now(), **quoting
        )
        call = Call(api_key=1, name="a", fingerprint="b")
        calls.once(lambda: Answer(201, quoting), call=call, now=timezone.now())
        webhook = WebhookFactory(url=receiver.url, kinds=["message_arrived", "message_deleted"], told_through=0)
        webhook.made_by_id = house.agent_id
        webhook.sealed_secret = sealing.seal("whsec_c2VjcmV0", place=deliveries.place_of(webhook.pk))
        webhook.save()
        # The message, its first version, its arrivals, a retweet, a draft, an answer to a program.
        assert everything_kept(channel).count(SAID) >= 7
        deleted(channel, tweet_id)

        assert eventually(lambda: SAID not in swept(channel), seconds=5)

        tasks.tell_webhooks(schema=channel.brand.schema_name)
        assert "message.deleted" in [told.payload["type"] for told in receiver.told]
        assert "grandmother" not in str([told.body for told in receiver.told])
    assert "grandmother" not in everything_kept(channel)
    with committed(channel.brand):
        assert set(Message.objects.filter(deleted_at=None).values_list("pk", flat=True)) == {answer}
        assert Reply.objects.get().text == "You wrote “[deleted]”. Sorry!"
        again = calls.once(lambda: Answer(500, {}), call=call, now=timezone.now())
        assert (again.status, again.body) == (201, {"text": "You wrote “[deleted]”. Sorry!"})


def swept(channel: Channel) -> str:
    """What beat's sweep and the carrier do when they come by; then everything that is kept."""
    with committed(channel.brand):
        is_due = polling.is_any_due()
    if is_due:
        tasks.ask_twitter(schema=channel.brand.schema_name)
        channel.carry()
    return everything_kept(channel)


def retweeted(channel: Channel, tweet_id: int) -> None:
    """A retweet of it, as the stream brings it."""
    post = {
        "id": str(tweet_id + 1),
        "author_id": "77",
        "text": f"RT @jo: {SAID}",
        "referenced_tweets": [{"type": "retweeted", "id": str(tweet_id)}],
    }
    body = json.dumps({"data": post}).encode()
    told = {"kind": ArrivalKind.TWEET, "handle_id": channel.handle_id, "source": Source.STREAM}
    arrivals.store_all([(tweet_id + 1, body)], now=timezone.now(), **told)
    channel.carry()


@pytest.mark.commits
def test_an_edit_that_no_event_told_of_is_found(channel):
    tweet_id = received(channel, "where is my bog?")
    words = {"text": f"@{channel.username} where is my bag?"}
    channel.twitter.ask("POST", f"/sandbox/tweets/{tweet_id}/edits", json=words)

    look(channel)
    look(channel)

    with committed(channel.brand):
        message = Message.objects.get()
        assert (message.pk, message.text) == (tweet_id, words["text"])
        assert [version.text.split()[-1] for version in message.versions.order_by("pk")] == ["bog?", "bag?"]


@pytest.mark.commits
def test_who_is_suspended_is_hidden_whole_and_back_as_soon_as_one_tweet_is(channel):
    tweets = [received(channel, "one"), received(channel, "two")]
    account = f"/sandbox/accounts/{channel.customer_id}"
    channel.twitter.ask("PATCH", account, json={"suspended": True})
    look(channel)
    with committed(channel.brand):
        hidden = Message.objects.filter(hidden_why="suspended").values_list("pk", flat=True)
        assert sorted(hidden) == tweets
        assert Customer.objects.get().suspended_at is not None

    channel.twitter.ask("PATCH", account, json={"suspended": False})
    look(channel)

    with committed(channel.brand):
        assert not Message.objects.exclude(hidden_at=None).exists()
        assert Customer.objects.get().suspended_at is None


@pytest.mark.commits
def test_a_customer_who_changed_their_name_is_called_by_it(channel):
    received(channel, "hello")
    channel.twitter.ask("PATCH", f"/sandbox/accounts/{channel.customer_id}", json={"name": "Jo March"})

    look(channel)

    with committed(channel.brand):
        assert Customer.objects.get().name == "Jo March"


@pytest.mark.commits
def test_who_has_an_open_conversation_is_looked_up_once_a_week(channel):
    received(channel, "hello")
    with committed(channel.brand):
        Customer.objects.update(described_by_id=id_at(timezone.now() - timedelta(days=8)))
        # What they wrote is too long ago to be looked up by itself.
        Message.objects.update(is_private=True)
        assert rechecks.plan(Pulse(handle_id=channel.handle_id), now=timezone.now()).customers == [channel.customer_id]
    channel.twitter.ask("PATCH", f"/sandbox/accounts/{channel.customer_id}", json={"name": "Jo March"})

    look(channel)

    with committed(channel.brand):
        assert Customer.objects.get().name == "Jo March"
        assert rechecks.plan(Pulse(handle_id=channel.handle_id), now=timezone.now()).customers == []


@pytest.mark.commits
def test_a_reply_refused_because_the_tweet_is_gone_has_it_looked_up_at_once(channel, settings, house):
    settings.TWITTER_RECHECK_SECONDS = (3600, 3600, 3600, 86400)
    tweet_id, other = received(channel, SAID), received(channel, "and another thing")
    look(channel)
    deleted(channel, tweet_id)
    with committed(channel.brand):
        yes = {"status": "approved", "approved_by_id": house.agent_id, "approved_at": timezone.now()}
        home = Conversation.objects.get()
        reply = ReplyFactory(conversation=home, answers_id=tweet_id, author_id=house.agent_id, **yes)
        polling.look(clock=timezone.now)  # not their turn
        assert Message.objects.filter(deleted_at=None).count() == 2

        posting.post_waiting(clock=timezone.now)
        assert polling.is_any_due()
        polling.look(clock=timezone.now)
        assert not polling.is_any_due()
    channel.carry()

    with committed(channel.brand):
        reply.refresh_from_db()
        assert reply.status == "refused"
        assert list(Message.objects.filter(deleted_at=None).values_list("pk", flat=True)) == [other]


def test_what_is_asked_for_during_a_look_is_looked_up_by_the_next(acme, settings):
    settings.TWITTER_RECHECK_SECONDS = (3600, 3600, 3600, 86400)
    first, second = message(5), message(6)
    pulse = PulseFactory(source=Source.LOOKUP, due_at=NOON, rounds=plan(None).rounds)
    rechecks.look_again(first, handle_id=ACME_HANDLE, now=NOON)
    pulse.refresh_from_db()
    made = rechecks.plan(pulse, now=NOON)
    rechecks.look_again(second, handle_id=ACME_HANDLE, now=NOON)

    rechecks.keep(pulse, made)

    pulse.refresh_from_db()
    assert made.ids == [first]
    assert pulse.due_at <= timezone.now()
    again = rechecks.plan(pulse, now=NOON)
    rechecks.keep(pulse, again)
    pulse.refresh_from_db()
    assert again.ids == [second]
    assert pulse.due_at == NOON + timedelta(seconds=300)
    assert "asked" not in pulse.rounds


# -- which, and how often ----------------------------------------------------------------------------------------


def message(minutes: int, *, is_closed: bool = False, handle_id: int = ACME_HANDLE, **more: object) -> int:
    """A message so many minutes before noon."""
    at = NOON - minutes * MINUTE
    closed = {"closed_at": NOON, "closed_by_id": more.pop("closed_by"), "disposition": "spam"} if is_closed else {}
    state = {"waiting_since": None, "respond_by": None, "handle_id": handle_id, "last_message_at": at}
    home = ConversationFactory(customer=CustomerFactory(described_by_id=id_at(NOON)), **state, **closed)
    return MessageFactory(id=id_at(at) + 7 + handle_id % 5, conversation=home, created_at=at, **more).pk


def plan(rounds: dict | None, *, seconds: int = 0) -> rechecks.Plan:
    return rechecks.plan(Pulse(handle_id=ACME_HANDLE, rounds=rounds), now=NOON + timedelta(seconds=seconds))


def test_the_younger_a_message_the_more_often_it_is_looked_up(acme, house, settings):
    settings.TWITTER_RECHECK_SECONDS = (30, 300, 1800, 86400)
    fresh, recent, still_open = message(5), message(60), message(600)
    closed = message(660, is_closed=True, closed_by=house.agent_id)
    message(9 * 24 * 60, is_closed=True, closed_by=house.agent_id)
    message(5, handle_id=ACME_HANDLE + 1)
    message(4, is_private=True)

    first = plan(None)

    assert first.ids == [fresh, recent, still_open, closed]
    assert first.due_at == NOON + timedelta(seconds=30)
    assert plan(first.rounds, seconds=29).ids == []
    assert plan(first.rounds, seconds=30).ids == [fresh]
    assert plan(first.rounds, seconds=300).ids == [fresh, recent]
    assert plan(first.rounds, seconds=1800).ids == [recent, fresh, still_open]
    assert closed in plan(first.rounds, seconds=86400).ids


def test_a_round_that_is_too_long_for_one_look_goes_on_where_it_stopped(acme, monkeypatch):
    monkeypatch.setattr(rechecks, "_MOST", 2)
    ids = sorted(message(minutes) for minutes in (5, 6, 7))

    first = plan(None)

    assert (first.ids, first.due_at) == (ids[:2], NOON + timedelta(seconds=5))
    assert plan(first.rounds, seconds=5).ids[0] == ids[2]


def test_with_nothing_to_look_up_nobody_is_asked(acme):
    made = plan(None)

    assert made.is_empty
    assert made.due_at == NOON + timedelta(seconds=300)


def test_over_budget_deletions_are_looked_for_once_a_day_and_the_page_says_so(acme):
    fresh = message(5)
    ChannelSettings.objects.update(monthly_budget=1_000)
    CostLineFactory(on=NOON.date(), cost=1_000)

    made = plan(None)

    assert (made.ids, made.said) == ([fresh], rechecks.OVER_BUDGET)
    assert plan(made.rounds, seconds=3600).ids == []


def test_of_the_apps_limit_each_brand_has_a_part_that_nobody_else_may_use(acme):
    with entry.directory():
        AppBudget.objects.create(pk="dm:brands", cap=10, began_at=NOON, seconds=1)
        spent = AppBudget.objects.create(pk="app GET /2/tweets", cap=3500, used=1000, began_at=NOON, seconds=900)
    assert budgets.calls_left("GET /2/tweets", ACME_HANDLE, NOON) == 750

    with entry.directory():
        AppBudget.objects.filter(pk=spent.pk).update(used=3400)

    assert budgets.calls_left("GET /2/tweets", ACME_HANDLE, NOON) == 175
