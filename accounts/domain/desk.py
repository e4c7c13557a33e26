"""The desk: the agency's one line of waiting work across its brands. Who has a conversation is decided here."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from accounts.models import DeskRow, User
from tenants import entry
from tenants.refusals import NotNow


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a brand says of one of its open conversations."""

    conversation_id: int
    urgency: int
    language: str
    waiting_since: datetime | None
    respond_by: datetime | None


_PUT = """
INSERT INTO accounts_deskrow AS d
    (agency_id, brand_id, conversation_id, urgency, language, waiting_since, respond_by)
SELECT %s, %s, conversation_id, urgency, language, waiting_since, respond_by
FROM jsonb_to_recordset(%s) AS r(conversation_id bigint, urgency smallint, language text,
                                 waiting_since timestamptz, respond_by timestamptz)
WHERE waiting_since IS NOT NULL
ON CONFLICT (brand_id, conversation_id) DO UPDATE SET
    urgency = excluded.urgency, language = excluded.language,
    waiting_since = excluded.waiting_since, respond_by = excluded.respond_by
"""


def put(rows: Sequence[Waiting]) -> None:
    """Bring the desk's rows of the current brand up to date: set-based, inside the brand's own transaction."""
    brand_id, agency_id = entry.current_brand_id(), entry.current_agency_id()
    quiet = [row.conversation_id for row in rows if row.waiting_since is None]
    waiting = [row for row in rows if row.waiting_since is not None]
    with connection.cursor() as cursor:
        if waiting:
            cursor.execute(_PUT, [agency_id, brand_id, json.dumps([_plain(row) for row in waiting])])
        if quiet:
            cursor.execute(
                "DELETE FROM accounts_deskrow "
                "WHERE brand_id = %s AND conversation_id = ANY(%s) AND assignee_id IS NULL",
                [brand_id, quiet],
            )
            cursor.execute(
                "UPDATE accounts_deskrow SET waiting_since = NULL, respond_by = NULL "
                "WHERE brand_id = %s AND conversation_id = ANY(%s)",
                [brand_id, quiet],
            )


def _plain(row: Waiting) -> dict[str, Any]:
    return {
        "conversation_id": row.conversation_id,
        "urgency": row.urgency,
        "language": row.language,
        "waiting_since": row.waiting_since and row.waiting_since.isoformat(),
        "respond_by": row.respond_by and row.respond_by.isoformat(),
    }


def clear(conversation_id: int) -> None:
    """Take a closed conversation of the current brand off the desk."""
    DeskRow.objects.filter(brand_id=entry.current_brand_id(), conversation_id=conversation_id).delete()


def rename(conversation_id: int, into: int) -> None:
    """A conversation of the current brand was merged into another: its place in the line is the other's now."""
    rows = DeskRow.objects.filter(brand_id=entry.current_brand_id())
    rows.filter(conversation_id=conversation_id).update(conversation_id=into)


@transaction.atomic
def take(*, brand_id: int, conversation_id: int, by: User, now: datetime) -> DeskRow:
    """Give a conversation to the agent who asks for it; raises `NotNow` when somebody else has it.

    Inside the agency. The brand's copy is written next, in the brand, by `inbox.domain.routing.take`.
    """
    row = DeskRow.objects.select_for_update().filter(brand_id=brand_id, conversation_id=conversation_id).first()
    if row is None:
        raise NotNow("This conversation is not waiting for anybody.")
    if row.assignee_id not in (None, by.pk):
        raise NotNow("Somebody else has taken this conversation.")
    if row.assignee_id is None:
        row.assignee, row.assigned_at = by, now
        row.save(update_fields=["assignee", "assigned_at"])
    return row


@transaction.atomic
def give_back(*, brand_id: int, conversation_id: int, by: User) -> None:
    """Put a conversation back into the line; raises `NotNow` when it is not this agent's."""
    row = DeskRow.objects.select_for_update().filter(brand_id=brand_id, conversation_id=conversation_id).first()
    if row is None or row.assignee_id != by.pk:
        raise NotNow("This conversation is not yours to give back.")
    if row.waiting_since is None:
        row.delete()
        return
    row.assignee, row.assigned_at = None, None
    row.save(update_fields=["assignee", "assigned_at"])
