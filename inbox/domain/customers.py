"""Customers: who writes to us, as their own newest word describes them."""

import json
from collections.abc import Iterable
from typing import Any

from django.db import connection

from inbox.twitter.shapes import Account, Tweet


def describe(said: Iterable[tuple[Tweet, int]]) -> None:
    """Write down who these customers are; each tweet comes with the customer in whose conversation it is."""
    rows: dict[int, dict[str, Any]] = {}
    for tweet, customer_id in said:
        account, described_by = _description(tweet, customer_id)
        if customer_id not in rows or described_by > rows[customer_id]["described_by_id"]:
            rows[customer_id] = {
                "id": customer_id,
                "username": account.username,
                "name": account.name,
                "followers": account.followers,
                "described_by_id": described_by,
            }
    with connection.cursor() as cursor:
        cursor.execute(_PUT, [json.dumps(list(rows.values()))])


_PUT = """
INSERT INTO inbox_customer AS c (id, username, name, followers, described_by_id)
SELECT id, username, name, followers, described_by_id
FROM jsonb_to_recordset(%s) AS r(id bigint, username text, name text, followers int, described_by_id bigint)
ORDER BY id
ON CONFLICT (id) DO UPDATE SET username = excluded.username, name = excluded.name, followers = excluded.followers,
    described_by_id = excluded.described_by_id
WHERE excluded.described_by_id > c.described_by_id
"""


def _description(tweet: Tweet, customer_id: int) -> tuple[Account, int]:
    """Who this tweet says the customer is, and how much that counts: the newest word of the customer's own before the
    newest of ours, and a name before none."""
    account = tweet.accounts.get(customer_id)
    if account and account.username:
        return account, tweet.id if tweet.author_id == customer_id else tweet.id - 2**63
    username = dict(tweet.mentioned).get(customer_id)
    if username:
        return Account(customer_id, username), tweet.id - 2**63
    return Account(customer_id, str(customer_id)), -(2**63)
