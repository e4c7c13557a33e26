"""What X allows, charges and limits, as data with date and source: `policy.toml`, `prices.toml`, `limits.toml`.

Read once, when the process starts. Code names a rule by its key; a key that is not in the file is a bug.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of X's, or what is known instead of one. `may` is set where it is about answering."""

    key: str
    about: str
    sentence: str
    date: date
    source: str
    may: str = ""

    @property
    def cited(self) -> str:
        """The sentence with where it stands and since when, as a refusal gives it."""
        return f"{self.sentence} ({self.source}, {self.date.isoformat()})"


@dataclass(frozen=True, slots=True)
class Limit:
    """How often an endpoint may be called, and within how many seconds; none: not limited, as far as is published."""

    endpoint: str
    name: str
    user: tuple[int, int] | None = None
    app: tuple[int, int] | None = None


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name(name).read_text(encoding="utf-8"))


def _micros(prices: Mapping[str, float]) -> dict[str, int]:
    return {kind: round(price * 1_000_000) for kind, price in prices.items()}


_policy, _prices, _limits = _read("policy.toml"), _read("prices.toml"), _read("limits.toml")

RULES: dict[str, Rule] = {each["key"]: Rule(**each) for each in _policy["rules"]}

SAME_TEXT_TO: int = _policy["automatic"]["same_text_to"]
SAME_TEXT_WITHIN_HOURS: int = _policy["automatic"]["same_text_within_hours"]
OPT_OUT: frozenset[str] = frozenset(_policy["automatic"]["opt_out"])
POLITE: tuple[str, ...] = tuple(_policy["automatic"]["polite"])
OUTCOMES: dict[str, str] = _policy["outcomes"]

# In millionths of a US dollar.
PRICES: dict[str, int] = _micros(_prices["prices"])
PRICE_NAMES: dict[str, str] = _prices["names"]
EVENT_PRICES: dict[str, str] = _prices["events"]
PRICES_SINCE: date = _prices["effective"]
PRICES_READ_ON: date = _prices["read_on"]
PRICES_SOURCE: str = _prices["source"]

LIMITS: dict[str, Limit] = {
    each["endpoint"]: Limit(
        each["endpoint"],
        each["name"],
        tuple(each["user"]) if "user" in each else None,
        tuple(each["app"]) if "app" in each else None,
    )
    for each in _limits["limits"]
}
LIMITS_READ_ON: date = _limits["read_on"]
LIMITS_SOURCE: str = _limits["source"]
SHARED_SECONDS: int = _limits["shared"]["seconds"]
KEPT_FOR_PEOPLE: float = _limits["shared"]["kept_for_people"]
GUARANTEED: float = _limits["shared"]["guaranteed"]
