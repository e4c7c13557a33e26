"""The nine lights: which steps of good service a draft takes, judged by its words, and which words those are.

It is handed a text and plain values and gives advice; it blocks nothing and keeps nothing. A step that is not known in
a language is neither lit nor unlit. What it listens for is in `coaching.toml` beside this file.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from playbooks.domain.canned import blanks_in
from playbooks.domain.drafts import Draft, Word, names_in
from playbooks.enums import Step
from playbooks.models.founding import GUIDANCE

MOST_WORDS_SHOWN = 6


@dataclass(frozen=True)
class Context:
    """What the coach is told besides the draft, in plain values. Everything may be unknown."""

    seconds_left: float | None = None  # of the promise to answer; below zero: late
    is_first_answer: bool = True
    is_upset: bool = False
    open_promises: Sequence[str] = ()
    names: Sequence[str] = ()  # the customer's and the agent's: used in a draft, they make it human
    can_invite: bool = True  # to direct messages
    sentences: Mapping[str, str] = field(default_factory=dict)  # the brand's own guidance, by step
    more_words: Mapping[str, Sequence[str]] = field(default_factory=dict)
    quiet: frozenset[str] = frozenset()


class Light(NamedTuple):
    """One step. `words` are what lit it; `sentence` says that, or what would light it."""

    step: Step
    is_lit: bool
    words: tuple[Word, ...]
    sentence: str
    is_known: bool = True


def advise(text: str, *, language: str, context: Context | None = None) -> list[Light]:
    """The nine lights for a draft, in the order of the steps; those that the brand wants quiet are left out."""
    context = context or Context()
    draft = Draft.of(text, language)
    return [_light(step, draft, context) for step in Step if step not in context.quiet]


def promise_in(text: str, *, language: str) -> str:
    """The sentence of a text in which something is promised to the customer; empty if there is none."""
    draft = Draft.of(text, language)
    word = next(_heard(Step.FOLLOW_UP, draft), None)
    return draft.sentence_around(word) if word else ""


def _light(step: Step, draft: Draft, context: Context) -> Light:
    if step == Step.RESPOND_QUICKLY:
        return _by_the_clock(context)
    if step == Step.TALK_HUMAN:
        return _human(draft, context)
    words = _words_for(step, draft, context)
    if words:
        return Light(step, True, words, _why_lit(step, words, draft))
    is_known = draft.language in _LISTENERS[step]
    return Light(step, False, (), _hint(step, context) if is_known else NOT_KNOWN, is_known)


def _words_for(step: Step, draft: Draft, context: Context) -> tuple[Word, ...]:
    found = list(_heard(step, draft))
    found += draft.literally(context.more_words.get(step, ()))
    if step == Step.EASY_WAY:
        found += draft.ways()
    return _shown(found)


def _shown(found: Iterable[Word]) -> tuple[Word, ...]:
    """In their order, without those that are part of another, and not too many."""
    shown: list[Word] = []
    for word in sorted(found, key=lambda word: (word.start, -word.end)):
        if not shown or word.start >= shown[-1].end:
            shown.append(word)
    return tuple(shown[:MOST_WORDS_SHOWN])


def _heard(step: Step, draft: Draft) -> Iterator[Word]:
    listener = _LISTENERS[step].get(draft.language)
    if listener is None:
        return
    for match in listener.expression.finditer(draft.folded):
        kind = match.lastgroup
        if kind == "sure" or (kind == "lit" and _is_meant(step, draft, match, listener)):
            yield draft.word(match.start(), match.end())


def _is_meant(step: Step, draft: Draft, match: re.Match[str], listener: "_Listener") -> bool:
    """Whether what was heard is neither denied nor, save for a way to connect, only asked after."""
    if step != Step.EASY_WAY and draft.is_asked(match.start(), by=_ASKS.get(draft.language)):
        return False
    if listener.denied and listener.denied.search(draft.folded, match.start(), match.end()):
        return False
    return not draft.is_turned(match.start(), by=listener.turned, turns=_TURNS.get(draft.language))


# --- the two that are not judged by a list of words alone


def _by_the_clock(context: Context) -> Light:
    """Being quick is a matter of time. Words that promise speed ("right away") are no speed."""
    left = context.seconds_left
    if left is None:
        return Light(Step.RESPOND_QUICKLY, False, (), "Nobody is waiting for an answer.", is_known=False)
    if left > 0:
        return Light(Step.RESPOND_QUICKLY, True, (), f"{_span(left)} left of the promise.")
    which = "first answer" if context.is_first_answer else "answer"
    return Light(
        Step.RESPOND_QUICKLY,
        False,
        (),
        f"The {which} was due {_span(-left)} ago. Answer now, and say something about the wait.",
    )


def _human(draft: Draft, context: Context) -> Light:
    """Lit by a name, or by two different signs of a person; not if anything in it sounds like a machine."""
    step = Step.TALK_HUMAN
    speech = _SPEECH.get(draft.language)
    spoilt = _spoilt(draft, speech)
    if spoilt:
        return Light(step, False, (), spoilt)
    names = names_in(draft, context.names) + draft.literally(context.more_words.get(step, ()))
    kinds = {} if speech is None else {kind: _first(expression, draft) for kind, expression in speech.human.items()}
    signs = [word for word in kinds.values() if word]
    if names or len(signs) >= 2:
        words = _shown([*names, *signs])
        return Light(step, True, words, _why_lit(step, words, draft))
    if speech is None:
        return Light(step, False, (), NOT_KNOWN, is_known=False)
    return Light(step, False, (), _hint(step, context))


def _spoilt(draft: Draft, speech: "_Speech | None") -> str:
    if blanks := blanks_in(draft.text):
        return f"Fill in {{{blanks[0]}}}: a blank is what machines leave."
    if draft.shouts():
        return "Words in capitals read as shouting."
    machine = _first(speech.machine, draft) if speech else None
    return f"“{machine.text}” is what machines say. Say it as you would to a neighbour." if machine else ""


def _first(expression: re.Pattern[str], draft: Draft) -> Word | None:
    match = expression.search(draft.folded)
    return draft.word(match.start(), match.end()) if match else None


# --- what it says


NOT_KNOWN = "Not known in this language."


def _hint(step: Step, context: Context) -> str:
    if step == Step.FOLLOW_UP and context.open_promises:
        return f"We promised: “{context.open_promises[0]}”. Say what became of it."
    if step == Step.EASY_WAY and not context.can_invite:
        return "They cannot be invited to direct messages here: give a link or a number that works with one tap."
    hint = context.sentences.get(step) or GUIDANCE[step]
    return f"They are upset. {hint}" if context.is_upset and step in (Step.APOLOGISE, Step.EMPATHISE) else hint


def _why_lit(step: Step, words: Sequence[Word], draft: Draft) -> str:
    said = ", ".join(f"“{word.text}”" for word in words)
    if step == Step.FOLLOW_UP and not draft.has_time_after(words[0].start):
        return f"{said}. Say by when: a promise with a time counts double."
    return f"{said}."


def _span(seconds: float) -> str:
    minutes = int(seconds // 60)
    if minutes < 1:
        return "less than a minute"
    if minutes < 100:
        return f"{minutes} min"
    return f"{round(minutes / 60)} h" if minutes < 48 * 60 else f"{minutes // 1440} days"


# --- what coaching.toml says


class _Listener(NamedTuple):
    expression: re.Pattern[str]
    turned: re.Pattern[str] | None
    denied: re.Pattern[str] | None  # what must not stand within the words


class _Speech(NamedTuple):
    human: dict[str, re.Pattern[str]]
    machine: re.Pattern[str]


_LISTENED = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
_STAND_FOR = re.compile(rf"\b(?:{'|'.join(_LISTENED['words'])})\b")


def _listener(code: str, said: Mapping[str, list[str]]) -> _Listener:
    """A step's patterns as one expression: what begins first is heard; of those, what is sure, then what is never."""
    kinds = "|".join(f"(?P<{kind}>{_any(said[kind], code)})" for kind in ("sure", "never", "lit") if said.get(kind))
    denials = _LISTENED["negations"].get(code, [])
    turned = denials + said.get("turned", [])
    return _Listener(
        _compile(kinds, code),
        _compile(_any(turned, code), code) if turned else None,
        _compile(_any(denials, code), code) if said.get("whole") else None,
    )


def _any(patterns: Iterable[str], code: str) -> str:
    after = "" if code == "ja" else r"(?!\w)"
    return "|".join(_spelt(pattern) + ("" if pattern.endswith("'") else after) for pattern in patterns)


def _spelt(pattern: str) -> str:
    spelt = _STAND_FOR.sub(lambda found: _LISTENED["words"][found[0]], pattern)
    return re.sub(r" (?=[?*+{])", r"\\s", spelt).replace(" ", r"\s+")


def _compile(patterns: str, code: str) -> re.Pattern[str]:
    return re.compile(f"(?:{patterns})" if code == "ja" else rf"(?<!\w)(?=\w)(?:{patterns})")


_LISTENERS: dict[Step, dict[str, _Listener]] = {
    step: {code: _listener(code, said) for code, said in _LISTENED.get(step, {}).items()} for step in Step
}
_TURNS = {code: _compile(_any(words, code), code) for code, words in _LISTENED["turns"].items()}
_ASKS = {code: _compile(_any(words, code), code) for code, words in _LISTENED["asks"].items()}
_SPEECH = {
    code: _Speech(
        human={kind: _compile(_any(said[kind], code), code) for kind in said if kind != "machine"},
        machine=_compile(_any(said["machine"], code), code),
    )
    for code, said in _LISTENED["human"].items()
}
