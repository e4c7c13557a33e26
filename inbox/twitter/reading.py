"""Reading calls: what Twitter can be asked for, page by page, under both of its vocabularies.

Asked by the names that `vocabulary` says, read by either. An answer of 200 with `errors` is an answer: what it has is
given, what it lacks is named with the reason. A call without a usable answer raises a kind of `Unavailable`; every
one of them may be made again. Nothing is retried here.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Self

import httpx
import msgspec

from inbox.twitter.calls import LONGEST_CALL, Unavailable, a_dict, capped, http_client, in_words, read_json, words_of
from inbox.twitter.metering import Told
from inbox.twitter.shapes import (
    SNOWFLAKE_EPOCH_MS,
    Account,
    Tweet,
    Unreadable,
    as_id,
    is_id,
    read_account,
    read_tweet,
)

log = logging.getLogger(__name__)

# Twitter's own limits: ids of one look-up, rows of one page, days that recent search goes back.
MOST_IDS = 100
PAGE = 100
SEARCH_GOES_BACK = timedelta(days=7)
_LATEST = timedelta(seconds=15)  # search's `end_time` must be a little in the past
_USER_FIELDS = "name,username,profile_image_url,protected,verified,verified_type,created_at,receives_your_dm"
_MEDIA_FIELDS = "url,preview_image_url,type,alt_text,variants,width,height"
_COMMON = "conversation_id,created_at,edit_controls,entities,attachments,lang,reply_settings,display_text_range"
_MORE = "possibly_sensitive,withheld"


class Gone(StrEnum):
    """Why a tweet or an account that was asked for is not shown."""

    NOT_FOUND = "not_found"  # deleted, or its author is suspended: they look alike
    PROTECTED = "protected"  # its author lets few people see it, or blocks us
    UNAVAILABLE = "unavailable"


class Refused401(Unavailable):
    """Twitter does not accept this log-in."""


class OutOfCredits(Unavailable):
    """Twitter wants payment first."""


class Limited(Unavailable):
    """The limit of this window is used up; `until` is when the next begins."""

    def __init__(self, why: str, *, until: datetime) -> None:
        super().__init__(why)
        self.until = until


class TooOld(Unavailable):
    """It was asked from an id on that is older than Twitter looks back."""


class NotAllowed(Unavailable):
    """Twitter does not let this app or account do that, now or later."""


class NotUnderstood(Unavailable):
    """Something of what was asked will not do; `errors` says what, as far as Twitter does."""

    def __init__(self, why: str, *, errors: object = None) -> None:
        super().__init__(why)
        self.errors: list[Any] = errors if isinstance(errors, list) else []


@dataclass(frozen=True, slots=True)
class Found:
    """One tweet (or direct message, or event) of an answer: read, and as its own small body to be stored as sent."""

    id: int
    body: bytes
    tweet: Tweet | None = None


@dataclass(slots=True)
class Page:
    """What some pages together brought, the newest first. `is_whole`: nothing of what was asked for is missing."""

    found: list[Found] = field(default_factory=list)
    missing: dict[int, Gone] = field(default_factory=dict)
    is_whole: bool = True


def tweet_params(vocabulary: str) -> dict[str, str]:
    """Everything about tweets that a care team needs, asked in this vocabulary: they ask differently, not just by
    other names (FACTS 2.3)."""
    shared = {"user.fields": _USER_FIELDS, "media.fields": _MEDIA_FIELDS}
    if vocabulary == "post":
        return {
            **shared,
            "post.fields": f"{_COMMON},note_post,{_MORE}",
            "expansions": "author_id,in_reply_to_user_id,referenced_posts,edit_history_post_ids,attachments.media_keys",
        }
    return {
        **shared,
        "tweet.fields": f"author_id,in_reply_to_user_id,referenced_tweets,edit_history_tweet_ids,{_COMMON},"
        f"note_tweet,{_MORE}",
        "expansions": "author_id,in_reply_to_user_id,referenced_tweets.id,attachments.media_keys",
    }


def private_params(vocabulary: str) -> dict[str, str]:
    """The same of direct messages."""
    shared = {"user.fields": _USER_FIELDS, "media.fields": _MEDIA_FIELDS, "event_types": "MessageCreate"}
    base = "id,event_type,text,dm_conversation_id,created_at,attachments,entities"
    if vocabulary == "post":
        return {
            **shared,
            "dm_event.fields": base,
            "expansions": "sender_id,participant_ids,referenced_posts,attachments.media_keys",
        }
    return {
        **shared,
        "dm_event.fields": f"{base},sender_id,participant_ids,referenced_tweets",
        "expansions": "sender_id,participant_ids,attachments.media_keys",
    }


class Reader:
    """Reading calls with one bearer: a brand's token, or the app's own. A context manager; not for several threads."""

    def __init__(
        self, *, base_url: str, bearer: str, vocabulary: str = "tweet", handle_id: int = 0, told: Told | None = None
    ) -> None:
        self.handle_id = handle_id
        self._vocabulary = vocabulary
        self._http = http_client(base_url, bearer=bearer, told=told)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def mentions(self, *, since: datetime, until: datetime | None = None, most: int = 800) -> Page:
        """Tweets that name this account, in this span. Twitter keeps the newest 800 and shows no more."""
        path = f"/2/users/{self.handle_id}/mentions"
        params = {**tweet_params(self._vocabulary), **_span(since, until), "max_results": str(PAGE)}
        page = self._pages(path, params, most=min(most, 800), token="pagination_token")
        if len(page.found) >= 800:
            page.is_whole = False
        return page

    def mentions_after(self, since_id: int, *, most: int = 800) -> Page:
        """The same by id; one that Twitter calls too old is asked again by its time."""
        path = f"/2/users/{self.handle_id}/mentions"
        params = {**tweet_params(self._vocabulary), "since_id": str(since_id), "max_results": str(PAGE)}
        try:
            return self._pages(path, params, most=most, token="pagination_token")
        except TooOld:
            return self.mentions(since=_instant_of(since_id), most=most)

    def own(self, *, since: datetime, until: datetime | None = None, most: int = 800) -> Page:
        """The account's own tweets of this span, wherever they were written."""
        path = f"/2/users/{self.handle_id}/tweets"
        params = {**tweet_params(self._vocabulary), **_span(since, until), "max_results": str(PAGE)}
        return self._pages(path, params, most=most, token="pagination_token")

    def search(self, query: str, *, since: datetime, until: datetime | None = None, most: int = 1_000) -> Page:
        """Tweets of the last seven days that a rule fits; what is older than that is not there to be found."""
        earliest = datetime.now(UTC) - SEARCH_GOES_BACK + timedelta(minutes=1)
        latest = datetime.now(UTC) - _LATEST
        until = min(until, latest) if until else None
        params = {**tweet_params(self._vocabulary), "query": query, "max_results": str(PAGE)}
        params |= _span(max(since, earliest), until)
        page = self._pages("/2/tweets/search/recent", params, most=most, token="next_token")
        page.is_whole = page.is_whole and since >= earliest
        return page

    def dm_events(self, *, until_id: int | None = None, since: datetime | None = None, most: int = 300) -> Page:
        """Direct messages, the newest first, until one that is known or older than `since`: Twitter knows no
        `since_id` here. It keeps them for thirty days."""
        params = {**private_params(self._vocabulary), "max_results": str(PAGE)}
        result = Page()
        for _ in range(_most_pages(most)):
            answer = self._ask("/2/dm_events", params)
            for event in _rows(answer):
                found = _private(event, answer)
                if found is None:
                    continue
                if found.id <= (until_id or 0) or (since and _instant_of(found.id) < since):
                    return result
                result.found.append(found)
            token = a_dict(answer.get("meta")).get("next_token")
            if not token:
                return result
            if len(result.found) >= most or params.get("pagination_token") == str(token):
                break
            params["pagination_token"] = str(token)
        result.is_whole = False
        return result

    def tweets(self, ids: Sequence[int]) -> Page:
        """These tweets, a hundred at a call: those that are there, and why the others are not."""
        result = Page()
        for begin in range(0, len(ids), MOST_IDS):
            part = ids[begin : begin + MOST_IDS]
            params = {**tweet_params(self._vocabulary), "ids": ",".join(map(str, part))}
            answer = self._ask("/2/tweets", params)
            result.found += _tweets_in(answer)
            result.missing |= _missing_in(answer)
        seen = {found.id for found in result.found} | result.missing.keys()
        # An edited tweet may answer under another of its ids. What Twitter says nothing of is not known to be gone: an
        # answer that is empty by a fault of theirs must not take our words away.
        seen |= {pk for found in result.found if found.tweet for pk in found.tweet.versions}
        result.missing |= {pk: Gone.UNAVAILABLE for pk in ids if pk not in seen}
        return result

    def users(self, ids: Sequence[int]) -> tuple[list[Account], dict[int, Gone]]:
        """These accounts, a hundred at a call, and why others are not shown."""
        accounts: list[Account] = []
        missing: dict[int, Gone] = {}
        for begin in range(0, len(ids), MOST_IDS):
            params = {"ids": ",".join(map(str, ids[begin : begin + MOST_IDS])), "user.fields": _USER_FIELDS}
            answer = self._ask("/2/users", params)
            missing |= _missing_in(answer)
            for row in _rows(answer):
                try:
                    accounts.append(read_account(row))
                except (KeyError, TypeError, ValueError, AttributeError) as error:
                    log.error("An account in an answer of Twitter's could not be read: %r", error)
        return accounts, missing

    def _pages(self, path: str, params: dict[str, str], *, most: int, token: str) -> Page:
        result = Page()
        for _ in range(_most_pages(most)):
            answer = self._ask(path, params)
            result.found += _tweets_in(answer)
            result.missing |= _missing_in(answer)
            following = a_dict(answer.get("meta")).get("next_token")
            if not following:
                return result
            if len(result.found) >= most or params.get(token) == str(following):
                break
            params = {**params, token: str(following)}
        result.is_whole = False
        return result

    def _ask(self, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        return ask(self._http, "GET", path, params=dict(params))


def _most_pages(most: int) -> int:
    """Pages may be half empty; but a Twitter that always has one more is not asked for ever, at a price for each."""
    return 2 * -(-most // PAGE) + 3


def ask(http: httpx.Client, method: str, path: str, **request: Any) -> dict[str, Any]:
    """One call whose answer is an object; raises the kind of `Unavailable` that says why there is none."""
    try:
        with capped(http, method, path, seconds=LONGEST_CALL, **request) as (status, headers, content):
            answer = read_json(content)
    except httpx.HTTPError as error:
        raise Unavailable(in_words(error)) from error
    if 200 <= status < 300 and answer is not None:
        return answer
    raise problem_of(status, headers, answer)


def problem_of(status: int, headers: Mapping[str, str], answer: Mapping[str, Any] | None) -> Unavailable:
    """What an answer that is no success means (FACTS 3.4). The kind of a problem is the end of its type's address:
    Twitter's host in it has changed before."""
    known = answer or {}
    words = words_of(known, status)
    kind = str(known.get("type") or "").rpartition("/")[2]
    if status == 401:
        return Refused401(f"Twitter does not accept the log-in: {words}")
    if status == 402 or kind in ("credits-depleted", "usage-capped"):
        return OutOfCredits(f"Twitter wants payment: {words}")
    if status == 429:
        return Limited(f"Twitter's limit is used up: {words}", until=_reset(headers))
    if status == 400 and "since_id" in words:
        return TooOld(words)
    if status == 400:
        return NotUnderstood(f"Twitter answered {status}: {words}", errors=known.get("errors"))
    if status == 403:
        return NotAllowed(words)
    return Unavailable(f"Twitter answered {status}: {words}")


def one_body(post: Mapping[str, Any], includes: Mapping[str, Any], **more: Any) -> bytes:
    """A tweet of a page as its own small body: with what of the page's company concerns it, as Twitter sent it."""
    return msgspec.json.encode({"data": post, "includes": _its_own(post, includes), **more})


def _its_own(post: Mapping[str, Any], includes: Mapping[str, Any]) -> dict[str, Any]:
    people = {post.get("author_id"), post.get("sender_id"), post.get("in_reply_to_user_id")}
    people |= {one.get("id") for one in a_dict(post.get("entities")).get("mentions") or () if isinstance(one, dict)}
    people |= {*(post.get("participant_ids") or ())}
    keys = {*(a_dict(post.get("attachments")).get("media_keys") or ())}
    # Not the tweets that it answers or quotes: deleted, they would keep their words here.
    wanted = {"users": ("id", people), "media": ("media_key", keys)}
    found = {
        name: [row for row in includes.get(name) or () if isinstance(row, dict) and row.get(key) in values]
        for name, (key, values) in wanted.items()
    }
    return {name: rows for name, rows in found.items() if rows}


def _tweets_in(answer: Mapping[str, Any]) -> list[Found]:
    includes = a_dict(answer.get("includes"))
    found = []
    for post in _rows(answer):
        try:
            tweet = read_tweet(post, includes=includes)
        except Unreadable as error:
            log.error("A tweet in an answer of Twitter's could not be read: %s", error)
            found += _unread(post)
            continue
        found.append(Found(id=tweet.id, body=one_body(post, includes), tweet=tweet))
    return found


def _unread(thing: Mapping[str, Any]) -> list[Found]:
    """What cannot be read, as far as it has an id: stored, and quarantined, it keeps nothing else from being read."""
    name = str(thing.get("id"))
    if not name.isdecimal() or len(name) > 19 or not is_id(int(name)):
        return []
    return [Found(id=int(name), body=msgspec.json.encode({"data": thing}))]


def _private(event: Mapping[str, Any], answer: Mapping[str, Any]) -> Found | None:
    """A direct message. Who joined and left a group is no message."""
    if event.get("event_type") not in (None, "MessageCreate"):
        return None
    try:
        return Found(id=as_id(event["id"]), body=one_body(event, a_dict(answer.get("includes"))))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        log.error("A direct message in an answer of Twitter's could not be read: %r", error)
        return next(iter(_unread(event)), None)


def _missing_in(answer: Mapping[str, Any]) -> dict[int, Gone]:
    missing = {}
    for error in answer.get("errors") or ():
        name = str(a_dict(error).get("resource_id") or a_dict(error).get("value") or "")
        if name.isdecimal() and is_id(int(name)) and a_dict(error).get("parameter", "ids") in ("ids", "id"):
            missing[int(name)] = _why_gone(a_dict(error))
    return missing


def _why_gone(error: Mapping[str, Any]) -> Gone:
    kind = str(error.get("type") or "").rpartition("/")[2]
    known = {"resource-not-found": Gone.NOT_FOUND, "not-authorized-for-resource": Gone.PROTECTED}
    return known.get(kind, Gone.UNAVAILABLE)


def _rows(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The rows of an answer. An empty page has none, a single look-up one; partial errors may stand alone."""
    data = answer.get("data")
    rows: Iterable[Any] = data if isinstance(data, list) else [] if data is None else [data]
    return [row for row in rows if isinstance(row, dict)]


def _span(since: datetime, until: datetime | None) -> dict[str, str]:
    span = {"start_time": _wire(since)}
    return {**span, "end_time": _wire(until)} if until else span


def _wire(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _instant_of(tweet_id: int) -> datetime:
    return datetime.fromtimestamp(((tweet_id >> 22) + SNOWFLAKE_EPOCH_MS) / 1000, UTC)


def id_at(at: datetime) -> int:
    """The smallest id that something of this instant can have."""
    return max(1, (int(at.timestamp() * 1000) - SNOWFLAKE_EPOCH_MS) << 22)


def _reset(headers: Mapping[str, str]) -> datetime:
    now = datetime.now(UTC)
    try:
        at = datetime.fromtimestamp(float(headers["x-rate-limit-reset"]), UTC)
    except (KeyError, ValueError, OverflowError, OSError):
        return now + timedelta(seconds=60)
    return min(max(at, now + timedelta(seconds=1)), now + timedelta(days=1))
