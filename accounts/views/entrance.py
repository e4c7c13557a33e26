"""Log-in and log-out. A session belongs to the host it was opened on; allauth does the rest (`accounts.adapters`)."""

import json
import math
from datetime import timedelta
from typing import Any

from allauth.account.views import LoginView
from django.contrib.auth import logout
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST

from accounts.domain import audit
from accounts.enums import AuditKind
from tenants import live


class LogInView(LoginView):
    """The log-in page of every host."""

    template_name = "accounts/login.html"

    def get_success_url(self) -> str:
        return _next(self.request)

    def form_invalid(self, form: Any) -> HttpResponse:
        seconds = getattr(self.request, "seconds_to_wait", 0)
        if seconds:
            form.errors["__all__"] = form.error_class([too_many(seconds)], error_class="nonfield")
        answer = self.render_to_response(self.get_context_data(form=form), status=429 if seconds else 422)
        if seconds:
            answer.headers["Retry-After"] = str(seconds)
        return answer

    def get_context_data(self, **more: Any) -> dict[str, Any]:
        return {**super().get_context_data(**more), "next": _next(self.request)}


log_in = require_http_methods(["GET", "POST"])(LogInView.as_view())


@require_POST
def log_out(request: Any) -> HttpResponse:
    """End the session, and within two seconds every socket that was opened with it."""
    session_key = request.session.session_key
    agency_id = request.agency.pk if request.agency else None
    audit.record(AuditKind.LOGGED_OUT, agency_id=agency_id, by_id=request.person.pk, now=timezone.now())
    logout(request)
    live.publish(live.channel("ended", "sessions"), json.dumps({"ended": session_key}))
    return HttpResponseRedirect("/login/")


def too_often(request: Any) -> HttpResponse:
    """What is answered to whoever asks too often; none of our limits lasts longer than five minutes."""
    answer = render(request, "too_often.html", {"sentence": too_many(300)}, status=429)
    answer.headers["Retry-After"] = "300"
    return answer


def too_many(seconds: int) -> str:
    """When to try again, in words."""
    minutes = math.ceil(seconds / 60)
    until = timezone.now() + timedelta(seconds=seconds)
    wait = "in a minute" if minutes == 1 else f"in {minutes} minutes"
    return f"Too many attempts. Try again {wait}, at {until:%H:%M} UTC."


def _next(request: Any) -> str:
    """Where to go after log-in: only to a page of this host."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    if url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()}):
        return str(wanted)
    return "/admin/" if request.agency is None else "/"
