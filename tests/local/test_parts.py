import pytest

from config.local import parts
from inbox.twitter.sandbox.scenarios.format import find


def test_what_answers_the_network_is_not_told_the_owners_address():
    names = ("PAGES_PORT", "LIVE_PORT", "SANDBOX_PORT", "PORT", "BASE_DOMAIN", "HOME", "DATABASE_URL")
    env = {f"NIGHTJAR_{name}": "1" for name in names} | {"NIGHTJAR_OWNER_DATABASE_URL": "postgres://owner:secret@x/y"}

    told = {part.name for part in parts.application_parts(env) if "secret" in str(part.env)}

    assert told == {"worker", "slow"}


def test_the_ordinary_day_is_played_where_nobody_asks_for_another():
    env = {
        "NIGHTJAR_SANDBOX_PORT": "1",
        "NIGHTJAR_HOME": "/home",
        "NIGHTJAR_OWNER_DATABASE_URL": "postgres://x:secret@y/z",
    }

    part = parts.playing_part(env)

    assert part is not None
    assert find(parts.ORDINARY).exists()
    assert parts.ORDINARY in part.argv
    assert "secret" not in str(part.env)


@pytest.mark.parametrize(("asked", "played"), [("outage", "outage"), ("none", None)])
def test_another_scenario_is_played_or_none(asked, played):
    part = parts.playing_part({"NIGHTJAR_SANDBOX_PORT": "1", "NIGHTJAR_HOME": "/home", "NIGHTJAR_SCENARIO": asked})

    assert (played in part.argv) if part else played is None
