"""Writes of programs that name them (`Idempotency-Key`): done once, however often they are sent, for a day.

The act and what it answered are kept in one transaction: a crash in the middle leaves neither.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from inbox.models import IdempotentCall
from inbox.queries import CALLS_KEPT_FOR
from tenants.entry import current_schema
from tenants.refusals import NotNow


@dataclass(frozen=True)
class Call:
    """What a program wants done: with which key of ours, under which name, and a fingerprint of what it says."""

    api_key: int
    name: str
    fingerprint: str


@dataclass(frozen=True)
class Answer:
    """What was answered, now or (replayed) before."""

    status: int
    body: Any
    is_replayed: bool = False


class UnderWay(NotNow):
    """The same call is being carried out at this moment."""


class AnotherCall(NotNow):
    """The name stands for another call."""


@transaction.atomic
def once(act: Callable[[], Answer], *, call: Call | None, now: datetime) -> Answer:
    """Do this, unless the same call was done within a day: then give its answer again.

    A refusal flies on, and nothing of it is kept: the call may be made again. The answer's body is plain JSON.
    """
    if call is None:
        return act()
    _hold(call)
    before = IdempotentCall.objects.filter(api_key=call.api_key, key=call.name).first()
    if before and before.begun_at <= now - CALLS_KEPT_FOR:
        before.delete()
        before = None
    if before is None:
        answer = act()
        IdempotentCall.objects.create(
            api_key=call.api_key,
            key=call.name,
            fingerprint=call.fingerprint,
            begun_at=now,
            status=answer.status,
            answer={"body": answer.body},
        )
        return answer
    if before.fingerprint != call.fingerprint or before.status is None or before.answer is None:
        raise AnotherCall(
            "You sent something else under this Idempotency-Key before. Give each write a name of its own."
        )
    return Answer(before.status, before.answer["body"], is_replayed=True)


def forget(*, now: datetime) -> int:
    """Calls that were kept for a day are kept no longer; how many."""
    return IdempotentCall.objects.filter(begun_at__lte=now - CALLS_KEPT_FOR).delete()[0]


def _hold(call: Call) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_try_advisory_xact_lock(hashtextextended('call ' || %s, 0))",
            [f"{current_schema()} {call.api_key} {call.name}"],
        )
        row = cursor.fetchone()
    if not row[0]:
        raise UnderWay("The same write is under way at this moment. Ask again in a second.")
