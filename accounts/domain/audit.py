"""The audit: security-relevant acts, insert-only, each entry carrying the hash of the one before it in its chain.

Whoever changes, removes or reorders an entry breaks the chain from there on, and `first_broken` finds the place.
"""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from django.db import connection, transaction

from accounts.enums import AuditKind
from accounts.models import AuditEntry
from tenants.entry import current_agency_id, current_brand_id

_START = "0" * 64


@transaction.atomic
def record(
    kind: AuditKind,
    *,
    now: datetime,
    agency_id: int | None = None,
    brand_id: int | None = None,
    by_id: int | None = None,
    facts: dict[str, Any] | None = None,
) -> AuditEntry:
    """Append one act to the chain of its brand, else its agency, else the house. No customer's words in `facts`.

    A brand's act carries its agency too, so that everybody who may write into a chain sees all of it. Where we stand
    in neither, the caller must name it.
    """
    if brand_id and not agency_id:
        agency_id = current_agency_id()
    chain = f"b{brand_id}" if brand_id else f"a{agency_id}" if agency_id else "house"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('audit ' || %s, 0))", [chain])
    last = AuditEntry.objects.filter(chain=chain).order_by("-number").values_list("number", "hash").first()
    number, previous = (last[0] + 1, last[1]) if last else (1, _START)
    entry = AuditEntry(
        chain=chain,
        number=number,
        agency_id=agency_id,
        brand_id=brand_id,
        at=now,
        by_id=by_id,
        kind=kind,
        facts=facts or {},
        previous_hash=previous,
    )
    entry.hash = hash_of(entry)
    entry.save(force_insert=True)
    return entry


def record_here(
    kind: AuditKind, *, now: datetime, by_id: int | None = None, facts: dict[str, Any] | None = None
) -> None:
    """Append one act to the chain of the brand that we stand in. Before the brand's events, which hold their line."""
    record(kind, now=now, brand_id=current_brand_id(), by_id=by_id, facts=facts)


def first_broken(chain: str) -> int | None:
    """The number of the first entry of a chain that is not as it was written, or missing; None when all is well."""
    previous, expected = _START, 1
    for entry in AuditEntry.objects.filter(chain=chain).order_by("number").iterator(chunk_size=1000):
        if entry.number != expected or entry.previous_hash != previous or entry.hash != hash_of(entry):
            return expected
        previous, expected = entry.hash, expected + 1
    return None


def hash_of(entry: AuditEntry) -> str:
    """What an entry's hash must be: SHA-256 over everything it says, the hash before it included."""
    said = [
        entry.chain,
        entry.number,
        entry.agency_id,
        entry.brand_id,
        entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        entry.by_id,
        str(entry.kind),
        entry.facts,
        entry.previous_hash,
    ]
    return hashlib.sha256(json.dumps(said, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
