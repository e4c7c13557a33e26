"""What a brand's playbook says about each of the nine steps: its sentence, the words that count, what stays quiet."""

from collections.abc import Sequence

from django.db import transaction

from playbooks.enums import Step
from playbooks.models import Guidance
from tenants.refusals import NotNow

LONGEST_SENTENCE = 300
MOST_WORDS = 40
LONGEST_WORD = 60


@transaction.atomic
def change(*, step: str, sentence: str, more_words: Sequence[str], is_quiet: bool) -> Guidance:
    """Say what the default playbook says about a step from now on."""
    found = (
        Guidance.objects.select_for_update().filter(playbook__topic="", playbook__retired_at=None, step=step).first()
    )
    if found is None:
        raise NotNow("This step is not in the playbook. Load the page again.")
    found.sentence, found.more_words, found.is_quiet = _sentence(sentence), _words(more_words), is_quiet
    found.save(update_fields=["sentence", "more_words", "is_quiet"])
    return found


def words_from(text: str) -> list[str]:
    """Extra words as they are typed in one field: a line or a comma between them."""
    return text.replace("\n", ",").split(",")


def _sentence(sentence: str) -> str:
    sentence = " ".join(sentence.split())
    if not sentence:
        raise NotNow("Write a sentence for the agent: it is what an unlit step shows.")
    if len(sentence) > LONGEST_SENTENCE:
        raise NotNow(f"The sentence is too long: {LONGEST_SENTENCE} characters are the most.")
    _check_can_be_kept(sentence)
    return sentence


def _words(words: Sequence[str]) -> list[str]:
    kept = list(dict.fromkeys(tidy for word in words if (tidy := " ".join(word.split()))))
    if len(kept) > MOST_WORDS:
        raise NotNow(f"{MOST_WORDS} extra words for a step are the most.")
    for word in kept:
        if len(word) > LONGEST_WORD:
            raise NotNow(f"“{word[:20]}…” is too long: put a comma between words, {LONGEST_WORD} characters each.")
        if not any(sign.isalnum() for sign in word):
            raise NotNow(f"“{word}” is no word that could be noticed.")
        _check_can_be_kept(word)
    return kept


def _check_can_be_kept(text: str) -> None:
    if "\x00" in text:
        raise NotNow("There is a character in it that cannot be kept. Type it anew instead of pasting it.")


def is_step(value: str) -> bool:
    """Whether this names one of the nine steps."""
    return value in Step.values
