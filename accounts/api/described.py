"""How an operation is described: its words, its key, its examples, and everything it may answer."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers

from accounts.enums import Scope
from accounts.serializers import ProblemSerializer

Method = TypeVar("Method", bound=Callable[..., Any])

_WHY = {
    400: ("malformed", "Bad Request", "The body is not JSON that we can read. Send one JSON object in UTF-8."),
    401: ("key", "Unauthorized", "We do not know this key. Send it whole, as it was shown when it was made."),
    403: (
        "missing-scope",
        "Forbidden",
        "This key lacks the scope {scope}. Make one with it on the agency's host, /keys/.",
    ),
    404: ("not-found", "Not Found", "There is nothing here under this address. Look it up in /api/docs/."),
    406: ("not-acceptable", "Not Acceptable", "We answer in application/json. Say so in Accept, or leave it out."),
    409: ("not-now", "Conflict", "This conversation is closed. It opens again when the customer writes."),
    412: ("changed", "Precondition Failed", "This was changed since you read it. Read it again, and decide anew."),
    413: ("too-much", "Content Too Large", "That was more than we take at once. Send less; nothing of it was kept."),
    415: ("media-type", "Unsupported Media Type", "Send the body as JSON, with Content-Type: application/json."),
    422: ("not-understood", "Unprocessable Entity", "Part of what you sent is not understood. `errors` says which."),
    429: ("too-often", "Too Many Requests", "This key may read 600 times a minute. Go on in 12 s."),
}
_READ = (401, 403, 404, 406, 422, 429)
_WRITE = (400, 401, 403, 404, 406, 409, 413, 415, 422, 429)
_IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match", str, OpenApiParameter.HEADER, description="The ETag that you have. 304 says that it is still so."
)
_IDEMPOTENCY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "pattern": "^[!-~]{1,255}$"},
    OpenApiParameter.HEADER,
    description="A name of your own for this write, for 24 hours. The same one again gets the same answer "
    "(`Idempotency-Replayed: true`) and is not done twice.",
)
_TAG = OpenApiParameter("ETag", str, OpenApiParameter.HEADER, response=[200, 304], description="Names what was said.")
_REPLAYED = OpenApiParameter(
    "Idempotency-Replayed", str, OpenApiParameter.HEADER, response=[200, 201], description="`true`: done before."
)


def reads(
    operation_id: str,
    scope: Scope,
    summary: str,
    description: str,
    answer: Any,
    *,
    asked: type[serializers.Serializer] | None = None,
    example: Any = None,
    tag: str,
) -> Callable[[Method], Method]:
    """Describe a GET."""
    answers: dict[Any, Any] = {
        200: OpenApiResponse(answer, summary, examples=_examples(example)),
        304: OpenApiResponse(None, "It is still as you have it."),
        **_problems(_READ, scope),
    }
    return extend_schema(
        operation_id=operation_id,
        summary=summary,
        description=_with_scope(description, scope),
        parameters=[*([asked] if asked else []), _IF_NONE_MATCH, _TAG],
        responses=answers,
        tags=[tag],
    )


def writes(
    operation_id: str,
    scope: Scope,
    summary: str,
    description: str,
    *,
    given: type[serializers.Serializer] | None,
    answer: Any,
    status: int = 201,
    example: Any = None,
    sent: Any = None,
    more: Sequence[int] = (),
    parameters: Sequence[OpenApiParameter] = (),
    tag: str,
) -> Callable[[Method], Method]:
    """Describe a POST or a DELETE."""
    answers = {
        status: OpenApiResponse(answer, summary, examples=_examples(example)),
        **_problems([*_WRITE, *more], scope),
    }
    return extend_schema(
        operation_id=operation_id,
        summary=summary,
        description=_with_scope(description, scope),
        parameters=[_IDEMPOTENCY, *([_REPLAYED] if answer else []), *parameters],
        request=given,
        responses=answers,
        tags=[tag],
        examples=[OpenApiExample("Sent", value=sent, request_only=True)] if sent else None,
    )


def _with_scope(description: str, scope: Scope) -> str:
    return f"{description}\n\nNeeds the scope `{scope.value}`."


def _examples(value: Any) -> list[OpenApiExample]:
    return [OpenApiExample("Example", value=value)] if value is not None else []


def _problems(statuses: Sequence[int], scope: Scope) -> dict[Any, Any]:
    return {(status, "application/problem+json"): _problem(status, scope) for status in sorted(statuses)}


def _problem(status: int, scope: Scope) -> OpenApiResponse:
    kind, title, detail = _WHY[status]
    said: dict[str, Any] = {
        "type": f"urn:nightjar:problem:{kind}",
        "title": title,
        "status": status,
        "detail": detail.format(scope=scope.value),
        "instance": "/api/v1/…/",
    }
    if status == 422:
        said["errors"] = [{"pointer": "#/text", "detail": "This field is required."}]
    return OpenApiResponse(ProblemSerializer, title, examples=[OpenApiExample(title, value=said)])
