"""The gateway: the few calls that Nightjar makes to Twitter, with outcomes as values.

It is handed plain credentials, keeps none, decides nothing, retries nothing. Every call has time-outs, an end and a
size cap. What an answer means follows `docs/twitter.md`: a write that may have happened is never called a failure.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import httpx

from inbox.twitter.calls import (
    Unavailable,
    a_dict,
    capped,
    in_words,
    note,
    read_json,
)
from inbox.twitter.shapes import SNOWFLAKE_EPOCH_MS, Account, Tweet, Unreadable, instant_of, read_tweet
from inbox.twitter.subscriptions import TwitterApp
from inbox.twitter.text import unescape
from inbox.twitter.writing import (
    Credentials,
    NotNow,
    PostingOutcome,
    Refused,
    Said,
    Sent,
    Unknown,
    Writer,
    is_access_token,
)

__all__ = [
    "Credentials",
    "NotNow",
    "PostingOutcome",
    "Refused",
    "Said",
    "Sent",
    "Twitter",
    "TwitterApp",
    "Unavailable",
    "Unknown",
    "is_access_token",
]

_MOST_PAGES = 5
# What is asked about tweets and direct messages, in either of Twitter's vocabularies: they ask differently, not just
# by other names.
_FIELDS = {
    "tweet": {
        "tweet.fields": "author_id,conversation_id,created_at,entities,in_reply_to_user_id,lang,note_tweet,"
        "referenced_tweets,edit_history_tweet_ids",
    },
    "post": {
        "post.fields": "conversation_id,created_at,entities,lang,note_post",
        "expansions": "author_id,in_reply_to_user_id,referenced_posts,edit_history_post_ids",
    },
}
_PRIVATE_FIELDS = {
    "tweet": {"dm_event.fields": "id,event_type,text,sender_id,created_at"},
    "post": {"dm_event.fields": "id,event_type,text,created_at", "expansions": "sender_id"},
}


class Twitter(Writer):
    """Calls for one account: what it writes, and what is asked to know what became of that.

    Asked by the names that `vocabulary` says, read by either. Use as a context manager; cheap to make, not for several
    threads at once.
    """

    def __init__(self, *, vocabulary: str = "tweet", **about: Any) -> None:
        super().__init__(**about)
        self._vocabulary = vocabulary

    def __enter__(self) -> "Twitter":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def own_tweets(self, *, since: datetime) -> list[Tweet]:
        """The account's own tweets from `since` on, newest first; raises `Unavailable`, also where there are too many.

        Never a part of them: a tweet that is not among them is not on the timeline.
        """
        since_id = ((int(since.timestamp() * 1000) - SNOWFLAKE_EPOCH_MS) << 22) - 1
        params = {**_FIELDS[self._vocabulary], "max_results": "100", "since_id": str(max(since_id, 1))}
        tweets: list[Tweet] = []
        for _ in range(_MOST_PAGES):
            answer = self._read(f"/2/users/{self._credentials.handle_id}/tweets", params)
            tweets += self._tweets_in(answer)
            token = a_dict(answer.get("meta")).get("next_token")
            if not token:
                return tweets
            params["pagination_token"] = str(token)
        raise Unavailable("The brand has written more tweets since than can be read at once.")

    def own_privates(self, *, with_id: int, since: datetime) -> list[Tweet]:
        """The direct messages to and from one person from `since` on, newest first; raises `Unavailable`.

        Never a part of them. Twitter has no beginning to ask from: it is read backwards until an older one comes.
        """
        params = {**_PRIVATE_FIELDS[self._vocabulary], "max_results": "100"}
        found: list[Tweet] = []
        for _ in range(_MOST_PAGES):
            answer = self._read(f"/2/dm_conversations/with/{with_id}/dm_events", params)
            page = self._privates_in(answer, with_id)
            found += [each for each in page if each.created_at >= since]
            token = a_dict(answer.get("meta")).get("next_token")
            if not token or any(each.created_at < since for each in page):
                return found
            params["pagination_token"] = str(token)
        raise Unavailable("More direct messages were written since than can be read at once.")

    def newest_version(self, tweet_id: int) -> Tweet | None:
        """A tweet as it stands now, with its edit history; None where it is no more. Raises `Unavailable`."""
        tweet = self._tweet(tweet_id)
        return self._tweet(tweet.versions[-1]) if tweet and tweet.versions and tweet.versions[-1] != tweet.id else tweet

    def me(self) -> Account:
        """The account that these credentials belong to; raises `Unavailable`."""
        answer = self._read("/2/users/me", {})
        try:
            data = answer["data"]
            return Account(id=int(data["id"]), username=str(data["username"]), name=str(data.get("name") or ""))
        except (KeyError, TypeError, ValueError) as error:
            note(error)
            raise Unavailable("Twitter's answer could not be read: it does not say whose account it is.") from error

    def _read(self, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        try:
            with capped(self._http, "GET", path, seconds=self._longest_call, params=dict(params)) as answer:
                status, _, content = answer
        except httpx.HTTPError as error:
            raise Unavailable(in_words(error)) from error
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

    def _tweet(self, tweet_id: int) -> Tweet | None:
        answer = self._read(f"/2/tweets/{tweet_id}", _FIELDS[self._vocabulary])
        if not answer.get("data"):
            if answer.get("errors"):
                return None
            raise Unavailable("Twitter's answer holds neither the tweet nor why it does not.")
        return self._tweets_in({"data": [answer["data"]], "meta": {}})[0]

    def _privates_in(self, answer: Mapping[str, Any], with_id: int) -> list[Tweet]:
        rows = answer.get("data", [])
        if not isinstance(rows, list) or ("data" not in answer and "meta" not in answer):
            raise Unavailable("Twitter's direct messages could not be read: they are no list.")
        try:
            return [_private(row, with_id, self._credentials.handle_id) for row in rows if _is_private(row)]
        except (KeyError, TypeError, ValueError) as error:
            note(error)
            raise Unavailable("Twitter's direct messages could not be read: one of them is not whole.") from error


def _is_private(row: object) -> bool:
    return bool(a_dict(row).get("event_type", "MessageCreate") == "MessageCreate")


def _private(row: Mapping[str, Any], with_id: int, handle_id: int) -> Tweet:
    pk, sender_id = int(row["id"]), int(row.get("sender_id") or 0)
    return Tweet(
        id=pk,
        author_id=sender_id,
        text=unescape(str(row.get("text") or "")),
        created_at=datetime.fromisoformat(row["created_at"]) if row.get("created_at") else instant_of(pk),
        in_reply_to_user_id=with_id if sender_id == handle_id else handle_id,
        is_private=True,
    )
