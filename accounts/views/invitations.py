"""The page of an invitation, on the host that it is for. Whoever opens it has nothing but its word."""

from typing import Any

from allauth.account.internal.flows.login import perform_password_login
from allauth.account.models import Login
from allauth.core.internal import ratelimit
from allauth.core.internal.ratelimit import RateLimitUsage
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.domain import invitations
from accounts.domain.invitations import SENTENCES, Spent
from accounts.enums import InvitationState
from accounts.forms import InvitationForm
from accounts.models import Invitation, User
from accounts.views.entrance import too_often
from tenants.refusals import NotNow, NotYours

_GONE = {InvitationState.USED, InvitationState.WITHDRAWN, InvitationState.EXPIRED}


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def invitation(request: Any, word: str) -> HttpResponse:
    """Look at an invitation, and accept it: with a name and a password, or with the password one has already."""
    where = _where(request)
    found, state = invitations.look_up(word, **where, now=timezone.now())
    if found is None or state != InvitationState.OPEN:
        return _spent(request, state)
    if request.method == "GET":
        return _page(request, found, InvitationForm(initial={"email": found.email, "name": found.name}))
    form = InvitationForm({**request.POST.dict(), "email": found.email or request.POST.get("email", "")})
    if not form.is_valid():
        return _page(request, found, form)
    # As on the log-in page, and counted with it: it is the same password, however many invitations there are.
    key = form.cleaned_data["email"].lower()
    attempt = ratelimit.consume(request, app="allauth.account", action="login_failed", key=key)
    return _accepted(request, word, found, form, attempt) if attempt else too_often(request)


def _accepted(
    request: Any, word: str, found: Invitation, form: InvitationForm, attempt: RateLimitUsage
) -> HttpResponse:
    given = form.cleaned_data
    try:
        user = invitations.accept(word=word, **_where(request), **given, now=timezone.now())
    except Spent as spent:  # in another tab, a moment ago
        return _spent(request, spent.state)
    except ValidationError as error:
        for field, sentences in error.message_dict.items():
            form.add_error(field, sentences)
        return _page(request, found, form)
    except NotYours as refusal:
        form.add_error("password", str(refusal))
        return _page(request, found, form)
    except NotNow as refusal:
        form.add_error(None, str(refusal))
        return _page(request, found, form, status=409)
    attempt.rollback()  # this one alone: what else failed from here, or for this person, still counts
    return _logged_in(request, user)


def _logged_in(request: Any, user: User) -> HttpResponse:
    """As after the log-in page: whoever has a second factor is asked for it."""
    return perform_password_login(request, {"email": user.email}, Login(user=user, email=user.email))


def _page(request: Any, found: Invitation, form: InvitationForm, status: int | None = None) -> HttpResponse:
    about = {"invitation": found, "form": form, "is_known": invitations.known(found.email) is not None}
    return render(request, "accounts/invitation.html", about, status=status or (422 if form.is_bound else 200))


def _spent(request: Any, state: InvitationState) -> HttpResponse:
    about = {"sentence": SENTENCES[state], "is_used": state == InvitationState.USED}
    return render(request, "accounts/invitation_spent.html", about, status=410 if state in _GONE else 404)


def _where(request: Any) -> dict[str, Any]:
    return {
        "agency_id": request.agency.pk if request.agency else None,
        "brand_id": request.host_brand.pk if request.host_brand else None,
    }
