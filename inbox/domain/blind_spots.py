"""Blind spots: spans in which a way from Twitter was closed. A row is work: recovery tries to fill it by other ways,
writes down what it tried, and what cannot be filled stays on the brand's page."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q

from inbox.enums import Source
from inbox.models import BlindSpot

# Two spans with less between them are one.
_NEAR = timedelta(minutes=2)
GIVEN_UP = "given_up"


@transaction.atomic
def note(*, handle_id: int, source: Source, begins_at: datetime, ends_at: datetime, why: str, now: datetime) -> None:
    """Note that nothing came by this way in this span, unless that is known; one that touches it grows."""
    touching = (
        BlindSpot.objects.select_for_update()
        .filter(handle_id=handle_id, source=source, recovered_at=None)
        .filter(begins_at__lte=ends_at + _NEAR)
        .filter(Q(ends_at=None) | Q(ends_at__gte=begins_at - _NEAR))
        .order_by("begins_at", "pk")
        .first()
    )
    if touching is None:
        BlindSpot.objects.create(
            handle_id=handle_id, source=source, begins_at=begins_at, ends_at=ends_at, found_at=now, why=why[:300]
        )
        return
    known_end = touching.ends_at or ends_at
    if touching.begins_at <= begins_at and known_end >= ends_at:
        return
    touching.begins_at, touching.ends_at = min(touching.begins_at, begins_at), max(known_end, ends_at)
    touching.tried = []  # what was tried was for less
    touching.save(update_fields=["begins_at", "ends_at", "tried"])


def to_fill(*, before: datetime) -> list[BlindSpot]:
    """What may be filled yet: ended before this instant, not filled, not given up; the oldest first."""
    waiting = BlindSpot.objects.filter(recovered_at=None, ends_at__lte=before)
    return [spot for spot in waiting.order_by("begins_at", "pk")[:200] if not is_given_up(spot)]


def is_any_to_fill() -> bool:
    """Whether this brand has blind spots that recovery has not done with."""
    open_ones = BlindSpot.objects.filter(recovered_at=None, ends_at__isnull=False)
    return open_ones.exclude(tried__contains=[{"way": GIVEN_UP}]).exists()


def is_given_up(spot: BlindSpot) -> bool:
    """Whether every way was tried, and it stays."""
    return any(each.get("way") == GIVEN_UP for each in spot.tried)


def conclude(
    spot: BlindSpot, *, tried: Sequence[dict[str, Any]], left: Sequence[tuple[datetime, datetime]], now: datetime
) -> None:
    """Write down what was tried, and what is left of the span: nothing, and it is recovered; else that much stays."""
    spot.tried = [*tried]
    if left:
        spot.begins_at, spot.ends_at = min(begin for begin, _ in left), max(end for _, end in left)
        spot.tried.append({"way": GIVEN_UP, "at": now.isoformat()})
    else:
        spot.recovered_at = now
    spot.save(update_fields=["tried", "begins_at", "ends_at", "recovered_at"])


def newest(limit: int = 20) -> list[BlindSpot]:
    """The brand's blind spots as its page shows them: the newest first."""
    return list(BlindSpot.objects.order_by("-begins_at", "-pk")[:limit])
