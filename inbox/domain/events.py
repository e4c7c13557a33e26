"""The brand's one line of history. Every stage writes here in its own transaction; reports and hints come from it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from inbox.enums import EventKind
from tenants import live
from tenants.database.bulk import ask, bigints, names, rare, times, words

_rare_ids, _rare_words = rare(bigints), rare(words)
_NOTHING: dict[str, Any] = {}


class Line(NamedTuple):
    """One event before it has its number."""

    kind: EventKind
    conversation_id: int
    at: datetime
    by_id: int | None = None
    message_id: int | None = None
    reply_id: int | None = None
    facts: Mapping[str, Any] = _NOTHING


def record(lines: Sequence[Line]) -> int:
    """Append these events and hint at their conversations once committed; returns the brand's newest number.

    Takes the brand's line until the transaction ends, so numbers become visible in order: call it last.
    """
    if not lines:
        return latest()
    kinds, homes, instants, people, messages, replies, facts = zip(*lines, strict=True)
    [(last,)] = ask(
        _APPEND,
        [
            len(lines),
            names(kinds),
            bigints(homes),
            times(instants),
            _rare_ids(people),
            bigints(messages),
            _rare_ids(replies),
            _rare_words([json.dumps(each) if each else None for each in facts]),
        ],
    )
    live.hint(_names(lines), first=last - len(lines) + 1, seq=last)
    return int(last)


def latest() -> int:
    """The number of the current brand's newest event."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT last_seq FROM inbox_eventline")
        row = cursor.fetchone()
    return int(row[0])


_APPEND = """
WITH line AS (
    UPDATE inbox_eventline SET last_seq = last_seq + $1 RETURNING last_seq
), told AS (
    INSERT INTO inbox_event (seq, at, kind, conversation_id, message_id, reply_id, by_id, facts)
    SELECT l.last_seq - $1 + r.place, r.at, r.kind, r.conversation_id, r.message_id, r.reply_id, r.by_id,
        coalesce(r.facts::jsonb, '{}')
    FROM line l, unnest($2::text[], $3::bigint[], $4::timestamptz[], $5::bigint[], $6::bigint[], $7::bigint[],
        $8::text[]) WITH ORDINALITY AS r(kind, conversation_id, at, by_id, message_id, reply_id, facts, place)
)
SELECT last_seq FROM line
"""


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
