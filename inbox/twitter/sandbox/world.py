"""Everything this Twitter knows: accounts, tokens, settings and tweets."""

import hashlib
import json
import re
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from inbox.twitter.sandbox.entities import names_in, words_of
from inbox.twitter.sandbox.problems import malformed
from inbox.twitter.sandbox.settings import DEFAULTS
from inbox.twitter.sandbox.snowflake import LARGEST, Snowflakes, first_of, now_ms
from inbox.twitter.sandbox.storage import Storage

USERNAME = re.compile(r"[A-Za-z0-9_]{1,15}")


@dataclass(frozen=True, slots=True)
class Account:
    id: int
    username: str
    name: str
    followers: int
    tweet_count: int
    created_ms: int
    description: str = ""
    location: str = ""
    url: str = ""
    protected: int = 0
    suspended: int = 0
    verified: int = 0  # has a paid badge, and with it long tweets
    takes_private: str = "everyone"  # or "followers" (whom the account follows), or "nobody"
    picture: int = 0  # grows when the account changes its picture


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
    reply_settings: str = "everyone"
    first_id: int | None = None  # the first version, of a tweet that was edited
    superseded: int = 0  # whether a later version took its place
    hidden: int = 0  # whether the author of the conversation hid this reply
    deep_link: str | None = None
    media: list[int] = field(default_factory=list)

    @property
    def chain(self) -> int:
        """What all versions of an edited tweet have in common: the id of the first."""
        return self.first_id or self.id


ACCOUNT_COLUMNS = ", ".join(one.name for one in fields(Account))
TWEET_COLUMNS = ", ".join(one.name for one in fields(Tweet))
TWEET_BLANKS = ", ".join("?" for _ in fields(Tweet))
TWEET_NAMES = [one.name for one in fields(Tweet)]
MENTIONED, MEDIA = TWEET_NAMES.index("mentioned"), TWEET_NAMES.index("media")


class World:
    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.settings = {**DEFAULTS}
        self.snowflakes = Snowflakes()
        self._unseen: dict[int, str] | None = None
        self.load()

    def load(self) -> None:
        """Take up where the file left off, also after the process was killed."""
        stored = self.storage.execute("SELECT name, value FROM settings")
        self.settings = {**DEFAULTS, **{name: json.loads(value) for name, value in stored if name in DEFAULTS}}
        # Recorded tweets may carry ids of the future; ours go on from the largest that is not.
        soon = first_of(now_ms() + 60_000)
        highest = [
            self.storage.execute(f"SELECT max(id) FROM {table} WHERE id < ?", (soon,)).fetchone()[0] or 0
            for table in ("tweets", "private_events", "media")
        ]
        self.snowflakes = Snowflakes(max(highest))

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

    @property
    def unseen(self) -> dict[int, str]:
        """Accounts whose tweets strangers do not see, and why: protected, or suspended. They are few."""
        if self._unseen is None:
            rows = self.storage.execute("SELECT id, suspended FROM accounts WHERE protected + suspended > 0")
            self._unseen = {account_id: "suspended" if suspended else "protected" for account_id, suspended in rows}
        return self._unseen

    def change_account(self, account_id: int, changes: dict[str, Any]) -> Account:
        with self.storage.transaction():
            for name, value in changes.items():
                self.storage.execute(f"UPDATE accounts SET {name} = ? WHERE id = ?", (value, account_id))
        self._unseen = None
        return self.accounts([account_id])[account_id]

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
                "INSERT INTO accounts (id, username, name, followers, created_ms) VALUES (?, ?, ?, ?, ?)",
                (account.id, account.username, account.name, account.followers, account.created_ms),
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

    def has_token(self, user_id: int) -> bool:
        """Whether somebody made a token of this account by hand; such a one allows everything."""
        return bool(
            self.storage.execute(
                "SELECT 1 FROM tokens WHERE user_id = ? AND revoked_ms IS NULL LIMIT 1", (user_id,)
            ).fetchone()
        )

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
                "INSERT INTO words (rowid, said) VALUES (?, ?)",
                [(tweet.id, " ".join(words_of(tweet.text))) for tweet in tweets],
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
        """Gone, with all its versions."""
        with self.storage.transaction():
            gone = self.storage.execute(
                "UPDATE tweets SET deleted_ms = ?2 WHERE deleted_ms IS NULL AND (id = ?1 OR first_id = ?1)",
                (tweet.chain, now_ms()),
            )
            self.storage.execute(
                "UPDATE accounts SET tweet_count = tweet_count - ? WHERE id = ?", (gone.rowcount, tweet.author_id)
            )

    def versions(self, tweets: Iterable[Tweet]) -> dict[int, list[int]]:
        """The versions of those that were edited, oldest first, by the id of the first."""
        firsts = {tweet.first_id for tweet in tweets if tweet.first_id}
        return {
            first: [
                row[0] for row in self.storage.execute("SELECT id FROM tweets WHERE first_id = ? ORDER BY id", (first,))
            ]
            for first in firsts
        }

    def likes(self, tweet_id: int) -> int:
        return self.storage.execute("SELECT count(*) FROM likes WHERE tweet_id = ?", (tweet_id,)).fetchone()[0]

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
        self._unseen = None
        self.settings = {**DEFAULTS}


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
    row = [getattr(tweet, name) for name in TWEET_NAMES]
    row[MENTIONED], row[MEDIA] = json.dumps(tweet.mentioned), json.dumps(tweet.media)
    return row


def _tweet(row: Sequence[Any]) -> Tweet:
    values = list(row)
    values[MENTIONED], values[MEDIA] = json.loads(values[MENTIONED]), json.loads(values[MEDIA])
    return Tweet(*values)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
