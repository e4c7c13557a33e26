"""The ways from Twitter: the stream, what holds for our app, and handles that are too quiet."""

from collections.abc import Iterator

from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone

from inbox.domain import outages, pulses
from inbox.twitter import own_door
from tenants import entry, live
from tenants import queries as houses
from tenants.management.checks import Finding, bad, named, well, worth_a_look

STREAM_BEATS_EVERY = 20
_TODO = {
    outages.CREDITS: "Top up at Twitter; replies wait until it takes them.",
    outages.INCIDENT: "Nothing to do: nobody is disconnected, and it is tried again.",
    outages.WEBHOOK: "It is revived every minute; look whether our address answers from outside.",
    outages.DOOR: "Look whether the front and the live process run, and whether the address leads to them.",
    outages.STREAM: "It is connected again by itself; words are searched for meanwhile.",
}


def stream() -> Iterator[Finding]:
    """Whether somebody hears the filtered stream."""
    if not settings.TWITTER_STREAM:
        yield worth_a_look("The stream is switched off.", "Words are searched for every few minutes instead.")
        return
    ago = live.seconds_since("stream")
    if ago is None or ago > 3 * STREAM_BEATS_EVERY:
        yield bad("Nobody hears Twitter's stream.", "Is the listener alive? Its last lines are in `var/nightjar.log`.")
    else:
        yield well(f"The stream was heard {ago} seconds ago.")


def door() -> Iterator[Finding]:
    """Whether our own webhook takes a signed event, through the front."""
    if not settings.TWITTER_CONSUMER_SECRET:
        yield bad("There is no consumer secret.", "Set NIGHTJAR_TWITTER_CONSUMER_SECRET: no event can be trusted.")
        return
    why = own_door.knock(settings.TWITTER_WEBHOOK_URL, secret=settings.TWITTER_CONSUMER_SECRET)
    if why:
        yield bad(why, _TODO[outages.DOOR])
    else:
        yield well("Our own webhook took a signed event.")


def states() -> Iterator[Finding]:
    """What holds for our app at Twitter."""
    with entry.directory():
        found = outages.troubles(now=timezone.now())
    for state in found:
        yield bad(
            f"{state.pk}, since {state.since:%Y-%m-%d %H:%M} UTC: {state.why}", _TODO.get(state.pk, "Look at it.")
        )
    if not found:
        yield well("Nothing ails our app at Twitter.")


def silence() -> Iterator[Finding]:
    """Handles that hear too little by one of their ways."""
    quiet: list[str] = []
    with entry.directory():
        brands = houses.all_brands()
    for brand in brands:
        try:
            alarms = entry.in_brand(brand, pulses.alarms)
        except DatabaseError:
            continue  # told by the check of the brands
        quiet += [f"{brand.name} by {pulse.source}" for pulse in alarms]
    if quiet:
        yield worth_a_look(f"Too quiet, or in trouble: {named(quiet)}.", "Open the brand's page Channel.")
    else:
        yield well("No handle is too quiet.")
