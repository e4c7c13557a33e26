"""Inside a Nightjar that has been through something: its database beside the sandbox's own ledger.

Run by `endurance` with that Nightjar's own settings: reads the ledger and what the robots know as JSON from standard
input, prints one JSON line for each thing compared.
"""

import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from accounts.models import DeskRow
from inbox.enums import Direction, Outcome, ReplyStatus
from inbox.models import Amplification, Arrival, Conversation, Message, Reply, Version
from tenants import entry
from tenants.models import Brand
from tests.channel import ON_ITS_WAY
from tests.channel.ledger import Ledger, Said

SEEN_BY_PEOPLE = {
    ReplyStatus.DRAFT, ReplyStatus.SUBMITTED, ReplyStatus.SENT_BACK, ReplyStatus.ELSEWHERE, ReplyStatus.REFUSED,
    ReplyStatus.UNKNOWN,
}  # fmt: skip


@dataclass
class Line:
    """One thing compared: how many there should be, how many are so, and which are not."""

    brand: str
    what: str
    expected: int
    found: int
    wrong: list[str] = field(default_factory=list)
    is_fatal: bool = True


def compare(told: dict[str, Any]) -> Iterator[Line]:
    """Every line, brand by brand."""
    ledger = Ledger(told["ledger"])
    with entry.directory():
        brands = {brand.slug: brand for brand in Brand.objects.filter(slug__in=told["brands"])}
    for slug, facts in told["brands"].items():
        with entry.brand(brands[slug]):
            yield from Books(slug, facts, ledger).lines(brands[slug])


class Books:
    """One brand's rows beside the ledger."""

    def __init__(self, slug: str, facts: dict[str, Any], ledger: Ledger) -> None:
        self.slug, self.ledger = slug, ledger
        self.handle_id, self.username, self.name = int(facts["handle_id"]), facts["username"], facts["name"].lower()
        self.accepted: dict[str, str] = facts.get("accepted", {})
        self.messages = {row.pk: row for row in Message.objects.select_related("conversation").order_by("pk")}
        self.inbound = [row for row in self.messages.values() if row.direction == Direction.INBOUND]
        self.replies = {row.pk: row for row in Reply.objects.order_by("pk")}
        self.version_of = dict(Version.objects.values_list("pk", "message_id"))
        said = list(ledger.of_customers(self.handle_id))
        self.wanted = [one for one in said if ledger.concerns(one, self.handle_id, self.username)]
        is_wanted = {one.id for one in self.wanted}
        self.broad = [one for one in said if one.id not in is_wanted and self._is_named_in(one.text)]

    def lines(self, brand: Brand) -> Iterator[Line]:
        private = [one for one in self.wanted if one.recipient_id]
        quotes = [one for one in self.wanted if self._is_ours_by_author(one.quotes)]
        apart = {one.id for one in private + quotes}
        rest = [one for one in self.wanted if one.id not in apart]
        yield self._came_in("tweets that name or answer the handle are in one conversation", rest)
        yield self._came_in("tweets that quote the handle are in one conversation", quotes)
        yield self._came_in("direct messages are in one conversation", private)
        yield self._came_in("tweets that name the brand by its words are in one conversation", self.broad)
        yield self._words_are_as_said()
        yield self._no_chain_twice()
        yield self._versions_are_all_there()
        yield self._conversations_are_of_one()
        yield self._deleted_are_gone()
        yield self._nothing_of_others()
        yield self._retweets_are_retweets()
        yield self._posted_are_there()
        yield from self._own_tweets_are_ours()
        yield self._accepted_are_kept()
        yield from self._replies_stand_somewhere()
        yield self._desk_agrees(brand)
        yield from self._arrivals_are_carried()

    def _line(self, what: str, expected: int, wrong: list[str], *, is_fatal: bool = True) -> Line:
        return Line(self.slug, what, expected, expected - len(wrong), wrong[:12], is_fatal)

    def _is_named_in(self, text: str) -> bool:
        return re.search(rf"(?<!\w){re.escape(self.name)}(?!\w)", text.lower()) is not None

    def _is_ours_by_author(self, tweet_id: int | None) -> bool:
        return tweet_id in self.ledger.said and self.ledger.said[tweet_id].author_id == self.handle_id

    def _message_of(self, one: Said) -> Message | None:
        for version in self.ledger.versions[one.first_version]:
            row = self.messages.get(version.id) or self.messages.get(self.version_of.get(version.id, 0))
            if row:
                return row
        return None

    def _came_in(self, what: str, wanted: list[Said]) -> Line:
        # A tweet that was taken back before anybody could read it leaves nothing.
        there = [one for one in wanted if self._message_of(one) or not self.ledger.is_gone(one)]
        missing = [f"{one.id} {one.text[:70]!r}" for one in there if not self._message_of(one)]
        return self._line(what, len(there), missing)

    def _words_are_as_said(self) -> Line:
        rows = [row for row in self.messages.values() if row.pk in self.ledger.said and not row.deleted_at]
        wrong = [
            f"{row.pk} reads {row.text[:40]!r}, and says {newest.text[:40]!r}"
            for row in rows
            if _plain(row.text) != _plain((newest := self.ledger.newest(self.ledger.said[row.pk])).text)
            and not self.ledger.is_gone(newest)
        ]
        return self._line("messages read as their newest version does", len(rows), wrong)

    def _no_chain_twice(self) -> Line:
        rows = Counter(self.ledger.said[pk].first_version for pk in self.messages if pk in self.ledger.said)
        return self._line("edited tweets are one message", len(rows), [f"{pk}" for pk, n in rows.items() if n > 1])

    def _versions_are_all_there(self) -> Line:
        """Of every tweet that was edited and came, each version is known; and no version that was never said is."""
        chains = [chain for chain in self.ledger.versions.values() if len(chain) > 1 and self._message_of(chain[0])]
        wrong = [
            f"{chain[0].id}: version {version.id} is unknown"
            for chain in chains
            for version in chain
            if version.id not in self.version_of and not self.ledger.is_gone(version)
        ]
        wrong += [
            f"version {pk} of {message_id} was never said"
            for pk, message_id in self.version_of.items()
            if pk not in self.ledger.said or self.ledger.said[pk].first_version != message_id
        ]
        return self._line("versions of edited tweets are known", sum(map(len, chains)), wrong)

    def _conversations_are_of_one(self) -> Line:
        """All that a conversation holds from a customer is of its own customer, and nobody has two that are open."""
        wrong = [f"{row.pk}" for row in self.inbound if row.author_id != row.conversation.customer_id]
        still_open = Conversation.objects.filter(closed_at=None).order_by("pk").values_list("customer_id", "handle_id")
        wrong += [f"{key} has {n} open conversations" for key, n in Counter(still_open).items() if n > 1]
        return self._line("messages are with their own customer", len(self.inbound), wrong)

    def _deleted_are_gone(self) -> Line:
        gone = [(one, row) for one in [*self.wanted, *self.broad] if (row := self._message_of(one))]
        gone = [(one, row) for one, row in gone if self.ledger.is_gone(one) and not one.recipient_id]
        wrong = [f"{one.id} still reads {row.text[:50]!r}" for one, row in gone if row.text or not row.deleted_at]
        return self._line("deleted tweets have no words", len(gone), wrong)

    def _nothing_of_others(self) -> Line:
        wrong = [f"{row.pk} is in no ledger" for row in self.inbound if row.pk not in self.ledger.said]
        known = [self.ledger.said[row.pk] for row in self.inbound if row.pk in self.ledger.said]
        wrong += [f"{one.id} {one.text[:60]!r}" for one in known if not self._is_ours(one)]
        return self._line("nothing of another brand's, nothing that nobody said", len(self.inbound), wrong)

    def _is_ours(self, one: Said) -> bool:
        # What continues what somebody said to the brand is its business too.
        seen: set[int] = set()
        at: Said | None = one
        while at is not None and at.id not in seen:
            seen.add(at.id)
            if at.author_id == self.handle_id or self.ledger.concerns(at, self.handle_id, self.username):
                return True
            if any(self._is_named_in(version.text) for version in self.ledger.versions[at.first_version]):
                return True
            at = self.ledger.said.get(at.answers or 0)
        return False

    def _retweets_are_retweets(self) -> Line:
        rows = dict(Amplification.objects.order_by("pk").values_list("pk", "of_id"))
        said = self.ledger.said
        wrong = [f"{pk} of {of}" for pk, of in rows.items() if pk not in said or said[pk].reposts != of]
        theirs = [one for one in said.values() if one.reposts and not one.is_deleted]
        ours = [one for one in theirs if said[one.reposts or 0].author_id == self.handle_id]
        wrong += [f"{one.id} is not known" for one in ours if one.id not in rows]
        return self._line("retweets are known as such", len(rows | {one.id: 0 for one in ours}), wrong)

    def _posted_are_there(self) -> Line:
        posted = [row for row in self.replies.values() if row.status == ReplyStatus.POSTED and row.twitter_id]
        wrong = []
        for row in posted:
            one = self.ledger.said.get(row.twitter_id or 0)
            if one is None or one.author_id != self.handle_id:
                wrong.append(f"reply {row.pk}: {row.twitter_id} is not in the ledger")
            elif _plain(row.text) not in _plain(one.text):
                wrong.append(f"reply {row.pk} says {row.text[:40]!r}, {one.id} says {one.text[:40]!r}")
        return self._line("posted replies are on Twitter", len(posted), wrong)

    def _own_tweets_are_ours(self) -> Iterator[Line]:
        own = [one for one in self.ledger.said.values() if one.author_id == self.handle_id and not one.reposts]
        claimed = Counter(row.twitter_id for row in self.replies.values() if row.twitter_id)
        unsure = [row for row in self.replies.values() if row.status in (ReplyStatus.UNKNOWN, ReplyStatus.POSTING)]
        texts = [_plain(row.text) for row in unsure]
        nobodys = [one for one in own if not claimed[one.id]]
        wrong = [f"{one.id} {one.text[:60]!r}" for one in nobodys if not any(t in _plain(one.text) for t in texts)]
        wrong += [f"{pk} is claimed by {n} replies" for pk, n in claimed.items() if n > 1]
        yield self._line("the brand's tweets are each one reply, or before a human", len(own), wrong)
        said = Counter((one.answers, one.recipient_id, _plain(one.text)) for one in own)
        doubles = [f"{n} × {key}" for key, n in said.items() if n > 1]
        yield self._line("nothing is said twice", len(said), doubles)

    def _accepted_are_kept(self) -> Line:
        wrong = [
            f"reply {reply_id} to {answers_id}"
            for answers_id, reply_id in self.accepted.items()
            if int(reply_id) not in self.replies
        ]
        return self._line("replies that the API accepted are kept", len(self.accepted), wrong)

    def _replies_stand_somewhere(self) -> Iterator[Line]:
        states = Counter(row.status for row in self.replies.values())
        on_the_way = [row for row in self.replies.values() if row.status in (ReplyStatus.APPROVED, ReplyStatus.POSTING)]
        wrong = [
            f"reply {row.pk} is {row.status} {row.why[:60]!r} {row.text[:30]!r}"
            for row in on_the_way
            if not self._waits_for_a_human(row)
        ]
        yield self._line(ON_ITS_WAY, len(self.replies), wrong)
        told = ", ".join(f"{count} {status}" for status, count in sorted(states.items())) or "none"
        yield Line(self.slug, f"replies: {told}", len(self.replies), sum(states.values()), is_fatal=False)
        whys = Counter(row.why[:80] for row in self.replies.values() if row.status in SEEN_BY_PEOPLE and row.why)
        for why, count in whys.most_common(4):
            yield Line(self.slug, f"before a human: {why}", count, count, is_fatal=False)

    def _waits_for_a_human(self, part: Reply) -> bool:
        """Whether a part of a long answer comes after one about which somebody has to decide first."""
        before = self.replies.get(part.follows_id or 0)
        return before is not None and (before.status in SEEN_BY_PEOPLE or self._waits_for_a_human(before))

    def _desk_agrees(self, brand: Brand) -> Line:
        desk = dict(DeskRow.objects.filter(brand=brand).values_list("conversation_id", "waiting_since"))
        owed = Conversation.objects.filter(waiting_since__isnull=False, closed_at=None)
        waiting = dict(owed.values_list("pk", "waiting_since"))
        wrong = [f"{pk} waits and is not on the desk" for pk in waiting.keys() - desk.keys()]
        wrong += [
            f"{pk} is on the desk and does not wait"
            for pk, since in desk.items()
            if since is not None and pk not in waiting
        ]
        return self._line("the desk agrees with the conversations", max(len(waiting), len(desk)), wrong)

    def _arrivals_are_carried(self) -> Iterator[Line]:
        arrivals = Arrival.objects.order_by("pk")
        waiting = [f"{row.kind} {row.twitter_id}" for row in arrivals.filter(carried_at=None)[:50]]
        yield self._line("arrivals are carried", arrivals.count(), waiting)
        unread = [f"{row.kind} {row.twitter_id}" for row in arrivals.filter(outcome=Outcome.UNREADABLE)[:50]]
        yield self._line("arrivals could be read", arrivals.count(), unread)
        outcomes = Counter(arrivals.values_list("outcome", flat=True).order_by("outcome", "pk"))
        told = ", ".join(f"{count} {outcome or 'waiting'}" for outcome, count in sorted(outcomes.items()))
        yield Line(self.slug, f"arrivals: {told}; {Amplification.objects.count()} retweets", 0, 0, is_fatal=False)


def _plain(text: str) -> str:
    return " ".join(re.sub(r"https?://\S+|\(?\b\d+/\d+\)?", " ", re.sub(r"^(@\w+ )+", "", text)).lower().split())


if __name__ == "__main__":
    for compared in compare(json.load(sys.stdin)):
        sys.stdout.write(json.dumps(asdict(compared)) + "\n")
