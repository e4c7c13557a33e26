"""Twitter's ids: milliseconds since 4 November 2010, shifted left by 22 bits, then a sequence."""

import time

EPOCH_MS = 1_288_834_974_657
LARGEST = 2**63 - 1


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def first_of(ms: int) -> int:
    """The smallest id of a millisecond; instants before Twitter's epoch count as its first."""
    return max(ms - EPOCH_MS, 0) << 22


def ms_of(snowflake: int) -> int:
    return (snowflake >> 22) + EPOCH_MS


class Snowflakes:
    """Hands out ids that only ever grow, also when the machine's clock steps back."""

    def __init__(self, last: int = 0) -> None:
        self.last = last

    def next(self) -> int:
        self.last = max(first_of(now_ms()), self.last + 1)
        return self.last
