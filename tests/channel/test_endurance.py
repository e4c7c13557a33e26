"""Parts of Nightjar are killed while an outage is played, and afterwards the books agree."""

import pytest

from tests.channel.endurance import Run

pytestmark = [pytest.mark.running, pytest.mark.slow, pytest.mark.timeout(900)]


def test_an_outage_is_survived_with_the_books_in_order():
    run = Run(minutes=0.6, speed=30, scenario="outage")

    is_right = run.go()

    assert is_right, run.table()
    assert {"worker", "pages", "valkey", "postgres"} <= set(run.killed)
    assert run.is_telling
