"""How a brand ends: asked for, exported whole, confirmed by its name, erased; then the row is the certificate.

Each step is an instant on the `Offboarding`; the worker looks for those that are missing, so a step that was killed is
done again. Until it is erased the end may be withdrawn. From the asking on, nothing of the brand is posted.
"""

import hashlib
import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Q

from accounts.domain import audit
from accounts.enums import AuditKind
from accounts.models import AuditEntry, User
from tenants import entry, live, schemas
from tenants.exports import write_export
from tenants.models import Brand, BrandState, BuildState, Offboarding
from tenants.refusals import NotNow

log = logging.getLogger(__name__)


@transaction.atomic
def ask(*, brand: Brand, by: User, now: datetime) -> Offboarding:
    """Begin the end of a brand: it posts nothing from now on, and is exported. Inside the agency."""
    row = Brand.objects.select_for_update(of=("self",)).get(pk=brand.pk)
    if row.build_state != BuildState.READY:
        raise NotNow(f"{row.name} is not made yet: there is nothing to end.")
    is_under_way = Offboarding.objects.filter(brand_key=row.pk, erased_at=None, withdrawn_at=None).exists()
    if row.state == BrandState.ENDING or is_under_way:
        raise NotNow(f"The end of {row.name} was asked for already.")
    Brand.objects.filter(pk=row.pk).update(state=BrandState.ENDING)
    offboarding = Offboarding.objects.create(
        agency_id=row.agency_id, brand_key=row.pk, brand_name=row.name, brand_slug=row.slug, asked_at=now, asked_by=by
    )
    _record(AuditKind.BRAND_ENDING, offboarding, by_id=by.pk, now=now)
    return offboarding


@transaction.atomic
def withdraw(*, offboarding: Offboarding, by: User, now: datetime) -> None:
    """Keep the brand after all. It is suspended then, or still preparing: setting it going again is an act of its own.
    Inside the agency."""
    row = _open(offboarding)
    brand = Brand.objects.select_for_update(of=("self",)).filter(pk=row.brand_key).first()
    if brand is None:
        raise NotNow(f"{row.brand_name} is erased already: there is nothing left to keep.")
    Offboarding.objects.filter(pk=row.pk).update(withdrawn_at=now, withdrawn_by=by)
    state = BrandState.SUSPENDED if brand.live_at else BrandState.PREPARING
    Brand.objects.filter(pk=brand.pk).update(state=state)
    _record(AuditKind.BRAND_KEPT, row, by_id=by.pk, now=now)
    transaction.on_commit(lambda: _forget_export(row))


@transaction.atomic
def fetch(*, offboarding: Offboarding, by: User, now: datetime) -> Path:
    """The export, for an admin who takes it along; who did is in the audit. Inside the agency."""
    path = _place_of(offboarding)
    if offboarding.withdrawn_at:
        raise NotNow(f"The end of {offboarding.brand_name} was withdrawn, and its export is not kept.")
    if offboarding.exported_at is None:
        raise NotNow("The export is being written. This page says when it is there.")
    if offboarding.erased_at or not path.exists():
        raise NotNow("The export was erased together with the brand. What remains is the certificate.")
    _record(AuditKind.EXPORTED, offboarding, by_id=by.pk, now=now, sha256=offboarding.export_sha256)
    return path


@transaction.atomic
def confirm(*, offboarding: Offboarding, typed: str, by: User, now: datetime) -> None:
    """Let the worker erase the brand: by typing its exact name, once the export was fetched. Inside the agency."""
    row = _open(offboarding)
    if row.exported_at is None:
        raise NotNow("The export is not written yet. Wait for it, and fetch it, before you erase.")
    if row.confirmed_at:
        raise NotNow("This is confirmed already; the brand is being erased.")
    fetched = {"chain": f"b{row.brand_key}", "kind": AuditKind.EXPORTED, "facts__offboarding": row.pk}
    if not AuditEntry.objects.filter(**fetched).exists():
        raise NotNow("Nobody has fetched the export yet, and it is erased with the brand. Fetch it first.")
    if typed.strip() != row.brand_name:
        raise NotNow(f"That is not the brand's name. Type it exactly as it is written: {row.brand_name}")
    Offboarding.objects.filter(pk=row.pk).update(confirmed_at=now, confirmed_by=by)


def go_on(*, clock: Callable[[], datetime]) -> None:
    """Do what is left to do for every end that was asked for. In the worker, outside of everything."""
    for pk in _waiting(Q(exported_at=None)):
        _tried(pk, lambda row: _export(row, clock()))
    for pk in _waiting(Q(confirmed_at__isnull=False)):
        _tried(pk, lambda row: _erase(row, clock()))


def certificate_of(offboarding: Offboarding) -> dict[str, object]:
    """What the certificate of erasure says, without its own hash."""
    return {
        "brand": offboarding.brand_name,
        "brand_key": offboarding.brand_key,
        "asked_at": _said(offboarding.asked_at),
        "asked_by": offboarding.asked_by_id,
        "exported_at": _said(offboarding.exported_at),
        "export_sha256": offboarding.export_sha256,
        "confirmed_at": _said(offboarding.confirmed_at),
        "confirmed_by": offboarding.confirmed_by_id,
        "erased_at": _said(offboarding.erased_at),
        "erased": offboarding.erased,
    }


def hash_of(offboarding: Offboarding) -> str:
    """What a certificate's hash must be: SHA-256 over everything it says."""
    said = json.dumps(certificate_of(offboarding), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(said.encode()).hexdigest()


def _export(row: Offboarding, now: datetime) -> None:
    """Write the whole brand into one file, then say so; killed before, it is written anew."""
    with entry.agency(row.agency_id):
        brand = Brand.objects.get(pk=row.brand_key)
    place = _place_of(row)
    size, sha256 = write_export(brand, place, now=now)
    schemas.note_offboarding(
        row.pk, {"exported_at": now, "export_name": place.name, "export_size": size, "export_sha256": sha256}
    )


def _erase(row: Offboarding, now: datetime) -> None:
    """Schema, role, rows, sessions, export; then the audit, then the certificate. Each may be done again."""
    if not row.erased:
        with entry.agency(row.agency_id):
            brand = Brand.objects.get(pk=row.brand_key)
        erased = schemas.erase_brand(brand=brand, offboarding_id=row.pk)
        if erased is None:
            return  # withdrawn at the last moment
        row.erased, members = erased
        for person in members:
            live.publish(live.channel("ended", "sessions"), json.dumps({"ended_person": person}))
    _end_sessions(set(row.erased["hosts"]))
    for each in _ends_of(row.brand_key):
        _forget_export(each)
    with entry.agency(row.agency_id):
        done = AuditEntry.objects.filter(
            chain=f"a{row.agency_id}", kind=AuditKind.BRAND_ERASED, facts__offboarding=row.pk
        )
        if not done.exists():
            facts = {"offboarding": row.pk, "brand": row.brand_key}
            audit.record(
                AuditKind.BRAND_ERASED, agency_id=row.agency_id, by_id=row.confirmed_by_id, now=now, facts=facts
            )
    row.erased_at = now
    schemas.note_offboarding(row.pk, {"erased_at": now, "certificate": hash_of(row)})


def _ends_of(brand_key: int) -> list[Offboarding]:
    """Every end of this brand that was ever asked for: those that were withdrawn may have left an export too."""
    with entry.operators():
        return list(Offboarding.objects.filter(brand_key=brand_key).order_by("pk"))


def _forget_export(offboarding: Offboarding) -> None:
    place = _place_of(offboarding)
    for path in (place, place.with_suffix(".part")):
        path.unlink(missing_ok=True)


def _end_sessions(hosts: set[str]) -> None:
    """Forget the sessions that were opened on the brand's own hosts; its client's staff had no other."""
    if not hosts:
        return
    with entry.directory():
        for session in Session.objects.order_by("pk").iterator(chunk_size=1000):
            if str(session.get_decoded().get("host", "")).partition(":")[0] in hosts:
                session.delete()


def _tried(pk: int, step: Callable[[Offboarding], None]) -> None:
    with entry.operators():
        row = Offboarding.objects.get(pk=pk)
    try:
        step(row)
    except (psycopg.Error, OSError) as error:
        reason = str(error).strip().splitlines()[0][:300]
        log.error("The end of brand %s did not go on: %s", row.brand_key, reason)
        schemas.note_offboarding(pk, {"error": reason})
    else:
        schemas.note_offboarding(pk, {"error": ""})


def _waiting(which: Q) -> list[int]:
    with entry.operators():
        rows = Offboarding.objects.filter(which, erased_at=None, withdrawn_at=None).order_by("pk")
        return list(rows.values_list("pk", flat=True))


def _open(offboarding: Offboarding) -> Offboarding:
    row = Offboarding.objects.select_for_update(of=("self",)).get(pk=offboarding.pk)
    if row.erased_at or row.erased:
        raise NotNow(f"{row.brand_name} is erased. Nothing can be changed about that.")
    if row.withdrawn_at:
        raise NotNow(f"The end of {row.brand_name} was withdrawn. Ask for it anew if it is to end.")
    return row


def _place_of(offboarding: Offboarding) -> Path:
    name = f"{offboarding.brand_slug}-{offboarding.pk}.zip"
    return Path(settings.HOME) / "exports" / str(offboarding.agency_id) / name


def _record(kind: AuditKind, row: Offboarding, *, by_id: int, now: datetime, **facts: object) -> None:
    audit.record(
        kind,
        agency_id=row.agency_id,
        brand_id=row.brand_key,
        by_id=by_id,
        now=now,
        facts={"offboarding": row.pk, **facts},
    )


def _said(instant: datetime | None) -> str | None:
    return instant.astimezone(UTC).isoformat(timespec="microseconds") if instant else None
