"""The gateway: the few calls that Nightjar makes to Twitter, with outcomes as values.

It is handed plain credentials, keeps none, decides nothing, retries nothing. Every call has time-outs and a size cap.
What an answer means follows `docs/twitter.md`: a write that may have happened is never called a failure.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from inbox.twitter.shapes import Account, Tweet, Unreadable, read_tweet

_TIMEOUT = httpx.Timeout(connect=5, read=10, write=10, pool=5)
_MOST_BYTES = 4_000_000
_FIELDS = {
    "tweet.fields": "author_id,conversation_id,created_at,entities,in_reply_to_user_id,lang,note_tweet,"
    "referenced_tweets",
}


@dataclass(frozen=True, slots=True)
class Sent:
    """Twitter has it, under this id."""

    id: int
    text: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Twitter will not have it, now or later; `why` in its own words."""

    why: str


@dataclass(frozen=True, slots=True)
class NotNow:
    """It was certainly not done; worth trying again at `until`."""

    why: str
    until: datetime
    reconnect: bool = False


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may have been done or not. Ask the timeline; never simply try again."""

    why: str


PostingOutcome = Sent | Refused | NotNow | Unknown


class Unavailable(Exception):
    """A reading call brought no answer. Reading may be tried again at any time."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a brand's account needs for a call. Never printed."""

    handle_id: int
    access_token: str

    def __repr__(self) -> str:
        return f"Credentials(handle_id={self.handle_id})"


class Twitter:
    """Calls for one account. Use as a context manager; cheap to make, not for several threads at once."""

    def __init__(self, *, base_url: str, credentials: Credentials, timeout: httpx.Timeout = _TIMEOUT) -> None:
        self._credentials = credentials
        self._http = httpx.Client(
            base_url=base_url,
            timeout=timeout,
            follow_redirects=False,
            trust_env=False,
            headers={"Authorization": f"Bearer {credentials.access_token}", "User-Agent": "Nightjar"},
        )

    def __enter__(self) -> "Twitter":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def create_reply(self, *, text: str, in_reply_to_id: int) -> PostingOutcome:
        """Post a public reply. Returns what became of it; raises nothing that Twitter or the network can cause."""
        body = {"text": text, "reply": {"in_reply_to_tweet_id": str(in_reply_to_id)}}
        try:
            with _capped(self._http, "POST", "/2/tweets", json=body) as (status, headers, content):
                return _posting_outcome(status, headers, content)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            return NotNow(f"Twitter could not be reached ({error}).", until=_in(seconds=15))
        except httpx.HTTPError as error:
            return Unknown(f"The connection broke before Twitter answered ({type(error).__name__}).")

    def own_tweets(self, *, since: datetime) -> list[Tweet]:
        """The account's own tweets from `since` on, newest first, at most 100; raises `Unavailable`."""
        handle_id = self._credentials.handle_id
        since_id = ((int(since.timestamp() * 1000) - 1288834974657) << 22) - 1
        answer = self._read(
            f"/2/users/{handle_id}/tweets", {**_FIELDS, "max_results": "100", "since_id": str(max(since_id, 1))}
        )
        try:
            return [
                read_tweet({"author_id": str(handle_id), **post}, includes=answer.get("includes") or {})
                for post in answer.get("data") or []
            ]
        except Unreadable as error:
            raise Unavailable(f"Twitter's timeline could not be read: {error}") from error

    def me(self) -> Account:
        """The account that these credentials belong to; raises `Unavailable`."""
        answer = self._read("/2/users/me", {})
        try:
            data = answer["data"]
            return Account(id=int(data["id"]), username=str(data["username"]), name=str(data.get("name") or ""))
        except (KeyError, TypeError, ValueError) as error:
            raise Unavailable(f"Twitter's answer could not be read: {error!r}") from error

    def _read(self, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        try:
            with _capped(self._http, "GET", path, params=dict(params)) as (status, _, content):
                answer = _json(content)
        except httpx.HTTPError as error:
            raise Unavailable(f"Twitter could not be read ({type(error).__name__}).") from error
        if status != 200 or answer is None:
            raise Unavailable(f"Twitter answered {status} to a reading call.")
        return answer


@contextmanager
def _capped(
    http: httpx.Client, method: str, path: str, **request: Any
) -> Iterator[tuple[int, httpx.Headers, bytes]]:
    with http.stream(method, path, **request) as response:
        content = b""
        for chunk in response.iter_bytes():
            content += chunk
            if len(content) > _MOST_BYTES:
                raise httpx.ReadError("The answer is larger than any that Twitter gives.")
        yield response.status_code, response.headers, content


def _posting_outcome(status: int, headers: httpx.Headers, content: bytes) -> PostingOutcome:
    answer = _json(content) or {}
    detail = str(answer.get("detail") or answer.get("title") or f"HTTP {status}")[:300]
    if status in (200, 201):
        return _sent(answer)
    if status == 429:
        return NotNow("Twitter's limit for this account is used up.", until=_reset(headers))
    if status == 401:
        return NotNow(f"Twitter does not accept the brand's log-in: {detail}", until=_in(seconds=300), reconnect=True)
    if status == 402:
        return NotNow(f"Twitter wants payment: {detail}", until=_in(seconds=900))
    if status >= 500 or status == 408 or (status == 403 and "duplicate" in detail.lower()):
        return Unknown(f"Twitter answered {status}: {detail}")
    return Refused(detail)


def _sent(answer: Mapping[str, Any]) -> PostingOutcome:
    """A success that cannot be read is still a success of unknown name: never a reason to post again."""
    try:
        data = answer["data"]
        return Sent(id=int(data["id"]), text=str(data.get("text") or ""))
    except (KeyError, TypeError, ValueError):
        return Unknown("Twitter accepted the call and its answer could not be read.")


def _json(content: bytes) -> dict[str, Any] | None:
    try:
        answer = httpx.Response(200, content=content).json()
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


def _reset(headers: httpx.Headers) -> datetime:
    try:
        return datetime.fromtimestamp(max(float(headers["x-rate-limit-reset"]), time.time() + 1), UTC)
    except (KeyError, ValueError, OverflowError, OSError):
        return _in(seconds=60)


def _in(*, seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


class TwitterApp:
    """Calls for the app as a whole, by its own bearer: the one webhook, and each account's subscriptions."""

    EVENTS = (
        "post.create",
        "post.delete",
        "post.mention.create",
        "post.reply.create",
        "post.quote.create",
        "post.repost.create",
    )

    def __init__(self, *, base_url: str, bearer: str) -> None:
        self._http = httpx.Client(
            base_url=base_url, timeout=_TIMEOUT, trust_env=False, headers={"Authorization": f"Bearer {bearer}"}
        )

    def __enter__(self) -> "TwitterApp":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def ensure_webhook(self, url: str) -> str:
        """Register the webhook unless Twitter has it, and have it checked anew; returns its id."""
        for known in self._call("GET", "/2/webhooks").get("data") or []:
            if known["url"] == url:
                self._call("PUT", f"/2/webhooks/{known['id']}")
                return str(known["id"])
            self._call("DELETE", f"/2/webhooks/{known['id']}")
        return str(self._call("POST", "/2/webhooks", json={"url": url})["data"]["id"])

    def ensure_subscriptions(self, *, handle_ids: Sequence[int], webhook_id: str) -> int:
        """Subscribe to everything of these accounts that a brand lives from; returns how many were missing."""
        have = {
            (row["event_type"], str((row.get("filter") or {}).get("user_id")), str(row.get("webhook_id")))
            for row in self._call("GET", "/2/activity/subscriptions").get("data") or []
        }
        wanted = [(name, str(handle_id)) for handle_id in handle_ids for name in self.EVENTS]
        missing = [(name, user_id) for name, user_id in wanted if (name, user_id, webhook_id) not in have]
        for name, user_id in missing:
            body = {"event_type": name, "filter": {"user_id": user_id}, "webhook_id": webhook_id}
            self._call("POST", "/2/activity/subscriptions", json=body)
        return len(missing)

    def _call(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        try:
            with _capped(self._http, method, path, **request) as (status, _, content):
                answer = _json(content)
        except httpx.HTTPError as error:
            raise Unavailable(f"Twitter could not be reached ({type(error).__name__}).") from error
        if status >= 300 or answer is None:
            raise Unavailable(f"Twitter answered {status}: {content[:300].decode(errors='replace')}")
        return answer
