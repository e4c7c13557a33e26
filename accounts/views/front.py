"""The operators' front page, and whether anybody is at home."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts import queries
from tenants import queries as houses
from tenants.badges import address, badges_of_agency


def landing(request: HttpRequest) -> HttpResponse:
    """The front page. Where the demonstration is, it leads a newcomer about; elsewhere it names nobody."""
    people = queries.demonstration_people()
    if not people:
        return render(request, "front/plain_front.html")
    agencies = [
        {
            "name": agency.name,
            "url": address(f"{agency.slug}.{settings.BASE_DOMAIN}"),
            "brands": badges_of_agency(agency),
        }
        for agency in houses.agencies()
    ]
    return render(
        request,
        "front/landing.html",
        {
            "agencies": agencies,
            "sandbox_url": address(f"twitter.{settings.BASE_DOMAIN}"),
            "people": people,
            "admin_url": "/admin/",
        },
    )


def health(request: HttpRequest) -> HttpResponse:
    """Whether the pages can reach the database."""
    return HttpResponse("ok" if houses.agencies().exists() is not None else "", content_type="text/plain")
