"""The filtered stream and its connections under `/2`, for the app's own token."""

from collections.abc import Iterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from inbox.twitter.sandbox import problems
from inbox.twitter.sandbox.access import Caller, Sandbox, endpoint
from inbox.twitter.sandbox.answers import Showing
from inbox.twitter.sandbox.parameters import an_instant, wanted
from inbox.twitter.sandbox.problems import json_response, with_types
from inbox.twitter.sandbox.snowflake import now_ms
from inbox.twitter.sandbox.stream import ENDPOINT, Match
from inbox.twitter.sandbox.wire import renamed

DAY_MS = 86_400_000


@endpoint("/2/tweets/search/stream", users=False)
async def stream(request: Request, sandbox: Sandbox, caller: Caller) -> Response:
    asked, past = wanted(request, is_stream=True), _past(request, sandbox)

    def draw(match: Match) -> dict[str, object]:
        showing = Showing(sandbox, caller, asked)
        shown, includes = showing.tweets([match[0]])
        body = {"data": shown[0], **{name: one for name, one in includes.items() if one}}
        if showing.errors:
            body["errors"] = with_types(showing.errors, sandbox.world.vocabulary)
        return renamed(body, sandbox.world.vocabulary)

    connection = sandbox.stream.connect(request.client.host if request.client else "")
    lines = sandbox.stream.lines(connection, draw, past)
    return StreamingResponse(lines, media_type="application/json; charset=utf-8")


@endpoint("/2/connections", users=False, billed=False)
async def get_connections(request: Request, sandbox: Sandbox, _caller: Caller) -> Response:
    status = request.query_params.get("status", "active")
    if status not in ("active", "inactive", "all"):
        raise problems.invalid("`status` is active, inactive or all.", status=status[:60])
    found = sandbox.stream.history(status)
    meta = {"meta": {"result_count": len(found)}}
    return json_response({"data": found, **meta} if found else meta)


@endpoint("/2/connections/all", users=False, billed=False)
async def end_connections(_request: Request, sandbox: Sandbox, _caller: Caller) -> Response:
    return _ended(sandbox)


@endpoint("/2/connections/{endpoint_id}", users=False, billed=False)
async def end_connections_of(request: Request, sandbox: Sandbox, _caller: Caller) -> Response:
    if request.path_params["endpoint_id"] != ENDPOINT:
        raise problems.invalid(f"`endpoint_id` is {ENDPOINT}.", endpoint_id=request.path_params["endpoint_id"][:60])
    return _ended(sandbox)


def _ended(sandbox: Sandbox) -> Response:
    ended = sandbox.stream.end_all("force-disconnect")
    return json_response({"data": {"successful_kills": ended, "failed_kills": 0, "results": []}})


def _past(request: Request, sandbox: Sandbox) -> Iterator[Match]:
    """Tweets of before: the minutes of `backfill_minutes`, or a stretch of the last day. For Enterprise."""
    query = request.query_params
    minutes = query.get("backfill_minutes", "0")
    if not minutes.isdigit() or not 0 <= int(minutes[:3]) <= 5:
        raise problems.invalid("`backfill_minutes` is a number from 0 to 5.", backfill_minutes=minutes[:60])
    if (minutes != "0" or "start_time" in query) and sandbox.world.settings["plan"] != "enterprise":
        raise problems.forbidden(problems.NOT_ON_THIS_PLAN)
    now = now_ms()
    if "start_time" in query:
        begin = an_instant(query["start_time"], "start_time")
        end = an_instant(query["end_time"], "end_time") if "end_time" in query else now
        if begin < now - DAY_MS:
            raise problems.invalid("`start_time` is within the last 24 hours.", start_time=query["start_time"][:60])
        return sandbox.stream.past(begin, end)
    return sandbox.stream.past(now - int(minutes) * 60_000, now) if minutes != "0" else iter(())


ROUTES = [
    Route("/2/tweets/search/stream", stream, methods=["GET"]),
    Route("/2/connections", get_connections, methods=["GET"]),
    Route("/2/connections/all", end_connections, methods=["DELETE"]),
    Route("/2/connections/{endpoint_id}", end_connections_of, methods=["DELETE"]),
]
