"""Deleted is deleted: what Twitter no longer has loses its words here, and leaves a tombstone in the conversation.

The same within the minute everywhere that words can be: messages, their versions and pictures, what our drafts quote of
them, and what arrived. What its author hid from the public (a protected or suspended account) is not shown from our
copy either, until Twitter shows it to us again.
"""

import difflib
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

from django.db import transaction
from django.db.models import Q, TextField
from django.db.models.functions import Cast

from inbox.domain import arrivals
from inbox.domain.events import Line
from inbox.enums import ErrandState, EventKind, ReplyStatus
from inbox.models import Amplification, Deletion, Errand, IdempotentCall, Message, Reply, Version
from inbox.twitter.shapes import Tweet
from inbox.twitter.text import without_leading_mentions
from tenants.database.bulk import ask, bigints

# So many letters in a row are a quotation; fewer are what anybody would say.
SHORTEST_QUOTATION = 25
QUOTED = "[deleted]"
_PIECE = SHORTEST_QUOTATION // 2
_OURS_STILL = (
    ReplyStatus.DRAFT,
    ReplyStatus.SUBMITTED,
    ReplyStatus.SENT_BACK,
    ReplyStatus.ELSEWHERE,
    ReplyStatus.APPROVED,
)


@dataclass
class CarriedOut:
    """The conversations that lost a message, and what to tell of it."""

    conversation_ids: list[int] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)


def carry_out(tweet_ids: Sequence[int], *, now: datetime) -> CarriedOut:
    """Take the words of these tweets away, by the id of any version; unknown ones are remembered.

    Their arrivals are `forget`'s. The events and the conversations' figures are the caller's to write.
    """
    if not tweet_ids:
        return CarriedOut()
    chains = dict(Version.objects.filter(pk__in=tweet_ids).values_list("pk", "message_id"))
    ids = {*tweet_ids, *chains.values()}
    Deletion.objects.bulk_create([Deletion(pk=pk, deleted_at=now) for pk in sorted(ids)], ignore_conflicts=True)
    gone = Message.objects.filter(pk__in=ids, deleted_at=None)
    rows = list(gone.order_by("pk").values_list("pk", "conversation_id", "text"))
    if rows:
        _take_quotations_away({pk: text for pk, _, text in rows})
        gone.update(text="", reasons=[], media=None, links=None, deleted_at=now)
        Version.objects.filter(message_id__in=[pk for pk, _, _ in rows]).update(text="")
        # What an edit of ours was to say went the same way; one that is under way finds the tweet gone.
        over = (ErrandState.DONE, ErrandState.REFUSED, ErrandState.UNKNOWN)
        Errand.objects.filter(message_id__in=[pk for pk, _, _ in rows], state__in=over).update(text="")
    return CarriedOut(
        conversation_ids=sorted({conversation_id for _, conversation_id, _ in rows}),
        lines=[Line(EventKind.MESSAGE_DELETED, home, now, message_id=pk) for pk, home, _ in rows],
    )


def forget(settled_tweet_ids: Iterable[int], deletions: Iterable[int]) -> None:
    """Take the words out of arrivals: of tweets deleted now, and of those that were settled now and deleted before.

    An arrival that still waits keeps its words until it is carried: its turn comes in seconds, and what is known of
    a tweet must not depend on which of the two came first. All versions of a tweet go with it, and its retweets, which
    say the same once more.
    """
    deleted = list(deletions)
    settled = list(settled_tweet_ids)
    known = ask(_GONE, [bigints(settled)]) if settled else []
    gone = {pk for (pk,) in known} | set(deleted)
    if not gone:
        return
    firsts = gone | set(Version.objects.filter(pk__in=gone).values_list("message_id", flat=True))
    again = Amplification.objects.filter(of_id__in=firsts).values_list("pk", flat=True)
    versions = Version.objects.filter(message_id__in=firsts).values_list("pk", flat=True)
    arrivals.take_words_away({*firsts, *versions, *again})


# A retweet says again what it passes on, whichever of it and the deletion came first.
_GONE = """
SELECT id FROM inbox_deletion WHERE id = ANY($1::bigint[])
UNION ALL
SELECT a.id FROM inbox_amplification a JOIN inbox_deletion d ON d.id = a.of_id WHERE a.id = ANY($1::bigint[])
"""


def hide(message_ids: Collection[int], *, why: str, now: datetime) -> CarriedOut:
    """Show these messages no longer: their author is `protected` or `suspended`, or shuts us out (`blocked`)."""
    shown = Message.objects.filter(pk__in=message_ids, deleted_at=None, hidden_at=None)
    rows = list(shown.order_by("pk").values_list("pk", "conversation_id"))
    shown.update(hidden_at=now, hidden_why=why[:20])
    return CarriedOut(
        conversation_ids=sorted({home for _, home in rows}),
        lines=[Line(EventKind.MESSAGE_HIDDEN, home, now, message_id=pk, facts={"why": why}) for pk, home in rows],
    )


def hide_all_of(author_ids: Collection[int], *, why: str, now: datetime) -> CarriedOut:
    """Show nothing that these people wrote in public; what they sent to us alone is ours to keep."""
    theirs = Message.objects.filter(author_id__in=author_ids, is_private=False, direction="in", hidden_at=None)
    return hide(list(theirs.values_list("pk", flat=True)), why=why, now=now)


@transaction.atomic
def show_again(tweets: Iterable[Tweet]) -> int:
    """Show hidden messages again, with the words that Twitter has just given us; how many."""
    fresh = {tweet.first_id: tweet for tweet in tweets}
    # Locked: one that is deleted just now must not get its words back.
    hidden = Message.objects.filter(pk__in=fresh, hidden_at__isnull=False, deleted_at=None)
    rows = list(hidden.select_for_update().order_by("pk"))
    for row in rows:
        row.text, row.hidden_at, row.hidden_why = fresh[row.pk].text, None, ""
    Message.objects.bulk_update(rows, ["text", "hidden_at", "hidden_why"])
    return len(rows)


def _take_quotations_away(said: dict[int, str]) -> None:
    """What we have not posted yet must not keep a deleted tweet's words by quoting them."""
    changed = []
    for reply in Reply.objects.filter(answers_id__in=said, status__in=_OURS_STILL):
        words = without_leading_mentions(said[reply.answers_id])
        before = (reply.text, reply.rest, reply.original_text)
        reply.text, reply.rest, reply.original_text = (without_quotation(text, words) for text in before)
        if (reply.text, reply.rest, reply.original_text) != before:
            changed.append(reply)
    Reply.objects.bulk_update(changed, ["text", "rest", "original_text"])
    _take_out_of_answers(said)


def _take_out_of_answers(said: dict[int, str]) -> None:
    """What programs were answered is kept for a day, to be answered again: without these words from now on."""
    words = [text for text in map(without_leading_mentions, said.values()) if len(text) >= SHORTEST_QUOTATION]
    if not words or not IdempotentCall.objects.exists():
        return
    # Looked through are those that hold a piece of them; a quotation that holds none is shorter than two pieces.
    pieces = [text[at : at + _PIECE] for text in words for at in range(0, len(text) - _PIECE + 1, _PIECE)]
    holds = reduce(or_, (Q(said__contains=json.dumps(piece, ensure_ascii=False)[1:-1]) for piece in pieces))
    changed = []
    for call in IdempotentCall.objects.annotate(said=Cast("answer", TextField())).filter(holds).order_by("pk"):
        before = call.answer
        for text in words:
            call.answer = _without(call.answer, text)
        if call.answer != before:
            changed.append(call)
    IdempotentCall.objects.bulk_update(changed, ["answer"])


def _without(answer: Any, words: str) -> Any:
    if isinstance(answer, str):
        return without_quotation(answer, words)
    if isinstance(answer, list):
        return [_without(each, words) for each in answer]
    return {key: _without(value, words) for key, value in answer.items()} if isinstance(answer, dict) else answer


def without_quotation(text: str, quoted: str) -> str:
    """A text without those runs of letters that it took over from another."""
    if len(text) < SHORTEST_QUOTATION or len(quoted) < SHORTEST_QUOTATION:
        return text
    while True:
        match = difflib.SequenceMatcher(None, text, quoted, autojunk=False).find_longest_match()
        if match.size < SHORTEST_QUOTATION:
            return text
        text = text[: match.a] + QUOTED + text[match.a + match.size :]
