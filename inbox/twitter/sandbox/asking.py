"""What the control surface's requests have in common: who is meant, and made-up pictures."""

import struct
import zlib
from typing import Any

from starlette.requests import Request

from inbox.twitter.sandbox.access import Sandbox
from inbox.twitter.sandbox.parameters import an_id
from inbox.twitter.sandbox.problems import Problem, malformed
from inbox.twitter.sandbox.world import Account, Tweet

KINDS = {"photo": ("image", "image/png"), "gif": ("gif", "image/gif"), "video": ("video", "video/mp4")}
GIF = (
    b"GIF89a\x02\x00\x02\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00!\xf9\x04\x00\x00\x00\x00\x00,\x00\x00\x00\x00\x02\x00"
    b"\x02\x00\x00\x02\x02\x84Q\x00;"
)


def sandbox_of(request: Request) -> Sandbox:
    return request.app.state.sandbox


def person(sandbox: Sandbox, who: object, name: str = "from") -> Account:
    """The account of an id or a username."""
    text = str(who or "").removeprefix("@")
    account = sandbox.world.account_named(text)
    if not account and text.isascii() and text.isdigit() and len(text) <= 19:
        account = sandbox.world.account(int(text))
    if not account:
        raise malformed(f"`{name}`: there is no account called '{text[:60]}'.")
    return account


def tweet_in(request: Request) -> Tweet:
    tweet = sandbox_of(request).world.tweet(an_id(request.path_params["id"], "id"))
    if not tweet:
        raise Problem(404, "Not Found", "There is no such tweet.")
    return tweet


def make_media(sandbox: Sandbox, owner: Account, asked: object, prefix: str) -> int:
    """A made-up picture, ready to be carried; answers its id."""
    wanted: dict[str, Any] = asked if isinstance(asked, dict) else {"kind": asked}
    if wanted.get("kind") not in KINDS:
        raise malformed(f"A medium is one of {', '.join(KINDS)}.")
    category, media_type = KINDS[wanted["kind"]]
    content = {"image": picture(owner.id), "gif": GIF, "video": b"\0\0\0\x18ftypmp42" + bytes(64)}[category]
    with sandbox.storage.transaction():
        media = sandbox.media.start(owner.id, f"{prefix}{category}", media_type, len(content))
        sandbox.media.keep(media, content)
        sandbox.storage.execute("UPDATE media SET ready_ms = 0 WHERE id = ?", (media.id,))
        if isinstance(alt_text := wanted.get("alt_text"), str):
            sandbox.media.describe(media.id, alt_text[:1000])
    return media.id


def picture(seed: int, width: int = 48, height: int = 32) -> bytes:
    """A small PNG of one colour."""
    colour = bytes(((seed * 7919) % 200 + 30, (seed * 104_729) % 200 + 30, (seed * 1_299_709) % 200 + 30))
    rows = (b"\0" + colour * width) * height
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in parts
    )
