"""Parts of Nightjar are killed while an outage is played, and afterwards the books agree."""

import pytest

from tests.channel.endurance import KILLS, Run

pytestmark = [pytest.mark.running, pytest.mark.slow, pytest.mark.timeout(600)]


def test_an_outage_is_survived_with_the_books_in_order():
    run = Run(minutes=1.5, speed=25, scenario="outage")

    is_right = run.go()

    assert is_right, run.table()
    assert sorted(run.killed) == sorted(name for _, names in KILLS for name in names)
