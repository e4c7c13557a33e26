"""What an answer of Twitter shows: tweets and accounts, what they bring along, and what could not be brought.

What is shown is paid for: each tweet and each account once a day.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from inbox.twitter.sandbox import people
from inbox.twitter.sandbox.access import Caller, Sandbox
from inbox.twitter.sandbox.parameters import Wanted, an_id
from inbox.twitter.sandbox.problems import forbidden, json_response, not_authorized, not_found, suspended, with_types
from inbox.twitter.sandbox.wire import distinct, renamed, user_json
from inbox.twitter.sandbox.world import Account, Tweet

REFERENCED = {"referenced_tweets.id", "referenced_tweets.id.author_id", "referenced_posts"}


def answer(
    sandbox: Sandbox,
    body: dict[str, Any],
    *,
    errors: Sequence[dict[str, Any]] = (),
    meta: dict[str, Any] | None = None,
    status: int = 200,
) -> Response:
    """A body in the vocabulary of the day; lists that are empty are left out, as Twitter does."""
    vocabulary = sandbox.world.vocabulary
    body = {name: value for name, value in body.items() if value}
    if errors:
        body["errors"] = with_types(list(errors), vocabulary)
    if meta:
        body["meta"] = meta
    return json_response(renamed(body, vocabulary), status)


class Showing:
    """Gathers one answer: what is asked for, by whom, and what could not be shown."""

    def __init__(self, sandbox: Sandbox, caller: Caller, asked: Wanted) -> None:
        self.sandbox, self.caller, self.asked = sandbox, caller, asked
        self.errors: list[dict[str, Any]] = []

    def tweets(self, tweets: Sequence[Tweet]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """The tweets, and their `includes`."""
        referenced = self._referenced(tweets)
        media = distinct(one for tweet in [*tweets, *referenced] for one in tweet.media) if self._wants_media() else []
        includes = {
            "users": [self.user(account) for account in self._in_order(self._included_users(tweets, referenced))],
            "tweets": self._drawn(referenced),
            "media": [self.sandbox.media.as_json(one, self.asked.media_fields) for one in media],
        }
        includes = {name: found for name, found in includes.items() if found}
        self.pay("post_read", (tweet.id for tweet in [*tweets, *referenced]))
        return self._drawn(tweets), {"includes": includes}

    def looked_up(self, ids: Sequence[int], parameter: str) -> list[Tweet]:
        """The tweets of these ids that may be seen; the others leave an error each."""
        found = self.sandbox.world.tweets(ids)
        return [
            found[tweet_id]
            for tweet_id in ids
            if not self._is_missing(found.get(tweet_id), tweet_id, parameter) and tweet_id in found
        ]

    def accounts(self, asked: Sequence[tuple[str, Account | None]], parameter: str) -> list[Account]:
        """The accounts that may be seen; the others leave an error each."""
        shown = []
        for value, account in asked:
            if not account:
                self.errors.append(not_found("user", parameter, value))
            elif account.suspended and account.id != self.caller.user_id:
                self.errors.append(suspended(parameter, value))
            else:
                shown.append(account)
        self.pay("user_read", (account.id for account in shown))
        return shown

    def user(self, account: Account) -> dict[str, Any]:
        fields, me, takes = self.asked.user_fields, self.caller.account, False
        if "receives_your_dm" in fields:
            fields = fields if me else fields - {"receives_your_dm"}
            takes = bool(me and people.takes_private(self.sandbox.world, me, account))
        shown = user_json(account, self.sandbox.environment.public_url, fields, takes_private=takes)
        if "public_metrics" in shown:
            shown["public_metrics"]["following_count"] = people.following(self.sandbox.world, account.id)
        return shown

    def pay(self, kind: str, resources: Iterable[object]) -> None:
        self.sandbox.till.read(kind, resources)

    def _drawn(self, tweets: Sequence[Tweet]) -> list[dict[str, Any]]:
        return self.sandbox.activity.drawing.tweets(tweets, self.asked.tweet_fields)

    def _wants_media(self) -> bool:
        return "attachments.media_keys" in self.asked.expansions

    def _is_missing(self, tweet: Tweet | None, tweet_id: int, parameter: str) -> bool:
        """Deleted tweets and those of suspended accounts look alike; protected and blocked ones say so."""
        reason = people.why_hidden(self.sandbox.world, tweet, self.caller.user_id) if tweet else "deleted"
        if reason:
            refusal = not_found if reason in ("deleted", "suspended") else not_authorized
            self.errors.append(refusal("tweet", parameter, str(tweet_id)))
        return bool(reason)

    def _referenced(self, tweets: Sequence[Tweet]) -> list[Tweet]:
        found: list[Tweet] = []
        if self.asked.expansions & REFERENCED:
            parameter = "referenced_posts" if "referenced_posts" in self.asked.expansions else "referenced_tweets.id"
            ids = distinct(
                tweet_id for tweet in tweets for tweet_id in (tweet.in_reply_to_id, tweet.quoted_id, tweet.reposted_id)
            )
            found = self.looked_up(ids, parameter)
        if self.asked.expansions & {"edit_history_tweet_ids", "edit_history_post_ids"}:
            chains = self.sandbox.world.versions(tweets).values()
            shown = {tweet.id for tweet in [*tweets, *found]}
            versions = self.sandbox.world.tweets(one for chain in chains for one in chain if one not in shown)
            found = [*found, *versions.values()]
        return found

    def _included_users(self, tweets: Sequence[Tweet], referenced: Sequence[Tweet]) -> list[int]:
        ids: list[int | None] = []
        expansions = self.asked.expansions
        for tweet in tweets:
            if "author_id" in expansions:
                ids.append(tweet.author_id)
            if "in_reply_to_user_id" in expansions:
                ids.append(tweet.in_reply_to_user_id)
            if "entities.mentions.username" in expansions:
                ids += [int(user_id) for user_id in tweet.mentioned.values()]
        if "referenced_tweets.id.author_id" in expansions:
            ids += [tweet.author_id for tweet in referenced]
        return distinct(ids)

    def _in_order(self, ids: Sequence[int]) -> list[Account]:
        found = self.sandbox.world.accounts(ids)
        shown = [found[user_id] for user_id in ids if user_id in found]
        self.pay("user_read", (account.id for account in shown))
        return shown


def own_account(caller: Caller, request: Request, name: str = "id") -> Account:
    """The account in an address that has to be the caller's own."""
    assert caller.account
    if an_id(request.path_params[name], name) != caller.user_id:
        raise forbidden("You are not permitted to perform this action for another user.")
    return caller.account
