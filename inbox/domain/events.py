"""The brand's one line of history. Every stage writes here in its own transaction; reports and hints come from it."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection

from inbox.enums import EventKind
from tenants import live


@dataclass(frozen=True, slots=True)
class Line:
    """One event before it has its number."""

    kind: EventKind
    conversation_id: int
    at: datetime
    by_id: int | None = None
    message_id: int | None = None
    reply_id: int | None = None
    facts: dict[str, Any] = field(default_factory=dict)


def record(lines: Sequence[Line]) -> int:
    """Append these events and hint at their conversations once committed; returns the brand's newest number.

    Takes the brand's line until the transaction ends, so numbers become visible in order: call it last.
    """
    if not lines:
        return latest()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE inbox_eventline SET last_seq = last_seq + %s RETURNING last_seq", [len(lines)])
        last = cursor.fetchone()[0]
        first = last - len(lines) + 1
        rows = [_row(first + place, line) for place, line in enumerate(lines)]
        cursor.execute(_APPEND, [json.dumps(rows)])
    live.hint(_names(lines), first=first, seq=last)
    return int(last)


def latest() -> int:
    """The number of the current brand's newest event."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT last_seq FROM inbox_eventline")
        row = cursor.fetchone()
    return int(row[0])


_APPEND = """
INSERT INTO inbox_event (seq, at, kind, conversation_id, message_id, reply_id, by_id, facts)
SELECT seq, at, kind, conversation_id, message_id, reply_id, by_id, facts
FROM jsonb_to_recordset(%s) AS r(seq bigint, at timestamptz, kind text, conversation_id bigint, message_id bigint,
    reply_id bigint, by_id bigint, facts jsonb)
"""


def _row(seq: int, line: Line) -> dict[str, Any]:
    return {
        "seq": seq,
        "at": line.at.isoformat(),
        "kind": line.kind,
        "conversation_id": line.conversation_id,
        "message_id": line.message_id,
        "reply_id": line.reply_id,
        "by_id": line.by_id,
        "facts": line.facts,
    }


def _names(lines: Iterable[Line]) -> set[str]:
    names = {"inbox", "desk"} | {f"conversation.{line.conversation_id}" for line in lines}
    return names | {"approvals"} if any(line.kind in _APPROVALS for line in lines) else names


# What changes the list of replies that wait for approval.
_APPROVALS = {
    EventKind.REPLY_SUBMITTED,
    EventKind.REPLY_APPROVED,
    EventKind.REPLY_SENT_BACK,
    EventKind.REPLY_TAKEN_BACK,
}
