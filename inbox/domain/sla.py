"""The brand's promise: by when each waiting customer is answered. The clock runs while the customer waits on us."""

from collections.abc import Sequence

from django.db import connection

_PROMISE = """
WITH answered AS MATERIALIZED (
    SELECT c.id, c.closed_at, c.settled_through,
           (SELECT max(o.id) FROM inbox_message o WHERE o.conversation_id = c.id AND o.direction = 'out') AS last_out
    FROM inbox_conversation c WHERE c.id = ANY(%s)
), waiting AS (
    SELECT a.id, a.last_out, (
        SELECT min(m.created_at) FROM inbox_message m
        WHERE m.conversation_id = a.id AND m.direction = 'in' AND m.deleted_at IS NULL AND a.closed_at IS NULL
          AND m.id > greatest(coalesce(a.last_out, 0), a.settled_through)
    ) AS since
    FROM answered a
)
UPDATE inbox_conversation c
SET waiting_since = w.since,
    respond_by = w.since + CASE WHEN w.last_out IS NULL THEN p.first_response ELSE p.next_response END
FROM waiting w, inbox_slapolicy p
WHERE c.id = w.id
"""


def promise(conversation_ids: Sequence[int]) -> None:
    """Set since when each customer waits on us, and by when the brand promises an answer; nothing where none waits."""
    with connection.cursor() as cursor:
        cursor.execute(_PROMISE, [list(conversation_ids)])
