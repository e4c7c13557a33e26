"""Bringing a file to Twitter: begun, sent in pieces, ended, waited for, described. Every step may be done again.

What was uploaded twice does no harm: only a tweet that names it shows it. It can be named for a day.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from inbox.twitter.calls import a_dict, in_words, read_json, words_of
from inbox.twitter.writing import NotNow, Refused, Sent, Unknown, Writer, id_in, in_seconds, outcome_of

PIECE = 2 * 1024 * 1024
# Seconds after which no further piece is sent: whoever asked holds the file for three minutes.
LONGEST_UPLOAD = 90.0
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Ready:
    """It can be shown until then."""

    media_id: int
    usable_until: datetime


@dataclass(frozen=True, slots=True)
class Processing:
    """Twitter looks at it still; to be asked again then."""

    media_id: int
    usable_until: datetime
    ask_at: datetime


Uploaded = Ready | Processing | Refused | NotNow


def upload(twitter: Writer, *, content: bytes, content_type: str, category: str, alt_text: str) -> Uploaded:
    """Bring a file to Twitter, with the words for who cannot see it. Whatever is not known counts as not now."""
    begun = _once(
        twitter.write(
            "POST",
            "/2/media/upload/initialize",
            id_in("id"),
            json={"media_type": content_type, "total_bytes": len(content), "media_category": category},
        )
    )
    if not isinstance(begun, Sent):
        return begun
    ends = time.monotonic() + LONGEST_UPLOAD
    for index, start in enumerate(range(0, len(content), PIECE)):
        if time.monotonic() > ends:
            return NotNow("Twitter takes the file too slowly. It is tried again.", until=in_seconds(60))
        piece = _once(
            twitter.write(
                "POST",
                f"/2/media/upload/{begun.id}/append",
                lambda _data: begun,
                files={"media": ("piece", content[start : start + PIECE], "application/octet-stream")},
                data={"segment_index": str(index)},
            )
        )
        if not isinstance(piece, Sent):
            return piece
    return _described(twitter, _asked(twitter, "POST", f"/2/media/upload/{begun.id}/finalize", begun.id), alt_text)


def ask(twitter: Writer, *, media_id: int) -> Uploaded:
    """Whether Twitter has done with a file that it was looking at."""
    return _asked(twitter, "GET", f"/2/media/upload?command=STATUS&media_id={media_id}", media_id)


def _described(twitter: Writer, uploaded: Uploaded, alt_text: str) -> Uploaded:
    if not alt_text or not isinstance(uploaded, Ready | Processing):
        return uploaded
    body = {"id": str(uploaded.media_id), "metadata": {"alt_text": {"text": alt_text}}}
    told = _once(twitter.write("POST", "/2/media/metadata", lambda _data: Sent(uploaded.media_id), json=body))
    return uploaded if isinstance(told, Sent) else told


def _once(outcome: Sent | Refused | NotNow | Unknown) -> Sent | Refused | NotNow:
    """An unknown outcome of an upload may be repeated: nobody sees what nothing names."""
    return NotNow(outcome.why, until=in_seconds(15)) if isinstance(outcome, Unknown) else outcome


def _asked(twitter: Writer, method: str, path: str, media_id: int) -> Uploaded:
    try:
        with twitter.answering(method, path) as (status, headers, content):
            outcome = _once(outcome_of(status, headers, content, found=lambda _data: Sent(media_id)))
            data = a_dict((read_json(content) or {}).get("data"))
    except httpx.HTTPError as error:
        return NotNow(in_words(error), until=in_seconds(15))
    return _state_of(data, media_id) if isinstance(outcome, Sent) else outcome


def _state_of(data: Mapping[str, Any], media_id: int) -> Uploaded:
    lasts, processing = data.get("expires_after_secs"), a_dict(data.get("processing_info"))
    until = in_seconds(min(lasts, _DAY) if isinstance(lasts, int | float) and lasts > 0 else _DAY)
    match processing.get("state", "succeeded"):
        case "succeeded":
            return Ready(media_id, until)
        case "failed":
            words = words_of({"errors": [processing.get("error")]}, 400)
            return Refused(f"Twitter could not use the file: {words}")
    after = processing.get("check_after_secs")
    return Processing(media_id, until, in_seconds(after if isinstance(after, int | float) and 0 < after < 600 else 5))
