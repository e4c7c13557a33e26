"""From what was stored when, and when it was told: how long it took, and whether what waited grew."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from inbox.management.benches.figures import milliseconds, percentile


@dataclass(frozen=True, slots=True)
class Passage:
    """One arrival: of which brand, when it was stored, when its event was told after the commit."""

    brand_id: int
    stored_at: float
    told_at: float


def told_at(seq: int, hints: Sequence[tuple[int, float]]) -> float | None:
    """When an event was told: the first hint, by number, that covers it. None: no hint came."""
    place = bisect_left(hints, (seq, 0.0))
    return hints[place][1] if place < len(hints) else None


def figures(passages: Sequence[Passage]) -> dict[str, float]:
    """Percentiles of the time from stored to told, in milliseconds."""
    took = [each.told_at - each.stored_at for each in passages]
    return {**milliseconds(took), "max_ms": round(max(took) * 1000, 1)} if took else {}


def backlog(passages: Sequence[Passage], *, began_at: float, seconds: float) -> dict[str, float]:
    """How many were stored and not yet told: the most at any second, at the end, and the growth in each second.

    Growth is the slope of a line through the last three quarters of the time: below a hundredth of the rate it is
    chance.
    """
    stored = sorted(each.stored_at for each in passages)
    told = sorted(each.told_at for each in passages)
    steps = max(4, int(seconds * 2))
    moments = [began_at + seconds * step / steps for step in range(1, steps + 1)]
    waiting = [bisect_left(stored, moment) - bisect_left(told, moment) for moment in moments]
    later = waiting[len(waiting) // 4 :]
    return {
        "backlog_most": max(waiting),
        "backlog_at_end": waiting[-1],
        "backlog_growth_per_s": round(_slope(later) * steps / seconds, 1),
    }


def grows(growth_per_s: float, rate: float) -> bool:
    """Whether what waits grows faster than chance: at this pace it would not be held."""
    return growth_per_s > 0.02 * rate


def by_brand(passages: Sequence[Passage], *, without: int) -> Sequence[Passage]:
    """The passages of all brands but one."""
    return [each for each in passages if each.brand_id != without]


def ratios(after: Sequence[Passage], before: Sequence[Passage]) -> dict[str, float]:
    """By how much longer it took, for some percentiles."""
    took = [[each.told_at - each.stored_at for each in some] for some in (after, before)]
    return {f"p{each}": round(percentile(took[0], each) / percentile(took[1], each), 2) for each in (50, 95, 99)}


def hints_by_brand(heard: Sequence[tuple[float, int, int]]) -> Mapping[int, list[tuple[int, float]]]:
    """Of hints as they were heard (when, brand, up to which number), by brand, the numbers in order."""
    found: dict[int, list[tuple[int, float]]] = {}
    for at, brand_id, seq in heard:
        found.setdefault(brand_id, []).append((seq, at))
    for hints in found.values():
        hints.sort()
    return found


def _slope(values: Sequence[float]) -> float:
    """Least squares, for each step."""
    count = len(values)
    middle = (count - 1) / 2
    spread = sum((place - middle) ** 2 for place in range(count))
    mean = sum(values) / count
    return sum((place - middle) * (value - mean) for place, value in enumerate(values)) / spread if spread else 0.0
