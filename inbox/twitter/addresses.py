"""Addresses of pages on X, which our people open in their browser: the same forms for X and for the sandbox.

`settings.TWITTER_PAGES_URL` says where the pages are. What goes to X in a call of ours is never built from it.
"""

from urllib.parse import quote, urlencode

from django.conf import settings

# The only beginning of a link to direct messages that X takes with a tweet, wherever its pages are for us.
_DEEP_LINK = "https://x.com/messages/compose"


def profile(username: str) -> str:
    """An account's page."""
    return _page(quote(username, safe=""))


def status(tweet_id: int) -> str:
    """A tweet's page; X finds it by its id alone."""
    return _page(f"i/status/{tweet_id}")


def hashtag(word: str) -> str:
    """What is said under a hashtag, which is given without its sign."""
    return _page(f"hashtag/{quote(word, safe='')}")


def composer(text: str, *, answers_id: int) -> str:
    """Where X opens its own composer with these words in it, as an answer to this tweet."""
    return _page(f"intent/post?{urlencode({'in_reply_to': answers_id, 'text': text})}")


def private_messages(account_id: int) -> str:
    """Where one of us writes a direct message to this account, or reads on."""
    return _page(f"messages/compose?{urlencode({'recipient_id': account_id})}")


def deep_link(account_id: int, text: str = "") -> str:
    """What X makes a button of that leads a customer to direct messages with this account; posted with a tweet."""
    asked = {"recipient_id": account_id, **({"text": text} if text else {})}
    return f"{_DEEP_LINK}?{urlencode(asked)}"


def _page(path: str) -> str:
    return f"{settings.TWITTER_PAGES_URL}/{path}"
