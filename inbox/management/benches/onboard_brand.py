"""How long it takes to make a brand: its row, schema, tables, role, rights and host name."""

import statistics
import time
from typing import Any

from inbox.management.benches import house

FEW, MANY = 10, 200


def measure() -> dict[str, Any]:
    """The median among the first brands, and again among the last when there are 200."""
    owner = house.agency()
    seconds = []
    for number in range(MANY):
        began = time.perf_counter()
        house.add_brand(owner, number)
        seconds.append(time.perf_counter() - began)
    return {
        "value": round(statistics.median(seconds[:FEW]), 3),
        "unit": "s",
        "at_brands": FEW,
        "at_200_brands_s": round(statistics.median(seconds[-FEW:]), 3),
    }
