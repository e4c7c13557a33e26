"""Invitations: a word that lets one person, at one address, come aboard as one thing. It works once, for three days.

Only the word's hash is kept: whoever reads the database cannot come aboard with what they find there.
"""

import hashlib
import logging
import secrets
import smtplib
from datetime import datetime, timedelta

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import Q, QuerySet
from django.template.loader import render_to_string

from accounts import policies
from accounts.domain import audit
from accounts.enums import AuditKind, InvitationState, Role
from accounts.models import Invitation, Membership, User
from tenants.badges import address
from tenants.models import Agency, Brand, Domain
from tenants.refusals import NotNow, NotYours

log = logging.getLogger(__name__)

LASTS = timedelta(hours=72)
_CLIENT = (Role.CLIENT_APPROVER, Role.CLIENT_VIEWER)


class Spent(NotNow):
    """The invitation can no longer be accepted, or not here; `state` says why."""

    def __init__(self, state: InvitationState) -> None:
        super().__init__(SENTENCES[state])
        self.state = state


SENTENCES = {
    InvitationState.USED: "This invitation was accepted already. Log in with your e-mail address and password.",
    InvitationState.WITHDRAWN: "This invitation was withdrawn. Ask whoever invited you whether there is another.",
    InvitationState.EXPIRED: "This invitation has expired: they last for three days. Ask for a new one.",
    InvitationState.ELSEWHERE: "This invitation is for another address. Open it exactly as it stands in your mail.",
    InvitationState.UNKNOWN: "There is no such invitation. Open the address exactly as it stands in your mail, "
    "to its last letter.",
}


@transaction.atomic
def invite(
    *, agency_id: int | None, brand_id: int | None, role: str, email: str, name: str, by: User | None, now: datetime
) -> tuple[Invitation, str]:
    """Ask somebody to come aboard; returns the invitation and its word, which nobody can be told again.

    Inside the agency, by one of its admins; or among the operators, who invite operators (no agency) and an agency's
    first admins. Without `by` it is the installation itself, for its first operator, at an address not yet known.
    """
    email = email.strip().lower()
    _check_may_invite(by, agency_id=agency_id, brand_id=brand_id, role=role)
    if by is not None:
        _check_address(email)
    if agency_id and not (by and by.is_operator):
        _check_is_news(email, agency_id=agency_id, brand_id=brand_id)
    _withdraw(_open(now).filter(agency=agency_id, brand=brand_id, email=email), by=by, now=now)
    word = secrets.token_urlsafe(16)
    invitation = Invitation.objects.create(
        agency_id=agency_id,
        brand_id=brand_id,
        role=role,
        email=email,
        name=" ".join(name.split())[:80],
        word_hash=hash_of(word),
        invited_at=now,
        invited_by=by,
        expires_at=now + LASTS,
    )
    _record(AuditKind.INVITED, invitation, by=by, now=now)
    return invitation, word


@transaction.atomic
def withdraw(*, invitation: Invitation, by: User, now: datetime) -> None:
    """Take an open invitation back; one that is no longer open raises `NotNow`."""
    _check_may_invite(by, agency_id=invitation.agency_id, brand_id=invitation.brand_id, role=invitation.role)
    if not _withdraw(_open(now).filter(pk=invitation.pk), by=by, now=now):
        raise NotNow("This invitation is no longer open: it was accepted or withdrawn, or has expired.")


def again(*, invitation: Invitation, by: User, now: datetime) -> tuple[Invitation, str]:
    """Invite the same person to the same once more, with a new word; the old one no longer works."""
    if invitation.used_at:
        raise NotNow("This invitation was accepted: the person can log in.")
    return invite(
        agency_id=invitation.agency_id,
        brand_id=invitation.brand_id,
        role=invitation.role,
        email=invitation.email,
        name=invitation.name,
        by=by,
        now=now,
    )


@transaction.atomic
def first_operator(*, now: datetime) -> str | None:
    """A new word for whoever sets this installation up, the ones before it withdrawn; None where operators are.

    Among the operators.
    """
    if User.objects.filter(is_operator=True).exists():
        return None
    open_ones = _open(now).filter(agency=None, invited_by=None, email="")
    _withdraw(open_ones, by=None, now=now)
    return invite(agency_id=None, brand_id=None, role="", email="", name="", by=None, now=now)[1]


def look_up(
    word: str, *, agency_id: int | None, brand_id: int | None, now: datetime
) -> tuple[Invitation | None, InvitationState]:
    """The invitation with this word and how it stands on this host. In the directory."""
    rows = Invitation.objects.select_related("agency", "brand").filter(word_hash=hash_of(word))
    invitation = rows.first()
    return invitation, _state(invitation, agency_id=agency_id, brand_id=brand_id, now=now)


@transaction.atomic
def accept(
    *,
    word: str,
    agency_id: int | None,
    brand_id: int | None,
    email: str,
    name: str,
    password: str,
    now: datetime,
) -> User:
    """Bring the invited person aboard and spend the invitation, once. In the directory, on the host it is for.

    Somebody new gets an account with this name and password; somebody known proves by their password who they are.
    Raises `Spent`; `NotYours` for a wrong password; `ValidationError` for a name or password that will not do.
    """
    locked = Invitation.objects.select_for_update().filter(word_hash=hash_of(word)).first()
    state = _state(locked, agency_id=agency_id, brand_id=brand_id, now=now)
    if locked is None or state != InvitationState.OPEN:
        raise Spent(state)
    email = (locked.email or email).strip().lower()
    user = known(email)
    if user is None:
        user = _new_person(email=email, name=name, password=password)
    elif not user.is_active or not user.check_password(password):
        raise NotYours("This is not the password of your account. Try again, or reset it on the log-in page.")
    _make(user, locked, now=now)
    locked.used_at, locked.used_by = now, user
    locked.save(update_fields=["used_at", "used_by"])
    _record(AuditKind.JOINED, locked, by=user, now=now)
    return user


def known(email: str) -> User | None:
    """Who logs in with this e-mail address already. In the directory."""
    return User.objects.filter(email=email.strip().lower()).first() if email else None


def link(invitation: Invitation, word: str, *, base_domain: str) -> str:
    """The address to open: on the host where the invited person will work, from our own row of it."""
    domains = Domain.objects.filter(agency=invitation.agency_id)
    at_home = invitation.brand_id if invitation.role in _CLIENT else None
    host = domains.filter(brand=at_home).order_by("pk").first() if invitation.agency_id else None
    return f"{address(host.name if host else base_domain)}invitation/{word}/"


def send(invitation: Invitation, where: str) -> bool:
    """Mail the address to the invited person; whether the mail server took it. The invitation stands either way."""
    about = {"invitation": invitation, "where": where, "hours": int(LASTS.total_seconds() // 3600)}
    to_whom = " ".join(_aboard_of(invitation).split())  # a line of its own would end the mail's head
    text = render_to_string("accounts/mails/invitation.txt", {**about, "aboard": to_whom})
    try:
        return bool(EmailMessage(f"You are invited to {to_whom}", text, to=[invitation.email]).send())
    except (OSError, smtplib.SMTPException) as error:
        log.warning("The mail with invitation %s could not be sent: %s.", invitation.pk, type(error).__name__)
        return False


def hash_of(word: str) -> str:
    """What is kept of a word."""
    return hashlib.sha256(word.encode("utf-8", "replace")).hexdigest()


def state_of(invitation: Invitation, *, now: datetime) -> InvitationState:
    """How an invitation stands, wherever it is opened."""
    if invitation.used_at:
        return InvitationState.USED
    if invitation.withdrawn_at:
        return InvitationState.WITHDRAWN
    return InvitationState.EXPIRED if invitation.expires_at <= now else InvitationState.OPEN


def _state(
    invitation: Invitation | None, *, agency_id: int | None, brand_id: int | None, now: datetime
) -> InvitationState:
    if invitation is None:
        return InvitationState.UNKNOWN
    at_home = invitation.brand_id if invitation.role in _CLIENT else None
    if (invitation.agency_id, at_home) != (agency_id, brand_id):
        return InvitationState.ELSEWHERE
    return state_of(invitation, now=now)


def _open(now: datetime) -> QuerySet[Invitation]:
    return Invitation.objects.filter(Q(used_at=None) & Q(withdrawn_at=None) & Q(expires_at__gt=now))


def _withdraw(open_ones: QuerySet[Invitation], *, by: User | None, now: datetime) -> int:
    count = 0
    for each in open_ones.select_for_update(of=("self",), no_key=True).order_by("pk"):
        each.withdrawn_at, each.withdrawn_by = now, by
        each.save(update_fields=["withdrawn_at", "withdrawn_by"])
        _record(AuditKind.INVITATION_WITHDRAWN, each, by=by, now=now)
        count += 1
    return count


def _check_may_invite(by: User | None, *, agency_id: int | None, brand_id: int | None, role: str) -> None:
    if by is None or (by.is_operator and (agency_id is None or (role == Role.ADMIN and brand_id is None))):
        return
    if agency_id is None:
        raise NotYours("To invite operators is for operators.")
    policies.check_may_give(by, agency_id=agency_id, brand_id=brand_id)
    if not policies.fits(role, brand_id=brand_id):
        raise NotNow("Client staff belong to one brand. Choose the brand.")


def _check_address(email: str) -> None:
    try:
        validate_email(email)
    except ValidationError:
        raise NotNow("This is no e-mail address. Write it like ada@example.com.") from None


def _check_is_news(email: str, *, agency_id: int, brand_id: int | None) -> None:
    there = Membership.objects.filter(user__email=email, agency_id=agency_id, brand=brand_id)
    if (membership := there.only("role").first()) is not None:
        raise NotNow(f"Whoever has this address works here already, as {membership.get_role_display()}. Change that.")


def _new_person(*, email: str, name: str, password: str) -> User:
    name = " ".join(name.split())
    if not name:
        raise ValidationError({"name": "Say what your colleagues call you."})
    person = User(email=email, name=name[:80])
    try:
        validate_password(password, user=person)
    except ValidationError as error:
        raise ValidationError({"password": error.messages}) from None
    return User.objects.create_user(email=email, name=name[:80], password=password)


def _make(user: User, invitation: Invitation, *, now: datetime) -> None:
    if invitation.agency_id is None:
        User.objects.filter(pk=user.pk).update(is_operator=True)
        user.is_operator = True
        return
    where = {"user": user, "agency_id": invitation.agency_id, "brand_id": invitation.brand_id}
    if Membership.objects.filter(**where).exists():
        raise NotNow("You work there already. Log in; whoever invited you can change what you are there.")
    given_by = invitation.invited_by_id
    Membership.objects.create(**where, role=invitation.role, given_at=now, given_by_id=given_by)


def _record(kind: AuditKind, invitation: Invitation, *, by: User | None, now: datetime) -> None:
    """Into the agency's chain; into the house's where an operator acted, who sees no other."""
    facts = {"invitation": invitation.pk, "role": invitation.role, "brand": invitation.brand_id}
    in_agency = kind == AuditKind.JOINED or not (by is None or by.is_operator)
    if not in_agency:
        facts["agency"] = invitation.agency_id
    agency_id = invitation.agency_id if in_agency else None
    audit.record(kind, agency_id=agency_id, by_id=by.pk if by else None, now=now, facts=facts)


def _aboard_of(invitation: Invitation) -> str:
    if invitation.brand_id and invitation.role in _CLIENT:
        return Brand.objects.only("name").get(pk=invitation.brand_id).name
    if invitation.agency_id:
        return Agency.objects.only("name").get(pk=invitation.agency_id).name
    return "Nightjar"
