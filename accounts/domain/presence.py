"""Presence: what a person is doing now. Whoever is available is given waiting conversations, up to their capacity.

Inside the agency. People say it of themselves; `domain.desk` reads it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from accounts.enums import Right, may
from accounts.models import Membership, Presence, User
from tenants import entry
from tenants.refusals import NotNow, NotYours

USUAL_CAPACITY = 5
LARGEST_CAPACITY = 50


@transaction.atomic
def take_conversations(*, capacity: int, by: User, role: str | None, now: datetime) -> Presence:
    """Say that one takes conversations from now on, and how many at once; saying it again changes the number alone.

    Which brands one is given conversations of is decided by one's memberships, each time.
    """
    if not may(role, Right.WORK):
        raise NotYours("To take conversations is for the agency's people who answer. Ask an admin for that role.")
    if not 1 <= capacity <= LARGEST_CAPACITY:
        raise NotNow(f"One person can hold 1 to {LARGEST_CAPACITY} conversations at once. Choose a number of these.")
    presence, _ = Presence.objects.select_for_update().get_or_create(
        agency_id=entry.current_agency_id(), user_id=by.pk, defaults={"capacity": capacity}
    )
    presence.capacity = capacity
    presence.available_since = presence.available_since or now
    presence.save(update_fields=["capacity", "available_since"])
    return presence


@transaction.atomic
def step_away(*, by: User) -> None:
    """Say that one takes no further conversations. What one has stays one's own, until one gives it back."""
    mine = Presence.objects.filter(agency_id=entry.current_agency_id(), user_id=by.pk)
    mine.update(available_since=None)


@dataclass(slots=True)
class Free:
    """Somebody who takes conversations and has room for more: how many they hold, and which brands they serve."""

    user_id: int
    held: int
    room: int
    everywhere: bool
    in_brands: dict[int, bool]  # where they are something else than everywhere

    def serves(self, brand_id: int) -> bool:
        return self.in_brands.get(brand_id, self.everywhere)


def free() -> list[Free]:
    """Who takes conversations at this agency and has room for more, the oldest members first; two statements."""
    with connection.cursor() as cursor:
        cursor.execute(_WITH_ROOM, [entry.current_agency_id()])
        people = {pk: Free(pk, has, room, False, {}) for pk, has, room in cursor.fetchall()}
    if not people:
        return []
    held = Membership.objects.filter(agency_id=entry.current_agency_id(), user_id__in=list(people))
    rows: Iterable[tuple[int, int | None, str]] = held.order_by("pk").values_list("user_id", "brand_id", "role")
    for user_id, brand_id, role in rows:
        if brand_id is None:
            people[user_id].everywhere = may(role, Right.WORK)
        else:
            people[user_id].in_brands[brand_id] = may(role, Right.WORK)
    return list(people.values())


_WITH_ROOM = """
SELECT p.user_id, held.n::int, p.capacity - held.n::int
FROM accounts_presence p
JOIN accounts_user u ON u.id = p.user_id AND u.is_active
CROSS JOIN LATERAL (
    SELECT count(*) AS n FROM accounts_deskrow d WHERE d.assignee_id = p.user_id AND d.agency_id = p.agency_id
) AS held
WHERE p.agency_id = %s AND p.available_since IS NOT NULL AND p.capacity > held.n
ORDER BY p.user_id
"""
