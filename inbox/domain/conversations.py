"""Threading: which conversation a tweet belongs to.

One customer's tweets to one handle form one open conversation, whatever reply tree they hang in; a reply tree with
three customers is three conversations. After a conversation was closed, what comes within the brand's reopen window
belongs to it still, what comes later opens a new one. All of it is decided from Twitter's own times and ids, never
from the order of arrival, so that the same tweets in any order end in the same conversations. Where a late tweet
shows that what was decided without it was wrong, that is put right: two conversations are merged when a tweet within
the reopen window arrives after one from beyond it, and an answer moves when the tweet it answers was to another handle.

A direct message is the private part of the same matter: the same customer and handle, the same conversation, the same
rules. One that the brand wrote elsewhere is an outbound message. Messages to a group are nobody's matter: they are kept
as they arrived, as are those between two handles of the brand.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from inbox.domain import customers, filing
from inbox.domain.events import Line
from inbox.domain.filing import ConversationRow, Home, MessageRow, Promise
from inbox.domain.triage import Assessment
from inbox.enums import Direction, EventKind, Outcome, Reach
from inbox.twitter.shapes import Tweet, instant_of


@dataclass(slots=True)
class Threaded:
    """What threading a batch came to."""

    outcomes: dict[int, tuple[Outcome, int | None]] = field(default_factory=dict)  # by tweet id
    placed: dict[int, Home] = field(default_factory=dict)  # by tweet id, new messages only
    moved: dict[int, Home] = field(default_factory=dict)  # by tweet id, messages that were elsewhere before
    merged: dict[int, int] = field(default_factory=dict)  # emptied conversations, and where their messages went
    left: set[int] = field(default_factory=set)  # conversations that lost a message to another
    lines: list[Line] = field(default_factory=list)
    whole: list[ConversationRow] = field(default_factory=list)  # conversations that were written as they stay
    changed: list[ConversationRow] = field(default_factory=list)  # those of them that the desk must hear of
    deleted: set[int] = field(default_factory=set)  # tweets of this batch that were deleted before
    retweeted: list[int] = field(default_factory=list)  # tweets of this batch, once for each retweet before them

    @property
    def unsettled_ids(self) -> list[int]:
        """The conversations whose rows must be worked out from their messages."""
        return sorted(set(self.conversation_ids) - {row.id for row in self.whole})

    @property
    def placed_in(self) -> dict[int, int]:
        return {tweet_id: home.id for tweet_id, home in self.placed.items()}

    @property
    def conversation_ids(self) -> list[int]:
        homes = {home.id for home in [*self.placed.values(), *self.moved.values()]}
        return sorted((homes | self.left | set(self.merged.values())) - set(self.merged))


@dataclass(frozen=True, slots=True)
class Addressed:
    """A tweet and the handle of ours that it reached."""

    tweet: Tweet
    handle_id: int


def thread(
    batch: Sequence[Addressed],
    *,
    ours: frozenset[int],
    assessments: Mapping[int, Assessment],
    reopen_window: timedelta,
    promise: Promise,
    broadcasts: frozenset[int],
    now: datetime,
    verdicts: Mapping[int, tuple[str, str]] | None = None,
) -> Threaded:
    """Put each tweet into its conversation, opening and reopening as needed.

    `ours` are the brand's handles, `broadcasts` the known tweets of the brand that answer nobody, `verdicts` what
    `eligibility.judge` found. A tweet that is known already changes nothing. Set-based: the number of statements does
    not depend on the batch.
    """
    tweets = sorted({item.tweet.id: item for item in batch}.values(), key=lambda item: item.tweet.id)
    state = _load(tweets, ours=ours, broadcasts=broadcasts)
    result = Threaded(deleted=set(state.deleted), retweeted=state.retweeted)
    for item in tweets:
        _place(item, state, result, ours=ours, reopen_window=reopen_window)
    _move_answers(state, result, reopen_window=reopen_window)
    rows = {
        item.tweet.id: _message_row(item.tweet, state, result, ours, assessments, verdicts or {})
        for item in tweets
        if item.tweet.id in result.placed
    }
    _write(tweets, rows, state, result, promise=promise)
    result.lines = _history(tweets, state, result, ours=ours, now=now)
    return result


def handle_of(tweet: Tweet, *, told: int, ours: frozenset[int]) -> int | None:
    """The handle of ours that this tweet is for; None when it is neither from, to nor about one.

    As the tweet itself says: one that names two handles reaches us twice, and either may come first.
    """
    named = (account_id for account_id, _ in tweet.mentioned)
    candidates = (tweet.author_id, tweet.in_reply_to_user_id, *named, told)
    return next((account_id for account_id in candidates if account_id in ours), None)


def refresh(conversation_ids: Sequence[int]) -> None:
    """Recompute from its messages what a conversation says of them: when it opened, the last one, how many."""
    with connection.cursor() as cursor:
        cursor.execute(_REFRESH, [list(conversation_ids)])


_REFRESH = """
UPDATE inbox_conversation c
SET opened_at = f.opened_at, last_message = f.last_id, last_message_at = f.last_at, message_count = f.n,
    went_private_at = LEAST(c.went_private_at, f.private_at)
FROM (
    SELECT conversation_id, min(created_at) AS opened_at, max(created_at) AS last_at, max(id) AS last_id, count(*) AS n,
        min(created_at) FILTER (WHERE is_private) AS private_at
    FROM inbox_message WHERE conversation_id = ANY(%s) GROUP BY conversation_id
) f
WHERE c.id = f.conversation_id
"""


@dataclass(slots=True)
class _State:
    known: set[int]
    home_of: dict[int, Home]  # by tweet id: of known messages and of those just placed
    homes: dict[tuple[int, int], list[Home]]  # by customer and handle, oldest first
    deleted: dict[int, datetime]
    broadcasts: set[int]
    answers: list[tuple[int, int, Home, datetime]]  # known ones of ours below these tweets: id, parent, home, when
    retweeted: list[int]


def _load(tweets: Sequence[Addressed], *, ours: frozenset[int], broadcasts: frozenset[int]) -> _State:
    ids = {item.tweet.id for item in tweets}
    parents = {item.tweet.in_reply_to_id for item in tweets if item.tweet.in_reply_to_id}
    known = filing.known_of(ids, parents)
    customer_ids = {customer_id for _, customer_id in known.messages.values()}
    for item in tweets:
        customer_ids |= {item.tweet.author_id, item.tweet.in_reply_to_user_id or 0}
    homes: dict[tuple[int, int], list[Home]] = {}
    by_id: dict[int, Home] = {}
    for home in filing.homes_of(customer_ids - ours - {0}):
        by_id[home.id] = home
        homes.setdefault((home.customer_id, home.handle_id), []).append(home)
    return _State(
        known=ids & known.messages.keys(),
        home_of={pk: by_id[conversation_id] for pk, (conversation_id, _) in known.messages.items()},
        homes=homes,
        deleted=known.deleted,
        broadcasts=set(broadcasts),
        answers=[
            (pk, parent_id, by_id[conversation_id], created_at)
            for pk, parent_id, conversation_id, created_at in _answers_below(ids - known.messages.keys(), ours)
        ],
        retweeted=known.retweeted,
    )


def _answers_below(ids: set[int], ours: frozenset[int]) -> list[tuple[int, int, int, datetime]]:
    """Our own tweets that answer these, and those that go on from them. With one handle they are where they belong."""
    if len(ours) < 2 or not ids:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_ANSWERS_BELOW, [list(ids)])
        return list(cursor.fetchall())


_ANSWERS_BELOW = """
WITH RECURSIVE below AS (
    SELECT id, in_reply_to_id, conversation_id, created_at FROM inbox_message
    WHERE in_reply_to_id = ANY(%s) AND direction = 'out'
    UNION
    SELECT m.id, m.in_reply_to_id, m.conversation_id, m.created_at FROM inbox_message m
    JOIN below ON m.in_reply_to_id = below.id WHERE m.direction = 'out'
)
SELECT id, in_reply_to_id, conversation_id, created_at FROM below ORDER BY id
"""


def _place(item: Addressed, state: _State, result: Threaded, *, ours: frozenset[int], reopen_window: timedelta) -> None:
    tweet = item.tweet
    if tweet.id in state.known:
        result.outcomes[tweet.id] = (Outcome.MESSAGE, None)
        return
    is_ours = tweet.author_id in ours
    parent = state.home_of.get(tweet.in_reply_to_id or 0)
    if is_ours:
        handle_id = parent.handle_id if parent else tweet.author_id
        customer_id = parent.customer_id if parent else tweet.in_reply_to_user_id
        if tweet.is_private and (customer_id is None or customer_id in ours):
            result.outcomes[tweet.id] = (Outcome.KEPT, None)
            return
        if not tweet.is_private and (tweet.in_reply_to_id is None or tweet.in_reply_to_id in state.broadcasts):
            state.broadcasts.add(tweet.id)
            result.outcomes[tweet.id] = (Outcome.BROADCAST, None)
            return
        if customer_id is None or customer_id in ours:
            result.outcomes[tweet.id] = (Outcome.ORPHAN, tweet.in_reply_to_id)
            return
    else:
        handle_id, customer_id = item.handle_id, tweet.author_id
    home = _home_at(tweet.created_at, customer_id, handle_id, state, reopen_window=reopen_window)
    if home is None:
        home = Home(tweet.id, customer_id, handle_id, tweet.created_at, None, 0, is_new=True)
        siblings = state.homes.setdefault((customer_id, handle_id), [])
        siblings.append(home)
        siblings.sort(key=lambda each: (each.opened_at, each.id))
    home.opened_at = min(home.opened_at, tweet.created_at)
    if not is_ours:
        _reopen_if_needed(tweet, home, state, result)
    state.home_of[tweet.id] = result.placed[tweet.id] = home
    result.outcomes[tweet.id] = (Outcome.MESSAGE, None)


def _home_at(at: datetime, customer_id: int, handle_id: int, state: _State, *, reopen_window: timedelta) -> Home | None:
    """The conversation that a tweet of this instant belongs to, by time alone; None when it opens a new one."""
    homes = state.homes.get((customer_id, handle_id), [])
    begun = [home for home in homes if home.opened_at <= at]
    home = begun[-1] if begun else (homes[0] if homes else None)
    if home and begun and home.closed_at and at > home.closed_at + reopen_window:
        home = homes[len(begun)] if len(begun) < len(homes) else None
    return home


def _reopen_if_needed(tweet: Tweet, home: Home, state: _State, result: Threaded) -> None:
    siblings = state.homes[(home.customer_id, home.handle_id)]
    if home.closed_at is None or tweet.id <= max(sibling.settled_through for sibling in siblings):
        return
    home.closed_at, home.is_reopened = None, True
    for other in [sibling for sibling in siblings if sibling is not home and sibling.closed_at is None]:
        _merge(other, home, state, result)


def _merge(other: Home, home: Home, state: _State, result: Threaded) -> None:
    """Take the messages of the open conversation that would not be, had this tweet arrived before its first one."""
    state.homes[(home.customer_id, home.handle_id)].remove(other)
    for homes in (state.home_of, result.placed):
        homes.update({tweet_id: home for tweet_id, each in homes.items() if each is other})
    if not other.is_new:
        result.merged[other.id] = home.id


def _move_answers(state: _State, result: Threaded, *, reopen_window: timedelta) -> None:
    """Take our answers along whose question turned out to be to another handle than the one that answered."""
    for tweet_id, parent_id, home, created_at in state.answers:
        parent = result.placed.get(parent_id) or result.moved.get(parent_id)
        if parent is None or parent.handle_id == home.handle_id:
            continue
        target = _home_at(created_at, parent.customer_id, parent.handle_id, state, reopen_window=reopen_window)
        target = target or parent
        result.moved[tweet_id] = state.home_of[tweet_id] = target
        result.left.add(home.id)


def _write(
    tweets: Sequence[Addressed], rows: Mapping[int, MessageRow], state: _State, result: Threaded, *, promise: Promise
) -> None:
    if not rows:  # then nothing was merged or moved either
        return
    homes = {home.id: home for home in result.placed.values()}
    reopened = sorted(home.id for home in homes.values() if home.is_reopened)
    customers.describe(
        (item.tweet, result.placed[item.tweet.id].customer_id) for item in tweets if item.tweet.id in rows
    )
    _put_conversations(homes, rows, result, promise=promise)
    filing.merge(result.merged)
    filing.reopen(reopened)
    filing.put_messages(list(rows.values()))
    if result.moved:
        result.left -= filing.move({pk: home.id for pk, home in result.moved.items()}, left=result.left)


def _put_conversations(
    homes: Mapping[int, Home], rows: Mapping[int, MessageRow], result: Threaded, *, promise: Promise
) -> None:
    """Write the rows that can be written whole, and those of other new conversations as far as they are known."""
    said: dict[int, list[MessageRow]] = {}
    for row in rows.values():
        said.setdefault(row.conversation_id, []).append(row)
    is_plain = not result.merged and not result.moved
    written = []
    for pk, home in homes.items():
        conversation = filing.whole(home, said[pk], promise)
        if conversation is None:
            continue
        written.append(conversation)
        if is_plain:
            result.whole.append(conversation)
            if conversation.waiting_since is not None and home.says_otherwise(conversation):
                result.changed.append(conversation)
    filing.put_conversations(written)


def _message_row(
    tweet: Tweet,
    state: _State,
    result: Threaded,
    ours: frozenset[int],
    assessments: Mapping[int, Assessment],
    verdicts: Mapping[int, tuple[str, str]],
) -> MessageRow:
    is_ours = tweet.author_id in ours
    deleted_at = state.deleted.get(tweet.id)
    may, why = verdicts.get(tweet.id, (None, None))
    words = words_of(tweet, assessments.get(tweet.id), is_deleted=deleted_at is not None)
    reasons, media, links = words["reasons"], words["media"], words["links"]
    return MessageRow(
        id=tweet.id,
        conversation_id=result.placed[tweet.id].id,
        direction=Direction.OUTBOUND if is_ours else Direction.INBOUND,
        author_id=tweet.author_id,
        text=words["text"],
        created_at=tweet.created_at,
        in_reply_to_id=tweet.in_reply_to_id,
        reply_tree_id=tweet.reply_tree_id,
        reach=Reach.DIRECT if is_ours else reach_of(tweet, ours),
        language=words["language"],
        polarity=words["polarity"],
        urgency=words["urgency"],
        reasons=json.dumps(reasons) if reasons else None,
        deleted_at=deleted_at,
        is_private=tweet.is_private or None,
        is_encrypted=tweet.is_encrypted or None,
        quote_of_id=tweet.quote_of,
        version_id=tweet.versions[-1] if tweet.versions else None,
        edited_at=instant_of(tweet.versions[-1]) if tweet.versions else None,
        media=json.dumps(media) if media else None,
        links=json.dumps(links) if links else None,
        answerable=may,
        answerable_why=why,
    )


def words_of(tweet: Tweet, found: Assessment | None, *, is_deleted: bool = False) -> dict[str, Any]:
    """What a message's row says of the words of this version, and of what triage found in them."""
    return {
        "text": "" if is_deleted else tweet.text,
        "media": None if is_deleted else tweet.media,
        "links": None if is_deleted else tweet.links,
        "language": found.language if found else tweet.lang,
        "polarity": found.polarity if found else None,
        "urgency": int(found.urgency) if found else 1,
        "reasons": list(found.reasons) if found and not is_deleted else [],
    }


def reach_of(tweet: Tweet, ours: frozenset[int]) -> Reach:
    """How this tweet came to us: by naming one of our handles, or otherwise."""
    names_us = tweet.in_reply_to_user_id in ours or any(account_id in ours for account_id, _ in tweet.mentioned)
    if names_us:
        return Reach.DIRECT
    return Reach.PROACTIVE if tweet.event == "listened.proactive" else Reach.BROAD


def _history(
    tweets: Sequence[Addressed], state: _State, result: Threaded, *, ours: frozenset[int], now: datetime
) -> list[Line]:
    lines, told = [], set()
    for item in tweets:
        home = result.placed.get(item.tweet.id)
        if home is None:
            continue
        if home.id not in told and (home.is_new or home.is_reopened):
            told.add(home.id)
            merged = [emptied for emptied, into in result.merged.items() if into == home.id]
            facts = {"merged": [str(pk) for pk in merged]} if merged else {}
            lines.append(Line(EventKind.OPENED if home.is_new else EventKind.REOPENED, home.id, now, facts=facts))
        kind = EventKind.MESSAGE_POSTED if item.tweet.author_id in ours else EventKind.MESSAGE_ARRIVED
        lines.append(Line(kind, home.id, now, message_id=item.tweet.id))
        if item.tweet.id in state.deleted:
            lines.append(Line(EventKind.MESSAGE_DELETED, home.id, now, message_id=item.tweet.id))
    return lines
