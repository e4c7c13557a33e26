"""Edits: an edited tweet is one message with the first version's id, the newest version's words and its history.

Twitter makes a new tweet of each edit and names the chain in it. Versions arrive in any order, and some never: those
known by name alone have a row without words. `fold` comes before threading and makes one tweet of each chain; `write`
comes after it, and gives what was about to answer the old words back to whoever wrote it.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from msgspec.structs import replace

from inbox.domain import parts, replies
from inbox.domain.conversations import words_of
from inbox.domain.events import Line
from inbox.domain.triage import Assessment
from inbox.enums import EventKind, ReplyStatus
from inbox.models import Deletion, Message, Reply
from inbox.twitter.shapes import Tweet, instant_of
from tenants.database.bulk import ask, bigints

WHY = "The tweet was edited after this answer was written. Read it again, then send it."


@dataclass(slots=True)
class Folded:
    """Tweets with their chains made one: by the id that their message goes by."""

    tweets: dict[int, Tweet] = field(default_factory=dict)
    first_of: dict[int, int] = field(default_factory=dict)  # by the id of any version of this batch
    versions: dict[int, dict[str, Any]] = field(default_factory=dict)  # rows, by their id
    newer: dict[int, Tweet] = field(default_factory=dict)  # messages we have, whose words change
    deleted: list[int] = field(default_factory=list)  # some version of theirs was deleted before


@dataclass(slots=True)
class Written:
    """The messages that changed, by their conversation, and what to tell of it."""

    conversation_ids: list[int] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)


def fold(tweets: Iterable[Tweet]) -> Folded:
    """Make one tweet of all versions of each, and let answers answer the first version. Changes no message."""
    batch = list(tweets)
    if not batch:
        return Folded()
    known = _known(batch)
    first_of = dict(known)
    for tweet in batch:
        first_of.update(dict.fromkeys(tweet.versions, tweet.first_id))
    chains: dict[int, list[Tweet]] = {}
    for tweet in batch:
        chains.setdefault(first_of.get(tweet.id, tweet.id), []).append(tweet)
    folded = Folded(first_of={tweet.id: first_of.get(tweet.id, tweet.id) for tweet in batch})
    edited = {pk: chain for pk, chain in chains.items() if pk in known or any(tweet.versions for tweet in chain)}
    for pk, chain in chains.items():
        folded.tweets[pk] = _as_one(pk, chain, first_of) if pk in edited else _answering(chain[-1], first_of)
    if edited:
        _compare(edited, folded)
    return folded


def write(
    folded: Folded,
    *,
    assessments: Mapping[int, Assessment],
    now: datetime,
    verdicts: Mapping[int, tuple[str, str]] | None = None,
) -> Written:
    """Write the newest words and all versions; call it once the new messages are there. Nothing edited: no statement.

    A reply that is approved and not yet claimed goes back to its author: it answers words that are no more.
    """
    if not folded.versions:
        return Written()
    written = Written()
    with connection.cursor() as cursor:
        if folded.newer:
            rows = [_newer_row(pk, tweet, assessments, verdicts or {}) for pk, tweet in folded.newer.items()]
            cursor.execute(_REWRITE, [json.dumps(rows)])
            changed = sorted(cursor.fetchall())
            written.conversation_ids = sorted({home for _, home in changed})
            written.lines = [Line(EventKind.MESSAGE_EDITED, home, now, message_id=pk) for pk, home in changed]
            written.lines += _give_back([pk for pk, _ in changed], now=now)
        cursor.execute(_PUT_VERSIONS, [json.dumps(list(folded.versions.values()))])
    return written


@transaction.atomic
def complete(tweets: Iterable[Tweet]) -> int:
    """Fill in the pictures of messages that first came by a way without them; how many messages gained something.

    Events name pictures by their keys alone; a look-up brings their addresses. Their words are not touched.
    """
    with_media = {tweet.first_id: tweet for tweet in tweets if any(one["url"] for one in tweet.media or ())}
    if not with_media:
        return 0
    # Locked: one that is deleted just now must not get its pictures back.
    rows = Message.objects.select_for_update().filter(pk__in=with_media, deleted_at=None).order_by("pk")
    poor = [row for row in rows if not row.media or any(not one.get("url") for one in row.media)]
    for row in poor:
        row.media, row.links = with_media[row.pk].media, with_media[row.pk].links or row.links
    Message.objects.bulk_update(poor, ["media", "links"])
    return len(poor)


_REWRITE = """
UPDATE inbox_message m SET text = r.text, media = r.media, links = r.links, language = r.language,
    polarity = r.polarity, urgency = r.urgency, reasons = r.reasons, version_id = r.version_id, edited_at = r.edited_at,
    answerable = r.answerable, answerable_why = r.answerable_why
FROM jsonb_populate_recordset(NULL::inbox_message, %s) r
WHERE m.id = r.id AND m.deleted_at IS NULL AND r.version_id > COALESCE(m.version_id, m.id)
RETURNING m.id, m.conversation_id
"""
_PUT_VERSIONS = """
INSERT INTO inbox_version AS v (id, message_id, text, created_at)
SELECT r.id, r.message_id, CASE WHEN m.deleted_at IS NULL THEN r.text ELSE '' END, r.created_at
FROM jsonb_populate_recordset(NULL::inbox_version, %s) r JOIN inbox_message m ON m.id = r.message_id ORDER BY r.id
ON CONFLICT (id) DO UPDATE SET text = excluded.text WHERE v.text = '' AND excluded.text <> ''
"""


def _give_back(message_ids: list[int], *, now: datetime) -> list[Line]:
    """Take approved answers to these messages back to their authors, unless the poster has claimed them."""
    going = Reply.objects.select_for_update(skip_locked=True).filter(answers_id__in=message_ids, follows=None)
    lines = []
    for reply in going.filter(status=ReplyStatus.APPROVED).order_by("pk"):
        parts.fold(reply)
        replies.move(reply, ReplyStatus.SENT_BACK)
        reply.text = replies.as_written(reply.text)
        reply.approved_by = reply.approved_at = reply.undo_until = reply.not_before = reply.sent_back_by = None
        reply.sent_back_at, reply.why = now, WHY
        reply.save()
        facts = {"edited": True}
        lines.append(Line(EventKind.REPLY_SENT_BACK, reply.conversation_id, now, reply_id=reply.pk, facts=facts))
    return lines


def _known(batch: Iterable[Tweet]) -> dict[int, int]:
    """The messages of those versions that these tweets are, or answer."""
    ids: set[int] = set()
    for tweet in batch:
        ids |= {tweet.id, tweet.in_reply_to_id or 0, *tweet.versions}
    return dict(ask(_MESSAGES_OF, [bigints(ids - {0})]))


_MESSAGES_OF = "SELECT id, message_id FROM inbox_version WHERE id = ANY($1::bigint[])"


def _answering(tweet: Tweet, first_of: Mapping[int, int]) -> Tweet:
    parent = first_of.get(tweet.in_reply_to_id or 0)
    return replace(tweet, in_reply_to_id=parent) if parent and parent != tweet.in_reply_to_id else tweet


def _as_one(first: int, chain: list[Tweet], first_of: Mapping[int, int]) -> Tweet:
    newest = max(chain, key=lambda tweet: tweet.id)
    tree = next((tweet.reply_tree_id for tweet in chain if tweet.id == first), newest.reply_tree_id)
    return replace(
        _answering(newest, first_of),
        id=first,
        created_at=min(instant_of(first), newest.created_at),
        reply_tree_id=first if tree == newest.id else tree,
        versions=tuple(pk for pk in newest.versions if pk <= newest.id),
    )


def _compare(edited: Mapping[int, list[Tweet]], folded: Folded) -> None:
    """What changes in messages that we have, and which rows their history needs."""
    stored = {row.pk: row for row in Message.objects.filter(pk__in=edited)}
    names = {pk for chain in edited.values() for tweet in chain for pk in tweet.versions} | set(edited)
    gone = dict(Deletion.objects.filter(pk__in=names).values_list("pk", "deleted_at"))
    for first, chain in edited.items():
        one, message = folded.tweets[first], stored.get(first)
        of_chain = {first, *(pk for tweet in chain for pk in (tweet.id, *tweet.versions))} & gone.keys()
        is_gone = bool(of_chain)
        if is_gone and not (message and message.deleted_at):
            folded.deleted.append(first)
            Deletion.objects.get_or_create(pk=first, defaults={"deleted_at": min(gone[pk] for pk in of_chain)})
        if message and not is_gone and one.versions and one.versions[-1] > (message.version_id or message.pk):
            folded.newer[first] = one
        texts = {} if is_gone else {tweet.id: tweet.text for tweet in chain}
        if message and not message.version_id and not is_gone:
            texts.setdefault(first, message.text)
        for pk in {first, *(pk for tweet in chain for pk in tweet.versions)}:
            folded.versions[pk] = {
                "id": pk,
                "message_id": first,
                "text": texts.get(pk, ""),
                "created_at": instant_of(pk).isoformat(),
            }


def _newer_row(
    pk: int, tweet: Tweet, assessments: Mapping[int, Assessment], verdicts: Mapping[int, tuple[str, str]]
) -> dict[str, Any]:
    may, why = verdicts.get(pk, ("", ""))
    version_id = tweet.versions[-1]
    return {
        "id": pk,
        "version_id": version_id,
        "edited_at": instant_of(version_id).isoformat(),
        "answerable": may,
        "answerable_why": why,
        **words_of(tweet, assessments.get(pk)),
    }
