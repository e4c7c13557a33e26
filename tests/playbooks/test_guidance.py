import pytest

from playbooks import queries
from playbooks.domain import guidance
from playbooks.domain.guidance import words_from
from playbooks.enums import Step
from playbooks.models import Guidance
from playbooks.models.founding import DEFAULT_PLAYBOOK, GUIDANCE
from tenants.refusals import NotNow


def change(**more) -> Guidance:
    given = {"step": Step.APOLOGISE, "sentence": "Say sorry.", "more_words": [], "is_quiet": False} | more
    return guidance.change(**given)


def test_every_brand_begins_with_a_sentence_for_each_step(acme):
    found = queries.guidance()

    assert list(found) == Step.values
    assert {step: row.sentence for step, row in found.items()} == GUIDANCE
    assert {row.playbook_id for row in found.values()} == {DEFAULT_PLAYBOOK}
    assert [row.more_words for row in found.values()] == [[]] * 9


def test_a_brand_says_it_in_its_own_words(acme):
    change(sentence="  Say sorry,\nproperly. ", more_words=["our bad", " our  bad", "", "soz"], is_quiet=True)

    found = queries.guidance()[Step.APOLOGISE]
    assert (found.sentence, found.more_words, found.is_quiet) == ("Say sorry, properly.", ["our bad", "soz"], True)


def test_words_are_typed_with_commas_or_line_breaks():
    assert words_from("our bad, soz\nwhoops") == ["our bad", " soz", "whoops"]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"step": "be_nice"}, "not in the playbook"),
        ({"sentence": " "}, "Write a sentence"),
        ({"sentence": "x" * 301}, "too long"),
        ({"sentence": "a\x00b"}, "cannot be kept"),
        ({"more_words": ["x" * 61]}, "put a comma between words"),
        ({"more_words": [f"word {number}" for number in range(41)]}, "are the most"),
        ({"more_words": ["!!!"]}, "no word that could be noticed"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_a_sentence(acme, given, sentence):
    with pytest.raises(NotNow, match=sentence):
        change(**given)

    assert {step: row.sentence for step, row in queries.guidance().items()} == GUIDANCE
