from django.db import models


class Role(models.TextChoices):
    """What somebody is at an agency, or at one brand's client. What each may do is in the policies."""

    ADMIN = "admin", "agency admin"
    SUPERVISOR = "supervisor", "supervisor"
    AGENT = "agent", "agent"
    TRAINEE = "trainee", "trainee"
    CLIENT_APPROVER = "client_approver", "client approver"
    CLIENT_VIEWER = "client_viewer", "client viewer"


STAFF = (Role.ADMIN, Role.SUPERVISOR, Role.AGENT, Role.TRAINEE)


class AuditKind(models.TextChoices):
    LOGGED_IN = "logged_in", "logged in"
    LOG_IN_FAILED = "log_in_failed", "log-in failed"
    LOGGED_OUT = "logged_out", "logged out"
    ROLE_GIVEN = "role_given", "role given"
    ROLE_TAKEN = "role_taken", "role taken"
    CREDENTIALS_STORED = "credentials_stored", "Twitter credentials stored"
    REPLY_APPROVED = "reply_approved", "reply approved"
    FATE_DECIDED = "fate_decided", "fate of a reply decided"
    EXPORTED = "exported", "exported"
