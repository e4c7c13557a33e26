"""Retention: what Twitter sent is kept as it was sent for as long as the brand says. What was made of it stays.

Deleted is what was carried longer ago than that, whatever became of it. What waits to be carried is never deleted. Of
the brand's own broadcasts the ids stay, without what was sent: by them a later answer of the brand is recognised. A
tweet that comes again after its arrival is gone is the message that it was: nothing changes.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from accounts.domain import audit
from accounts.enums import AuditKind
from accounts.models import User
from inbox import policies
from inbox.enums import Outcome
from inbox.models import ChannelSettings
from tenants import entry
from tenants.refusals import NotNow

LONGEST_DAYS = 365
BATCH = 1_000
# What one brand may do in one turn; the rest has the next.
BATCHES_IN_A_TURN = 60
BREATH_SECONDS = 0.02
STRAYS_ARE_KEPT = timedelta(days=30)


@transaction.atomic
def keep_for(days: int, *, by: User, role: str, now: datetime) -> None:
    """Say for how many days this brand keeps what Twitter sent. It holds for what is there already, too."""
    policies.check_can_set_up(role)
    if not 1 <= days <= LONGEST_DAYS:
        raise NotNow(f"What Twitter sent can be kept for 1 to {LONGEST_DAYS} days. Nothing was changed.")
    settings = ChannelSettings.objects.select_for_update().get(pk=1)
    if settings.keep_arrivals_days == days:
        return
    settings.keep_arrivals_days = days
    settings.save(update_fields=["keep_arrivals_days"])
    audit.record_here(AuditKind.RULE_CHANGED, now=now, by_id=by.pk, facts={"keep_arrivals_days": days})


def forget(*, now: datetime, breathe: Callable[[float], None] = time.sleep) -> int:
    """Delete what this brand need not keep any longer; returns how many arrivals.

    A thousand at a time, each a transaction of its own with a breath after it; rows that somebody holds have the next
    turn. Arrivals lie in the order in which they came, so the first thousand of which none is old enough are the last.
    """
    days = ChannelSettings.objects.values_list("keep_arrivals_days", flat=True).get(pk=1)
    before, after, forgotten = now - timedelta(days=days), 0, 0
    for _ in range(BATCHES_IN_A_TURN):
        looked = _forget_some(before=before, after=after)
        forgotten += looked.forgotten
        if looked.last_id is None or not looked.goes_on:
            break
        after = looked.last_id
        breathe(BREATH_SECONDS)
    return forgotten


def forget_strays(*, now: datetime) -> int:
    """Delete strays that are kept long enough; returns how many. Outside of brands, in the directory."""
    forgotten = 0
    with entry.directory():
        for _ in range(BATCHES_IN_A_TURN):
            with connection.cursor() as cursor:
                cursor.execute(_FORGET_STRAYS, [now - STRAYS_ARE_KEPT, BATCH])
                forgotten += cursor.rowcount
                if cursor.rowcount < BATCH:
                    break
    return forgotten


@dataclass(frozen=True, slots=True)
class _Looked:
    """At what one batch has looked: up to which arrival, whether there may be older ones behind, how many went."""

    last_id: int | None
    goes_on: bool | None
    forgotten: int


def _forget_some(*, before: datetime, after: int) -> _Looked:
    with connection.cursor() as cursor:
        values: dict[str, Any] = {"before": before, "after": after, "batch": BATCH, "broadcast": Outcome.BROADCAST}
        cursor.execute(_FORGET, values)
        return _Looked(*cursor.fetchone())


_FORGET = """
WITH looked AS (
    SELECT id, received_at, carried_at FROM inbox_arrival WHERE id > %(after)s ORDER BY id LIMIT %(batch)s
), old AS (
    SELECT a.id, a.kind, a.twitter_id, a.outcome FROM inbox_arrival a JOIN looked USING (id)
    WHERE a.carried_at < %(before)s FOR UPDATE OF a SKIP LOCKED
), emptied AS (
    DELETE FROM inbox_payload p USING old WHERE p.twitter_id = old.twitter_id AND p.kind = old.kind
), forgotten AS (
    DELETE FROM inbox_arrival a USING old WHERE a.id = old.id AND old.outcome <> %(broadcast)s RETURNING a.id
)
SELECT max(id), bool_or(received_at < %(before)s), (SELECT count(*) FROM forgotten) FROM looked
"""

_FORGET_STRAYS = """
DELETE FROM tenants_stray WHERE id IN (
    SELECT id FROM tenants_stray WHERE received_at < %s ORDER BY received_at, id LIMIT %s
)
"""
