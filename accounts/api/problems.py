"""What the API says when it does not do what was asked: problem details as RFC 9457 has them, never a page."""

from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from rest_framework import exceptions

from tenants.refusals import NotNow, NotYours, Refusal

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """Something that was asked of the API and is not done."""

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        *,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.kind, self.detail = status, kind, detail
        self.errors, self.headers = errors, headers or {}


def is_for_programs(request: HttpRequest) -> bool:
    """Whether this address is the API's, where every answer is JSON."""
    path = request.path_info
    return path.startswith("/api/") and not path.startswith(("/api/docs/", "/api/schema/"))


def drawn(request: Any, problem: Problem) -> HttpResponse:
    """A problem as an answer."""
    said: dict[str, Any] = {
        "type": f"urn:nightjar:problem:{problem.kind}",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        "instance": request.path[:500],
    }
    if problem.errors:
        said["errors"] = list(problem.errors)
    answer = JsonResponse(
        said, status=problem.status, content_type=MEDIA_TYPE, json_dumps_params={"ensure_ascii": True}
    )
    for name, value in problem.headers.items():
        answer[name] = value
    return answer


def answer_to(exception: Exception, context: Mapping[str, Any]) -> HttpResponse | None:
    """What a view raised, as an answer; None: a bug, which flies on."""
    found = problem_of(exception)
    return drawn(context["request"], found) if found else None


def problem_of(exception: Exception) -> Problem | None:
    """The problem in what was raised, if it is one that is expected."""
    match exception:
        case Problem():
            return exception
        case NotYours():
            return Problem(403, "not-yours", str(exception))
        case NotNow() | Refusal():
            return Problem(409, "not-now", str(exception))
        case Http404() | exceptions.NotFound():
            return nothing_here()
        case RequestDataTooBig():
            return Problem(413, "too-much", "That was more than we take at once. Send less; nothing of it was kept.")
        case exceptions.ValidationError():
            return not_understood([*_in_body(exception.detail)])
        case exceptions.APIException():
            return _of_framework(exception)
        case SuspiciousOperation():
            return Problem(400, "malformed", "We do not understand this request. Build it anew from the description.")
    return None


def no_such_key(why: str) -> Problem:
    """The key opens nothing, or none was sent."""
    return Problem(401, "key", why, headers={"WWW-Authenticate": 'Bearer realm="Nightjar"'})


def nothing_here() -> Problem:
    return Problem(404, "not-found", "There is nothing here under this address. Look it up in /api/docs/.")


def not_understood(errors: Sequence[Mapping[str, str]]) -> Problem:
    """What was sent has not the shape that the description asks for: where, and what to do."""
    return Problem(
        422, "not-understood", "Part of what you sent is not understood. `errors` says which.", errors=errors
    )


def _of_framework(exception: exceptions.APIException) -> Problem:
    match exception:
        case exceptions.ParseError():
            return Problem(400, "malformed", "The body is not JSON that we can read. Send one JSON object in UTF-8.")
        case exceptions.NotAcceptable():
            return Problem(406, "not-acceptable", "We answer in application/json. Say so in Accept, or leave it out.")
        case exceptions.UnsupportedMediaType():
            return Problem(415, "media-type", "Send the body as JSON, with Content-Type: application/json.")
    return Problem(exception.status_code, "refused", str(exception.detail))


def _in_body(detail: Any, path: str = "#") -> Iterator[dict[str, str]]:
    """The mistakes in a body, each with the JSON pointer (RFC 6901) to its place."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            deeper = path if name == "non_field_errors" else f"{path}/{_escaped(str(name))}"
            yield from _in_body(inner, deeper)
    elif isinstance(detail, list | tuple):
        for inner in detail:
            yield from _in_body(inner, path)
    else:
        yield {"pointer": path, "detail": str(detail)}


def _escaped(name: str) -> str:
    return name.encode("utf-8", "replace").decode()[:100].replace("~", "~0").replace("/", "~1")
