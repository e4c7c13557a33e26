from accounts.models.audit import AuditEntry
from accounts.models.desk import DeskRow
from accounts.models.people import Membership, User

__all__ = ["AuditEntry", "DeskRow", "Membership", "User"]
