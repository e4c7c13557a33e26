"""The API's description, for programs (OpenAPI) and as a page to read it and try it. For members of the host."""

import json
from typing import Any

from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET
from drf_spectacular.generators import SchemaGenerator

from accounts.serializers import ID


@require_GET
def schema(request: Any) -> HttpResponse:
    """What this kind of host's API knows, as OpenAPI 3.1 says it."""
    return JsonResponse(described(request.urlconf))


@require_GET
def page(request: Any) -> HttpResponse:
    """The description to read, with a key to try it."""
    return render(request, "accounts/api_docs.html")


def described(urlconf: str) -> dict[str, Any]:
    """The description of the API of a kind of host."""
    found = SchemaGenerator(urlconf=urlconf).get_schema(request=None, public=True)
    said: dict[str, Any] = json.loads(json.dumps(found, default=str))
    said["servers"] = [{"url": "/"}]
    said["security"] = [{"key": []}]
    for name, shape in said["components"]["schemas"].items():
        if name.endswith("Request"):
            shape["additionalProperties"] = False
    for operations in said["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                if parameter["in"] == "path":
                    # Django matches digits and calls it an integer; ours do not fit into the numbers of JavaScript.
                    parameter["schema"] = {"type": "string", "pattern": ID}
    return said
