"""A draft as the coach reads it: folded, with names, links, blanks and other people's words taken out.

Every place that is found is a place in the text as it was typed.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Word(NamedTuple):
    """A word or phrase of a text, and where it stands: code points, the end exclusive."""

    text: str
    start: int
    end: int


class Draft(NamedTuple):
    """`folded` is what is listened to; `places` says where each of its characters stands in `text`."""

    text: str
    language: str
    folded: str
    places: Sequence[int]
    said: str  # as typed, with everything blanked out that the agent did not say

    @classmethod
    def of(cls, text: str, language: str) -> "Draft":
        """Read a text in this language (a two-letter code)."""
        code = language.lower().replace("_", "-").partition("-")[0]
        said = _NOT_SAID.sub(lambda found: "\0" * len(found[0]), text)
        return cls(text, code, *_folded(said, code), said)

    def word(self, start: int, end: int) -> Word:
        """What stands at this place of the folded text, as it was typed."""
        first, last = self.places[start], self.places[end - 1] + 1
        while last > first and self.text[last - 1].isspace():
            last -= 1
        return Word(self.text[first:last], first, last)

    def is_turned(self, place: int, *, by: re.Pattern[str] | None, turns: re.Pattern[str] | None) -> bool:
        """Whether a word before this place, in the same clause, says the contrary."""
        if by is None:
            return False
        begin = max((found.end() for found in _CLAUSE.finditer(self.folded, 0, place)), default=0)
        if turns is not None:
            begin = max((found.end() for found in turns.finditer(self.folded, begin, place)), default=begin)
        return by.search(self.folded, begin, place) is not None

    def is_asked(self, place: int, *, by: re.Pattern[str] | None) -> bool:
        """Whether this place is in a question, the clause of which begins with such words."""
        end = _SENTENCE_SIGN.search(self.folded, place)
        if by is None or end is None or end[0] not in "?？":
            return False
        begin = max((found.end() for found in _CLAUSE.finditer(self.folded, 0, place)), default=0)
        asked = by.search(self.folded, begin)
        return asked is not None and not self.folded[begin : asked.start()].strip(_BLANK)

    def literally(self, words: Iterable[str]) -> list[Word]:
        """Where these words stand as they are, whatever their case and accents."""
        found = []
        for word in words:
            wanted = " ".join(_folded(word, self.language)[0].split())
            if wanted:
                spelt = re.escape(wanted).replace(r"\ ", r"\s+")
                expression = re.compile(spelt if self.language == "ja" else rf"(?<!\w){spelt}(?!\w)")
                found += [self.word(match.start(), match.end()) for match in expression.finditer(self.folded)]
        return found

    def ways(self) -> list[Word]:
        """Links, e-mail addresses and telephone numbers: what can be tapped."""
        found = [
            Word(match[0], match.start(), match.end())
            for expression in (_EMAIL, _LINK)
            for match in expression.finditer(self.text)
        ]
        found += [
            Word(match["number"], match.start("number"), match.end("number"))
            for match in _PHONE.finditer(self.said)
            if not _OTHER_NUMBER.search(self.said, 0, match.start("number"))
        ]
        return found

    def sentence_around(self, word: Word) -> str:
        """The sentence that holds this word, as it was typed."""
        begin = max((end.end() for end in _SENTENCE.finditer(self.text, 0, word.start)), default=0)
        end = _SENTENCE.search(self.text, word.end)
        return self.text[begin : end.start() if end else len(self.text)].strip()

    def shouts(self) -> bool:
        """Whether it holds words in capitals, one after another or many."""
        return _SHOUTED.search(self.said) is not None

    def has_time_after(self, place: int) -> bool:
        """Whether the sentence from here on says when."""
        return _WHEN.search(self.text, place) is not None


def names_in(draft: Draft, names: Iterable[str]) -> list[Word]:
    """Where somebody is named: one of these names, or a sign-off at the end."""
    found = draft.literally(name for name in names if len(name) > 1)
    if sign_off := _SIGN_OFF.search(draft.said):
        found.append(Word(sign_off["who"], sign_off.start("who"), sign_off.end("who")))
    return list(dict.fromkeys(found))


def _folded(text: str, code: str) -> tuple[str, Sequence[int]]:
    if text.isascii():
        return text.lower(), range(len(text))
    letters, places = [], []
    for place, sign in enumerate(text):
        plain = _APOSTROPHES.get(sign) or sign.lower()
        if code != "ja" and not plain.isascii():
            plain = "".join(part for part in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(part))
            plain = plain.replace("ß", "ss")
        letters.append(plain)
        places += [place] * len(plain)
    return "".join(letters), places


_APOSTROPHES = dict.fromkeys("’‘ʼ′´`", "'")
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+")
_LINK = re.compile(
    r"https?://[^\s\"”»<>]*[^\s\"”»<>.,;:!?)]"
    r"|(?<![\w@.\-])(?:[a-z0-9-]+\.)+(?:com|org|net|info|io|co|app|help|support|care|shop|store|me|eu|uk|de|es|fr|pt|it|nl|jp|br|ie|ca|au"
    r"|example)\b(?:/[^\s\"”»<>]*[^\s\"”»<>.,;:!?)])?",
    re.IGNORECASE,
)
# Others' words (in quotation marks), blanks, names, and what is to be tapped, not read.
_NOT_SAID = re.compile(
    rf"{_EMAIL.pattern}|{_LINK.pattern}|(?<!\w)[@＠]\w+"
    r"|\"[^\"\n]{1,200}\"|“[^”\n]{1,200}”|«[^»\n]{1,200}»|„[^“”\n]{1,200}[“”]|「[^」\n]{1,200}」|(?m:^\s*>.*$)"
    r"|\{[^{}\n]{1,40}\}",
    re.IGNORECASE,
)
_CLAUSE = re.compile(r"[.!?;:,()\n–—…。、！？]")
_SENTENCE_SIGN = re.compile(r"[.!?…\n。！？]")
_BLANK = " \t\0-–—"
_SENTENCE = re.compile(r"[.!?…](?=\s|$)|[\n。！？]")
_PHONE = re.compile(
    r"(?:(?<![\w#/.-])(?:\+|0)"
    r"|(?i:\b(?:call|ring|phone|tel|text|whatsapp|dial|us on|me on)\b\W{0,3}(?:(?:us|me|on|at|free on)\s){0,2})(?=\d))"
    r"(?P<number>(?<=[+0])\d[\d ().-]{5,16}\d|\d[\d ().-]{5,16}\d)(?![\w-])"
)
_OTHER_NUMBER = re.compile(
    r"(?i:\b(?:order|ref\w*|number|no\.?|tracking|booking|parcel|id|invoice|account|case|claim|flight)\b)"
    r"(?:\s(?:is|was|number|no\.?))*[\s:#+0]*\Z"
)
_SHOUTED = re.compile(r"\b[A-ZÀ-Þ]{4,}\b(?:[^\w\n]+[A-ZÀ-Þ]{1,}\b)*[^\w\n]+\b[A-ZÀ-Þ]{4,}\b")
_SIGN_OFF = re.compile(r"(?P<who>\^\s?[^\W\d_]{1,15}|(?:(?<=\s)|^)[-–—~/*]\s?[A-ZÀ-Þ][^\W\d_]{1,14})[.\s\0]*\Z")
_WHEN = re.compile(
    r"(?i)\d|\b(?:tomorrow|tonight|today|noon|midday|midnight|this (?:morning|afternoon|evening)"
    r"|(?:mon|tues|wednes|thurs|fri|satur|sun)day|(?:an|half an|the) hour|end of (?:the )?(?:day|week)"
    r"|mañana|hoy|amanhã|hoje|demain|aujourd'hui|morgen|heute|domani|oggi|vandaag)\b|明日|本日"
)
