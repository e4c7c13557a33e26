"""How fast the inbox's first page comes when a brand has a hundred thousand conversations."""

import http.client
import time
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from inbox.management.benches import house
from inbox.management.benches.figures import milliseconds
from tenants import entry
from tenants.models import Brand

CONVERSATIONS = 100_000
PAGES = 100
WARM_UP = 10
LISTS = ("waiting", "open")

_FILL = """
INSERT INTO inbox_customer (id, username, name, followers, described_by_id)
SELECT 1000000000000000000 + n, 'customer' || n, 'Customer ' || n, n %% 997, 1000000000000000000 + n
FROM generate_series(1, %(count)s) AS n;

INSERT INTO inbox_conversation (id, customer_id, handle_id, opened_at, last_message, last_message_at, message_count,
    waiting_since, respond_by, urgency, language, polarity)
SELECT 1000000000000000000 + n, 1000000000000000000 + n, %(handle)s, at, 1000000000000000000 + n, at, 1,
    at, at + interval '1 hour', n %% 4, 'en', (n %% 200 - 100) / 100.0
FROM generate_series(1, %(count)s) AS n, LATERAL (SELECT %(now)s::timestamptz - n * interval '20 seconds' AS at) AS t;

INSERT INTO inbox_message (id, conversation_id, direction, author_id, text, created_at,
    reach, language, polarity, urgency, reasons)
SELECT id, id, 'in', customer_id, '@Brand2 my bag did not arrive, and nobody answers the phone. Order ' || id,
    opened_at, 'direct', 'en', polarity, urgency, '[]'
FROM inbox_conversation WHERE id > 1000000000000000000;

INSERT INTO accounts_deskrow (agency_id, brand_id, conversation_id, urgency, language, waiting_since, respond_by)
SELECT %(agency)s, %(brand)s, id, urgency, language, waiting_since, respond_by
FROM inbox_conversation WHERE waiting_since IS NOT NULL
ON CONFLICT DO NOTHING;
"""


def measure() -> dict[str, Any]:
    """Every one of them waits, so the lists and the counts beside them are as long as can be."""
    brand = house.brands(3)[2]
    host = house.brand_host(brand)
    fill(brand)
    cookie = house.cookie(house.agents(1, team="list")[0], host=host)
    times = {name: _ask_often(f"/?filter={name}", host=host, cookie=cookie) for name in LISTS}
    figures = {name: milliseconds(took) for name, took in times.items()}
    return {
        "value": max(each["p95_ms"] for each in figures.values()),
        "unit": "ms",
        "queries": max(_queries(f"/?filter={name}", host=host, cookie=cookie) for name in LISTS),
        "conversations": CONVERSATIONS,
        **{f"{name}_{key}": value for name, each in figures.items() for key, value in each.items()},
    }


def fill(brand: Brand) -> None:
    """A hundred thousand conversations that wait, each with a message and its place on the desk."""
    values: dict[str, Any] = {
        "count": CONVERSATIONS,
        "handle": house.handle_of(brand),
        "now": house.NOON,
        "agency": brand.agency_id,
        "brand": brand.pk,
    }
    with entry.brand(brand), connection.cursor() as cursor:
        cursor.execute(_FILL, values)
    # As autovacuum does within a minute.
    with psycopg.connect(settings.OWNER_DATABASE_URL, autocommit=True) as owner:
        tables = [f'"{brand.schema_name}".inbox_{name}' for name in ("customer", "conversation", "message")]
        owner.execute(f"VACUUM ANALYZE {', '.join(tables)}, accounts_deskrow")


def _ask_often(path: str, *, host: str, cookie: str) -> list[float]:
    """The real page over HTTP, through the one public port."""
    browser = http.client.HTTPConnection("127.0.0.1", settings.PORT, timeout=30)
    took = []
    for _ in range(WARM_UP + PAGES):
        began = time.perf_counter()
        browser.request("GET", path, headers={"Host": host, "Cookie": cookie})
        answer = browser.getresponse()
        page = answer.read()
        took.append(time.perf_counter() - began)
        assert answer.status == 200, answer.status
        assert page.count(b"my bag did not arrive") == 40
    browser.close()
    return took[WARM_UP:]


def _queries(path: str, *, host: str, cookie: str) -> int:
    """How many statements the page takes, asked in this process, where they can be counted."""
    client = Client(headers={"host": host, "cookie": cookie})
    with CaptureQueriesContext(connection) as captured:
        answer = client.get(path)
    assert answer.status_code == 200, answer.status_code
    return len(captured)
