"""Cutting a long answer into parts that Twitter takes, where a reader would pause.

A cut is made between paragraphs, else between sentences, else at a comma, else between words; never inside a link, a
name, a tag, a number or an emoji. Only what is longer than a whole part without any space (Thai, Chinese, a hostile
text) is cut between two signs.
"""

import re
import unicodedata
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import NamedTuple

from inbox.twitter.emoji import SEQUENCE
from inbox.twitter.text import cashtags, hashtags, mentions, urls, weighted_length

# Of the parts that a text can be cut into: more is no answer, and no reader follows it.
MOST_PARTS = 25
# A cut at a better place is taken where at least this share of a part is filled.
_LEAST_FILLED = 0.4
_LEAST_WORDS = 3


class TooLong(ValueError):
    """More than `MOST_PARTS` parts."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part: `text` as it is posted, `rest` as it was written from here to the end of the answer."""

    text: str
    rest: str


def split_answer(text: str, *, limit: int, numbered: bool = False) -> list[Part]:
    """A text in parts of at most `limit` of Twitter's units, each with its number where that is wanted.

    What fits is one part, without a number. The parts say the same as the text, with white space between them.
    Raises `TooLong`.
    """
    text = text.strip()
    if weighted_length(text) <= limit:
        return [Part(text, text)]
    for reserved in (len(" 1/9"), len(" 10/99")) if numbered else (0,):
        spans = _spans(text, limit - reserved)
        if not numbered or reserved >= len(f" {len(spans)}/{len(spans)}"):
            break
    if len(spans) > MOST_PARTS:
        raise TooLong(f"{len(spans)} parts")
    last = len(spans)
    return [
        Part(text[start:end] + (f" {number}/{last}" if numbered else ""), text[start:])
        for number, (start, end) in enumerate(spans, start=1)
    ]


class _Cut(NamedTuple):
    """A place between two signs; the lower its rank, the better to pause there."""

    at: int
    rank: int


_PARAGRAPH, _SENTENCE, _PAUSE, _WORD, _SIGN = range(5)
_GAP = re.compile(r"\s+")
_NO_SPACE_SENTENCE = re.compile(r"[。！？｡．]+[」』”’）)】]*(?=\S)")
_ENDS_SENTENCE = re.compile(r"[.!?…。！？؟।]+[\"'”’»«)\]」』]*$")
_ENDS_PAUSE = re.compile(r"[,;:–—،、，]$")
_ABBREVIATED = re.compile(r"(?:^|[\s(.])\w\.$")
# A telephone number, an amount with its currency, a time with its unit: nobody reads on over a cut in them.
_NUMBER = re.compile(
    r"(?:[€$£¥#№+(]|Nr\.|No\.)?[ \u00a0\u202f]?\d[\d.,:/()–-]*(?:[ \u00a0\u202f][\d(][\d.,:/()–-]*)*"
    r"(?:[ \u00a0\u202f]?(?:[€$£¥%°]|(?:am|pm|Uhr|EUR|USD|GBP|CHF|kg|km|h|min|GB|MB)\b))?"
)
_LONGEST_NUMBER = 40


def _spans(text: str, limit: int) -> list[tuple[int, int]]:
    cuts, ends = _cuts(text)
    spans, start = [], 0
    while start < len(text):
        end = _next_end(text, start, cuts, limit=limit)
        spans.append((start, _trimmed(text, start, end)))
        start = _after_gap(text, end)
        if len(spans) > MOST_PARTS and start < len(text):
            raise TooLong(f"more than {MOST_PARTS} parts")
    return _without_orphan(text, spans, cuts, limit=limit) if ends else spans


def _cuts(text: str) -> tuple[list[_Cut], list[int]]:
    """Where the text may be cut, in order, and the same as bare places."""
    whole = _unbreakable(text)
    starts = [start for start, _ in whole]
    found = []
    for gap in _GAP.finditer(text):
        if not _is_inside(gap.start(), gap.end(), whole, starts):
            found.append(_Cut(gap.start(), _rank(text, gap)))
    for end in _NO_SPACE_SENTENCE.finditer(text):
        if not _is_inside(end.end(), end.end(), whole, starts):
            found.append(_Cut(end.end(), _SENTENCE))
    found.sort()
    return found, [cut.at for cut in found]


def _unbreakable(text: str) -> list[tuple[int, int]]:
    found = [(each.start, each.end) for kind in (urls, mentions, hashtags, cashtags) for each in kind(text)]
    found += [(m.start(), m.end()) for m in _NUMBER.finditer(text) if m.end() - m.start() <= _LONGEST_NUMBER]
    found += [m.span() for m in SEQUENCE.finditer(text)]
    merged: list[tuple[int, int]] = []
    for start, end in sorted(found):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _is_inside(start: int, end: int, whole: list[tuple[int, int]], starts: list[int]) -> bool:
    index = bisect_right(starts, start) - 1
    return index >= 0 and whole[index][0] < start and end < whole[index][1]


def _rank(text: str, gap: re.Match[str]) -> int:
    before, after = text[max(0, gap.start() - 12) : gap.start()], text[gap.end() : gap.end() + 1]
    if gap[0].count("\n") > 1:
        return _PARAGRAPH
    if "\n" in gap[0]:
        return _SENTENCE
    if _ENDS_SENTENCE.search(before):
        is_dot = before.rstrip("\"'”’»«)]").endswith(".")
        goes_on = after.islower() or (is_dot and (after.isdigit() or _ABBREVIATED.search(before)))
        return _WORD if goes_on else _SENTENCE
    return _PAUSE if _ENDS_PAUSE.search(before) else _WORD


def _next_end(text: str, start: int, cuts: list[_Cut], *, limit: int) -> int:
    """Where the part that begins here ends: at the best place among the last ones that fit."""
    if weighted_length(text[start:].rstrip()) <= limit:
        return len(text)
    first = bisect_right(cuts, (start, _SIGN + 1))
    last = first + _how_many_fit(text, start, cuts[first:], limit=limit)
    if last == first:
        return _hard_end(text, start, limit=limit)
    least = start + (cuts[last - 1].at - start) * _LEAST_FILLED
    fitting = [cut for cut in cuts[first:last] if cut.at >= least]
    return min(fitting, key=lambda cut: (cut.rank, -cut.at)).at


def _how_many_fit(text: str, start: int, cuts: list[_Cut], *, limit: int) -> int:
    # No sign weighs less than nothing: a link of 4,000 signs weighs 23, so a place is tried and not computed.
    fits = bisect_left(cuts, True, key=lambda cut: weighted_length(text[start : cut.at].rstrip()) > limit)
    while fits and weighted_length(text[start : cuts[fits - 1].at].rstrip()) > limit:
        fits -= 1
    return fits


def _hard_end(text: str, start: int, *, limit: int) -> int:
    """Where a run without any pause is cut: between two signs, never inside what is one sign to a reader."""
    whole = list(_unbreakable(text[start : start + 8 * limit + 4_200]))
    end = best = start + 1
    while end <= len(text) and weighted_length(text[start:end]) <= limit:
        if _is_between_signs(text, end) and not any(s < end - start < e for s, e in whole):
            best = end
        end += 1
    if best == start + 1:  # what may not be cut is longer than a part: it is cut nevertheless
        best = max((at for at in range(start + 1, end) if _is_between_signs(text, at)), default=max(start + 1, end - 1))
    return best


def _is_between_signs(text: str, at: int) -> bool:
    if at >= len(text):
        return True
    joins = unicodedata.category(text[at])[0] == "M" or text[at] in "\u200d\ufe0e\ufe0f" or text[at - 1] == "\u200d"
    return not joins and not 0x1F3FB <= ord(text[at]) <= 0x1F3FF


def _trimmed(text: str, start: int, end: int) -> int:
    return start + len(text[start:end].rstrip())


def _after_gap(text: str, at: int) -> int:
    gap = _GAP.match(text, at)
    return gap.end() if gap else at


def _without_orphan(text: str, spans: list[tuple[int, int]], cuts: list[_Cut], *, limit: int) -> list[tuple[int, int]]:
    """The last two parts cut anew, nearer to their middle, where the last one would be a word or two."""
    if len(spans) < 2 or len(text[spans[-1][0] :].split()) >= _LEAST_WORDS:
        return spans
    start, end = spans[-2][0], spans[-1][1]
    middle = (start + end) / 2
    choices = [
        cut
        for cut in cuts
        if start < cut.at < end
        and len(text[_after_gap(text, cut.at) : end].split()) >= _LEAST_WORDS
        and weighted_length(text[start : cut.at].rstrip()) <= limit
        and weighted_length(text[_after_gap(text, cut.at) : end]) <= limit
    ]
    if not choices:
        return spans
    chosen = min(choices, key=lambda cut: (cut.rank > _SENTENCE, abs(cut.at - middle)))
    return [*spans[:-2], (start, _trimmed(text, start, chosen.at)), (_after_gap(text, chosen.at), end)]
