"""The sandbox's own SQLite file: its one connection, and what a transaction is.

Everything runs on the event loop's thread, one statement after the other, so a transaction is never shared. The
write-ahead log is in the operating system's hands before an answer goes out: killing the process loses nothing.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from inbox.twitter.sandbox.tables import ADDED_COLUMNS, IN_ORDER_OF_EMPTYING, LATER_INDEXES, TABLES


class Storage:
    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("PRAGMA synchronous = NORMAL")
        self.connection.execute("PRAGMA foreign_keys = ON")
        self.connection.execute("PRAGMA busy_timeout = 5000")
        self.connection.executescript(TABLES)
        self._bring_up_to_date()
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
            self.connection.execute("INSERT INTO words (words) VALUES ('delete-all')")

    def _bring_up_to_date(self) -> None:
        for table, columns in ADDED_COLUMNS.items():
            there = {row[1] for row in self.connection.execute(f"PRAGMA table_info({table})")}
            for name, kind in columns.items():
                if name not in there:
                    self.connection.execute(f"ALTER TABLE {table} ADD COLUMN {name} {kind}")
        self.connection.executescript(LATER_INDEXES)

    def close(self) -> None:
        self.connection.close()
