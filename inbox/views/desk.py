"""The desk: everything that waits, over all brands of the agency. Runs in the directory; enters agency and brands."""

from collections import defaultdict
from typing import Any

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from accounts import queries as people
from accounts.domain import presence
from accounts.models import DeskRow
from inbox import queries
from inbox.domain import routing
from inbox.views import cards
from tenants import entry
from tenants.models import Brand
from tenants.refusals import Refusal

FILTERS = ("waiting", "mine", "unassigned")
PAGE = 40


@require_GET
def desk(request: Any) -> HttpResponse:
    """Everything waiting over the brands that this person serves, in the order in which answers are promised."""
    return _draw(request)


@require_POST
def desk_presence(request: Any) -> HttpResponse:
    """Take conversations from now on, so many at once (`capacity`), or no further ones (`away`)."""
    try:
        if "away" in request.POST:
            with entry.agency(request.agency.pk):
                presence.step_away(by=request.person)
        else:
            with entry.agency(request.agency.pk):
                presence.take_conversations(
                    capacity=_number(request.POST.get("capacity", "")),
                    by=request.person,
                    role=request.role,
                    now=timezone.now(),
                )
            routing.share_out(agency_id=request.agency.pk, now=timezone.now())
    except Refusal as refusal:
        request.refusal = str(refusal)
        return _draw(request, status=refusal.status)
    return HttpResponseRedirect("/")


@require_GET
def desk_rows(request: Any) -> HttpResponse:
    """The rows alone, as a redraw or the next page asks for them."""
    return render(request, "desk_rows.html", _listing(request))


def _draw(request: Any, *, status: int = 200) -> HttpResponse:
    with entry.agency(request.agency.pk):
        mine = people.presence_of(request.person)
    context = {
        **_listing(request),
        "conversation": None,
        "capacity": mine.capacity if mine else presence.USUAL_CAPACITY,
        "is_available": bool(mine and mine.available_since),
        "largest_capacity": presence.LARGEST_CAPACITY,
    }
    return render(request, "desk.html", context, status=status)


def _listing(request: Any) -> dict[str, Any]:
    name = request.GET.get("filter", "waiting")
    name = name if name in FILTERS else "waiting"
    offset = _offset(request.GET.get("after", ""))
    brand_ids = [badge.pk for badge in request.badges]
    with entry.agency(request.agency.pk):
        page = list(_rows(name, request.person, brand_ids)[offset : offset + PAGE + 1])
        counts = people.desk_counts(request.person, brand_ids=brand_ids)
    more, page = len(page) > PAGE, page[:PAGE]
    return {
        "rows": _cards(request, page),
        "filter": name,
        "counts": counts,
        "after": str(offset) if offset else "",
        "next_cursor": str(offset + PAGE) if more else None,
        "list_url": "/",
        "rows_url": "/desk/rows/",
    }


def _rows(name: str, person: Any, brand_ids: list[int]) -> Any:
    if name == "mine":
        return people.waiting_for(person, brand_ids=brand_ids)
    waiting = people.waiting(brand_ids=brand_ids)
    return waiting.filter(assignee=None) if name == "unassigned" else waiting


def _cards(request: Any, page: list[DeskRow]) -> list[dict[str, Any]]:
    """The rows with their customers' words, read brand by brand: the desk itself holds none."""
    ids_of: dict[int, list[int]] = defaultdict(list)
    for row in page:
        ids_of[row.brand_id].append(row.conversation_id)
    badges = {badge.pk: badge for badge in request.badges}
    drawn: dict[tuple[int, int], dict[str, Any]] = {}
    request.live_seqs = {}
    for brand in Brand.objects.filter(pk__in=list(badges)).order_by("pk"):
        with entry.brand(brand):
            request.live_seqs[brand.slug] = queries.newest_seq()
            if brand.pk not in ids_of:
                continue
            found = list(queries.conversations_with(ids_of[brand.pk]).values())
            for card in cards.rows(
                found,
                badge=badges[brand.pk],
                agency_id=request.agency.pk,
                user=request.person,
                now=timezone.now(),
            ):
                drawn[brand.pk, int(card["pk"])] = card
    return [drawn[row.brand_id, row.conversation_id] for row in page if (row.brand_id, row.conversation_id) in drawn]


def _offset(text: str) -> int:
    return min(int(text), 10_000) if text.isdecimal() and len(text) < 6 else 0


def _number(text: str) -> int:
    """A number as a form sends it; 0, which nobody may choose, where it is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else 0
