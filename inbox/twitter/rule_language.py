"""Twitter's language of rules and searches, as far as one must know it to say what is wrong with a query.

Words beside each other must all occur; OR between them, capital letters; quotes around phrases; brackets around groups;
a minus before what must not be. Some operators narrow a search down and cannot stand alone.
"""

import re
from dataclasses import dataclass

# What may be asked for beside words, phrases, #hashtags, @names and $cashtags. The second half narrows only.
ALONE = {"from", "to", "url", "retweets_of", "context", "entity", "conversation_id", "in_reply_to_tweet_id",
         "quotes_of_tweet_id", "list", "bio", "bio_name", "bio_location", "place", "place_country", "point_radius",
         "bounding_box"}  # fmt: skip
NARROWS = {"is", "has", "lang", "sample", "followers_count", "tweets_count", "following_count", "listed_count",
           "url_title", "url_description", "url_contains", "source"}  # fmt: skip
_VALUES = {
    "is": {"retweet", "reply", "quote", "verified", "nullcast"},
    "has": {"hashtags", "cashtags", "links", "mentions", "media", "images", "videos", "video_link", "geo"},
}
# A backslash would let a phrase go on behind its end; the others nobody typed.
_UNSAYABLE = re.compile(r"[\\\x00-\x08\x0e-\x1f\x7f\ud800-\udfff]")
_TOKEN = re.compile(r'\s*(?:(?P<open>\()|(?P<close>\))|(?P<minus>-)|(?P<word>(?:[^\s()":]+:)?"[^"]*"|[^\s()"]+))')


@dataclass(slots=True)
class _Place:
    """Where reading has come to inside one pair of brackets."""

    is_empty: bool = True
    after_or: bool = False
    after_minus: bool = False
    is_denied: bool = False  # a minus stands before it
    finds: bool = False  # this alternative has something that can stand alone
    lacks: bool = False  # an alternative before this one has not


def what_is_wrong(query: str) -> str:
    """A sentence about the first thing that Twitter would refuse in this query; empty: nothing that is known."""
    if not query.strip():
        return "Write what to listen for: words, “phrases in quotes”, #hashtags."
    if _UNSAYABLE.search(query):
        return "There is a backslash in it, or a character that cannot be seen. Leave it out."
    if query.count('"') % 2:
        return "A quotation mark is open. Close the phrase with another one."
    stack, at = [_Place()], 0
    while query[at:].strip():
        token = _TOKEN.match(query, at)
        if token is None:
            return f"This cannot be read: {query[at : at + 20].strip()}"
        wrong = _take(token, stack)
        if wrong:
            return wrong
        at = token.end()
    if len(stack) > 1:
        return "A bracket is open. Close it."
    return _ended(stack[0]) or _without_anchor(stack[0])


def _take(token: re.Match[str], stack: list[_Place]) -> str:
    here = stack[-1]
    if token["minus"]:
        if here.after_minus:
            return "Two minus signs follow each other. One is enough."
        here.after_minus = True
        return ""
    if token["open"]:
        stack.append(_Place(is_denied=here.after_minus))
        return ""
    if token["close"]:
        if len(stack) == 1:
            return "A bracket is closed that was never open."
        wrong = _ended(here)
        stack.pop()
        return wrong or _add(stack[-1], is_anchor=_is_anchored(here) and not here.is_denied)
    return _word(token["word"], here)


def _word(word: str, here: _Place) -> str:
    if word == "OR":
        if here.is_empty or here.after_or or here.after_minus:
            return "OR stands between two things: one of them is missing."
        _close_alternative(here)
        here.after_or = True
        return ""
    if word in ("AND", "NOT"):
        return f"Twitter has no {word}. Words beside each other must all occur; a minus before one excludes it."
    if word == '""':
        return "A phrase is empty."
    name, colon, value = word.partition(":")
    is_operator = bool(colon) and not word.startswith('"') and not word.startswith(("http", "#", "@"))
    if not is_operator:
        return _add(here, is_anchor=not here.after_minus)
    if name not in ALONE | NARROWS:
        return f"Twitter has no “{name}:”. Put a word with a colon into quotes."
    if not value.strip('"'):
        return f"“{name}:” says nothing after the colon."
    if value not in _VALUES.get(name, {value}):
        return f"“{name}:” knows {', '.join(sorted(_VALUES[name]))}, but no “{value}”."
    return _add(here, is_anchor=name in ALONE and not here.after_minus)


def _add(here: _Place, *, is_anchor: bool) -> str:
    here.is_empty = here.after_or = here.after_minus = False
    here.finds = here.finds or is_anchor
    return ""


def _close_alternative(here: _Place) -> None:
    here.lacks = here.lacks or not here.finds
    here.finds = False


def _ended(here: _Place) -> str:
    if here.after_minus:
        return "A minus stands before nothing."
    if here.is_empty:
        return "Nothing stands between two brackets."
    return "OR stands between two things: one of them is missing." if here.after_or else ""


def _is_anchored(here: _Place) -> bool:
    return here.finds and not here.lacks


def _without_anchor(here: _Place) -> str:
    if _is_anchored(here):
        return ""
    return (
        "Each alternative needs one thing to find at least: a word, a phrase, #hashtag or @name that is not excluded."
    )
