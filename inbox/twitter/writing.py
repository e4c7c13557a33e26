"""What Nightjar writes to Twitter, and what each call came to, as a value. Nothing here is ever tried twice.

A write that may have happened is never called a failure (`Unknown`): Twitter has no key by which it would know a call
again. What every answer means is one table, `outcome_of`, for all kinds of writing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from inbox.twitter.calls import (
    LONGEST_CALL,
    NOT_REACHED,
    TIMEOUT,
    Answer,
    a_dict,
    capped,
    http_client,
    in_words,
    read_json,
    words_of,
)
from inbox.twitter.metering import Told
from inbox.twitter.shapes import Unreadable, read_tweet


@dataclass(frozen=True, slots=True)
class Sent:
    """Twitter has it, under this id. `text` as Twitter shows it, where it says so."""

    id: int
    text: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """Twitter will not have it, now or later; `why` in its own words.

    `rule` is our name for what forbids it, where it is known: "not_summoned", "reply_settings", "blocked",
    "protected", "gone", "private_closed", "plan"; else empty.
    """

    why: str
    rule: str = ""


@dataclass(frozen=True, slots=True)
class NotNow:
    """It was certainly not done; worth trying again at `until`. `credits`: Twitter wants to be paid first."""

    why: str
    until: datetime
    reconnect: bool = False
    credits: bool = False


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may have been done or not. Ask Twitter; never simply try again."""

    why: str


PostingOutcome = Sent | Refused | NotNow | Unknown
# Reads what a success made out of its `data`; none where it cannot be read.
Found = Callable[[Mapping[str, Any]], Sent | None]


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a brand's account needs for a call. Never printed."""

    handle_id: int
    access_token: str

    def __repr__(self) -> str:
        return f"Credentials(handle_id={self.handle_id})"


@dataclass(frozen=True, slots=True)
class Said:
    """A tweet to be: its words, and what it answers, quotes, shows, invites to or replaces."""

    text: str
    in_reply_to_id: int | None = None
    quote_of_id: int | None = None
    media_ids: Sequence[int] = ()
    # The address behind the button that opens a direct message; empty: no button.
    private_link: str = ""
    edit_of_id: int | None = None

    def body(self) -> dict[str, Any]:
        """As `POST /2/tweets` has it."""
        body: dict[str, Any] = {"text": self.text}
        if self.in_reply_to_id:
            body["reply"] = {"in_reply_to_tweet_id": str(self.in_reply_to_id)}
        if self.quote_of_id:
            body["quote_tweet_id"] = str(self.quote_of_id)
        if self.media_ids:
            body["media"] = {"media_ids": [str(media_id) for media_id in self.media_ids]}
        if self.private_link:
            body["direct_message_deep_link"] = self.private_link
        if self.edit_of_id:
            body["edit_options"] = {"previous_post_id": str(self.edit_of_id)}
        return body


def is_access_token(text: str) -> bool:
    """Whether a text can be an access token: it travels in a header, and errors about bad headers would print it."""
    return bool(text) and text.isascii() and text.isprintable() and " " not in text


class Writer:
    """What one account writes. Use as a context manager; cheap to make, not for several threads at once."""

    def __init__(
        self,
        *,
        base_url: str,
        credentials: Credentials,
        timeout: httpx.Timeout = TIMEOUT,
        longest_call: float = LONGEST_CALL,
        told: Told | None = None,
    ) -> None:
        if not is_access_token(credentials.access_token):
            raise ValueError("This is no access token.")
        self._credentials = credentials
        self._longest_call = longest_call
        self._http = http_client(base_url, bearer=credentials.access_token, timeout=timeout, told=told)

    @property
    def credentials(self) -> Credentials:
        """What it was handed."""
        return self._credentials

    def create_reply(self, *, text: str, in_reply_to_id: int) -> PostingOutcome:
        """Post a plain public reply."""
        return self.create(Said(text, in_reply_to_id=in_reply_to_id))

    def create(self, said: Said) -> PostingOutcome:
        """Post a tweet. Returns what became of it; raises nothing that Twitter or the network can cause."""
        return self.write("POST", "/2/tweets", _tweet_in, json=said.body())

    def send_private(self, *, to_id: int, text: str, media_ids: Sequence[int] = ()) -> PostingOutcome:
        """Send a direct message; what was sent goes by the id of its event."""
        body: dict[str, Any] = {"text": text}
        if media_ids:
            body["attachments"] = [{"media_id": str(media_id)} for media_id in media_ids]
        return self.write("POST", f"/2/dm_conversations/with/{to_id}/messages", id_in("dm_event_id"), json=body)

    def delete(self, tweet_id: int) -> PostingOutcome:
        """Delete a tweet of the account's own. One that is not there any more counts as deleted."""
        outcome = self.write("DELETE", f"/2/tweets/{tweet_id}", is_done(tweet_id))
        return Sent(tweet_id) if isinstance(outcome, Refused) and outcome.rule == "gone" else outcome

    def delete_private(self, event_id: int) -> PostingOutcome:
        """Delete a direct message of the account's own, for both sides as X has it."""
        outcome = self.write("DELETE", f"/2/dm_events/{event_id}", is_done(event_id))
        return Sent(event_id) if isinstance(outcome, Refused) and outcome.rule == "gone" else outcome

    def hide(self, tweet_id: int, *, hidden: bool) -> PostingOutcome:
        """Have a reply to one of our tweets hidden under it, or shown again."""
        return self.write("PUT", f"/2/tweets/{tweet_id}/hidden", is_done(tweet_id), json={"hidden": hidden})

    def like(self, tweet_id: int) -> PostingOutcome:
        """Like a tweet, in the account's name."""
        path = f"/2/users/{self._credentials.handle_id}/likes"
        return self.write("POST", path, is_done(tweet_id), json={"tweet_id": str(tweet_id)})

    def unlike(self, tweet_id: int) -> PostingOutcome:
        """Take a like back."""
        return self.write("DELETE", f"/2/users/{self._credentials.handle_id}/likes/{tweet_id}", is_done(tweet_id))

    @contextmanager
    def answering(self, method: str, path: str, **request: Any) -> Iterator[Answer]:
        """One call and its plain answer; raises httpx's errors."""
        with capped(self._http, method, path, seconds=self._longest_call, **request) as answer:
            yield answer

    def write(self, method: str, path: str, found: Found, **request: Any) -> PostingOutcome:
        """One writing call; `found` reads the id out of a success."""
        try:
            with self.answering(method, path, **request) as answer:
                return outcome_of(*answer, found=found)
        except NOT_REACHED as error:
            return NotNow(in_words(error), until=in_seconds(15))
        except httpx.HTTPError as error:
            return Unknown(in_words(error))


def _tweet_in(data: Mapping[str, Any]) -> Sent | None:
    text = data.get("text")
    try:
        # Nothing but id and words: no other field of the answer may spoil the news.
        known = {"id": data.get("id"), "author_id": "1", "text": text if isinstance(text, str) else ""}
        tweet = read_tweet(known, includes={})
    except Unreadable:
        return None
    return Sent(id=tweet.id, text=tweet.text)


def id_in(name: str) -> Found:
    """Reads the id of this name out of a success."""

    def found(data: Mapping[str, Any]) -> Sent | None:
        digits = str(data.get(name) or "")
        is_id = digits.isascii() and digits.isdecimal() and 0 < int(digits) < 2**63
        return Sent(int(digits)) if is_id else None

    return found


def is_done(tweet_id: int) -> Found:
    """What is done to a tweet we know needs no id in the answer."""
    return lambda _data: Sent(tweet_id)


def outcome_of(status: int, headers: httpx.Headers, content: bytes, *, found: Found) -> PostingOutcome:
    """What an answer to a writing call means: the table of `docs/replies.md`."""
    answer = read_json(content)
    words = words_of(answer or {}, status)
    kind = str((answer or {}).get("type") or "").rpartition("/")[2]  # Twitter's host in it has changed before
    if 200 <= status < 300:
        # A success that cannot be read is still a success of unknown name: never a reason to post again.
        sent = found(a_dict((answer or {}).get("data")))
        return sent or Unknown("Twitter accepted the call and its answer could not be read.")
    if status == 429:
        least = 900 if kind == "usage-capped" else 0
        until = _reset(headers, least=least)
        return NotNow(f"Twitter's limit for this account is used up: {words}", until=until, credits=least > 0)
    if status == 401 or kind == "unsupported-authentication":
        return NotNow(f"Twitter does not accept the brand's log-in: {words}", until=in_seconds(300), reconnect=True)
    if status == 402:
        return NotNow(f"Twitter wants payment: {words}", until=in_seconds(900), credits=True)
    if kind == "client-forbidden":
        return NotNow(f"Twitter does not let Nightjar in: {words}", until=in_seconds(900))
    if status < 400 or status == 408 or status >= 500:
        return Unknown(f"Twitter answered {status}: {words}")
    if status == 403 and (answer is None or "duplicate" in words.lower()):
        return Unknown(f"Twitter answered {status}: {words}")  # a duplicate of what a lost answer was about, perhaps
    return Refused(words, rule=_rule_of(status, kind, words.lower()))


# What Twitter's words say of the rule behind a refusal: the first that is in them counts.
_RULES = (
    ("not been mentioned or otherwise engaged", "not_summoned"),
    ("quoting this post is not allowed", "not_summoned"),
    ("permission to dm", "private_closed"),
    ("cannot send messages to this user", "private_closed"),
    ("blocked", "blocked"),
    ("protected", "protected"),
    ("conversation owner", "reply_settings"),
    ("who can reply", "reply_settings"),
    ("restricted who", "reply_settings"),
    ("reply to this conversation is not allowed", "reply_settings"),
    ("deleted or not visible", "gone"),
    ("not permitted to access this feature", "plan"),
)


def _rule_of(status: int, kind: str, words: str) -> str:
    if status == 404 or kind == "resource-not-found":
        return "gone"
    return next((rule for part, rule in _RULES if part in words), "")


def _reset(headers: httpx.Headers, *, least: float) -> datetime:
    try:
        at = datetime.fromtimestamp(float(headers["x-rate-limit-reset"]), UTC)
    except (KeyError, ValueError, OverflowError, OSError):
        return in_seconds(max(least, 60))
    # No reset is further away than a day: a header that says so is nonsense, and would hold everything back.
    return min(max(at, in_seconds(max(least, 1))), in_seconds(86_400))


def in_seconds(seconds: float) -> datetime:
    """So many seconds from now."""
    return datetime.now(UTC) + timedelta(seconds=seconds)
