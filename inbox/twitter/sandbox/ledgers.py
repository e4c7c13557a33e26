"""The ledgers: everything that was ever said here, in public and in private, and everything else that was done."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from inbox.twitter.sandbox.access import Sandbox
from inbox.twitter.sandbox.asking import person, sandbox_of
from inbox.twitter.sandbox.parameters import an_id
from inbox.twitter.sandbox.private import PrivateEvent
from inbox.twitter.sandbox.problems import malformed
from inbox.twitter.sandbox.wire import timestamp
from inbox.twitter.sandbox.world import Tweet

PAGE = 1_000


async def ledger(request: Request) -> Response:
    """One JSON line each, by id; `?author=` shows one account's alone."""
    sandbox, query = sandbox_of(request), request.query_params
    after = query.get("after_id", "0")
    after_id = 0 if after == "0" else an_id(after, "after_id")
    kinds = {"tweets": _tweets, "private": _private, "acts": _acts}
    if query.get("kind", "tweets") not in kinds:
        raise malformed(f"`kind` is one of {', '.join(kinds)}.")
    author_id = person(sandbox, query["author"], "author").id if "author" in query else 0
    lines = kinds[query.get("kind", "tweets")](sandbox, after_id)
    return StreamingResponse(_lines(lines, str(author_id)), media_type="application/x-ndjson")


async def _lines(lines: Iterator[dict[str, Any]], author_id: str) -> AsyncIterator[bytes]:
    for line in lines:
        if author_id in ("0", line["author_id"]):
            yield msgspec.json.encode(line) + b"\n"


def _tweets(sandbox: Sandbox, after_id: int) -> Iterator[dict[str, Any]]:
    return (_line(tweet) for tweet in sandbox.world.ledger(after_id))


def _line(tweet: Tweet) -> dict[str, Any]:
    return {
        "id": str(tweet.id),
        "author_id": str(tweet.author_id),
        "text": tweet.text,
        "in_reply_to_tweet_id": tweet.in_reply_to_id and str(tweet.in_reply_to_id),
        "quoted_tweet_id": tweet.quoted_id and str(tweet.quoted_id),
        "reposted_tweet_id": tweet.reposted_id and str(tweet.reposted_id),
        "conversation_id": str(tweet.conversation_id),
        "created_at": timestamp(tweet.created_ms),
        "deleted": tweet.deleted_ms is not None,
        "first_version_id": str(tweet.chain),
        "superseded": bool(tweet.superseded),
        "hidden": bool(tweet.hidden),
        "media_ids": [str(one) for one in tweet.media],
        "direct_message_deep_link": tweet.deep_link,
    }


def _private(sandbox: Sandbox, after_id: int) -> Iterator[dict[str, Any]]:
    while page := sandbox.private.events_where("id > ?", (after_id,), limit=PAGE):
        for event in page:
            yield _private_line(event)
        after_id = page[-1].id


def _private_line(event: PrivateEvent) -> dict[str, Any]:
    return {
        "id": str(event.id),
        "event_type": event.kind,
        "author_id": str(event.sender_id),
        "conversation_id": event.conversation_id,
        "text": event.text,
        "media_id": event.media_id and str(event.media_id),
        "created_at": timestamp(event.created_ms),
        "deleted": event.deleted_ms is not None,
    }


def _acts(sandbox: Sandbox, after_id: int) -> Iterator[dict[str, Any]]:
    query = "SELECT id, kind, user_id, subject_id, created_ms FROM acts WHERE id > ? ORDER BY id LIMIT ?"
    while page := list(sandbox.storage.execute(query, (after_id, PAGE))):
        for act_id, kind, user_id, subject_id, created_ms in page:
            yield {
                "id": str(act_id),
                "kind": kind,
                "author_id": str(user_id),
                "subject_id": str(subject_id),
                "created_at": timestamp(created_ms),
            }
        after_id = page[-1][0]


ROUTES = [Route("/sandbox/ledger", ledger, methods=["GET"])]
