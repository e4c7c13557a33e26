"""How long a brand takes from the button to its being there: the row and its audit, then what the worker makes."""

import statistics
import time
from typing import Any

from accounts.domain import founding
from accounts.models import User
from inbox.management.benches import house
from tenants import entry, schemas
from tenants.models import Agency, Brand, BrandState

FEW, MANY = 10, 500


def measure() -> dict[str, Any]:
    """The median among the first brands, and again among the last when there are 500."""
    owner = house.agency()
    with entry.directory():
        by = User.objects.only("name").get(pk=house.agents(1, team="onboard")[0])
        there = Brand.objects.filter(agency=owner).count()
    seconds = [_onboard(owner, number, by) for number in range(there, max(MANY, there + FEW))]
    return {
        "value": round(statistics.median(seconds[:FEW]), 3),
        "unit": "s",
        "at_brands": there + FEW,
        "at_500_brands_s": round(statistics.median(seconds[-FEW:]), 3),
        "slowest_s": round(max(seconds), 3),
    }


def _onboard(owner: Agency, number: int, by: User) -> float:
    """Found and make one brand; then, unmeasured, dress it as the other measurements expect."""
    began = time.perf_counter()
    with entry.agency(owner.pk):
        brand = founding.found_brand(
            agency_id=owner.pk, name=f"Brand {number}", slug=f"brand{number}", colour="#0b6e4f", by=by, now=house.NOON
        )
    schemas.build_brand(brand.pk)
    took = time.perf_counter() - began
    schemas.add_handle(brand=brand, twitter_id=house.handle_of(brand), username=f"Brand{brand.pk}")
    with entry.agency(owner.pk):
        Brand.objects.filter(pk=brand.pk).update(state=BrandState.LIVE)
    return took
