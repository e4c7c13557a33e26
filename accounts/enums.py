from django.db import models


class Role(models.TextChoices):
    """What somebody is at an agency, or at one brand's client. What each may do is in the policies."""

    ADMIN = "admin", "agency admin"
    SUPERVISOR = "supervisor", "supervisor"
    AGENT = "agent", "agent"
    TRAINEE = "trainee", "trainee"
    CLIENT_APPROVER = "client_approver", "client approver"
    CLIENT_VIEWER = "client_viewer", "client viewer"


class Right(models.TextChoices):
    """What there is to be allowed. Each address and each socket asks for one; who has which: `RIGHTS`."""

    READ = "read", "look at a brand's conversations"
    REPORT = "report", "read reports"
    DRAFT = "draft", "write replies, to be sent by somebody else where the rule says so"
    WORK = "work", "take, give back, note, tag and close conversations"
    POST = "post", "let one's own replies go out, where the brand's rule asks for no second person"
    APPROVE = "approve", "let others' replies go out, change them, or send them back"
    DECIDE_FATE = "decide_fate", "say what became of a reply whose fate is unknown"
    CORRECT = "correct", "delete and edit the brand's own tweets"
    READ_NOTES = "read_notes", "read what colleagues note"
    DESK = "desk", "see the agency's desk over one's brands"
    GUIDE = "guide", "write canned responses, tags and dispositions"
    SET_UP = "set_up", "connect a brand, set its rules, set it live, end it"
    PEOPLE = "people", "invite people, give and take roles"
    KEYS = "keys", "make and revoke keys for programs, and webhooks"
    OPERATE = "operate", "make agencies and invite their first admins"


_CLIENT = frozenset({Right.READ, Right.REPORT})
_TRAINEE = _CLIENT | {Right.DRAFT, Right.WORK, Right.READ_NOTES, Right.DESK}
_AGENT = _TRAINEE | {Right.POST, Right.APPROVE, Right.DECIDE_FATE}
_SUPERVISOR = _AGENT | {Right.GUIDE, Right.CORRECT}
_ADMIN = _SUPERVISOR | {Right.SET_UP, Right.PEOPLE, Right.KEYS}

# Who may what: the one table. Policies and doors read it; `docs/roles.md` is printed from it.
RIGHTS: dict[str, frozenset[Right]] = {
    Role.ADMIN: _ADMIN,
    Role.SUPERVISOR: _SUPERVISOR,
    Role.AGENT: _AGENT,
    Role.TRAINEE: _TRAINEE,
    Role.CLIENT_APPROVER: _CLIENT | {Right.APPROVE},
    Role.CLIENT_VIEWER: _CLIENT,
}
# An operator is a person with `is_operator`, not a role at an agency: of agencies' work an operator sees nothing.
OPERATOR_RIGHTS = frozenset({Right.OPERATE})


def may(role: str | None, right: Right) -> bool:
    """Whether this role has this right."""
    return right in RIGHTS.get(role or "", frozenset())


class Scope(models.TextChoices):
    """What a key for programs may be used for. A key never does what its person may not."""

    CONVERSATIONS_READ = "conversations:read", "read conversations, messages and customers"
    REPLIES_READ = "replies:read", "read replies"
    REPLIES_WRITE = "replies:write", "write replies"
    REPLIES_APPROVE = "replies:approve", "approve replies and send them back"
    NOTES_READ = "notes:read", "read notes"
    NOTES_WRITE = "notes:write", "write notes"
    TAGS_READ = "tags:read", "read tags"
    TAGS_WRITE = "tags:write", "put tags on conversations and take them off"
    EVENTS_READ = "events:read", "read what happened, since a number"
    REPORTS_READ = "reports:read", "read reports"
    BRAND_READ = "brand:read", "read about the brand"
    BRANDS_READ = "brands:read", "read the agency's list of brands"
    DESK_READ = "desk:read", "read the desk"
    PEOPLE_READ = "people:read", "read who works here"


class AuditKind(models.TextChoices):
    LOGGED_IN = "logged_in", "logged in"
    LOG_IN_FAILED = "log_in_failed", "log-in failed"
    LOGGED_OUT = "logged_out", "logged out"
    ROLE_GIVEN = "role_given", "role given"
    ROLE_TAKEN = "role_taken", "role taken"
    INVITED = "invited", "invited"
    INVITATION_WITHDRAWN = "invitation_withdrawn", "invitation withdrawn"
    JOINED = "joined", "joined by invitation"
    PASSWORD_CHANGED = "password_changed", "password changed"
    PASSWORD_RESET = "password_reset", "password reset"
    FACTOR_ADDED = "factor_added", "second factor added"
    FACTOR_REMOVED = "factor_removed", "second factor removed"
    AGENCY_FOUNDED = "agency_founded", "agency founded"
    BRAND_FOUNDED = "brand_founded", "brand founded"
    BRAND_CHANGED = "brand_changed", "brand changed"
    BRAND_LIVE = "brand_live", "brand set live"
    BRAND_SUSPENDED = "brand_suspended", "brand suspended"
    BRAND_RESUMED = "brand_resumed", "brand resumed"
    BRAND_ENDING = "brand_ending", "end of a brand asked for"
    BRAND_KEPT = "brand_kept", "end of a brand withdrawn"
    BRAND_ERASED = "brand_erased", "brand erased"
    HANDLE_CONNECTED = "handle_connected", "handle connected"
    HANDLE_DISCONNECTED = "handle_disconnected", "handle disconnected"
    KEY_MADE = "key_made", "key made"
    KEY_REVOKED = "key_revoked", "key revoked"
    WEBHOOK_CHANGED = "webhook_changed", "webhook made, changed or removed"
    RULE_CHANGED = "rule_changed", "rule of a brand changed"
    SECRETS_ROTATED = "secrets_rotated", "secrets sealed anew"
    REPLY_SENT_BACK = "reply_sent_back", "reply sent back"
    CREDENTIALS_STORED = "credentials_stored", "Twitter credentials stored"
    REPLY_APPROVED = "reply_approved", "reply approved"
    FATE_DECIDED = "fate_decided", "fate of a reply decided"
    ERRAND_WANTED = "errand_wanted", "something asked of Twitter"
    EXPORTED = "exported", "exported"


class InvitationState(models.TextChoices):
    """How an invitation stands for whoever opens its address."""

    OPEN = "open", "open"
    USED = "used", "accepted"
    WITHDRAWN = "withdrawn", "withdrawn"
    EXPIRED = "expired", "expired"
    ELSEWHERE = "elsewhere", "for another host"
    UNKNOWN = "unknown", "unknown"
