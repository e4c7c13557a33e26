"""The sandbox's own SQLite file: its tables and its one connection.

Everything runs on the event loop's thread, one statement after the other, so a transaction is never shared. The
write-ahead log is in the operating system's hands before an answer goes out: killing the process loses nothing.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TABLES = """
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS accounts (
    id INTEGER PRIMARY KEY,
    username TEXT NOT NULL COLLATE NOCASE UNIQUE,
    name TEXT NOT NULL,
    followers INTEGER NOT NULL DEFAULT 0,
    tweet_count INTEGER NOT NULL DEFAULT 0,
    created_ms INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS accounts_by_age ON accounts (created_ms, id);

CREATE TABLE IF NOT EXISTS tokens (
    digest TEXT PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES accounts (id),
    created_ms INTEGER NOT NULL,
    revoked_ms INTEGER
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS grants (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES accounts (id),
    scope TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    ended_ms INTEGER
);

CREATE TABLE IF NOT EXISTS codes (
    digest TEXT PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES accounts (id),
    scope TEXT NOT NULL,
    challenge TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    expires_ms INTEGER NOT NULL,
    grant_id INTEGER REFERENCES grants (id)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS grant_tokens (
    digest TEXT PRIMARY KEY,
    grant_id INTEGER NOT NULL REFERENCES grants (id),
    kind TEXT NOT NULL CHECK (kind IN ('access', 'refresh')),
    expires_ms INTEGER NOT NULL,
    used_ms INTEGER
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS tweets (
    id INTEGER PRIMARY KEY,
    author_id INTEGER NOT NULL REFERENCES accounts (id),
    text TEXT NOT NULL,
    prefix_length INTEGER NOT NULL DEFAULT 0,
    said TEXT NOT NULL,
    lang TEXT,
    created_ms INTEGER NOT NULL,
    stored_ms INTEGER NOT NULL,
    conversation_id INTEGER NOT NULL,
    in_reply_to_id INTEGER,
    in_reply_to_user_id INTEGER,
    quoted_id INTEGER,
    reposted_id INTEGER,
    mentioned TEXT NOT NULL DEFAULT '{}',
    deleted_ms INTEGER
);
CREATE INDEX IF NOT EXISTS tweets_by_author ON tweets (author_id, id);
CREATE INDEX IF NOT EXISTS tweets_by_conversation ON tweets (conversation_id, id);
CREATE INDEX IF NOT EXISTS tweets_by_parent ON tweets (in_reply_to_id) WHERE in_reply_to_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS tweets_by_quoted ON tweets (quoted_id) WHERE quoted_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS tweets_by_reposted ON tweets (reposted_id) WHERE reposted_id IS NOT NULL;

CREATE TABLE IF NOT EXISTS mentions (
    user_id INTEGER NOT NULL,
    tweet_id INTEGER NOT NULL,
    typed INTEGER NOT NULL,
    PRIMARY KEY (user_id, tweet_id)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS webhooks (
    id INTEGER PRIMARY KEY,
    url TEXT NOT NULL UNIQUE,
    valid INTEGER NOT NULL,
    created_ms INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS subscriptions (
    id INTEGER PRIMARY KEY,
    event_type TEXT NOT NULL,
    user_id INTEGER,
    filter TEXT NOT NULL,
    tag TEXT,
    webhook_id INTEGER REFERENCES webhooks (id),
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    webhook_id INTEGER NOT NULL,
    user_id INTEGER,
    event_type TEXT NOT NULL,
    event_uuid TEXT NOT NULL,
    tweet_id INTEGER,
    body BLOB,
    state TEXT NOT NULL DEFAULT 'waiting'
        CHECK (state IN ('waiting', 'delivered', 'given_up', 'withheld')),
    tries INTEGER NOT NULL DEFAULT 0,
    due_ms INTEGER NOT NULL,
    last_error TEXT,
    created_ms INTEGER NOT NULL,
    finished_ms INTEGER
);
CREATE INDEX IF NOT EXISTS deliveries_waiting ON deliveries (due_ms, id) WHERE state = 'waiting';
CREATE INDEX IF NOT EXISTS deliveries_by_state ON deliveries (state, tries);

CREATE TABLE IF NOT EXISTS faults (
    name TEXT NOT NULL,
    user_id INTEGER NOT NULL DEFAULT 0,
    times INTEGER,
    seconds REAL,
    PRIMARY KEY (name, user_id)
) WITHOUT ROWID;
"""

# Children before parents, so that foreign keys hold while emptying.
IN_ORDER_OF_EMPTYING = (
    "deliveries", "subscriptions", "webhooks", "mentions", "tweets", "grant_tokens", "codes", "grants",
    "tokens", "accounts", "faults", "settings",
)  # fmt: skip


class Storage:
    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("PRAGMA synchronous = NORMAL")
        self.connection.execute("PRAGMA foreign_keys = ON")
        self.connection.execute("PRAGMA busy_timeout = 5000")
        self.connection.executescript(TABLES)
        self.revision = time.time_ns()  # grows with every change, so that a page knows when to draw again
        self.execute = self.connection.execute
        self.executemany = self.connection.executemany

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; a transaction inside another one belongs to the outer."""
        if self.connection.in_transaction:
            yield
            return
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.connection.rollback()
            raise
        self.connection.commit()
        self.revision += 1

    def empty(self) -> None:
        with self.transaction():
            for table in IN_ORDER_OF_EMPTYING:
                self.connection.execute(f"DELETE FROM {table}")

    def close(self) -> None:
        self.connection.close()
