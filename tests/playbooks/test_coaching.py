"""The nine lights: that each is lit by what it means, and never by accident."""

import csv
import gzip
from collections import Counter
from pathlib import Path
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbooks.domain import coaching
from playbooks.domain.coaching import NOT_KNOWN, Context, Light, advise, promise_in
from playbooks.enums import Step
from playbooks.models.founding import CANNED, GUIDANCE

DATA = Path(__file__).parents[3] / "shared" / "data"
needs_shared_data = pytest.mark.skipif(not DATA.is_dir(), reason="shared data is not here")
LETTERS = {
    "A": Step.APOLOGISE,
    "E": Step.EMPATHISE,
    "W": Step.EASY_WAY,
    "M": Step.MAKE_IT_RIGHT,
    "F": Step.FOLLOW_UP,
    "O": Step.OVER_COMMUNICATE,
    "H": Step.TALK_HUMAN,
    "R": Step.REASON_TO_RETURN,
}
# The least precision and recall of each step, a little below what `docs/coaching.md` says: in the sets that the word
# lists were bettered with, and in the one that was held out.
LEARNT = dict.fromkeys(LETTERS.values(), (0.9, 0.8))
HELD_OUT = {
    Step.APOLOGISE: (0.9, 0.95),
    Step.EMPATHISE: (0.93, 0.93),
    Step.EASY_WAY: (0.9, 0.85),
    Step.MAKE_IT_RIGHT: (0.92, 0.6),
    Step.FOLLOW_UP: (0.92, 0.75),
    Step.OVER_COMMUNICATE: (0.92, 0.7),
    Step.TALK_HUMAN: (0.95, 0.95),
    Step.REASON_TO_RETURN: (0.91, 0.9),
}
SETS = {f"labelled_replies_{number}.txt": LEARNT for number in range(2, 8)} | {"held_out_replies.txt": HELD_OUT}
JO_AND_ANA = Context(names=("Jo", "Ana"))


def light(step: Step, text: str, *, language: str = "en", **context) -> Light:
    return next(one for one in advise(text, language=language, context=Context(**context)) if one.step == step)


def lit(text: str, *, language: str = "en", context: Context = JO_AND_ANA) -> set[Step]:
    return {one.step for one in advise(text, language=language, context=context) if one.is_lit}


def labelled(name: str = "labelled_replies.txt") -> list[tuple[str, set[Step]]]:
    lines = Path(__file__).with_name(name).read_text(encoding="utf-8").splitlines()
    rows = [line.partition(" | ")[::2] for line in lines if not line.startswith("#")]
    return [(text, {LETTERS[letter] for letter in letters.strip() if letter != "-"}) for letters, text in rows]


def measured(rows) -> dict[Step, tuple[float, float]]:
    """Precision and recall of each step."""
    right, lit_in_all, meant_in_all = Counter(), Counter(), Counter()
    for text, meant in rows:
        found = lit(text)
        right.update(found & meant)
        lit_in_all.update(found)
        meant_in_all.update(meant)
    return {step: (right[step] / lit_in_all[step], right[step] / meant_in_all[step]) for step in LETTERS.values()}


def wrong(rows) -> str:
    """The replies that are read otherwise than by us, with what is lit by accident (+) and what is missed (-)."""
    letters = {step: letter for letter, step in LETTERS.items()}
    lines = []
    for text, meant in rows:
        accidents, missed = lit(text) - meant, meant - lit(text)
        if accidents or missed:
            signs = ["+" + letters[step] for step in accidents] + ["-" + letters[step] for step in missed]
            lines.append(f"{' '.join(sorted(signs))} | {text}")
    return "\n".join(lines)


# --- the labelled replies


def test_the_labelled_replies_are_many_and_half_of_them_light_nothing():
    rows = labelled()

    assert len(rows) >= 250
    assert sum(not meant for _, meant in rows) >= len(rows) / 2


@pytest.mark.parametrize(("text", "meant"), labelled())
def test_a_reply_lights_what_it_does_and_nothing_else(text, meant):
    assert lit(text) == meant


@pytest.mark.parametrize(("name", "least"), SETS.items())
def test_lights_are_seldom_lit_by_accident_and_miss_little(name, least):
    rows = labelled(name)

    scores = measured(rows)

    # A step that is left unlit is a lesser evil than one that is lit by accident.
    short = {
        step: scores[step] for step in least if scores[step][0] < least[step][0] or scores[step][1] < least[step][1]
    }
    assert short == {}, wrong(rows)


@pytest.mark.parametrize("name", ["labelled_replies.txt", *SETS])
def test_no_reply_is_labelled_twice(name):
    texts = [text for text, _ in labelled(name)]

    assert len(texts) == len(set(texts))


@needs_shared_data
def test_no_step_is_lit_by_most_of_what_brands_really_write():
    with gzip.open(DATA / "twcs_sample_5093.csv.gz", "rt", encoding="utf-8") as file:
        texts = [row["text"] for row in csv.DictReader(file) if row["inbound"] == "False"]

    shares = Counter(step for text in texts for step in lit(text))

    assert len(texts) == 2266
    for step in (Step.APOLOGISE, Step.EMPATHISE, Step.MAKE_IT_RIGHT, Step.FOLLOW_UP, Step.OVER_COMMUNICATE):
        assert shares[step] / len(texts) < 0.2, step


def test_a_draft_is_read_in_about_a_millisecond():
    text = "Hi Jo, I'm so sorry about this, I know how frustrating it is. We'll refund you today. " * 4
    began = perf_counter()

    for _ in range(50):
        advise(text[:280], language="en", context=JO_AND_ANA)

    assert (perf_counter() - began) / 50 < 0.02  # half a millisecond on an idle machine


# --- what a light says


def test_there_are_nine_lights_in_the_order_of_the_steps():
    assert [one.step for one in advise("", language="en")] == list(Step)


def test_a_quiet_step_is_left_out():
    assert Step.APOLOGISE not in {
        one.step for one in advise("Sorry", language="en", context=Context(quiet=frozenset({"apologise"})))
    }


def test_the_words_stand_where_they_were_typed():
    text = "Désolé… no: I’m  SO\n sorry, @jo"

    [word] = light(Step.APOLOGISE, text).words

    assert word.text == text[word.start : word.end] == "SO\n sorry"


def test_an_unlit_step_says_what_would_light_it_in_the_brands_words_if_it_has_some():
    assert light(Step.APOLOGISE, "Ok.").sentence == GUIDANCE[Step.APOLOGISE]
    assert light(Step.APOLOGISE, "Ok.", sentences={"apologise": "Say it."}).sentence == "Say it."
    assert light(Step.APOLOGISE, "Ok.", sentences={"apologise": "Say it."}, is_upset=True).sentence == (
        "They are upset. Say it."
    )


def test_a_question_whether_something_was_so_lights_nothing_but_a_way_to_connect():
    assert lit("Was it late because of the snow?") == set()
    assert lit("Who told you we would replace it?") == set()
    assert lit("Could you send us a DM?") == {Step.EASY_WAY}
    assert lit("Would you like us to resend it?") == {Step.MAKE_IT_RIGHT}


def test_understanding_is_no_empathy_until_a_feeling_is_named():
    for text in ("I understand.", "We hear you.", "Sorry to hear that.", "We understand your concern."):
        assert Step.EMPATHISE not in lit(text), text
    assert Step.EMPATHISE in lit("I understand how worrying that is.")
    assert Step.EMPATHISE not in lit("This level is hard, and the film about it is sad.")


def test_what_others_said_and_blanks_light_nothing():
    assert lit('You wrote "so sorry, we will refund you".', context=Context()) == set()
    assert lit("They said “we apologise”.", context=Context()) == set()
    assert lit("> we are sorry", context=Context()) == set()
    assert lit("{sorry}", context=Context()) == set()
    assert lit("@SorryNotSorry see", context=Context()) == set()


def test_the_brands_own_words_count_whole():
    words = {"more_words": {"apologise": ("mea culpa",)}}

    assert light(Step.APOLOGISE, "Mea  Culpa, Jo", **words).is_lit
    assert not light(Step.APOLOGISE, "mea culpability", **words).is_lit


# --- the clock


@pytest.mark.parametrize(
    ("seconds", "is_lit", "sentence"),
    [
        (None, False, "Nobody is waiting for an answer."),
        (30, True, "less than a minute left of the promise."),
        (720, True, "12 min left of the promise."),
        (-720, False, "The first answer was due 12 min ago. Answer now, and say something about the wait."),
        (-3 * 86_400, False, "The first answer was due 3 days ago. Answer now, and say something about the wait."),
    ],
)
def test_being_quick_is_a_matter_of_time_not_of_words(seconds, is_lit, sentence):
    found = light(Step.RESPOND_QUICKLY, "Right away, immediately!", seconds_left=seconds)

    assert (found.is_lit, found.sentence) == (is_lit, sentence)
    assert found.is_known == (seconds is not None)


# --- promises


def test_a_promise_with_a_time_is_told_from_one_without():
    assert "Say by when" in light(Step.FOLLOW_UP, "I'll get back to you.").sentence
    assert "Say by when" not in light(Step.FOLLOW_UP, "I'll get back to you by 6 pm.").sentence


def test_a_promise_of_ours_is_found_as_a_sentence():
    assert promise_in("Hi Jo. I'll call you by 6.30 pm! Ana", language="en") == "I'll call you by 6.30 pm"
    assert promise_in("Hi Jo. Bye.", language="en") == ""


# --- talking like a human


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Hi Jo, I'm here. We apologise for any inconvenience this may have caused.", "is what machines say"),
        ("Hi Jo, PLEASE CALM DOWN, I'm on it.", "Words in capitals read as shouting."),
        ("Hi {name}, I'm on it. Ana", "Fill in {name}"),
    ],
)
def test_a_name_does_not_make_a_machine_human(text, why):
    found = light(Step.TALK_HUMAN, text, names=("Jo", "Ana"))

    assert not found.is_lit
    assert why in found.sentence


def test_one_word_in_capitals_is_not_shouting():
    assert light(Step.TALK_HUMAN, "Hi Jo, I'm at TERMINAL two.", names=("Jo",)).is_lit


# --- other languages


@pytest.mark.parametrize(
    ("language", "text", "steps"),
    [
        ("es", "Lo sentimos mucho, Jo. Te enviamos un vale. ¡Hasta pronto!", "AMHR"),
        ("pt", "Pedimos desculpa, Jo. Vamos reembolsar hoje, em cerca de 2 horas.", "AMOH"),
        ("fr", "Nous sommes désolés, Jo. Je reviens vers vous dans 2 heures.", "AFOH"),
        ("de", "Das tut uns sehr leid, Jo, wie ärgerlich. Wir melden uns bis 18 Uhr.", "AEFOH"),
        ("it", "Ci dispiace molto, Jo. A presto!", "AHR"),
        ("nl", "Sorry Jo, wat vervelend. We bellen je vandaag terug.", "AEFH"),
        ("ja", "大変申し訳ございません。DMにてご連絡ください。", "AW"),
        ("es", "No hace falta pedir perdón. No podemos ayudar.", ""),
        ("de", "Sie müssen sich nicht entschuldigen.", ""),
        ("fr", "Désolé, mais non.", ""),
        ("pt", "Não vamos reembolsar.", ""),
        ("nl", "Sorry, maar nee.", ""),
    ],
)
def test_seven_other_languages_are_known_a_little(language, text, steps):
    assert lit(text, language=language) == {LETTERS[letter] for letter in steps}


def test_an_unknown_language_is_neither_lit_nor_unlit_but_what_needs_no_words_is():
    lights = {one.step: one for one in advise("Olen pahoillani: https://acme.example/apua", language="fi")}

    assert lights[Step.APOLOGISE][1:] == (False, (), NOT_KNOWN, False)
    assert lights[Step.EASY_WAY].is_lit


# --- all of it


def test_our_canned_responses_do_what_they_are_for():
    filled = {name: text.replace("{name}", "Jo").replace("{agent}", "Ana") for name, text in CANNED}
    texts = {name: text.replace("{", "").replace("}", "") for name, text in filled.items()}

    assert {Step.APOLOGISE, Step.MAKE_IT_RIGHT, Step.EASY_WAY, Step.EMPATHISE} & lit(texts["Arrived broken"])
    for name, text in texts.items():
        assert Step.TALK_HUMAN in lit(text), name
        assert len(lit(text)) >= 2, name


@pytest.mark.parametrize("listeners", coaching._LISTENERS.values())
def test_every_pattern_of_the_word_lists_leaves_groups_alone(listeners):
    for listener in listeners.values():
        assert listener.expression.groups == len(listener.expression.groupindex)


@given(st.text(max_size=300), st.sampled_from(["en", "ja", "de", "xx", "", "pt-BR"]))
def test_no_text_is_too_strange_to_be_advised_on(text, language):
    for one in advise(text, language=language):
        for word in one.words:
            assert word.text == text[word.start : word.end]


def test_a_hostile_text_is_read_in_time():
    for text in (
        "sorry " * 400,
        "we will " * 300,
        "a.com/" * 300,
        '"' * 2_000,
        "{" * 2_000,
        "i'm so very " * 200,
        "0" * 2_000,
    ):
        began = perf_counter()
        advise(text[:2_000], language="en")
        assert perf_counter() - began < 1
