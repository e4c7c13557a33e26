"""How Twitter reads a text: how long it is, whom it names, where its links and tags are.

Twitter's rules as published with its version 3 text configuration (280 units; most Latin, Greek, Cyrillic, Arabic and
Indic letters weigh one, all else two, a link 23) and https://docs.x.com/fundamentals/counting-characters. All offsets
are code points of the text that was handed in. Brands with a longer limit pass their own.
"""

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

from inbox.twitter.emoji import MAY_HOLD_SEQUENCE, SEQUENCE

MAX_WEIGHTED_LENGTH = 280
URL_WEIGHT = 23


class Mention(NamedTuple):
    username: str
    start: int
    end: int


class Url(NamedTuple):
    url: str
    start: int
    end: int


class Hashtag(NamedTuple):
    tag: str
    start: int
    end: int


class Cashtag(NamedTuple):
    symbol: str
    start: int
    end: int


Tagged = TypeVar("Tagged", Mention, Hashtag)


def weighted_length(text: str, *, emoji_as_one: bool = True) -> int:
    """How many of Twitter's units a text takes.

    Known emoji sequences weigh two, however many code points they hold: those of Emoji 11, which is what Twitter's
    published rules know. Newer sequences weigh more, so we may count a little too much, never too little.
    `emoji_as_one=False` is Twitter's older rule, in which each part of a sequence has its own weight.
    """
    if text.isascii():
        if "." not in text:
            return len(text)
    else:
        text = unicodedata.normalize("NFC", text)

    total, position = 0, 0
    for link in urls(text):
        total += _weight(text[position : link.start], emoji_as_one) + URL_WEIGHT
        position = link.end
    return total + _weight(text[position:] if position else text, emoji_as_one)


def is_valid(text: str, limit: int = MAX_WEIGHTED_LENGTH) -> bool:
    """May this be posted as it stands? Not when it is empty, too long, or holds characters that Twitter refuses."""
    return 0 < weighted_length(text) <= limit and not _REFUSED.search(text)


def mentions(text: str) -> list[Mention]:
    """The usernames that a text names, without their @. A list (@name/list) and an e-mail address name nobody."""
    if "@" not in text and "＠" not in text:
        return []
    found = [Mention(m["name"], m.start(), m.end()) for m in _MENTION.finditer(text) if m["list"] is None]
    return _outside_urls(text, found) if found and "." in text else found


def urls(text: str) -> list[Url]:
    """The links of a text, those typed without https:// included."""
    if "." not in text or not _DOT_INSIDE.search(text):
        return []
    return list(_urls(text))


def hashtags(text: str) -> list[Hashtag]:
    """The hashtags of a text, without their #. One that is part of a link is none."""
    if "#" not in text and "＃" not in text:
        return []
    found = []
    for sign in _HASH.finditer(text):
        tag = _hashtag_at(text, sign.start())
        if tag:
            found.append(tag)
    return _outside_urls(text, found) if found and "." in text else found


def cashtags(text: str) -> list[Cashtag]:
    """The ticker symbols of a text, without their $."""
    if "$" not in text:
        return []
    return [Cashtag(m["symbol"], m.start(), m.end()) for m in _CASHTAG.finditer(text)]


def without_leading_mentions(text: str) -> str:
    """A reply as a reader sees it: the @names that Twitter puts in front of it are left out."""
    leading = _LEADING_MENTIONS.match(text)
    return text[leading.end() :] if leading else text


def unescape(text: str) -> str:
    """Undo Twitter's HTML escaping of &, < and >, once: what a customer typed as `&amp;` stays so."""
    return _ESCAPED.sub(lambda m: _UNESCAPED[m[1]], text) if "&" in text else text


def normalised(text: str) -> str:
    """A text in the form in which what we posted equals what Twitter shows of it. To compare, never to show.

    Every link looks the same (Twitter replaces ours by its own), leading @names and the width of white space are
    gone. Escapes are undone until none is left: of the two texts only Twitter's is escaped, and nobody tells which.
    """
    text = unicodedata.normalize("NFC", text)
    while (plain := unescape(text)) != text:
        text = plain
    text = without_leading_mentions(text)

    parts, position = [], 0
    for link in urls(text):
        parts += [text[position : link.start], " https://t.co "]
        position = link.end
    return _WHITE.sub(" ", "".join([*parts, text[position:]])).strip(" ")


# --- weight

# The code points that weigh one are U+0000-10FF, U+2000-200D, U+2010-201F and U+2032-2037.
_HEAVY = re.compile(r"[^\u0000-\u10ff\u2000-\u200d\u2010-\u201f\u2032-\u2037]")
_REFUSED = re.compile(r"[\ufffe\ufeff\uffff]")


def _weight(text: str, emoji_as_one: bool) -> int:
    if text.isascii():
        return len(text)
    sequences = 0
    if emoji_as_one and MAY_HOLD_SEQUENCE.search(text):
        text, sequences = SEQUENCE.subn("", text)
    return 2 * sequences + len(text) + len(_HEAVY.findall(text))


# --- links

_LATIN = (
    "\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u0253\u0254\u0256\u0257\u0259\u025b\u0263\u0268\u026f\u0272\u0289\u028b"
    "\u02bb\u0300-\u036f\u1e00-\u1eff"
)
_SPACES = r"\t-\r \x85\xa0\u1680\u180e\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_WHITE = re.compile(rf"[{_SPACES}]+")
_DIRECTIONS = r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_PUNCTUATION = r"""!'#%&()*+,\-./:;<=>?@\[\\\]^_{|}~$"""
_IN_NO_HOST = rf"{_PUNCTUATION}{_SPACES}{_DIRECTIONS}\ufffe\ufeff\uffff"
_BEFORE_NO_LINK = r"A-Za-z0-9@＠$#＃\ufffe\ufeff\uffff"

_DOT_INSIDE = re.compile(rf"[^{_IN_NO_HOST}]\.[^{_IN_NO_HOST}]")
_RUN = re.compile(rf"(?:[^{_IN_NO_HOST}]|[-_.])+")
_LINK_START = re.compile(rf"(?<![{_BEFORE_NO_LINK}])[^{_IN_NO_HOST}]")
# No group is repeated possessively here: Python 3.11.2, Debian 12's, forgets to step back when such a round fails.
_LABEL = rf"[^{_IN_NO_HOST}]++(?:[-_]++[^{_IN_NO_HOST}]++)*"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_PLAIN_HOST = re.compile(rf"[-A-Za-z0-9{_LATIN}]++\.(?:[-A-Za-z0-9{_LATIN}]++\.)*")
_PROTOCOL = re.compile(r"https?://", re.IGNORECASE)

_PATH_SIGN = rf"A-Za-z0-9\u0400-\u04ff{_LATIN}!*';:=+,.$/%#\[\]\-\u2013_~@|&"
_PARENTHESES = rf"\((?:[{_PATH_SIGN}]++|[{_PATH_SIGN}]*+\([{_PATH_SIGN}]++\)[{_PATH_SIGN}]*+)\)"
_PATH = rf"/(?:(?:[{_PATH_SIGN}]|{_PARENTHESES})*(?:[-+=_#/A-Za-z0-9\u0400-\u04ff{_LATIN}]|{_PARENTHESES}))?"
_QUERY = r"\?[A-Za-z0-9!?*'@();:&=+$/%#\[\]\-_.,~|]*[A-Za-z0-9\-_&=#/]"
_AFTER_HOST = re.compile(rf"(?::[0-9]+)?(?P<path>{_PATH})?(?:{_QUERY})?")
_TCO = re.compile(rf"https?://t\.co/(?P<slug>[a-z0-9]+)(?:{_QUERY})?", re.IGNORECASE)
_LONGEST_TCO_SLUG, _LONGEST_LABEL, _LONGEST_URL = 40, 63, 4096
_LONGEST_HOST = 1024  # ours, four times what the domain name system allows: keeps hostile texts cheap

_TLDS = frozenset(
    name
    for line in Path(__file__).with_name("tlds.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
    for name in line.split()
)
_LONGEST_OTHER_TLD = max(len(name) for name in _TLDS if not name.isascii())
_PLAIN_TLD = re.compile(r"[A-Za-z0-9]+")
_PUNYCODE = re.compile(r"xn--[-A-Za-z0-9]+", re.IGNORECASE)
_GLUED_TO_TLD = re.compile(r"[A-Za-z0-9@+-]")


def _urls(text: str) -> Iterator[Url]:
    """Look at each run of characters that a host name may have, and take what ends in a known top-level domain.

    `free` is where the last link ended: the character there may stand before the next link, not begin it.
    """
    free = -1
    for run in _RUN.finditer(text):
        if "." not in run[0]:
            continue
        position = max(run.start(), free + 1)
        while position < run.end() and (start := _LINK_START.search(text, position, run.end())):
            if start.start() == 0:
                # Where a text begins, Twitter takes a character that may stand before a link to be just that.
                start = _LINK_START.match(text, 1) or start
            host = _HOST.match(text, start.start(), min(run.end(), start.start() + _LONGEST_HOST))
            assert host
            host_end, position = _host_end(text, host)
            if host_end is None:
                continue
            after = _AFTER_HOST.match(text, host_end)
            assert after
            yield from _links_of(text, host.start(), host_end, after, free)
            free = after.end()
            position = free + 1


def _host_end(text: str, host: re.Match[str]) -> tuple[int | None, int]:
    """Where the longest host ends that begins here: at least one label, then a top-level domain.

    Where there is none, also where to look next: behind the underscore that spoilt the label before a
    top-level domain, else behind all this.
    """
    labels = host[0].split(".")
    dot = next_look = host.end()
    for label, before in zip(reversed(labels[1:]), reversed(labels[:-1]), strict=True):
        dot -= len(label) + 1
        if end := _tld_end(text, dot + 1, len(text)):
            if "_" not in before:
                return end, end
            next_look = dot - len(before) + before.rindex("_") + 1
    return None, next_look


def _tld_end(text: str, start: int, end: int) -> int | None:
    plain = _PLAIN_TLD.match(text, start, end)
    if plain:
        after = plain.end()
        if plain[0].lower() in _TLDS and not _GLUED_TO_TLD.match(text, after, end):
            return after
        if punycode := _PUNYCODE.match(text, start, end):
            return punycode.end()
    for after in range(min(end, start + _LONGEST_OTHER_TLD), start, -1):
        if text[start:after].lower() in _TLDS and not _GLUED_TO_TLD.match(text, after, end):
            return after
    return None


def _links_of(text: str, start: int, host_end: int, after: re.Match[str], free: int) -> Iterator[Url]:
    protocol = _protocol_before(text, start, free)
    if protocol is None:
        if start == 0 or text[start - 1] not in "-_./":
            yield from _bare_links(text, start, host_end, after)
        return
    end = after.end()
    if tco := _TCO.match(text, protocol, end):
        if len(tco["slug"]) > _LONGEST_TCO_SLUG:
            return
        end = tco.end()
    if _can_be_looked_up(text[start:host_end]) and end - protocol <= _LONGEST_URL:
        yield Url(text[protocol:end], protocol, end)


def _protocol_before(text: str, start: int, free: int) -> int | None:
    for length in (8, 7):
        begin = start - length
        if begin > free and _PROTOCOL.fullmatch(text, begin, start):
            return begin if begin == 0 or not re.match(rf"[{_BEFORE_NO_LINK}]", text[begin - 1]) else None
    return None


def _bare_links(text: str, start: int, host_end: int, after: re.Match[str]) -> Iterator[Url]:
    """Without https:// only a Latin host is a link, and there may be several in what looked like one host.

    The path belongs to the last of them; a query without a path belongs to none.
    """
    found: list[tuple[int, int]] = []
    position = start
    while host := _PLAIN_HOST.search(text, position, host_end):
        position = host.end()
        for dot in reversed([host.start() + i for i, sign in enumerate(host[0]) if sign == "."]):
            if end := _tld_end(text, dot + 1, host_end):
                found.append((host.start(), end))
                position = end
                break
    for index, (begin, host_stop) in enumerate(found):
        end = after.end() if after["path"] and index == len(found) - 1 else host_stop
        if _can_be_looked_up(text[begin:host_stop]) and end - begin <= _LONGEST_URL - len("https://"):
            yield Url(text[begin:host_stop] + text[host_end:end], begin, end)


def _can_be_looked_up(host: str) -> bool:
    """Does every label fit the 63 bytes that the domain name system gives it, once encoded?"""
    if host.isascii():
        return all(len(label) <= _LONGEST_LABEL for label in host.split("."))
    if host.startswith("xn--"):
        return False
    return all(
        len(label) <= _LONGEST_LABEL
        and (label.isascii() or len(label.encode("punycode")) + len("xn--") <= _LONGEST_LABEL)
        for label in host.split(".")
    )


# --- names and tags

_MENTION = re.compile(
    r"(?:(?<![A-Za-z0-9_!#$%&*@＠])|(?<![A-Za-z0-9_+~.-][rR][tT])(?<=[rR][tT])|(?<![A-Za-z0-9_+~.-][rR][tT]:)(?<=[rR][tT]:))"
    r"[@＠](?P<name>[A-Za-z0-9_]{1,20}+)(?:(?P<list>/[A-Za-z][A-Za-z0-9_-]{0,24}+)|(?!/[A-Za-z]))"
    rf"(?![@＠{_LATIN}]|://)"
)
_LEADING_MENTIONS = re.compile(r"(?:\s*+[@＠][A-Za-z0-9_]{1,20}(?=\s|$))+\s*+")
_HASH = re.compile(r"[#＃](?![\ufe0f\u20e3])")
_TAG_SIGNS = frozenset(
    "_\u200c\u200d\ua67e\u05be\u05f3\u05f4\uff5e\u301c\u309b\u309c\u30a0\u30fb\u3003\u0f0b\u0f0c\u00b7"
)
_CASHTAG = re.compile(
    rf"(?<![^{_SPACES}{_DIRECTIONS}])\$(?P<symbol>[A-Za-z]{{1,6}}(?:[._][A-Za-z]{{1,2}})?)(?=[\s{_PUNCTUATION}]|$)"
)
_ESCAPED = re.compile(r"&(amp|lt|gt);")
_UNESCAPED = {"amp": "&", "lt": "<", "gt": ">"}


def _outside_urls(text: str, found: list[Tagged]) -> list[Tagged]:
    links = urls(text)
    starts = [link.start for link in links]
    return [one for one in found if not (i := bisect_left(starts, one.end)) or links[i - 1].end <= one.start]


def _hashtag_at(text: str, sign: int) -> Hashtag | None:
    before = text[sign - 1] if sign else " "
    if before == "&" or (before not in "\ufe0e\ufe0f" and (_is_letter(before) or _is_in_tag(before))):
        return None
    end = sign + 1
    has_letter = False
    while end < len(text):
        if _is_letter(text[end]):
            has_letter = True
        elif not _is_in_tag(text[end]):
            break
        end += 1
    if not has_letter or text[end : end + 1] in ("#", "＃") or text.startswith("://", end):
        return None
    return Hashtag(text[sign + 1 : end], sign, end)


def _is_letter(sign: str) -> bool:
    return unicodedata.category(sign)[0] in "LM"


def _is_in_tag(sign: str) -> bool:
    return unicodedata.category(sign) == "Nd" or sign in _TAG_SIGNS
