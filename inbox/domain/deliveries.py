"""Deliveries: telling programs what happened in a brand, over webhooks that its people made.

Each event that a webhook asked for becomes one `Delivery`, in order; that row is the work, and `due_at` its queue. It
is sent as Standard Webhooks says (https://www.standardwebhooks.com, version 1.0.0): id, time and signatures in the
headers, ids and no words of a customer in the body. A 2xx settles it; anything else is tried again for about a day.
"""

import base64
import hashlib
import hmac
import json
import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidTag
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q

from inbox.domain import events
from inbox.enums import WEBHOOK_TYPES, EventKind
from inbox.models import Delivery, Event, Webhook
from inbox.queries import DELIVERIES_KEPT_FOR
from tenants import entry, outgoing, sealing
from tenants.badges import address
from tenants.models import Domain
from tenants.outgoing import Answered, NotAllowed, Outcome

Call = Callable[..., Outcome]

MOST_TRIES = 10
FAILING_AT_MOST = timedelta(days=3)
# How long a claim holds: longer than the longest round with its last call. A killed worker's claim ends by itself.
CLAIM = timedelta(seconds=60)
_FIRST_WAIT = timedelta(seconds=8)
_LONGEST_REST = timedelta(minutes=15)
_PATIENCE = timedelta(hours=22)
_FEW_TRIES = 3
# In a round no call is begun after so many seconds; the sweep comes again.
_LONGEST_ROUND = 15.0
_AT_ONCE = 8
_WEBHOOKS_IN_A_ROUND = 32
_EVENTS_AT_ONCE = 2_000


def tell(*, now: datetime) -> int:
    """Make a delivery of each event that a webhook asked for and has not been told of; returns how many."""
    newest = events.latest()
    behind = Webhook.objects.filter(paused_at=None, told_through__lt=newest).order_by("told_through", "pk")
    return sum(_tell_one(pk, now) for pk in list(behind.values_list("pk", flat=True)))


def deliver(*, clock: Callable[[], datetime], call: Call = outgoing.post) -> int:
    """Send what is due, each webhook's in order and different webhooks' side by side; returns how many were sent.

    Calls run in threads that know plain values only. A webhook that failed rests: it holds up nobody but itself.
    """
    root, ends, sent = _api_root(), time.monotonic() + _LONGEST_ROUND, 0
    under_way: dict[Future[Outcome], Delivery] = {}
    with ThreadPoolExecutor(_AT_ONCE) as threads:

        def begin(webhook_id: int) -> None:
            delivery = claim(webhook_id=webhook_id, now=clock()) if time.monotonic() < ends else None
            if delivery is None:
                _release(webhook_id, until=clock())
            else:
                under_way[threads.submit(_send, call, *_request_of(delivery, root, clock()))] = delivery

        waiting = claim_webhooks(now=clock())
        while waiting or under_way:
            while waiting and len(under_way) < _AT_ONCE:
                begin(waiting.pop(0))
            for done in wait(under_way, return_when=FIRST_COMPLETED).done:
                delivery, sent = under_way.pop(done), sent + 1
                if settle(delivery_id=delivery.pk, attempt=delivery.attempts, outcome=done.result(), now=clock()):
                    begin(delivery.webhook_id)
    return sent


@transaction.atomic
def claim_webhooks(*, now: datetime) -> list[int]:
    """Take the webhooks that have something due, those that were served longest ago first; nobody else calls them."""
    due = Delivery.objects.filter(webhook=OuterRef("pk"), due_at__lte=now)
    free = Q(rests_until=None) | Q(rests_until__lte=now)
    found = list(
        Webhook.objects.select_for_update(skip_locked=True)
        .filter(free, Exists(due), paused_at=None)
        .order_by(F("rests_until").asc(nulls_first=True), "pk")
        .values_list("pk", flat=True)[:_WEBHOOKS_IN_A_ROUND]
    )
    Webhook.objects.filter(pk__in=found).update(rests_until=now + CLAIM)
    return found


@transaction.atomic
def claim(*, webhook_id: int, now: datetime) -> Delivery | None:
    """Take the oldest delivery that is due at this webhook, and commit to the try before it is made."""
    delivery = (
        Delivery.objects.select_for_update(skip_locked=True, of=("self",))
        .select_related("webhook")
        .filter(webhook=webhook_id, webhook__paused_at=None, due_at__lte=now)
        .order_by("due_at", "pk")
        .first()
    )
    if delivery is None:
        return None
    delivery.attempts += 1
    delivery.tried_at, delivery.due_at = now, now + CLAIM
    delivery.save(update_fields=["attempts", "tried_at", "due_at"])
    return delivery


@transaction.atomic
def settle(*, delivery_id: int, attempt: int, outcome: Outcome, now: datetime) -> bool:
    """Write down what a try came to; returns whether the webhook may be called on at once. It rests when it failed.

    What comes back late, of a try before the last, says nothing.
    """
    of_it = Delivery.objects.filter(pk=delivery_id).values("webhook")
    webhook = Webhook.objects.select_for_update().filter(pk__in=of_it).first()
    delivery = Delivery.objects.select_for_update().filter(pk=delivery_id, attempts=attempt).first()
    if webhook is None or delivery is None or delivery.due_at is None:
        return False
    delivery.last_status = outcome.status if isinstance(outcome, Answered) else None
    delivery.last_error = _error_in(outcome)
    if isinstance(outcome, Answered) and 200 <= outcome.status < 300:
        delivery.due_at, delivery.delivered_at = None, now
        webhook.failing_since, webhook.delivered_at = None, now
    else:
        _settle_failed(delivery, webhook, outcome, now)
    delivery.save(update_fields=["last_status", "last_error", "due_at", "delivered_at", "given_up_at"])
    webhook.save(update_fields=["failing_since", "delivered_at", "rests_until", "paused_at", "paused_why"])
    return webhook.failing_since is None


def wait_after(attempts: int, *, chance: float = 0.5) -> timedelta:
    """How long to wait after so many tries: 8 s, then three times as long each time, give or take a fifth."""
    return _FIRST_WAIT * float(3 ** (attempts - 1)) * (0.8 + 0.4 * chance)


def signatures(*, secrets: Sequence[str], message_id: str, timestamp: int, body: bytes) -> str:
    """The `webhook-signature` of a message, one part for each secret that is good now.

    HMAC-SHA256 over `id.timestamp.body`, base64, after `v1,`; several are parted by spaces (Standard Webhooks 1.0.0).
    """
    signed = f"{message_id}.{timestamp}.".encode() + body
    keys = [base64.b64decode(secret.removeprefix("whsec_")) for secret in secrets]
    return " ".join(f"v1,{base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()}" for key in keys)


@transaction.atomic
def forget(*, now: datetime) -> int:
    """Remove deliveries that were made long ago, whatever became of them; returns how many."""
    return Delivery.objects.filter(made_at__lt=now - DELIVERIES_KEPT_FOR).delete()[0]


def place_of(webhook_id: int, field: str = "secret") -> str:
    """Where a webhook's secret lies, for the sealing: `secret`, or `old_secret`."""
    return f"{entry.current_schema()}/inbox_webhook/{webhook_id}/{field}"


@transaction.atomic
def _tell_one(webhook_id: int, now: datetime) -> int:
    webhook = Webhook.objects.select_for_update().filter(pk=webhook_id, paused_at=None).first()
    if webhook is None:
        return 0
    found = list(
        Event.objects.filter(seq__gt=webhook.told_through).order_by("seq").values_list("seq", "kind")[:_EVENTS_AT_ONCE]
    )
    rows = [
        Delivery(webhook=webhook, event_seq=seq, made_at=now, due_at=now)
        for seq, kind in found
        if kind in webhook.kinds
    ]
    Delivery.objects.bulk_create(rows)
    if found:
        webhook.told_through = found[-1][0]
        webhook.save(update_fields=["told_through"])
    return len(rows)


def _request_of(delivery: Delivery, root: str, now: datetime) -> tuple[str, bytes, dict[str, str]]:
    """What is sent, as plain values. A secret that cannot be opened here leaves no signature, and the call undone."""
    webhook, message_id, timestamp = (
        delivery.webhook,
        f"msg_{entry.current_brand_id()}_{delivery.pk}",
        int(now.timestamp()),
    )
    body = json.dumps(_payload(delivery, root), separators=(",", ":")).encode()
    try:
        secrets = _secrets_of(webhook, now)
    except (InvalidTag, ValueError):
        return "", b"", {}
    signature = signatures(secrets=secrets, message_id=message_id, timestamp=timestamp, body=body)
    return (
        webhook.url,
        body,
        {
            "Content-Type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature,
        },
    )


def _send(call: Call, url: str, body: bytes, headers: dict[str, str]) -> Outcome:
    """The one part that runs in a thread of its own: no row is touched here."""
    if not headers:
        return NotAllowed("The secret of this webhook cannot be opened here. Roll it.")
    return call(url, body=body, headers=headers)


def _secrets_of(webhook: Webhook, now: datetime) -> list[str]:
    secrets = [sealing.unseal(bytes(webhook.sealed_secret), place=place_of(webhook.pk))]
    if webhook.sealed_old_secret and webhook.old_secret_until and webhook.old_secret_until > now:
        secrets.append(sealing.unseal(bytes(webhook.sealed_old_secret), place=place_of(webhook.pk, "old_secret")))
    return secrets


def _payload(delivery: Delivery, root: str) -> dict[str, Any]:
    brand = {"id": str(entry.current_brand_id()), "url": f"{root}brand/"}
    data: dict[str, Any]
    if delivery.event_seq <= 0:
        data = {"webhook_id": str(delivery.webhook_id), "brand": brand}
        return {"type": "webhook.test", "timestamp": delivery.made_at.isoformat(), "data": data}
    event = Event.objects.get(pk=delivery.event_seq)
    data = {
        "sequence": event.seq,
        "kind": event.kind,
        "brand": brand,
        "conversation": _resource(root, "conversations", event.conversation_id),
        "message": _resource(root, "messages", event.message_id),
        "reply": _resource(root, "replies", event.reply_id),
    }
    return {"type": WEBHOOK_TYPES[EventKind(event.kind)], "timestamp": event.at.isoformat(), "data": data}


def _resource(root: str, name: str, pk: int | None) -> dict[str, str] | None:
    return {"id": str(pk), "url": f"{root}{name}/{pk}/"} if pk else None


def _api_root() -> str:
    """Where the brand's API is: on its own host, which is known in the directory alone."""
    brand_id = entry.current_brand_id()
    with entry.directory():
        host = Domain.objects.filter(brand=brand_id).order_by("pk").values_list("name", flat=True).first()
    return f"{address(host) if host else '/'}api/v1/"


def _settle_failed(delivery: Delivery, webhook: Webhook, outcome: Outcome, now: datetime) -> None:
    webhook.failing_since = webhook.failing_since or now
    webhook.rests_until = now + min(max((now - webhook.failing_since) / 4, _FIRST_WAIT / 2), _LONGEST_REST)
    is_gone = isinstance(outcome, Answered) and outcome.status == 410
    tried_long = delivery.attempts >= _FEW_TRIES and now - delivery.made_at > _PATIENCE
    if is_gone or tried_long or delivery.attempts >= MOST_TRIES:
        delivery.due_at, delivery.given_up_at = None, now
    else:
        delivery.due_at = now + max(wait_after(delivery.attempts, chance=random.random()), _asked_to_wait(outcome))
    if is_gone:
        webhook.paused_at, webhook.paused_why = now, "The receiver answered 410: it wants nothing more."
    elif delivery.given_up_at and now - webhook.failing_since >= FAILING_AT_MOST:
        days = FAILING_AT_MOST.days
        webhook.paused_at, webhook.paused_why = (
            now,
            f"Nothing could be delivered for {days} days: {delivery.last_error}"[:300],
        )


def _asked_to_wait(outcome: Outcome) -> timedelta:
    """What the receiver asks for in `Retry-After`, in seconds; an hour at most, since people wait for it."""
    text = outcome.retry_after if isinstance(outcome, Answered) else ""
    return timedelta(seconds=min(int(text), 3600) if text.isascii() and text.isdecimal() and len(text) < 9 else 0)


def _error_in(outcome: Outcome) -> str:
    """Why it failed, in one line. What a receiver says in words is not kept: it may be anything."""
    if isinstance(outcome, Answered):
        return "" if 200 <= outcome.status < 300 else f"The receiver answered {outcome.status}."
    return outcome.why[:300]


def _release(webhook_id: int, *, until: datetime) -> None:
    Webhook.objects.filter(pk=webhook_id).update(rests_until=until)
