"""What allauth asks us while somebody logs in, changes their password, or adds a second factor."""

import base64
import time
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from allauth.account.internal.flows.login import get_authentication_records
from allauth.core import context
from allauth.core.internal import ratelimit
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import authenticate
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.http import HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme

from accounts import policies, queries
from accounts.domain import audit, people
from accounts.enums import AuditKind
from accounts.models import User
from tenants import queries as houses
from tenants import sealing
from tenants.badges import address

NOT_TOGETHER = "This e-mail address and password do not fit together here."

# What allauth writes to somebody about their account is what the audit keeps too.
_KINDS = {
    "account/email/password_changed": AuditKind.PASSWORD_CHANGED,
    "account/email/password_reset": AuditKind.PASSWORD_RESET,
    "mfa/email/totp_activated": AuditKind.FACTOR_ADDED,
    "mfa/email/webauthn_added": AuditKind.FACTOR_ADDED,
    "mfa/email/recovery_codes_generated": AuditKind.FACTOR_ADDED,
    "mfa/email/totp_deactivated": AuditKind.FACTOR_REMOVED,
    "mfa/email/webauthn_removed": AuditKind.FACTOR_REMOVED,
}
_JUST_NOW = 300  # seconds
_UNSAID = ("account/messages/logged_in.txt", "account/messages/logged_out.txt")


class AccountAdapter(DefaultAccountAdapter):
    """Log-in as allauth does it, on our hosts: who does not belong there is told no more than a wrong password is."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": NOT_TOGETHER,
        "too_many_login_attempts": "Too many attempts. Wait five minutes, then try again.",
    }

    def is_open_for_signup(self, request: Any) -> bool:
        return False

    def authenticate(self, request: Any, **credentials: Any) -> User | None:
        """The person, if the password is theirs and they belong on this host. A failure counts, whichever it was."""
        self.pre_authenticate(request, **credentials)
        AuthenticationBackend.unstash_authenticated_user()
        user = authenticate(request, **credentials)
        AuthenticationBackend.unstash_authenticated_user()
        if isinstance(user, User) and belongs_here(request, user):
            self._rollback_login_failed_rl_usage()
            return user
        _record(request, AuditKind.LOG_IN_FAILED)
        return None

    def pre_authenticate(self, request: Any, **credentials: Any) -> None:
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError:
            request.seconds_to_wait = _seconds_to_wait(
                request, self._get_login_attempts_cache_key(request, **credentials)
            )
            raise

    def pre_login(self, request: Any, user: Any, **more: Any) -> HttpResponse | None:
        """However somebody proved who they are, password or passkey: do they belong here?"""
        if belongs_here(request, user):
            return None
        _record(request, AuditKind.LOG_IN_FAILED)
        self.add_message(request, messages.ERROR, message="This passkey does not fit here.")
        return HttpResponseRedirect(reverse("account_login"))

    def login(self, request: Any, user: Any) -> None:
        super().login(request, user)
        request.session["host"] = request.get_host()
        _record(request, AuditKind.LOGGED_IN, by_id=user.pk)

    def is_reauthentication_required(self, *, app: str, **more: Any) -> bool:
        """Who has just logged in is not asked once more before they change how they log in."""
        records = get_authentication_records(context.request, context.request.user)
        return not records or time.time() - records[-1]["at"] > _JUST_NOW

    def set_password(self, user: Any, password: str) -> None:
        """Every session that was opened with the old password ends, and every socket of theirs with it."""
        user.set_password(password)
        user.save(update_fields=["password"])
        people.end_sessions(user.pk)

    def send_notification_mail(self, template_prefix: str, user: Any, context: Any = None, email: Any = None) -> None:
        """Somebody changed how they log in: the audit keeps it, and they are told, whoever did it."""
        _record(self.request, _KINDS[template_prefix], by_id=user.pk)
        if _KINDS[template_prefix] in (AuditKind.FACTOR_ADDED, AuditKind.FACTOR_REMOVED):
            self.request.session.pop("has_factor", None)
        said = {"what": _KINDS[template_prefix].label, "name": user.name, "host": _own_address(self.request)}
        self._mail("account/email/changed.txt", "Your account at Nightjar was changed", user.email, said)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Only the link to a new password is ever mailed; who has no account here is written nothing."""
        if template_prefix == "account/email/password_reset_key" and belongs_here(self.request, context["user"]):
            said = {"name": context["user"].name, "where": context["password_reset_url"]}
            self._mail("account/email/new_password.txt", "A new password for Nightjar", email, said)

    def get_reset_password_from_key_url(self, key: str) -> str:
        uid, _, word = key.partition("-")
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": uid, "key": word})
        return _own_address(self.request).rstrip("/") + path

    def get_login_redirect_url(self, request: Any) -> str:
        return "/admin/" if request.agency is None else "/"

    def get_password_change_redirect_url(self, request: Any) -> str:
        return reverse("mfa_index")

    def get_logout_redirect_url(self, request: Any) -> str:
        return reverse("account_login")

    def is_safe_url(self, url: str | None) -> bool:
        return url_has_allowed_host_and_scheme(url, allowed_hosts={context.request.get_host()})

    def add_message(self, request: Any, level: int, message_template: Any = None, *more: Any, **named: Any) -> None:
        if message_template not in _UNSAID:
            super().add_message(request, level, message_template, *more, **named)

    def _get_login_attempts_cache_key(self, request: Any, **credentials: Any) -> str:
        # Somebody's attempts count together over all hosts: it is one password.
        return str(credentials.get("email", "")).lower()

    def _mail(self, template: str, subject: str, email: str, said: dict[str, Any]) -> None:
        EmailMessage(subject, render_to_string(template, said), to=[email]).send(fail_silently=True)


class SecondFactorAdapter(DefaultMFAAdapter):
    """Second factors as allauth keeps them, their secrets sealed for the person whose they are."""

    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "cannot_delete_authenticator": "This is your last second factor, and you must have one. Add another first.",
        "incorrect_code": "This code does not fit. Type the one that your app shows now.",
    }

    def encrypt(self, text: str) -> str:
        return base64.b64encode(sealing.seal(text, place=_place())).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return sealing.unseal(base64.b64decode(encrypted_text), place=_place())

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        """Who must have a second factor on any host keeps the last: a new one first, then the old one goes."""
        person = context.request.user
        must = policies.needs_second_factor_somewhere(person, queries.all_memberships_of(person))
        return not must or queries.factors_of(person) > 1


def belongs_here(request: Any, user: User) -> bool:
    """Whether this person belongs on the host that is asked."""
    agency_id = request.agency.pk if request.agency else None
    brand_id = request.host_brand.pk if request.host_brand else None
    memberships = queries.memberships_of(user, agency_id=agency_id) if agency_id else []
    return policies.may_come_in(user, memberships, agency_id=agency_id, brand_id=brand_id)


def _own_address(request: Any) -> str:
    """This host's address, from our own row of it and never from the Host header."""
    host = request.get_host().rsplit(":", 1)[0].lower()
    domain = houses.domain_named(host) if request.agency else None
    return address(domain.name if domain else settings.BASE_DOMAIN)


def _place() -> str:
    request = context.request
    person = request.user
    if not person.is_authenticated:  # between password and second factor
        person = request._login_stage.login.user
    return f"public/mfa_authenticator/{person.pk}/data"


def _seconds_to_wait(request: Any, key: str) -> int:
    """Until the first of the limits on failed log-ins lets another attempt in."""
    waits = [0.0]
    for rate in ratelimit.get_rates(app="allauth.account", action="login_failed"):
        history = ratelimit.cache.get(
            ratelimit.get_cache_key(request, app="allauth.account", action="login_failed", rate=rate, key=key), []
        )
        if len(history) >= rate.amount:
            waits.append(history[-1] + rate.duration - time.time())
    return max(1, round(max(waits)))


def _record(request: Any, kind: AuditKind, by_id: int | None = None) -> None:
    agency_id = request.agency.pk if request.agency else None
    audit.record(kind, agency_id=agency_id, by_id=by_id, now=timezone.now())
