"""Twitter's two vocabularies: the same payload in the words of either."""

from typing import Any

POST_OF_TWEET = {
    "referenced_tweets": "referenced_posts",
    "edit_history_tweet_ids": "edit_history_post_ids",
    "note_tweet": "note_post",
    "tweets": "posts",
    "retweet_count": "repost_count",
    "retweet_count_str": "repost_count_str",
    "tweet_count": "post_count",
    "tweet_count_str": "post_count_str",
    "most_recent_tweet_id": "most_recent_post_id",
    "pinned_tweet_id": "pinned_post_id",
    "liked_tweet_id": "liked_post_id",
    "tweet_author_id": "post_author_id",
}
TWEET_OF_POST = {post: tweet for tweet, post in POST_OF_TWEET.items()}


def in_words(thing: Any, vocabulary: str) -> Any:
    """The same, with fields and event types named as "tweet" or as "post"."""
    names = POST_OF_TWEET if vocabulary == "post" else TWEET_OF_POST
    if isinstance(thing, list):
        return [in_words(each, vocabulary) for each in thing]
    if not isinstance(thing, dict):
        return thing
    renamed = {names.get(name, name): in_words(value, vocabulary) for name, value in thing.items()}
    event_type = renamed.get("event_type")
    if isinstance(event_type, str) and event_type.startswith(("post.", "tweet.")):
        renamed["event_type"] = f"{vocabulary}.{event_type.partition('.')[2]}"
    return renamed
