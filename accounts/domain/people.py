"""People come aboard: an account that can log in, and what it may do where."""

from django.utils import timezone

from accounts.domain import audit
from accounts.enums import AuditKind, Role
from accounts.models import User
from tenants import entry, schemas


def add_person(*, email: str, name: str, password: str, agency_id: int, role: Role, brand_id: int | None = None) -> int:
    """Make a person who can log in, with one membership; returns their id. The owner's work, outside of everything."""
    user = User(email=email, name=name)
    user.set_password(password)
    with schemas.as_owner() as cursor:
        row = cursor.execute(
            "INSERT INTO accounts_user (email, name, password, is_active, is_operator) "
            "VALUES (%s, %s, %s, true, false) RETURNING id",
            [email, name, user.password],
        ).fetchone()
        assert row is not None
        cursor.execute(
            "INSERT INTO accounts_membership (user_id, agency_id, brand_id, role) VALUES (%s, %s, %s, %s)",
            [row[0], agency_id, brand_id, role],
        )
    with entry.agency(agency_id):
        facts = {"person": row[0], "role": str(role), "brand": brand_id}
        audit.record(AuditKind.ROLE_GIVEN, agency_id=agency_id, now=timezone.now(), facts=facts)
    return int(row[0])
