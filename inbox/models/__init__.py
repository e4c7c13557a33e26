from inbox.models.arrivals import Arrival
from inbox.models.conversations import Amplification, Conversation, Customer, Deletion, Message
from inbox.models.credentials import Credential
from inbox.models.events import Event, EventLine
from inbox.models.promises import SlaPolicy
from inbox.models.replies import Reply

__all__ = [
    "Amplification",
    "Arrival",
    "Conversation",
    "Credential",
    "Customer",
    "Deletion",
    "Event",
    "EventLine",
    "Message",
    "Reply",
    "SlaPolicy",
]
