"""May this person do this, now? Refusals are worded for the person who asked."""

from accounts.enums import Right, may
from accounts.models import User
from inbox.enums import ReplyStatus
from inbox.models import Conversation, Reply
from tenants.refusals import NotNow, NotYours


def check_can_answer(by: User, role: str, conversation: Conversation) -> None:
    """Raise a refusal unless this person may put a reply into this conversation."""
    if not may(role, Right.POST):
        raise NotYours("You may read this conversation; answering is for agents and supervisors.")
    if conversation.is_closed:
        raise NotNow("This conversation is closed. It opens again when the customer writes.")


def check_can_decide_fate(role: str, reply: Reply) -> None:
    """Raise a refusal unless this person may say what became of a reply whose fate is unknown."""
    if not may(role, Right.DECIDE_FATE):
        raise NotYours("Deciding about a reply is for agents and supervisors.")
    if reply.status not in (ReplyStatus.UNKNOWN, ReplyStatus.REFUSED):
        raise NotNow("There is nothing to decide about this reply any more.")
