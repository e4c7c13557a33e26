"""How soon a tweet must be looked at, in which language it is, and how its writer feels about us.

Judged by what is written and nothing else: the words it listens for are in `triage.toml` beside this file. It notices
danger that a customer states; it never guesses at anybody's health, views, origin or means.
"""

import html
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from importlib import import_module
from math import log, sqrt
from pathlib import Path
from typing import Any, NamedTuple

from django.db import connection
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from inbox.domain.sentiment import Ear
from inbox.enums import Urgency
from inbox.twitter.shapes import Tweet

VERY_UNHAPPY = -0.6
UNHAPPY = -0.05
HAPPY = 0.4
READ_BY_MANY = 50_000


class Reading(NamedTuple):
    """One tweet to judge. `lang` is what Twitter said of it, if anything; the rest is of the tweet and its writer."""

    text: str
    lang: str | None
    follower_count: int
    names_handle: bool
    is_reply: bool
    at: datetime


class Assessment(NamedTuple):
    """`polarity` runs from -1, angry, to 1, delighted. Each reason is a phrase for agents to read."""

    language: str
    polarity: float
    urgency: Urgency
    reasons: tuple[str, ...]


def assess(tweets: Mapping[int, Tweet], *, ours: frozenset[int]) -> dict[int, Assessment]:
    """What each inbound tweet of a batch says, by tweet id; ours are not assessed."""
    inbound = [tweet for tweet in tweets.values() if tweet.author_id not in ours]
    readings = [_reading(tweet, ours) for tweet in inbound]
    return {tweet.id: found for tweet, found in zip(inbound, assess_texts(readings), strict=True)}


def settle(conversation_ids: Sequence[int]) -> None:
    """Bring these conversations' urgency, language, polarity and reach up to their messages.

    As urgent as the most urgent message that waits for an answer; the rest is the customer's last word.
    """
    with connection.cursor() as cursor:
        cursor.execute(_SETTLE, [list(conversation_ids)])


def assess_texts(readings: Sequence[Reading]) -> list[Assessment]:
    """Judge many tweets, in their order. Each by itself: the same tweet is judged the same in any company."""
    return [_assess(reading) for reading in readings]


def language_of(text: str, lang: str | None = None) -> str:
    """The language of a text as a two- or three-letter code: Twitter's word for it, else a guess; "und" if no words."""
    if lang:
        code = _base_code(lang)
        if code not in _NO_LANGUAGE:
            return code
    words = _NOISE.sub(" ", text)
    if not any(map(str.isalpha, words)):
        return "und"
    guess, score = _identifier().classify(words)
    return str(guess) if score > _NOTHING_KNOWN else "und"


def polarity(text: str, language: str) -> float:
    """How the writer feels, from -1 to 1: as VADER sums it up in English, by our own short word lists elsewhere."""
    plain = _plain(text)
    return _feeling(plain, _fold(plain, language), language).polarity


def _assess(reading: Reading) -> Assessment:
    language = language_of(reading.text, reading.lang)
    plain = _plain(reading.text)
    folded = _fold(plain, language)
    feeling = _feeling(plain, folded, language)

    found = _signs(folded, language, feeling.polarity)
    if feeling.polarity <= VERY_UNHAPPY:
        found[_VERY_UNHAPPY] = Urgency.SOON
    elif feeling.polarity <= UNHAPPY and reading.follower_count >= READ_BY_MANY:
        found[_READ_BY_MANY] = Urgency.SOON
    if found:
        reasons = sorted(found, key=lambda reason: -found[reason])
        return Assessment(language, feeling.polarity, found[reasons[0]], tuple(reasons))

    if calm := _why_calm(reading, folded, language, feeling):
        return Assessment(language, feeling.polarity, Urgency.CALM, (calm,))
    return Assessment(language, feeling.polarity, Urgency.NORMAL, ())


def _signs(folded: str, language: str, polarity: float) -> dict[str, Urgency]:
    found: dict[str, Urgency] = {}
    for sign in _listener(language if language in _LANGUAGES else "en").hear(folded):
        if polarity <= UNHAPPY or not sign.only_unhappy:
            found.setdefault(sign.reason, sign.urgency)
    return found


def _why_calm(reading: Reading, folded: str, language: str, feeling: "_Feeling") -> str | None:
    """Thanks and praise can wait, unless there is a sour word, a question, or a language that we cannot read."""
    if language not in _LANGUAGES or feeling.has_sour_words or "?" in reading.text or _ASKS[language].search(folded):
        return None
    if _THANKS[language].search(folded):
        return "only says thanks"
    if feeling.polarity >= HAPPY:
        return "is only being kind"
    if not reading.names_handle and not reading.is_reply:
        return "asks us nothing"
    return None


# --- reading the words

_NO_LANGUAGE = frozenset({"", "und", "zxx", "qam", "qct", "qht", "qme", "qst", "art"})
_ENGLISH_IS_LIKELIER = log(10)
_NOTHING_KNOWN = -1e38  # py3langid scores a text of which it knows no part lower than this
_OLD_CODES = {"in": "id", "iw": "he", "ji": "yi", "jw": "jv"}
# Each way begins with a letter of its own: what begins none of them is passed over.
_NOISE = re.compile(r"@\w+|＠\w+|https?://\S+|R(?<!\wR)T\b")
_VERY_UNHAPPY, _READ_BY_MANY = "is very unhappy", "is unhappy and read by many"


@cache
def _identifier() -> LanguageIdentifier:
    """Our own copy, made when first asked for: loading takes half a second, and nobody else's settings are touched."""
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE)
    identifier.set_languages(_LISTENED["guessed"])
    identifier.nb_pc[identifier.nb_classes.index("en")] += _ENGLISH_IS_LIKELIER
    return identifier


def _base_code(lang: str) -> str:
    code = lang.lower().replace("_", "-").partition("-")[0]
    return _OLD_CODES.get(code, code)


def _plain(text: str) -> str:
    """As it was typed: names and links would be taken for words, and Twitter's escapes are not the writer's."""
    plain = _NOISE.sub(" ", text) if "@" in text or "://" in text or "＠" in text else text
    if "&" in plain:
        plain = html.unescape(plain)
    return plain.replace("’", "'") if "’" in plain else plain


def _fold(plain: str, language: str) -> str:
    folded = plain.lower()
    if not folded.isascii():
        folded = unicodedata.normalize("NFKD", folded.replace("ß", "ss"))
        for sign in set(folded):
            if unicodedata.combining(sign):
                folded = folded.replace(sign, "")
    folded = folded.replace("'", "" if language not in _LANGUAGES or language == "en" else " ")
    return " ".join(folded.replace("-", " ").split())


# --- polarity


class _Feeling(NamedTuple):
    polarity: float
    has_sour_words: bool


def _feeling(plain: str, folded: str, language: str) -> _Feeling:
    if language in ("en", "und"):
        return _Feeling(*_ENGLISH.hear(plain))
    return _feeling_by_words(plain, folded, language)


def _feeling_by_words(plain: str, folded: str, language: str) -> _Feeling:
    worth, negations = _WORTH.get(language, {}), _NEGATIONS.get(language, frozenset())
    values, turned = [], 0
    for word in _WORD.findall(folded):
        if word in negations:
            turned = 3
            continue
        if value := _worth_of(word, worth):
            # VADER's factor for a word that is turned round: "not good" is milder than "bad".
            values.append(value * -0.74 if turned else value)
        turned = max(turned - 1, 0)
    if not plain.isascii():
        values += [_EMOJI[sign] for sign in plain if sign in _EMOJI]

    total = sum(values)
    if total:
        emphasis = 0.29 * min(plain.count("!"), 4)
        total += emphasis if total > 0 else -emphasis
    return _Feeling(round(total / sqrt(total * total + 15), 4), any(value < 0 for value in values))


def _worth_of(word: str, worth: dict[str, float]) -> float:
    value = worth.get(word)
    if value is None:
        for ending in range(1, min(4, len(word) - 3)):
            if (value := worth.get(word[:-ending])) is not None:
                return value
    return value or 0.0


# --- what triage.toml says


class _Sign(NamedTuple):
    reason: str
    urgency: Urgency
    only_unhappy: bool


_WORD = re.compile(r"\w+")
_PICTURES = re.compile(r"[^\w\x00-\x7f]")
_HEAD = 3
# Python's own reader of regular expressions, which its type stubs know nothing of.
_READER: Any = import_module("re._parser")
_ASCII = [chr(code) for code in range(128)]
_LISTENED = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
_SIGNS = {
    sign["name"]: _Sign(sign["reason"], Urgency[sign["urgency"]], sign.get("only_unhappy", False))
    for sign in _LISTENED["signs"]
}
_WORTH: dict[str, dict[str, float]] = {code: words for code, words in _LISTENED["worth"].items() if code != "en"}
_NEGATIONS = {code: frozenset(words) for code, words in _LISTENED["negations"].items()}
_EMOJI: dict[str, float] = _LISTENED["emoji"]


class _Listener:
    """All signs of a language: where two begin at the same word, the first in the file is heard.

    Few words begin any sign. They are found by their first three letters, and only the signs that begin with those are
    tried there; all of them at each word would cost five times as much.
    """

    def __init__(self, code: str) -> None:
        heard = [(pattern, _SIGNS[sign["name"]]) for sign in _LISTENED["signs"] for pattern in sign[code]]
        by_head: dict[str, list[tuple[str, _Sign]]] = {}
        for pattern, sign in heard:
            for head in heads(pattern):
                by_head.setdefault(head, []).append((pattern, sign))
        self._heads = re.compile(rf"\b(?=\w)(?:{_branching(sorted(by_head))})")
        several = {tuple(signs): _one_of(signs) for signs in by_head.values()}
        self._at = {head: several[tuple(signs)] for head, signs in by_head.items()}
        self._everywhere = _one_of(heard)

    def hear(self, folded: str) -> list[_Sign]:
        """The signs in a text, one after another. None of them begins within another."""
        if not folded.isascii():
            # A picture ends a word as a full stop does, and no sign has either.
            folded = _PICTURES.sub(".", folded)
        if not folded.isascii():
            listener, signs = self._everywhere
            return [signs[(match.lastindex or 0) - 1] for match in listener.finditer(folded)]
        heard, place = [], 0
        while begun := self._heads.search(folded, place):
            listener, signs = self._at[begun[0]]
            if match := listener.match(folded, begun.start()):
                heard.append(signs[(match.lastindex or 0) - 1])
                place = match.end()
            else:
                place = begun.start() + 1
        return heard


def heads(pattern: str) -> set[str]:
    """The first three characters of everything that a pattern matches, in ASCII; fewer where it ends before."""
    return {head[:_HEAD] for head in _grown({""}, _READER.parse(pattern))}


def _grown(begun: set[str], nodes: Iterable[tuple[Any, Any]]) -> set[str]:
    for operation, told in nodes:
        if all(len(head) >= _HEAD for head in begun):
            break
        name = str(operation)
        if name == "LITERAL":
            begun = {head + chr(told) if len(head) < _HEAD else head for head in begun}
        elif name == "IN":
            signs = [sign for sign in _ASCII if re.match(_class_of(told), sign)]
            begun = {head + sign if len(head) < _HEAD else head for head in begun for sign in signs}
        elif name == "SUBPATTERN":
            begun = _grown(begun, told[3])
        elif name == "BRANCH":
            begun = {head for way in told[1] for head in _grown(begun, way)}
        elif name == "MAX_REPEAT":
            least, most, repeated = told
            ways, times = set(begun) if least == 0 else set(), begun
            for count in range(1, min(int(most), _HEAD) + 1):
                times = _grown(times, repeated)
                ways |= times if count >= least else set()
            begun = ways
        elif name != "ASSERT_NOT":
            raise ValueError(f"signs are not made of {name}")
    return begun


def _class_of(items: Iterable[tuple[Any, Any]]) -> str:
    names = {"CATEGORY_WORD": r"\w", "CATEGORY_DIGIT": r"\d"}
    parts = [names[str(told)] if str(kind) == "CATEGORY" else re.escape(chr(told)) for kind, told in items]
    return f"[{''.join(parts)}]"


def _branching(words: Sequence[str]) -> str:
    """An expression for any of these, which decides at each letter: the longer ones first."""
    by_first = {first: [word[1:] for word in words if word[:1] == first] for first in {word[:1] for word in words}}
    ends = by_first.pop("", None) is not None
    ways = [re.escape(first) + _branching(rest) for first, rest in sorted(by_first.items())]
    if not ways:
        return ""
    return f"(?:{'|'.join(ways)}){'?' if ends else ''}"


def _one_of(heard: Sequence[tuple[str, _Sign]]) -> tuple[re.Pattern[str], list[_Sign]]:
    """Signs as one expression, the first first.

    An empty group ends each pattern and tells which it was; in front it would hide the first letter, and cost twice.
    """
    return _words(f"{pattern}()" for pattern, _ in heard), [sign for _, sign in heard]


def _words(patterns: Iterable[str]) -> re.Pattern[str]:
    return re.compile(rf"\b(?=\w)(?:{'|'.join(patterns)})\b")


_LANGUAGES = frozenset({"en", *_WORTH})
_listener = cache(_Listener)  # made when first asked for, as it takes a tenth of a second
_ASKS, _THANKS = ({code: _words(words) for code, words in _LISTENED[table].items()} for table in ("asks", "thanks"))
_ENGLISH = Ear(_LISTENED["worth"]["en"])


def _reading(tweet: Tweet, ours: frozenset[int]) -> Reading:
    author = tweet.accounts.get(tweet.author_id)
    return Reading(
        text=tweet.text,
        lang=tweet.lang or None,
        follower_count=author.followers if author else 0,
        names_handle=any(account_id in ours for account_id, _ in tweet.mentioned),
        is_reply=tweet.in_reply_to_id is not None,
        at=tweet.created_at,
    )


_SETTLE = """
UPDATE inbox_conversation c
SET urgency = coalesce(w.urgency, l.urgency, 1), language = coalesce(l.language, ''), polarity = l.polarity,
    reach = coalesce(l.reach, c.reach)
FROM unnest(%s::bigint[]) AS wanted(id)
LEFT JOIN LATERAL (
    SELECT m.language, m.polarity, m.urgency, m.reach FROM inbox_message m
    WHERE m.conversation_id = wanted.id AND m.direction = 'in' ORDER BY m.id DESC LIMIT 1
) l ON true
LEFT JOIN LATERAL (
    SELECT max(m.urgency) AS urgency FROM inbox_message m
    WHERE m.conversation_id = wanted.id AND m.direction = 'in' AND m.deleted_at IS NULL AND m.id > greatest(
        (SELECT max(o.id) FROM inbox_message o WHERE o.conversation_id = wanted.id AND o.direction = 'out'),
        (SELECT settled_through FROM inbox_conversation WHERE id = wanted.id))
) w ON true
WHERE c.id = wanted.id
"""
