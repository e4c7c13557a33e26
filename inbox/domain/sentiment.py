"""How the writer of an English text feels: the sums of VADER, worked out for thousands of tweets a second.

VADER's tables (Hutto and Gilbert, 2014) say what each word is worth and its rules how neighbours change that. These
are the same tables and rules, in an order that looks at the neighbours of words that are worth something, and at no
others. `tests/inbox/domain/test_sentiment.py` holds it to VADER's own answers.
"""

import re
import string
from collections.abc import Mapping, Sequence
from math import sqrt

from vaderSentiment.vaderSentiment import (
    BOOSTER_DICT,
    C_INCR,
    N_SCALAR,
    NEGATE,
    SPECIAL_CASES,
    SentimentIntensityAnalyzer,
)

_MARKS = string.punctuation
_TURNED = N_SCALAR
_LOUD = C_INCR
_BOOSTERS: dict[str, float] = BOOSTER_DICT
_NEGATIONS = frozenset(NEGATE)
_IDIOMS: dict[str, float] = SPECIAL_CASES
# Each idiom and each booster of several words has one of these; without one there is nothing to put together.
_IN_IDIOMS = frozenset({"shit", "bomb", "ass", "stop", "right", "death", "die", "heart", "enough", "kind", "sort"})
# Every emoji is one of these. A class of the 1,300 themselves would be tried one by one at each sign.
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_FADING = (1.0, 0.95, 0.9)  # what a booster is worth one, two and three words before


class Ear:
    """Hears English. Made once for a process; `more` are words of our own, worth from -4 to 4."""

    def __init__(self, more: Mapping[str, float]) -> None:
        vader = SentimentIntensityAnalyzer()
        self._worth: dict[str, float] = {**vader.lexicon, **more}
        self._emoji: dict[str, str] = vader.emojis
        self._with_emoji = frozenset(self._emoji)

    def hear(self, text: str) -> tuple[float, bool]:
        """The polarity from -1 to 1, and whether any word is sour."""
        if not text.isascii() and not self._with_emoji.isdisjoint(text):
            text = self._named(text)
        words = [word if len(word) > 2 else token for token in text.split() for word in (token.strip(_MARKS),)]
        lower = [word.lower() for word in words]
        worth = self._worth
        found = [place for place, word in enumerate(lower) if word in worth]
        if not found:
            return 0.0, False
        shouts = _Shouting(words)
        values = {
            place: _value(place, lower, worth, shouts)
            for place in found
            if lower[place] not in _BOOSTERS and not (lower[place] == "kind" and lower[place + 1 : place + 2] == ["of"])
        }
        if "but" in lower:
            values = dict(enumerate(_after_but([values.get(place, 0) for place in range(len(lower))], lower)))
        total = float(sum(values.values()))
        if total:
            emphasis = min(text.count("!"), 4) * 0.292 + _of_questions(text.count("?"))
            total += emphasis if total > 0 else -emphasis
        return round(total / sqrt(total * total + 15), 4), any(value < 0 for value in values.values())

    def _named(self, text: str) -> str:
        """The text with each emoji written out, as VADER writes it: with a space before it, where there is none."""
        return _NOT_ASCII.sub(self._name_of, text)

    def _name_of(self, found: re.Match[str]) -> str:
        name = self._emoji.get(found[0])
        if name is None:
            return found[0]
        place = found.start()
        return name if place == 0 or found.string[place - 1] == " " else f" {name}"


class _Shouting:
    """Whether a word is shouted: in capitals, where others are not. Asked for few words, so worked out when asked."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words
        self._some: bool | None = None

    def at(self, place: int) -> bool:
        if not self._words[place].isupper():
            return False
        if self._some is None:
            self._some = not all(word.isupper() for word in self._words)
        return self._some


def _value(place: int, lower: Sequence[str], worth: Mapping[str, float], shouts: _Shouting) -> float:
    """What the word at this place is worth among its neighbours."""
    word = lower[place]
    value = worth[word]
    if word == "no" and place + 1 < len(lower) and lower[place + 1] in worth:
        value = 0.0
    before = lower[max(0, place - 3) : place][::-1]
    if "no" in before and ("no" in before[:2] or before[0] in ("or", "nor")):
        value = worth[word] * _TURNED
    if shouts.at(place):
        value += _LOUD if value > 0 else -_LOUD
    for back, neighbour in enumerate(before):
        if neighbour in worth:
            continue
        if neighbour in _BOOSTERS:
            value += _boost(neighbour, value, shouts.at(place - back - 1)) * _FADING[back]
        value = _turned(value, before, back)
        if back == 2:
            value = _in_idiom(value, place, lower)
    if before and before[0] == "least" and "least" not in worth and before[1:2] not in (["at"], ["very"]):
        value *= _TURNED
    return value


def _boost(booster: str, value: float, is_loud: bool) -> float:
    boost = -_BOOSTERS[booster] if value < 0 else _BOOSTERS[booster]
    if is_loud:
        boost += _LOUD if value > 0 else -_LOUD
    return boost


def _turned(value: float, before: Sequence[str], back: int) -> float:
    """The value after a "not" so many words back, where there is one."""
    word = before[back]
    if back and before[0] in ("so", "this") and (back == 2 or word == "never"):
        return value * 1.25
    if back == 2 and word == "never" and before[1] in ("so", "this"):
        return value * 1.25
    if word == "without" and "doubt" in before[:back]:
        return value
    return value * _TURNED if word in _NEGATIONS or "n't" in word else value


def _in_idiom(value: float, place: int, lower: Sequence[str]) -> float:
    """The value where the word is part of an idiom, or follows a booster of several words."""
    around = lower[place - 3 : place + 3]
    if _IN_IDIOMS.isdisjoint(around):
        return value
    three, two, one, own = around[:4]
    sequences = (f"{one} {own}", f"{two} {one} {own}", f"{two} {one}", f"{three} {two} {one}", f"{three} {two}")
    value = next((_IDIOMS[words] for words in sequences if words in _IDIOMS), value)
    for length in (5, 6):
        if len(around) >= length:
            value = _IDIOMS.get(" ".join(around[3:length]), value)
    return value + sum(_BOOSTERS.get(words, 0.0) for words in (sequences[3], sequences[4], sequences[2]))


def _after_but(values: list[float], lower: Sequence[str]) -> list[float]:
    """What comes before "but" counts half, what follows it half as much again.

    Of two words that are worth the same, VADER changes the first, twice. So do we.
    """
    turn = lower.index("but")
    for each in range(len(values)):
        value = values[each]
        place = values.index(value)
        values[place] = value * (0.5 if place < turn else 1.5 if place > turn else 1)
    return values


def _of_questions(count: int) -> float:
    if count < 2:
        return 0.0
    return count * 0.18 if count <= 3 else 0.96
