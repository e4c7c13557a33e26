"""How carrying changes as Nightjar grows: from 10 to 300 brands, and from empty to millions of messages."""

from statistics import median
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection

from inbox.management.benches import house, payloads
from inbox.management.benches.figures import rate
from inbox.management.benches.stream import Stream, number
from tenants import entry
from tenants.models import Brand

BRANDS = (10, 100, 300)
# Of several seconds each, and the middle one of three counts: on a shared machine single ones differ by a fifth.
TWEETS = 60_000
TURNS = 3
# 3,000,000 is what is asked for; this many fit into one run of everything.
MESSAGES = 1_000_000
FILLED_BRANDS = 10
FLAT = 1.3


def measure() -> dict[str, Any]:
    """The same tweets at once, shared out over few brands and many; the value is the dearest over the cheapest."""
    with Stream(house.brands(BRANDS[0])) as stream:
        _turn(stream)  # models loaded
        first, by_brands = {}, {}
        for count in BRANDS:
            stream.serve(house.brands(min(count, number("BRANDS", count))))
            first[count] = _turn(stream)  # each statement is planned once for each brand
            by_brands[count] = _carried_per_s(stream)
            stream.check()
        stream.serve(house.brands(FILLED_BRANDS))
        empty = _carried_per_s(stream)
        messages = number("MESSAGES", MESSAGES)
        fill(stream.brands, messages)
        full = _carried_per_s(stream)
    return {
        "value": round(max(by_brands.values()) / min(by_brands.values()), 2),
        "unit": "times as dear",
        "goal": FLAT,
        **{f"at_{count}_brands_per_s": found for count, found in by_brands.items()},
        **{f"at_{count}_brands_at_first_per_s": found for count, found in first.items()},
        "tweets": number("TWEETS", TWEETS),
        "turns": number("TURNS", TURNS),
        "messages_before": messages,
        "nearly_empty_per_s": empty,
        "full_per_s": full,
        "full_times_as_dear": round(empty / full, 2),
        "payloads": payloads.source(),
    }


def _carried_per_s(stream: Stream) -> float:
    """The middle one of a few turns."""
    return median(_turn(stream) for _ in range(number("TURNS", TURNS)))


def _turn(stream: Stream) -> float:
    """From the first that is stored to the last one's event, while they are stored faster than they can be carried."""
    tweets = number("TWEETS", TWEETS)
    phase = stream.offer(rate=20_000, seconds=tweets / 20_000)
    return rate(phase.offered, phase.all_carried_after_s)


def fill(brands: list[Brand], messages: int) -> None:
    """So many messages over these brands, with customers, conversations (one in fifty open), events and arrivals."""
    people = house.agents(1, team="filler")
    for brand in brands:
        values: dict[str, Any] = {
            "messages": messages // len(brands),
            "conversations": max(1, int(messages / len(brands) / payloads.TWEETS_PER_CUSTOMER)),
            "handle": house.handle_of(brand),
            "now": house.NOON,
            "agency": brand.agency_id,
            "brand": brand.pk,
            "by": people[0],
        }
        with entry.brand(brand), connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")
            for statement in _FILL.split(";"):
                cursor.execute(statement, values)
            cursor.execute("RESET statement_timeout")
    # As autovacuum does within minutes.
    with psycopg.connect(settings.OWNER_DATABASE_URL, autocommit=True) as owner:
        for brand in brands:
            tables = [f'"{brand.schema_name}".inbox_{name}' for name in _TABLES]
            owner.execute(f"VACUUM ANALYZE {', '.join(tables)}, accounts_deskrow")


_TABLES = ("customer", "conversation", "message", "event", "arrival", "payload")
_FILL = """
INSERT INTO inbox_customer (id, username, name, followers, described_by_id)
SELECT 1000000000000000000 + n, 'customer' || n, 'Customer ' || n, n %% 997, 1000000000000000000 + n
FROM generate_series(1, %(conversations)s) AS n;

INSERT INTO inbox_conversation (id, customer_id, handle_id, opened_at, last_message, last_message_at, message_count,
    waiting_since, respond_by, urgency, language, closed_at, closed_by_id, disposition)
SELECT 1000000000000000000 + n, 1000000000000000000 + n, %(handle)s, at, 1000000000000000000 + n, at, 1,
    CASE WHEN n %% 50 = 0 THEN at END, CASE WHEN n %% 50 = 0 THEN at + interval '1 hour' END, n %% 4, 'en',
    CASE WHEN n %% 50 > 0 THEN at END, CASE WHEN n %% 50 > 0 THEN %(by)s END,
    CASE WHEN n %% 50 > 0 THEN 'resolved' ELSE '' END
FROM generate_series(1, %(conversations)s) AS n,
    LATERAL (SELECT %(now)s::timestamptz - n * interval '20 seconds' AS at) AS t;

INSERT INTO inbox_message (id, conversation_id, direction, author_id, text, created_at,
    reach, language, polarity, urgency, reasons)
SELECT 1000000000000000000 + n, home, 'in', home, 'my bag did not arrive, and nobody answers the phone. Order ' || n,
    %(now)s::timestamptz - n * interval '20 seconds', 'direct', 'en', 0.1, 1, '[]'
FROM generate_series(1, %(messages)s) AS n,
    LATERAL (SELECT 1000000000000000001 + n %% %(conversations)s AS home) AS t;

INSERT INTO inbox_event (seq, at, kind, conversation_id, message_id, facts)
SELECT (SELECT last_seq FROM inbox_eventline) + n, %(now)s, 'message_arrived',
    1000000000000000001 + n %% %(conversations)s, 1000000000000000000 + n, '{}'
FROM generate_series(1, %(messages)s) AS n;

UPDATE inbox_eventline SET last_seq = last_seq + %(messages)s;

INSERT INTO inbox_payload (twitter_id, kind, body)
SELECT 1000000000000000000 + n, 'tweet', decode(repeat(md5(n::text), 40), 'hex')
FROM generate_series(1, %(messages)s) AS n;

INSERT INTO inbox_arrival (kind, twitter_id, handle_id, received_at, carried_at, outcome)
SELECT 'tweet', 1000000000000000000 + n, %(handle)s, %(now)s, %(now)s, 'message'
FROM generate_series(1, %(messages)s) AS n;

INSERT INTO accounts_deskrow (agency_id, brand_id, conversation_id, urgency, language, waiting_since, respond_by)
SELECT %(agency)s, %(brand)s, id, urgency, language, waiting_since, respond_by
FROM inbox_conversation WHERE waiting_since IS NOT NULL
ON CONFLICT DO NOTHING
"""
