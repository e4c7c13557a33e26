"""A long answer is cut where a reader would pause, and says the same in its parts."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from inbox.twitter.splitting import MOST_PARTS, TooLong, split_answer
from inbox.twitter.text import hashtags, mentions, urls, weighted_length

SENTENCES = [
    "Sorry about the bag, we found it at the belt of your earlier flight.",
    "It leaves Berlin tonight and is with you tomorrow before 12 pm!",
    "Please tell us an address, and a number like +49 30 123 45 67, under which the driver finds you.",
    "Anything else?",
    "See acme.com/bags or https://help.acme.com/en/where-is-my-bag?lang=en for the rest.",
    "Thanks @jo_doe for your patience 👩‍👩‍👧‍👦 #bags.",
]
LONG = " ".join(SENTENCES)
words = st.one_of(
    st.text(alphabet=st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=30),
    st.sampled_from(
        ["https://acme.com/a/b?c=d", "acme.com", "@jo_doe", "#bags", "$ACME", "12.50 €"]
        + ["👩‍👩‍👧‍👦", "🇩🇪", "Hello.", "不知道。"]
    ),
)
texts = st.lists(st.tuples(words, st.sampled_from([" ", "\n", "\n\n", "  "])), min_size=1, max_size=60).map(
    lambda parts: "".join(word + gap for word, gap in parts)
)


def _texts(text: str, **more: object) -> list[str]:
    return [part.text for part in split_answer(text, **{"limit": 280, **more})]  # type: ignore[arg-type]


def test_what_fits_is_one_part_without_a_number():
    assert _texts("  Sorry!  ", numbered=True) == ["Sorry!"]


def test_a_long_answer_is_cut_between_sentences():
    assert _texts(LONG) == [" ".join(SENTENCES[:4]), " ".join(SENTENCES[4:])]


def test_paragraphs_are_kept_whole_where_they_fit():
    first, second = " ".join(SENTENCES[:2]), " ".join([*SENTENCES[2:4], SENTENCES[0]])

    assert _texts(f"{first}\n\n{second} {SENTENCES[0]}") == [first, f"{second} {SENTENCES[0]}"]


def test_parts_are_numbered_only_where_the_brand_wants_it():
    assert [text[-4:] for text in _texts(LONG * 2, numbered=True)] == [" 1/3", " 2/3", " 3/3"]
    assert not re.search(r"\d/\d$", _texts(LONG)[0])


def test_numbers_of_two_digits_have_room():
    parts = _texts("Sorry. " * 600, numbered=True)

    assert parts[-1].endswith(f" {len(parts)}/{len(parts)}")
    assert len(parts) > 9
    assert max(map(weighted_length, parts)) <= 280


def test_each_part_keeps_what_is_written_from_there_on():
    parts = split_answer(f"{LONG}\n\n{LONG}", limit=280)

    assert parts[0].rest == f"{LONG}\n\n{LONG}"
    assert all(parts[0].rest.endswith(part.rest) for part in parts)
    assert parts[-1].rest == parts[-1].text


def test_no_part_is_a_word_or_two():
    text = " ".join(["word"] * 57)  # one word more than a part takes

    assert [len(part.split()) for part in _texts(text)] == [28, 29] or min(len(p.split()) for p in _texts(text)) >= 3


@pytest.mark.parametrize(
    "whole",
    ["https://acme.com/" + "a" * 300, "@acme_care_team", "#whereismybag", "+49 30 123 45 67", "12.50 €", "👩‍👩‍👧‍👦"],
)
def test_what_belongs_together_is_never_cut(whole):
    for before in range(240, 300, 3):
        text = f"{'x' * 9} " * (before // 10) + "y" * (before % 10) + f" {whole} and then some more words follow here"

        assert sum(whole in part for part in _texts(text)) == 1


def test_a_language_without_spaces_is_cut_at_its_sentences():
    sentence = "我们已经找到了您的行李。"

    parts = _texts(sentence * 20)

    assert "".join(parts) == sentence * 20
    assert all(part.endswith("。") for part in parts)


def test_what_has_no_pause_at_all_is_cut_between_signs():
    family = "👩‍👩‍👧‍👦"

    parts = _texts(family * 200)

    assert "".join(parts) == family * 200
    assert all(len(part) % len(family) == 0 and weighted_length(part) <= 280 for part in parts)


def test_an_abbreviation_or_a_number_ends_no_sentence():
    text = (
        "We ask you to bring your papers to the counter today " * 4
        + "at Gate No. 5 please. "
        + "Thank you so much " * 9
    )

    assert any(part.endswith("please.") for part in _texts(text))


def test_more_parts_than_anybody_reads_are_refused():
    with pytest.raises(TooLong):
        split_answer("word " * 80 * MOST_PARTS, limit=280)


@settings(max_examples=150, deadline=None)
@given(text=texts, limit=st.sampled_from([60, 140, 280, 4000]), numbered=st.booleans())
@example(text="a" * 600, limit=280, numbered=True)
@example(text="\u0301" * 600, limit=280, numbered=False)
def test_the_parts_say_the_same_and_each_fits(text, limit, numbered):
    try:
        parts = split_answer(text, limit=limit, numbered=numbered)
    except TooLong:
        return

    said = [re.sub(r" \d+/\d+$", "", p.text) if numbered and len(parts) > 1 else p.text for p in parts]
    assert "".join("".join(said).split()) == "".join(text.split())
    assert all(weighted_length(part.text) <= limit for part in parts)
    assert all(part.text.strip() for part in parts) or not text.strip()


@settings(max_examples=80, deadline=None)
@given(text=texts)
def test_the_parts_name_whom_the_text_names_and_link_where_it_links(text):
    try:
        parts = split_answer(text, limit=280)
    except TooLong:
        return

    if all(len(run) < 200 for run in text.split()):
        for kind in (mentions, urls, hashtags):
            assert [found[0] for part in parts for found in kind(part.text)] == [found[0] for found in kind(text)]
