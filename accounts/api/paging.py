"""Pages of a long list: a cursor says after which row the next one begins, so that no row is skipped or told twice."""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from django.db.models import Q, QuerySet
from rest_framework import serializers

from accounts.api.problems import not_understood

Row = TypeVar("Row")
NEVER = "never"


@dataclass(frozen=True)
class Place:
    """After which row a page begins: the instant that the list is in order of (if it is, and has one) and the key."""

    at: datetime | None
    pk: int


@dataclass(frozen=True)
class Page(Generic[Row]):
    """A part of a list, and the address of the next; None: this was the last."""

    rows: list[Row]
    next: str | None

    def drawn(self, results: Any) -> dict[str, Any]:
        return {"results": list(results), "next": self.next}


def page_of(rows: Any, request: Any, *, limit: int, place_of: Callable[[Any], Place]) -> Page[Any]:
    """The first so many of these rows, which begin after the cursor already."""
    found = list(rows[: limit + 1])
    more, found = len(found) > limit, found[:limit]
    if not more:
        return Page(found, None)
    asked = request.query_params.copy()
    asked["cursor"] = _written(place_of(found[-1]))
    return Page(found, f"{request.path}?{asked.urlencode()}")


def page_by_key(rows: QuerySet[Any], request: Any, asked: dict[str, Any], *, newest_first: bool = False) -> Page[Any]:
    """A page of rows in order of their keys."""
    place = place_in(asked)
    if place:
        rows = rows.filter(pk__lt=place.pk) if newest_first else rows.filter(pk__gt=place.pk)
    ordered = rows.order_by("-pk" if newest_first else "pk")
    return page_of(ordered, request, limit=asked["limit"], place_of=lambda row: Place(None, row.pk))


def after_promise(rows: QuerySet[Any], place: Place | None) -> QuerySet[Any]:
    """Rows in order of `respond_by` (none: last) and key, after this place."""
    if place is None:
        return rows
    if place.at is None:
        return rows.filter(respond_by=None, pk__gt=place.pk)
    return rows.filter(Q(respond_by__gt=place.at) | Q(respond_by=place.at, pk__gt=place.pk) | Q(respond_by=None))


def place_in(asked: dict[str, Any]) -> Place | None:
    """Where the cursor of an address leads; raises a problem for one that is none of ours."""
    text = asked.get("cursor")
    if text is None:
        return None
    try:
        at, pk = base64.urlsafe_b64decode(text.encode()).decode().split(" ")
        if not (pk.isascii() and pk.isdecimal() and 0 < int(pk) < 2**63):
            raise ValueError("no key is like that")
        return Place(None if at == NEVER else datetime.fromisoformat(at).astimezone(UTC), int(pk))
    except (ValueError, OverflowError, binascii.Error) as error:
        why = "This leads on from no list. Take it from `next`, or begin without it."
        raise not_understood([{"parameter": "cursor", "detail": why}]) from error


def _written(place: Place) -> str:
    return base64.urlsafe_b64encode(f"{place.at.isoformat() if place.at else NEVER} {place.pk}".encode()).decode()


def in_pages(row: type[serializers.Serializer]) -> type[serializers.Serializer]:
    """The shape of a page of such rows."""
    name = row.__name__.removesuffix("Serializer")
    fields = {
        "results": row(many=True),
        "next": serializers.CharField(allow_null=True, help_text="Address of the next page; null: this was the last."),
        "__doc__": f"A page of a list: {name}.",
    }
    return type(f"{name}PageSerializer", (serializers.Serializer,), fields)
