"""Recorded care conversations: a CSV file read into tweets that can be played again.

A line that cannot be used is told with its number and the reason; the others are read all the same. Replies hang
together by `in_response_to_tweet_id` alone. Every tweet gets a snowflake that carries its recorded time: the same
file, or another one with the same tweets, gives the same ids each time.
"""

import hashlib
import itertools
import re
import string
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from operator import ne
from pathlib import Path

from inbox.twitter import text as reading
from inbox.twitter.recorded_lines import Lines, NotARecording, records
from inbox.twitter.shapes import SNOWFLAKE_EPOCH_MS

COLUMNS = (
    "tweet_id",
    "author_id",
    "inbound",
    "created_at",
    "text",
    "response_tweet_id",
    "in_response_to_tweet_id",
)
LONGEST_TEXT = 25_000
LARGEST = 2**63
BLANKS = " \t\ufeff"  # some programs begin a file with a byte-order mark

_LOW_BITS = 22
_INBOUND = {"true": True, "1": True, "false": False, "0": False}
_NUMBER = re.compile(r"([0-9]{1,19})(?:\.0)?")
_USERNAME = re.compile(r"[A-Za-z0-9_]{1,15}")
_SYMBOLS = string.digits + string.ascii_lowercase


class _BadLine(ValueError):
    """This line cannot be used; says why."""


@dataclass(slots=True)
class Recorded:
    """One tweet of a recording. Ids with `recorded` in their name are the file's, the others are Twitter's."""

    line: int
    recorded_id: int
    username: str
    is_inbound: bool
    created_at: datetime
    text: str
    recorded_parent_id: int | None
    id: int = 0
    in_reply_to_id: int | None = None
    brand: str = ""  # the one brand that it belongs to; empty: none can be told


@dataclass(slots=True)
class Recording:
    """What a file holds: tweets in the order of their new ids, the brands that speak in it, and the unusable lines."""

    tweets: list[Recorded] = field(default_factory=list)
    brands: list[str] = field(default_factory=list)
    bad_lines: list[tuple[int, str]] = field(default_factory=list)

    @property
    def line_count(self) -> int:
        """How many tweets the file holds or tries to hold."""
        return len(self.tweets) + len(self.bad_lines)


def read(path: Path, *, now: datetime) -> Recording:
    """Read a recording, plain or gzipped; raises `NotARecording` when nothing of it can be read.

    Nothing in it may be of after `now`.
    """
    try:
        with path.open("rb") as file:
            chunks = iter(lambda: file.read(1 << 20), b"")
            return _read(Lines(chunks), now=now)
    except OSError as error:
        raise NotARecording(f"{path} cannot be read: {error.strerror or error}.") from error


def account_id_of(username: str) -> int:
    """The id that a recorded account has on the sandbox: 18 digits, always the same for the same name."""
    digest = hashlib.sha256(username.lower().encode()).digest()
    return 10**17 + int.from_bytes(digest[:8]) % (9 * 10**17)


def names_for_brand(tweet: Recorded, *, authors: frozenset[str]) -> list[str]:
    """The names in a customer's tweet that stand for its brand without being the brand's name.

    Recordings hide secondary handles behind numbers, as they do with customers: the first number that never writes
    itself is the brand's. `authors` are all that write, in lower case.
    """
    named = [mention.username.lower() for mention in reading.mentions(tweet.text)]
    if not tweet.is_inbound or tweet.brand.lower() in named:
        return []
    return [name for name in named if name.isdecimal() and name not in authors][:1]


# -- tweets --------------------------------------------------------------------------------------------------------


def _read(lines: Lines, *, now: datetime) -> Recording:
    rows = records(lines)
    place_of, width = _header(rows)
    recording, line_of = Recording(), dict[int, int]()
    for number, fields in rows:
        try:
            if isinstance(fields, str):
                raise _BadLine(fields)
            if len(fields) != width:
                raise _BadLine(f"has {len(fields)} columns, and not {width}")
            tweet = _tweet(number, {name: fields[place] for name, place in place_of.items()}, now=now)
            if tweet.recorded_id in line_of:
                raise _BadLine(f"tweet {tweet.recorded_id} was in line {line_of[tweet.recorded_id]} already")
            line_of[tweet.recorded_id] = number
            recording.tweets.append(tweet)
        except _BadLine as error:
            recording.bad_lines.append((number, str(error)))
    if lines.cut_off:
        recording.bad_lines.append((lines.last_line, lines.cut_off))
    _order(recording)
    _give_to_brands(recording)
    recording.bad_lines.sort()
    return recording


def _header(rows: Iterator[tuple[int, list[str] | str]]) -> tuple[dict[str, int], int]:
    _, names = next(rows, (1, "the file is empty"))
    if isinstance(names, str):
        raise NotARecording(f"Line 1: {names}. The first line names the columns, in UTF-8.")
    place_of = {name.strip(BLANKS).lower(): place for place, name in enumerate(names)}
    if missing := [name for name in COLUMNS if name not in place_of and name != "response_tweet_id"]:
        raise NotARecording(f"Line 1: it does not name {', '.join(missing)}. The columns are {', '.join(COLUMNS)}.")
    return {name: place_of[name] for name in COLUMNS if name in place_of}, len(names)


def _tweet(line: int, said: Mapping[str, str], *, now: datetime) -> Recorded:
    inbound = _INBOUND.get(said["inbound"].strip().lower())
    if inbound is None:
        raise _BadLine(f"inbound is {said['inbound'][:40]!r}, and neither True nor False")
    text = reading.unescape(said["text"])
    if not text.strip():
        raise _BadLine("the text is empty")
    if len(text) > LONGEST_TEXT:
        raise _BadLine(f"the text has more than {LONGEST_TEXT} characters")
    return Recorded(
        line=line,
        recorded_id=_number(said["tweet_id"], "tweet_id"),
        username=_username(said["author_id"].strip(), is_inbound=inbound),
        is_inbound=inbound,
        created_at=_instant(said["created_at"].strip(), now=now),
        text=text,
        recorded_parent_id=_number(said["in_response_to_tweet_id"], "in_response_to_tweet_id")
        if said["in_response_to_tweet_id"].strip()
        else None,
    )


def _number(said: str, name: str) -> int:
    found = _NUMBER.fullmatch(said.strip())
    if not found or not 0 < int(found[1]) < LARGEST:
        raise _BadLine(f"{name} is {said[:40]!r}, and not a number")
    return int(found[1])


def _username(said: str, *, is_inbound: bool) -> str:
    """Numbers are usernames as they are; those too long for one are written shorter, none like another."""
    if _USERNAME.fullmatch(said):
        return said
    if not _NUMBER.fullmatch(said):
        raise _BadLine(f"author_id is {said[:40]!r}, and neither a number nor a username")
    if not is_inbound:
        raise _BadLine(f"author_id is {said[:40]!r}: a brand's username has at most 15 characters")
    number, short = int(said), ""
    while number:
        number, place = divmod(number, len(_SYMBOLS))
        short = _SYMBOLS[place] + short
    return f"u{short}"


def _instant(said: str, *, now: datetime) -> datetime:
    try:
        if said[:1].isdecimal():
            at = datetime.fromisoformat(said)
        else:
            at = datetime.strptime(said, "%a %b %d %H:%M:%S %z %Y")
        at = (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise _BadLine(f"created_at is {said[:40]!r}, and not a time") from None
    if _ms(at) <= SNOWFLAKE_EPOCH_MS:
        raise _BadLine(f"created_at is {said[:40]!r}: such tweets have no id that carries a time (before 4 Nov 2010)")
    if at > now:
        raise _BadLine(f"created_at is {said[:40]!r}, which is yet to come")
    return at


# -- ids -----------------------------------------------------------------------------------------------------------


def _order(recording: Recording) -> None:
    """Give every tweet its id, a reply always a greater one than the tweet it answers; sort by it."""
    by_recorded_id = {tweet.recorded_id: tweet for tweet in recording.tweets}
    _refuse_circles(recording, by_recorded_id)
    taken: set[int] = set()
    # Parents first; apart from that in an order that does not depend on the file's.
    for tweet in _parents_first(recording.tweets, by_recorded_id):
        parent = by_recorded_id.get(tweet.recorded_parent_id or 0)
        ms = _ms(tweet.created_at)
        if parent:
            ms = max(ms, _ms_of(parent.id) + 1)  # the same second, or a clock that was wrong
            tweet.in_reply_to_id = parent.id
        tweet.id = _free_id(ms, tweet.recorded_id, taken)
    _name_missing_parents(recording.tweets, taken)
    recording.tweets.sort(key=lambda tweet: tweet.id)


def _refuse_circles(recording: Recording, by_recorded_id: dict[int, Recorded]) -> None:
    """Tweets that answer each other in a circle: none of them can have come first."""
    settled: set[int] = set()
    for start in sorted(by_recorded_id):
        path: dict[int, None] = {}
        at: int | None = start
        while at in by_recorded_id and at not in settled and at not in path:
            path[at] = None
            at = by_recorded_id[at].recorded_parent_id
        settled.update(path)
        if at in path:
            for recorded_id in itertools.dropwhile(partial(ne, at), path):
                why = f"tweet {recorded_id} answers itself, directly or by way of others"
                recording.bad_lines.append((by_recorded_id[recorded_id].line, why))
                del by_recorded_id[recorded_id]
    recording.tweets = list(by_recorded_id.values())


def _parents_first(tweets: Sequence[Recorded], by_recorded_id: Mapping[int, Recorded]) -> Iterator[Recorded]:
    done: set[int] = set()
    for tweet in sorted(tweets, key=lambda tweet: tweet.recorded_id):
        line, at = [], by_recorded_id.get(tweet.recorded_id)
        while at and at.recorded_id not in done:
            done.add(at.recorded_id)
            line.append(at)
            at = by_recorded_id.get(at.recorded_parent_id or 0)
        yield from reversed(line)


def _name_missing_parents(tweets: Sequence[Recorded], taken: set[int]) -> None:
    """A tweet that the file lacks was written before its first answer; more is not known of it."""
    answers: dict[int, list[Recorded]] = defaultdict(list)
    for tweet in tweets:
        if tweet.recorded_parent_id and not tweet.in_reply_to_id:
            answers[tweet.recorded_parent_id].append(tweet)
    for recorded_id in sorted(answers):
        first = min(_ms_of(tweet.id) for tweet in answers[recorded_id])
        missing = _free_id(max(first - 1000, SNOWFLAKE_EPOCH_MS + 1), recorded_id, taken)
        for tweet in answers[recorded_id]:
            tweet.in_reply_to_id = missing


def _free_id(ms: int, recorded_id: int, taken: set[int]) -> int:
    """The snowflake of this moment with the recorded id in its low bits; the next one where it is taken."""
    found = ((ms - SNOWFLAKE_EPOCH_MS) << _LOW_BITS) | (recorded_id & ((1 << _LOW_BITS) - 1))
    while found in taken:
        found += 1
    taken.add(found)
    return found


def _ms(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def _ms_of(snowflake: int) -> int:
    return (snowflake >> _LOW_BITS) + SNOWFLAKE_EPOCH_MS


# -- brands --------------------------------------------------------------------------------------------------------


def _give_to_brands(recording: Recording) -> None:
    """Say to which one brand each tweet belongs.

    A brand's tweet to its author. A customer's to the brand that answered it first; else to that of the nearest
    tweet before it, after it, or beside it in the tree of replies; else to the first brand of the file it names.
    """
    tweets = recording.tweets
    spelling: dict[str, str] = {}
    for tweet in tweets:
        if not tweet.is_inbound:
            tweet.brand = spelling.setdefault(tweet.username.lower(), tweet.username)
    recording.brands = sorted(spelling.values(), key=str.lower)
    by_id = {tweet.id: tweet for tweet in tweets}
    for tweet in tweets:  # in the order of time, so the first answer wins
        parent = by_id.get(tweet.in_reply_to_id or 0)
        if parent and not tweet.is_inbound and not parent.brand:
            parent.brand = tweet.brand
    _hand_down(tweets, by_id)
    _hand_up(tweets, by_id)
    _hand_down(tweets, by_id)
    for tweet in tweets:
        if not tweet.brand:
            named = (mention.username.lower() for mention in reading.mentions(tweet.text))
            tweet.brand = next((spelling[name] for name in named if name in spelling), "")
    _hand_down(tweets, by_id)
    _hand_up(tweets, by_id)
    _hand_down(tweets, by_id)


def _hand_down(tweets: Sequence[Recorded], by_id: Mapping[int, Recorded]) -> None:
    for tweet in tweets:
        parent = by_id.get(tweet.in_reply_to_id or 0)
        if parent and not tweet.brand:
            tweet.brand = parent.brand


def _hand_up(tweets: Sequence[Recorded], by_id: Mapping[int, Recorded]) -> None:
    """From the nearest tweet below, the older one of equally near ones."""
    nearest: dict[int, tuple[int, int, str]] = {}  # by tweet: how far below, its id, its brand
    for tweet in reversed(tweets):
        if tweet.brand:
            nearest[tweet.id] = (0, tweet.id, tweet.brand)
        parent = by_id.get(tweet.in_reply_to_id or 0)
        if tweet.id in nearest and parent:
            distance, found, brand = nearest[tweet.id]
            offer = (distance + 1, found, brand)
            nearest[parent.id] = min(offer, nearest.get(parent.id, offer))
    for tweet in tweets:
        if not tweet.brand and tweet.id in nearest:
            tweet.brand = nearest[tweet.id][2]
