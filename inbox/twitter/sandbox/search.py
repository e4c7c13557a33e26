"""Recent search: seven days, by anchors through an index, and each candidate looked at."""

from collections.abc import Iterator
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from inbox.twitter.sandbox import language, people
from inbox.twitter.sandbox.access import Caller, Sandbox, endpoint
from inbox.twitter.sandbox.answers import Showing, answer
from inbox.twitter.sandbox.language import Node
from inbox.twitter.sandbox.parameters import Page, page, token_after, wanted
from inbox.twitter.sandbox.problems import invalid
from inbox.twitter.sandbox.snowflake import first_of, ms_of, now_ms
from inbox.twitter.sandbox.subjects import subject_of
from inbox.twitter.sandbox.wire import page_meta, timestamp
from inbox.twitter.sandbox.world import Tweet, World

LONGEST = 512
WEEK_MS = 7 * 86_400_000
CANDIDATES = 200


@endpoint("/2/tweets/search/recent")
async def search_recent(request: Request, sandbox: Sandbox, caller: Caller) -> Response:
    question = language.read(request.query_params.get("query", ""), LONGEST)
    showing, part = Showing(sandbox, caller, wanted(request)), page(request, smallest=10)
    part = _within_a_week(request, part)
    found = []
    for tweet in matching(sandbox.world, question, part, _seen_until(sandbox)):
        if people.why_hidden(sandbox.world, tweet, caller.user_id):
            continue
        found.append(tweet)
        if len(found) > part.size:
            break
    shown, includes = showing.tweets(found[: part.size])
    more = token_after(found[part.size - 1].id) if len(found) > part.size else None
    meta = page_meta(found[: part.size], more)
    return answer(sandbox, {"data": shown, **includes}, errors=showing.errors, meta=meta)


def matching(world: World, question: Node, part: Page, seen_until: int) -> Iterator[Tweet]:
    """The tweets that are meant, newest first; read in parts so that a short answer costs little."""
    condition, values = _candidates(question)
    below = part.below
    while True:
        tweets = world.tweets_where(
            f"id > ? AND id < ? AND deleted_ms IS NULL AND NOT superseded AND stored_ms <= ?{condition}",
            (part.above, below, seen_until, *values),
            order="id DESC",
            limit=CANDIDATES,
        )
        for tweet in tweets:
            if question.meets(subject_of(world, tweet)):
                yield tweet
        if len(tweets) < CANDIDATES:
            return
        below = tweets[-1].id


def _candidates(question: Node) -> tuple[str, list[object]]:
    """SQL that finds every tweet with one of the anchors, each through its own index."""
    anchors = question.anchors()
    if anchors is None:
        return "", []
    parts: list[str] = []
    values: list[object] = []
    words: list[str] = []
    for anchor in sorted(anchors):
        if anchor.startswith("w:"):
            words.append(anchor[2:])
        elif anchor[0] in "@":
            parts.append("SELECT tweet_id FROM mentions WHERE user_id = (SELECT id FROM accounts WHERE username = ?)")
            values.append(anchor[1:])
            words.append(anchor[1:])  # the name of nobody is found too
        elif anchor[0] in "#$":
            words.append(language.words_of(anchor)[0])
        else:
            _add_operator(anchor, parts, values)
    if words:
        parts.append("SELECT rowid FROM words WHERE words MATCH ?")
        values.append(" OR ".join(f'"{word}"' for word in words))
    return f" AND id IN ({' UNION '.join(parts)})", values


def _add_operator(anchor: str, parts: list[str], values: list[object]) -> None:
    operator, _, value = anchor.partition(":")
    person = "?" if value.isdigit() else "(SELECT id FROM accounts WHERE username = ?)"
    columns = {
        "from": f"SELECT id FROM tweets WHERE author_id = {person}",
        "to": f"SELECT id FROM tweets WHERE in_reply_to_user_id = {person}",
        "conversation_id": "SELECT id FROM tweets WHERE conversation_id = ?",
        "in_reply_to_tweet_id": "SELECT id FROM tweets WHERE in_reply_to_id = ?",
        "retweets_of": f"SELECT id FROM tweets WHERE reposted_id IN (SELECT id FROM tweets WHERE author_id = {person})",
        "quotes_of": f"SELECT id FROM tweets WHERE quoted_id IN (SELECT id FROM tweets WHERE author_id = {person})",
    }
    parts.append(columns[operator])
    values.append(int(value) if value.isdigit() else value)


def _within_a_week(request: Request, part: Page) -> Page:
    oldest = now_ms() - WEEK_MS
    since = request.query_params.get("since_id")
    if since and ms_of(int(since)) < oldest:
        raise invalid(
            f"'since_id' must be a tweet id created after [{timestamp(oldest)[:16]}Z]. Please use a 'since_id' that is"
            f" larger than {first_of(oldest)}",
            since_id=since,
        )
    if "start_time" in request.query_params and ms_of(part.above) < oldest - 60_000 and not since:
        raise invalid(
            f"Invalid 'start_time':'{request.query_params['start_time'][:40]}'. 'start_time' must be on or after"
            f" {timestamp(oldest)[:16]}Z.",
            start_time=request.query_params["start_time"][:40],
        )
    return replace(part, above=max(part.above, first_of(oldest)))


def _seen_until(sandbox: Sandbox) -> int:
    """The index is behind: by a setting, and by a fault."""
    fault = sandbox.faults.take("index_lag")
    seconds = sandbox.world.settings["index_lag_seconds"] + (fault.seconds if fault else 0)
    return now_ms() - int(seconds * 1000)


ROUTES = [Route("/2/tweets/search/recent", search_recent, methods=["GET"])]
