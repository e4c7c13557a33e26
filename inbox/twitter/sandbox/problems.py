"""Refusals in the shape of RFC 7807, worded as Twitter words them."""

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

PROBLEMS = {"tweet": "https://api.twitter.com/2/problems/", "post": "https://api.x.com/2/problems/"}

NOT_SUMMONED = (
    "Reply to this conversation is not allowed because you have not been mentioned or otherwise engaged "
    "by the author of the post you are replying to."
)
DUPLICATE = "You are not allowed to create a Tweet with duplicate content."
GONE = "You attempted to reply to a Tweet that is deleted or not visible to you."
NO_PRIVATE = "You do not have permission to DM one or more participants."
NOT_ON_THIS_PLAN = "Your account is not permitted to access this feature."
TOO_LONG = "Your Tweet text is too long. It may weigh 280 at most."


class Problem(Exception):
    """An answer that is not the one hoped for. `kind` is the last part of Twitter's problem address."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        *,
        kind: str = "",
        errors: list[dict[str, Any]] | None = None,
        extra: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.title, self.detail, self.kind = status, title, detail, kind
        self.errors, self.extra, self.headers = errors, extra or {}, dict(headers or {})

    def body(self, vocabulary: str) -> dict[str, Any]:
        body: dict[str, Any] = {"title": self.title, "detail": self.detail}
        body["type"] = PROBLEMS[vocabulary] + self.kind if self.kind else "about:blank"
        # Twitter leaves the status out of its 400s and names the parameters instead.
        if self.errors is None:
            body["status"] = self.status
        else:
            body["errors"] = self.errors
        return {**body, **self.extra}

    def response(self, vocabulary: str) -> Response:
        return json_response(self.body(vocabulary), status=self.status, headers=self.headers)


def json_response(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(content), status, dict(headers or {}), "application/json; charset=utf-8")


def invalid(message: str, /, **parameters: object) -> Problem:
    """400: a parameter was wrong; `message` says which and why."""
    named = {name: [str(value)] for name, value in parameters.items()}
    return Problem(
        400,
        "Invalid Request",
        "One or more parameters to your request was invalid.",
        kind="invalid-request",
        errors=[{"parameters": named, "message": message}],
    )


def malformed(detail: str) -> Problem:
    """400 of the control surface, which is ours: title and detail are enough."""
    return Problem(400, "Invalid Request", detail)


def unauthorized() -> Problem:
    return Problem(401, "Unauthorized", "Unauthorized")


def forbidden(detail: str) -> Problem:
    return Problem(403, "Forbidden", detail)


def wrong_kind_of_token(used: str, supported: str) -> Problem:
    detail = (
        f"Authenticating with {used} is forbidden for this endpoint.  Supported authentication types are [{supported}]."
    )
    return Problem(403, "Unsupported Authentication", detail, kind="unsupported-authentication")


def rate_headers(limit: int, left: int, reset: int) -> dict[str, str]:
    return {"x-rate-limit-limit": str(limit), "x-rate-limit-remaining": str(left), "x-rate-limit-reset": str(reset)}


def not_for_you(detail: str) -> Problem:
    """403: the thing is there, and not for whoever asks."""
    return Problem(403, "Forbidden", detail, kind="not-authorized-for-resource")


def no_such(what: str) -> Problem:
    """404: the thing an address names is not there."""
    return Problem(404, "Not Found Error", f"There is no such {what}.", kind="resource-not-found")


def no_credits(wording: str) -> Problem:
    """402, in either of the two forms seen."""
    if wording == "no_credits":
        detail = "Your enrolled account does not have any credits"
        return Problem(402, "Payment Required", detail, kind="credits", extra={"account_id": "0"})
    return Problem(402, "Payment Required", "credits depleted", kind="credits-depleted")


def not_authorized(resource: str, parameter: str, value: str) -> dict[str, Any]:
    """One entry of `errors`: a tweet of a protected account, or of one that blocked whoever asks."""
    return {
        "title": "Authorization Error",
        "detail": f"Sorry, you are not authorized to see the {resource.title()} with {parameter}: [{value}].",
        "type": "not-authorized-for-resource",
        "value": value,
        "resource_id": value,
        "parameter": parameter,
        "resource_type": resource,
        "section": "data",
    }


def suspended(parameter: str, value: str) -> dict[str, Any]:
    """One entry of `errors`: an account that Twitter closed."""
    return {
        **not_found("user", parameter, value),
        "title": "Forbidden",
        "detail": f"User has been suspended: [{value}].",
    }


def not_found(resource: str, parameter: str, value: str) -> dict[str, Any]:
    """One entry of `errors` in an answer with status 200; its `type` is completed by `with_types`."""
    return {
        "title": "Not Found Error",
        "detail": f"Could not find {resource} with {parameter}: [{value}].",
        "type": "resource-not-found",
        "value": value,
        "resource_id": value,
        "parameter": parameter,
        "resource_type": resource,
    }


def with_types(errors: list[dict[str, Any]], vocabulary: str) -> list[dict[str, Any]]:
    return [{**error, "type": PROBLEMS[vocabulary] + error["type"]} for error in errors]
