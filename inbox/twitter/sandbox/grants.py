"""Who let which app act for them: codes, and the tokens that came of them. Only digests are kept."""

import hashlib
import secrets
from dataclasses import dataclass

from inbox.twitter.sandbox.snowflake import now_ms
from inbox.twitter.sandbox.storage import Storage

ACCESS, REFRESH = "access", "refresh"


class Refused(Exception):
    """A code or a refresh token that brings nothing; why, as Twitter says it."""


@dataclass(frozen=True, slots=True)
class Tokens:
    access: str
    refresh: str | None
    scope: str
    seconds: int


class Grants:
    """Grants of one app, as there is only one. A code works once, and so does each refresh token."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage

    def issue_code(self, *, user_id: int, scope: str, challenge: str, redirect_uri: str, seconds: int) -> str:
        """A code that can be turned into tokens by whoever knows the verifier of this challenge."""
        code = secrets.token_urlsafe(48)
        with self.storage.transaction():
            self.storage.execute(
                "INSERT INTO codes VALUES (?, ?, ?, ?, ?, ?, NULL)",
                (_digest(code), user_id, scope, challenge, redirect_uri, now_ms() + seconds * 1000),
            )
        return code

    def user_of_code(self, code: str) -> int | None:
        row = self.storage.execute("SELECT user_id FROM codes WHERE digest = ?", (_digest(code),)).fetchone()
        return row[0] if row else None

    def user_of_token(self, token: str) -> int | None:
        row = self.storage.execute(
            "SELECT user_id FROM grants JOIN grant_tokens ON grant_id = grants.id WHERE digest = ?", (_digest(token),)
        ).fetchone()
        return row[0] if row else None

    def exchange(self, code: str, *, challenge: str, redirect_uri: str, seconds: int) -> Tokens:
        """Tokens for a code. A code that comes a second time ends what came of it."""
        with self.storage.transaction():
            row = self.storage.execute("SELECT * FROM codes WHERE digest = ?", (_digest(code),)).fetchone()
            reason = _wrong(row, challenge, redirect_uri)
            if row and row[6] is not None:
                self._end(row[6])
            if not reason:
                grant_id = self.storage.execute(
                    "INSERT INTO grants (user_id, scope, created_ms) VALUES (?, ?, ?)", (row[1], row[2], now_ms())
                ).lastrowid
                self.storage.execute("UPDATE codes SET grant_id = ? WHERE digest = ?", (grant_id, _digest(code)))
                return self._issue(int(grant_id or 0), row[2], seconds)
        raise Refused(reason)

    def refresh(self, token: str, *, seconds: int) -> Tokens:
        """New tokens for a refresh token. One that was used already ends the grant."""
        with self.storage.transaction():
            row = self.storage.execute(
                "SELECT grant_id, used_ms, ended_ms, scope FROM grant_tokens JOIN grants ON grants.id = grant_id"
                " WHERE digest = ? AND kind = ?",
                (_digest(token), REFRESH),
            ).fetchone()
            if row and row[1] is not None:
                self._end(row[0])
            elif row and row[2] is None:
                self.storage.execute("UPDATE grant_tokens SET used_ms = ? WHERE digest = ?", (now_ms(), _digest(token)))
                # The strictest reading of Twitter's words: what came before is over with the new pair.
                self.storage.execute(
                    "UPDATE grant_tokens SET used_ms = ? WHERE grant_id = ? AND used_ms IS NULL", (now_ms(), row[0])
                )
                return self._issue(row[0], row[3], seconds)
        raise Refused("Value passed for the token was invalid.")

    def revoke(self, token: str) -> int | None:
        """End the grant that this token is of; whose it was, or None when there was none to end."""
        with self.storage.transaction():
            row = self.storage.execute(
                "SELECT grants.id, user_id FROM grants JOIN grant_tokens ON grant_id = grants.id"
                " WHERE digest = ? AND ended_ms IS NULL",
                (_digest(token),),
            ).fetchone()
            if row:
                self._end(row[0])
        return row[1] if row else None

    def revoke_of(self, user_id: int) -> int:
        """End all grants of this account, as its owner may at any time."""
        with self.storage.transaction():
            ended = self.storage.execute(
                "UPDATE grants SET ended_ms = ? WHERE user_id = ? AND ended_ms IS NULL", (now_ms(), user_id)
            )
        return ended.rowcount

    def holder_of(self, token: str) -> tuple[int, frozenset[str]] | None:
        """Whose access token this is, and what it allows; None when it is over."""
        row = self.storage.execute(
            "SELECT user_id, scope FROM grant_tokens JOIN grants ON grants.id = grant_id"
            " WHERE digest = ? AND kind = ? AND used_ms IS NULL AND ended_ms IS NULL AND expires_ms > ?",
            (_digest(token), ACCESS, now_ms()),
        ).fetchone()
        return (row[0], frozenset(row[1].split())) if row else None

    def scopes_of(self, user_id: int) -> frozenset[str]:
        """Everything that this account allows, in all its grants together."""
        rows = self.storage.execute("SELECT scope FROM grants WHERE user_id = ? AND ended_ms IS NULL", (user_id,))
        return frozenset(scope for row in rows for scope in row[0].split())

    def _issue(self, grant_id: int, scope: str, seconds: int) -> Tokens:
        access, again = secrets.token_urlsafe(60), secrets.token_urlsafe(60)
        rows = [(_digest(access), grant_id, ACCESS, now_ms() + seconds * 1000)]
        if "offline.access" in scope.split():
            rows.append((_digest(again), grant_id, REFRESH, now_ms() + 180 * 86_400_000))
        self.storage.executemany("INSERT INTO grant_tokens VALUES (?, ?, ?, ?, NULL)", rows)
        return Tokens(access, again if len(rows) == 2 else None, scope, seconds)

    def _end(self, grant_id: int) -> None:
        self.storage.execute("UPDATE grants SET ended_ms = ? WHERE id = ? AND ended_ms IS NULL", (now_ms(), grant_id))


def _wrong(row: tuple[object, ...] | None, challenge: str, redirect_uri: str) -> str:
    if not row or row[6] is not None or int(str(row[5])) < now_ms():
        return "Value passed for the authorization code was invalid."
    if row[3] != challenge:
        return "Value passed for the code verifier did not match the code challenge."
    if row[4] != redirect_uri:
        return "Value passed for the redirect uri did not match the uri of the authorization code."
    return ""


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
