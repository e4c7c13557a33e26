"""Reports for programs. They run inside the brand."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone
from rest_framework.response import Response

from accounts.api.described import reads
from accounts.api.views import ProgramView
from accounts.enums import Scope
from reporting import queries
from reporting.queries import Period
from reporting.serializers import FirstResponseSerializer, PeriodAskedSerializer

USUAL = timedelta(days=30)
_BEGINNING = datetime(1, 1, 2, tzinfo=UTC)
_EXAMPLE = {
    "start": "2026-10-04T12:00:00Z",
    "end": "2026-11-03T12:00:00Z",
    "answered": 412,
    "unanswered": 23,
    "median_s": 640.0,
    "p90_s": 4211.5,
}


class FirstResponseView(ProgramView):
    @reads(
        "readFirstResponse",
        Scope.REPORTS_READ,
        "First response time",
        "How fast the brand's customers were first answered, of those who wrote in a period.",
        FirstResponseSerializer,
        asked=PeriodAskedSerializer,
        example=_EXAMPLE,
        tag="Reports",
    )
    def get(self, request: Any) -> Response:
        asked = self.asked(PeriodAskedSerializer)
        end = asked.get("end") or timezone.now().replace(second=0, microsecond=0) + timedelta(minutes=1)
        start = asked.get("start") or (end - USUAL if end > _BEGINNING + USUAL else _BEGINNING)
        figures = queries.first_response(Period(start, end))
        said = {
            "start": start,
            "end": end,
            "answered": figures.n,
            "unanswered": figures.unanswered,
            "median_s": figures.median_s,
            "p90_s": figures.p90_s,
        }
        return Response(FirstResponseSerializer(said).data)
