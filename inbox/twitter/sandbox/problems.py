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


def invalid(message: str, **parameters: object) -> Problem:
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
