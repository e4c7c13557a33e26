"""May this person come in here, and may they say what others are?"""

from collections.abc import Sequence

from accounts import queries
from accounts.enums import Right, Role, may
from accounts.models import Membership, User
from tenants.models import Brand, BrandState
from tenants.refusals import NotYours

_CLIENT = (Role.CLIENT_APPROVER, Role.CLIENT_VIEWER)


def may_come_in(user: User, memberships: Sequence[Membership], *, agency_id: int | None, brand_id: int | None) -> bool:
    """Whether this person belongs on this host: an operator, somebody of the agency, or somebody of the brand.

    `memberships` are theirs at the host's agency; without an agency it is the operators' host.
    """
    if not user.is_active:
        return False
    if agency_id is None:
        return user.is_operator
    return bool(queries.role_in(memberships, brand_id=brand_id) if brand_id else memberships)


def needs_second_factor(user: User, memberships: Sequence[Membership], *, agency_id: int | None) -> bool:
    """Whether this person must prove themselves in a second way: operators, and whoever is an agency admin here.

    Not the demonstration's people, whose passwords everybody knows anyway.
    """
    if user.is_demonstration:
        return False
    if agency_id is None:
        return user.is_operator
    return any(each.role == Role.ADMIN for each in memberships)


def needs_second_factor_somewhere(user: User, everywhere: Sequence[Membership]) -> bool:
    """Whether any host asks a second factor of this person, who has these memberships in all."""
    return (user.is_operator or any(each.role == Role.ADMIN for each in everywhere)) and not user.is_demonstration


def is_closed_to(role: str, brand: Brand) -> bool:
    """A suspended brand, or one that ends, is closed to its client's staff; the agency's own may go on reading."""
    return brand.state in (BrandState.SUSPENDED, BrandState.ENDING) and role in _CLIENT


def check_may_give(by: User, *, agency_id: int, brand_id: int | None) -> None:
    """Raises `NotYours` unless this person may say who is what there. Asked inside the agency.

    Only an admin may, whose role is the highest; an admin of one brand, in that brand alone.
    """
    held = queries.memberships_of(by, agency_id=agency_id)
    if not any(may(each.role, Right.PEOPLE) and each.brand_id in (None, brand_id) for each in held):
        raise NotYours("To invite people and to give or take roles is for the agency's admins. Ask one of them.")


def fits(role: str, *, brand_id: int | None) -> bool:
    """Whether somebody can be this there: client staff are always in one brand."""
    return role not in _CLIENT or brand_id is not None
