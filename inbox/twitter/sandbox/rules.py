"""The rules of the filtered stream: kept per app, checked, and found by what a tweet has in it."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from inbox.twitter.sandbox import language, problems
from inbox.twitter.sandbox.access import Caller, Sandbox, endpoint
from inbox.twitter.sandbox.parameters import an_id, read_object
from inbox.twitter.sandbox.problems import PROBLEMS, Problem, json_response
from inbox.twitter.sandbox.snowflake import now_ms
from inbox.twitter.sandbox.wire import timestamp

CAPS = {"self_serve": (1_000, 1_024), "enterprise": (25_000, 2_048)}  # how many, and how long
LONGEST_TAG = 256
APP_ID = "29820954"


@endpoint("/2/tweets/search/stream/rules", users=False, billed=False)
async def get_rules(request: Request, sandbox: Sandbox, _caller: Caller) -> Response:
    asked = [one for one in request.query_params.get("ids", "").split(",") if one]
    ids = {an_id(one, "ids") for one in asked}
    rules = [rule.as_json() for rule in sandbox.stream.rules.all() if not ids or rule.id in ids]
    meta = {"sent": timestamp(now_ms()), "result_count": len(rules)}
    return json_response({"data": rules, "meta": meta} if rules else {"meta": meta})


@endpoint("/2/tweets/search/stream/rules", users=False, billed=False)
async def change_rules(request: Request, sandbox: Sandbox, _caller: Caller) -> Response:
    query, body = request.query_params, await read_object(request)
    is_dry = query.get("dry_run") == "true"
    if query.get("delete_all") == "true":
        return _deleted(sandbox, [rule.id for rule in sandbox.stream.rules.all()], 0, is_dry)
    if ("add" in body) == ("delete" in body):
        raise problems.invalid("The body needs either `add` or `delete`.", body=str(sorted(body))[:60])
    if "add" in body:
        return _added(sandbox, body["add"], is_dry)
    asked = body["delete"] if isinstance(body["delete"], dict) else {}
    known = {rule.id: rule for rule in sandbox.stream.rules.all()}
    by_value = {rule.value: rule.id for rule in known.values()}
    ids = [an_id(one, "ids") for one in asked.get("ids") or []]
    ids += [by_value.get(str(one), 0) for one in asked.get("values") or []]
    if not ids:
        raise problems.invalid("`delete` names rules by `ids` or `values`.", delete=str(body["delete"])[:60])
    there = [one for one in ids if one in known]
    return _deleted(sandbox, there, len(ids) - len(there), is_dry)


@endpoint("/2/tweets/search/stream/rules/counts", users=False, billed=False)
async def count_rules(_request: Request, sandbox: Sandbox, _caller: Caller) -> Response:
    cap, count = CAPS[sandbox.world.settings["plan"]][0], len(sandbox.stream.rules.all())
    kind = int if sandbox.world.vocabulary == "tweet" else str  # the newer description writes some numbers as strings
    return json_response(
        {
            "data": {
                "cap_per_client_app": kind(cap),
                "cap_per_project": kind(cap),
                "client_app_rules_count": {"client_app_id": APP_ID, "rule_count": count},
                "project_rules_count": kind(count),
            }
        }
    )


def _added(sandbox: Sandbox, asked: object, is_dry: bool) -> Response:
    if not isinstance(asked, list) or not asked or not all(isinstance(one, dict) for one in asked):
        raise problems.invalid("`add` is a list of objects with `value` and `tag`.", add=str(asked)[:60])
    most, longest = CAPS[sandbox.world.settings["plan"]]
    rules, errors = sandbox.stream.rules, []
    known = {rule.value: rule.id for rule in rules.all()}
    if len(known) + sum(str(one.get("value", "")).strip() not in known for one in asked) > most:
        raise Problem(
            422, "RulesCapExceeded", f"Exceeds the cap of {most} rules of this app.", kind="rule-cap", errors=None
        )
    new: list[tuple[str, str | None]] = []
    for one in asked:
        value, tag = one.get("value"), one.get("tag")
        if problem := _wrong_with(value, tag, longest, known, new, sandbox):
            errors.append(problem)
        else:
            new.append((str(value).strip(), tag))
    with sandbox.storage.transaction():
        made = [rules.add(value, tag, is_kept=not is_dry) for value, tag in new]
    invalid = sum("id" not in error for error in errors)
    summary = {"created": len(made), "not_created": len(errors), "valid": len(made), "invalid": len(errors)}
    meta = {"sent": timestamp(now_ms()), "summary": summary}
    body: dict[str, Any] = {"meta": meta}
    if made:
        body["data"] = [rule.as_json() for rule in made]
    if errors:
        body["errors"] = errors
    # A list of nothing but wrong rules is an error; a known rule is not wrong, only there already.
    if invalid and not made and invalid == len(errors):
        refusal = {"title": "Invalid Request", "detail": "One or more rules are invalid."}
        kind = f"{PROBLEMS[sandbox.world.vocabulary]}invalid-rules"
        return json_response({**body, **refusal, "type": kind}, 400)
    return json_response(body, 201 if made else 200)


def _wrong_with(
    value: object, tag: object, longest: int, known: dict[str, int], new: list[tuple[str, str | None]], sandbox: Sandbox
) -> dict[str, Any] | None:
    kinds = PROBLEMS[sandbox.world.vocabulary]
    if not isinstance(value, str) or not isinstance(tag, str | None) or len(tag or "") > LONGEST_TAG:
        detail = f"`value` and `tag` are strings, and `tag` has {LONGEST_TAG} characters at most."
        return {"title": "Invalid Rule", "detail": detail, "type": f"{kinds}invalid-rules", "value": str(value)[:60]}
    value = value.strip()
    if value in known or value in dict(new):
        there = {"id": str(known[value])} if value in known else {}
        return {"title": "DuplicateRule", "detail": "", "type": f"{kinds}duplicate-rules", "value": value, **there}
    try:
        language.read(value, longest, "value")
    except Problem as problem:
        reason = problem.errors[0]["message"] if problem.errors else problem.detail
        return {
            "title": "UnprocessableEntity",
            "detail": reason,
            "details": [reason],
            "type": f"{kinds}invalid-rules",
            "value": value[:longest],
        }
    return None


def _deleted(sandbox: Sandbox, ids: list[int], missing: int, is_dry: bool) -> Response:
    if not is_dry:
        sandbox.stream.rules.end(ids)
    summary = {"deleted": len(ids), "not_deleted": missing}
    body: dict[str, Any] = {"meta": {"sent": timestamp(now_ms()), "summary": summary}}
    if missing:
        body["errors"] = [
            {
                "title": "Invalid Request",
                "detail": "One or more rules do not exist.",
                "type": f"{PROBLEMS[sandbox.world.vocabulary]}invalid-request",
            }
        ]
    return json_response(body)


ROUTES = [
    Route("/2/tweets/search/stream/rules", get_rules, methods=["GET"]),
    Route("/2/tweets/search/stream/rules", change_rules, methods=["POST"]),
    Route("/2/tweets/search/stream/rules/counts", count_rules, methods=["GET"]),
]
