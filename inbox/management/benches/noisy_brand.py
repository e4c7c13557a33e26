"""One brand at twenty times its share: how much longer the others wait."""

from typing import Any

from inbox.management.benches import house, lags
from inbox.management.benches.stream import Stream, number, seconds

RATE = 2000  # a second, over all brands while they are alike
TIMES = 20
BRANDS = 100
SECONDS = 15.0
MOST = 1.5


def measure() -> dict[str, Any]:
    """The value is the ratio of the others' p95, with the noisy brand to without; they get the same each time."""
    brands = house.brands(number("BRANDS", BRANDS))
    pace, time_for, noisy = number("RATE", RATE), seconds(SECONDS), brands[0]
    with Stream(brands) as stream:
        stream.offer(rate=pace, seconds=min(3.0, time_for))
        alike = stream.offer(rate=pace, seconds=time_for)
        louder = pace * (len(brands) - 1 + TIMES) / len(brands)
        one_noisy = stream.offer(rate=louder, seconds=time_for, weights={noisy.pk: float(TIMES)})
        stream.stop_carriers()
        stream.check()
    before = lags.by_brand(alike.passages, without=noisy.pk)
    after = lags.by_brand(one_noisy.passages, without=noisy.pk)
    found = lags.ratios(after, before)
    own = [each for each in one_noisy.passages if each.brand_id == noisy.pk]
    return {
        "value": found["p95"],
        "unit": "times as long",
        "goal": MOST,
        **{f"ratio_{name}": value for name, value in found.items()},
        **{f"others_before_{name}": value for name, value in lags.figures(before).items()},
        **{f"others_with_{name}": value for name, value in lags.figures(after).items()},
        **{f"noisy_itself_{name}": value for name, value in lags.figures(own).items()},
        "offered_per_s": one_noisy.offered_per_s,
        "brands": len(brands),
        "times_its_share": TIMES,
    }
