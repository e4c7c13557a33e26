"""Everybody who may knock, what they are where, and what the one table of rights says that each gets."""

from dataclasses import dataclass, field
from enum import StrEnum

from accounts.enums import RIGHTS, Role
from config.rights import NEEDS, Need
from tests.doors.addresses import ELSEWHERE
from tests.visiting import ACME, CANARY, OPERATORS

EVERYWHERE = ""  # in all brands of an agency
BRAND_OF = {ACME: "acme", CANARY: "canary"}


@dataclass(frozen=True)
class Caller:
    """Somebody, by what they are at Northlight's brands and elsewhere."""

    at_northlight: dict[str, Role] = field(default_factory=dict)
    elsewhere: dict[str, Role] = field(default_factory=dict)
    is_operator: bool = False
    has_factor: bool = True
    is_here: bool = True  # whether there is a session at all, of somebody active, and opened on this host

    def role(self, host: str, slug: str) -> Role | None:
        """What they are in this brand, or without one at the agency whose host it is."""
        held = self.elsewhere if host == ELSEWHERE else self.at_northlight
        if slug:
            return held.get(slug) or held.get(EVERYWHERE)
        return held.get(EVERYWHERE) or next(iter(held.values()), None)


CALLERS = {
    "nobody": Caller(is_here=False),
    "an operator": Caller(is_operator=True),
    "an operator without a second factor": Caller(is_operator=True, has_factor=False),
    "an admin": Caller({EVERYWHERE: Role.ADMIN}),
    "an admin without a second factor": Caller({EVERYWHERE: Role.ADMIN}, has_factor=False),
    "an admin of acme": Caller({"acme": Role.ADMIN}),
    "a supervisor": Caller({EVERYWHERE: Role.SUPERVISOR}),
    "an agent": Caller({EVERYWHERE: Role.AGENT}),
    "a trainee": Caller({EVERYWHERE: Role.TRAINEE}),
    "an approver of acme's": Caller({"acme": Role.CLIENT_APPROVER}),
    "a viewer of acme's": Caller({"acme": Role.CLIENT_VIEWER}),
    "an agent of canary": Caller({"canary": Role.AGENT}),
    "an agent, in acme a trainee": Caller({EVERYWHERE: Role.AGENT, "acme": Role.TRAINEE}),
    "an admin of another agency": Caller(elsewhere={EVERYWHERE: Role.ADMIN}),
    "an admin who came from another host": Caller({EVERYWHERE: Role.ADMIN}, is_here=False),
    "an admin who may no longer log in": Caller({EVERYWHERE: Role.ADMIN}, is_here=False),
}


class Verdict(StrEnum):
    """What becomes of a knock."""

    LOG_IN = "is sent to log in"
    FACTOR = "is sent to add a second factor"
    REFUSED = "is refused"
    LET_IN = "is let in"
    NOT_FOUND = "finds nothing"
    NO_KEY = "is asked for a key"
    BROKE = "breaks it"


def verdict_for(name: str, caller: Caller, host: str, slug: str) -> Verdict:
    """What this person gets at the url of this name: worked out from the table of rights and from nothing else."""
    need = NEEDS[name]
    if need is Need.NOTHING:
        return Verdict.LET_IN
    if not caller.is_here:
        return Verdict.LOG_IN
    if need is Need.LOGGED_IN:
        return Verdict.LET_IN
    if not caller.has_factor and _must_have_factor(caller, host):
        return Verdict.FACTOR
    return Verdict.LET_IN if _may(need, name, caller, host, slug) else Verdict.REFUSED


def _must_have_factor(caller: Caller, host: str) -> bool:
    """Operators on their host, and agency admins on those of their agency."""
    if host == OPERATORS:
        return caller.is_operator
    return Role.ADMIN in (caller.elsewhere if host == ELSEWHERE else caller.at_northlight).values()


def _may(need, name: str, caller: Caller, host: str, slug: str) -> bool:
    if host == OPERATORS:
        return caller.is_operator
    if host == ELSEWHERE and slug:
        return False  # the brands here are Northlight's, and are on no other agency's host
    role = caller.role(host, BRAND_OF.get(host, slug))
    if name.startswith("admin:"):
        # What is set up there is the whole agency's; whoever is an admin of one brand is none of the agency's.
        role = (caller.elsewhere if host == ELSEWHERE else caller.at_northlight).get(EVERYWHERE)
    if role is None:
        return False
    return need is Need.MEMBER or need in RIGHTS[role]
