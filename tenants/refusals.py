"""The two refusals that are expected. Each says, to the person who asked, what is so and what to do."""


class Refusal(Exception):
    """Something that was asked for and is not done. The sentence is for the person who asked."""

    status = 409  # of the HTTP answer that says so


class NotYours(Refusal):
    """This person may not do this (HTTP 403)."""

    status = 403


class NotNow(Refusal):
    """It may be done, but not in the state that things are in (HTTP 409)."""
