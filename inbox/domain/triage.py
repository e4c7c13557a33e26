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
from math import log, sqrt
from pathlib import Path
from typing import NamedTuple

from django.db import connection
from py3langid.langid import MODEL_FILE, LanguageIdentifier
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

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
    """How the writer feels, from -1 to 1: by VADER in English, by our own short word lists elsewhere."""
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
    listener, signs = _LISTENERS.get(language) or _LISTENERS["en"]
    found: dict[str, Urgency] = {}
    for match in listener.finditer(folded):
        sign = signs[(match.lastindex or 0) - 1]
        if polarity <= UNHAPPY or not sign.only_unhappy:
            found.setdefault(sign.reason, sign.urgency)
    return found


def _why_calm(reading: Reading, folded: str, language: str, feeling: "_Feeling") -> str | None:
    """Thanks and praise can wait, unless there is a sour word, a question, or a language that we cannot read."""
    if language not in _LISTENERS or feeling.has_sour_words or "?" in reading.text or _ASKS[language].search(folded):
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
_NOISE = re.compile(r"[@＠]\w+|https?://\S+|\bRT\b")
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
        decomposed = unicodedata.normalize("NFKD", folded.replace("ß", "ss"))
        folded = "".join([sign for sign in decomposed if not unicodedata.combining(sign)])
    folded = folded.replace("'", "" if language not in _LISTENERS or language == "en" else " ")
    return " ".join(folded.replace("-", " ").split())


# --- polarity


class _Feeling(NamedTuple):
    polarity: float
    has_sour_words: bool


def _feeling(plain: str, folded: str, language: str) -> _Feeling:
    if language in ("en", "und"):
        scores = _VADER.polarity_scores(plain)
        return _Feeling(scores["compound"], scores["neg"] > 0)
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
_LISTENED = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
_SIGNS = {
    sign["name"]: _Sign(sign["reason"], Urgency[sign["urgency"]], sign.get("only_unhappy", False))
    for sign in _LISTENED["signs"]
}
_WORTH: dict[str, dict[str, float]] = {code: words for code, words in _LISTENED["worth"].items() if code != "en"}
_NEGATIONS = {code: frozenset(words) for code, words in _LISTENED["negations"].items()}
_EMOJI: dict[str, float] = _LISTENED["emoji"]


def _listener(code: str) -> tuple[re.Pattern[str], list[_Sign]]:
    """All signs of a language as one expression: where two begin at the same word, the first in the file is heard.

    An empty group ends each pattern and tells which it was; in front it would hide the first letter, and cost twice.
    """
    heard = [(pattern, _SIGNS[sign["name"]]) for sign in _LISTENED["signs"] for pattern in sign[code]]
    return _words(f"{pattern}()" for pattern, _ in heard), [sign for _, sign in heard]


def _words(patterns: Iterable[str]) -> re.Pattern[str]:
    return re.compile(rf"\b(?=\w)(?:{'|'.join(patterns)})\b")


_LISTENERS = {code: _listener(code) for code in ("en", *_WORTH)}
_ASKS, _THANKS = ({code: _words(words) for code, words in _LISTENED[table].items()} for table in ("asks", "thanks"))
_VADER = SentimentIntensityAnalyzer()
_VADER.lexicon.update(_LISTENED["worth"]["en"])


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
