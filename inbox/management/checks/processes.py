"""Nightjar's own processes: each is asked for a sign of life, not for whether it runs."""

import http.client
import secrets
import time
from collections.abc import Iterator

from django.conf import settings
from kombu.exceptions import OperationalError
from redis import Redis, RedisError

from inbox import tasks
from inbox.management.commands.carry import mark_of
from tenants import live
from tenants.management.checks import Finding, bad, well

PATIENCE = 5.0  # seconds
CARRIER_LOOKS_EVERY = 5
BEAT_SENDS_EVERY = 10
START = "Look for its last lines in `var/nightjar.log`; `make run` starts it again when it ends."


def front_door() -> Iterator[Finding]:
    """Whether pages, the live door and (where there is one) the sandbox answer through the one public port."""
    doors = [
        ("pages", settings.BASE_DOMAIN, "/healthz"),
        ("the live door", settings.BASE_DOMAIN, "/live/healthz"),
    ]
    if settings.TWITTER_URL.startswith(("http://127.0.0.1", "http://localhost")):
        doors.append(("the sandbox Twitter", f"twitter.{settings.BASE_DOMAIN}", "/sandbox/healthz"))
    silent = [f"{name} ({why})" for name, host, path in doors if (why := _why_silent(host, path))]
    if silent:
        yield bad(f"Through port {settings.PORT} these do not answer: {'; '.join(silent)}.", START)
    else:
        yield well(f"The front door answers on port {settings.PORT}: {', '.join(name for name, _, _ in doors)}.")


def carrier() -> Iterator[Finding]:
    """Whether somebody takes arrivals into conversations."""
    count = settings.CARRIERS
    for name in [mark_of(place, count) for place in range(1, count + 1)]:
        ago = live.seconds_since(name)
        if ago is None or ago > 6 * CARRIER_LOOKS_EVERY:
            yield bad(f"The {name} last looked for arrivals {_ago(ago)}: tweets come in and stay there.", START)
        else:
            yield well(f"The {name} looked for arrivals {_ago(ago)}.")


def worker() -> Iterator[Finding]:
    """Whether a worker takes a task and does it: sent, received, answered."""
    took, why = _round_trip("celery")
    if why:
        yield bad(f"A task cannot be sent: {why}.", "Is the Redis-compatible server there?")
    elif took is None:
        yield bad(f"No worker did a task within {PATIENCE:g} seconds: replies are not posted.", START)
    else:
        yield well(f"A worker did a task within {took:.1f} seconds.")


def posting() -> Iterator[Finding]:
    """The same of the lane that posts: a worker that reconnected to a new Redis may look alive and take nothing."""
    took, why = _round_trip("posting")
    if why:
        return  # said by the check of the worker
    if took is None:
        yield bad(f"The posting lane did no task within {PATIENCE:g} seconds: replies are not posted.", START)
    else:
        yield well(f"The posting lane did a task within {took:.1f} seconds.")


def _round_trip(lane: str) -> tuple[float | None, str]:
    """How long a task of this lane took from being sent to being done; none: too long. Or why none can be sent."""
    key, began = secrets.token_hex(8), time.monotonic()
    with Redis.from_url(settings.REDIS_URL, socket_timeout=None, socket_connect_timeout=5) as redis:
        ear = redis.pubsub(ignore_subscribe_messages=True)
        ear.subscribe(live.channel("canary", key))
        ear.get_message(timeout=1)  # that we listen
        try:
            tasks.canary.apply_async(kwargs={"key": key}, retry=False, expires=PATIENCE, queue=lane)
        except (OperationalError, RedisError, ConnectionError) as error:
            return None, str(error)
        while time.monotonic() - began < PATIENCE:
            if ear.get_message(timeout=0.2) is not None:
                return time.monotonic() - began, ""
    return None, ""


def beat() -> Iterator[Finding]:
    """Whether the sweeps come."""
    ago = live.seconds_since("sweep")
    if ago is None or ago > 6 * BEAT_SENDS_EVERY:
        yield bad(f"The last sweep came {_ago(ago)}: lost nudges are not made up for. It is beat that sends it.", START)
    else:
        yield well(f"The last sweep came {_ago(ago)}.")


def _why_silent(host: str, path: str) -> str:
    """Why this does not answer with 200; empty where it does. Python does not resolve `*.localhost`, so we dial."""
    is_here = settings.BASE_DOMAIN.endswith("localhost")
    connection = http.client.HTTPConnection("127.0.0.1" if is_here else host, settings.PORT, timeout=PATIENCE)
    try:
        connection.request("GET", path, headers={"Host": f"{host}:{settings.PORT}"})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    finally:
        connection.close()
    return "" if status == 200 else f"it said {status}"


def _ago(seconds: int | None) -> str:
    return "more than an hour ago, or never" if seconds is None else f"{seconds} seconds ago"
