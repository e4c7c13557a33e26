"""Questions about people. Asked from the directory (who logs in) or from inside an agency (who works here)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from allauth.mfa.models import Authenticator
from django.db import connection
from django.db.models import F, QuerySet

from accounts.models import DeskRow, Membership, Presence, User

MOST_COUNTED = 1_000


@dataclass(frozen=True)
class Person:
    """A colleague as a page shows them."""

    id: int
    name: str
    initials: str


def memberships_of(user: User, *, agency_id: int) -> list[Membership]:
    """What this person is at this agency, brand by brand."""
    return list(Membership.objects.filter(user=user, agency_id=agency_id).order_by("pk"))


def all_memberships_of(user: User) -> list[Membership]:
    """What this person is, at whichever agency. In the directory."""
    return list(Membership.objects.filter(user=user).order_by("pk"))


def role_in(memberships: Sequence[Membership], *, brand_id: int | None) -> str | None:
    """What these memberships make of a person in one brand (or, without one, at the agency); None: nothing.

    A membership in the brand itself goes before one in all brands.
    """
    in_brand = [each.role for each in memberships if each.brand_id == brand_id]
    everywhere = [each.role for each in memberships if each.brand_id is None]
    found = in_brand or everywhere
    if not found and brand_id is None:
        found = [each.role for each in memberships]
    return found[0] if found else None


def factors_of(user: User) -> int:
    """How many ways this person has to prove themselves, besides the password: apps and passkeys. In the directory."""
    kinds = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]
    return int(Authenticator.objects.filter(user_id=user.pk, type__in=kinds).count())


def people_named(ids: Iterable[int]) -> dict[int, Person]:
    """These people, by id, as pages show them."""
    wanted = {pk for pk in ids if pk}
    if not wanted:
        return {}
    return {
        user.pk: Person(id=user.pk, name=user.name, initials=user.initials)
        for user in User.objects.filter(pk__in=wanted).only("name").order_by("pk")
    }


def waiting(*, brand_ids: Sequence[int]) -> QuerySet[DeskRow]:
    """Everything that waits on us in these brands, in the order in which answers are promised."""
    return DeskRow.objects.filter(brand_id__in=brand_ids, waiting_since__isnull=False).order_by("respond_by", "pk")


def waiting_for(user: User, *, brand_ids: Sequence[int]) -> QuerySet[DeskRow]:
    """What this agent has, waiting or not, in the order in which answers are promised."""
    return DeskRow.objects.filter(brand_id__in=brand_ids, assignee=user).order_by(
        F("respond_by").asc(nulls_last=True), "pk"
    )


def presence_of(user: User) -> Presence | None:
    """What this person said of themselves at the agency that we stand in; None: nothing yet."""
    return Presence.objects.filter(user=user).first()


def desk_counts(user: User, *, brand_ids: Sequence[int]) -> dict[str, int]:
    """How much waits in these brands: in all, for this agent, for nobody in particular, past its promise.

    `MOST_COUNTED` stands for that many or more.
    """
    with connection.cursor() as cursor:
        cursor.execute(_DESK_COUNTS, {"user_id": user.pk, "brand_ids": list(brand_ids), "most": MOST_COUNTED})
        found = cursor.fetchone()
    return dict(zip(("waiting", "mine", "unassigned", "breached"), found, strict=True))


# Each count ends at `most` rows of an index, so that the desk is drawn as fast on the worst night as on any other.
_DESK_COUNTS = """
SELECT
    (SELECT count(*) FROM (SELECT FROM accounts_deskrow
        WHERE brand_id = ANY(%(brand_ids)s) AND waiting_since IS NOT NULL LIMIT %(most)s) AS waiting),
    (SELECT count(*) FROM (SELECT FROM accounts_deskrow
        WHERE brand_id = ANY(%(brand_ids)s) AND assignee_id = %(user_id)s LIMIT %(most)s) AS mine),
    (SELECT count(*) FROM (SELECT FROM accounts_deskrow
        WHERE brand_id = ANY(%(brand_ids)s) AND waiting_since IS NOT NULL AND assignee_id IS NULL LIMIT %(most)s
        ) AS unassigned),
    (SELECT count(*) FROM (SELECT FROM accounts_deskrow
        WHERE brand_id = ANY(%(brand_ids)s) AND waiting_since IS NOT NULL AND respond_by < now() LIMIT %(most)s
        ) AS breached)
"""


def demonstration_people() -> list[dict[str, str]]:
    """The log-ins of the demonstration, to be shown to newcomers; nothing where there is no demonstration."""
    rows = (
        User.objects.filter(is_demonstration=True, is_active=True).prefetch_related("memberships__brand").order_by("pk")
    )
    return [
        {
            "name": user.name,
            "email": user.email,
            "role": _roles_in_words(user),
            "password": DEMONSTRATION_PASSWORD,
        }
        for user in rows
    ]


def _roles_in_words(user: User) -> str:
    if user.is_operator:
        return "operator"
    return ", ".join(
        membership.get_role_display() + (f" ({membership.brand.name})" if membership.brand else "")
        for membership in user.memberships.all()
    )


# The demonstration's people exist only where `manage.py demonstrate` made them, on somebody's own machine.
DEMONSTRATION_DOMAIN = "@northlight.example"
DEMONSTRATION_PASSWORD = "night-shift"
