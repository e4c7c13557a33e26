"""The language of searches and rules: words, "phrases", OR, -, (), and operators such as from: and has:.

A question is read into a tree once. The tree says of any tweet whether it is meant; and it names *anchors*, things of
which a tweet must have one to be meant at all, by which tweets and rules are found without looking at all of them.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from inbox.twitter.sandbox import problems
from inbox.twitter.sandbox.entities import ADDRESS, CASHTAG, HASHTAG, names_in, words_of
from inbox.twitter.sandbox.world import Tweet

TOKEN = re.compile(
    r"\s*(?:(?P<open>-?\()|(?P<close>\))|(?P<minus>-)?(?:(?P<operator>[a-z_]+):)?"
    r"(?:\"(?P<phrase>[^\"]*)\"|(?P<word>[^\s()\"]+)))"
)
OPERATORS = {
    "from", "to", "lang", "conversation_id", "is", "has", "url", "in_reply_to_tweet_id", "retweets_of", "quotes_of",
}  # fmt: skip
IS = {"retweet", "reply", "quote", "verified", "nullcast"}
HAS = {"links", "media", "images", "videos", "video_link", "mentions", "hashtags", "cashtags", "geo"}
DEEPEST = 20
# These alone would mean nearly everything; they only narrow what something else finds.
NOT_ALONE = {"lang", "is", "has"}


@dataclass(slots=True)
class Subject:
    """A tweet as questions see it."""

    tweet: Tweet
    author: str  # lower-case usernames
    answered: str = ""
    reposted: str = ""
    quoted: str = ""
    is_verified: bool = False
    has_films: bool = False
    anchors: set[str] = field(default_factory=set)
    words: list[str] = field(default_factory=list)
    text: str = ""

    def __post_init__(self) -> None:
        tweet = self.tweet
        self.text = tweet.text.lower()
        self.words = words_of(tweet.text)
        self.anchors = {f"w:{word}" for word in self.words}
        self.anchors |= {f"@{name.lower()}" for _, name in names_in(tweet.text)}
        self.anchors |= {f"#{found.group(1).lower()}" for found in HASHTAG.finditer(tweet.text)}
        self.anchors |= {f"${found.group(1).lower()}" for found in CASHTAG.finditer(tweet.text)}
        self.anchors |= {f"from:{self.author}", f"from:{tweet.author_id}", f"conversation_id:{tweet.conversation_id}"}
        if tweet.in_reply_to_user_id:
            self.anchors |= {f"to:{self.answered}", f"to:{tweet.in_reply_to_user_id}"}
        if tweet.in_reply_to_id:
            self.anchors.add(f"in_reply_to_tweet_id:{tweet.in_reply_to_id}")
        if self.reposted:
            self.anchors.add(f"retweets_of:{self.reposted}")
        if self.quoted:
            self.anchors.add(f"quotes_of:{self.quoted}")


@dataclass(frozen=True, slots=True)
class Node:
    """A part of a question. `kind` is "and", "or", "not", "phrase", or an operator."""

    kind: str
    value: str = ""
    parts: tuple["Node", ...] = ()
    words: tuple[str, ...] = ()

    def meets(self, subject: Subject) -> bool:
        if self.kind == "and":
            return all(part.meets(subject) for part in self.parts)
        if self.kind == "or":
            return any(part.meets(subject) for part in self.parts)
        if self.kind == "not":
            return not self.parts[0].meets(subject)
        if self.kind == "phrase":
            return _in_order(self.words, subject.words)
        if self.kind in ("is", "has", "lang", "url"):
            return _tests(self.kind, self.value, subject)
        return self.value in subject.anchors

    def anchors(self) -> frozenset[str] | None:
        """Of these a tweet has at least one, if it is meant; None: nothing can be said."""
        if self.kind == "and":
            known = [found for part in self.parts if (found := part.anchors()) is not None]
            return min(known, key=len, default=None)
        if self.kind == "or":
            every = [part.anchors() for part in self.parts]
            return None if any(one is None for one in every) else frozenset().union(*(one or () for one in every))
        if self.kind == "phrase":
            return frozenset({f"w:{max(self.words, key=len)}"}) if self.words else None
        return None if self.kind in ("not", "is", "has", "lang", "url") else frozenset({self.value})

    def can_stand_alone(self) -> bool:
        """Whether there is anything in it that searches, and not only something that narrows."""
        if self.kind == "and":
            return any(part.can_stand_alone() for part in self.parts)
        if self.kind == "or":
            return all(part.can_stand_alone() for part in self.parts)
        return self.kind not in ("not", *NOT_ALONE)


def read(question: str, longest: int, parameter: str = "query") -> Node:
    """The tree of a question; raises `Problem` with what is wrong with it."""
    if not question.strip():
        raise _wrong("The question is empty.", question, parameter)
    if len(question) > longest:
        raise _wrong(f"The question has {len(question)} characters; there may be {longest}.", question, parameter)
    reader = _Reader(question, parameter)
    node = reader.alternatives(0)
    if reader.place < len(reader.tokens):
        raise _wrong("There is a closing parenthesis too many.", question, parameter)
    if not node.can_stand_alone():
        raise _wrong(
            "Rules must contain at least one positive, non-stopword clause that can stand alone.", question, parameter
        )
    return node


class _Reader:
    def __init__(self, question: str, parameter: str) -> None:
        self.question, self.parameter = question, parameter
        self.tokens: Sequence[dict[str, Any]] = list(self._cut())
        self.place = 0

    def alternatives(self, depth: int) -> Node:
        if depth > DEEPEST:
            raise _wrong("Too many parentheses inside each other.", self.question, self.parameter)
        parts = [self._together(depth)]
        while self._is_or():
            self.place += 1
            parts.append(self._together(depth))
        return parts[0] if len(parts) == 1 else Node("or", parts=tuple(parts))

    def _together(self, depth: int) -> Node:
        parts = []
        while self.place < len(self.tokens) and not self._is_or() and not self.tokens[self.place]["close"]:
            parts.append(self._one(depth))
        if not parts:
            raise _wrong("Something is missing beside OR or inside parentheses.", self.question, self.parameter)
        return parts[0] if len(parts) == 1 else Node("and", parts=tuple(parts))

    def _one(self, depth: int) -> Node:
        token = self.tokens[self.place]
        self.place += 1
        if token["open"]:
            inner = self.alternatives(depth + 1)
            if self.place >= len(self.tokens):
                raise _wrong("A parenthesis is not closed.", self.question, self.parameter)
            self.place += 1
            return Node("not", parts=(inner,)) if token["open"].startswith("-") else inner
        node = self._term(token)
        return Node("not", parts=(node,)) if token["minus"] else node

    def _term(self, token: dict[str, Any]) -> Node:
        operator, value = token["operator"], token["phrase"] if token["phrase"] is not None else token["word"]
        if not operator:
            return _word(value, is_phrase=token["phrase"] is not None)
        if operator not in OPERATORS:
            raise _wrong(f"Reference to invalid operator '{operator}'.", self.question, self.parameter)
        low = value.lower().removeprefix("@")
        if (operator == "is" and low not in IS) or (operator == "has" and low not in HAS):
            raise _wrong(f"Reference to invalid field '{operator}:{low}'.", self.question, self.parameter)
        return Node(operator, low if operator in ("is", "has", "lang", "url") else f"{operator}:{low}")

    def _is_or(self) -> bool:
        token = self.tokens[self.place] if self.place < len(self.tokens) else None
        return bool(token and token["word"] == "OR" and not token["minus"] and not token["operator"])

    def _cut(self) -> Iterator[dict[str, Any]]:
        place, question = 0, self.question.rstrip()
        while place < len(question):
            found = TOKEN.match(question, place)
            if not found:
                raise _wrong(f"Cannot be read from position {place + 1} on.", question, self.parameter)
            yield found.groupdict()
            place = found.end()


def _word(value: str, *, is_phrase: bool) -> Node:
    low = value.lower()
    if not is_phrase and low[0] in "@#$＃" and len(low) > 1 and words_of(low):
        return Node("anchor", low.replace("＃", "#"))
    words = tuple(words_of(value))
    # What has no word in it, an emoji for instance, is looked for as it stands.
    return Node("phrase", value, words=words) if words else Node("url", low)


def _in_order(words: Sequence[str], text: Sequence[str]) -> bool:
    if len(words) == 1:
        return words[0] in text
    first, length = words[0], len(words)
    return any(
        text[place] == first and tuple(text[place : place + length]) == tuple(words)
        for place in range(len(text) - length + 1)
    )


def _tests(kind: str, value: str, subject: Subject) -> bool:
    tweet = subject.tweet
    if kind == "lang":
        return (tweet.lang or "und") == value
    if kind == "url":
        return value in subject.text
    links = bool(ADDRESS.search(tweet.text)) if value == "links" else False
    tests = {
        "retweet": tweet.reposted_id is not None,
        "reply": tweet.in_reply_to_id is not None,
        "quote": tweet.quoted_id is not None,
        "verified": subject.is_verified,
        "links": links or bool(tweet.media),
        "media": bool(tweet.media),
        "images": bool(tweet.media) and not subject.has_films,
        "videos": subject.has_films,
        "video_link": subject.has_films,
        "mentions": any(anchor.startswith("@") for anchor in subject.anchors),
        "hashtags": any(anchor.startswith("#") for anchor in subject.anchors),
        "cashtags": any(anchor.startswith("$") for anchor in subject.anchors),
    }
    return tests.get(value, False)


def _wrong(message: str, question: str, parameter: str) -> problems.Problem:
    return problems.invalid(message, **{parameter: question[:512]})
