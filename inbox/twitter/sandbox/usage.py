"""How many tweets the app read, by day, under `/2/usage`."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from inbox.twitter.sandbox import problems
from inbox.twitter.sandbox.access import Caller, Sandbox, endpoint
from inbox.twitter.sandbox.prices import today
from inbox.twitter.sandbox.problems import json_response

PROJECT_ID, APP_ID = "1", "29820954"
CAP = 3_000_000


@endpoint("/2/usage/tweets", users=False, billed=False)
async def usage(request: Request, sandbox: Sandbox, _caller: Caller) -> Response:
    asked = request.query_params.get("days", "7")
    if not asked.isdigit() or not 1 <= int(asked[:3]) <= 90:
        raise problems.invalid("`days` is a number from 1 to 90.", days=asked[:60])
    kind = int if sandbox.world.vocabulary == "tweet" else str  # the newer description writes numbers as strings
    counts = sandbox.till.usage(int(asked)) or [(today(), 0)]
    days = [{"date": f"{day}T00:00:00.000Z", "usage": kind(count)} for day, count in counts]
    total = sum(count for _, count in sandbox.till.usage(31))
    data = {
        "cap_reset_day": 1,
        "project_cap": kind(sandbox.world.settings["reading_limit"] or CAP),
        "project_id": PROJECT_ID,
        "project_usage": kind(total),
        "daily_project_usage": {"project_id": kind(PROJECT_ID), "usage": days},
        "daily_client_app_usage": [{"client_app_id": APP_ID, "usage": days, "usage_result_count": len(days)}],
    }
    fields = [name for name in request.query_params.get("usage.fields", "").split(",") if name]
    always = {"cap_reset_day", "project_cap", "project_id", "project_usage"}
    return json_response({"data": {name: one for name, one in data.items() if name in always or name in fields}})


ROUTES = [Route("/2/usage/tweets", usage, methods=["GET"])]
