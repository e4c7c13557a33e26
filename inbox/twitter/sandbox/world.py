"""Everything this Twitter knows: accounts, tokens, settings and tweets."""

import hashlib
import json
import re
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

from inbox.twitter.sandbox.entities import names_in
from inbox.twitter.sandbox.problems import malformed
from inbox.twitter.sandbox.snowflake import LARGEST, Snowflakes, first_of, now_ms
from inbox.twitter.sandbox.storage import Storage

USERNAME = re.compile(r"[A-Za-z0-9_]{1,15}")
SETTINGS: dict[str, Any] = {
    "vocabulary": "tweet",  # or "post": the names Twitter gives to fields
    "summoned_rule": False,  # whether a reply needs to have been asked for, as for self-serve apps
    "rate_limits": False,  # whether the limits in the headers are also enforced
    "token_seconds": 7_200,  # how long an access token lasts
    "code_seconds": 30,  # and the code that a person comes back with
}
SECONDS = ("token_seconds", "code_seconds")


@dataclass(frozen=True, slots=True)
class Account:
    id: int
    username: str
    name: str
    followers: int
    tweet_count: int
    created_ms: int


@dataclass(slots=True)
class Tweet:
    id: int
    author_id: int
    text: str  # as written, not escaped, with the @names Twitter put before a reply
    prefix_length: int  # how many characters of it Twitter put there
    said: str  # what the author said, normalised, by which Twitter knows it again
    lang: str | None
    created_ms: int
    stored_ms: int
    conversation_id: int
    in_reply_to_id: int | None
    in_reply_to_user_id: int | None
    quoted_id: int | None
    reposted_id: int | None
    mentioned: dict[str, str]  # lower-case username → id, of accounts that exist
    deleted_ms: int | None = None


ACCOUNT_COLUMNS = ", ".join(field.name for field in fields(Account))
TWEET_COLUMNS = ", ".join(field.name for field in fields(Tweet))
TWEET_BLANKS = ", ".join("?" for _ in fields(Tweet))
MENTIONED = [field.name for field in fields(Tweet)].index("mentioned")


class World:
    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.settings = {**SETTINGS}
        self.snowflakes = Snowflakes()
        self.load()

    def load(self) -> None:
        """Take up where the file left off, also after the process was killed."""
        stored = self.storage.execute("SELECT name, value FROM settings")
        self.settings = {**SETTINGS, **{name: json.loads(value) for name, value in stored}}
        # Recorded tweets may carry ids of the future; ours go on from the largest that is not.
        highest = self.storage.execute("SELECT max(id) FROM tweets WHERE id < ?", (first_of(now_ms() + 60_000),))
        self.snowflakes = Snowflakes(highest.fetchone()[0] or 0)

    @property
    def vocabulary(self) -> str:
        return self.settings["vocabulary"]

    def change_settings(self, changes: dict[str, Any]) -> None:
        with self.storage.transaction():
            for name, value in changes.items():
                self.storage.execute("REPLACE INTO settings VALUES (?, ?)", (name, json.dumps(value)))
        self.settings.update(changes)

    # -- accounts ------------------------------------------------------------------------------------------------

    def account(self, account_id: int) -> Account | None:
        return self._account("id = ?", account_id)

    def account_named(self, username: str) -> Account | None:
        return self._account("username = ?", username)

    def _account(self, condition: str, value: object) -> Account | None:
        row = self.storage.execute(f"SELECT {ACCOUNT_COLUMNS} FROM accounts WHERE {condition}", (value,)).fetchone()
        return Account(*row) if row else None

    def accounts(self, ids: Iterable[int]) -> dict[int, Account]:
        found = (self.account(account_id) for account_id in set(ids))
        return {account.id: account for account in found if account}

    def add_account(self, username: str, name: str, account_id: int | None = None, followers: int = 0) -> Account:
        """The account of that name, made when there is none; one that exists keeps its own id."""
        if known := self.account_named(username):
            return known
        if not USERNAME.fullmatch(username):
            raise malformed(f"'{username}' cannot be a username: 1 to 15 letters, digits or underscores.")
        if account_id is not None and (owner := self.account(account_id)):
            raise malformed(f"The id {account_id} belongs to @{owner.username} already.")
        account = Account(account_id or self.snowflakes.next(), username, name or username, followers, 0, now_ms())
        with self.storage.transaction():
            self.storage.execute(
                f"INSERT INTO accounts ({ACCOUNT_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)",
                (account.id, account.username, account.name, account.followers, 0, account.created_ms),
            )
        return account

    def recent_customers(self, limit: int) -> list[Account]:
        """Accounts that are no brand's: those behind the newest tweets, then the newest that said nothing yet."""
        brands = {brand.id for brand in self.brands()}
        authors = self.storage.execute("SELECT author_id FROM tweets ORDER BY id DESC LIMIT 400")
        newest = self.storage.execute("SELECT id FROM accounts ORDER BY created_ms DESC, id DESC LIMIT ?", (limit * 4,))
        ids = dict.fromkeys(row[0] for row in [*authors, *newest])
        chosen = [account_id for account_id in ids if account_id not in brands][:limit]
        return [account for account_id in chosen if (account := self.account(account_id))]

    def brands(self) -> list[Account]:
        """Accounts that somebody serves: those with a subscription."""
        rows = self.storage.execute(
            f"SELECT {ACCOUNT_COLUMNS} FROM accounts WHERE id IN (SELECT user_id FROM subscriptions)"
            " ORDER BY username COLLATE NOCASE, id"
        )
        return [Account(*row) for row in rows]

    # -- tokens --------------------------------------------------------------------------------------------------

    def issue_token(self, user_id: int) -> str:
        token = secrets.token_urlsafe(48)
        with self.storage.transaction():
            self.storage.execute(
                "INSERT INTO tokens (digest, user_id, created_ms) VALUES (?, ?, ?)", (_digest(token), user_id, now_ms())
            )
        return token

    def revoke_tokens(self, user_id: int) -> int:
        with self.storage.transaction():
            revoked = self.storage.execute(
                "UPDATE tokens SET revoked_ms = ? WHERE user_id = ? AND revoked_ms IS NULL", (now_ms(), user_id)
            )
        return revoked.rowcount

    def holder_of(self, token: str) -> int | None:
        row = self.storage.execute(
            "SELECT user_id FROM tokens WHERE digest = ? AND revoked_ms IS NULL", (_digest(token),)
        ).fetchone()
        return row[0] if row else None

    # -- tweets --------------------------------------------------------------------------------------------------

    def tweet(self, tweet_id: int) -> Tweet | None:
        """A tweet that can be seen; a deleted one cannot."""
        return next(iter(self.tweets_where("id = ? AND deleted_ms IS NULL", (tweet_id,))), None)

    def tweets(self, ids: Iterable[int]) -> dict[int, Tweet]:
        found = (self.tweet(tweet_id) for tweet_id in dict.fromkeys(ids))
        return {tweet.id: tweet for tweet in found if tweet}

    def tweets_where(self, condition: str, values: Sequence[object], order: str = "id", limit: int = -1) -> list[Tweet]:
        rows = self.storage.execute(
            f"SELECT {TWEET_COLUMNS} FROM tweets WHERE {condition} ORDER BY {order} LIMIT ?", (*values, limit)
        )
        return [_tweet(row) for row in rows]

    def ledger(self, after_id: int) -> Iterator[Tweet]:
        """Every tweet there ever was, deleted ones too, by id; read in pages so that no cursor stays open."""
        while page := self.tweets_where("id > ?", (after_id,), limit=1000):
            yield from page
            after_id = page[-1].id

    def knows(self, tweet_id: int) -> bool:
        return bool(self.storage.execute("SELECT 1 FROM tweets WHERE id = ?", (tweet_id,)).fetchone())

    def free_id(self, ms: int) -> int:
        """An unused id that carries a moment of the past."""
        candidate = first_of(ms)
        while self.knows(candidate):
            candidate += 1
        return min(candidate, LARGEST)

    def add_tweets(self, tweets: Sequence[Tweet]) -> None:
        with self.storage.transaction():
            self.storage.executemany(
                f"INSERT INTO tweets ({TWEET_COLUMNS}) VALUES ({TWEET_BLANKS})", [_row(tweet) for tweet in tweets]
            )
            self.storage.executemany(
                "INSERT INTO mentions VALUES (?, ?, ?)", [row for tweet in tweets for row in _mentions(tweet)]
            )
            self.storage.executemany(
                "UPDATE accounts SET tweet_count = tweet_count + ? WHERE id = ?",
                [(count, author) for author, count in Counter(tweet.author_id for tweet in tweets).items()],
            )
            # A parent that comes after its answers brings them into its own conversation.
            self.storage.executemany(
                "UPDATE tweets SET conversation_id = ? WHERE conversation_id = ?",
                [(tweet.conversation_id, tweet.id) for tweet in tweets if tweet.conversation_id != tweet.id],
            )

    def delete_tweet(self, tweet: Tweet) -> None:
        with self.storage.transaction():
            self.storage.execute("UPDATE tweets SET deleted_ms = ? WHERE id = ?", (now_ms(), tweet.id))
            self.storage.execute("UPDATE accounts SET tweet_count = tweet_count - 1 WHERE id = ?", (tweet.author_id,))

    def counts(self, ids: Sequence[int]) -> dict[int, tuple[int, int, int]]:
        """How often each tweet was answered, quoted and reposted."""
        return {tweet_id: self._counts(tweet_id) for tweet_id in ids}

    def _counts(self, tweet_id: int) -> tuple[int, int, int]:
        return self.storage.execute(
            "SELECT (SELECT count(*) FROM tweets WHERE in_reply_to_id = :id AND deleted_ms IS NULL),"
            " (SELECT count(*) FROM tweets WHERE quoted_id = :id AND deleted_ms IS NULL),"
            " (SELECT count(*) FROM tweets WHERE reposted_id = :id AND deleted_ms IS NULL)",
            {"id": tweet_id},
        ).fetchone()

    def reset(self) -> None:
        self.storage.empty()
        self.settings = {**SETTINGS}


def typed_mentions(tweet: Tweet) -> set[int]:
    """Whom the author named, apart from those whom Twitter put before the reply."""
    return {user_id for user_id, _, typed in _mentions(tweet) if typed}


def _mentions(tweet: Tweet) -> list[tuple[int, int, bool]]:
    named: dict[int, bool] = {}
    for place, name in names_in(tweet.text):
        if name.lower() in tweet.mentioned:
            user_id = int(tweet.mentioned[name.lower()])
            named[user_id] = named.get(user_id, False) or place >= tweet.prefix_length
    return [(user_id, tweet.id, typed) for user_id, typed in named.items()]


def _row(tweet: Tweet) -> list[Any]:
    row = [getattr(tweet, field.name) for field in fields(Tweet)]
    row[MENTIONED] = json.dumps(tweet.mentioned)
    return row


def _tweet(row: Sequence[Any]) -> Tweet:
    values = list(row)
    values[MENTIONED] = json.loads(values[MENTIONED])
    return Tweet(*values)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
