"""What the API's description shows as examples."""

from typing import Any

INES, OMAR = {"id": "12", "name": "Ines Falk"}, {"id": "15", "name": "Omar Reyes"}
CUSTOMER = {"id": "940000000000000017", "username": "jodoe", "name": "Jo Doe", "followers": 310}
CONVERSATION = {
    "id": "2087600250024886273",
    "customer": CUSTOMER,
    "handle_id": "1700000000000000001",
    "opened_at": "2026-11-03T12:00:00Z",
    "last_message_at": "2026-11-03T12:04:10Z",
    "message_count": 2,
    "went_private_at": None,
    "waiting_since": "2026-11-03T12:00:00Z",
    "respond_by": "2026-11-03T13:00:00Z",
    "urgency": "soon",
    "language": "en",
    "reach": "direct",
    "polarity": -0.4,
    "tags": ["lost luggage"],
    "assignee": INES,
    "assigned_at": "2026-11-03T12:05:00Z",
    "closed_by": None,
    "closed_at": None,
    "disposition": "",
}
MESSAGE = {
    "id": "2087600250024886273",
    "conversation_id": "2087600250024886273",
    "direction": "inbound",
    "author_id": "940000000000000017",
    "text": "@TernFerries my bag did not arrive. What now?",
    "created_at": "2026-11-03T12:00:00Z",
    "is_private": False,
    "is_encrypted": False,
    "edited_at": None,
    "hidden_at": None,
    "media": [{"kind": "photo", "alt": "A torn bag tag", "width": 1200, "height": 900}],
    "links": [],
    "quote_of_id": None,
    "in_reply_to_id": None,
    "reach": "direct",
    "answerable": "eligible",
    "answerable_why": "named",
    "language": "en",
    "polarity": -0.4,
    "urgency": "soon",
    "reply_id": None,
    "deleted_at": None,
}
REPLY_SENT = {
    "conversation_id": "2087600250024886273",
    "answers_id": "2087600250024886273",
    "text": "Sorry about that, Jo. Tell us the number on the tag and we look for it right now.",
}
REPLY = {
    "id": "71",
    **REPLY_SENT,
    "way": "public",
    "invites_private": False,
    "rest": "",
    "follows_id": None,
    "original_text": "",
    "status": "submitted",
    "author": INES,
    "created_at": "2026-11-03T12:06:00Z",
    "needs_approval": True,
    "submitted_at": "2026-11-03T12:06:00Z",
    "approved_by": None,
    "approved_at": None,
    "undo_until": None,
    "sent_back_by": None,
    "sent_back_at": None,
    "changed_by": None,
    "changed_at": None,
    "why": "",
    "tweet_id": None,
    "posted_at": None,
}
APPROVED = {**REPLY, "status": "approved", "approved_by": OMAR, "approved_at": "2026-11-03T12:07:00Z"}
SENT_BACK = {
    **REPLY,
    "status": "sent_back",
    "sent_back_by": OMAR,
    "sent_back_at": "2026-11-03T12:07:00Z",
    "why": "Say which number.",
}
NOTE_SENT = {"conversation_id": "2087600250024886273", "text": "Third time this week: he knows the hotline."}
NOTE = {"id": "5", **NOTE_SENT, "noted_by": INES, "noted_at": "2026-11-03T12:08:00Z"}
TAG = {"id": "3", "name": "lost luggage", "is_retired": False}
TAGGING = {
    "conversation_id": "2087600250024886273",
    "tag": TAG,
    "tagged_by": INES,
    "tagged_at": "2026-11-03T12:09:00Z",
}
EVENT = {
    "seq": 41203,
    "at": "2026-11-03T12:06:00Z",
    "kind": "reply_submitted",
    "conversation_id": "2087600250024886273",
    "message_id": None,
    "reply_id": "71",
    "by": INES,
    "facts": {},
}
EVENTS = {"results": [EVENT], "next_since": 41203}
BRAND = {
    "id": "7",
    "name": "Tern Ferries",
    "slug": "tern",
    "state": "live",
    "zone": "Europe/Lisbon",
    "languages": ["en", "pt"],
    "handles": [{"id": "1700000000000000001", "username": "TernFerries"}],
}


def page(row: dict[str, Any]) -> dict[str, Any]:
    """A page with one such row."""
    return {"results": [row], "next": None}
