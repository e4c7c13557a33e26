from inbox.models.allowances import Allowance
from inbox.models.arrivals import Arrival, Payload
from inbox.models.channel import BlindSpot, ChannelSettings, CostLine, ListeningQuery, PolicyLine, Pulse
from inbox.models.conversations import Amplification, Conversation, Customer, Deletion, Message, Version
from inbox.models.credentials import ConnectAttempt, Credential
from inbox.models.errands import Errand
from inbox.models.events import Event, EventLine
from inbox.models.notes import Note, Tag, Tagging
from inbox.models.programs import Delivery, IdempotentCall, Webhook
from inbox.models.promises import SlaPolicy
from inbox.models.replies import Reply, ReplyMedia
from inbox.models.rules import ApprovalRule, Disposition

__all__ = [
    "Allowance",
    "Amplification",
    "ApprovalRule",
    "Arrival",
    "BlindSpot",
    "ChannelSettings",
    "ConnectAttempt",
    "Conversation",
    "CostLine",
    "Credential",
    "Customer",
    "Deletion",
    "Delivery",
    "Disposition",
    "Errand",
    "Event",
    "EventLine",
    "IdempotentCall",
    "ListeningQuery",
    "Message",
    "Note",
    "Payload",
    "PolicyLine",
    "Pulse",
    "Reply",
    "ReplyMedia",
    "SlaPolicy",
    "Tag",
    "Tagging",
    "Version",
    "Webhook",
]
