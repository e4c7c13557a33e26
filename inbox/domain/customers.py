"""Customers: who writes to us, as their own newest word describes them."""

from collections.abc import Iterable
from typing import Any

from inbox.twitter.shapes import Account, Tweet
from tenants.database.bulk import ask, bigints, numbers, words


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
                "avatar_url": account.avatar_url,
                "is_protected": account.is_protected,
                "takes_private": account.takes_private,
                "described_by_id": described_by,
            }
    ask(
        _PUT,
        [
            bigints(rows),
            words([row["username"] for row in rows.values()]),
            words([row["name"] for row in rows.values()]),
            numbers([row["followers"] for row in rows.values()]),
            words([row["avatar_url"] for row in rows.values()]),
            numbers([row["is_protected"] for row in rows.values()]),
            numbers([row["takes_private"] for row in rows.values()]),
            bigints([row["described_by_id"] for row in rows.values()]),
        ],
    )


_PUT = """
INSERT INTO inbox_customer AS c
    (id, username, name, followers, avatar_url, is_protected, takes_private, described_by_id)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::int[], $5::text[], $6::boolean[], $7::boolean[],
    $8::bigint[]) AS r(id) ORDER BY r.id
ON CONFLICT (id) DO UPDATE SET username = excluded.username, name = excluded.name, followers = excluded.followers,
    avatar_url = excluded.avatar_url, is_protected = excluded.is_protected,
    takes_private = COALESCE(excluded.takes_private, c.takes_private), described_by_id = excluded.described_by_id
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
