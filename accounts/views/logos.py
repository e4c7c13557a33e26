"""Brands' logos: what we wrote ourselves from what was uploaded, and never the upload."""

from typing import Any

from django.http import HttpResponse, HttpResponseNotModified

from tenants import badges
from tenants.models import Brand, Logo


def host_logo(request: Any) -> HttpResponse:
    """The logo of the brand whose host this is, for its log-in page too."""
    return _logo_of(request, request.host_brand)


def brand_logo(request: Any) -> HttpResponse:
    """The logo of a brand, on its agency's host."""
    return _logo_of(request, request.brand)


def _logo_of(request: Any, brand: Brand) -> HttpResponse:
    logo = Logo.objects.filter(brand_id=brand.pk).first()
    etag = f'"{logo.digest if logo else brand.colour[1:]}"'
    if request.headers.get("If-None-Match") == etag:
        answer: HttpResponse = HttpResponseNotModified()
    else:
        # A brand without a logo has a tile of its colour.
        answer = HttpResponse(bytes(logo.png) if logo else badges.tile(brand.colour), content_type="image/png")
    answer.headers["ETag"] = etag
    answer.headers["Cache-Control"] = "private, max-age=300"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    return answer
