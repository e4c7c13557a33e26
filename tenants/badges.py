"""How a brand is shown: its badge, readable colours, its logo. Plain values, so that they may leave the brand."""

import hashlib
import io
import warnings
from dataclasses import dataclass

from django.conf import settings
from PIL import Image, ImageOps, UnidentifiedImageError

from tenants import queries
from tenants.models import Agency, Brand
from tenants.refusals import NotNow

BLACK, WHITE = "#111111", "#ffffff"
# The papers that text in a brand's colour lies on, by day and by night: `--surface` in nightjar.css.
DAY, NIGHT = "#ffffff", "#1a1922"
# WCAG 2.2, 1.4.3: text of normal size on its background.
READABLE = 4.5

LARGEST_UPLOAD = 2_000_000
LONGEST_SIDE = 4000
KEPT_SIDE = 512
_FORMATS = ("PNG", "JPEG", "WEBP")


@dataclass(frozen=True)
class Badge:
    """A brand as pages draw it: its name, colours and handle, and where it is."""

    pk: int
    name: str
    slug: str
    colour: str
    ink: str
    handle: str
    url: str
    host_url: str
    zone: str
    by_day: str = "#111111"
    by_night: str = "#ffffff"
    logo_url: str = ""
    has_logo: bool = False


@dataclass(frozen=True)
class Picture:
    """A logo that we wrote ourselves."""

    png: bytes
    width: int
    height: int
    digest: str


def badge_of(brand: Brand, *, on_brand_host: bool = False) -> Badge:
    """A brand's badge, from rows that were fetched with it."""
    handles, domains = list(brand.handles.all()), list(brand.domains.all())
    url = "/" if on_brand_host else f"/b/{brand.slug}/"
    return Badge(
        pk=brand.pk,
        name=brand.name,
        slug=brand.slug,
        colour=brand.colour,
        ink=brand.ink or ink_on(brand.colour),
        handle=handles[0].username if handles else "",
        url=url,
        host_url=address(domains[0].name) if domains else "",
        zone=brand.zone,
        by_day=readable_on(DAY, brand.colour),
        by_night=readable_on(NIGHT, brand.colour),
        logo_url=f"{url}logo/",
        has_logo=getattr(brand, "has_logo", False),
    )


def badges_of_agency(agency: Agency) -> list[Badge]:
    """The badges of all brands of an agency, by name."""
    return [badge_of(brand) for brand in queries.brands_of(agency.pk)]


def address(host: str) -> str:
    """The address of one of our hosts."""
    return f"http://{host}/" if settings.PORT == 80 else f"http://{host}:{settings.PORT}/"


def ink_on(colour: str) -> str:
    """Black or white, whichever reads better on this colour."""
    inks = [WHITE] if contrast(WHITE, colour) >= contrast("#000000", colour) else [BLACK, "#000000"]
    return next((ink for ink in inks if contrast(ink, colour) >= READABLE), inks[-1])


def contrast(one: str, other: str) -> float:
    """How well one colour reads on another, from 1 to 21 (contrast ratio as WCAG 2.2 defines it)."""
    lower, higher = sorted((_luminance(one), _luminance(other)))
    return (higher + 0.05) / (lower + 0.05)


def readable_on(paper: str, colour: str) -> str:
    """This colour, or the nearest one towards black or white that can be read as text on this paper."""
    towards = "#000000" if _luminance(paper) > 0.18 else "#ffffff"
    shades = (_mixed(colour, towards, step / 32) for step in range(33))
    return next((shade for shade in shades if contrast(shade, paper) >= READABLE), towards)


def check_readable(colour: str, ink: str) -> None:
    """Refuse text on a brand's colour that nobody can read; with the figure, and what would do."""
    if not ink or contrast(ink, colour) >= READABLE:
        return
    better = ink_on(colour)
    raise NotNow(
        f"{ink} on {colour} has a contrast of {contrast(ink, colour):.1f} : 1, and less than {READABLE} : 1 is hard to "
        f"read. Leave the text colour empty, or take {better} ({contrast(better, colour):.1f} : 1)."
    )


def picture_from(upload: bytes) -> Picture:
    """A logo from what was uploaded: decoded, whatever it calls itself, and written anew. Refused in words else."""
    if len(upload) > LARGEST_UPLOAD:
        raise NotNow("This file is larger than 2 MB. Save the logo smaller: 512 pixels are enough.")
    if upload.lstrip()[:200].lower().startswith((b"<svg", b"<?xml", b"<!doctype", b"<html", b"<script")):
        raise NotNow("This is an SVG or a web page, which can hold scripts. Save the logo as PNG and upload that.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(upload), formats=_FORMATS) as image:
                return _written_anew(image)
    except (UnidentifiedImageError, Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise NotNow("This is no picture that we can read. Upload a PNG, a JPEG or a WebP.") from None
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError):
        raise NotNow("This picture is damaged, or cut off. Save it again and upload it once more.") from None


def tile(colour: str) -> bytes:
    """A plain tile of this colour, as PNG: where there is no logo."""
    png = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(png, "PNG")
    return png.getvalue()


def _written_anew(image: Image.Image) -> Picture:
    if max(image.size) > LONGEST_SIDE:
        raise NotNow(
            f"This picture is {image.width} × {image.height} pixels; {LONGEST_SIDE} on a side are the most. "
            "Save it smaller: 512 are enough."
        )
    if min(image.size) < 8:
        raise NotNow("This picture is too small to be seen. Upload one of at least 64 pixels.")
    kept = ImageOps.exif_transpose(image).convert("RGBA")
    kept.thumbnail((KEPT_SIDE, KEPT_SIDE))
    # Pixels alone: what else the file carried (texts, profiles, a second file behind the first) stays behind.
    plain = Image.new("RGBA", kept.size)
    plain.paste(kept)
    png = io.BytesIO()
    plain.save(png, "PNG", optimize=True)
    written = png.getvalue()
    return Picture(written, *plain.size, hashlib.sha256(written).hexdigest()[:16])


def _mixed(colour: str, other: str, share: float) -> str:
    pairs = zip(_channels(colour), _channels(other), strict=True)
    return "#" + "".join(f"{round(255 * (one + (two - one) * share)):02x}" for one, two in pairs)


def _luminance(colour: str) -> float:
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in _channels(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _channels(colour: str) -> list[float]:
    return [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
