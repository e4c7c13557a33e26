"""Instants and ids that follow one another, from noon."""

from datetime import datetime, timedelta

from tests.conftest import NOON

# Twitter's ids grow with time; these count from noon.
FIRST_ID = ((int(NOON.timestamp() * 1000) - 1288834974657) << 22) + 1


def tweet_id(seconds: float = 0, number: int = 0) -> int:
    """The id of a tweet made so many seconds after noon."""
    return FIRST_ID + (int(seconds * 1000) << 22) + number


def at(seconds: float) -> datetime:
    """So many seconds after noon."""
    return NOON + timedelta(seconds=seconds)
