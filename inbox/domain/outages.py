"""What holds for our whole app at Twitter: an incident there, no credits, a webhook that Twitter finds invalid, a
stream that is lost, ourselves asleep. Kept in `tenants.AppState`, one row while it holds; the first to notice writes.

It runs inside a brand or in the directory, as its caller stands: nothing here enters anything, except `watch`.
"""

import hashlib
import logging
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from inbox.twitter import own_door
from inbox.twitter.calls import Unavailable
from inbox.twitter.rules import AppAtTwitter
from tenants import entry
from tenants import queries as houses
from tenants.models import AppState

log = logging.getLogger(__name__)

CREDITS, INCIDENT, WEBHOOK, STREAM, AWAKE, REFUSALS, SEEN, HEARD, DOOR = (
    "credits",
    "incident",
    "webhook",
    "stream",
    "awake",
    "refusals",
    "webhook_seen",
    "stream_heard",
    "door",
)
# Not troubles: what this module remembers.
NOTES = (AWAKE, REFUSALS, SEEN, HEARD)
# So many brands refused within so long is Twitter's doing, not theirs.
_BURST = timedelta(minutes=5)
_BRANDS, _SHARE = 3, 0.2
# Whoever was silent for longer than this was not there.
ASLEEP_AFTER = timedelta(minutes=3)


def begin(name: str, *, why: str, now: datetime, until: datetime | None = None, **facts: Any) -> bool:
    """Note that this holds from now on, or still; whether that is news."""
    state, is_news = AppState.objects.get_or_create(
        pk=name, defaults={"since": now, "until": until, "why": why[:300], "facts": facts}
    )
    if is_news or (state.until is not None and state.until <= now):
        log.warning("Twitter channel: %s: %s", name, why)
        AppState.objects.filter(pk=name).update(since=now, until=until, why=why[:300], facts=facts)
        return True
    AppState.objects.filter(pk=name).update(until=until, why=why[:300], facts={**state.facts, **facts})
    return False


def end(name: str) -> AppState | None:
    """Note that this is over; what it was, if it held."""
    state = AppState.objects.filter(pk=name).first()
    if state is not None:
        AppState.objects.filter(pk=name).delete()
        log.info("Twitter channel: %s is over.", name)
    return state


def holding(name: str, *, now: datetime) -> AppState | None:
    """This state, if it holds."""
    state = AppState.objects.filter(pk=name).first()
    return state if state and (state.until is None or state.until > now) else None


def troubles(*, now: datetime) -> list[AppState]:
    """Every trouble of our app at Twitter that holds now."""
    found = AppState.objects.exclude(pk__in=NOTES).order_by("since", "pk")
    return [state for state in found if state.until is None or state.until > now]


def credits_gone(why: str, *, now: datetime, until: datetime | None = None) -> None:
    """Twitter wants payment: nothing billable is called until this ends, or an operator clears it."""
    begin(CREDITS, why=why, now=now, until=until or now + timedelta(minutes=15))


def are_credits_gone(*, now: datetime) -> bool:
    """Whether Twitter wants payment first."""
    return holding(CREDITS, now=now) is not None


@transaction.atomic
def note_401(*, now: datetime) -> bool:
    """Note that Twitter refused the current brand's log-in; whether so many brands were refused lately that it is an
    incident at Twitter, for which nobody is disconnected."""
    AppState.objects.get_or_create(pk=REFUSALS, defaults={"since": now})
    state = AppState.objects.select_for_update().get(pk=REFUSALS)
    brands = {name: at for name, at in state.facts.get("brands", {}).items() if _is_recent(at, now)}
    brands[_fingerprint(entry.current_brand_id())] = now.isoformat()
    state.facts = {**state.facts, "brands": brands}
    state.save(update_fields=["facts"])
    of_all = int(state.facts.get("of") or 0)
    if len(brands) >= _BRANDS or (len(brands) >= 2 and of_all and len(brands) >= of_all * _SHARE):
        why = f"Twitter refuses the log-ins of {len(brands)} brands at once. Nobody is disconnected for it."
        begin(INCIDENT, why=why, now=now, until=now + _BURST, brands=len(brands))
        return True
    return is_incident(now=now)


def is_incident(*, now: datetime) -> bool:
    """Whether log-ins are refused for a reason of Twitter's own at present."""
    return holding(INCIDENT, now=now) is not None


def note_heard(*, now: datetime) -> None:
    """Say that the stream was heard until now, and all of it stored. Whoever hears next knows from when on it was not,
    even if this process has no time to say that it ends."""
    AppState.objects.update_or_create(pk=HEARD, defaults={"since": now})


def last_heard() -> datetime | None:
    """Until when the stream was certainly heard; none: never."""
    return AppState.objects.filter(pk=HEARD).values_list("since", flat=True).first()


def watch(*, now: datetime) -> list[tuple[datetime, datetime, str]]:
    """The look of every minute at what we have at Twitter; returns spans in which nothing could come by the webhook.

    An invalid webhook is revived, and its span ends with that. Stands nowhere.
    """
    spans = []
    with entry.directory():
        asleep = _note_awake(now)
        if asleep:
            spans.append((asleep, now, "Nightjar was not running."))
        AppState.objects.update_or_create(pk=REFUSALS, defaults={"since": now}, create_defaults={"since": now})
        facts = AppState.objects.get(pk=REFUSALS).facts
        AppState.objects.filter(pk=REFUSALS).update(facts={**facts, "of": len(houses.all_brands())})
    if not settings.TWITTER_APP_BEARER:
        return spans
    try:
        invalid_since = _look_at_webhook(now)
    except Unavailable as error:
        with entry.directory():
            begin(WEBHOOK, why=f"Twitter cannot be asked about our webhook: {error}", now=now)
        return spans
    if invalid_since:
        spans.append((invalid_since, now, "Twitter had given up our webhook."))
    return spans


def knock(*, now: datetime) -> str:
    """Whether our own door answers a signed event at the address that Twitter has; why not, or empty. Stands nowhere.

    It is an alarm while it does not: what Twitter would send then is lost.
    """
    if not settings.TWITTER_CONSUMER_SECRET:
        return ""
    why = own_door.knock(settings.TWITTER_WEBHOOK_URL, secret=settings.TWITTER_CONSUMER_SECRET)
    with entry.directory():
        if why:
            begin(DOOR, why=why, now=now)
        elif holding(DOOR, now=now):
            end(DOOR)
    return why


def _look_at_webhook(now: datetime) -> datetime | None:
    """Since when the webhook was invalid, if it was and is revived now; raises `Unavailable` where it is not."""
    with AppAtTwitter(base_url=settings.TWITTER_URL, bearer=settings.TWITTER_APP_BEARER) as app:
        ours = [each for each in app.webhooks() if each.get("url") == settings.TWITTER_WEBHOOK_URL]
        is_valid = bool(ours) and bool(ours[0].get("valid"))
        if ours and not is_valid:
            with entry.directory():
                why = "Twitter finds our webhook invalid and sends nothing."
                begin(WEBHOOK, why=why, now=now, invalid=True, seen=_last_seen(now).isoformat())
            app.revive(str(ours[0]["id"]))
            is_valid = any(each.get("valid") for each in app.webhooks() if each.get("id") == ours[0]["id"])
    if not is_valid:
        if ours:
            raise Unavailable("Twitter finds our webhook invalid, and checked it in vain.")
        return None  # none is registered: `keep_subscribed` registers it
    with entry.directory():
        AppState.objects.update_or_create(pk=SEEN, defaults={"since": now, "facts": {"id": str(ours[0]["id"])}})
        was = end(WEBHOOK)
    if was is None or not was.facts.get("invalid"):
        return None
    return datetime.fromisoformat(was.facts["seen"])


def replay(*, since: datetime, until: datetime, now: datetime) -> str:
    """Have Twitter send again what the webhook missed; a sentence about what came of it. Stands nowhere.

    Twitter replays the last 24 hours, from 31 minutes ago at the latest to 10 minutes ago.
    """
    if not settings.TWITTER_REPLAY_ALLOWED:
        return "not allowed by the plan"
    begins = max(since, now - timedelta(hours=24) + timedelta(minutes=1))
    ends = min(until, now - timedelta(minutes=10))
    begins = min(begins, now - timedelta(minutes=31))
    if ends <= begins:
        return "too short ago"
    with entry.directory():
        seen = AppState.objects.filter(pk=SEEN).first()
    if seen is None:
        return "no webhook"
    try:
        with AppAtTwitter(base_url=settings.TWITTER_URL, bearer=settings.TWITTER_APP_BEARER) as app:
            job = app.replay(str(seen.facts.get("id")), since=begins, until=ends)
    except Unavailable as error:
        return str(error)
    return f"asked for, job {job}"


def _note_awake(now: datetime) -> datetime | None:
    """Say that somebody looks; since when nobody did, if that was for long."""
    state = AppState.objects.filter(pk=AWAKE).first()
    AppState.objects.update_or_create(pk=AWAKE, defaults={"since": now})
    return state.since if state and now - state.since > ASLEEP_AFTER else None


def _last_seen(now: datetime) -> datetime:
    seen = AppState.objects.filter(pk=SEEN).first()
    return seen.since if seen else now


def _is_recent(at: str, now: datetime) -> bool:
    return now - datetime.fromisoformat(at) <= _BURST


def _fingerprint(brand_id: int) -> str:
    """A name that says nothing of the brand to others who read the row."""
    return hashlib.sha256(f"{settings.SECRET_KEY}:{brand_id}".encode()).hexdigest()[:12]


def figures(*, now: datetime) -> list[str]:
    """What holds for our app, as lines that Prometheus reads. Asked from the directory."""
    holding_now = {state.pk for state in troubles(now=now)}
    names = sorted(holding_now | {WEBHOOK, STREAM, CREDITS, INCIDENT, DOOR})
    return [f'nightjar_app_trouble{{what="{name}"}} {int(name in holding_now)}' for name in names]
