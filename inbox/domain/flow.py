"""The way of a tweet, from its arrival to the desk. Newcomers read this first.

An arrival was stored by the webhook's letterbox. `carry` takes a brand's waiting arrivals as a batch and each stage
works on the batch in a few statements, whatever its size: threaded into conversations, triaged, promised, put on the
agency's desk, written into the brand's history, settled. One transaction: it all happened, or none of it.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.db import transaction

from inbox.domain import (
    amplifications,
    arrivals,
    conversations,
    costs,
    deletions,
    edits,
    eligibility,
    events,
    ledger,
    notes,
    people,
    posting,
    pulses,
    routing,
    sla,
    tags,
    triage,
)
from inbox.domain.arrivals import Claimed, Waiting
from inbox.domain.conversations import Addressed, Threaded
from inbox.domain.events import Line
from inbox.domain.filing import Promise
from inbox.enums import ArrivalKind, Outcome, Source
from inbox.models import Amplification, Arrival
from inbox.twitter.events import Act, event_type_of, read_arrival
from inbox.twitter.shapes import Tweet, Unreadable
from tenants.models import Brand

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
    claimed = arrivals.claim(limit=limit)
    if not claimed.waiting:
        return Carried()
    ours = claimed.ours
    batch = _Batch(ours=ours)
    batch.read(claimed.waiting)
    batch.adopt_orphans()
    folded = batch.fold()

    assessments = triage.assess(batch.tweets, ours=ours)
    quoted = eligibility.quoted_of_ours(batch.tweets.values(), ours=ours)
    verdicts = eligibility.judge(batch.tweets.values(), ours=ours, plan=settings.TWITTER_PLAN, own_tweets=quoted)
    threaded = conversations.thread(
        batch.addressed,
        ours=ours,
        assessments=assessments,
        verdicts=verdicts,
        reopen_window=brand.reopen_window,
        promise=Promise(claimed.first_response, claimed.next_response),
        broadcasts=batch.known_broadcasts(),
        now=now,
    )
    edited = edits.write(folded, assessments=assessments, verdicts=verdicts, now=now)
    people.take_in(batch.acts, ours=ours, now=now)
    lines = threaded.lines + edited.lines + _tell(batch, threaded, now=now)
    deleted = deletions.carry_out([*batch.deletions, *folded.deleted], now=now)
    _bring_up_to_date(threaded, also={*edited.conversation_ids, *deleted.conversation_ids})
    batch.conclude(threaded.outcomes)
    arrivals.settle(batch.outcomes, now=now)
    deletions.forget([*threaded.deleted, *(tweet.id for tweet in batch.retweets)], [*batch.deletions, *folded.deleted])
    pulses.beat(_heard(claimed), now=now)
    costs.count_events(batch.event_types, now=now)
    events.record(lines + deleted.lines)
    return Carried(count=len(claimed.waiting), outcomes=Counter(outcome for outcome, _ in batch.outcomes.values()))


def _tell(batch: "_Batch", threaded: Threaded, *, now: datetime) -> list[Line]:
    """What else the new messages came to: retweets, replies of ours recognised, people who opt out."""
    placed = [batch.tweets[pk] for pk in threaded.placed]
    lines = amplifications.recall(threaded.placed_in, threaded.retweeted, now=now) + batch.amplify(now=now)
    # All of them: a quote of ours is a broadcast to threading, and a reply of ours all the same.
    lines += posting.recognise(batch.tweets.values(), ours=batch.ours, now=now)
    return lines + ledger.notice_opt_outs(placed, ours=batch.ours, now=now)


def _bring_up_to_date(threaded: Threaded, *, also: set[int]) -> None:
    """Conversations that could not be written whole are worked out from their messages; then the desk hears of all."""
    routing.follow(threaded.merged)
    notes.follow(threaded.merged)
    tags.follow(threaded.merged)
    touched = sorted({*threaded.unsettled_ids, *also})
    if touched:
        conversations.refresh(touched)
        triage.settle(touched)
        sla.promise(touched)
    routing.offer(touched, known=[row for row in threaded.changed if row.id not in also])


def _heard(claimed: Claimed) -> dict[tuple[int, str], tuple[int, datetime]]:
    """How many arrivals came for each handle by each way, and when the last one did."""
    heard: dict[tuple[int, str], tuple[int, datetime]] = {}
    for arrival in claimed.waiting:
        key = (arrival.handle_id, arrival.source)
        count, last = heard.get(key, (0, arrival.received_at))
        heard[key] = (count + 1, max(last, arrival.received_at))
    return heard


class _Batch:
    """A batch of arrivals, read and sorted by what they are."""

    def __init__(self, *, ours: frozenset[int]) -> None:
        self.ours = ours
        self.tweets: dict[int, Tweet] = {}
        self.addressed: list[Addressed] = []
        self.retweets: list[Tweet] = []
        self.deletions: list[int] = []
        self.acts: list[Act] = []
        self.event_types: Counter[str] = Counter()  # of what was paid for as an event
        self.outcomes: dict[int, tuple[Outcome, int | None]] = {}  # by arrival
        self._arrival_of: dict[int, list[int]] = {}  # by tweet id

    def read(self, batch: Sequence[Waiting]) -> list[int]:
        """Sort these arrivals; returns the ids by which others may have waited for them."""
        fresh = []
        for arrival in batch:
            try:
                fresh += self._read(arrival)
            except Unreadable:
                self.outcomes[arrival.pk] = (Outcome.UNREADABLE, None)
        return fresh

    def adopt_orphans(self) -> None:
        """Take in what was set aside for want of a tweet that is in this batch, and what waits for that in turn."""
        fresh: Iterable[int] = [pk for tweet in self.tweets.values() for pk in (tweet.id, *tweet.versions)]
        known = set(fresh)
        while fresh:
            fresh = [pk for pk in self.read(arrivals.orphans_of(fresh)) if pk not in known]
            known |= set(fresh)

    def fold(self) -> edits.Folded:
        """Make one tweet of the versions of each that was edited; its arrivals are all of theirs."""
        folded = edits.fold(self.tweets.values())
        handles = {item.tweet.id: item.handle_id for item in self.addressed}
        of_first: dict[int, list[int]] = {}
        for tweet_id, first in folded.first_of.items():
            of_first.setdefault(first, []).extend(self._arrival_of[tweet_id])
            handles.setdefault(first, handles[tweet_id])
        self._arrival_of, self.tweets = of_first, folded.tweets
        self.addressed = [Addressed(tweet, handles[pk]) for pk, tweet in folded.tweets.items()]
        return folded

    def known_broadcasts(self) -> frozenset[int]:
        """Those tweets that this batch's answer and that are known to be broadcasts of ours."""
        own = [tweet for tweet in self.tweets.values() if tweet.author_id in self.ours]
        parents = {tweet.in_reply_to_id for tweet in own if tweet.in_reply_to_id}
        if not parents:
            return frozenset()
        return frozenset(
            Arrival.objects.filter(
                kind=ArrivalKind.TWEET, twitter_id__in=parents, outcome=Outcome.BROADCAST
            ).values_list("twitter_id", flat=True)
        )

    def amplify(self, *, now: datetime) -> list[Line]:
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

    def _read(self, arrival: Waiting) -> list[int]:
        body = arrivals.body_of(arrival)
        found = read_arrival(arrival.kind, body)
        if isinstance(found, Tweet):
            self._count(arrival, found.event)
            return self._take(arrival, found)
        if found is None:
            self.outcomes[arrival.pk] = (Outcome.KEPT, None)
        elif isinstance(found, int):
            self.deletions.append(found)
            self.outcomes[arrival.pk] = (Outcome.DELETED, None)
        else:
            self.acts += found
            self.outcomes[arrival.pk] = (Outcome.NOTED, None)
        self._count(arrival, event_type_of(body))
        return []

    def _take(self, arrival: Waiting, tweet: Tweet) -> list[int]:
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
        return [tweet.id, *tweet.versions]

    def _count(self, arrival: Waiting, event_type: str) -> None:
        if arrival.source == Source.STREAM:
            self.event_types["stream"] += 1  # a tweet read, whatever rule it fits
        elif event_type and arrival.source == Source.WEBHOOK:
            self.event_types[event_type] += 1
