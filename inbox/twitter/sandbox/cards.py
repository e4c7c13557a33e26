"""What the page draws of a tweet: who said it, to whom, which part of the text is theirs."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from markupsafe import Markup, escape

from inbox.twitter.sandbox.entities import ADDRESS, NAME
from inbox.twitter.sandbox.private import PrivateEvent
from inbox.twitter.sandbox.shelf import Shelf, kind_of
from inbox.twitter.sandbox.wire import distinct
from inbox.twitter.sandbox.world import Account, Tweet, World

LINKED = re.compile(f"{ADDRESS.pattern}|{NAME.pattern}")
DEEPEST = 6


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of a tweet or message, or what stands for a film."""

    kind: str
    address: str
    alt_text: str


@dataclass(frozen=True, slots=True)
class PrivateCard:
    """A direct message, ready to draw."""

    event: PrivateEvent
    author: Account
    is_mine: bool
    words: Markup
    pictures: list[Picture]

    @property
    def said_at(self) -> datetime:
        return datetime.fromtimestamp(self.event.created_ms / 1000, UTC)


@dataclass(slots=True)
class Card:
    tweet: Tweet
    author: Account
    is_brand: bool
    is_mine: bool
    words: Markup
    replies: int
    reposts: int
    answered: Account | None
    quoted: "Card | None" = None
    reposted_by: Account | None = None
    likes: int = 0
    is_liked: bool = False
    version: int = 1  # which of its versions it is, counted from the first
    pictures: "list[Picture]" = field(default_factory=list)
    deep_link: str = ""
    key: int = 0  # the tweet the line of the timeline stands for: the repost, where it is one
    depth: int = 0
    is_gone: bool = False

    @property
    def said_at(self) -> datetime:
        return datetime.fromtimestamp(self.tweet.created_ms / 1000, UTC)


def cards(world: World, tweets: Sequence[Tweet], me: Account | None) -> list[Card]:
    """The tweets ready to draw, in the same order; those whose original is gone are left out."""
    originals = world.tweets(distinct(tweet.reposted_id for tweet in tweets))
    quoted = world.tweets(distinct(tweet.quoted_id for tweet in tweets))
    everyone = [*tweets, *originals.values(), *quoted.values()]
    accounts = world.accounts(
        distinct(user_id for tweet in everyone for user_id in (tweet.author_id, tweet.in_reply_to_user_id))
    )
    brands = {account.id for account in world.brands()}
    drawn = []
    for tweet in tweets:
        if not tweet.reposted_id:
            drawn.append(_card(world, tweet, me, accounts, brands))
            if tweet.quoted_id in quoted:
                drawn[-1].quoted = _card(world, quoted[tweet.quoted_id], me, accounts, brands)
        elif original := originals.get(tweet.reposted_id):
            drawn.append(_card(world, original, me, accounts, brands))
            drawn[-1].key, drawn[-1].reposted_by = tweet.id, accounts[tweet.author_id]
    return drawn


def reply_tree(world: World, focus: Tweet, me: Account | None, limit: int = 500) -> list[Card]:
    """Everything said around a tweet, answers below what they answer."""
    tweets = world.tweets_where(
        "conversation_id = ? AND reposted_id IS NULL AND superseded = 0", (focus.conversation_id,), limit=limit
    )
    drawn = {card.tweet.id: card for card in cards(world, tweets, me)}
    below: dict[int, list[Card]] = {}
    for card in drawn.values():
        parent = card.tweet.in_reply_to_id or 0
        below.setdefault(parent if parent in drawn else 0, []).append(card)
    ordered: list[Card] = []
    waiting = [(card, 0) for card in reversed(below.get(0, []))]
    while waiting:
        card, depth = waiting.pop()
        card.depth = min(depth, DEEPEST)
        answers = below.get(card.tweet.id, [])
        # A deleted tweet leaves its place only while somebody answered it.
        if not card.is_gone or answers:
            ordered.append(card)
        waiting += [(answer, depth + 1) for answer in reversed(answers)]
    return ordered


def private_card(event: PrivateEvent, me: Account, other: Account, shelf: Shelf) -> PrivateCard:
    """A direct message between these two. An encrypted one shows its words here only, where both sides are played."""
    pictures = []
    if event.media_id:
        media = shelf.found(event.media_id)
        pictures = [Picture(media.kind, f"/messages/media/{media.id}", media.alt_text)]
    is_mine = event.sender_id == me.id
    return PrivateCard(event, me if is_mine else other, is_mine, linked(event.text, {}), pictures)


def _card(world: World, tweet: Tweet, me: Account | None, accounts: dict[int, Account], brands: set[int]) -> Card:
    replies, _, reposts = world.counts([tweet.id])[tweet.id]
    return Card(
        tweet=tweet,
        author=accounts[tweet.author_id],
        is_brand=tweet.author_id in brands,
        is_mine=bool(me and me.id == tweet.author_id),
        words=linked(tweet.text[tweet.prefix_length :], tweet.mentioned),
        replies=replies,
        reposts=reposts,
        answered=accounts.get(tweet.in_reply_to_user_id or 0),
        likes=world.likes(tweet.id),
        is_liked=bool(me and _likes(world, me, tweet)),
        version=_version(world, tweet),
        pictures=[picture for media_id in tweet.media if (picture := _picture(world, media_id))],
        deep_link=tweet.deep_link or "",
        key=tweet.id,
        is_gone=tweet.deleted_ms is not None,
    )


def _picture(world: World, media_id: int) -> Picture | None:
    row = world.storage.execute("SELECT category, media_type, alt_text FROM media WHERE id = ?", (media_id,)).fetchone()
    if not row:
        return None
    kind = kind_of(row[0])
    ending = row[1].split("/")[1].replace("jpeg", "jpg")
    name = "preview.jpg" if kind == "video" else ending
    return Picture(kind, f"/media/{media_id}.{name}", row[2] or "")


def _likes(world: World, me: Account, tweet: Tweet) -> bool:
    found = world.storage.execute("SELECT 1 FROM likes WHERE tweet_id = ? AND user_id = ?", (tweet.id, me.id))
    return found.fetchone() is not None


def _version(world: World, tweet: Tweet) -> int:
    if not tweet.first_id:
        return 1
    versions = world.versions([tweet])[tweet.first_id]
    return versions.index(tweet.id) + 1 if tweet.id in versions else 1


def linked(text: str, mentioned: dict[str, str]) -> Markup:
    """The text, escaped, with its names and addresses as links."""
    parts, place = [], 0
    for found in LINKED.finditer(text):
        parts.append(escape(text[place : found.start()]))
        parts.append(_link(found, mentioned))
        place = found.end()
    return Markup("").join([*parts, escape(text[place:])])


def initials(account: Account) -> str:
    words = re.findall(r"[^\W_]+", account.name) or [account.username]
    return "".join(word[0] for word in (words if len(words) < 2 else (words[0], words[-1]))).upper()


def hue(account_id: int) -> int:
    return (account_id * 2_654_435_761 >> 11) % 360


def username_from(name: str) -> str:
    """A username out of what a person typed as their name; empty if nothing of it can be used."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"\W", "", plain)[:15]


def _link(found: re.Match[str], mentioned: dict[str, str]) -> Markup:
    name = found.group(1)
    if name is None:
        shown = found.group().split("://", 1)[1]
        return Markup('<a href="{}" rel="noreferrer nofollow">{}</a>').format(found.group(), shown)
    if name.lower() not in mentioned:
        return escape(found.group())
    return Markup('<a href="/account/{0}">@{0}</a>').format(name)
