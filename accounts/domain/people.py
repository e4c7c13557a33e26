"""People come aboard and leave: an account that can log in, what it may do where, and the end of that."""

import json
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from accounts import policies
from accounts.domain import audit
from accounts.enums import AuditKind, Role
from accounts.models import Membership, User
from tenants import entry, live, schemas
from tenants.refusals import NotNow, NotYours


def add_person(
    *,
    email: str,
    name: str,
    password: str,
    agency_id: int | None = None,
    role: Role | None = None,
    brand_id: int | None = None,
    is_operator: bool = False,
    is_demonstration: bool = False,
) -> int:
    """Make a person who can log in, with one membership at most; returns their id. The owner's work, outside of all."""
    user = User(email=email.lower(), name=name)
    user.set_password(password)
    with schemas.as_owner() as cursor:
        row = cursor.execute(
            "INSERT INTO accounts_user (email, name, password, is_active, is_operator, is_demonstration) "
            "VALUES (%s, %s, %s, true, %s, %s) RETURNING id",
            [user.email, name, user.password, is_operator, is_demonstration],
        ).fetchone()
        assert row is not None
        if agency_id:
            cursor.execute(
                "INSERT INTO accounts_membership (user_id, agency_id, brand_id, role) VALUES (%s, %s, %s, %s)",
                [row[0], agency_id, brand_id, role],
            )
    if agency_id:
        with entry.agency(agency_id):
            facts = {"person": row[0], "role": str(role), "brand": brand_id}
            audit.record(AuditKind.ROLE_GIVEN, agency_id=agency_id, now=timezone.now(), facts=facts)
    return int(row[0])


@transaction.atomic
def give_role(
    *, person_id: int, agency_id: int, brand_id: int | None, role: str, by: User, now: datetime
) -> Membership:
    """Make somebody who works here this in all brands, or in one, whatever they were there. Inside the agency.

    Their open pages and sockets know within two seconds. Strangers come by invitation.
    """
    policies.check_may_give(by, agency_id=agency_id, brand_id=brand_id)
    if not policies.fits(role, brand_id=brand_id):
        raise NotNow("Client staff belong to one brand. Choose the brand.")
    _lock_admins(agency_id)
    there = Membership.objects.filter(user_id=person_id, agency_id=agency_id, brand=brand_id)
    membership = there.select_for_update().first()
    if membership is None:
        if not Membership.objects.filter(user_id=person_id, agency_id=agency_id).exists():
            raise NotYours("This person does not work here. Invite them.")
        membership = Membership(user_id=person_id, agency_id=agency_id, brand_id=brand_id)
    elif membership.role == role:
        return membership
    else:
        _check_an_admin_stays(membership, by=by)
    membership.role, membership.given_at, membership.given_by = role, now, by
    if membership.pk:
        membership.save(update_fields=["role", "given_at", "given_by"])
    else:
        membership.save(force_insert=True)
    _record(AuditKind.ROLE_GIVEN, membership, by=by, now=now)
    end_sessions(person_id)
    return membership


@transaction.atomic
def take_role(*, membership: Membership, by: User, now: datetime) -> None:
    """End what somebody is in all brands, or in one. Inside the agency; their pages and sockets end within two seconds.

    Raises `NotNow` for the agency's last admin: nobody would be left who could give the role to another.
    """
    policies.check_may_give(by, agency_id=membership.agency_id, brand_id=membership.brand_id)
    _lock_admins(membership.agency_id)
    _check_an_admin_stays(membership, by=by)
    _record(AuditKind.ROLE_TAKEN, membership, by=by, now=now)
    Membership.objects.filter(pk=membership.pk).delete()
    end_sessions(membership.user_id)


@transaction.atomic
def deactivate(*, person_id: int, by: User, now: datetime) -> None:
    """Let an operator no longer log in anywhere. Among the operators; the last one stays."""
    _check_operator(by)
    people = User.objects.select_for_update().only("pk").filter(is_operator=True, is_active=True)
    ids = set(people.order_by("pk").values_list("pk", flat=True))
    if person_id not in ids:
        raise NotNow("This person is no operator, or no longer. Load the page again.")
    if ids == {person_id}:
        raise NotNow("This is the last operator. Invite another first.")
    User.objects.filter(pk=person_id).update(is_active=False)
    facts = {"person": person_id, "role": "log-in"}
    audit.record(AuditKind.ROLE_TAKEN, by_id=by.pk, now=now, facts=facts)
    end_sessions(person_id)


@transaction.atomic
def reactivate(*, person_id: int, by: User, now: datetime) -> None:
    """Let an operator log in again. Among the operators."""
    _check_operator(by)
    if not User.objects.filter(pk=person_id, is_operator=True, is_active=False).update(is_active=True):
        raise NotNow("This operator can log in already.")
    facts = {"person": person_id, "role": "log-in"}
    audit.record(AuditKind.ROLE_GIVEN, by_id=by.pk, now=now, facts=facts)


def end_sessions(person_id: int) -> None:
    """Once this transaction is committed, have every socket of this person look anew at who holds it.

    Pages ask with each request anyway.
    """
    where, what = live.channel("ended", "sessions"), json.dumps({"ended_person": person_id})
    transaction.on_commit(lambda: live.publish(where, what))


def _check_operator(by: User) -> None:
    if not by.is_operator:
        raise NotYours("This is for operators.")


def _lock_admins(agency_id: int) -> None:
    """Two admins who take each other's role at once must not both succeed."""
    admins = Membership.objects.filter(agency_id=agency_id, role=Role.ADMIN, brand=None)
    list(admins.select_for_update().order_by("pk").values_list("pk"))


def _check_an_admin_stays(membership: Membership, *, by: User) -> None:
    if membership.role != Role.ADMIN or membership.brand_id is not None:
        return
    others = Membership.objects.filter(agency_id=membership.agency_id, role=Role.ADMIN, brand=None)
    if not others.exclude(pk=membership.pk).filter(user__is_active=True).exists():
        whose = "You are" if membership.user_id == by.pk else "This is"
        raise NotNow(f"{whose} the agency's last admin. Make somebody else an admin first.")


def _record(kind: AuditKind, membership: Membership, *, by: User, now: datetime) -> None:
    facts = {"person": membership.user_id, "role": str(membership.role), "brand": membership.brand_id}
    audit.record(kind, agency_id=membership.agency_id, by_id=by.pk, now=now, facts=facts)
