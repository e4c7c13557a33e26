"""The work that waits, brand by brand, and whether Twitter knows where to send more."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DatabaseError
from django.db.models import Count, Min, Q
from django.utils import timezone

from inbox.enums import ReplyStatus
from inbox.models import Arrival, Credential, Reply
from inbox.twitter.client import TwitterApp, Unavailable
from tenants import entry
from tenants import queries as houses
from tenants.management.checks import Finding, bad, named, some, well, worth_a_look
from tenants.models import Brand, Handle

ARRIVALS_MAY_WAIT = timedelta(seconds=30)
REPLIES_MAY_WAIT = timedelta(minutes=5)


@dataclass
class _Work:
    """What waits in all brands together."""

    arrivals: int = 0
    oldest: datetime | None = None
    unknown: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    disconnected: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


def brands() -> Iterator[Finding]:
    """Arrivals that are not carried, replies that are late or of unknown fate, handles that Twitter refuses."""
    now, work = timezone.now(), _Work()
    with entry.directory():
        every = houses.all_brands()
    for brand in every:
        try:
            with entry.brand(brand):
                _look(brand, work, now)
        except DatabaseError:
            work.unreadable.append(brand.name)
    if work.unreadable:
        yield bad(f"Of {named(work.unreadable)} nothing can be read.", "Look at migrations and walls, above.")
    yield from _of_arrivals(work, now)
    yield from _of_replies(work)
    if work.disconnected:
        yield bad(f"Twitter does not accept the log-in of {named(work.disconnected)}.", "Connect the handle again.")


def webhook() -> Iterator[Finding]:
    """Whether Twitter has our webhook, finds it valid, and sends it everything of each handle."""
    with entry.directory():
        handles = {str(pk): name for pk, name in Handle.objects.order_by("pk").values_list("pk", "username")}
    if not handles:
        yield worth_a_look("No brand has a handle yet, so Twitter has nothing to send.", "Onboard a brand.")
        return
    url = settings.TWITTER_WEBHOOK_URL
    try:
        with TwitterApp(base_url=settings.TWITTER_URL, bearer=settings.TWITTER_APP_BEARER) as app:
            found = app.webhook(url)
            missing = app.missing_subscriptions(handle_ids=[*map(int, handles)], webhook_id=found[0]) if found else []
    except Unavailable as error:
        yield bad(
            f"Twitter cannot be asked about the webhook: {error}", "Is it reachable from here, and the bearer right?"
        )
        return
    if found is None:
        yield bad(
            f"Twitter knows of no webhook at {url}.", "Onboarding registers it: `manage.py demonstrate`, for one."
        )
    elif not found[1]:
        yield bad(
            f"Twitter finds the webhook {url} invalid and sends nothing.", "Is it reachable? Then have it checked anew."
        )
    elif missing:
        lacking = list(dict.fromkeys(f"@{handles[user_id]}" for _, user_id in missing))
        yield bad(f"Twitter does not send all events of {named(lacking)}.", "Subscribe the handle again.")
    else:
        yield well(f"Twitter finds the webhook valid, and sends all events of {some(len(handles), 'handle')}.")


def _look(brand: Brand, work: _Work, now: datetime) -> None:
    found = Arrival.objects.filter(carried_at=None).aggregate(count=Count("pk"), oldest=Min("received_at"))
    work.arrivals += found["count"]
    work.oldest = min(filter(None, (work.oldest, found["oldest"])), default=None)
    due = Q(not_before=None) | Q(not_before__lt=now - REPLIES_MAY_WAIT)
    # A part of a long answer waits for the one before it, and with that for a person, if it was stopped.
    in_turn = Q(follows=None) | Q(follows__status=ReplyStatus.POSTED)
    late = Q(status=ReplyStatus.APPROVED, approved_at__lt=now - REPLIES_MAY_WAIT) & due & in_turn
    late |= Q(status=ReplyStatus.POSTING, posting_since__lt=now - REPLIES_MAY_WAIT)
    count = Reply.objects.aggregate(
        unknown=Count("pk", filter=Q(status=ReplyStatus.UNKNOWN)), late=Count("pk", filter=late)
    )
    if count["unknown"]:
        work.unknown.append(f"{count['unknown']} of {brand.name}")
    if count["late"]:
        work.late.append(f"{count['late']} of {brand.name}")
    refused = Credential.objects.filter(refused_at__isnull=False).order_by("pk")
    work.disconnected += [f"@{username}" for username in refused.values_list("username", flat=True)]


def _of_arrivals(work: _Work, now: datetime) -> Iterator[Finding]:
    waited = now - work.oldest if work.oldest else timedelta()
    if waited > ARRIVALS_MAY_WAIT:
        since = f"{some(work.arrivals, 'arrival')} wait, the oldest for {int(waited.total_seconds()):,} seconds."
        yield bad(since, "Is the carrier alive? Its last lines are in `var/nightjar.log`.")
    elif work.arrivals:
        yield well(f"{some(work.arrivals, 'arrival')} wait, none for long.")
    else:
        yield well("No arrival waits.")


def _of_replies(work: _Work) -> Iterator[Finding]:
    if work.unknown:
        yield worth_a_look(
            f"Nobody knows whether these replies are on Twitter: {named(work.unknown)}.",
            "Open their conversations: two buttons ask for what you see on Twitter.",
        )
    if work.late:
        yield bad(f"These replies should be on Twitter by now: {named(work.late)}.", "Is a worker alive?")
    if not work.unknown and not work.late:
        yield well("No reply is late, and the fate of none is unknown.")
