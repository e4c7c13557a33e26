"""A brand's inbox: its lists. Runs inside the brand (`config/doors.py`)."""

from typing import Any

from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from inbox import queries
from inbox.views.listing import listing
from tenants import entry
from tenants.models import Brand


@require_GET
def inbox(request: Any) -> HttpResponse:
    """The inbox with one of its lists, and the conversation that `?c=` names beside it."""
    return render(request, "inbox/inbox.html", {**listing(request), "conversation": None})


@require_GET
def rows(request: Any) -> HttpResponse:
    """One of the lists alone, as a redraw or the next page asks for it."""
    return render(request, "inbox/rows.html", listing(request))


@require_GET
def live_since(request: Any) -> JsonResponse:
    """The newest event number of each brand on this host: a screen that has missed some asks again."""
    wanted = set(request.GET.get("brands", "").split(",")) - {""}
    badges = [badge for badge in request.badges if not wanted or badge.slug in wanted]
    if request.brand:
        return JsonResponse(request.live_seqs)
    brands = {brand.pk: brand for brand in Brand.objects.filter(pk__in=[badge.pk for badge in badges])}
    return JsonResponse(
        {badge.slug: entry.in_brand(brands[badge.pk], queries.newest_seq) for badge in badges if badge.pk in brands}
    )
