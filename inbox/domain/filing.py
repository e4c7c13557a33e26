"""Filing: a batch's conversations and messages, looked up and written whole, each in one statement.

Whatever a batch says of a conversation is known before the first row is written, wherever the batch holds all of it or
goes on from what the row said; then the row is written as it stays. What is harder (answers of ours among older
messages, a reopening, a merger, what comes out of order) is left to those who work a conversation out from its
messages: `conversations.refresh`, `triage.settle`, `sla.promise`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import connection

from inbox.enums import Direction, Reach, Urgency
from tenants.database.bulk import Column, ask, bigints, names, numbers, rare, times, words

# How each column of a row is written, in their order.
_CONVERSATION: tuple[Column, ...] = (
    *(bigints, bigints, bigints, times, bigints, times, numbers, times, times, numbers, numbers, words, names),
    rare(times),
)
_MESSAGE: tuple[Column, ...] = (
    *(bigints, bigints, names, bigints, words, times, bigints, bigints, names, words, numbers, numbers),
    *(rare(words), rare(times), rare(numbers), rare(numbers), rare(bigints), rare(bigints), rare(times)),
    *(rare(words), rare(words), rare(words), rare(words)),
)


class Known(NamedTuple):
    """What the brand's rows say of some tweets."""

    messages: dict[int, tuple[int, int]]  # conversation and customer
    deleted: dict[int, datetime]
    retweeted: list[int]  # once for each retweet


class Promise(NamedTuple):
    """How soon the brand answers: at first, and from then on."""

    first_response: timedelta
    next_response: timedelta


@dataclass(slots=True)
class Home:
    """A conversation, while it is being decided what belongs to it."""

    id: int
    customer_id: int
    handle_id: int
    opened_at: datetime
    closed_at: datetime | None
    settled_through: int
    last_message: int | None = None
    last_message_at: datetime | None = None
    message_count: int = 0
    waiting_since: datetime | None = None
    respond_by: datetime | None = None
    urgency: int = 1
    language: str = ""
    was_answered: bool | None = None  # asked for where nobody waits
    went_private_at: datetime | None = None
    is_new: bool = False
    is_reopened: bool = False

    def says_otherwise(self, row: "ConversationRow") -> bool:
        """Whether the desk has not heard yet what this row says."""
        return self.is_new or (self.urgency, self.language, self.waiting_since, self.respond_by) != (
            row.urgency,
            row.language,
            row.waiting_since,
            row.respond_by,
        )


class MessageRow(NamedTuple):
    """A message as it is written."""

    id: int
    conversation_id: int
    direction: str
    author_id: int
    text: str
    created_at: datetime
    in_reply_to_id: int | None
    reply_tree_id: int | None
    reach: str
    language: str
    polarity: float | None
    urgency: int
    reasons: str | None  # JSON, as all that follow it but times and ids
    deleted_at: datetime | None
    is_private: bool | None
    is_encrypted: bool | None
    quote_of_id: int | None
    version_id: int | None
    edited_at: datetime | None
    media: str | None
    links: str | None
    answerable: str | None
    answerable_why: str | None


class ConversationRow(NamedTuple):
    """A conversation as it is written, complete."""

    id: int
    customer_id: int
    handle_id: int
    opened_at: datetime
    last_message: int
    last_message_at: datetime
    message_count: int
    waiting_since: datetime | None
    respond_by: datetime | None
    urgency: int
    polarity: float | None
    language: str
    reach: str
    went_private_at: datetime | None


def known_of(ids: Iterable[int], parents: Iterable[int]) -> Known:
    """Which of these tweets are messages, were deleted, or were retweeted before they came; of parents the first."""
    known = Known({}, {}, [])
    of_tweets = bigints(ids)
    for what, pk, conversation_id, customer_id, at in ask(_KNOWN, [bigints({*ids, *parents}), of_tweets]):
        if what == "m":
            known.messages[pk] = (conversation_id, customer_id)
        elif what == "d":
            known.deleted[pk] = at
        else:
            known.retweeted.append(pk)
    return known


_KNOWN = """
SELECT 'm', m.id, m.conversation_id, c.customer_id, NULL::timestamptz
FROM inbox_message m JOIN inbox_conversation c ON c.id = m.conversation_id WHERE m.id = ANY($1::bigint[])
UNION ALL SELECT 'd', id, NULL, NULL, deleted_at FROM inbox_deletion WHERE id = ANY($2::bigint[])
UNION ALL SELECT 'a', of_id, NULL, NULL, NULL FROM inbox_amplification WHERE of_id = ANY($2::bigint[])
"""


def homes_of(customer_ids: Iterable[int]) -> list[Home]:
    """All conversations of these customers, the oldest first, locked until the transaction ends."""
    return [Home(*row) for row in ask(_HOMES, [bigints(customer_ids)])]


_HOMES = """
SELECT c.id, c.customer_id, c.handle_id, c.opened_at, c.closed_at, c.settled_through, c.last_message,
    c.last_message_at, c.message_count, c.waiting_since, c.respond_by, c.urgency, c.language,
    CASE WHEN c.waiting_since IS NULL THEN EXISTS (
        SELECT FROM inbox_message o WHERE o.conversation_id = c.id AND o.direction = 'out') END,
    c.went_private_at
FROM inbox_conversation c WHERE c.customer_id = ANY($1::bigint[]) ORDER BY c.opened_at, c.id FOR UPDATE OF c
"""


def whole(home: Home, said: Sequence[MessageRow], promise: Promise) -> ConversationRow | None:
    """This conversation's row after these messages, in the order of their ids; None where its messages must be asked.

    The same as `refresh`, `settle` and `promise` make of it, which the tests hold it to.
    """
    if home.is_new:
        answered = max([row.id for row in said if row.direction == Direction.OUTBOUND], default=0)
        waits = [row for row in said if row.id > answered and row.deleted_at is None]
    elif _goes_on(home, said, promise):
        answered, waits = int(bool(home.was_answered)), list(said)
    else:
        return None
    instants = [row.created_at for row in said]
    private = [row.created_at for row in said if row.is_private]
    since, respond_by, urgency = home.waiting_since, home.respond_by, max([row.urgency for row in waits], default=None)
    if since is not None:
        since = min(since, *instants)
        urgency = max(home.urgency, urgency or 0)
    elif waits:
        since = min([row.created_at for row in waits])
        respond_by = since + (promise.next_response if answered else promise.first_response)
    last = next((row for row in reversed(said) if row.direction == Direction.INBOUND), None)
    if urgency is None:
        urgency = last.urgency if last else Urgency.NORMAL
    return ConversationRow(
        id=home.id,
        customer_id=home.customer_id,
        handle_id=home.handle_id,
        opened_at=home.opened_at,
        last_message=said[-1].id,
        last_message_at=max(instants) if home.is_new else max(home.last_message_at or instants[0], *instants),
        message_count=home.message_count + len(said),
        waiting_since=since,
        respond_by=respond_by,
        urgency=int(urgency),
        polarity=last.polarity if last else None,
        language=last.language if last else "",
        reach=last.reach if last else Reach.DIRECT,
        went_private_at=min([*filter(None, [home.went_private_at]), *private], default=None),
    )


def _goes_on(home: Home, said: Sequence[MessageRow], promise: Promise) -> bool:
    """Whether all of this is the customer's, and follows all that is there."""
    if home.closed_at or home.is_reopened or home.last_message is None or home.last_message_at is None:
        return False
    if said[0].id <= max(home.last_message, home.settled_through):
        return False
    if any(
        row.direction != Direction.INBOUND or row.deleted_at or row.created_at < home.last_message_at for row in said
    ):
        return False
    if home.waiting_since is None or home.respond_by is None:
        return True
    # The promise may have been changed since; then it is made anew.
    return home.respond_by - home.waiting_since in promise


def put_conversations(rows: Sequence[ConversationRow]) -> None:
    """Write these conversations, new ones and others."""
    if not rows:
        return
    columns = zip(*rows, strict=True)
    ask(_PUT_CONVERSATIONS, [write(column) for write, column in zip(_CONVERSATION, columns, strict=True)])


_PUT_CONVERSATIONS = """
INSERT INTO inbox_conversation (id, customer_id, handle_id, opened_at, last_message, last_message_at, message_count,
    waiting_since, respond_by, urgency, polarity, language, reach, went_private_at)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::timestamptz[], $5::bigint[], $6::timestamptz[],
    $7::int[], $8::timestamptz[], $9::timestamptz[], $10::smallint[], $11::float[], $12::text[], $13::text[],
    $14::timestamptz[])
ON CONFLICT (id) DO UPDATE SET last_message = excluded.last_message, last_message_at = excluded.last_message_at,
    message_count = excluded.message_count, waiting_since = excluded.waiting_since, respond_by = excluded.respond_by,
    urgency = excluded.urgency, polarity = excluded.polarity, language = excluded.language, reach = excluded.reach,
    went_private_at = excluded.went_private_at
"""


def put_messages(rows: Sequence[MessageRow]) -> None:
    """Write these messages, which are in the order of their ids. One that is known stays as it is."""
    columns = list(zip(*rows, strict=True))
    ask(_PUT_MESSAGES, [write(column) for write, column in zip(_MESSAGE, columns, strict=True)])


_PUT_MESSAGES = """
INSERT INTO inbox_message (id, conversation_id, direction, author_id, text, created_at, in_reply_to_id, reply_tree_id,
    reach, language, polarity, urgency, reasons, deleted_at, is_private, is_encrypted, quote_of_id, version_id,
    edited_at, media, links, answerable, answerable_why)
SELECT id, conversation_id, direction, author_id, text, created_at, in_reply_to_id, reply_tree_id,
    reach, language, polarity, urgency, coalesce(reasons::jsonb, '[]'), deleted_at, coalesce(is_private, false),
    coalesce(is_encrypted, false), quote_of_id, version_id, edited_at, media::jsonb, links::jsonb,
    coalesce(answerable, ''), coalesce(answerable_why, '')
FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::text[], $6::timestamptz[], $7::bigint[],
    $8::bigint[], $9::text[], $10::text[], $11::float[], $12::smallint[], $13::text[], $14::timestamptz[],
    $15::boolean[], $16::boolean[], $17::bigint[], $18::bigint[], $19::timestamptz[], $20::text[], $21::text[],
    $22::text[], $23::text[]) AS r(id, conversation_id, direction, author_id, text, created_at, in_reply_to_id,
    reply_tree_id, reach, language, polarity, urgency, reasons, deleted_at, is_private, is_encrypted, quote_of_id,
    version_id, edited_at, media, links, answerable, answerable_why)
ON CONFLICT (id) DO NOTHING
"""


def reopen(conversation_ids: Sequence[int]) -> None:
    """Open these conversations again."""
    if conversation_ids:
        with connection.cursor() as cursor:
            cursor.execute(_REOPEN, [list(conversation_ids)])


def merge(merged: Mapping[int, int]) -> None:
    """Put the messages and replies of the first into the second of each, and remove the first."""
    with connection.cursor() as cursor:
        for statement in _MERGE if merged else ():
            cursor.execute(statement, {"emptied": list(merged), "into": list(merged.values())})


def move(messages: Mapping[int, int], *, left: Iterable[int]) -> set[int]:
    """Put these messages into these conversations; returns those of the `left` ones that were empty then, and went."""
    with connection.cursor() as cursor:
        cursor.execute(_MOVE, [list(messages), list(messages.values())])
        cursor.execute(_REMOVE_EMPTY, [list(left)])
        return {row[0] for row in cursor.fetchall()}


_REOPEN = """
UPDATE inbox_conversation SET closed_at = NULL, closed_by_id = NULL, disposition = '' WHERE id = ANY(%s)
"""
# Whoever had the emptied one has the other now. It goes before the other is reopened: one is open at any time.
_MERGE = (
    """
    UPDATE inbox_message m SET conversation_id = r.into_id
    FROM unnest(%(emptied)s::bigint[], %(into)s::bigint[]) AS r(emptied_id, into_id)
    WHERE m.conversation_id = r.emptied_id
    """,
    """
    UPDATE inbox_reply a SET conversation_id = r.into_id
    FROM unnest(%(emptied)s::bigint[], %(into)s::bigint[]) AS r(emptied_id, into_id)
    WHERE a.conversation_id = r.emptied_id
    """,
    """
    UPDATE inbox_conversation c SET assignee_id = e.assignee_id, assigned_at = e.assigned_at
    FROM unnest(%(emptied)s::bigint[], %(into)s::bigint[]) AS r(emptied_id, into_id)
    JOIN inbox_conversation e ON e.id = r.emptied_id WHERE c.id = r.into_id
    """,
    "DELETE FROM inbox_conversation WHERE id = ANY(%(emptied)s)",
)
_MOVE = """
UPDATE inbox_message m SET conversation_id = r.into_id
FROM unnest(%s::bigint[], %s::bigint[]) AS r(id, into_id) WHERE m.id = r.id
"""
_REMOVE_EMPTY = """
DELETE FROM inbox_conversation c WHERE id = ANY(%s) AND assignee_id IS NULL
    AND NOT EXISTS (SELECT FROM inbox_message m WHERE m.conversation_id = c.id)
    AND NOT EXISTS (SELECT FROM inbox_reply r WHERE r.conversation_id = c.id)
    AND NOT EXISTS (SELECT FROM inbox_note n WHERE n.conversation_id = c.id)
    AND NOT EXISTS (SELECT FROM inbox_tagging t WHERE t.conversation_id = c.id)
RETURNING id
"""
