"""Threading: which conversation a tweet belongs to.

One customer's tweets to one handle form one open conversation, whatever reply tree they hang in; a reply tree with
three customers is three conversations. After a conversation was closed, what comes within the brand's reopen window
belongs to it still, what comes later opens a new one. All of it is decided from Twitter's own times and ids, never
from the order of arrival, so that the same tweets in any order end in the same conversations.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from inbox.domain.events import Line
from inbox.domain.triage import Assessment
from inbox.enums import Direction, EventKind, Outcome, Reach
from inbox.models import Amplification, Conversation, Deletion, Message
from inbox.twitter.shapes import Account, Tweet


@dataclass(slots=True)
class Home:
    """A conversation, while it is being decided what belongs to it."""

    id: int
    customer_id: int
    handle_id: int
    opened_at: datetime
    closed_at: datetime | None
    settled_through: int
    is_new: bool = False
    is_reopened: bool = False


@dataclass(slots=True)
class Threaded:
    """What threading a batch came to."""

    outcomes: dict[int, tuple[Outcome, int | None]] = field(default_factory=dict)  # by tweet id
    placed: dict[int, Home] = field(default_factory=dict)  # by tweet id, new messages only
    lines: list[Line] = field(default_factory=list)

    @property
    def conversation_ids(self) -> list[int]:
        return sorted({home.id for home in self.placed.values()})


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
    broadcasts: frozenset[int],
    now: datetime,
) -> Threaded:
    """Put each tweet into its conversation, opening and reopening as needed.

    `ours` are the brand's handles, `broadcasts` the known tweets of the brand that answer nobody. A tweet that is
    known already changes nothing. Set-based: the number of statements does not depend on the batch.
    """
    tweets = sorted({item.tweet.id: item for item in batch}.values(), key=lambda item: item.tweet.id)
    state = _load(tweets, ours=ours, broadcasts=broadcasts)
    result = Threaded()
    for item in tweets:
        _place(item, state, result, ours=ours, reopen_window=reopen_window)
    _write(tweets, state, result, ours=ours, assessments=assessments)
    result.lines = _history(tweets, result, ours=ours, now=now)
    return result


def refresh(conversation_ids: Sequence[int]) -> None:
    """Recompute from its messages what a conversation says of them: when it opened, the last one, how many."""
    with connection.cursor() as cursor:
        cursor.execute(_REFRESH, [list(conversation_ids)])


def lock(conversation_ids: Sequence[int]) -> None:
    """Hold these conversations until the transaction ends, always in the same order."""
    list(
        Conversation.objects.select_for_update()
        .filter(pk__in=conversation_ids)
        .order_by("pk")
        .values_list("pk", flat=True)
    )


_REFRESH = """
UPDATE inbox_conversation c
SET opened_at = f.opened_at, last_message = f.last_id, last_message_at = f.last_at, message_count = f.n
FROM (
    SELECT conversation_id, min(created_at) AS opened_at, max(created_at) AS last_at, max(id) AS last_id, count(*) AS n
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


def _load(tweets: Sequence[Addressed], *, ours: frozenset[int], broadcasts: frozenset[int]) -> _State:
    ids = {item.tweet.id for item in tweets}
    parents = {item.tweet.in_reply_to_id for item in tweets if item.tweet.in_reply_to_id}
    known = Message.objects.filter(pk__in=ids | parents).values_list(
        "pk", "conversation_id", "conversation__customer_id"
    )
    conversation_of = {pk: conversation_id for pk, conversation_id, _ in known}
    customers = {customer_id for _, _, customer_id in known}
    for item in tweets:
        customers |= {item.tweet.author_id, item.tweet.in_reply_to_user_id or 0}
    homes: dict[tuple[int, int], list[Home]] = {}
    by_id: dict[int, Home] = {}
    for row in (
        Conversation.objects.select_for_update()
        .filter(customer_id__in=customers - ours - {0})
        .order_by("opened_at", "pk")
        .values_list("pk", "customer_id", "handle_id", "opened_at", "closed_at", "settled_through")
    ):
        home = by_id[row[0]] = Home(*row)
        homes.setdefault((home.customer_id, home.handle_id), []).append(home)
    return _State(
        known=set(conversation_of) & ids,
        home_of={pk: by_id[conversation_id] for pk, conversation_id in conversation_of.items()},
        homes=homes,
        deleted=dict(Deletion.objects.filter(pk__in=ids).values_list("pk", "deleted_at")),
        broadcasts=set(broadcasts),
    )


def _place(
    item: Addressed, state: _State, result: Threaded, *, ours: frozenset[int], reopen_window: timedelta
) -> None:
    tweet = item.tweet
    if tweet.id in state.known:
        result.outcomes[tweet.id] = (Outcome.MESSAGE, None)
        return
    is_ours = tweet.author_id in ours
    parent = state.home_of.get(tweet.in_reply_to_id or 0)
    if is_ours:
        handle_id = tweet.author_id
        customer_id = parent.customer_id if parent else tweet.in_reply_to_user_id
        if tweet.in_reply_to_id is None or tweet.in_reply_to_id in state.broadcasts:
            state.broadcasts.add(tweet.id)
            result.outcomes[tweet.id] = (Outcome.BROADCAST, None)
            return
        if customer_id is None or customer_id in ours:
            result.outcomes[tweet.id] = (Outcome.ORPHAN, tweet.in_reply_to_id)
            return
    else:
        handle_id, customer_id = item.handle_id, tweet.author_id
    home = parent if is_ours and parent else None
    home = home or _home_for(tweet, customer_id, handle_id, state, is_ours=is_ours, reopen_window=reopen_window)
    home.opened_at = min(home.opened_at, tweet.created_at)
    if not is_ours:
        _reopen_if_needed(tweet, home, state)
    state.home_of[tweet.id] = result.placed[tweet.id] = home
    result.outcomes[tweet.id] = (Outcome.MESSAGE, None)


def _home_for(
    tweet: Tweet, customer_id: int, handle_id: int, state: _State, *, is_ours: bool, reopen_window: timedelta
) -> Home:
    homes = state.homes.setdefault((customer_id, handle_id), [])
    begun = [home for home in homes if home.opened_at <= tweet.created_at]
    home = begun[-1] if begun else (homes[0] if homes else None)
    if home and begun and home.closed_at and not is_ours and tweet.created_at > home.closed_at + reopen_window:
        home = homes[len(begun)] if len(begun) < len(homes) else None
    if home is None:
        home = Home(tweet.id, customer_id, handle_id, tweet.created_at, None, 0, is_new=True)
        homes.append(home)
        homes.sort(key=lambda each: (each.opened_at, each.id))
    return home


def _reopen_if_needed(tweet: Tweet, home: Home, state: _State) -> None:
    if home.closed_at is None or tweet.id <= home.settled_through:
        return
    siblings = state.homes[(home.customer_id, home.handle_id)]
    if all(sibling.closed_at for sibling in siblings):
        home.closed_at, home.is_reopened = None, True


def _write(
    tweets: Sequence[Addressed],
    state: _State,
    result: Threaded,
    *,
    ours: frozenset[int],
    assessments: Mapping[int, Assessment],
) -> None:
    placed = [item for item in tweets if item.tweet.id in result.placed]
    if not placed:
        return
    new_homes = {home.id: home for home in result.placed.values() if home.is_new}.values()
    reopened = sorted({home.id for home in result.placed.values() if home.is_reopened})
    with connection.cursor() as cursor:
        cursor.execute(_PUT_CUSTOMERS, [json.dumps(_customers(placed, result, ours=ours))])
        if new_homes:
            cursor.execute(_PUT_CONVERSATIONS, [json.dumps([_conversation_row(home) for home in new_homes])])
        if reopened:
            cursor.execute(_REOPEN, [reopened])
        rows = [_message_row(item.tweet, state, result, ours, assessments) for item in placed]
        cursor.execute(_PUT_MESSAGES, [json.dumps(rows)])


_PUT_CUSTOMERS = """
INSERT INTO inbox_customer AS c (id, username, name, followers, described_by_id)
SELECT id, username, name, followers, described_by_id
FROM jsonb_to_recordset(%s) AS r(id bigint, username text, name text, followers int, described_by_id bigint)
ORDER BY id
ON CONFLICT (id) DO UPDATE SET username = excluded.username, name = excluded.name, followers = excluded.followers,
    described_by_id = excluded.described_by_id
WHERE excluded.described_by_id > c.described_by_id
"""
_PUT_CONVERSATIONS = """
INSERT INTO inbox_conversation (id, customer_id, handle_id, opened_at, last_message_at, settled_through)
SELECT id, customer_id, handle_id, opened_at, opened_at, 0
FROM jsonb_to_recordset(%s) AS r(id bigint, customer_id bigint, handle_id bigint, opened_at timestamptz)
ORDER BY id
"""
_REOPEN = """
UPDATE inbox_conversation SET closed_at = NULL, closed_by_id = NULL, disposition = '' WHERE id = ANY(%s)
"""
_PUT_MESSAGES = """
INSERT INTO inbox_message (id, conversation_id, direction, author_id, text, created_at, in_reply_to_id, reply_tree_id,
    reach, language, polarity, urgency, reasons, deleted_at)
SELECT id, conversation_id, direction, author_id, text, created_at, in_reply_to_id, reply_tree_id,
    reach, language, polarity, urgency, reasons, deleted_at
FROM jsonb_to_recordset(%s) AS r(id bigint, conversation_id bigint, direction text, author_id bigint, text text,
    created_at timestamptz, in_reply_to_id bigint, reply_tree_id bigint, reach text, language text, polarity float,
    urgency smallint, reasons jsonb, deleted_at timestamptz)
ORDER BY id
ON CONFLICT (id) DO NOTHING
"""


def _customers(placed: Iterable[Addressed], result: Threaded, *, ours: frozenset[int]) -> list[dict[str, Any]]:
    rows: dict[int, dict[str, Any]] = {}
    for item in placed:
        tweet, customer_id = item.tweet, result.placed[item.tweet.id].customer_id
        account = tweet.accounts.get(customer_id)
        # Only the customer's own tweet describes the customer as they are now; ours may merely name them.
        described_by = tweet.id if account and tweet.author_id == customer_id else 0
        if customer_id not in rows or described_by >= rows[customer_id]["described_by_id"]:
            account = account or Account(customer_id, dict(tweet.mentioned).get(customer_id) or str(customer_id))
            known = rows.get(customer_id)
            if known is None or described_by:
                rows[customer_id] = {
                    "id": customer_id,
                    "username": account.username or str(customer_id),
                    "name": account.name,
                    "followers": account.followers,
                    "described_by_id": described_by,
                }
    return list(rows.values())


def _conversation_row(home: Home) -> dict[str, Any]:
    return {
        "id": home.id,
        "customer_id": home.customer_id,
        "handle_id": home.handle_id,
        "opened_at": home.opened_at.isoformat(),
    }


def _message_row(
    tweet: Tweet,
    state: _State,
    result: Threaded,
    ours: frozenset[int],
    assessments: Mapping[int, Assessment],
) -> dict[str, Any]:
    is_ours = tweet.author_id in ours
    found = assessments.get(tweet.id)
    deleted_at = state.deleted.get(tweet.id)
    return {
        "id": tweet.id,
        "conversation_id": result.placed[tweet.id].id,
        "direction": Direction.OUTBOUND if is_ours else Direction.INBOUND,
        "author_id": tweet.author_id,
        "text": "" if deleted_at else tweet.text,
        "created_at": tweet.created_at.isoformat(),
        "in_reply_to_id": tweet.in_reply_to_id,
        "reply_tree_id": tweet.reply_tree_id,
        "reach": Reach.DIRECT if is_ours else reach_of(tweet, ours),
        "language": found.language if found else tweet.lang,
        "polarity": found.polarity if found else None,
        "urgency": int(found.urgency) if found else 1,
        "reasons": list(found.reasons) if found and not deleted_at else [],
        "deleted_at": deleted_at.isoformat() if deleted_at else None,
    }


def reach_of(tweet: Tweet, ours: frozenset[int]) -> Reach:
    """How this tweet came to us: by naming one of our handles, or otherwise."""
    names_us = tweet.in_reply_to_user_id in ours or any(account_id in ours for account_id, _ in tweet.mentioned)
    return Reach.DIRECT if names_us else Reach.BROAD


def _history(
    tweets: Sequence[Addressed], result: Threaded, *, ours: frozenset[int], now: datetime
) -> list[Line]:
    lines, told = [], set()
    for item in tweets:
        home = result.placed.get(item.tweet.id)
        if home is None:
            continue
        if home.id not in told and (home.is_new or home.is_reopened):
            told.add(home.id)
            lines.append(Line(EventKind.OPENED if home.is_new else EventKind.REOPENED, home.id, now))
        kind = EventKind.MESSAGE_POSTED if item.tweet.author_id in ours else EventKind.MESSAGE_ARRIVED
        lines.append(Line(kind, home.id, now, message_id=item.tweet.id))
    return lines


def amplify(retweets: Sequence[Amplification], *, now: datetime) -> list[Line]:
    """Keep these retweets, and tell those that are new and of a known message. A retweet is never work."""
    if not retweets:
        return []
    known = set(Amplification.objects.filter(pk__in=[each.pk for each in retweets]).values_list("pk", flat=True))
    fresh = list({each.pk: each for each in retweets if each.pk not in known}.values())
    Amplification.objects.bulk_create(fresh, ignore_conflicts=True)
    home_of = dict(
        Message.objects.filter(pk__in=[each.of_id for each in fresh]).values_list("pk", "conversation_id")
    )
    return [
        Line(EventKind.AMPLIFIED, home_of[each.of_id], now, message_id=each.of_id)
        for each in fresh
        if each.of_id in home_of
    ]
