"""Ten thousand tweets a second for ten seconds: how long until all of them are carried."""

from typing import Any

from inbox.management.benches import house, payloads
from inbox.management.benches.stream import Stream, number, seconds

RATE = 10_000
SECONDS = 10.0
BRANDS = 100


def measure() -> dict[str, Any]:
    """The value counts from the first one stored to the last one's event."""
    with Stream(house.brands(number("BRANDS", BRANDS))) as stream:
        stream.offer(rate=number("RATE", RATE) / 10, seconds=min(3.0, seconds(SECONDS)))
        phase = stream.offer(rate=number("RATE", RATE), seconds=seconds(SECONDS))
        stream.stop_carriers()
        stream.check()
    return {
        "value": phase.all_carried_after_s,
        "unit": "s",
        "tweets": phase.offered,
        **phase.told(),
        "after_the_burst_s": round(phase.all_carried_after_s - phase.seconds, 2),
        "brands": len(stream.brands),
        "payloads": payloads.source(),
    }
