"""Canned responses: saved texts to start a reply from, with blanks in {braces}.

A brace that is meant as a brace is doubled. A blank that is left blocks the reply: nobody is ever thanked as {name}.
"""

import re
from collections.abc import Mapping
from datetime import datetime

from django.db import IntegrityError, transaction

from playbooks.models import CannedResponse
from tenants.refusals import NotNow

LONGEST_BLANK = 40
LONGEST_TEXT = 2_000
LONGEST_NAME = 60
LANGUAGES = ("en", "es", "pt", "fr", "de", "it", "nl", "ja")
# What can be known without asking: the composer fills these in by itself.
FILLED_BY_THEMSELVES = {
    "name": "the customer's first name, or @username",
    "username": "the customer's @username",
    "brand": "the brand's name",
    "handle": "the brand's @handle",
    "agent": "your first name",
}


def blanks_in(text: str) -> list[str]:
    """The blanks of a text, each once, in their order."""
    return list(dict.fromkeys(found["blank"].strip() for found in _BRACES.finditer(text) if found["blank"]))


def fill(text: str, known: Mapping[str, str]) -> str:
    """The text with the blanks that are known filled in; the others stay, for the person."""
    return _BRACES.sub(lambda found: known.get((found["blank"] or "").strip()) or found[0], text)


def plain(text: str) -> str:
    """The text as it goes out: doubled braces are single ones."""
    return text.replace("{{", "{").replace("}}", "}")


def without_blanks(text: str) -> str:
    """What is sure to be in the text, whatever its blanks will hold."""
    return _BRACES.sub(lambda found: "" if found["blank"] else found[0], text)


def check_filled(text: str) -> None:
    """Refuse a text with a blank that nobody filled. Asked before anything goes out."""
    if left := blanks_in(text):
        raise NotNow(f"Fill in {{{left[0]}}} first: it is still blank.")


def check_well_formed(text: str) -> None:
    """Refuse a text whose braces do not make blanks."""
    rest = _BRACES.sub("", text)
    if "{" in rest:
        raise NotNow(
            "A { is never closed, or holds no short name. Write a blank like {order number}, or {{ for a brace."
        )
    if "}" in rest:
        raise NotNow("A } closes nothing. Write a blank like {order number}, or }} for a brace.")


def add(*, name: str, text: str, language: str, now: datetime) -> CannedResponse:
    """Keep a new canned response."""
    return _saved(CannedResponse(), name=name, text=text, language=language, now=now)


def change(*, canned: CannedResponse, name: str, text: str, language: str, now: datetime) -> CannedResponse:
    """Say it differently from now on. Replies that were begun from it stay as they are."""
    with transaction.atomic():
        canned = CannedResponse.objects.select_for_update().get(pk=canned.pk)
        if canned.retired_at:
            raise NotNow("This canned response was retired. Add it anew.")
        return _saved(canned, name=name, text=text, language=language, now=now)


@transaction.atomic
def retire(*, canned: CannedResponse, now: datetime) -> None:
    """Take it out of the list. Its row stays, so that one of ours does not come back by itself."""
    CannedResponse.objects.filter(pk=canned.pk, retired_at=None).update(retired_at=now)


def _saved(canned: CannedResponse, *, name: str, text: str, language: str, now: datetime) -> CannedResponse:
    name, text = " ".join(name.split()), text.strip()
    _check(name, text, language)
    canned.name, canned.text, canned.language, canned.changed_at = name, text, language, now
    try:
        with transaction.atomic():
            canned.save()
    except IntegrityError as error:
        if "canned_response_name_is_one_per_language" not in str(error):
            raise
        raise NotNow(f"There is a canned response named “{name}” in this language already.") from error
    return canned


def _check(name: str, text: str, language: str) -> None:
    if not name or not text:
        raise NotNow("A canned response needs a name and a text.")
    if len(name) > LONGEST_NAME:
        raise NotNow(f"The name is too long: {LONGEST_NAME} characters are enough to find it.")
    if len(text) > LONGEST_TEXT:
        raise NotNow(f"The text is too long: {LONGEST_TEXT} characters are the most that can be kept.")
    if "\x00" in name + text:
        raise NotNow("There is a character in it that cannot be kept. Type it anew instead of pasting it.")
    if language not in LANGUAGES:
        raise NotNow("Choose a language from the list.")
    check_well_formed(text)


# Doubled braces first: they are no blank. A blank is a short name in one line.
_BRACES = re.compile(rf"\{{\{{|\}}\}}|\{{(?P<blank>(?!\s*\}})[^{{}}\n]{{1,{LONGEST_BLANK}}})\}}")
