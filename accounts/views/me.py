"""What is about oneself, besides what allauth shows."""

from typing import Any

from allauth.mfa.adapter import get_adapter
from allauth.mfa.webauthn.views import RemoveWebAuthnView
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from accounts import queries
from tenants.refusals import NotNow


def second_factor(request: Any) -> HttpResponse:
    """Where those are led who must have a second factor and have none: choose an app or a passkey."""
    if queries.factors_of(request.person):
        return HttpResponseRedirect(reverse("mfa_index"))
    return render(request, "accounts/second_factor.html")


class RemovePasskeyView(RemoveWebAuthnView):
    """Remove a passkey, unless it is the last second factor of somebody who must have one."""

    def form_valid(self, form: Any) -> HttpResponse:
        if not get_adapter().can_delete_authenticator(self.get_object()):
            raise NotNow(LAST_FACTOR)
        answer: HttpResponse = super().form_valid(form)
        return answer


LAST_FACTOR = "This is your last second factor, and you must have one. Add another first, then remove this one."
remove_passkey = RemovePasskeyView.as_view()
