"""Re-checks: whether what we show is still on Twitter. Fresh messages often, those of open conversations within a day.

Deletions of customers' tweets come by no event: a look-up that does not find them is how they are known. A deleted
tweet and one whose author is suspended look alike, so of what is not found the authors are looked up too.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from django.db import transaction
from django.db.models import Q, QuerySet

from inbox.domain import arrivals, deletions, events
from inbox.enums import ArrivalKind, Direction, Outcome, Source
from inbox.models import Arrival, Customer, Message, Pulse
from inbox.twitter.reading import MOST_IDS, Gone, Page, Reader, id_at
from inbox.twitter.shapes import Account

log = logging.getLogger(__name__)

FRESH = timedelta(hours=1)
RECENT = timedelta(days=2)
# A round over everything open takes so long at most; the next begins when a day has passed since it began.
_ROUND = timedelta(hours=12)
_DAY = timedelta(hours=23)
_MOST = 10 * MOST_IDS
# Parents that are missing are fetched for so long after their answers came, and so many at a time.
_ORPHANS_FOR = timedelta(days=1)
_USERS = 100
_PEOPLE_EVERY = timedelta(days=1)


def recheck(pulse: Pulse, reader: Reader, *, now: datetime) -> None:
    """One look: the fresh ones, the next of the open ones, and missing parents; what is gone is gone here too."""
    fresh = list(_shown().filter(pk__gte=id_at(now - FRESH)).order_by("-pk").values_list("pk", flat=True)[:MOST_IDS])
    begun, cursor = pulse.read_until, pulse.newest_id or 0
    if begun is None or (cursor == 0 and now - begun >= _DAY):
        begun, cursor = now, 1
    still_open = _next_open(cursor, pulse, now=now) if cursor else []
    wanted = list(dict.fromkeys([*fresh, *still_open]))
    page = reader.tweets(wanted) if wanted else Page()
    _carry_out(page, reader, handle_id=pulse.handle_id, now=now)
    _fetch_parents(reader, handle_id=pulse.handle_id, now=now)
    # The end of a round is a cursor of nought: nothing more until a day has passed.
    cursor = still_open[-1] if still_open else 0
    Pulse.objects.filter(pk=pulse.pk).update(read_until=begun, newest_id=cursor or None)


def _shown() -> "QuerySet[Message]":
    return Message.objects.filter(deleted_at=None, is_private=False)


def _next_open(cursor: int, pulse: Pulse, *, now: datetime) -> list[int]:
    is_open = Q(conversation__closed_at=None) | Q(pk__gte=id_at(now - RECENT)) | Q(hidden_at__isnull=False)
    rows = _shown().filter(is_open, pk__gt=cursor, conversation__handle_id=pulse.handle_id).order_by("pk")
    left = rows.count()
    looks = max(int(_ROUND.total_seconds() // 300), 1)
    size = min(max(MOST_IDS, -(-left // looks)), _MOST)
    return list(rows.values_list("pk", flat=True)[:size])


def _carry_out(page: Page, reader: Reader, *, handle_id: int, now: datetime) -> None:
    gone = [pk for pk, why in page.missing.items() if why == Gone.NOT_FOUND]
    protected = [pk for pk, why in page.missing.items() if why == Gone.PROTECTED]
    suspended = _suspended(gone, reader)
    hidden = [*Message.objects.filter(pk__in=gone, author_id__in=suspended).values_list("pk", flat=True)]
    deleted = sorted(set(gone) - set(hidden))
    bodies = [(pk, _deletion(pk)) for pk in deleted]
    arrivals.store_all(bodies, kind=ArrivalKind.DELETION, handle_id=handle_id, source=Source.LOOKUP, now=now)
    # A newer version than ours is an edit that no event told of; it arrives like any other.
    newer = [each for each in page.found if each.tweet and each.tweet.versions]
    arrivals.store_all(
        [(each.id, each.body) for each in newer],
        kind=ArrivalKind.TWEET,
        handle_id=handle_id,
        source=Source.LOOKUP,
        now=now,
    )
    with transaction.atomic():
        lines = deletions.hide(protected, why="protected", now=now).lines if protected else []
        lines += deletions.hide(hidden, why="suspended", now=now).lines if hidden else []
        Customer.objects.filter(pk__in=suspended, suspended_at=None).update(suspended_at=now)
        deletions.show_again(each.tweet for each in page.found if each.tweet)
        if lines:
            events.record(lines)
    if deleted or lines:
        log.info("Looked up: %d tweets are gone, %d are hidden.", len(deleted), len(lines))


def _suspended(gone: Sequence[int], reader: Reader) -> set[int]:
    """The authors of what was not found that are not found either, and so are suspended. Their accounts are read
    for a price: only of those whose tweets are missing."""
    authors = Message.objects.filter(pk__in=gone, direction=Direction.INBOUND).values_list("author_id", flat=True)
    wanted = sorted(set(authors))[:_USERS]
    if not wanted:
        return set()
    accounts, missing = reader.users(wanted)
    describe(accounts)
    return {pk for pk, why in missing.items() if why == Gone.NOT_FOUND}


def describe(accounts: Sequence[Account]) -> None:
    """Bring customers up to what Twitter says of them now."""
    known = {customer.pk: customer for customer in Customer.objects.filter(pk__in=[each.id for each in accounts])}
    for account in accounts:
        customer = known.get(account.id)
        if customer is None:
            continue
        customer.username = account.username or customer.username
        customer.name = account.name or customer.name
        customer.avatar_url = account.avatar_url or customer.avatar_url
        customer.is_protected = account.is_protected
        if account.takes_private is not None:
            customer.takes_private = account.takes_private
        customer.suspended_at = None
    Customer.objects.bulk_update(
        known.values(), ["username", "name", "avatar_url", "is_protected", "takes_private", "suspended_at"]
    )


def _fetch_parents(reader: Reader, *, handle_id: int, now: datetime) -> None:
    """Fetch what orphans continue, once each: one that Twitter does not have either stays missing."""
    orphans = Arrival.objects.filter(
        handle_id=handle_id,
        awaits_id__isnull=False,
        outcome=Outcome.ORPHAN,
        received_at__gte=now - _ORPHANS_FOR,
    )
    found = orphans.order_by("-pk").values_list("awaits_id", flat=True)[:MOST_IDS]
    wanted = {pk for pk in found if pk}
    asked = set(Arrival.objects.filter(twitter_id__in=wanted).values_list("twitter_id", flat=True))
    missing = sorted(wanted - asked)
    if not missing:
        return
    page = reader.tweets(missing)
    arrivals.store_all(
        [(each.id, each.body) for each in page.found],
        kind=ArrivalKind.TWEET,
        handle_id=handle_id,
        source=Source.LOOKUP,
        now=now,
    )
    # Remembered as deleted, so that nobody asks again.
    arrivals.store_all(
        [(pk, _deletion(pk)) for pk in page.missing],
        kind=ArrivalKind.DELETION,
        handle_id=handle_id,
        source=Source.LOOKUP,
        now=now,
    )


def _deletion(tweet_id: int) -> bytes:
    """What a look-up that found nothing says, in the words of an event."""
    return msgspec.json.encode({"data": {"event_type": "post.delete", "payload": {"id": str(tweet_id)}}})
