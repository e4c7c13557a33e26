"""The one place where a refusal becomes an answer: 403 or 409, in the words it was raised with."""

import sys
from collections.abc import Callable

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.api.problems import Problem, drawn, is_for_programs, nothing_here, problem_of
from tenants.database.away import is_away
from tenants.refusals import NotYours, Refusal


class RefusalMiddleware:
    """Draws refusals that no view showed on its own page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return draw(request, exception) if isinstance(exception, Refusal) else None


def draw(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    """A page of its own for a refusal."""
    if is_for_programs(request):
        return drawn(request, problem_of(refusal) or nothing_here())
    said = {
        "refusal": str(refusal),
        "is_not_yours": isinstance(refusal, NotYours),
        # Where the doors know a way on (`config/doors.py`).
        "has_desk": getattr(request, "has_desk", False),
        "own_hosts": getattr(request, "own_hosts", []),
    }
    return render(request, "refused.html", said, status=refusal.status)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form without its token: mostly a page that lay open for too long."""
    sentence = "This page was open for too long, or your browser keeps no cookies. Load it again and repeat."
    return render(request, "refused.html", {"refusal": sentence}, status=403)


def not_understood(request: HttpRequest, exception: Exception) -> HttpResponse:
    """A request that no browser of ours sends: a host that is not ours, a body without end."""
    if is_for_programs(request):
        return drawn(request, problem_of(exception) or Problem(400, "malformed", "We do not understand this request."))
    if isinstance(exception, RequestDataTooBig):
        return HttpResponse(_TOO_MUCH, status=413)
    return HttpResponse(_NOT_UNDERSTOOD, status=400)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_for_programs(request):
        return drawn(request, nothing_here())
    return render(request, "not_found.html", status=404)


def crashed(request: HttpRequest) -> HttpResponse:
    if is_away(sys.exc_info()[1]):
        return _away(request)
    if is_for_programs(request):
        return drawn(request, Problem(500, "broken", "Something broke on our side. Ask again later; then tell us."))
    return HttpResponse(_CRASHED, status=500)


def _away(request: HttpRequest) -> HttpResponse:
    """The database is away: mostly for seconds, since it is started again by itself."""
    later = {"Retry-After": str(_AWAY_SECONDS)}
    if is_for_programs(request):
        return drawn(request, Problem(503, "away", "Our database is away for a moment. Ask again.", headers=later))
    return HttpResponse(_AWAY, status=503, headers=later)


_AWAY_SECONDS = 5
_AWAY = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Back in a moment</title>
<h1>Back in a moment</h1><p>Our database is away. Nothing you wrote was sent. Load the page again in some seconds.</p>
"""
_TOO_MUCH = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Too much</title>
<h1>Too much</h1><p>That was more than we take at once. Nothing of it was kept.</p>
"""
_NOT_UNDERSTOOD = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Not understood</title>
<h1>We do not understand this request</h1><p>Open the page again from its beginning.</p>
"""
_CRASHED = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Something broke</title>
<h1>Something broke on our side</h1><p>Nothing you wrote was sent. Load the page again; if it breaks again, tell us.</p>
"""
