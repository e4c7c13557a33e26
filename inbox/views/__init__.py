from inbox.views.conversation import assignment, close, conversation, posted, replies_of, retry
from inbox.views.desk import desk, desk_rows
from inbox.views.inbox import inbox, live_since, rows

__all__ = [
    "assignment",
    "close",
    "conversation",
    "desk",
    "desk_rows",
    "inbox",
    "live_since",
    "posted",
    "replies_of",
    "retry",
    "rows",
]
