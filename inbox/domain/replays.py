"""Replays: recorded conversations are written on the sandbox's Twitter and reach Nightjar as every tweet does.

Webhook, letterbox and carrier do their usual work; nothing here touches a message. What was played is then counted in
the brands themselves, so that every line of a recording is in one conversation or has a reason why not.
"""

import re
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Lower
from django.utils import timezone

from accounts.domain.people import add_person
from accounts.enums import Role
from inbox.domain import credentials, pulses
from inbox.enums import ArrivalKind, Outcome, Source
from inbox.models import Credential, Pulse
from inbox.twitter.playground import Playground
from inbox.twitter.recording import Recorded, Recording, account_id_of, names_for_brand
from inbox.twitter.text import mentions
from tenants import entry, schemas
from tenants.models import Agency, Brand, BrandState, Domain, Handle
from tenants.refusals import NotNow

AT_ONCE = 500
LONGEST_PAUSE = 5.0  # seconds between two tweets of a paced replay, however long the gap was
PATIENCE = 60.0  # seconds without any progress
LOOK_EVERY = 0.4

NO_BRAND = "names no brand of the file"
NOT_HERE = "its brand is not here (--onboard makes it)"
NOT_ASKED_FOR = "its brand was not asked for (--only)"
ABSENT = "absent"

COLOURS = (
    "#0b6e4f", "#a8430f", "#4c3bcf", "#0b7285", "#9c2f6b", "#2f6f2f", "#b3261e", "#1f5fbf",
    "#7a4b12", "#6a3fb0", "#00695c", "#8a1c4a", "#37598c", "#5f6b12", "#8c3d8f", "#3d4f5c",
)  # fmt: skip

Progress = Callable[[str, int, int], None]  # what is being done, how much of it is done, out of how much


@dataclass(frozen=True, slots=True)
class Seat:
    """A brand of the recording and where it sits here."""

    brand: Brand
    handle_id: int
    username: str


@dataclass(frozen=True, slots=True)
class LogIn:
    """The way in to an agency that was just made. Shown once."""

    email: str
    password: str


@dataclass(slots=True)
class Tally:
    """What became of every line of a recording."""

    played: int = 0
    known: int = 0  # of the played: those that the sandbox's Twitter had already
    brands: int = 0
    skipped: Counter[str] = field(default_factory=Counter)  # by reason
    outcomes: Counter[str] = field(default_factory=Counter)  # of the carried, by `Outcome`
    waiting: int = 0  # stored and not carried
    absent: int = 0  # played and not stored
    conversations: int = 0
    in_conversations: int = 0
    shared: int = 0  # conversations with more than one customer: never
    astray: int = 0  # messages in a brand for which they did not come: never

    @property
    def carried(self) -> int:
        return sum(self.outcomes.values())

    @property
    def adds_up(self) -> bool:
        """Whether each played tweet is in exactly one conversation, or has its one reason."""
        return (
            not (self.waiting or self.absent or self.shared or self.astray)
            and self.in_conversations == self.outcomes[Outcome.MESSAGE]
            and self.carried == self.played
        )


def agency_called(slug: str, *, now: datetime) -> tuple[Agency, LogIn | None]:
    """The agency with this slug, made when there is none, with a supervisor to log in as where it has nobody yet."""
    with entry.directory():
        agency = Agency.objects.filter(slug=slug).first()
    if agency is None:
        if not re.fullmatch(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?", slug):
            raise NotNow(f"An agency's slug has lower-case letters, digits and dashes, and not {slug!r}.")
        agency = schemas.create_agency(name=slug.replace("-", " ").title(), slug=slug, now=now)
    with entry.agency(agency.pk):
        if agency.memberships.exists():
            return agency, None
    log_in = LogIn(email=f"supervisor@{slug}.example", password=secrets.token_urlsafe(9))
    add_person(
        email=log_in.email,
        name="Robin Castellanos",
        password=log_in.password,
        agency_id=agency.pk,
        role=Role.SUPERVISOR,
    )
    return agency, log_in


def seats_of(names: Sequence[str]) -> dict[str, Seat]:
    """Those of these brands that are here, by the recording's name for them."""
    with entry.directory():
        rows = (
            Handle.objects.annotate(name=Lower("username"))
            .filter(name__in=[name.lower() for name in names])
            .select_related("brand__agency")
            .order_by("pk")
        )
        here = {row.username.lower(): Seat(row.brand, row.pk, row.username) for row in rows}
    return {name: here[name.lower()] for name in names if name.lower() in here}


def onboard(
    names: Sequence[str], *, agency: Agency, playground: Playground, now: datetime, progress: Progress
) -> dict[str, Seat]:
    """Make each of these brands under this agency: schema, handle, access token. What is half made is finished."""
    accounts = playground.people([_person(name) for name in names])
    with entry.directory():
        taken = set(Domain.objects.values_list("name", flat=True))
        started = {brand.name: brand for brand in Brand.objects.filter(agency=agency, handles=None).order_by("-pk")}
    seats = {}
    for done, (name, account) in enumerate(zip(names, accounts, strict=True)):
        progress("making brands", done, len(names))
        brand = started.get(name) or schemas.create_brand(
            agency=agency,
            name=name,
            slug=_free_slug(name, taken),
            colour=COLOURS[account_id_of(name) % len(COLOURS)],
            zone="UTC",
            now=now,
            state=BrandState.LIVE,
        )
        seats[name] = Seat(brand, int(account["id"]), name)
        schemas.add_handle(brand=brand, twitter_id=seats[name].handle_id, username=name)
    progress("making brands", len(names), len(names))
    return seats


def connect(seats: Mapping[str, Seat], *, playground: Playground) -> None:
    """See that each brand has its keys, and that Twitter tells our webhook of it; raises `Unavailable`."""
    for seat in seats.values():
        with entry.brand(seat.brand):
            if not Credential.objects.filter(pk=seat.handle_id).exists():
                token = playground.token_of(seat.handle_id)
                credentials.store(
                    handle_id=seat.handle_id, username=seat.username, access_token=token, now=timezone.now()
                )
                _ask_later(seat.handle_id)
    credentials.subscribe(*(seat.handle_id for seat in seats.values()))


@transaction.atomic
def _ask_later(handle_id: int) -> None:
    """Have Twitter asked what names this brand after the usual while, not at once: what is played is what comes first,
    and a tweet of it that names several brands is one brand's in the recording.
    """
    now, ways = timezone.now(), [Source.MENTIONS, Source.SEARCH]
    pulses.prepare([handle_id], sources=ways, now=now)
    later = now + timedelta(seconds=settings.TWITTER_POLL_SECONDS)
    Pulse.objects.filter(handle_id=handle_id, source__in=ways).update(due_at=later)


def choose(recording: Recording, seats: Mapping[str, Seat], only: Sequence[str] = ()) -> tuple[list[Recorded], Tally]:
    """The tweets to play, in order, and a tally that knows why the others are not."""
    wanted = {name.lower() for name in only}
    chosen, tally = [], Tally()
    for tweet in recording.tweets:
        if not tweet.brand:
            tally.skipped[NO_BRAND] += 1
        elif wanted and tweet.brand.lower() not in wanted:
            tally.skipped[NOT_ASKED_FOR] += 1
        elif tweet.brand not in seats:
            tally.skipped[NOT_HERE] += 1
        else:
            chosen.append(tweet)
    tally.brands = len({tweet.brand for tweet in chosen})
    return chosen, tally


def play(
    tweets: Sequence[Recorded],
    tally: Tally,
    *,
    seats: Mapping[str, Seat],
    playground: Playground,
    speed: float | None,
    progress: Progress,
) -> None:
    """Write these tweets on the sandbox's Twitter, which delivers them to the brands that they belong to.

    `speed` is how many times as fast as they were written, with pauses of at most `LONGEST_PAUSE`; none: at once.
    """
    id_of = _make_people(tweets, seats, playground)
    authors = frozenset(tweet.username.lower() for tweet in tweets)
    for batch in _batches(tweets, speed):
        answer = playground.tweets([_as_sent(tweet, seats, id_of, authors) for tweet in batch])
        tally.played += len(batch)
        tally.known += int(answer["already"])
        progress("playing", tally.played, len(tweets))


def await_carried(
    tweets: Sequence[Recorded], *, seats: Mapping[str, Seat], playground: Playground, progress: Progress
) -> None:
    """Wait until what was played is carried. Gives up when nothing more can come, or nothing came for a minute."""
    ids = _ids_by_brand(tweets)
    settled = dict.fromkeys(ids, 0)
    stored = dict.fromkeys(ids, 0)
    last_progress = time.monotonic()
    while True:
        nothing_on_the_way = playground.deliveries()["waiting"] == 0  # asked first: then all that came is stored
        before = sum(settled.values()) + sum(stored.values())
        for name in [name for name in ids if settled[name] < len(ids[name])]:
            stored[name], settled[name] = entry.in_brand(seats[name].brand, _progress_of, ids[name])
        progress("carrying", sum(settled.values()), len(tweets))
        if sum(settled.values()) == len(tweets) or (nothing_on_the_way and settled == stored):
            return
        if sum(settled.values()) + sum(stored.values()) > before:
            last_progress = time.monotonic()
        if time.monotonic() - last_progress > PATIENCE:
            return
        time.sleep(LOOK_EVERY)


def count(tweets: Sequence[Recorded], tally: Tally, *, seats: Mapping[str, Seat]) -> None:
    """Ask every brand what became of these tweets, its own and, so that none is in two places, the others'."""
    all_ids = [tweet.id for tweet in tweets]
    for name, ids in _ids_by_brand(tweets).items():
        entry.in_brand(seats[name].brand, _count_here, ids, all_ids, tally)


# -- making brands and people ---------------------------------------------------------------------------------------


def _free_slug(name: str, taken: set[str]) -> str:
    wished = name.lower().replace("_", "-").strip("-") or "brand"
    slug, number = wished, 2
    while any(domain.startswith(f"care.{slug}.") for domain in taken):
        slug, number = f"{wished}-{number}", number + 1
    taken.add(f"care.{slug}.")
    return slug


def _make_people(tweets: Sequence[Recorded], seats: Mapping[str, Seat], playground: Playground) -> dict[str, int]:
    """Accounts for all who write, and for those whom a brand answers although their own tweet is missing."""
    known = {tweet.id for tweet in tweets}
    names = {tweet.username.lower(): tweet.username for tweet in tweets}
    for tweet in tweets:
        if not tweet.is_inbound and tweet.in_reply_to_id and tweet.in_reply_to_id not in known:
            for mention in mentions(tweet.text)[:1]:
                names.setdefault(mention.username.lower(), mention.username)
    ids = {seat.username.lower(): seat.handle_id for seat in seats.values()}
    asked = [_person(name, ids.get(key)) for key, name in sorted(names.items())]
    id_of: dict[str, int] = {}
    for start in range(0, len(asked), AT_ONCE):
        for account in playground.people(asked[start : start + AT_ONCE]):
            id_of[account["username"].lower()] = int(account["id"])
    for name, handle_id in ids.items():
        if id_of.get(name, handle_id) != handle_id:
            raise NotNow(f"The sandbox's @{name} is another account than the one connected here.")
    return id_of


def _person(name: str, account_id: int | None = None) -> dict[str, Any]:
    return {"username": name, "name": name, "id": str(account_id or account_id_of(name))}


# -- playing --------------------------------------------------------------------------------------------------------


def _batches(tweets: Sequence[Recorded], speed: float | None) -> Iterator[Sequence[Recorded]]:
    if speed is None:
        yield from (tweets[start : start + AT_ONCE] for start in range(0, len(tweets), AT_ONCE))
        return
    due, batch = time.monotonic(), list[Recorded]()
    for place, tweet in enumerate(tweets):
        if place:
            gap = (tweet.created_at - tweets[place - 1].created_at).total_seconds()
            due += min(max(gap, 0) / speed, LONGEST_PAUSE)
        if batch and (due > time.monotonic() or len(batch) == AT_ONCE):
            yield batch
            batch = []
        time.sleep(max(0.0, due - time.monotonic()))
        batch.append(tweet)
    if batch:
        yield batch


def _as_sent(
    tweet: Recorded, seats: Mapping[str, Seat], id_of: Mapping[str, int], authors: frozenset[str]
) -> dict[str, Any]:
    handle_id = str(seats[tweet.brand].handle_id)
    return {
        "id": str(tweet.id),
        "author_id": str(id_of[tweet.username.lower()]),
        "text": tweet.text,
        "created_at": tweet.created_at.isoformat(),
        "in_reply_to_tweet_id": str(tweet.in_reply_to_id) if tweet.in_reply_to_id else None,
        "for": [handle_id],
        "mentions": [{"username": name, "id": handle_id} for name in names_for_brand(tweet, authors=authors)],
    }


# -- counting -------------------------------------------------------------------------------------------------------


def _ids_by_brand(tweets: Sequence[Recorded]) -> dict[str, list[int]]:
    ids: dict[str, list[int]] = {}
    for tweet in tweets:
        ids.setdefault(tweet.brand, []).append(tweet.id)
    return ids


def _progress_of(ids: Sequence[int]) -> tuple[int, int]:
    """How many of these tweets the current brand has stored, and how many of them are carried."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), count(carried_at) FROM inbox_arrival WHERE kind = %s AND twitter_id = ANY(%s)",
            [ArrivalKind.TWEET, list(ids)],
        )
        stored, carried = cursor.fetchone()
    return stored, carried


def _count_here(ids: Sequence[int], all_ids: Sequence[int], tally: Tally) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_OUTCOMES, [ABSENT, list(ids), ArrivalKind.TWEET])
        for outcome, number in cursor.fetchall():
            if outcome == ABSENT:
                tally.absent += number
            elif outcome == "":
                tally.waiting += number
            else:
                tally.outcomes[outcome] += number
        cursor.execute(_CONVERSATIONS, [list(ids)])
        in_conversations, conversations, shared = cursor.fetchone()
        cursor.execute(_ASTRAY, [list(set(all_ids).difference(ids)), entry.current_brand_id()])
        tally.astray += cursor.fetchone()[0]
    tally.in_conversations += in_conversations
    tally.conversations += conversations
    tally.shared += shared


_OUTCOMES = """
SELECT coalesce(a.outcome, %s), count(*)
FROM unnest(%s::bigint[]) AS played(id)
LEFT JOIN inbox_arrival a ON a.kind = %s AND a.twitter_id = played.id
GROUP BY 1
"""
# A tweet may name several brands, and asking for what names it brings it to each. None comes for another's handle.
_ASTRAY = """
SELECT count(*) FROM inbox_message m WHERE m.id = ANY(%s) AND NOT EXISTS (
    SELECT FROM inbox_arrival a JOIN tenants_handle h ON h.twitter_id = a.handle_id
    WHERE a.twitter_id = m.id AND h.brand_id = %s)
"""
_CONVERSATIONS = """
WITH here AS (SELECT conversation_id FROM inbox_message WHERE id = ANY(%s))
SELECT (SELECT count(*) FROM here), (SELECT count(DISTINCT conversation_id) FROM here), (
    SELECT count(*) FROM (
        SELECT conversation_id FROM inbox_message
        WHERE direction = 'in' AND conversation_id IN (SELECT conversation_id FROM here)
        GROUP BY conversation_id HAVING count(DISTINCT author_id) > 1
    ) AS several
)
"""
