"""Entity tags: what an answer said, in few letters, so that a program need not read the same twice."""

import hashlib
from typing import Any

from django.http import HttpResponse, HttpResponseNotModified
from django.utils.cache import patch_vary_headers
from django.utils.http import parse_etags
from rest_framework.renderers import JSONRenderer

from accounts.api.problems import Problem


def etag_of(data: Any) -> str:
    """The tag of an answer that says this."""
    return f'"{hashlib.sha256(JSONRenderer().render(data)).hexdigest()[:32]}"'


def with_etag(request: Any, response: Any) -> HttpResponse:
    """The answer to a GET with its tag; 304 where the program has it already."""
    if request.method not in ("GET", "HEAD") or response.status_code != 200 or not hasattr(response, "data"):
        return response
    response["ETag"] = etag_of(response.data)
    known = parse_etags(request.headers.get("If-None-Match", ""))
    if "*" in known or response["ETag"] in [tag.removeprefix("W/") for tag in known]:
        same = HttpResponseNotModified(headers={"ETag": response["ETag"]})
        patch_vary_headers(same, ["Accept"])
        return same
    return response


def check_unchanged(request: Any, data: Any) -> None:
    """Raise a problem when the program says what it has seen (`If-Match`), and that is no longer so."""
    seen = request.headers.get("If-Match")
    if seen is None:
        return
    known = parse_etags(seen)
    if "*" not in known and etag_of(data) not in known:
        raise Problem(412, "changed", "This was changed since you read it. Read it again, and decide anew.")
