"""The brand's line of history: numbered without gaps, visible in order, without a customer's words."""

import random
import threading

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.enums import Role
from inbox import queries
from inbox.domain import events, flow, replies, routing, wrapup
from inbox.domain.events import Line
from inbox.enums import EventKind, FoundingDisposition
from inbox.models import Conversation, Event
from tenants import entry
from tests.conftest import ACME_HANDLE, NOON, committed
from tests.factories import ConversationFactory, ReplyFactory, tweet_id
from tests.inbox.domain.scenes import carry, deletion, tweet

JO, KIM = 900_000_000_000_000_001, 900_000_000_000_000_002


def numbers():
    return list(Event.objects.order_by("seq").values_list("seq", flat=True))


def lines(count, conversation_id=1):
    return [Line(EventKind.OPENED, conversation_id, NOON)] * count


def test_numbers_begin_at_one_and_have_no_gaps(acme):
    assert events.latest() == 0

    last = [events.record(lines(count)) for count in (1, 3, 2)]

    assert last == [1, 4, 6]
    assert numbers() == [1, 2, 3, 4, 5, 6]
    assert events.latest() == queries.newest_seq() == 6


def test_nothing_to_tell_takes_no_number(acme):
    events.record(lines(2))

    assert events.record([]) == 2
    assert numbers() == [1, 2]


@pytest.mark.usefixtures("_transactions_around")
def test_each_brand_counts_for_itself(db, house):
    for brand in (house.acme, house.canary):
        with entry.brand(brand):
            events.record(lines(2))
    with entry.brand(house.acme):
        events.record(lines(1))
        assert numbers() == [1, 2, 3]
    with entry.brand(house.canary):
        assert numbers() == [1, 2]


def test_what_is_rolled_back_leaves_no_gap(acme):
    events.record(lines(1))

    point = transaction.savepoint()
    events.record(lines(5))
    transaction.savepoint_rollback(point)
    events.record(lines(1))

    assert numbers() == [1, 2]


@pytest.mark.commits
def test_a_reader_since_n_skips_nothing_while_four_write(new_brand):
    brand = new_brand()
    written: list[int] = []
    faults: list[BaseException] = []
    writing = threading.Event()
    writing.set()

    def write(seed):
        dice = random.Random(seed)
        try:
            with committed(brand):
                for _ in range(60):
                    try:
                        with transaction.atomic():
                            count = dice.randrange(1, 4)
                            events.record(lines(count, seed))
                            if dice.random() < 0.2:
                                raise LookupError
                    except LookupError:
                        continue
                    written.extend([seed] * count)
        except BaseException as fault:
            faults.append(fault)
        finally:
            connection.close()

    seen: list[tuple[int, int]] = []

    def read():
        try:
            with committed(brand):
                last = 0
                while True:
                    is_last_look = not writing.is_set()
                    for event in queries.events_since(last, limit=7):
                        seen.append((event.seq, event.conversation_id))
                        last = event.seq
                    if is_last_look and last == events.latest():
                        return
        except BaseException as fault:
            faults.append(fault)
        finally:
            connection.close()

    writers = [threading.Thread(target=write, args=(seed,)) for seed in range(1, 5)]
    reader = threading.Thread(target=read)
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    writing.clear()
    reader.join(timeout=60)

    assert faults == []
    assert [seq for seq, _ in seen] == list(range(1, len(written) + 1))
    assert sorted(conversation_id for _, conversation_id in seen) == sorted(written)
    assert len(set(written)) == 4


def test_no_word_of_a_customer_is_in_any_event_or_on_the_desk(acme, agent):
    """Words, names and usernames, in every act that we know."""
    canary = "xyzzy"
    said = {"text": f"@AcmeAir {canary} fraud", "username": canary}
    carry(acme, [tweet(id=tweet_id(0), for_id=ACME_HANDLE, author_id=JO, **said)])
    conversation = Conversation.objects.get()
    routing.copy_taken(conversation_id=conversation.pk, by=agent, now=NOON)
    replies.compose(conversation=conversation, text=canary, answers_id=tweet_id(0), by=agent, role="agent", now=NOON)
    conversation.replies.all().delete()
    routing.copy_given_back(conversation_id=conversation.pk, by=agent, now=NOON)
    carry(
        acme,
        [
            tweet(id=tweet_id(1), for_id=ACME_HANDLE, author_id=KIM, text=canary, retweet_of=tweet_id(0)),
            tweet(
                id=tweet_id(2), for_id=ACME_HANDLE, author_id=ACME_HANDLE, text=canary, mentions=[(JO, canary)],
                in_reply_to=tweet_id(0), in_reply_to_user=JO,
            ),
            deletion(id=tweet_id(2), for_id=ACME_HANDLE),
        ],
    )  # fmt: skip
    wrapup.close(
        conversation=conversation, disposition=FoundingDisposition.RESOLVED, by=agent, role=Role.AGENT, now=NOON
    )
    carry(acme, [tweet(id=tweet_id(60), for_id=ACME_HANDLE, author_id=JO, **said)])

    with connection.cursor() as cursor:
        cursor.execute("SELECT e::text FROM inbox_event e UNION ALL SELECT d::text FROM accounts_deskrow d")
        rows = [row[0] for row in cursor.fetchall()]
        cursor.execute("SELECT m::text FROM inbox_message m UNION ALL SELECT c::text FROM inbox_customer c")
        kept = " ".join(row[0] for row in cursor.fetchall())
    assert set(Event.objects.values_list("kind", flat=True)) >= {
        "opened", "reopened", "message_arrived", "message_posted", "message_deleted", "amplified", "taken",
        "given_back", "reply_composed", "reply_approved", "closed",
    }  # fmt: skip
    assert [row for row in rows if canary in row] == []
    assert canary in kept


ACTS = {
    "carry": lambda brand, agent: flow.carry(brand=brand, now=NOON),
    "take": lambda brand, agent: routing.copy_taken(conversation_id=tweet_id(0), by=agent, now=NOON),
    "close": lambda brand, agent: wrapup.close(
        conversation=Conversation.objects.get(),
        disposition=FoundingDisposition.SPAM,
        by=agent,
        role=Role.AGENT,
        now=NOON,
    ),
    "compose": lambda brand, agent: replies.compose(
        conversation=Conversation.objects.get(), text="Hi!", answers_id=tweet_id(0), by=agent, role="agent", now=NOON
    ),
}


@pytest.mark.parametrize("act", ACTS)
def test_the_line_is_taken_last(acme, agent, act):
    """Whoever holds it keeps all others of the brand waiting until the commit: nothing else is done meanwhile."""
    carry(acme, [tweet(id=tweet_id(0), for_id=ACME_HANDLE, author_id=JO, text="@AcmeAir hello")])
    tweet(id=tweet_id(1), for_id=ACME_HANDLE, author_id=JO, text="@AcmeAir hello").arrive()

    with CaptureQueriesContext(connection) as queries_made:
        ACTS[act](acme, agent)

    said = [query["sql"].replace('"', "").strip() for query in queries_made]
    taken = next(place for place, sql in enumerate(said) if "UPDATE inbox_eventline" in sql)
    written = ("INSERT INTO inbox_event ", "RELEASE SAVEPOINT")
    assert [sql for sql in said[taken + 1 :] if not sql.startswith(written)] == []


def test_history_cannot_be_rewritten(acme):
    events.record(lines(1))

    for sql in ("UPDATE inbox_event SET kind = 'closed'", "DELETE FROM inbox_event", "TRUNCATE inbox_event"):
        point = transaction.savepoint()
        with pytest.raises(Exception, match="permission denied"), connection.cursor() as cursor:
            cursor.execute(sql)
        transaction.savepoint_rollback(point)

    assert numbers() == [1]


def test_the_history_of_one_conversation_is_its_own(acme):
    one, other = ConversationFactory(), ConversationFactory(customer__id=KIM)
    reply = ReplyFactory(conversation=one)
    composed = Line(EventKind.REPLY_COMPOSED, one.pk, NOON, reply_id=reply.pk)
    events.record([*lines(1, one.pk), *lines(2, other.pk), composed])

    assert [event.seq for event in queries.history_of(one, role=Role.AGENT)] == [1, 4]
