"""What a replay says of itself afterwards."""

import pytest

from inbox.domain import replays
from inbox.domain.replays import Seat, Tally
from inbox.enums import ArrivalKind
from inbox.twitter.recording import Recorded
from tenants import entry
from tests.conftest import ACME_HANDLE, CANARY_HANDLE, NOON
from tests.factories import ArrivalFactory, MessageFactory, tweet_id

OF_ACME, OF_CANARY = tweet_id(1), tweet_id(2)


@pytest.mark.parametrize(("came_for", "astray"), [(CANARY_HANDLE, 0), (ACME_HANDLE, 1), (None, 1)])
def test_a_tweet_of_two_brands_is_in_both_and_none_is_where_it_did_not_come(
    db, house, _transactions_around, came_for, astray
):
    seats = {
        "acme": Seat(house.acme, ACME_HANDLE, "AcmeAir"),
        "canary": Seat(house.canary, CANARY_HANDLE, "CanaryCare"),
    }
    for brand, pk, handle_id in (
        (house.acme, OF_ACME, ACME_HANDLE),
        (house.canary, OF_CANARY, CANARY_HANDLE),
        (house.canary, OF_ACME, came_for),
    ):
        with entry.brand(brand):
            MessageFactory(id=pk)
            if handle_id:
                arrival = {"handle_id": handle_id, "carried_at": NOON, "outcome": "message"}
                ArrivalFactory(twitter_id=pk, kind=ArrivalKind.TWEET, **arrival)
    tweets = [
        Recorded(1, 1, "jo", True, NOON, "@AcmeAir @CanaryCare", None, id=OF_ACME, brand="acme"),
        Recorded(2, 2, "jo", True, NOON, "@CanaryCare", None, id=OF_CANARY, brand="canary"),
    ]
    tally = Tally(played=2)

    replays.count(tweets, tally, seats=seats)

    assert (tally.astray, tally.adds_up) == (astray, not astray)
    assert (tally.in_conversations, tally.conversations) == (2, 2)
