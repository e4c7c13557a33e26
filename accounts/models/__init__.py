from accounts.models.audit import AuditEntry
from accounts.models.desk import DeskRow
from accounts.models.invitations import Invitation
from accounts.models.keys import ApiKey
from accounts.models.people import Membership, User
from accounts.models.presence import Presence

__all__ = ["ApiKey", "AuditEntry", "DeskRow", "Invitation", "Membership", "Presence", "User"]
