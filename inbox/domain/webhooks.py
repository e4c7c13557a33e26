"""Webhooks: the addresses that are told what happens in a brand; `deliveries` tells them.

An address is checked by the guard when it is given, and again at each call. The secret is shown once, sealed, and
rolled without a gap: for a day the one before signs as well.
"""

import base64
import os
from collections.abc import Sequence
from datetime import datetime, timedelta

from cryptography.exceptions import InvalidTag
from django.db import IntegrityError, transaction
from django.db.models import Min, Q, QuerySet

from accounts.domain import audit
from accounts.enums import AuditKind
from accounts.models import User
from inbox import policies
from inbox.domain import events
from inbox.domain.deliveries import CLAIM, place_of
from inbox.enums import WEBHOOK_TYPES, EventKind
from inbox.models import Delivery, Webhook
from tenants import outgoing, sealing
from tenants.outgoing import Resolve, look_up
from tenants.refusals import NotNow

MOST_WEBHOOKS = 20
OLD_SECRET_GOOD_FOR = timedelta(hours=24)
_SECRET_BYTES = 32


def make(
    *, url: str, name: str, kinds: Sequence[str], by: User, role: str, now: datetime, resolve: Resolve = look_up
) -> tuple[Webhook, str]:
    """Tell this address of these kinds of events from now on; returns the secret too, which is never shown again."""
    policies.check_can_keep_webhooks(role)
    url, name, kinds = outgoing.checked(url, resolve=resolve), _name(name), _kinds(kinds)
    secret = _new_secret()
    with transaction.atomic():
        if Webhook.objects.count() >= MOST_WEBHOOKS:
            raise NotNow(f"A brand has {MOST_WEBHOOKS} webhooks at most. Remove one first.")
        _check_address_is_free(url)
        webhook = Webhook(url=url, name=name, kinds=kinds, sealed_secret=b"", made_at=now, made_by_id=by.pk)
        webhook.told_through = events.latest()
        _save(webhook)
        webhook.sealed_secret = sealing.seal(secret, place=place_of(webhook.pk))
        webhook.save(update_fields=["sealed_secret"])
        _audit("made", webhook, by=by, now=now)
    return webhook, secret


def change(
    *,
    webhook: Webhook,
    url: str,
    name: str,
    kinds: Sequence[str],
    by: User,
    role: str,
    now: datetime,
    resolve: Resolve = look_up,
) -> Webhook:
    """Tell another address, of other kinds. What is on its way goes to the new one."""
    policies.check_can_keep_webhooks(role)
    url, name, kinds = outgoing.checked(url, resolve=resolve), _name(name), _kinds(kinds)
    with transaction.atomic():
        webhook = _locked(webhook)
        _check_address_is_free(url, but=webhook)
        webhook.url, webhook.name, webhook.kinds = url, name, kinds
        _save(webhook, update_fields=["url", "name", "kinds"])
        _audit("changed", webhook, by=by, now=now)
    return webhook


@transaction.atomic
def pause(*, webhook: Webhook, by: User, role: str, now: datetime) -> Webhook:
    """Send nothing until it is resumed."""
    policies.check_can_keep_webhooks(role)
    webhook = _locked(webhook)
    if webhook.paused_at is None:
        webhook.paused_at, webhook.paused_why = now, f"Paused by {by.name}."[:300]
        webhook.save(update_fields=["paused_at", "paused_why"])
        _audit("paused", webhook, by=by, now=now)
    return webhook


@transaction.atomic
def resume(*, webhook: Webhook, is_skipping: bool, by: User, role: str, now: datetime) -> Webhook:
    """Go on where it stopped; or, skipping, with what happens from now on."""
    policies.check_can_keep_webhooks(role)
    webhook = _locked(webhook)
    if webhook.paused_at is None:
        return webhook
    if is_skipping:
        webhook.told_through = events.latest()
        Delivery.objects.filter(webhook=webhook, due_at__isnull=False).update(
            due_at=None, given_up_at=now, last_error="Skipped, when the webhook was resumed."
        )
    webhook.paused_at, webhook.paused_why, webhook.failing_since, webhook.rests_until = None, "", None, None
    webhook.save(update_fields=["paused_at", "paused_why", "failing_since", "rests_until", "told_through"])
    _audit("resumed", webhook, by=by, now=now)
    return webhook


@transaction.atomic
def remove(*, webhook: Webhook, by: User, role: str, now: datetime) -> None:
    """Tell this address nothing more. Its deliveries go with it, those on their way too."""
    policies.check_can_keep_webhooks(role)
    webhook = _locked(webhook)
    _audit("removed", webhook, by=by, now=now)
    webhook.delete()


@transaction.atomic
def roll(*, webhook: Webhook, is_leaked: bool, by: User, role: str, now: datetime) -> str:
    """Make a new secret and return it, this once. For a day the one before signs as well, unless it has leaked."""
    policies.check_can_keep_webhooks(role)
    webhook, secret = _locked(webhook), _new_secret()
    if webhook.old_secret_until and webhook.old_secret_until > now and not is_leaked:
        raise NotNow(
            "The secret was rolled within the last day. Wait until the one before has ended, or end it at once."
        )
    webhook.sealed_old_secret, webhook.old_secret_until = None, None
    if not is_leaked and (old := _opened(webhook)):
        webhook.sealed_old_secret = sealing.seal(old, place=place_of(webhook.pk, "old_secret"))
        webhook.old_secret_until = now + OLD_SECRET_GOOD_FOR
    webhook.sealed_secret = sealing.seal(secret, place=place_of(webhook.pk))
    webhook.save(update_fields=["sealed_secret", "sealed_old_secret", "old_secret_until"])
    _audit("secret rolled", webhook, by=by, now=now)
    return secret


@transaction.atomic
def send_test(*, webhook: Webhook, by: User, role: str, now: datetime) -> Delivery:
    """Put a test on its way. Tests have numbers below zero, since no event stands behind them."""
    policies.check_can_keep_webhooks(role)
    webhook = _awake(webhook)
    lowest = Delivery.objects.filter(webhook=webhook).aggregate(lowest=Min("event_seq"))["lowest"] or 0
    return Delivery.objects.create(webhook=webhook, event_seq=min(lowest, 0) - 1, made_at=now, due_at=now)


@transaction.atomic
def replay(*, delivery: Delivery, by: User, role: str, now: datetime) -> Delivery:
    """Send one delivery again, whatever became of it, with the same id."""
    policies.check_can_keep_webhooks(role)
    _awake(delivery.webhook)
    found = Delivery.objects.select_for_update().filter(pk=delivery.pk).first()
    if found is None:
        raise NotNow("This delivery is no longer kept.")
    if found.due_at and (found.due_at <= now or (found.tried_at and found.tried_at > now - CLAIM)):
        raise NotNow("This delivery is on its way already.")
    _put_on_its_way(Delivery.objects.filter(pk=found.pk), now)
    return found


@transaction.atomic
def replay_failed(*, webhook: Webhook, by: User, role: str, now: datetime) -> int:
    """Send everything again that failed: what was given up, and what waits for its next try; returns how many."""
    policies.check_can_keep_webhooks(role)
    webhook = _awake(webhook)
    waits = Q(due_at__gt=now, attempts__gt=0, tried_at__lte=now - CLAIM)
    failed = Delivery.objects.filter(Q(given_up_at__isnull=False) | waits, webhook=webhook)
    return _put_on_its_way(failed, now)


def _opened(webhook: Webhook) -> str | None:
    """The present secret; none where it cannot be opened here, which rolling it puts right."""
    try:
        return sealing.unseal(bytes(webhook.sealed_secret), place=place_of(webhook.pk))
    except (InvalidTag, ValueError):
        return None


def _put_on_its_way(deliveries: QuerySet[Delivery], now: datetime) -> int:
    return deliveries.update(due_at=now, attempts=0, delivered_at=None, given_up_at=None)


def _awake(webhook: Webhook) -> Webhook:
    """The webhook, locked and ready to be called: a person who asks for a try does not wait until it has rested."""
    webhook = _locked(webhook)
    if webhook.paused_at:
        raise NotNow("This webhook is paused. Resume it first.")
    if webhook.failing_since and webhook.rests_until:
        webhook.rests_until = None
        webhook.save(update_fields=["rests_until"])
    return webhook


def _locked(webhook: Webhook) -> Webhook:
    found = Webhook.objects.select_for_update().filter(pk=webhook.pk).first()
    if found is None:
        raise NotNow("This webhook was removed in the meantime.")
    return found


def _save(webhook: Webhook, *, update_fields: Sequence[str] | None = None) -> None:
    try:
        with transaction.atomic():
            webhook.save(update_fields=update_fields)
    except IntegrityError as error:  # somebody was faster
        raise NotNow("There is a webhook with this address already.") from error


def _check_address_is_free(url: str, *, but: Webhook | None = None) -> None:
    other = Webhook.objects.filter(url=url).first()
    if other and other != but:
        raise NotNow(f"There is a webhook with this address already: “{other.name}”. Change that one.")


def _name(name: str) -> str:
    name = " ".join("".join(letter if letter.isprintable() else " " for letter in name).split())
    if not 0 < len(name) <= 80:
        raise NotNow("Give the webhook a name of up to 80 characters, so that your colleagues know whose it is.")
    return name


def _kinds(kinds: Sequence[str]) -> list[str]:
    chosen = [kind for kind in WEBHOOK_TYPES if kind in kinds]
    if not chosen or set(kinds) - set(EventKind.values):
        raise NotNow("Choose from the list what this webhook is told: one kind of event at least.")
    return [str(kind) for kind in chosen]


def _new_secret() -> str:
    return f"whsec_{base64.b64encode(os.urandom(_SECRET_BYTES)).decode()}"


def _audit(what: str, webhook: Webhook, *, by: User, now: datetime) -> None:
    """The host and no more of the address: the rest may hold a secret of the receiver's."""
    facts = {"what": what, "webhook": webhook.pk, "name": webhook.name, "host": webhook.url.split("/")[2]}
    audit.record_here(AuditKind.WEBHOOK_CHANGED, now=now, by_id=by.pk, facts=facts)
