from typing import Any

from django.http import HttpResponse
from django.views.decorators.http import require_GET


@require_GET
def first_response(request: Any) -> HttpResponse:
    """How fast one brand's customers were answered."""
    return HttpResponse("soon")


@require_GET
def agency_first_response(request: Any) -> HttpResponse:
    """How fast the customers of all brands were answered."""
    return HttpResponse("soon")
