"""Editing: each version is a tweet of its own with a new id, and remembers the first."""

from inbox.twitter.sandbox import authorship, problems
from inbox.twitter.sandbox.authorship import Draft
from inbox.twitter.sandbox.drawing import Drawing
from inbox.twitter.sandbox.snowflake import now_ms
from inbox.twitter.sandbox.world import Account, Tweet, World


def edit(
    world: World, drawing: Drawing, author: Account, tweet: Tweet, draft: Draft, *, is_forced: bool = False
) -> Tweet:
    """A new version of a tweet; raises `Problem` when it may not be edited. Forced, only the words are checked."""
    if tweet.author_id != author.id:
        raise problems.forbidden("You are not authorized to edit this Tweet.")
    versions = world.versions([tweet]).get(tweet.chain, [tweet.id])
    if tweet.id != versions[-1]:
        raise problems.forbidden("Only the latest version of a Tweet can be edited.")
    if not is_forced and (reason := drawing.may_be_edited(tweet, versions)):
        raise problems.forbidden(reason)
    said = authorship.checked_words(author, draft)
    text = tweet.text[: tweet.prefix_length] + draft.text.replace("\0", "")
    new_id = world.snowflakes.next()
    version = Tweet(
        id=new_id, author_id=author.id, text=text, prefix_length=tweet.prefix_length, said=said, lang=tweet.lang,
        created_ms=now_ms(), stored_ms=now_ms(), conversation_id=tweet.conversation_id,
        in_reply_to_id=tweet.in_reply_to_id, in_reply_to_user_id=tweet.in_reply_to_user_id, quoted_id=tweet.quoted_id,
        reposted_id=None, mentioned={}, reply_settings=tweet.reply_settings, first_id=tweet.chain,
        deep_link=draft.deep_link or tweet.deep_link, media=list(draft.media) or tweet.media,
    )  # fmt: skip
    version.mentioned = authorship.accounts_named(world, text, {}, tweet.mentioned)
    with world.storage.transaction():
        world.storage.execute("UPDATE tweets SET first_id = ?, superseded = 1 WHERE id = ?", (tweet.chain, tweet.id))
        world.add_tweets([version])
    return version
