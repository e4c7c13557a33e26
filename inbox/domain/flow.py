"""The way of a tweet, from its arrival to the desk. Newcomers read this first.

An arrival was stored by the webhook's letterbox. `carry` takes a brand's waiting arrivals as a batch and each stage
works on the batch in a few statements, whatever its size: threaded into conversations, triaged, promised, put on the
agency's desk, written into the brand's history, settled. One transaction: it all happened, or none of it.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction

from inbox.domain import (
    amplifications,
    arrivals,
    conversations,
    deletions,
    events,
    notes,
    posting,
    routing,
    sla,
    tags,
    triage,
)
from inbox.domain.conversations import Addressed
from inbox.enums import ArrivalKind, Outcome
from inbox.models import Amplification, Arrival
from inbox.twitter.shapes import Tweet, Unreadable, read_envelope, read_tweet_event
from tenants.models import Brand, Handle

BATCH = 500


@dataclass
class Carried:
    """What one call came to: how many arrivals, and what became of each."""

    count: int = 0
    outcomes: Counter = field(default_factory=Counter)


def carry_all(*, brand: Brand, now: datetime) -> Carried:
    """Carry this brand's waiting arrivals, batch after batch, until none waits."""
    total = Carried()
    while True:
        carried = carry(brand=brand, now=now)
        total.count += carried.count
        total.outcomes += carried.outcomes
        if carried.count < BATCH:
            return total


@transaction.atomic
def carry(*, brand: Brand, now: datetime, limit: int = BATCH) -> Carried:
    """Carry at most `limit` of this brand's waiting arrivals, the oldest first."""
    waiting = arrivals.claim(limit=limit)
    if not waiting:
        return Carried()
    ours = frozenset(Handle.objects.filter(brand_id=brand.pk).values_list("pk", flat=True))
    batch = _Batch(ours=ours)
    batch.read(waiting)
    batch.adopt_orphans()

    assessments = triage.assess(batch.tweets, ours=ours)
    threaded = conversations.thread(
        batch.addressed,
        ours=ours,
        assessments=assessments,
        reopen_window=brand.reopen_window,
        broadcasts=batch.known_broadcasts(),
        now=now,
    )
    touched = threaded.conversation_ids
    routing.follow(threaded.merged)
    notes.follow(threaded.merged)
    tags.follow(threaded.merged)
    lines = threaded.lines + amplifications.recall(threaded.placed_in, now=now) + batch.amplify(now=now)
    lines += posting.recognise([batch.tweets[pk] for pk in threaded.placed], ours=ours, now=now)
    deleted = deletions.carry_out(batch.deletions, now=now)
    touched = sorted({*touched, *deleted.conversation_ids})
    if touched:
        conversations.refresh(touched)
        triage.settle(touched)
        sla.promise(touched)
        routing.offer(touched)
    batch.conclude(threaded.outcomes)
    arrivals.settle(batch.outcomes, now=now)
    deletions.forget([*batch.tweets, *(retweet.id for retweet in batch.retweets)], batch.deletions)
    events.record(lines + deleted.lines)
    return Carried(count=len(waiting), outcomes=Counter(outcome for outcome, _ in batch.outcomes.values()))


class _Batch:
    """A batch of arrivals, read and sorted by what they are."""

    def __init__(self, *, ours: frozenset[int]) -> None:
        self.ours = ours
        self.tweets: dict[int, Tweet] = {}
        self.addressed: list[Addressed] = []
        self.retweets: list[Tweet] = []
        self.deletions: list[int] = []
        self.outcomes: dict[int, tuple[Outcome, int | None]] = {}  # by arrival
        self._arrival_of: dict[int, list[int]] = {}  # by tweet id

    def read(self, batch: Sequence[Arrival]) -> list[int]:
        """Sort these arrivals; returns the ids of the tweets among them."""
        fresh = []
        for arrival in batch:
            if arrival.kind == ArrivalKind.TWEET:
                fresh += self._read_tweet(arrival)
            elif arrival.kind == ArrivalKind.DELETION:
                self._read_deletion(arrival)
            else:
                self.outcomes[arrival.pk] = (Outcome.KEPT, None)
        return fresh

    def adopt_orphans(self) -> None:
        """Take in what was set aside for want of a tweet that is in this batch, and what waits for that in turn."""
        fresh: Iterable[int] = list(self.tweets)
        while fresh:
            known = set(self._arrival_of)
            found = arrivals.orphans_of(fresh)
            fresh = [pk for pk in self.read(found) if pk not in known]

    def known_broadcasts(self) -> frozenset[int]:
        """Those tweets that this batch's answer and that are known to be broadcasts of ours."""
        own = [tweet for tweet in self.tweets.values() if tweet.author_id in self.ours]
        parents = {tweet.in_reply_to_id for tweet in own if tweet.in_reply_to_id}
        return frozenset(
            Arrival.objects.filter(
                kind=ArrivalKind.TWEET, twitter_id__in=parents, outcome=Outcome.BROADCAST
            ).values_list("twitter_id", flat=True)
        )

    def amplify(self, *, now: datetime) -> list[events.Line]:
        """Keep the retweets; those of a message of ours or of a customer are told in its conversation."""
        return amplifications.keep(
            [
                Amplification(
                    pk=tweet.id, of_id=tweet.retweet_of or 0, author_id=tweet.author_id, created_at=tweet.created_at
                )
                for tweet in self.retweets
            ],
            now=now,
        )

    def conclude(self, outcomes: dict[int, tuple[Outcome, int | None]]) -> None:
        """Carry what became of each tweet over to its arrivals."""
        for tweet_id, outcome in outcomes.items():
            for arrival_id in self._arrival_of[tweet_id]:
                self.outcomes[arrival_id] = outcome

    def _read_tweet(self, arrival: Arrival) -> list[int]:
        try:
            tweet = read_tweet_event(arrivals.body_of(arrival))
        except Unreadable:
            self.outcomes[arrival.pk] = (Outcome.UNREADABLE, None)
            return []
        if tweet.retweet_of:
            self.retweets.append(tweet)
            self.outcomes[arrival.pk] = (Outcome.AMPLIFICATION, None)
            return []
        handle_id = conversations.handle_of(tweet, told=arrival.handle_id, ours=self.ours)
        if handle_id is None:
            self.outcomes[arrival.pk] = (Outcome.NOT_OURS, None)
            return []
        self._arrival_of.setdefault(tweet.id, []).append(arrival.pk)
        self.tweets[tweet.id] = tweet
        self.addressed.append(Addressed(tweet, handle_id))
        return [tweet.id]

    def _read_deletion(self, arrival: Arrival) -> None:
        try:
            self.deletions.append(read_envelope(arrivals.body_of(arrival)).twitter_id)
            self.outcomes[arrival.pk] = (Outcome.DELETED, None)
        except Unreadable:
            self.outcomes[arrival.pk] = (Outcome.UNREADABLE, None)
