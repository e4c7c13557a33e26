"""A tweet with what questions and rules want to know of it."""

from inbox.twitter.sandbox.language import Subject
from inbox.twitter.sandbox.world import Tweet, World


def subject_of(world: World, tweet: Tweet) -> Subject:
    def name(account_id: int | None) -> str:
        account = world.account(account_id) if account_id else None
        return account.username.lower() if account else ""

    def author_of(tweet_id: int | None) -> str:
        other = world.tweet(tweet_id) if tweet_id else None
        return name(other.author_id) if other else ""

    author = world.account(tweet.author_id)
    return Subject(
        tweet,
        author.username.lower() if author else "",
        name(tweet.in_reply_to_user_id),
        author_of(tweet.reposted_id),
        author_of(tweet.quoted_id),
        is_verified=bool(author and author.verified),
        has_films=any(_is_film(world, one) for one in tweet.media),
    )


def _is_film(world: World, media_id: int) -> bool:
    row = world.storage.execute("SELECT category FROM media WHERE id = ?", (media_id,)).fetchone()
    return bool(row and row[0].endswith("video"))
