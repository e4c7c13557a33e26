"""Figures from many measured values."""

import math
from collections.abc import Sequence


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many percent of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def milliseconds(values: Sequence[float]) -> dict[str, float]:
    """Median, 95th and 99th percentile of values in seconds, in milliseconds."""
    return {f"p{percent}_ms": round(percentile(values, percent) * 1000, 1) for percent in (50, 95, 99)}


def rate(count: int, seconds: float) -> float:
    """How many a second."""
    return round(count / seconds, 1)
