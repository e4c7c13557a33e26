"""The agency's endpoints, on its own host: brands, desk, people. They run inside the agency."""

from typing import Any

from rest_framework.response import Response

from accounts import queries
from accounts.api.described import reads
from accounts.api.paging import Place, after_promise, in_pages, page_by_key, page_of, place_in
from accounts.api.views import ProgramView
from accounts.enums import Scope
from accounts.models import Membership, User
from accounts.serializers import (
    BrandOfAgencySerializer,
    ColleagueSerializer,
    DeskAskedSerializer,
    DeskRowSerializer,
    PageAskedSerializer,
)
from tenants.models import Brand

_URGENCIES = ("calm", "normal", "soon", "now")
_BRAND = {
    "id": "7",
    "name": "Tern Ferries",
    "slug": "tern",
    "state": "live",
    "zone": "Europe/Lisbon",
    "languages": ["en", "pt"],
    "host_url": "http://care.tern.localhost:8000/",
}
_DESK_ROW = {
    "brand_id": "7",
    "conversation_id": "2087600250024886273",
    "urgency": "soon",
    "language": "en",
    "waiting_since": "2026-11-03T12:00:00Z",
    "respond_by": "2026-11-03T13:00:00Z",
    "assignee": {"id": "12", "name": "Ines Falk"},
    "assigned_at": "2026-11-03T12:05:00Z",
}
_COLLEAGUE = {
    "id": "12",
    "name": "Ines Falk",
    "email": "ines@northlight.example",
    "is_active": True,
    "roles": [{"brand_id": None, "role": "agent"}],
}


class BrandsView(ProgramView):
    @reads(
        "listBrands",
        Scope.BRANDS_READ,
        "The agency's brands",
        "The brands that the person who made the key works for.",
        in_pages(BrandOfAgencySerializer),
        asked=PageAskedSerializer,
        example={"results": [_BRAND], "next": None},
        tag="Agency",
    )
    def get(self, request: Any) -> Response:
        asked = self.asked(PageAskedSerializer)
        hosts = {badge.pk: badge.host_url for badge in request.badges}
        page = page_by_key(Brand.objects.filter(pk__in=list(hosts)), request, asked)
        for brand in page.rows:
            brand.host_url = hosts[brand.pk]
        return Response(page.drawn(BrandOfAgencySerializer(page.rows, many=True).data))


class DeskView(ProgramView):
    @reads(
        "listDesk",
        Scope.DESK_READ,
        "The desk",
        "Everything that waits on us over the agency's brands, in the order in which answers are promised.",
        in_pages(DeskRowSerializer),
        asked=DeskAskedSerializer,
        example={"results": [_DESK_ROW], "next": None},
        tag="Agency",
    )
    def get(self, request: Any) -> Response:
        asked = self.asked(DeskAskedSerializer)
        brand_ids = [badge.pk for badge in request.badges]
        if asked["list"] == "mine":
            rows = queries.waiting_for(request.person, brand_ids=brand_ids)
        else:
            rows = queries.waiting(brand_ids=brand_ids)
        if asked["list"] == "unassigned":
            rows = rows.filter(assignee=None)
        rows = after_promise(rows, place_in(asked))
        page = page_of(rows, request, limit=asked["limit"], place_of=lambda row: Place(row.respond_by, row.pk))
        for row in page.rows:
            row.urgency = _URGENCIES[row.urgency]
        names = queries.people_named(row.assignee_id for row in page.rows if row.assignee_id)
        return Response(page.drawn(DeskRowSerializer(page.rows, many=True, context={"names": names}).data))


class PeopleView(ProgramView):
    @reads(
        "listPeople",
        Scope.PEOPLE_READ,
        "Who works here",
        "Everybody at the agency and at its brands' clients, with what they are.",
        in_pages(ColleagueSerializer),
        asked=PageAskedSerializer,
        example={"results": [_COLLEAGUE], "next": None},
        tag="Agency",
    )
    def get(self, request: Any) -> Response:
        asked = self.asked(PageAskedSerializer)
        page = page_by_key(User.objects.only("name", "email", "is_active"), request, asked)
        roles: dict[int, list[Membership]] = {}
        ids = [person.pk for person in page.rows]
        for membership in Membership.objects.filter(agency=request.agency, user__in=ids).order_by("pk"):
            roles.setdefault(membership.user_id, []).append(membership)
        for person in page.rows:
            person.roles = roles.get(person.pk, [])
        return Response(page.drawn(ColleagueSerializer(page.rows, many=True).data))
