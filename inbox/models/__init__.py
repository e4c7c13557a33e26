from inbox.models.arrivals import Arrival
from inbox.models.conversations import Amplification, Conversation, Customer, Deletion, Message
from inbox.models.credentials import ConnectAttempt, Credential
from inbox.models.events import Event, EventLine
from inbox.models.notes import Note, Tag, Tagging
from inbox.models.programs import Delivery, IdempotentCall, Webhook
from inbox.models.promises import SlaPolicy
from inbox.models.replies import Reply
from inbox.models.rules import ApprovalRule, Disposition

__all__ = [
    "Amplification",
    "ApprovalRule",
    "Arrival",
    "ConnectAttempt",
    "Conversation",
    "Credential",
    "Customer",
    "Deletion",
    "Delivery",
    "Disposition",
    "Event",
    "EventLine",
    "IdempotentCall",
    "Message",
    "Note",
    "Reply",
    "SlaPolicy",
    "Tag",
    "Tagging",
    "Webhook",
]
