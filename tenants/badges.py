"""How a brand is shown: its badge. Plain values, so that they may leave the brand."""

from dataclasses import dataclass

from django.conf import settings

from tenants import queries
from tenants.models import Agency, Brand


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


def badge_of(brand: Brand, *, on_brand_host: bool = False) -> Badge:
    """A brand's badge, from rows that were fetched with it."""
    handles, domains = list(brand.handles.all()), list(brand.domains.all())
    return Badge(
        pk=brand.pk,
        name=brand.name,
        slug=brand.slug,
        colour=brand.colour,
        ink=ink_on(brand.colour),
        handle=handles[0].username if handles else "",
        url="/" if on_brand_host else f"/b/{brand.slug}/",
        host_url=address(domains[0].name) if domains else "",
        zone=brand.zone,
    )


def badges_of_agency(agency: Agency) -> list[Badge]:
    """The badges of all brands of an agency, by name."""
    return [badge_of(brand) for brand in queries.brands_of(agency.pk)]


def address(host: str) -> str:
    """The address of one of our hosts."""
    return f"http://{host}/" if settings.PORT == 80 else f"http://{host}:{settings.PORT}/"


def ink_on(colour: str) -> str:
    """Black or white, whichever reads better on this colour (relative luminance as WCAG 2.2 defines it)."""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#ffffff" if 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.05 else "#111111"
