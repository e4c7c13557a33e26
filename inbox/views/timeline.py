"""A conversation's messages as the page draws them: public and private, whole, with their pictures, links and edits."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from accounts.queries import Person
from inbox.enums import Direction
from inbox.models import Message, Version
from inbox.twitter import addresses, pictures
from inbox.twitter import text as twitter_text
from inbox.views import media
from tenants.badges import Badge

# Marks that turn the direction of what follows: stripped from names and addresses, which stand amid our own words.
_DIRECTION_MARKS = dict.fromkeys([0x200E, 0x200F, 0x061C, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])
_WORDS = re.compile(r"\s+|\S+")
_WHY_HIDDEN = {
    "protected": "This account is protected now. What it wrote is not shown from our copy.",
    "suspended": "X has suspended this account. What it wrote is not shown from our copy.",
    "blocked": "This account blocks the brand now. What it wrote is not shown from our copy.",
}


def draw(
    messages: Sequence[Message],
    customer: Mapping[str, Any],
    *,
    badge: Badge,
    names: Mapping[int, Person],
    loudness: Mapping[int, int],
) -> list[dict[str, Any]]:
    """These messages, ready to draw, in the same order."""
    edited = [message.pk for message in messages if message.version_id and is_shown(message)]
    versions: dict[int, list[Version]] = {}
    for row in Version.objects.filter(message_id__in=edited).order_by("pk") if edited else ():
        versions.setdefault(row.message_id, []).append(row)
    return [
        _message(each, customer, badge, names, loudness.get(each.pk, 0), versions.get(each.pk, [])) for each in messages
    ]


def is_shown(message: Message) -> bool:
    """Whether its words may be shown: neither deleted nor hidden by its author."""
    return message.deleted_at is None and message.hidden_at is None


def shown_text(message: Message) -> str:
    """A message's words, as far as they may be shown."""
    return message.text if is_shown(message) else ""


def without_controls(name: str) -> str:
    """A name without marks that turn the direction of what follows."""
    return name.translate(_DIRECTION_MARKS)


def initials(name: str) -> str:
    """One or two letters that stand for a name."""
    words = [word for word in name.split() if word[0].isalnum()]
    return "".join(word[0] for word in words[:1] + words[1:][-1:]).upper() or "?"


def excerpt(message: Message | None, longest: int) -> str:
    """A message's first words, for a list."""
    if message is None:
        return ""
    if message.deleted_at:
        return "deleted on Twitter"
    if message.hidden_at:
        return "no longer to be shown"
    if message.is_encrypted:
        return "encrypted message, to be read in X"
    text = message.text
    if message.links:
        text = "".join(part["text"] for part in parts(text, message.links, has_pictures=bool(message.media))).strip()
    words = twitter_text.without_leading_mentions(text)[:longest] or text[:longest]
    return words or ("a picture" if message.media else "")


def parts(text: str, links: Sequence[Mapping[str, str]] | None = None, *, has_pictures: bool = False) -> list[dict]:
    """A text cut into plain text, mentions, hashtags and links; only http and https links become links.

    Twitter's short links are shown as what they lead to; those of pictures that are shown are left out.
    """
    known = {one["url"]: one for one in links or ()}
    found = [(span.start, span.end, kind) for kind, spans in _spans(text).items() for span in spans]
    pieces, place = [], 0
    for start, end, kind in sorted(found):
        if start < place:
            continue
        if start > place:
            pieces.append({"kind": "text", "text": text[place:start], "url": ""})
        pieces += _piece(kind, text[start:end], known.get(text[start:end]), has_pictures)
        place = end
    if place < len(text):
        pieces.append({"kind": "text", "text": text[place:], "url": ""})
    return pieces


def difference(before: str, after: str) -> list[dict[str, str]]:
    """What changed from one version to the next, word by word: kept, gone and new runs of words."""
    old, new = _WORDS.findall(before), _WORDS.findall(after)
    runs = []
    for what, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if what == "equal":
            runs.append({"kind": "kept", "text": "".join(old[a:b])})
            continue
        runs += [{"kind": "gone", "text": "".join(old[a:b])}] if b > a else []
        runs += [{"kind": "new", "text": "".join(new[c:d])}] if d > c else []
    return runs


def _message(
    message: Message,
    customer: Mapping[str, Any],
    badge: Badge,
    names: Mapping[int, Person],
    amplified: int,
    versions: Sequence[Version],
) -> dict[str, Any]:
    is_ours = message.direction == Direction.OUTBOUND
    own = {"username": badge.handle, "name": badge.name, "initials": initials(badge.name), "hue": 0}
    shown = _pictures(message, badge) if is_shown(message) else []
    text = shown_text(message)
    return {
        "pk": str(message.pk),
        "is_outbound": is_ours,
        "author": own if is_ours else customer,
        "text": text,
        "parts": parts(text, message.links, has_pictures=bool(shown)),
        "at": message.created_at,
        "is_deleted": message.deleted_at is not None,
        "is_private": message.is_private,
        "is_encrypted": message.is_encrypted,
        "hidden_words": _WHY_HIDDEN.get(message.hidden_why, _WHY_HIDDEN["protected"])
        if message.hidden_at and not message.deleted_at
        else "",
        "pictures": shown,
        "edited_at": message.edited_at,
        "versions": _history(versions),
        "quoted_url": addresses.status(message.quote_of_id) if message.quote_of_id else None,
        "is_liked": message.liked_at is not None,
        "is_concealed": message.concealed_at is not None,
        "was_typed_on_twitter": is_ours and message.reply_id is None,
        "agent": names.get(message.reply.author_id or 0) if message.reply else None,
        "in_reply_to_pk": str(message.in_reply_to_id) if message.in_reply_to_id else None,
        "amplified_count": amplified,
        "url": _in_x(message, customer),
    }


def _in_x(message: Message, customer: Mapping[str, Any]) -> str:
    """Where X shows it: a tweet by its id, a direct message in the talk with this customer."""
    if message.is_private:
        return addresses.private_messages(customer["pk"])
    return addresses.status(message.pk)


def _pictures(message: Message, badge: Badge) -> list[dict[str, Any]]:
    shown = []
    for place, one in enumerate(message.media or ()):
        source = media.picture_of(one)
        shown.append(
            {
                "kind": one.get("kind") or "photo",
                "src": media.address(badge.url, message.pk, place) if pictures.is_ours_to_fetch(source) else "",
                "alt": one.get("alt") or "",
                "width": one.get("width"),
                "height": one.get("height"),
            }
        )
    return shown


def _history(versions: Iterable[Version]) -> list[dict[str, Any]]:
    """Each version, the newest first, with what it changed; one whose words never arrived says so."""
    drawn: list[dict[str, Any]] = []
    before: str | None = None
    for row in versions:
        runs = difference(before, row.text) if before else [{"kind": "kept", "text": row.text}]
        drawn.append({"at": row.created_at, "runs": runs if row.text else [], "is_first": before is None and not drawn})
        before = row.text or before
    return drawn[::-1]


def _spans(text: str) -> dict[str, Any]:
    return {
        "mention": twitter_text.mentions(text),
        "hashtag": twitter_text.hashtags(text),
        "link": twitter_text.urls(text),
    }


def _piece(kind: str, piece: str, link: Mapping[str, str] | None, has_pictures: bool) -> list[dict[str, str]]:
    if kind == "mention":
        return [{"kind": kind, "text": piece, "url": addresses.profile(piece[1:])}]
    if kind == "hashtag":
        return [{"kind": kind, "text": piece, "url": addresses.hashtag(piece[1:])}]
    if link and not link.get("shown") and has_pictures:
        return []
    address = piece if piece.lower().startswith(("http://", "https://")) else f"https://{piece}"
    if not link:
        return [{"kind": kind, "text": piece, "url": address}]
    expanded = without_controls(link.get("expanded") or address)
    shown = without_controls(link.get("shown") or expanded)
    return [{"kind": kind, "text": shown, "url": address, "title": expanded}]
