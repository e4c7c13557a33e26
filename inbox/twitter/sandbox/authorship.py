"""Writing tweets: what Twitter refuses, what it adds, and how recorded tweets are put in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from inbox.twitter.sandbox import problems
from inbox.twitter.sandbox.entities import leading_names, names_in, normalise
from inbox.twitter.sandbox.snowflake import first_of, ms_of, now_ms
from inbox.twitter.sandbox.world import Account, Tweet, World, typed_mentions
from inbox.twitter.text import weighted_length

LONGEST = 280
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


def write(
    world: World,
    author: Account,
    text: str,
    *,
    in_reply_to_id: int | None = None,
    quoted_id: int | None = None,
    left_out: Sequence[int] = (),
) -> Tweet:
    """A new tweet by `author`, checked as Twitter checks it; raises `Problem` when it is refused."""
    said = normalise(text)
    if not said:
        raise problems.invalid("A tweet needs text.", text=text[:60])
    if weighted_length(text) > LONGEST:
        raise problems.invalid(problems.TOO_LONG, text=text[:60])
    parent = _parent(world, in_reply_to_id)
    if quoted_id is not None and not world.tweet(quoted_id):
        raise problems.forbidden("You attempted to quote a Tweet that is deleted or not visible to you.")
    if _was_said(world, author.id, said, in_reply_to_id):
        raise problems.forbidden(problems.DUPLICATE)

    prefix = _prefix(world, author, parent, left_out)
    tweet = _new(world.snowflakes.next(), author.id, prefix + text, parent)
    tweet.prefix_length, tweet.said, tweet.quoted_id = len(prefix), said, quoted_id
    tweet.mentioned = _accounts_named(world, tweet.text, {})
    world.add_tweets([tweet])
    return tweet


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
    tweet.mentioned = _accounts_named(world, tweet.text, {}, original.mentioned)
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


def check_summoned(world: World, account: Account, parent_id: int) -> None:
    """Self-serve apps may answer only those who asked: who named the account or quoted one of its tweets."""
    parent = world.tweet(parent_id)
    if not parent or parent.author_id == account.id or account.id in typed_mentions(parent):
        return
    quoted = world.tweet(parent.quoted_id) if parent.quoted_id else None
    if not quoted or quoted.author_id != account.id:
        raise problems.forbidden(problems.NOT_SUMMONED)


def _parent(world: World, parent_id: int | None) -> Tweet | None:
    if parent_id is None:
        return None
    if parent := world.tweet(parent_id):
        return parent
    raise problems.forbidden(problems.GONE)


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


def _accounts_named(
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
    tweet.lang = one.lang
    tweet.mentioned = _accounts_named(world, one.text, known, one.names)
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
