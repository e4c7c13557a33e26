"""The gateway: the few calls that Nightjar makes to Twitter, with outcomes as values.

It is handed plain credentials, keeps none, decides nothing, retries nothing. Every call has time-outs, an end and a
size cap. What an answer means follows `docs/twitter.md`: a write that may have happened is never called a failure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from inbox.twitter.calls import (
    LONGEST_CALL,
    NOT_REACHED,
    TIMEOUT,
    Unavailable,
    a_dict,
    capped,
    http_client,
    read_json,
    words_of,
)
from inbox.twitter.shapes import SNOWFLAKE_EPOCH_MS, Account, Tweet, Unreadable, read_tweet

_MOST_PAGES = 5
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


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a brand's account needs for a call. Never printed."""

    handle_id: int
    access_token: str

    def __repr__(self) -> str:
        return f"Credentials(handle_id={self.handle_id})"


def is_access_token(text: str) -> bool:
    """Whether a text can be an access token: it travels in a header, and errors about bad headers would print it."""
    return bool(text) and text.isascii() and text.isprintable() and " " not in text


class Twitter:
    """Calls for one account. Use as a context manager; cheap to make, not for several threads at once."""

    def __init__(
        self,
        *,
        base_url: str,
        credentials: Credentials,
        timeout: httpx.Timeout = TIMEOUT,
        longest_call: float = LONGEST_CALL,
    ) -> None:
        if not is_access_token(credentials.access_token):
            raise ValueError("This is no access token.")
        self._credentials = credentials
        self._longest_call = longest_call
        self._http = http_client(base_url, bearer=credentials.access_token, timeout=timeout)

    @property
    def credentials(self) -> Credentials:
        """What it was handed."""
        return self._credentials

    def __enter__(self) -> "Twitter":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def create_reply(self, *, text: str, in_reply_to_id: int) -> PostingOutcome:
        """Post a public reply. Returns what became of it; raises nothing that Twitter or the network can cause."""
        body = {"text": text, "reply": {"in_reply_to_tweet_id": str(in_reply_to_id)}}
        try:
            with capped(self._http, "POST", "/2/tweets", seconds=self._longest_call, json=body) as answer:
                return _posting_outcome(*answer)
        except NOT_REACHED as error:
            return NotNow(f"Twitter could not be reached ({error}).", until=_in(seconds=15))
        except httpx.HTTPError as error:
            return Unknown(f"The connection broke before Twitter answered ({type(error).__name__}).")

    def own_tweets(self, *, since: datetime) -> list[Tweet]:
        """The account's own tweets from `since` on, newest first; raises `Unavailable`, also where there are too many.

        Never a part of them: a tweet that is not among them is not on the timeline.
        """
        since_id = ((int(since.timestamp() * 1000) - SNOWFLAKE_EPOCH_MS) << 22) - 1
        params = {**_FIELDS, "max_results": "100", "since_id": str(max(since_id, 1))}
        tweets: list[Tweet] = []
        for _ in range(_MOST_PAGES):
            answer = self._read(f"/2/users/{self._credentials.handle_id}/tweets", params)
            tweets += self._tweets_in(answer)
            token = a_dict(answer.get("meta")).get("next_token")
            if not token:
                return tweets
            params["pagination_token"] = str(token)
        raise Unavailable("The brand has written more tweets since than can be read at once.")

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
            with capped(self._http, "GET", path, seconds=self._longest_call, params=dict(params)) as answer:
                status, _, content = answer
        except httpx.HTTPError as error:
            raise Unavailable(f"Twitter could not be read ({type(error).__name__}).") from error
        found = read_json(content)
        if status != 200 or found is None:
            raise Unavailable(f"Twitter answered {status} to a reading call.")
        return found

    def _tweets_in(self, answer: Mapping[str, Any]) -> list[Tweet]:
        posts = answer.get("data", [])
        if not isinstance(posts, list) or ("data" not in answer and "meta" not in answer):
            raise Unavailable("Twitter's timeline could not be read: it is no list of tweets.")
        ours = {"author_id": str(self._credentials.handle_id)}
        try:
            return [read_tweet({**ours, **a_dict(post)}, includes=a_dict(answer.get("includes"))) for post in posts]
        except Unreadable as error:
            raise Unavailable(f"Twitter's timeline could not be read: {error}") from error


def _posting_outcome(status: int, headers: httpx.Headers, content: bytes) -> PostingOutcome:
    answer = read_json(content)
    words = words_of(answer or {}, status)
    kind = str((answer or {}).get("type") or "").rpartition("/")[2]  # Twitter's host in it has changed before
    if 200 <= status < 300:
        return _sent(answer or {})
    if status == 429:
        least = 900 if kind == "usage-capped" else 0
        return NotNow(f"Twitter's limit for this account is used up: {words}", until=_reset(headers, least=least))
    if status == 401 or kind == "unsupported-authentication":
        return NotNow(f"Twitter does not accept the brand's log-in: {words}", until=_in(seconds=300), reconnect=True)
    if status == 402:
        return NotNow(f"Twitter wants payment: {words}", until=_in(seconds=900))
    if kind == "client-forbidden":
        return NotNow(f"Twitter does not let Nightjar in: {words}", until=_in(seconds=900))
    if status < 400 or status == 408 or status >= 500:
        return Unknown(f"Twitter answered {status}: {words}")
    if status == 403 and (answer is None or "duplicate" in words.lower()):
        return Unknown(f"Twitter answered {status}: {words}")  # a duplicate of what a lost answer was about, perhaps
    return Refused(words)


def _sent(answer: Mapping[str, Any]) -> PostingOutcome:
    """A success that cannot be read is still a success of unknown name: never a reason to post again."""
    data = a_dict(answer.get("data"))
    text = data.get("text")
    try:
        # Nothing but id and words: no other field of the answer may spoil the news.
        known = {"id": data.get("id"), "author_id": "1", "text": text if isinstance(text, str) else ""}
        tweet = read_tweet(known, includes={})
    except Unreadable:
        return Unknown("Twitter accepted the call and its answer could not be read.")
    return Sent(id=tweet.id, text=tweet.text)


def _reset(headers: httpx.Headers, *, least: float) -> datetime:
    try:
        at = datetime.fromtimestamp(float(headers["x-rate-limit-reset"]), UTC)
    except (KeyError, ValueError, OverflowError, OSError):
        return _in(seconds=max(least, 60))
    # No reset is further away than a day: a header that says so is nonsense, and would hold everything back.
    return min(max(at, _in(seconds=max(least, 1))), _in(seconds=86_400))


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
        self._http = http_client(base_url, bearer=bearer)

    def __enter__(self) -> "TwitterApp":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def ensure_webhook(self, url: str) -> str:
        """Register the webhook unless Twitter has it, and have it checked anew; returns its id."""
        known = self.webhook(url)
        if known:
            self._call("PUT", f"/2/webhooks/{known[0]}")
            return known[0]
        return str(self._call("POST", "/2/webhooks", json={"url": url})["data"]["id"])

    def forsake_other_webhooks(self, *, keep: str) -> list[int]:
        """Give up every webhook but this one, which is known to answer; returns the accounts that were subscribed
        there and hear of nothing now."""
        subscriptions = self._call("GET", "/2/activity/subscriptions").get("data") or []
        accounts = {
            int(row["filter"]["user_id"])
            for row in subscriptions
            if str(row.get("webhook_id")) != keep and (row.get("filter") or {}).get("user_id")
        }
        for other in self._call("GET", "/2/webhooks").get("data") or []:
            if str(other["id"]) != keep:
                self._call("DELETE", f"/2/webhooks/{other['id']}")
        return sorted(accounts)

    def webhook(self, url: str) -> tuple[str, bool] | None:
        """The webhook at this address: its id, and whether Twitter finds it valid. None: Twitter knows of none."""
        known = [each for each in self._call("GET", "/2/webhooks").get("data") or [] if each["url"] == url]
        return (str(known[0]["id"]), bool(known[0].get("valid"))) if known else None

    def ensure_subscriptions(self, *, handle_ids: Sequence[int], webhook_id: str) -> int:
        """Subscribe to everything of these accounts that a brand lives from; returns how many were missing."""
        missing = self.missing_subscriptions(handle_ids=handle_ids, webhook_id=webhook_id)
        for name, user_id in missing:
            body = {"event_type": name, "filter": {"user_id": user_id}, "webhook_id": webhook_id}
            self._call("POST", "/2/activity/subscriptions", json=body)
        return len(missing)

    def forsake_subscriptions(self, *, handle_ids: Sequence[int]) -> int:
        """Give up everything that concerns these accounts; returns how many subscriptions there were."""
        if not handle_ids:
            return 0
        gone = {str(handle_id) for handle_id in handle_ids}
        rows = self._call("GET", "/2/activity/subscriptions").get("data") or []
        ours = [row for row in rows if str((row.get("filter") or {}).get("user_id")) in gone]
        for row in ours:
            self._call("DELETE", f"/2/activity/subscriptions/{row['subscription_id']}")
        return len(ours)

    def subscribed_beyond(self, handle_ids: Sequence[int], *, webhook_id: str) -> list[int]:
        """The accounts that are subscribed to this webhook and are none of these."""
        rows = self._call("GET", "/2/activity/subscriptions").get("data") or []
        ours = [row.get("filter") or {} for row in rows if str(row.get("webhook_id")) == webhook_id]
        found = {int(each["user_id"]) for each in ours if each.get("user_id")}
        return sorted(found - set(handle_ids))

    def missing_subscriptions(self, *, handle_ids: Sequence[int], webhook_id: str) -> list[tuple[str, str]]:
        """The events of these accounts, by name and account, that Twitter does not send to this webhook."""
        have = {
            (row["event_type"], str((row.get("filter") or {}).get("user_id")), str(row.get("webhook_id")))
            for row in self._call("GET", "/2/activity/subscriptions").get("data") or []
        }
        wanted = [(name, str(handle_id)) for handle_id in handle_ids for name in self.EVENTS]
        return [(name, user_id) for name, user_id in wanted if (name, user_id, webhook_id) not in have]

    def _call(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        try:
            with capped(self._http, method, path, seconds=LONGEST_CALL, **request) as (status, _, content):
                answer = read_json(content)
        except httpx.HTTPError as error:
            raise Unavailable(f"Twitter could not be reached ({type(error).__name__}).") from error
        if status >= 300 or answer is None:
            raise Unavailable(f"Twitter answered {status}: {content[:300].decode(errors='replace')}")
        return answer
