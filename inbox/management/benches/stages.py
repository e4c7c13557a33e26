"""Where a carrier's time goes, stage by stage, measured while it carries.

Every public function that the flow's modules have is timed, as they stand: what is called for each tweet, and would be
slowed down by that, is left alone after the first thousand calls, and counts as its caller's.
"""

import inspect
import time
from collections import Counter
from collections.abc import Callable
from functools import partial, wraps
from types import ModuleType
from typing import Any

from django.db import connection

from inbox.domain import flow

# Calls for each call of `flow.carry` beyond which a function is no stage, but a part of one.
_MOST_CALLS = 4


class Stages:
    """Own time of each stage in this process, without what the stages that it calls take; and the database's part."""

    def __init__(self) -> None:
        self.spent: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.in_database = 0.0
        self._inner: list[float] = []
        self._put_back: dict[str, tuple[Any, str, Any]] = {}

    def watch(self) -> None:
        """Begin to measure. For the rest of the process's life."""
        self._time(flow, "carry")
        modules = [each for each in vars(flow).values() if isinstance(each, ModuleType)]
        for module in modules:
            if module.__name__.startswith("inbox.domain."):
                for name, _ in inspect.getmembers(module, _is_stage_of(module)):
                    self._time(module, name)
                if hasattr(module, "ask"):  # statements of the hot path, past Django
                    module.ask = partial(self._time_statement, module.ask)  # type: ignore[attr-defined]
        connection.execute_wrappers.append(self._time_statement)

    def told(self) -> dict[str, Any]:
        """Seconds by stage, how many batches, and the seconds that were spent waiting for the database."""
        return {
            "spent": {name: round(took, 4) for name, took in self.spent.items()},
            "batches": self.calls["flow.carry"],
            "in_database": round(self.in_database, 4),
        }

    def _time(self, module: ModuleType, name: str) -> None:
        original, label = getattr(module, name), f"{module.__name__.rpartition('.')[2]}.{name}"

        @wraps(original)
        def timed(*args: Any, **kwargs: Any) -> Any:
            self._inner.append(0.0)
            began = time.perf_counter()
            try:
                return original(*args, **kwargs)
            finally:
                self._count(label, time.perf_counter() - began)

        self._put_back[label] = (module, name, original)
        setattr(module, name, timed)

    def _count(self, label: str, took: float) -> None:
        self.spent[label] += took - self._inner.pop()  # type: ignore[assignment]
        if self._inner:
            self._inner[-1] += took
        self.calls[label] += 1
        if self.calls[label] == 1000 and self.calls["flow.carry"] * _MOST_CALLS < 1000 and label in self._put_back:
            module, name, original = self._put_back.pop(label)
            setattr(module, name, original)

    def _time_statement(self, execute: Callable[..., Any], *args: Any) -> Any:
        began = time.perf_counter()
        try:
            return execute(*args)
        finally:
            self.in_database += time.perf_counter() - began


def shares(told: list[dict[str, Any]]) -> dict[str, float]:
    """Of several carriers' time in the flow, the share of each stage, the greatest first; small ones together."""
    spent: Counter[str] = Counter()
    for each in told:
        spent.update(each["spent"])
    whole = sum(spent.values()) or 1.0
    named = {name: round(took / whole, 3) for name, took in spent.most_common() if took / whole >= 0.01}
    rest = round(1 - sum(named.values()), 3)
    if "flow.carry" in named:
        named["commit and the rest"] = round(named.pop("flow.carry") + rest, 3)
    return named


def database_share(told: list[dict[str, Any]]) -> float:
    """Of the time in the flow, the share in which the carriers waited for the database's answer."""
    whole = sum(sum(each["spent"].values()) for each in told) or 1.0
    return round(sum(each["in_database"] for each in told) / whole, 3)


def _is_stage_of(module: ModuleType) -> Callable[[Any], bool]:
    def is_stage(value: Any) -> bool:
        return inspect.isfunction(value) and value.__module__ == module.__name__ and not value.__name__.startswith("_")

    return is_stage
