"""Writing tweets: what Twitter refuses, what it adds, and how recorded tweets are put in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from inbox.twitter.sandbox import people, problems
from inbox.twitter.sandbox.entities import leading_names, names_in, normalise
from inbox.twitter.sandbox.snowflake import first_of, ms_of, now_ms
from inbox.twitter.sandbox.world import Account, Tweet, World, typed_mentions
from inbox.twitter.text import weighted_length

LONGEST, LONGEST_PAID = 280, 25_000
DAY_MS = 86_400_000


@dataclass(slots=True)
class Recorded:
    """A tweet that was written elsewhere or at another time, as the control surface hands it in."""

    author_id: int
    text: str
    id: int | None = None
    created_ms: int | None = None
    in_reply_to_id: int | None = None
    quoted_id: int | None = None
    reposted_id: int | None = None
    lang: str | None = None
    audience: tuple[int, ...] | None = None  # whose subscriptions hear of it; none: whoever would
    names: dict[str, str] = field(default_factory=dict)  # lower-case names in the text that are not accounts → ids
    media: list[Any] = field(default_factory=list)
    reply_settings: str = "everyone"


@dataclass(slots=True)
class Draft:
    """What somebody wants to say, and how."""

    text: str
    in_reply_to_id: int | None = None
    quoted_id: int | None = None
    left_out: Sequence[int] = ()  # whom Twitter shall not put before the reply
    media: Sequence[int] = ()
    reply_settings: str = "everyone"
    deep_link: str | None = None
    names: Mapping[str, str] | None = None


def write(world: World, author: Account, text: str, *, in_reply_to_id: int | None = None) -> Tweet:
    """A new tweet of nothing but text; raises `Problem` when it is refused."""
    return post(world, author, Draft(text, in_reply_to_id=in_reply_to_id))


def post(world: World, author: Account, draft: Draft) -> Tweet:
    """A new tweet by `author`, checked as Twitter checks it; raises `Problem` when it is refused."""
    said = checked_words(author, draft)
    parent = _parent(world, author, draft.in_reply_to_id)
    quoted = world.tweet(draft.quoted_id) if draft.quoted_id else None
    if draft.quoted_id and (not quoted or people.why_hidden(world, quoted, author.id)):
        raise problems.forbidden("You attempted to quote a Tweet that is deleted or not visible to you.")
    if _was_said(world, author.id, said, draft.in_reply_to_id):
        raise problems.forbidden(problems.DUPLICATE)

    prefix = _prefix(world, author, parent, draft.left_out)
    tweet = _new(world.snowflakes.next(), author.id, prefix + draft.text, parent)
    tweet.prefix_length, tweet.said, tweet.quoted_id = len(prefix), said, draft.quoted_id
    tweet.mentioned = accounts_named(world, tweet.text, {})
    tweet.media, tweet.deep_link, tweet.reply_settings = list(draft.media), draft.deep_link, draft.reply_settings
    world.add_tweets([tweet])
    return tweet


def checked_words(author: Account, draft: Draft) -> str:
    """The words by which Twitter knows a tweet again, when it is one."""
    said = normalise(draft.text)
    if not said and not draft.media:
        raise problems.invalid("A tweet needs text.", text=draft.text[:60])
    too_long = len(draft.text) > LONGEST_PAID if author.verified else weighted_length(draft.text) > LONGEST
    if too_long:
        raise problems.invalid(problems.TOO_LONG, text=draft.text[:60])
    return said or f"media {draft.media}"


def repost(world: World, author: Account, original: Tweet) -> tuple[Tweet, bool]:
    """Pass a tweet on; doing so twice is once. Says whether it is new."""
    original = world.tweet(original.reposted_id or original.id) or original
    before = world.tweets_where(
        "author_id = ? AND reposted_id = ? AND deleted_ms IS NULL", (author.id, original.id), limit=1
    )
    if before:
        return before[0], False
    tweet = _new(world.snowflakes.next(), author.id, _reposted_text(world, original), None)
    tweet.reposted_id = original.id
    tweet.mentioned = accounts_named(world, tweet.text, {}, original.mentioned)
    world.add_tweets([tweet])
    return tweet, True


def record(world: World, recorded: Sequence[Recorded]) -> tuple[list[tuple[Tweet, Recorded]], list[int]]:
    """Put recorded tweets in, all or none; those known already stay as they are.

    Answers the new tweets, and the id of every tweet asked for, in the order asked.
    """
    known: dict[str, str] = {}
    created: dict[int, tuple[Tweet, Recorded]] = {}
    ids: list[int] = []
    with world.storage.transaction():
        for one in recorded:
            tweet_id = _id_of(world, one, created)
            ids.append(tweet_id)
            if tweet_id not in created and not world.knows(tweet_id):
                created[tweet_id] = (_recorded_tweet(world, tweet_id, one, known), one)
        _find_parents(world, {tweet_id: tweet for tweet_id, (tweet, _) in created.items()})
        world.add_tweets([tweet for tweet, _ in created.values()])
    return list(created.values()), ids


def is_summoned(world: World, account: Account, parent_id: int) -> bool:
    """Whether the author asked for an answer: named the account, or quoted one of its tweets."""
    parent = world.tweet(parent_id)
    if not parent or account.id in typed_mentions(parent):
        return parent is not None
    if world.settings["implicit_mentions_count"] and str(account.id) in parent.mentioned.values():
        return True
    quoted = world.tweet(parent.quoted_id) if parent.quoted_id else None
    return bool(quoted and quoted.author_id == account.id)


def check_summoned(world: World, account: Account, parent_id: int) -> None:
    """Self-serve apps may answer only those who asked; whoever answers themselves needs no invitation."""
    parent = world.tweet(parent_id)
    if parent and parent.author_id != account.id and not is_summoned(world, account, parent_id):
        raise problems.forbidden(problems.NOT_SUMMONED)


def _parent(world: World, author: Account, parent_id: int | None) -> Tweet | None:
    if parent_id is None:
        return None
    parent = world.tweet(parent_id)
    reason = people.why_hidden(world, parent, author.id) if parent else "deleted"
    if not parent or reason in ("deleted", "suspended"):
        raise problems.forbidden(problems.GONE)
    if reason == "protected":
        raise problems.not_for_you("You are not permitted to reply to a Tweet of a protected account.")
    if reason == "blocked" or people.does(world, author.id, people.BLOCK, parent.author_id):
        raise problems.forbidden("You have been blocked from replying to this user.")
    if parent.author_id != author.id and not _may_reply(world, author, parent):
        raise problems.forbidden("Reply to this conversation is not allowed because of its reply settings.")
    return parent


def _may_reply(world: World, author: Account, parent: Tweet) -> bool:
    """Who may answer is said by the tweet that began the conversation; whoever that one names always may."""
    root = world.tweet(parent.conversation_id) or parent
    setting = root.reply_settings
    if setting == "everyone" or root.author_id == author.id or str(author.id) in root.mentioned.values():
        return True
    if setting == "following":
        return people.does(world, root.author_id, people.FOLLOW, author.id)
    return setting == "verified" and bool(author.verified)


def _was_said(world: World, author_id: int, said: str, in_reply_to_id: int | None) -> bool:
    return bool(
        world.storage.execute(
            "SELECT 1 FROM tweets WHERE author_id = ? AND id >= ? AND said = ? AND in_reply_to_id IS ?"
            " AND deleted_ms IS NULL LIMIT 1",
            (author_id, first_of(now_ms() - DAY_MS), said, in_reply_to_id),
        ).fetchone()
    )


def _prefix(world: World, author: Account, parent: Tweet | None, left_out: Sequence[int]) -> str:
    """The @names Twitter puts before a reply: the author answered, then those whom that tweet names."""
    if not parent:
        return ""
    answered = world.account(parent.author_id)
    names = {parent.author_id: answered.username} if answered else {}
    for _, name in names_in(parent.text):
        user_id = int(parent.mentioned.get(name.lower(), 0))
        if user_id and user_id not in left_out:
            names.setdefault(user_id, name)
    names.pop(author.id, None)
    return "".join(f"@{name} " for name in names.values())


def _new(tweet_id: int, author_id: int, text: str, parent: Tweet | None) -> Tweet:
    return Tweet(
        id=tweet_id,
        author_id=author_id,
        text=text.replace("\0", ""),
        prefix_length=0,
        said="",
        lang=None,
        created_ms=ms_of(tweet_id),
        stored_ms=now_ms(),
        conversation_id=parent.conversation_id if parent else tweet_id,
        in_reply_to_id=parent.id if parent else None,
        in_reply_to_user_id=parent.author_id if parent else None,
        quoted_id=None,
        reposted_id=None,
        mentioned={},
    )


def accounts_named(
    world: World, text: str, known: dict[str, str], others: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Usernames in a text → ids, of accounts and of `others`; `known` is asked first and remembers accounts."""
    named = {}
    for _, name in names_in(text):
        key = name.lower()
        if key not in known:
            account = world.account_named(name)
            known[key] = str(account.id) if account else ""
        if user_id := known[key] or (others or {}).get(key):
            named[key] = user_id
    return named


def _reposted_text(world: World, original: Tweet) -> str:
    author = world.account(original.author_id)
    return f"RT @{author.username if author else ''}: {original.text}"


def _id_of(world: World, one: Recorded, created: dict[int, tuple[Tweet, Recorded]]) -> int:
    if one.id is not None:
        return one.id
    if one.created_ms is None:
        return world.snowflakes.next()
    tweet_id = world.free_id(one.created_ms)
    while tweet_id in created or world.knows(tweet_id):
        tweet_id += 1
    return tweet_id


def _recorded_tweet(world: World, tweet_id: int, one: Recorded, known: dict[str, str]) -> Tweet:
    tweet = _new(tweet_id, one.author_id, one.text, None)
    tweet.created_ms = ms_of(tweet_id) if one.created_ms is None else one.created_ms
    tweet.in_reply_to_id, tweet.quoted_id, tweet.reposted_id = one.in_reply_to_id, one.quoted_id, one.reposted_id
    tweet.lang, tweet.media, tweet.reply_settings = one.lang, one.media, one.reply_settings
    tweet.mentioned = accounts_named(world, one.text, known, one.names)
    return tweet


def _find_parents(world: World, new: dict[int, Tweet]) -> None:
    """Fill in conversation, who was answered, and where the author's own words begin."""
    for tweet in sorted(new.values(), key=lambda tweet: tweet.id):
        parent = None
        if tweet.in_reply_to_id:
            parent = new.get(tweet.in_reply_to_id) or world.tweet(tweet.in_reply_to_id)
            tweet.conversation_id = parent.conversation_id if parent else tweet.in_reply_to_id
            tweet.in_reply_to_user_id = parent.author_id if parent else _first_named(tweet)
            tweet.prefix_length = _recorded_prefix(tweet, parent)
        tweet.said = normalise(tweet.text[tweet.prefix_length :])


def _first_named(tweet: Tweet) -> int | None:
    """Whom a reply answers when its parent is missing: the first it names, as Twitter's prefix does."""
    ids = (tweet.mentioned.get(name.lower()) for name, _ in leading_names(tweet.text))
    return next((int(user_id) for user_id in ids if user_id), None)


def _recorded_prefix(tweet: Tweet, parent: Tweet | None) -> int:
    expected = {str(parent.author_id), *parent.mentioned.values()} if parent else None
    length, seen = 0, set()
    for name, end in leading_names(tweet.text):
        user_id = tweet.mentioned.get(name.lower(), name)
        if user_id in seen or (expected is not None and user_id not in expected):
            break
        seen.add(user_id)
        length = end
    return length
