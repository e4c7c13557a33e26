"""May this person do this, now? Refusals are worded for the person who asked."""

from accounts.enums import Right, Role, may
from accounts.models import User
from inbox.enums import ErrandKind, ReplyStatus
from inbox.models import ApprovalRule, Conversation, Reply
from tenants.models import BrandState
from tenants.refusals import NotNow, NotYours

# Where a reply can be written further: by its author, before anybody lets it go out.
_OPEN = (ReplyStatus.DRAFT, ReplyStatus.SENT_BACK)


def check_can_write(role: str, conversation: Conversation) -> None:
    """Raise a refusal unless this person may write a reply into this conversation, whoever lets it go out."""
    if not may(role, Right.DRAFT):
        raise NotYours("You may read this conversation; answering is for the agency's people.")
    check_open(conversation)


def check_can_work(role: str, conversation: Conversation) -> None:
    """Raise a refusal unless this person may take, give back or close this conversation."""
    if not may(role, Right.WORK):
        raise NotYours("You may read this conversation; working on it is for the agency's people.")
    check_open(conversation)


def check_can_keep(role: str) -> None:
    """Raise a refusal unless this person may keep notes and tags beside a conversation, open or closed."""
    if not may(role, Right.WORK):
        raise NotYours("Notes and tags are for the agency's people.")


def check_open(conversation: Conversation) -> None:
    """Raise a refusal where a conversation is closed."""
    if conversation.is_closed:
        raise NotNow("This conversation is closed. It opens again when the customer writes.")


def check_brand_is_live(state: str) -> None:
    """Raise a refusal in a brand that is not live: there replies may be written, but not sent."""
    if state != BrandState.LIVE:
        raise NotNow(f"Nothing goes out: {_NOT_LIVE.get(state, 'this brand is not live')}. Drafts are kept.")


def why_not_live(state: str) -> str:
    """Why nothing goes out in a brand of this state."""
    return f"Nothing goes out: {_NOT_LIVE.get(state, 'this brand is not live')}."


def check_is_own(by: User, role: str, reply: Reply) -> None:
    """Raise a refusal unless this person wrote this reply and it is still with them."""
    if not may(role, Right.DRAFT):
        raise NotYours("You may read this conversation; answering is for the agency's people.")
    if reply.author_id != by.pk:
        raise NotYours("This draft is a colleague's. Write a reply of your own.")
    if reply.status not in _OPEN:
        raise NotNow(f"This reply is not a draft any more: it is {reply.get_status_display()}.")


def check_may_approve(role: str, rule: ApprovalRule) -> None:
    """Raise a refusal unless somebody of this role may say yes or no to others' replies in this brand."""
    if not may(role, Right.APPROVE):
        raise NotYours("Approving is for agents, supervisors and the client's approvers.")
    if role == Role.CLIENT_APPROVER and not rule.clients_approve:
        raise NotYours("The agency approves this brand's replies itself. Ask them if you should do it.")


def check_can_decide(by: User, role: str, reply: Reply, rule: ApprovalRule) -> None:
    """Raise a refusal unless this person may approve this reply, or send it back."""
    check_may_approve(role, rule)
    if reply.status != ReplyStatus.SUBMITTED:
        raise _decided_already(reply.status)
    if reply.author_id == by.pk:
        raise NotYours("Somebody else approves what you wrote. You can take it back and change it.")


def check_can_take_back(by: User, role: str, reply: Reply) -> None:
    """Raise a refusal unless this reply is this person's to take back: they wrote it, or let it go out."""
    if not may(role, Right.DRAFT) and not may(role, Right.APPROVE):
        raise NotYours("Taking a reply back is for whoever wrote it or let it go out.")
    if by.pk not in (reply.author_id, reply.approved_by_id):
        raise NotYours("Taking a reply back is for whoever wrote it or let it go out.")
    if reply.status not in (ReplyStatus.SUBMITTED, ReplyStatus.APPROVED):
        raise _not_to_be_taken_back(reply.status)


def check_can_decide_fate(role: str, reply: Reply) -> None:
    """Raise a refusal unless this person may say what became of a reply whose fate is unknown."""
    if not may(role, Right.DECIDE_FATE):
        raise NotYours("Deciding about a reply is for agents and supervisors.")
    if reply.status not in (ReplyStatus.UNKNOWN, ReplyStatus.REFUSED, ReplyStatus.ELSEWHERE):
        raise NotNow("There is nothing to decide about this reply any more.")


def check_can_run_errand(role: str, kind: str) -> None:
    """Raise a refusal unless this person may have this done at Twitter: what is said in the brand's name is taken back
    or changed by supervisors, the rest is agents' work."""
    if kind in (ErrandKind.DELETE, ErrandKind.EDIT):
        if not may(role, Right.CORRECT):
            raise NotYours("Deleting and editing the brand's tweets is for supervisors and admins. Ask one of them.")
    elif not may(role, Right.POST):
        raise NotYours("Hiding and liking is for the agency's agents and supervisors.")


def check_can_guide(role: str) -> None:
    """Raise a refusal unless this person may change a brand's tags and dispositions."""
    if not may(role, Right.GUIDE):
        raise NotYours("Tags and dispositions are changed by supervisors and admins.")


def check_can_set_up(role: str) -> None:
    """Raise a refusal unless this person may change a brand's rules."""
    if not may(role, Right.SET_UP):
        raise NotYours("A brand's rules are changed by the agency's admins.")


def _decided_already(status: str) -> NotNow:
    said = {
        ReplyStatus.DRAFT: "Its author has taken this reply back.",
        ReplyStatus.SENT_BACK: "Somebody was quicker: this reply was sent back already.",
    }
    return NotNow(said.get(ReplyStatus(status), "Somebody was quicker: this reply was approved already."))


def _not_to_be_taken_back(status: str) -> NotNow:
    said = {
        ReplyStatus.DRAFT: "This reply was taken back already.",
        ReplyStatus.SENT_BACK: "This reply was sent back. Change it, and send it again.",
    }
    return NotNow(said.get(ReplyStatus(status), "Too late: this reply is going out, or has gone."))


_NOT_LIVE: dict[str, str] = {
    BrandState.PREPARING: "this brand is being prepared and not live yet",
    BrandState.SUSPENDED: "this brand is suspended until an admin resumes it",
    BrandState.ENDING: "this brand is ending",
}


def check_can_keep_webhooks(role: str) -> None:
    """Raise a refusal unless this person may make webhooks and change them."""
    if not may(role, Right.KEYS):
        raise NotYours("Webhooks are for your agency's admins. Ask one of them.")
