"""The worker's door. Each task may run twice: what it does is claimed in the database first."""

from typing import Any

from django.utils import timezone

from inbox import queries
from inbox.domain import posting, routing
from tenants import live
from tenants.nudge import brand_task, fan_out_task, in_each_brand


@brand_task(name="inbox.post_replies")
def post_replies(**_future: Any) -> None:
    """Post what is approved."""
    posting.post_waiting(clock=timezone.now)


@brand_task(name="inbox.find_out")
def find_out(**_future: Any) -> None:
    """Find out what became of replies whose fate is unknown, then post what is approved."""
    posting.find_out(clock=timezone.now)
    posting.post_waiting(clock=timezone.now)


@brand_task(name="inbox.repair_desk")
def repair_desk(**_future: Any) -> None:
    """Make the brand's copies of who has what equal to the desk."""
    routing.repair(now=timezone.now())


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
