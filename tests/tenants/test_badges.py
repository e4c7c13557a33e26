"""Colours that can be read, and logos that are pictures and nothing else."""

import io
import struct
import zlib

import pytest
from PIL import Image, PngImagePlugin

from tenants import badges
from tenants.refusals import NotNow

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def picture(kind: str, size: tuple[int, int] = (64, 32), **more) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, "#0b6e4f").save(file, kind, **more)
    return file.getvalue()


def bomb() -> bytes:
    """A PNG of a few bytes that says it is 60,000 pixels wide and high."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [("#000000", "#ffffff", 21.0), ("#777777", "#ffffff", 4.48), ("#0b6e4f", "#ffffff", 6.25)],
)
def test_contrast_is_what_wcag_says_it_is(one, other, ratio):
    assert round(badges.contrast(one, other), 2) == ratio
    assert badges.contrast(one, other) == badges.contrast(other, one)


@pytest.mark.parametrize("colour", ["#ffff00", "#ffffff", "#000000", "#0b6e4f", "#ff5a5f", "#777777", "#1a1922"])
@pytest.mark.parametrize("paper", [badges.DAY, badges.NIGHT])
def test_a_brands_colour_as_text_can_be_read_by_day_and_by_night(colour, paper):
    shade = badges.readable_on(paper, colour)

    assert badges.contrast(shade, paper) >= badges.READABLE


def test_a_colour_that_can_be_read_stays_as_it_is():
    assert badges.readable_on(badges.DAY, "#0b6e4f") == "#0b6e4f"


@pytest.mark.parametrize("colour", ["#ffff00", "#777777", "#0b6e4f", "#ffffff", "#000000", "#ff5a5f", "#767676"])
def test_the_ink_that_we_choose_can_be_read(colour):
    badges.check_readable(colour, badges.ink_on(colour))

    assert badges.contrast(badges.ink_on(colour), colour) >= badges.READABLE


def test_ink_that_cannot_be_read_is_refused_with_the_figure_and_what_would_do():
    with pytest.raises(NotNow) as refusal:
        badges.check_readable("#ffff00", "#ffffff")

    assert str(refusal.value) == (
        "#ffffff on #ffff00 has a contrast of 1.1 : 1, and less than 4.5 : 1 is hard to read. "
        "Leave the text colour empty, or take #111111 (17.6 : 1)."
    )


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_is_written_anew_as_a_small_png(kind):
    kept = badges.picture_from(picture(kind, (1600, 800)))

    with Image.open(io.BytesIO(kept.png)) as image:
        assert (image.format, image.size, image.mode) == ("PNG", (512, 256), "RGBA")
    assert (kept.width, kept.height) == (512, 256)


def test_what_rides_along_in_a_picture_stays_behind():
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Comment", "<script>alert(1)</script>")
    upload = picture("PNG", pnginfo=texts) + b"PK\x03\x04<script>alert(2)</script>"

    kept = badges.picture_from(upload)

    assert b"script" not in kept.png
    assert b"PK\x03\x04" not in kept.png


@pytest.mark.parametrize(
    ("upload", "said"),
    [
        (SVG, "This is an SVG or a web page, which can hold scripts. Save the logo as PNG and upload that."),
        (b"\xef\xbb\xbf  <?xml version='1.0'?>" + SVG, "This is no picture that we can read."),
        (b"<html><script>1</script>", "This is an SVG or a web page"),
        (b"", "This is no picture that we can read. Upload a PNG, a JPEG or a WebP."),
        (b"%PDF-1.7", "This is no picture that we can read."),
        (picture("GIF"), "This is no picture that we can read."),
        (picture("BMP"), "This is no picture that we can read."),
        (picture("PNG")[:70], "This picture is damaged, or cut off."),
        (bomb(), "This is no picture that we can read."),
        (picture("PNG", (4001, 10)), "This picture is 4001 × 10 pixels; 4000 on a side are the most."),
        (picture("PNG", (4, 4)), "This picture is too small to be seen."),
        (b"\x89PNG" + b"0" * 2_000_000, "This file is larger than 2 MB."),
    ],
    ids=[
        "svg", "svg after a mark", "page", "empty", "pdf", "gif", "bmp", "cut off", "bomb", "wide", "tiny", "large",
    ],
)  # fmt: skip
def test_what_is_no_logo_is_refused_in_words(upload, said):
    with pytest.raises(NotNow) as refusal:
        badges.picture_from(upload)

    assert str(refusal.value).startswith(said)


def test_a_brand_without_a_logo_has_a_tile_of_its_colour():
    with Image.open(io.BytesIO(badges.tile("#0b6e4f"))) as image:
        assert image.getpixel((0, 0)) == (11, 110, 79)
