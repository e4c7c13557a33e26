"""Files that go out with a reply: taken in and looked at, kept, brought to Twitter, and then named by the reply.

A reply is posted when all its files are at Twitter. Bringing one may be done again at any time: an upload that nothing
names is seen by nobody, and Twitter forgets it after a day. Limits are X's, `docs.x.com/x-api/media/quickstart`.
"""

import io
import struct
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from PIL import Image, UnidentifiedImageError

from accounts.models import User
from inbox import policies
from inbox.domain import credentials, outages
from inbox.enums import MediaKind, MediaState, ReplyStatus, ReplyWay
from inbox.models import Reply, ReplyMedia
from inbox.twitter import uploading
from inbox.twitter.client import NotNow as TwitterNotNow
from inbox.twitter.client import Refused, Twitter
from inbox.twitter.uploading import Processing, Ready, Uploaded
from tenants.refusals import NotNow

MB = 1024 * 1024
# Twitter takes videos of 512 MB; what is kept in the database and sent by a worker is less.
LARGEST = {MediaKind.PHOTO: 5 * MB, MediaKind.GIF: 15 * MB, MediaKind.VIDEO: 64 * MB}
LONGEST_ALT_TEXT = 1_000
MOST_PHOTOS = 4
_MOST_PIXELS = 8_192
_GIF_SIDES, _GIF_FRAMES, _GIF_PIXELS = (1_280, 1_080), 350, 300_000_000
_SHORTEST_VIDEO, _LONGEST_VIDEO = 0.5, 140.0
# Whoever brings a file has this long before somebody else may begin again; a file is named only with this much left.
_BRINGING = timedelta(minutes=3)
_LEAST_LEFT = timedelta(minutes=10)
# No file is begun when a round has lasted so long: replies without files are waiting behind it.
_LONGEST_ROUND = 20.0

# What the reader of pictures raises for files that somebody made to be no picture.
_UNREADABLE = (
    UnidentifiedImageError,
    Image.DecompressionBombError,
    OSError,
    EOFError,
    ValueError,
    SyntaxError,
    LookupError,
    OverflowError,
    TypeError,
    struct.error,
)
_FORMATS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "GIF": "image/gif"}


@dataclass(frozen=True, slots=True)
class Looked:
    """What a file turned out to be, whatever it was called."""

    kind: MediaKind
    content_type: str
    width: int | None
    height: int | None


@transaction.atomic
def attach(*, reply: Reply, content: bytes, alt_text: str, by: User, role: str, now: datetime) -> ReplyMedia:
    """Put a file to one's draft. Refused: what is no photo, GIF or video, too large, or more than a tweet can show."""
    reply = Reply.objects.select_for_update().get(pk=reply.pk)
    policies.check_is_own(by, role, reply)
    looked = look_at(content)
    there = list(reply.media.order_by("position", "pk").defer("content"))
    _check_fits(looked.kind, there, reply.way)
    return ReplyMedia.objects.create(
        reply=reply,
        position=max((each.position for each in there), default=-1) + 1,
        kind=looked.kind,
        content_type=looked.content_type,
        content=content,
        size=len(content),
        width=looked.width,
        height=looked.height,
        alt_text=_checked_words(alt_text),
        added_at=now,
        added_by=by,
    )


@transaction.atomic
def describe(*, file: ReplyMedia, alt_text: str, by: User, role: str) -> ReplyMedia:
    """Say what a file shows, for who cannot see it. Twitter is told before the reply is posted."""
    reply = Reply.objects.select_for_update().get(pk=file.reply_id)
    policies.check_is_own(by, role, reply)
    there = reply.media.defer("content").filter(pk=file.pk).first()
    if there is None:
        raise NotNow("This file was taken off the reply meanwhile.")
    file = there
    file.alt_text, file.state, file.media_id, file.usable_until = (
        _checked_words(alt_text),
        MediaState.WAITING,
        None,
        None,
    )
    file.save(update_fields=["alt_text", "state", "media_id", "usable_until"])
    return file


@transaction.atomic
def remove(*, file: ReplyMedia, by: User, role: str) -> None:
    """Take a file off one's draft."""
    reply = Reply.objects.select_for_update().get(pk=file.reply_id)
    policies.check_is_own(by, role, reply)
    file.delete()


def check_way(reply: Reply) -> None:
    """Raise `NotNow` where this reply's files cannot go its way."""
    if reply.pk and reply.way == ReplyWay.PRIVATE and reply.media.count() > 1:
        raise NotNow("A direct message shows one file. Remove the others.")


def again(reply: Reply) -> None:
    """A reply is to be tried again: whatever Twitter said of its files, they are brought anew."""
    reply.media.update(state=MediaState.WAITING, media_id=None, usable_until=None, why="")


def not_at_twitter(now: datetime) -> QuerySet[ReplyMedia]:
    """Files that cannot be named by a reply yet, or not any more. One that Twitter refused holds nothing up."""
    return ReplyMedia.objects.filter(
        Q(state__in=[MediaState.WAITING, MediaState.PROCESSING])
        | Q(state=MediaState.READY, usable_until__lte=now + _LEAST_LEFT)
    )


def bring_waiting(*, connect: Callable[[int], Twitter], clock: Callable[[], datetime]) -> int:
    """Bring to Twitter the files of this brand's replies that may go out; returns how many are there now."""
    brought, ends = 0, time.monotonic() + _LONGEST_ROUND
    if outages.are_credits_gone(now=clock()):
        return 0
    for pk in _to_bring(clock()):
        if time.monotonic() > ends:
            break
        file = _take(pk, now=clock())
        if file is None:
            continue
        handle_id = file.reply.conversation.handle_id
        uploaded = credentials.with_a_key(handle_id, connect, partial(_bring, file), clock=clock)
        brought += _settle(pk, uploaded, now=clock())
    return brought


def look_at(content: bytes) -> Looked:
    """What a file is, by its own bytes; raises `NotNow` where Twitter would not take it, and says why."""
    if not content:
        raise NotNow("The file is empty.")
    if content[4:8] == b"ftyp":
        looked = _look_at_video(content)
    else:
        looked = _look_at_image(content)
    largest = LARGEST[looked.kind]
    if len(content) > largest:
        raise NotNow(f"This {looked.kind.label} has {len(content) / MB:.1f} MB; {largest // MB} MB are the most.")
    return looked


def _look_at_image(content: bytes) -> Looked:
    if len(content) > LARGEST[MediaKind.GIF]:  # not even looked at: its pictures would be counted one by one
        raise NotNow(f"This file has {len(content) / MB:.1f} MB; a GIF may have {LARGEST[MediaKind.GIF] // MB} MB.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(content), formats=list(_FORMATS))
            width, height = image.size
            frames = getattr(image, "n_frames", 1) if image.format == "GIF" else 1
            content_type = _FORMATS[image.format or ""]
            if max(width, height) <= _MOST_PIXELS:
                image.verify()
    except _UNREADABLE as error:
        raise NotNow("That is no photo (JPEG, PNG, WebP), GIF or video (MP4) that can be read.") from error
    if max(width, height) > _MOST_PIXELS:
        raise NotNow(f"The picture is {width} by {height}; Twitter takes {_MOST_PIXELS} each way.")
    if frames == 1:
        return Looked(MediaKind.PHOTO, content_type, width, height)
    if width > _GIF_SIDES[0] or height > _GIF_SIDES[1]:
        raise NotNow(f"The GIF is {width} by {height}; Twitter takes {_GIF_SIDES[0]} by {_GIF_SIDES[1]} at most.")
    if frames > _GIF_FRAMES or width * height * frames > _GIF_PIXELS:
        raise NotNow(f"The GIF has {frames} pictures; Twitter takes {_GIF_FRAMES}, of 300 million points together.")
    return Looked(MediaKind.GIF, content_type, width, height)


def _look_at_video(content: bytes) -> Looked:
    seconds = _seconds_of(content)
    if seconds is None:
        raise NotNow("That video cannot be read. Save it as MP4 (H.264) and attach it again.")
    if not _SHORTEST_VIDEO <= seconds <= _LONGEST_VIDEO:
        raise NotNow(f"The video lasts {seconds:.1f} seconds; Twitter takes half a second to 140 seconds.")
    content_type = "video/quicktime" if content[8:12] == b"qt  " else "video/mp4"
    return Looked(MediaKind.VIDEO, content_type, None, None)


def _seconds_of(content: bytes) -> float | None:
    """How long an MP4 file lasts, by its own header; none where it has none."""
    for kind, start, end in _boxes(content, 0, len(content)):
        if kind != b"moov":
            continue
        for inner, at, until in _boxes(content, start, end):
            if inner != b"mvhd" or until - at < 32:
                continue
            layout, place = (">IQ", at + 20) if content[at] == 1 else (">II", at + 12)
            scale, duration = struct.unpack_from(layout, content, place)
            return duration / scale if scale else None
    return None


def _boxes(content: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """The parts of an MP4 file: what each is called, and where its content begins and ends."""
    while start + 8 <= end:
        size, kind = struct.unpack_from(">I4s", content, start)
        head = 8
        if size == 1 and start + 16 <= end:
            size, head = struct.unpack_from(">Q", content, start + 8)[0], 16
        size = size or end - start
        if size < head or start + size > end:
            return
        yield kind, start + head, start + size
        start += size


def _check_fits(kind: MediaKind, there: list[ReplyMedia], way: str) -> None:
    if way == ReplyWay.PRIVATE and there:
        raise NotNow("A direct message shows one file. Remove the other one first.")
    if not there:
        return
    if kind != MediaKind.PHOTO or any(each.kind != MediaKind.PHOTO for each in there):
        raise NotNow("A tweet shows four photos, or one GIF, or one video. Remove what is there first.")
    if len(there) >= MOST_PHOTOS:
        raise NotNow("A tweet shows four photos at most. Remove one first.")


def _checked_words(alt_text: str) -> str:
    words = alt_text.replace("\x00", "").strip()
    if len(words) > LONGEST_ALT_TEXT:
        raise NotNow(f"The description has {len(words)} characters; {LONGEST_ALT_TEXT} are allowed.")
    return words


# --- bringing


def _to_bring(now: datetime) -> list[int]:
    """Files of replies that are let go and not held back; those of one reply in their order."""
    due = (Q(not_before=None) | Q(not_before__lte=now)) & (Q(undo_until=None) | Q(undo_until__lte=now))
    ready = Reply.objects.filter(due, status=ReplyStatus.APPROVED, pk=OuterRef("reply_id"))
    waiting = not_at_twitter(now).filter(Exists(ready)).order_by("reply_id", "position", "pk")
    return list(waiting.values_list("pk", flat=True)[:20])


@transaction.atomic
def _take(pk: int, *, now: datetime) -> ReplyMedia | None:
    """Hold a file for bringing, or for asking about it; none where somebody else is at it."""
    found = ReplyMedia.objects.select_for_update(of=("self",)).select_related("reply__conversation")
    file = found.filter(pk=pk).first()
    if file is None or file.state == MediaState.REFUSED:
        return None
    if file.state == MediaState.PROCESSING and file.usable_until and file.usable_until > now:
        return file
    if file.state == MediaState.WAITING and file.usable_until and now < file.usable_until <= now + _BRINGING:
        return None
    if file.state == MediaState.READY and file.usable_until and file.usable_until > now + _LEAST_LEFT:
        return None
    file.state, file.media_id, file.usable_until = MediaState.WAITING, None, now + _BRINGING
    file.save(update_fields=["state", "media_id", "usable_until"])
    return file


def _bring(file: ReplyMedia, twitter: Twitter) -> Uploaded:
    if file.state == MediaState.PROCESSING and file.media_id:
        return uploading.ask(twitter, media_id=file.media_id)
    return uploading.upload(
        twitter,
        content=bytes(file.content),
        content_type=file.content_type,
        category=_category(file),
        alt_text=file.alt_text,
    )


def _category(file: ReplyMedia) -> str:
    kind = "image" if file.kind == MediaKind.PHOTO else file.kind
    return f"{'dm' if file.reply.way == ReplyWay.PRIVATE else 'tweet'}_{kind}"


@transaction.atomic
def _settle(pk: int, uploaded: Uploaded, *, now: datetime) -> int:
    file = (
        ReplyMedia.objects.select_for_update(of=("self",)).select_related("reply__conversation").filter(pk=pk).first()
    )
    if file is None:  # its draft was thrown away meanwhile
        return 0
    match uploaded:
        case Ready(media_id=media_id, usable_until=until):
            file.state, file.media_id, file.usable_until, file.why = MediaState.READY, media_id, until, ""
        case Processing(media_id=media_id, usable_until=until, ask_at=_):
            file.state, file.media_id, file.usable_until = MediaState.PROCESSING, media_id, until
        case Refused(why=why):
            file.state, file.why = MediaState.REFUSED, why[:300]
        case TwitterNotNow(why=why, until=until, reconnect=reconnect):
            file.why = why[:300]
            if file.state == MediaState.WAITING:
                file.usable_until = None
            if reconnect:
                credentials.log_in_refused(file.reply.conversation.handle_id, why=why, now=now)
            waiting = Reply.objects.filter(pk=file.reply_id, status=ReplyStatus.APPROVED)
            waiting.update(not_before=max(until, now + timedelta(seconds=5)), why=why[:300])
    file.save(update_fields=["state", "media_id", "usable_until", "why"])
    return int(file.state == MediaState.READY)
