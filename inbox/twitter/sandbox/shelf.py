"""Pictures and films: where they are kept, what Twitter takes, and how long it chews on them."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from inbox.twitter.sandbox import problems
from inbox.twitter.sandbox.snowflake import now_ms
from inbox.twitter.sandbox.storage import Storage
from inbox.twitter.sandbox.world import World

MB = 1024 * 1024
LARGEST = {"image": 5 * MB, "gif": 15 * MB, "video": 512 * MB}
USABLE_MS = 86_400_000
TYPES = {
    "image": ("image/jpeg", "image/png", "image/webp", "image/bmp", "image/tiff", "image/pjpeg"),
    "gif": ("image/gif",),
    "video": ("video/mp4", "video/webm", "video/mp2t", "video/quicktime"),
}
PREFIX = {"image": "3", "gif": "16", "video": "7"}
WIRE_TYPE = {"image": "photo", "gif": "animated_gif", "video": "video"}
COLUMNS = "id, owner_id, category, media_type, total_bytes, width, height, alt_text, state, ready_ms, created_ms"
CATEGORIES = ("tweet_image", "tweet_gif", "tweet_video", "amplify_video", "dm_image", "dm_gif", "dm_video", "subtitles")


@dataclass(frozen=True, slots=True)
class Media:
    id: int
    owner_id: int
    category: str
    media_type: str
    total_bytes: int
    width: int
    height: int
    alt_text: str
    state: str  # "open" while parts come, then "done", or "failed"
    ready_ms: int
    created_ms: int

    @property
    def kind(self) -> str:
        """What it is to a tweet: an image, a gif, or a video."""
        return kind_of(self.category)

    @property
    def key(self) -> str:
        return f"{PREFIX[self.kind]}_{self.id}"

    @property
    def seconds_left(self) -> int:
        return max((self.created_ms + USABLE_MS - now_ms()) // 1000, 0)


class Shelf:
    def __init__(self, storage: Storage, world: World, public_url: str) -> None:
        self.storage, self.world, self.public_url = storage, world, public_url

    def start(self, owner_id: int, category: str, media_type: str, total_bytes: int) -> Media:
        kind = kind_of(category)
        if media_type not in TYPES[kind]:
            raise problems.invalid(
                f"`media_type` [{media_type[:40]}] does not go with {category}.", media_type=media_type[:40]
            )
        if not 1 <= total_bytes <= LARGEST[kind]:
            raise problems.invalid(
                f"`total_bytes` [{total_bytes}]: a {kind} has {LARGEST[kind] // MB} MB at most.",
                total_bytes=total_bytes,
            )
        made = self.world.snowflakes.next()
        with self.storage.transaction():
            self.storage.execute(
                "INSERT INTO media (id, owner_id, category, media_type, total_bytes, state, created_ms)"
                " VALUES (?, ?, ?, ?, ?, 'open', ?)",
                (made, owner_id, category, media_type, total_bytes, now_ms()),
            )
        return self.found(made)

    def append(self, media: Media, number: int, content: bytes) -> None:
        """Keep a part; sending the same part again replaces it."""
        if media.state != "open":
            raise problems.invalid("This upload is finished already.", media_id=media.id)
        with self.storage.transaction():
            self.storage.execute("REPLACE INTO media_parts VALUES (?, ?, ?)", (media.id, number, content))

    def finish(self, media: Media) -> Media:
        """Put the parts together; films and pictures that move take a while until they are usable."""
        if media.state != "open":
            return media
        rows = self.storage.execute(
            "SELECT number, content FROM media_parts WHERE media_id = ? ORDER BY number", (media.id,)
        )
        parts = list(rows)
        content = b"".join(part for _, part in parts)
        if [number for number, _ in parts] != list(range(len(parts))) or len(content) != media.total_bytes:
            raise problems.invalid(
                f"Segments do not add up to provided total file size: {len(content)} of {media.total_bytes} bytes.",
                media_id=media.id,
            )
        return self.keep(media, content)

    def keep(self, media: Media, content: bytes) -> Media:
        width, height = measured(content)
        seconds = 0 if media.kind == "image" else self.world.settings["media_seconds"]
        state = "done" if looks_like(media.media_type, content) else "failed"
        with self.storage.transaction():
            self.storage.execute(
                "UPDATE media SET content = ?, width = ?, height = ?, state = ?, ready_ms = ? WHERE id = ?",
                (content, width, height, state, now_ms() + int(seconds * 1000), media.id),
            )
            self.storage.execute("DELETE FROM media_parts WHERE media_id = ?", (media.id,))
        return self.found(media.id)

    def describe(self, media_id: int, alt_text: str) -> None:
        with self.storage.transaction():
            self.storage.execute("UPDATE media SET alt_text = ? WHERE id = ?", (alt_text, media_id))

    def found(self, media_id: int) -> Media:
        row = self.storage.execute(f"SELECT {COLUMNS} FROM media WHERE id = ?", (media_id,)).fetchone()
        if not row:
            raise problems.invalid(f"Your media IDs are invalid: {media_id}.", media_id=media_id)
        return Media(*row)

    def content(self, media_id: int) -> tuple[bytes, str]:
        """The bytes and their type."""
        row = self.storage.execute("SELECT content, media_type FROM media WHERE id = ?", (media_id,)).fetchone()
        if not row or row[0] is None:
            raise problems.no_such("medium")
        return row[0], row[1]

    def check_usable(self, ids: Sequence[int], owner_id: int, prefix: str) -> list[Media]:
        """The media, when a tweet or message of this account may carry them together."""
        found = [self.found(media_id) for media_id in ids]
        for media in found:
            if (
                media.owner_id != owner_id
                or media.state != "done"
                or media.ready_ms > now_ms()
                or not media.seconds_left
            ):
                raise problems.invalid("Your media IDs are invalid.", media_ids=str(media.id))
            if prefix == "dm_" and not media.category.startswith("dm_"):
                raise problems.invalid(f"A {media.category} cannot be attached here.", media_ids=str(media.id))
        films = [media for media in found if media.kind != "image"]
        if len(found) > 4 or (films and len(found) > 1):
            raise problems.invalid(
                "You attached more media than allowed: four photos, or one GIF, or one video.", media_ids=str(ids)[:60]
            )
        return found

    def key(self, media_id: int) -> str:
        return self.found(media_id).key

    def file_name(self, media_id: int) -> str:
        return f"{media_id}.{self.found(media_id).media_type.split('/')[1].replace('jpeg', 'jpg')}"

    def address(self, media_id: int) -> str:
        return f"{self.public_url}/media/{self.file_name(media_id)}"

    def as_json(self, media_id: int, wanted: frozenset[str] | None = None, address: str = "") -> dict[str, Any]:
        """A medium in `includes`; without `wanted`, all of it."""
        media = self.found(media_id)
        url = address or self.address(media_id)
        full: dict[str, Any] = {
            "media_key": media.key,
            "type": WIRE_TYPE[media.kind],
            "width": media.width or None,
            "height": media.height or None,
            "alt_text": media.alt_text or None,
        }
        if media.kind == "image":
            full["url"] = url
        else:
            full["preview_image_url"] = f"{self.public_url}/media/{media.id}.preview.jpg"
            full["variants"] = [
                {"bit_rate": 0 if media.kind == "gif" else 832_000, "content_type": "video/mp4", "url": url}
            ]
            if media.kind == "video":
                full["duration_ms"] = 5_000
        always = {"media_key", "type"}
        return {
            name: value
            for name, value in full.items()
            if value is not None and (wanted is None or name in wanted or name in always)
        }

    def old_shape(self, media_id: int, place: list[int], address: str) -> dict[str, Any]:
        """A medium as the old kind of event shows it."""
        media, link_place = self.found(media_id), list(place)
        shown = {
            "id": media.id,
            "id_str": str(media.id),
            "indices": link_place,
            "media_url_https": address or self.address(media_id),
            "type": WIRE_TYPE[media.kind],
            "sizes": {"large": {"w": media.width, "h": media.height, "resize": "fit"}},
        }
        if media.alt_text:
            shown["ext_alt_text"] = media.alt_text
        if media.kind != "image":
            variant = {"bitrate": 832_000, "content_type": "video/mp4", "url": address or self.address(media_id)}
            shown["video_info"] = {"aspect_ratio": [16, 9], "variants": [variant]}
        return shown


def kind_of(category: str) -> str:
    if category.endswith("video"):
        return "video"
    return "gif" if category.endswith("gif") else "image"


def looks_like(media_type: str, content: bytes) -> bool:
    """Whether the first bytes are those of the type; what we do not know passes."""
    begins = {"image/jpeg": b"\xff\xd8", "image/png": b"\x89PNG", "image/gif": b"GIF8", "image/webp": b"RIFF"}
    return content.startswith(begins.get(media_type, b""))


def type_of(content: bytes) -> str:
    begins = {b"\xff\xd8": "image/jpeg", b"\x89PNG": "image/png", b"GIF8": "image/gif", b"RIFF": "image/webp"}
    return next((kind for start, kind in begins.items() if content.startswith(start)), "video/mp4")


def measured(content: bytes) -> tuple[int, int]:
    """Width and height, where the first bytes say so."""
    if content.startswith(b"\x89PNG") and len(content) >= 24:
        return struct.unpack(">II", content[16:24])
    if content.startswith(b"GIF8") and len(content) >= 10:
        return struct.unpack("<HH", content[6:10])
    return _of_jpeg(content) if content.startswith(b"\xff\xd8") else (0, 0)


def _of_jpeg(content: bytes) -> tuple[int, int]:
    place = 2
    while place + 9 <= len(content) and content[place] == 0xFF:
        marker, length = content[place + 1], int.from_bytes(content[place + 2 : place + 4])
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", content[place + 5 : place + 9])
            return width, height
        place += 2 + length
    return 0, 0
