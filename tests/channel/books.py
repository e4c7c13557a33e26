"""Inside a Nightjar that has been through something: its database beside the sandbox's own ledger.

Run by `endurance` with that Nightjar's own settings: reads the ledger and what the robots know as JSON from standard
input, prints one JSON line for each thing compared.
"""

import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from accounts.models import DeskRow
from inbox.enums import Direction, Outcome, ReplyStatus
from inbox.models import Amplification, Arrival, Conversation, Message, Reply, Version
from tenants import entry
from tenants.models import Brand

NAMED = re.compile(r"(?<![A-Za-z0-9_@])@([A-Za-z0-9_]{1,15})")
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


@dataclass
class Said:
    """A tweet or direct message of the ledger."""

    id: int
    author_id: int
    text: str
    answers: int | None
    quotes: int | None
    reposts: int | None
    recipient_id: int | None
    first_version: int
    is_deleted: bool
    named: set[str]


class Ledger:
    """What the sandbox knows was said."""

    def __init__(self, lines: Iterable[dict[str, Any]]) -> None:
        self.said = {one.id: one for one in map(_said, lines)}
        self.has_private = any(one.recipient_id for one in self.said.values())
        self.versions: dict[int, list[Said]] = defaultdict(list)
        for one in self.said.values():
            self.versions[one.first_version].append(one)

    def addressed_to(self, handle_id: int, username: str) -> Iterator[Said]:
        """What customers said to this handle: named it, answered or quoted it, or wrote to it privately."""
        for one in self.said.values():
            if one.author_id == handle_id or one.reposts or one.id != one.first_version:
                continue
            if self.concerns(one, handle_id, username):
                yield one

    def concerns(self, one: Said, handle_id: int, username: str) -> bool:
        """Whether a tweet or message is this handle's business."""
        theirs = [self.said.get(other or 0) for other in (one.answers, one.quotes)]
        return (
            one.recipient_id == handle_id
            or (one.recipient_id is None and username.lower() in one.named)
            or any(other is not None and other.author_id == handle_id for other in theirs)
        )


def compare(told: dict[str, Any]) -> Iterator[Line]:
    """Every line, brand by brand."""
    ledger = Ledger(told["ledger"])
    with entry.directory():
        brands = {brand.slug: brand for brand in Brand.objects.filter(slug__in=told["brands"])}
    for slug, facts in told["brands"].items():
        with entry.brand(brands[slug]):
            books = _Books(slug, int(facts["handle_id"]), facts["username"], ledger, facts.get("accepted", {}))
            names = {facts["username"].lower(), facts["name"].lower()}
            yield from books.lines(brands[slug], names)


class _Books:
    """One brand's rows beside the ledger."""

    def __init__(self, slug: str, handle_id: int, username: str, ledger: Ledger, accepted: dict[str, str]) -> None:
        self.slug, self.handle_id, self.username, self.ledger, self.accepted = (
            slug, handle_id, username, ledger, accepted,
        )  # fmt: skip
        self.messages = {row.pk: row for row in Message.objects.select_related("conversation").order_by("pk")}
        self.replies = {row.pk: row for row in Reply.objects.order_by("pk")}
        self.version_of = dict(Version.objects.values_list("pk", "message_id"))
        self.wanted = {one.id: one for one in ledger.addressed_to(handle_id, username)}

    def lines(self, brand: Brand, names: set[str]) -> Iterator[Line]:
        yield self._tweets_came_in()
        yield self._no_chain_twice()
        yield self._conversations_are_of_one()
        yield self._deleted_are_gone()
        yield self._nothing_of_others(names)
        yield self._posted_are_there()
        yield from self._own_tweets_are_ours()
        yield self._accepted_are_kept()
        yield from self._replies_stand_somewhere()
        yield self._desk_agrees(brand)
        yield from self._arrivals_are_carried()

    def _line(self, what: str, expected: int, wrong: list[str], *, is_fatal: bool = True) -> Line:
        return Line(self.slug, what, expected, expected - len(wrong), wrong[:12], is_fatal)

    def _message_of(self, one: Said) -> Message | None:
        chain = self.ledger.versions[one.first_version]
        for version in chain:
            row = self.messages.get(version.id) or self.messages.get(self.version_of.get(version.id, 0))
            if row:
                return row
        return None

    def _tweets_came_in(self) -> Line:
        missing = [f"{one.id} {one.text[:70]!r}" for one in self.wanted.values() if not self._message_of(one)]
        # A tweet that was taken back before anybody could read it leaves nothing.
        gone = {one.id for one in self.wanted.values() if one.is_deleted and not self._message_of(one)}
        missing = [line for line in missing if int(line.split()[0]) not in gone]
        return self._line("customers' tweets in one conversation", len(self.wanted) - len(gone), missing)

    def _no_chain_twice(self) -> Line:
        rows = Counter(self.ledger.said[pk].first_version for pk in self.messages if pk in self.ledger.said)
        return self._line("edited tweets are one message", len(rows), [f"{pk}" for pk, n in rows.items() if n > 1])

    def _conversations_are_of_one(self) -> Line:
        """All that a conversation holds from a customer is of its own customer."""
        inbound = [row for row in self.messages.values() if row.direction == Direction.INBOUND]
        wrong = [f"{row.pk}" for row in inbound if row.author_id != row.conversation.customer_id]
        return self._line("messages are with their own customer", len(inbound), wrong)

    def _deleted_are_gone(self) -> Line:
        gone = [one for one in self.wanted.values() if one.is_deleted and self._message_of(one)]
        kept = [(one, self._message_of(one)) for one in gone]
        wrong = [
            f"{one.id} still reads {row.text[:50]!r}" for one, row in kept if row and (row.text or not row.deleted_at)
        ]
        return self._line("deleted tweets have no words", len(gone), wrong)

    def _nothing_of_others(self, names: set[str]) -> Line:
        inbound = [row for row in self.messages.values() if row.direction == Direction.INBOUND]
        wrong = []
        for row in inbound:
            one = self.ledger.said.get(row.pk)
            if one is None and row.is_private and not self.ledger.has_private:
                continue
            if one is None:
                wrong.append(f"{row.pk} is in no ledger")
            elif not self._is_ours(one, names):
                wrong.append(f"{row.pk} {one.text[:60]!r}")
        return self._line("nothing of another brand's", len(inbound), wrong)

    def _is_ours(self, one: Said, names: set[str]) -> bool:
        # A tweet that names the brand in words, or that continues what somebody said to it, is its business too.
        seen: set[int] = set()
        at: Said | None = one
        while at is not None and at.id not in seen:
            seen.add(at.id)
            words = at.text.lower()
            if self.ledger.concerns(at, self.handle_id, self.username) or any(name in words for name in names):
                return True
            if at.author_id == self.handle_id:
                return True
            at = self.ledger.said.get(at.answers or 0)
        return False

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
        on_the_way = {ReplyStatus.APPROVED, ReplyStatus.POSTING}
        wrong = [
            f"reply {row.pk} is {row.status} {row.why[:60]!r} {row.text[:30]!r}"
            for row in self.replies.values()
            if row.status in on_the_way and row.not_before is None
        ]
        yield self._line("no reply is left on its way", len(self.replies), wrong)
        told = ", ".join(f"{count} {status}" for status, count in sorted(states.items())) or "none"
        yield Line(self.slug, f"replies: {told}", len(self.replies), sum(states.values()), is_fatal=False)
        whys = Counter(row.why[:80] for row in self.replies.values() if row.status in SEEN_BY_PEOPLE and row.why)
        for why, count in whys.most_common(4):
            yield Line(self.slug, f"before a human: {why}", count, count, is_fatal=False)

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


def _said(line: dict[str, Any]) -> Said:
    def number(*names: str) -> int | None:
        return next((int(line[name]) for name in names if line.get(name)), None)

    author = str(line.get("author_id") or line.get("sender_id"))
    # A conversation of two is named after both.
    two = str(line.get("conversation_id")).split("-")
    recipient = next((int(one) for one in two if one != author), None) if len(two) == 2 else None
    versions = line.get("edit_history_tweet_ids") or line.get("versions") or [line["id"]]
    return Said(
        id=int(line["id"]),
        author_id=int(author),
        text=str(line["text"]),
        answers=number("in_reply_to_tweet_id"),
        quotes=number("quote_tweet_id", "quoted_tweet_id"),
        reposts=number("retweet_of_tweet_id"),
        recipient_id=recipient or number("recipient_id"),
        first_version=int(versions[0]),
        is_deleted=bool(line.get("deleted")),
        named={name.lower() for name in NAMED.findall(str(line["text"]))},
    )


def _plain(text: str) -> str:
    return " ".join(re.sub(r"https?://\S+|\(?\b\d+/\d+\)?", " ", re.sub(r"^(@\w+ )+", "", text)).lower().split())


if __name__ == "__main__":
    for compared in compare(json.load(sys.stdin)):
        sys.stdout.write(json.dumps(asdict(compared)) + "\n")
