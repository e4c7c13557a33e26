"""Which worker runs what: the tests that need `running` go to one worker together, so that it is started once.

pytest-xdist's own groups are written into the tests' ids, which pytest no longer lets it change (pytest 9.2,
xdist 3.8: the mark is there and nothing happens). So a module that says it belongs together is known by its text.
"""

import re
from functools import cache
from pathlib import Path

import pytest
from xdist.scheduler import LoadGroupScheduling

_ROOT = Path(__file__).resolve().parent.parent
_BELONGS = re.compile(r"^pytestmark = .*\b(together|in_a_browser)\b", re.MULTILINE)


class Scheduling(LoadGroupScheduling):
    """Each test by itself, but for those that belong together."""

    def _split_scope(self, nodeid: str) -> str:
        return "running" if _belongs_together(nodeid.partition("::")[0]) else nodeid


@pytest.hookimpl
def pytest_xdist_make_scheduler(config, log) -> Scheduling:
    return Scheduling(config, log)


@cache
def _belongs_together(path: str) -> bool:
    return bool(_BELONGS.search((_ROOT / path).read_text()))
