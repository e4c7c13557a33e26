"""Who may come to which address: the one table. An address that is not in it cannot be opened, by anybody.

The name of each url, over all kinds of host, and what one needs for it. `config.doors` asks; the policies then decide
about the single thing. `docs/roles.md` is printed from it, and `tests/test_doors.py` knocks at every door.
"""

from enum import Enum
from typing import Any

from accounts.enums import RIGHTS, Right, Scope


class Need(Enum):
    """What is no right of a role."""

    NOTHING = "anybody, logged in or not"
    LOGGED_IN = "whoever is logged in: it is about themselves"
    MEMBER = "whoever is a member of the agency, or of one of its brands"


NEEDS: dict[str, Need | Right] = {
    # Every host.
    "health": Need.NOTHING,
    "landing": Need.NOTHING,
    # People.
    "accounts:login": Need.NOTHING,
    "accounts:logout": Need.LOGGED_IN,
    "live-since": Need.MEMBER,
    # The desk and a brand's inbox.
    "desk": Right.DESK,
    "desk-rows": Right.DESK,
    "inbox:inbox": Right.READ,
    "inbox:rows": Right.READ,
    "inbox:conversation": Right.READ,
    "inbox:replies": Right.DRAFT,
    "inbox:assignment": Right.WORK,
    "inbox:close": Right.WORK,
    "inbox:retry": Right.DECIDE_FATE,
    "inbox:posted": Right.DECIDE_FATE,
    # Reports.
    "reporting:first-response": Right.REPORT,
    "agency-first-response": Right.DESK,
}

# What a program's key must allow, by the url's name and the method. Besides, its person needs the right.
PROGRAMS: dict[str, dict[str, Scope]] = {}

RIGHT_FOR: dict[Scope, Right] = {
    Scope.CONVERSATIONS_READ: Right.READ,
    Scope.REPLIES_READ: Right.READ,
    Scope.REPLIES_WRITE: Right.DRAFT,
    Scope.REPLIES_APPROVE: Right.APPROVE,
    Scope.NOTES_READ: Right.READ_NOTES,
    Scope.NOTES_WRITE: Right.WORK,
    Scope.TAGS_READ: Right.READ,
    Scope.TAGS_WRITE: Right.WORK,
    Scope.EVENTS_READ: Right.READ,
    Scope.REPORTS_READ: Right.REPORT,
    Scope.BRAND_READ: Right.READ,
    Scope.BRANDS_READ: Right.DESK,
    Scope.DESK_READ: Right.DESK,
    Scope.PEOPLE_READ: Right.PEOPLE,
}


class NotInTheTable(LookupError):
    """A url that nobody has said who may open it. Always a bug."""


def needed_for(name: str) -> Need | Right:
    """What one needs to open the url of this name; raises `NotInTheTable`."""
    try:
        return NEEDS[name]
    except KeyError:
        # An admin's own pages are named by model and verb; what each may is its own to say (`config.admin`).
        raise NotInTheTable(f"{name!r} is not in config/rights.py: say there who may open it.") from None


def may_open(need: Need | Right, *, role: str | None) -> bool:
    """Whether somebody with this role has what is needed."""
    return need in (Need.LOGGED_IN, Need.MEMBER) or need in RIGHTS.get(role or "", frozenset[Any]())
