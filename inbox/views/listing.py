"""One of a brand's lists, ready to draw."""

from typing import Any

from django.utils import timezone

from inbox import queries
from inbox.views import cards, paging


def listing(request: Any) -> dict[str, Any]:
    """What a list is drawn from: its rows, its neighbours' counts, where it goes on."""
    name = request.GET.get("filter", "waiting")
    name = name if name in queries.FILTERS else "waiting"
    now = timezone.now()
    found = queries.conversations_in(name, user_id=request.person.pk)
    after = request.GET.get("after", "")
    cursor = paging.read_cursor(after)
    if cursor:
        found = queries.after(found, name, cursor)
    page = list(found[: queries.PAGE + 1])
    more, page = len(page) > queries.PAGE, page[: queries.PAGE]
    last = page[-1] if page else None
    order_at = None if last is None else last.last_message_at if name in ("open", "closed") else last.respond_by
    return {
        "rows": cards.rows(page, badge=request.badge, agency_id=request.agency.pk, user=request.person, now=now),
        "filter": name,
        "counts": queries.counts(user_id=request.person.pk),
        "after": after,
        "next_cursor": paging.cursor_of(order_at, last.pk) if more and last else None,
        "list_url": request.badge.url,
        "rows_url": f"{request.badge.url}rows/",
    }
