"""The way of a program's request: host → key → its person → brand or agency. The REST API's door, beside people's."""

from typing import Any

from django.http import HttpResponse


def enter(request: Any, name: str, view: Any, args: Any, kwargs: dict[str, Any]) -> HttpResponse:
    """Run an API view inside the brand or agency that its key is for."""
    raise NotImplementedError
