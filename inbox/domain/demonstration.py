"""The demonstration's past: thirty days of conversations, written by us, played in as if they had happened until now.

They go the way of every tweet: the sandbox's Twitter, the webhook, the carrier. What fell quiet is closed as an agent
would have closed it, so that somebody who comes back opens a new conversation.
"""

import csv
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from accounts.enums import Role
from accounts.models import Membership, User
from inbox.domain import blind_spots, handoffs, listening, notes, replays, replies, wrapup
from inbox.enums import Direction, FoundingDisposition, Source
from inbox.models import Conversation, Message, Reply
from inbox.twitter import recording
from inbox.twitter.playground import Playground
from inbox.twitter.recording import Recorded
from tenants import entry
from tenants.models import Brand, Handle

_FOLDER = Path(recording.__file__).parent / "sandbox" / "past"
_QUIET = timedelta(hours=24)
_LATELY = timedelta(hours=12)
_CHAPTER = timedelta(days=6)
_PATIENCE = 4.0  # seconds for one message to arrive


@dataclass
class Past:
    """The past of these brands (by slug). `made` is the file that remembers when its end was, and that it is whole."""

    made: Path
    brands: Mapping[str, Brand]

    @property
    def is_to_come(self) -> bool:
        """Whether it has not been played to its end yet."""
        return not self._remembered.get("whole")

    def play(self) -> None:
        """Play it in, chapter by chapter; one that was cut short goes on where it was."""
        ends_at = datetime.fromisoformat(str(self._remembered.get("ends_at") or timezone.now().isoformat()))
        self._remember(**{**self._remembered, "ends_at": ends_at.isoformat()})
        shifted = self.made.with_suffix(".csv")
        shifted.write_text(_shifted(_FOLDER / "conversations.csv", ends_at), encoding="utf-8")
        told = recording.read(shifted, now=timezone.now())
        seats = replays.seats_of(told.brands)
        with Playground(base_url=settings.TWITTER_URL) as playground:
            _introduce(playground, seats)
            for chapter in _chapters(told.tweets):
                tweets, tally = replays.choose(recording.Recording(tweets=list(chapter)), seats)
                replays.play(tweets, tally, seats=seats, playground=playground, speed=None, progress=_silently)
                replays.await_carried(tweets, seats=seats, playground=playground, progress=_silently)
                self._close_quiet(before=min(chapter[-1].created_at, ends_at) - _QUIET)
            if not self._remembered.get("lately"):
                self._remember(ends_at=ends_at.isoformat(), lately=True)  # played once, even if it is cut short
                Lately(playground, self.brands, ends_at).play()
        shifted.unlink()
        for brand in self.brands.values():
            _leave_to_approve(brand)
        self._remember(ends_at=ends_at.isoformat(), whole=True)

    def _close_quiet(self, *, before: datetime) -> None:
        for brand in self.brands.values():
            with entry.agency(brand.agency_id):
                closers = list(
                    User.objects.filter(pk__in=Membership.objects.filter(brand=None, role=Role.AGENT).values("user_id"))
                    .only("name")
                    .order_by("pk")
                )
            with entry.brand(brand):
                for conversation in Conversation.objects.filter(closed_at=None, last_message_at__lt=before).order_by(
                    "last_message_at", "pk"
                ):
                    wrapup.close(
                        conversation=conversation,
                        disposition=_ending(conversation),
                        by=closers[conversation.pk % len(closers)],
                        role=Role.AGENT,
                        now=conversation.last_message_at + timedelta(hours=2),
                    )

    @cached_property
    def _remembered(self) -> dict[str, str | bool]:
        return json.loads(self.made.read_text()) if self.made.exists() else {}

    def _remember(self, **facts: str | bool) -> None:
        self.made.write_text(json.dumps(facts))


@dataclass
class Lately:
    """The last hour and a half: what a brand meets besides plain tweets, as `past/lately.json` tells it.

    Private messages, pictures, an edit, a deletion, somebody who only talks about a brand, a reply of which nobody
    knows whether it was posted, hours in which nothing was heard. It comes over the sandbox's wire, or is done through
    the domain by one of the agency's agents.
    """

    playground: Playground
    brands: Mapping[str, Brand]
    ends_at: datetime

    def play(self) -> None:
        """Play it once; what has not arrived in time is left out."""
        for brand in self.brands.values():
            with entry.agency(brand.agency_id):
                here = Membership.objects.filter(brand=None).select_related("user").only("user__name", "role", "brand")
                people = {each.role: each.user for each in here.order_by("-pk")}
        self.playground.people(self._told["people"])
        self._listen(people[Role.ADMIN])
        ids = self._say()
        self._note_blind_spots()
        for edit in self._told["edits"]:
            if self._await(edit["brand"], pk=ids[edit["of"]]):
                self.playground.edit(str(ids[edit["of"]]), edit["text"], force=True)
        for gone in self._told["deletions"]:
            if self._await(gone["brand"], pk=ids[gone["of"]]):
                self.playground.delete(str(ids[gone["of"]]))
        self._answer(people[Role.AGENT], ids)

    def _listen(self, by: User) -> None:
        now = timezone.now()
        for told in self._told["listening"]:
            with entry.brand(self.brands[told["brand"]]):
                wanted = {name: told[name] for name in ("name", "query", "reach")}
                listening.add(**wanted, by=by, role=Role.ADMIN, now=now)
        listening.reconcile(now=now)

    def _say(self) -> dict[str, int]:
        """What is said in public and in private; the tweets' ids by their keys in the file."""
        known = [told["by"] for told in self._told["tweets"] + self._told["overheard"]]
        people = self.playground.people([{"username": name} for name in known])
        ids: dict[str, int] = {}
        for told, author in zip(self._told["tweets"] + self._told["overheard"], people, strict=True):
            said_at = self.ends_at - timedelta(minutes=told["minutes"])
            tweet = {"author_id": author["id"], "text": told["text"], "created_at": said_at.isoformat()}
            after = {"in_reply_to_tweet_id": str(ids[told["after"]])} if "after" in told else {}
            media = {"media": told["media"]} if "media" in told else {}
            ids[told["key"]] = int(self.playground.tweets([{**tweet, **after, **media}])["ids"][0])
        for told in self._told["private"]:
            media = {"media": told["media"]} if "media" in told else {}
            self.playground.private(sender=told["from"], to=told["to"], text=told["text"], **media)
        return ids

    def _answer(self, by: User, ids: Mapping[str, int]) -> None:
        """What is to be posted by hand where a program may not, and a reply that breaks off on its way to Twitter."""
        for told in self._told["by_hand"] + self._told["lost"]:
            message = self._await(told["brand"], pk=ids[told["to"]])
            if message is None:
                continue
            if told in self._told["lost"]:
                self.playground.break_down(
                    "cut_before", times=1, user_id=str(message.conversation.handle_id), act="tweet"
                )
            with entry.brand(self.brands[told["brand"]]):
                write = replies.compose if told in self._told["lost"] else handoffs.hand_over
                write(
                    conversation=Conversation.objects.select_related("customer").get(pk=message.conversation_id),
                    text=told["text"],
                    answers_id=message.pk,
                    by=by,
                    role=Role.AGENT,
                    now=timezone.now(),
                )

    def _note_blind_spots(self) -> None:
        """Recovery finds them and asks Twitter for what was said then, as after any night."""
        now = timezone.now()
        for told in self._told["blind_spots"]:
            hour, minute = map(int, told["at"].split(":"))
            begins = (self.ends_at - timedelta(days=told["days"])).replace(hour=hour, minute=minute, second=0)
            brand = self.brands[told["brand"]]
            with entry.brand(brand):
                blind_spots.note(
                    handle_id=Handle.objects.filter(brand=brand).values_list("pk", flat=True)[0],
                    source=Source.WEBHOOK,
                    begins_at=begins,
                    ends_at=begins + timedelta(minutes=told["minutes"]),
                    why=told["why"],
                    now=now,
                )

    def _await(self, slug: str, *, pk: int) -> Message | None:
        """This message, once it has come."""
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            with entry.brand(self.brands[slug]):
                if message := Message.objects.select_related("conversation").filter(pk=pk).first():
                    return message
            time.sleep(0.1)
        return None

    @cached_property
    def _told(self) -> dict[str, list[dict[str, Any]]]:
        return dict(json.loads((_FOLDER / "lately.json").read_text(encoding="utf-8")))


def _leave_to_approve(brand: Brand) -> None:
    """What this brand's trainee, if it has one, wrote last: it waits for whoever logs in as an approver."""
    with entry.agency(brand.agency_id):
        trainee = User.objects.filter(memberships__brand=brand, memberships__role=Role.TRAINEE).only("name").first()
    if trainee is None:
        return
    with entry.brand(brand):
        waiting = Conversation.objects.select_related("customer").filter(
            waiting_since__isnull=False, closed_at=None, customer__username__in=_LEFT
        )
        for conversation in waiting.order_by("pk"):
            text, noted = _LEFT[conversation.customer.username]
            who: dict[str, Any] = {"by": trainee, "role": Role.TRAINEE, "now": timezone.now()}
            if Reply.objects.filter(conversation=conversation, author=trainee).exists():
                continue  # left before a start that was cut short
            theirs = conversation.messages.filter(direction=Direction.INBOUND).order_by("pk").last()
            if theirs is None:
                continue
            notes.write(conversation=conversation, text=noted, **who)
            replies.compose(conversation=conversation, text=text, answers_id=theirs.pk, **who)


# By customer: what the trainee answers, and asks colleagues.
_LEFT = {
    "orlandobrightm": (
        "Hi Orlando! Online it's 35 euros up to three hours before you fly, at the airport it's 60. So pack the "
        "jumpers, but add the bag tonight: acmeair.example/bags ^RL",
        "Prices are from the list of 1 November. Is that still the newest?",
    ),
    "keziah_montrose": (
        "We regret any inconvenience this may have caused. Please refer to our conditions of carriage. ^RL",
        "Is this the right tone? It will be read by many.",
    ),
}


def _ending(conversation: Conversation) -> str:
    answered = Message.objects.filter(Q(direction="out"), conversation=conversation).exists()
    if not answered:
        return FoundingDisposition.NO_ANSWER_NEEDED
    is_settled = conversation.waiting_since is None or (conversation.polarity or 0) >= 0
    return FoundingDisposition.RESOLVED if is_settled else FoundingDisposition.GAVE_UP


def _chapters(tweets: Sequence[Recorded]) -> Iterator[Sequence[Recorded]]:
    chapter: list[Recorded] = []
    for tweet in tweets:
        if chapter and tweet.created_at - chapter[0].created_at > _CHAPTER:
            yield chapter
            chapter = []
        chapter.append(tweet)
    if chapter:
        yield chapter


def _shifted(path: Path, ends_at: datetime) -> str:
    """The recording with its last half day ending now, and all before moved by whole days, so that mornings stay
    mornings. A reply tree is moved as one."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    last = max(_instant(row) for row in rows)
    by_id = {row["tweet_id"]: row for row in rows}
    exactly = ends_at.replace(microsecond=0) - last
    whole_days = timedelta(days=exactly.days)
    for row in rows:
        lately = _instant(_root(row, by_id)) > last - _LATELY
        row["shifted_at"] = (_instant(row) + (exactly if lately else whole_days)).isoformat()
    lines = [["tweet_id", "author_id", "inbound", "created_at", "text", "response_tweet_id", "in_response_to_tweet_id"]]
    lines += [[row["shifted_at"] if name == "created_at" else row[name] for name in lines[0]] for row in rows]
    return _as_csv(lines)


def _as_csv(lines: Sequence[Sequence[str]]) -> str:
    def quoted(cell: str) -> str:
        return '"' + cell.replace('"', '""') + '"'

    return "".join(",".join(map(quoted, line)) + "\r\n" for line in lines)


def _root(row: Mapping[str, str], by_id: Mapping[str, Mapping[str, str]]) -> Mapping[str, str]:
    while row["in_response_to_tweet_id"] in by_id:
        row = by_id[row["in_response_to_tweet_id"]]
    return row


def _instant(row: Mapping[str, str]) -> datetime:
    return datetime.fromisoformat(row["created_at"]).astimezone(UTC)


def _introduce(playground: Playground, seats: Mapping[str, replays.Seat]) -> None:
    with (_FOLDER / "people.csv").open(encoding="utf-8", newline="") as file:
        people = [row for row in csv.DictReader(file) if row["username"] not in seats]
    playground.people(
        [
            {
                "id": str(recording.account_id_of(row["username"])),
                "username": row["username"],
                "name": row["name"],
                "followers": int(row["followers"]),
            }
            for row in people
        ]
    )


def _silently(_what: str, _done: int, _of: int) -> None:
    """A first start shows one line for all of it."""
