"""The doors of people: log-in and log-out, invitations, the front page."""

from accounts.views.entrance import log_in, log_out, too_often
from accounts.views.front import health, landing
from accounts.views.invitations import invitation
from accounts.views.me import remove_passkey, second_factor

__all__ = ["health", "invitation", "landing", "log_in", "log_out", "remove_passkey", "second_factor", "too_often"]
