"""The brand itself, and its history."""

from typing import Any

from rest_framework.response import Response

from accounts.api.described import reads
from accounts.api.views import ProgramView
from accounts.enums import Right, Scope, may
from inbox import queries
from inbox.api import examples
from inbox.enums import EventKind
from inbox.serializers import BrandSerializer, EventsAskedSerializer, EventSerializer, EventsSerializer

# What clients' people are not told.
_INSIDE = (EventKind.NOTED, EventKind.REPLY_DISCARDED)


class BrandView(ProgramView):
    @reads(
        "readBrand",
        Scope.BRAND_READ,
        "The brand",
        "The brand that this host belongs to.",
        BrandSerializer,
        example=examples.BRAND,
        tag="Brand",
    )
    def get(self, request: Any) -> Response:
        return Response(BrandSerializer(request.brand).data)


class EventsView(ProgramView):
    @reads(
        "listEvents",
        Scope.EVENTS_READ,
        "What happened, since",
        "The brand's history after a number, in order. The numbers of a brand become visible in order: who keeps "
        "`next_since` and asks again with it misses nothing.",
        EventsSerializer,
        asked=EventsAskedSerializer,
        example=examples.EVENTS,
        tag="Events",
    )
    def get(self, request: Any) -> Response:
        asked = self.asked(EventsAskedSerializer)
        found = list(queries.events_since(asked["since"], limit=asked["limit"]))
        next_since = found[-1].seq if found else asked["since"]
        if not may(request.role, Right.READ_NOTES):
            found = [event for event in found if event.kind not in _INSIDE]
        names = self.names_of(event.by_id for event in found)
        rows = EventSerializer(found, many=True, context={"names": names}).data
        return Response({"results": rows, "next_since": next_since})
