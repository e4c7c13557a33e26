"""Keys with which programs use the API: made, shown once, revoked. A key acts for the person who made it.

Made and revoked inside the agency, looked up in the directory (decision 0016).
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from accounts import queries
from accounts.domain import audit
from accounts.enums import AuditKind, Right, Scope, may
from accounts.models import ApiKey, Membership, User
from tenants.refusals import NotNow, NotYours

BEGINS_WITH = "nj_"
_RANDOM_BYTES = 24
_SHOWN = 10
_LONGEST_NAME = 80
_MOST = 100
_USE_IS_NOTED_EVERY = timedelta(minutes=1)

# What is of the agency's own host, and what is of a brand's.
OF_AGENCY = (Scope.BRANDS_READ, Scope.DESK_READ, Scope.PEOPLE_READ)
OF_BRAND = tuple(scope for scope in Scope if scope not in OF_AGENCY)


@dataclass(frozen=True)
class Holder:
    """A key that is alive, and in whose name it acts."""

    key: ApiKey
    person: User
    memberships: list[Membership]


class Dead(NotYours):
    """This key opens nothing, and the sentence says why (HTTP 401)."""


@transaction.atomic
def make(
    *,
    agency_id: int,
    brand_id: int | None,
    name: str,
    scopes: Sequence[str],
    by: User,
    memberships: Sequence[Membership],
    now: datetime,
) -> tuple[ApiKey, str]:
    """Make a key of the agency, or of one brand, and return it with its secret, which nobody can show again."""
    check_may_have_keys(memberships, brand_id=brand_id)
    name = " ".join(name.replace("\x00", " ").split())
    if not name:
        raise NotNow("Give the key a name: the program that will use it.")
    if len(name) > _LONGEST_NAME:
        raise NotNow(f"The name is too long; {_LONGEST_NAME} characters are allowed.")
    allowed = OF_BRAND if brand_id else OF_AGENCY
    wanted = [scope.value for scope in allowed if scope.value in scopes]
    if not wanted:
        raise NotNow("Choose at least one thing that this key may do, of those for the host that it is for.")
    if ApiKey.objects.filter(agency_id=agency_id, revoked_at=None).count() >= _MOST:
        raise NotNow(f"There are {_MOST} keys already. Revoke those that nobody uses.")

    secret = BEGINS_WITH + secrets.token_urlsafe(_RANDOM_BYTES)
    key = ApiKey.objects.create(
        agency_id=agency_id,
        brand_id=brand_id,
        name=name,
        beginning=secret[:_SHOWN],
        secret_hash=hash_of(secret),
        scopes=wanted,
        made_at=now,
        made_by=by,
    )
    facts = {"key": key.pk, "name": key.name, "scopes": wanted}
    audit.record(AuditKind.KEY_MADE, now=now, agency_id=agency_id, brand_id=brand_id, by_id=by.pk, facts=facts)
    return key, secret


@transaction.atomic
def revoke(*, key: ApiKey, by: User, memberships: Sequence[Membership], now: datetime) -> ApiKey:
    """End a key: from the next call on it opens nothing."""
    key = ApiKey.objects.select_for_update().get(pk=key.pk)
    check_may_have_keys(memberships, brand_id=key.brand_id)
    if key.revoked_at:
        raise NotNow("This key is revoked already.")
    key.revoked_at, key.revoked_by = now, by
    key.save(update_fields=["revoked_at", "revoked_by"])
    audit.record(
        AuditKind.KEY_REVOKED,
        now=now,
        agency_id=key.agency_id,
        brand_id=key.brand_id,
        by_id=by.pk,
        facts={"key": key.pk, "name": key.name},
    )
    return key


def check_may_have_keys(memberships: Sequence[Membership], *, brand_id: int | None) -> None:
    """Raise a refusal unless this person may make and revoke keys of this brand (or, without one, of the agency)."""
    roles = [each.role for each in memberships if each.brand_id is None]
    role = queries.role_in(memberships, brand_id=brand_id) if brand_id else next(iter(roles), None)
    if not may(role, Right.KEYS):
        raise NotYours("Keys for programs are made and revoked by admins of the agency.")


def keys_of(agency_id: int, memberships: Sequence[Membership]) -> QuerySet[ApiKey]:
    """The keys that this person may see, those in use first, the newest first. Asked inside the agency."""
    found = ApiKey.objects.filter(agency_id=agency_id).select_related("brand").order_by("revoked_at", "-pk")
    if any(each.brand_id is None and may(each.role, Right.KEYS) for each in memberships):
        return found
    return found.filter(brand_id__in=[each.brand_id for each in memberships if may(each.role, Right.KEYS)])


def holder_of(secret: str, *, now: datetime) -> Holder:
    """The living key with this secret, with its person as they are at this moment; raises `Dead`.

    Asked in the directory. Its use is noted, at most once a minute.
    """
    key = (
        ApiKey.objects.select_related("made_by", "agency", "brand").filter(secret_hash=hash_of(secret)).first()
        if secret.startswith(BEGINS_WITH)
        else None
    )
    if key is None:
        raise Dead("We do not know this key. Send it whole, as it was shown when it was made.")
    if key.revoked_at:
        raise Dead(f"This key was revoked on {key.revoked_at:%Y-%m-%d}. Ask an admin of the agency for another one.")
    memberships = queries.memberships_of(key.made_by, agency_id=key.agency_id)
    if not key.made_by.is_active or not memberships:
        raise Dead("The person who made this key is no longer with the agency. Ask an admin there for another one.")
    if key.last_used_at is None or key.last_used_at < now - _USE_IS_NOTED_EVERY:
        long_ago = Q(last_used_at=None) | Q(last_used_at__lt=now - _USE_IS_NOTED_EVERY)
        ApiKey.objects.filter(long_ago, pk=key.pk).update(last_used_at=now)
    return Holder(key, key.made_by, memberships)


def hash_of(secret: str) -> str:
    """What is kept of a secret. It is random enough that a fast hash is as good as a slow one."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()
