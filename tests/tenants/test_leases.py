"""Leases: one holder at a time, by the database's clock."""

from datetime import timedelta

from tenants import leases

BRIEF = timedelta(seconds=-1)  # over as soon as it is taken


def test_a_lease_is_held_by_one_until_it_is_given_back(db, house):
    assert leases.take("stream", holder="one")
    assert not leases.take("stream", holder="two")

    leases.give_back("stream", holder="two")
    assert not leases.take("stream", holder="two")

    leases.give_back("stream", holder="one")
    assert leases.take("stream", holder="two")


def test_its_holder_renews_it_and_other_leases_are_others(db, house):
    assert [leases.take("stream", holder="one") for _ in range(2)] == [True, True]
    assert leases.take("beat", holder="two")


def test_a_holder_who_dies_loses_it_when_its_time_is_over(db, house):
    leases.take("stream", holder="one", lasts=BRIEF)

    assert leases.take("stream", holder="two")
    assert not leases.take("stream", holder="one")


def test_no_two_holders_have_one_name():
    assert len({leases.a_holder() for _ in range(10)}) == 10
