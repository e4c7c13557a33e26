"""The worker's door. Each task may run twice: what it does is claimed in the database first."""

import logging
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils import timezone

from inbox import queries
from inbox.domain import (
    blind_spots,
    budgets,
    calls,
    connecting,
    credentials,
    deliveries,
    errands,
    fates,
    listening,
    outages,
    polling,
    posting,
    pulses,
    recovery,
    retention,
    routing,
)
from inbox.twitter.client import Unavailable
from tenants import entry, live
from tenants.nudge import brand_task, fan_out_task, in_each_brand, nudge

log = logging.getLogger(__name__)


@brand_task(name="inbox.post_replies")
def post_replies(**_future: Any) -> None:
    """Post what is approved, and do what else is wanted at Twitter."""
    posting.post_waiting(clock=timezone.now)
    errands.run_waiting(clock=timezone.now)


def post_soon(undo_until: datetime | None) -> None:
    """Have what is approved posted; a reply that can be taken back until then, as soon as it no more can."""
    wait = (undo_until - timezone.now()).total_seconds() if undo_until else 0
    # A little later than the very instant: a worker that comes too early leaves it to the sweep.
    nudge(post_replies, after=max(0, wait + 0.2) if undo_until else 0)


@brand_task(name="inbox.find_out")
def find_out(**_future: Any) -> None:
    """Find out what became of what was left in a call, then post what is approved and do what is wanted."""
    with fates.alone() as is_alone:  # a brand whose Twitter hangs is asked by one worker, not by each that comes by
        if not is_alone:
            return
        posting.find_out(clock=timezone.now)
        errands.find_out(clock=timezone.now)
        posting.post_waiting(clock=timezone.now)
        errands.run_waiting(clock=timezone.now)


@brand_task(name="inbox.repair_desk")
def repair_desk(**_future: Any) -> None:
    """Make the brand's copies of who has what equal to the desk."""
    routing.repair(now=timezone.now())


@brand_task(name="inbox.tell_webhooks")
def tell_webhooks(**_future: Any) -> None:
    """Make deliveries of what happened, and send what is due."""
    deliveries.tell(now=timezone.now())
    deliveries.deliver(clock=timezone.now)


@brand_task(name="inbox.forget_deliveries")
def forget_deliveries(**_future: Any) -> None:
    """Remove deliveries that need not be kept any longer."""
    deliveries.forget(now=timezone.now())


@brand_task(name="inbox.renew_keys")
def renew_keys(**_future: Any) -> None:
    """Fetch the next keys of this brand's handles, where they are due."""
    for handle_id in credentials.due_now():
        credentials.renew(handle_id, now=timezone.now())


@fan_out_task(name="inbox.keep_connected")
def keep_connected(**_future: Any) -> None:
    """The look at keys that come to their end, for every brand that has any."""
    in_each_brand(renew_keys, asking=credentials.is_any_due)


@fan_out_task(name="inbox.keep_subscribed")
def keep_subscribed(**_future: Any) -> None:
    """The look at what Twitter sends us: what is missing is asked for, what is of nobody any more is given up."""
    try:
        connecting.reconcile()
    except Unavailable as error:
        log.warning("Twitter could not be asked what it sends us: %s", error)


@fan_out_task(name="inbox.sweep")
def sweep(**_future: Any) -> None:
    """The look that always comes: every brand with replies to post, or whose fate is not known."""
    in_each_brand(find_out, asking=queries.replies_to_post)
    live.mark("sweep")


@fan_out_task(name="inbox.sweep_desk")
def sweep_desk(**_future: Any) -> None:
    """The look at who has what, for every brand."""
    in_each_brand(repair_desk)


@fan_out_task(name="inbox.canary")
def canary(*, key: str, **_future: Any) -> None:
    """Say that a worker works, to the doctor who listens."""
    live.publish(live.channel("canary", key), "alive")


@fan_out_task(name="inbox.sweep_webhooks")
def sweep_webhooks(**_future: Any) -> None:
    """The look at what webhooks are to be told, for every brand that has any."""
    in_each_brand(tell_webhooks, asking=queries.webhooks_to_call)


@brand_task(name="inbox.forget_calls")
def forget_calls(**_future: Any) -> None:
    """Forget writes of programs that were kept for a day."""
    calls.forget(now=timezone.now())


@fan_out_task(name="inbox.sweep_calls")
def sweep_calls(**_future: Any) -> None:
    """The look for writes of programs that are kept long enough, for every brand."""
    in_each_brand(forget_calls, asking=queries.has_calls_to_forget)


@fan_out_task(name="inbox.sweep_deliveries")
def sweep_deliveries(**_future: Any) -> None:
    """The look for deliveries that are too old to be kept, for every brand."""
    in_each_brand(forget_deliveries, asking=queries.has_deliveries_to_forget)


@brand_task(name="inbox.forget_arrivals")
def forget_arrivals(**_future: Any) -> None:
    """Remove what Twitter sent that the brand need not keep any longer: one turn of it."""
    retention.forget(now=timezone.now())


@fan_out_task(name="inbox.sweep_arrivals")
def sweep_arrivals(**_future: Any) -> None:
    """The look for arrivals that are too old to be kept, for every brand."""
    in_each_brand(forget_arrivals)


@fan_out_task(name="inbox.sweep_strays")
def sweep_strays(**_future: Any) -> None:
    """The look for strays that are too old to be kept: they are of no brand."""
    retention.forget_strays(now=timezone.now())


@brand_task(name="inbox.ask_twitter")
def ask_twitter(**_future: Any) -> None:
    """Ask Twitter for what is due of this brand's handles."""
    polling.look(clock=timezone.now)


@fan_out_task(name="inbox.sweep_polls")
def sweep_polls(**_future: Any) -> None:
    """The look for what is to be asked of Twitter, for every brand that has something due."""
    in_each_brand(ask_twitter, asking=polling.is_any_due)


@brand_task(name="inbox.recover")
def recover(**_future: Any) -> None:
    """Fill the brand's blind spots, as far as Twitter lets us."""
    recovery.climb(clock=timezone.now)


@fan_out_task(name="inbox.sweep_blind_spots")
def sweep_blind_spots(**_future: Any) -> None:
    """The look for blind spots that may be filled."""
    in_each_brand(recover, asking=blind_spots.is_any_to_fill)


@brand_task(name="inbox.feel_pulses")
def feel_pulses(**_future: Any) -> None:
    """Learn what is usual, and raise the alarm where it is too quiet."""
    pulses.listen(now=timezone.now())


@fan_out_task(name="inbox.sweep_pulses")
def sweep_pulses(**_future: Any) -> None:
    """The look for silence, for every brand that has ever heard something."""
    in_each_brand(feel_pulses, asking=pulses.is_any_to_learn)


@fan_out_task(name="inbox.watch_channel")
def watch_channel(**_future: Any) -> None:
    """The look at what is ours at Twitter: the webhook's validity, our own door, and whether we were away ourselves."""
    outages.knock(now=timezone.now())
    recovery.watch(now=timezone.now())


@fan_out_task(name="inbox.keep_rules")
def keep_rules(**_future: Any) -> None:
    """The look at the stream's rules: they follow the brands' handles, marks and listening queries."""
    if not settings.TWITTER_STREAM or not settings.TWITTER_APP_BEARER:
        return
    try:
        listening.reconcile(now=timezone.now())
    except Unavailable as error:
        log.warning("The stream's rules could not be brought up to date: %s", error)


@fan_out_task(name="inbox.share_out")
def share_out(**_future: Any) -> None:
    """Write down among how many brands the app's direct messages are shared."""
    with entry.directory():
        budgets.share_out(timezone.now())
