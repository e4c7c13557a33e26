"""What Twitter sees in a text: @names, #tags, $tags and addresses, with their places.

Places count code points of the escaped text, as Twitter's do.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from html import unescape
from typing import Any

NAME = re.compile(r"(?<![A-Za-z0-9_!@#$%&*])@([A-Za-z0-9_]{1,20})(?![A-Za-z0-9_@])")
LEADING_NAME = re.compile(r"@([A-Za-z0-9_]{1,20})\s+")
ADDRESS = re.compile(r"https?://[^\s<>\"]*[^\s<>\".,;:!?')\]}]")
HASHTAG = re.compile(r"(?<![\w&/])[#＃](\w*[^\W\d_]\w*)")
CASHTAG = re.compile(r"(?<![\w$])\$([A-Za-z]{1,6})(?!\w)")


ALONE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0e7f"  # kana, Han, Thai
WORD = re.compile(rf"[{ALONE}]|[^\W{ALONE}]+")


def escape(text: str) -> str:
    """Escape as Twitter does on the wire: these three and no quotes."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def normalise(text: str) -> str:
    """The text by which Twitter tells that it was said before."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def words_of(text: str) -> list[str]:
    """The words by which a text is found; scripts without spaces give one word a character."""
    return WORD.findall(unicodedata.normalize("NFC", text).lower())


def names_in(text: str) -> Iterator[tuple[int, str]]:
    """Every @name with its place."""
    for found in NAME.finditer(text):
        yield found.start(), found.group(1)


def leading_names(text: str) -> Iterator[tuple[str, int]]:
    """The @names a text begins with, each with the place where the rest of the text starts."""
    place = 0
    while found := LEADING_NAME.match(text, place):
        place = found.end()
        yield found.group(1), place


def entities_of(escaped: str, mentioned: Mapping[str, str], links: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The `entities` of a text on the wire; kinds that do not occur are left out.

    `mentioned` maps lower-case usernames to ids: only accounts that exist become mentions. `links` maps
    short links to what they stand for.
    """
    addresses = list(ADDRESS.finditer(escaped)) if "://" in escaped else []
    inside = [found.span() for found in addresses]

    def free(place: int) -> bool:
        return not any(start <= place < end for start, end in inside)

    entities: dict[str, Any] = {
        "mentions": [
            {
                "start": place,
                "end": place + len(name) + 1,
                "username": name,
                "id": mentioned[name.lower()],
            }
            for place, name in names_in(escaped)
            if name.lower() in mentioned and free(place)
        ],
        "hashtags": [_tag(found) for found in HASHTAG.finditer(escaped) if free(found.start())],
        "cashtags": [_tag(found) for found in CASHTAG.finditer(escaped) if free(found.start())],
        "urls": [_address(found, links or {}) for found in addresses],
    }
    return {kind: found for kind, found in entities.items() if found}


def _tag(found: re.Match[str]) -> dict[str, Any]:
    return {"start": found.start(), "end": found.end(), "tag": found.group(1)}


def _address(found: re.Match[str], links: Mapping[str, str]) -> dict[str, Any]:
    url = unescape(links.get(found.group(), found.group()))
    return {
        "start": found.start(),
        "end": found.end(),
        "url": found.group(),
        "expanded_url": url,
        "display_url": url.split("://", 1)[1],
    }
