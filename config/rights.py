"""Who may come to which address: the one table. An address that is not in it cannot be opened, by anybody.

The name of each url, over all kinds of host, and what one needs for it. `config.doors` asks; the policies then decide
about the single thing. `docs/roles.md` is printed from it, and `tests/doors/` knocks at every door.
"""

from enum import Enum
from typing import Any

from accounts.enums import RIGHTS, Right, Role, Scope


class Need(Enum):
    """What is no right of a role."""

    NOTHING = "anybody, logged in or not"
    LOGGED_IN = "whoever is logged in: it is about themselves"
    MEMBER = "whoever is a member of the agency, or of one of its brands"


NEEDS: dict[str, Need | Right] = {
    # Every host.
    "health": Need.NOTHING,
    "landing": Need.NOTHING,
    "logo": Need.NOTHING,
    # People.
    "accounts:login": Need.NOTHING,
    "accounts:logout": Need.LOGGED_IN,
    "accounts:invitation": Need.NOTHING,
    "account_login": Need.NOTHING,
    "mfa_authenticate": Need.NOTHING,
    "mfa_login_webauthn": Need.NOTHING,
    "account_reset_password": Need.NOTHING,
    "account_reset_password_done": Need.NOTHING,
    "account_reset_password_from_key": Need.NOTHING,
    "account_reset_password_from_key_done": Need.NOTHING,
    # Oneself: password and second factors.
    "second-factor": Need.LOGGED_IN,
    "account_change_password": Need.LOGGED_IN,
    "account_reauthenticate": Need.LOGGED_IN,
    "mfa_index": Need.LOGGED_IN,
    "mfa_reauthenticate": Need.LOGGED_IN,
    "mfa_reauthenticate_webauthn": Need.LOGGED_IN,
    "mfa_activate_totp": Need.LOGGED_IN,
    "mfa_deactivate_totp": Need.LOGGED_IN,
    "mfa_view_recovery_codes": Need.LOGGED_IN,
    "mfa_generate_recovery_codes": Need.LOGGED_IN,
    "mfa_download_recovery_codes": Need.LOGGED_IN,
    "mfa_list_webauthn": Need.LOGGED_IN,
    "mfa_add_webauthn": Need.LOGGED_IN,
    "mfa_remove_webauthn": Need.LOGGED_IN,
    "mfa_edit_webauthn": Need.LOGGED_IN,
    "live-since": Need.MEMBER,
    # Programs: their keys, and the API's description.
    "keys": Right.KEYS,
    "key": Right.KEYS,
    "api-docs": Need.MEMBER,
    "api-schema": Need.MEMBER,
    # The desk and a brand's inbox.
    "desk": Right.DESK,
    "desk-rows": Right.DESK,
    "desk-alarms": Right.DESK,
    "desk-presence": Right.DESK,
    "brand-logo": Right.READ,
    "inbox:inbox": Right.READ,
    "inbox:rows": Right.READ,
    "inbox:conversation": Right.READ,
    "inbox:media": Right.READ,
    "inbox:replies": Right.DRAFT,
    "inbox:assignment": Right.WORK,
    "inbox:close": Right.WORK,
    "inbox:retry": Right.DECIDE_FATE,
    "inbox:posted": Right.DECIDE_FATE,
    "inbox:draft": Right.DRAFT,
    "inbox:parts": Right.DRAFT,
    "inbox:files": Right.DRAFT,
    "inbox:file": Right.READ,
    "inbox:file-removal": Right.DRAFT,
    "inbox:errands": Right.POST,
    "inbox:errand-retry": Right.POST,
    "inbox:errand-done": Right.POST,
    "inbox:discard": Right.DRAFT,
    "inbox:undo": Right.READ,
    "inbox:notes": Right.READ_NOTES,
    "inbox:tags": Right.WORK,
    "inbox:approvals": Right.APPROVE,
    "inbox:approvals-count": Right.APPROVE,
    "inbox:approve": Right.APPROVE,
    "inbox:send-back": Right.APPROVE,
    "inbox:advice": Right.DRAFT,
    "inbox:canned-for": Right.DRAFT,
    # A brand's settings.
    "inbox:canned": Right.GUIDE,
    "inbox:canned-response": Right.GUIDE,
    "inbox:canned-retirement": Right.GUIDE,
    "inbox:canned-weight": Right.GUIDE,
    "inbox:playbook": Right.GUIDE,
    "inbox:playbook-trial": Right.GUIDE,
    "inbox:settings": Right.GUIDE,
    "inbox:settings-replies": Right.GUIDE,
    "inbox:settings-rule": Right.SET_UP,
    "inbox:settings-dispositions": Right.GUIDE,
    "inbox:settings-tags": Right.GUIDE,
    # What X allows and costs.
    "inbox:may-answer": Right.DRAFT,
    "inbox:elsewhere": Right.DRAFT,
    "inbox:elsewhere-back": Right.DRAFT,
    "inbox:outcome": Right.DRAFT,
    "inbox:costs": Right.GUIDE,
    "inbox:costs-budget": Right.SET_UP,
    "inbox:policy": Right.GUIDE,
    "inbox:policy-automation": Right.SET_UP,
    "agency-costs": Right.GUIDE,
    # How the brand's channel stands, and what it listens for.
    "inbox:channel": Right.GUIDE,
    "inbox:channel-settings": Right.SET_UP,
    "inbox:channel-queries": Right.SET_UP,
    "inbox:channel-query": Right.SET_UP,
    # The brand's Twitter accounts.
    "inbox:twitter": Right.SET_UP,
    "inbox:twitter-connect": Right.SET_UP,
    "inbox:twitter-return": Right.SET_UP,
    "inbox:twitter-disconnect": Right.SET_UP,
    "inbox:twitter-subscriptions": Right.SET_UP,
    "twitter-callback": Need.NOTHING,
    # Webhooks, which tell programs.
    "inbox:webhooks": Right.KEYS,
    "inbox:webhook": Right.KEYS,
    "inbox:webhook-pause": Right.KEYS,
    "inbox:webhook-removal": Right.KEYS,
    "inbox:webhook-secret": Right.KEYS,
    "inbox:webhook-test": Right.KEYS,
    "inbox:webhook-replay": Right.KEYS,
    "inbox:webhook-delivery": Right.KEYS,
    # Reports.
    "reporting:first-response": Right.REPORT,
    "agency-first-response": Right.DESK,
}

# The admins' models: what one needs for their lists and forms, and the acts that have an address besides.
ADMIN_RIGHTS: dict[str, tuple[Right, tuple[str, ...]]] = {
    "tenants_agency": (Right.OPERATE, ("retry",)),
    "tenants_brand": (Right.SET_UP, ("retry", "live", "suspend", "resume", "end", "host", "host_removed")),
    "tenants_offboarding": (Right.SET_UP, ("export", "confirm", "withdraw", "certificate")),
    "accounts_membership": (Right.PEOPLE, ("take_role",)),
    "accounts_invitation": (Right.PEOPLE, ("withdraw", "send_again")),
    "tenants_appstate": (Right.OPERATE, ()),
    "accounts_user": (Right.OPERATE, ("deactivate", "reactivate")),
}


def _admin_names() -> dict[str, Need | Right]:
    """The names of both admins' addresses; one that is missing here cannot be opened."""
    names: dict[str, Need | Right] = {"admin:index": Right.PEOPLE, "admin:login": Need.LOGGED_IN}
    names["admin:logout"] = Need.LOGGED_IN
    for model, (right, acts) in ADMIN_RIGHTS.items():
        names |= {f"admin:{model}_{act}": right for act in ("changelist", "add", "change", *acts)}
    return names


NEEDS |= _admin_names()

# What a program's key must allow, by the url's name and the method. Besides, its person needs the right.
PROGRAMS: dict[str, dict[str, Scope]] = {
    # A brand's host.
    "api:brand": {"GET": Scope.BRAND_READ},
    "api:conversations": {"GET": Scope.CONVERSATIONS_READ},
    "api:conversation": {"GET": Scope.CONVERSATIONS_READ},
    "api:messages": {"GET": Scope.CONVERSATIONS_READ},
    "api:message": {"GET": Scope.CONVERSATIONS_READ},
    "api:customers": {"GET": Scope.CONVERSATIONS_READ},
    "api:customer": {"GET": Scope.CONVERSATIONS_READ},
    "api:replies": {"GET": Scope.REPLIES_READ, "POST": Scope.REPLIES_WRITE},
    "api:reply": {"GET": Scope.REPLIES_READ},
    "api:approval": {"POST": Scope.REPLIES_APPROVE},
    "api:return": {"POST": Scope.REPLIES_APPROVE},
    "api:notes": {"GET": Scope.NOTES_READ, "POST": Scope.NOTES_WRITE},
    "api:tags": {"GET": Scope.TAGS_READ},
    "api:conversation-tags": {"GET": Scope.TAGS_READ, "POST": Scope.TAGS_WRITE},
    "api:conversation-tag": {"DELETE": Scope.TAGS_WRITE},
    "api:events": {"GET": Scope.EVENTS_READ},
    "api:first-response": {"GET": Scope.REPORTS_READ},
    # The agency's host.
    "api:brands": {"GET": Scope.BRANDS_READ},
    "api:desk": {"GET": Scope.DESK_READ},
    "api:people": {"GET": Scope.PEOPLE_READ},
}

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
        raise NotInTheTable(f"{name!r} is not in config/rights.py: say there who may open it.") from None


def holders_of(need: Need | Right) -> str:
    """Those roles that have what is needed, as a sentence names them."""
    return " and ".join(f"{role.label}s" for role in Role if may_open(need, role=role))


def may_open(need: Need | Right, *, role: str | None) -> bool:
    """Whether somebody with this role has what is needed."""
    return need in (Need.LOGGED_IN, Need.MEMBER) or need in RIGHTS.get(role or "", frozenset[Any]())
