"""What Twitter sent is kept as long as the brand says, and not longer; what was made of it stays."""

from datetime import timedelta

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from accounts.enums import AuditKind, Role
from accounts.models import AuditEntry
from inbox.domain import retention
from inbox.enums import Outcome
from inbox.models import Amplification, Arrival, ChannelSettings, Conversation, Event, Message, Payload
from tenants import entry, schemas
from tenants.refusals import NotNow, NotYours
from tests.conftest import ACME_HANDLE, NOON, committed
from tests.factories import AmplificationFactory, ArrivalFactory, StrayFactory, tweet_id
from tests.inbox.domain.scenes import carry, tweet

JO = 900_000_000_000_000_001
LATER = NOON + timedelta(days=31)


def old(number, **more):
    """An arrival that was carried at noon, as a message unless something else is said."""
    more = {"carried_at": NOON, "outcome": Outcome.MESSAGE} | more
    return ArrivalFactory(twitter_id=tweet_id(number), received_at=NOON, payload=b"what was sent", **more)


def forget(now=LATER):
    return retention.forget(now=now, breathe=lambda seconds: None)


def kept():
    return sorted(Arrival.objects.values_list("twitter_id", flat=True))


def test_what_was_carried_longer_ago_than_the_brand_says_is_deleted(acme):
    old(0)
    old(1, carried_at=LATER - timedelta(days=29))

    assert forget() == 1
    assert kept() == [tweet_id(1)]


def test_what_waits_is_never_deleted(acme):
    old(0, carried_at=None, outcome="")
    old(1)

    assert forget(NOON + timedelta(days=400)) == 1
    assert kept() == [tweet_id(0)]


@pytest.mark.parametrize("outcome", [Outcome.UNREADABLE, Outcome.ORPHAN, Outcome.KEPT, Outcome.AMPLIFICATION])
def test_whatever_became_of_it_it_goes_when_its_time_is_over(acme, outcome):
    old(0, outcome=outcome, awaits_id=tweet_id(9) if outcome == Outcome.ORPHAN else None)

    assert forget() == 1
    assert kept() == []


def test_of_a_broadcast_the_id_stays_without_what_was_sent(acme):
    old(0, outcome=Outcome.BROADCAST)

    assert forget() == 0
    assert Arrival.objects.values_list("twitter_id", "outcome", "carried_at").get() == (
        tweet_id(0),
        Outcome.BROADCAST,
        NOON,
    )
    assert not Payload.objects.exists()


def test_retweets_and_messages_stay_when_their_arrivals_go(acme):
    carry(acme, [tweet(id=tweet_id(0), for_id=ACME_HANDLE, author_id=JO, text="@AcmeAir my bag")])
    AmplificationFactory(of_id=tweet_id(0))

    assert forget() == 1
    assert (Message.objects.count(), Amplification.objects.count(), Arrival.objects.count()) == (1, 1, 0)


def test_a_tweet_that_comes_again_after_its_arrival_is_gone_changes_nothing(acme):
    event = tweet(id=tweet_id(0), for_id=ACME_HANDLE, author_id=JO, text="@AcmeAir my bag")
    carry(acme, [event])
    before = state()
    assert forget() == 1

    carry(acme, [event])

    assert state() == before
    assert Arrival.objects.get().outcome == Outcome.MESSAGE


def state():
    """Everything that was made of what came."""
    return [
        list(Conversation.objects.order_by("pk").values()),
        list(Message.objects.order_by("pk").values()),
        list(Event.objects.order_by("pk").values()),
    ]


def test_a_rest_that_is_longer_than_a_turn_has_the_next_one(acme, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 2)
    monkeypatch.setattr(retention, "BATCHES_IN_A_TURN", 2)
    breaths = []
    for number in range(7):
        old(number)

    turns = [retention.forget(now=LATER, breathe=breaths.append) for _ in range(3)]

    assert turns == [4, 3, 0]
    assert breaths == [retention.BREATH_SECONDS] * 4


def test_one_that_waits_for_long_does_not_keep_those_behind_it(acme, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 1)
    old(0, carried_at=None, outcome="")
    old(1)

    assert forget() == 1
    assert kept() == [tweet_id(0)]


def test_an_admin_says_for_how_long_and_it_is_in_the_audit(acme, supervisor):
    retention.keep_for(7, by=supervisor, role=Role.ADMIN, now=NOON)

    assert ChannelSettings.objects.get().keep_arrivals_days == 7
    written = AuditEntry.objects.get(kind=AuditKind.RULE_CHANGED)
    assert (written.by_id, written.facts) == (supervisor.pk, {"keep_arrivals_days": 7})
    old(0)
    assert forget(NOON + timedelta(days=8)) == 1


@pytest.mark.parametrize("days", [0, -1, 366])
def test_a_number_of_days_that_cannot_be_is_refused(acme, supervisor, days):
    with pytest.raises(NotNow, match="1 to 365 days"):
        retention.keep_for(days, by=supervisor, role=Role.ADMIN, now=NOON)

    assert ChannelSettings.objects.get().keep_arrivals_days == 30


def test_an_agent_does_not_say_for_how_long(acme, agent):
    with pytest.raises(NotYours, match="agency's admins"):
        retention.keep_for(7, by=agent, role=Role.AGENT, now=NOON)


@pytest.mark.commits
def test_old_strays_are_deleted_and_nobody_reads_them(new_brand):
    StrayFactory(received_at=NOON)
    young = StrayFactory(received_at=NOON + timedelta(days=2))

    assert retention.forget_strays(now=LATER) == 1

    with schemas.as_owner() as cursor:
        assert cursor.execute("SELECT id FROM tenants_stray").fetchall() == [(young.pk,)]
        cursor.execute("DELETE FROM tenants_stray")
    with entry.directory(), pytest.raises(Exception, match="permission denied"), connection.cursor() as cursor:
        cursor.execute("SELECT body FROM tenants_stray")
    connection.close()


@pytest.mark.commits
@pytest.mark.slow
def test_after_ten_times_of_filling_and_deleting_the_table_is_as_large_as_after_the_second(new_brand):
    brand = new_brand()
    sizes = []
    for cycle in range(10):
        with committed(brand), connection.cursor() as cursor:
            cursor.execute(_FILL, {"first": cycle * 5000, "at": NOON + timedelta(days=40 * cycle)})
            cursor.execute(_SETTLE)
            assert forget(NOON + timedelta(days=40 * cycle + 31)) == 5000
        sizes.append(_size_after_vacuum(brand))

    assert max(sizes[2:]) <= 1.1 * sizes[1]


# What is settled is written once more, as carrying does it.
_FILL = """
WITH sent AS (
    INSERT INTO inbox_payload (twitter_id, kind, body)
    SELECT %(first)s + n, 'tweet', decode(repeat(md5(n::text), 60), 'hex') FROM generate_series(1, 5000) AS n
)
INSERT INTO inbox_arrival (kind, twitter_id, handle_id, received_at)
SELECT 'tweet', %(first)s + n, 1, %(at)s FROM generate_series(1, 5000) AS n
"""
_SETTLE = "UPDATE inbox_arrival SET carried_at = received_at, outcome = 'message' WHERE carried_at IS NULL"


def _size_after_vacuum(brand):
    """Bytes of both tables with their indexes, after what autovacuum does by itself."""
    tables = [f'"{brand.schema_name}".inbox_{name}' for name in ("arrival", "payload")]
    with psycopg.connect(settings.OWNER_DATABASE_URL, autocommit=True) as owner:
        owner.execute(f"VACUUM (TRUNCATE false) {', '.join(tables)}")
        size = "SELECT sum(pg_total_relation_size(name::regclass))::bigint FROM unnest(%s::text[]) AS name"
        return owner.execute(size, [tables]).fetchone()[0]
