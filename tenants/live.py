"""Hints: after each commit, the screens that watch are told to look again. Never content, only names and a number.

Out of a process they go over one Redis channel per brand; into the sockets by `inbox.consumers`. A lost hint costs
seconds, not truth: screens ask by number when they come back and every 20 seconds besides.
"""

import json
from collections.abc import Iterable

from django.conf import settings
from django.db import connection, transaction
from redis import Redis, RedisError

from tenants import entry

_MARKS_LAST = 3600
_redis: Redis = Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)


def channel(kind: str, key: str | int) -> str:
    """The Redis channel of one brand's, agency's or session's hints; carries the database and the key."""
    return f"nightjar:{connection.settings_dict['NAME']}:{kind}:{key}"


def hint(names: Iterable[str], *, first: int, seq: int) -> None:
    """Once this transaction is committed, tell the current brand's screens which of their parts the events from
    `first` to `seq` changed. Whoever had seen `first - 1` has missed nothing."""
    where = channel("brand", entry.current_brand_id())
    what = json.dumps({"from": first, "seq": seq, "changed": sorted(set(names))})
    transaction.on_commit(lambda: publish(where, what))


def mark(name: str) -> None:
    """Note that something that happens all the time has just happened, for the doctor to see."""
    try:
        _redis.set(channel("mark", name), "", ex=_MARKS_LAST)
    except RedisError:
        pass


def seconds_since(name: str) -> int | None:
    """How long ago that was, by Redis's own clock; None where it was more than an hour ago, or never."""
    left = int(str(_redis.ttl(channel("mark", name))))
    return _MARKS_LAST - left if left >= 0 else None


def publish(where: str, what: str) -> None:
    """Put one line on a channel. A Redis that is away costs the hint and nothing else."""
    try:
        _redis.publish(where, what)
    except RedisError:
        pass
