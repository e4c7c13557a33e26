"""Log-in and log-out. A session belongs to the host it was opened on."""

import json
from typing import Any

from django.conf import settings
from django.contrib.auth import authenticate, login, logout
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts import queries
from accounts.domain import audit
from accounts.enums import AuditKind
from accounts.forms import LoginForm
from tenants import live
from tenants import queries as houses
from tenants.badges import address, badges_of_agency


@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def log_in(request: Any) -> HttpResponse:
    """The log-in page of an agency's or a brand's host."""
    form = LoginForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        user = authenticate(request, username=form.cleaned_data["email"], password=form.cleaned_data["password"])
        if user is not None and queries.memberships_of(user, agency_id=request.agency.pk):
            login(request, user)
            request.session["host"] = request.get_host()
            audit.record(AuditKind.LOGGED_IN, agency_id=request.agency.pk, by_id=user.pk, now=timezone.now())
            return HttpResponseRedirect(_next(request))
        audit.record(AuditKind.LOG_IN_FAILED, agency_id=request.agency.pk, now=timezone.now())
        form.add_error(None, "This e-mail address and password do not fit together here.")
    status = 200 if request.method == "GET" else 422
    return render(request, "accounts/login.html", {"form": form, "next": _next(request)}, status=status)


@require_POST
def log_out(request: Any) -> HttpResponse:
    """End the session, and within two seconds every socket that was opened with it."""
    session_key = request.session.session_key
    audit.record(AuditKind.LOGGED_OUT, agency_id=request.agency.pk, by_id=request.person.pk, now=timezone.now())
    logout(request)
    live.publish(live.channel("ended", "sessions"), json.dumps({"ended": session_key}))
    return HttpResponseRedirect("/login/")


def _next(request: HttpRequest) -> str:
    wanted = request.POST.get("next") or request.GET.get("next") or "/"
    return wanted if url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()}) else "/"


def landing(request: HttpRequest) -> HttpResponse:
    """The operators' front page: leads a newcomer to the agencies, their brands and the sandbox Twitter."""
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
            "people": queries.demonstration_people(),
            "admin_url": None,
        },
    )


def health(request: HttpRequest) -> HttpResponse:
    """Whether the pages can reach the database."""
    return HttpResponse("ok" if houses.agencies().exists() is not None else "", content_type="text/plain")
