"""Notes: what colleagues tell each other about a conversation. They never leave the agency."""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from accounts.models import User
from inbox import policies
from inbox.domain import events
from inbox.domain.events import Line
from inbox.enums import EventKind
from inbox.models import Conversation, Note
from tenants.refusals import NotNow

LONGEST = 5_000


@transaction.atomic
def write(*, conversation: Conversation, text: str, by: User, role: str, now: datetime) -> Note:
    """Write a note, into an open conversation or a closed one."""
    note = lay(conversation=conversation, text=text, by=by, role=role, now=now)
    events.record([line_of(note)])
    return note


def lay(*, conversation: Conversation, text: str, by: User, role: str, now: datetime) -> Note:
    """The same inside a larger act, which records the note's line itself."""
    policies.check_can_keep(role)
    text = text.replace("\x00", "").strip()
    if not text:
        raise NotNow("The note is empty. Write something first.")
    if len(text) > LONGEST:
        raise NotNow(f"The note is {len(text)} characters long; {LONGEST} are allowed.")
    return Note.objects.create(conversation_id=conversation.pk, text=text, noted_at=now, noted_by=by)


def follow(merged: Mapping[int, int]) -> None:
    """Let the notes of conversations that were merged into others go with them."""
    for emptied, into in merged.items():
        Note.objects.filter(conversation_id=emptied).update(conversation_id=into)


def line_of(note: Note) -> Line:
    """The line of history that says that a note was written, without its words."""
    return Line(EventKind.NOTED, note.conversation_id, note.noted_at, by_id=note.noted_by_id, facts={"note": note.pk})
