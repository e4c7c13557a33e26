"""How agencies and brands begin, go live, rest and wake.

A page leaves a row that is CREATING; the worker makes what only the database's owner can make. A brand is PREPARING
until somebody sets it live: it receives and trains, and posts nothing.
"""

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
from django.conf import settings
from django.db import IntegrityError, transaction

from accounts.domain import audit
from accounts.enums import AuditKind, Right, Role, may
from accounts.models import Membership, User
from tenants import badges, schemas
from tenants.models import Agency, Brand, BrandState, BuildState, Domain, Handle, Logo, Mark
from tenants.refusals import NotNow

log = logging.getLogger(__name__)

# Hosts of the house's own, beside the agencies'.
RESERVED = frozenset({"admin", "api", "care", "mail", "static", "twitter", "www"})
# What may be changed of a brand, once it is founded.
CHANGEABLE = ("name", "colour", "ink", "zone", "languages", "reopen_window")


@dataclass(frozen=True)
class Step:
    """A line of a brand's checklist: what it takes to go live, whether it is there, and what to do else."""

    key: str
    label: str
    is_done: bool
    what_to_do: str


@transaction.atomic
def found_agency(*, name: str, slug: str, by: User, now: datetime) -> Agency:
    """A new agency, whose role and host name the worker makes. Among the operators."""
    _check_slug(slug)
    if slug in RESERVED:
        raise NotNow(f"“{slug}” is a host of Nightjar's own. Choose another short name.")
    if Agency.objects.filter(slug=slug).exists():
        raise NotNow(f"There is an agency with the short name “{slug}” already. Choose another.")
    agency = Agency(name=name, slug=slug, created_at=now, build_state=BuildState.CREATING)
    agency.save(force_insert=True)
    audit.record(AuditKind.AGENCY_FOUNDED, by_id=by.pk, now=now, facts={"agency": agency.pk, "slug": slug})
    return agency


@transaction.atomic
def rename_agency(*, agency: Agency, name: str, by: User, now: datetime) -> None:
    """Give an agency another name; its host stays. Among the operators."""
    Agency.objects.filter(pk=agency.pk).update(name=name)
    audit.record(AuditKind.AGENCY_FOUNDED, by_id=by.pk, now=now, facts={"agency": agency.pk, "renamed": True})


@transaction.atomic
def found_brand(
    *,
    agency_id: int,
    name: str,
    slug: str,
    colour: str = "#3b5bdb",
    ink: str = "",
    zone: str = "UTC",
    languages: tuple[str, ...] | list[str] = ("en",),
    reopen_window: timedelta = timedelta(hours=72),
    by: User,
    now: datetime,
) -> Brand:
    """A new brand of this agency, whose schema, role and host name the worker makes. Inside the agency."""
    _check_slug(slug)
    badges.check_readable(colour, ink)
    if Brand.objects.filter(agency_id=agency_id, slug=slug).exists():
        raise NotNow(f"You have a brand with the short name “{slug}” already. Choose another.")
    brand = Brand(
        agency_id=agency_id,
        name=name,
        slug=slug,
        colour=colour,
        ink=ink,
        zone=zone,
        languages=list(languages),
        reopen_window=reopen_window,
        created_at=now,
        build_state=BuildState.CREATING,
    )
    brand.save(force_insert=True)
    audit.record(
        AuditKind.BRAND_FOUNDED, agency_id=agency_id, brand_id=brand.pk, by_id=by.pk, now=now, facts={"slug": slug}
    )
    return brand


@transaction.atomic
def change_brand(*, brand: Brand, by: User, now: datetime, **values: Any) -> None:
    """Change what a brand is called and how it looks; says in the audit which columns. Inside the agency."""
    if unknown := set(values) - set(CHANGEABLE):
        raise ValueError(f"Not to be changed here: {sorted(unknown)}.")
    before = _locked(brand)
    badges.check_readable(values.get("colour", before.colour), values.get("ink", before.ink))
    changed = sorted(name for name, value in values.items() if getattr(before, name) != value)
    if changed:
        Brand.objects.filter(pk=brand.pk).update(**{name: values[name] for name in changed})
        _record(AuditKind.BRAND_CHANGED, before, by=by, now=now, facts={"changed": changed})


@transaction.atomic
def set_logo(*, brand: Brand, picture: badges.Picture | None, by: User, now: datetime) -> None:
    """Give a brand this logo, or none. Inside the agency."""
    if picture is None:
        gone, _ = Logo.objects.filter(brand_id=brand.pk).delete()
        if not gone:
            return
    else:
        values = {"png": picture.png, "width": picture.width, "height": picture.height, "digest": picture.digest}
        Logo.objects.update_or_create(brand_id=brand.pk, defaults=values)
    _record(AuditKind.BRAND_CHANGED, brand, by=by, now=now, facts={"changed": ["logo"]})


@transaction.atomic
def set_marks(*, brand: Brand, marks: list[tuple[str, str]], by: User, now: datetime) -> None:
    """What a brand is known by in tweets is these, kind and text, and no others. Inside the agency."""
    wanted = {(kind, text.casefold()): text for kind, text in marks}
    had = {(mark.kind, mark.text.casefold()): mark for mark in Mark.objects.filter(brand_id=brand.pk)}
    gone = [mark.pk for key, mark in had.items() if key not in wanted]
    Mark.objects.filter(pk__in=gone).delete()
    fresh = [Mark(brand_id=brand.pk, kind=key[0], text=text) for key, text in wanted.items() if key not in had]
    Mark.objects.bulk_create(fresh)
    if gone or fresh:
        facts = {"changed": ["marks"], "added": len(fresh), "removed": len(gone)}
        _record(AuditKind.BRAND_CHANGED, brand, by=by, now=now, facts=facts)


@transaction.atomic
def add_host(*, brand: Brand, name: str, by: User, now: datetime) -> Domain:
    """Let a host name of the client's own lead to this brand. Inside the agency."""
    name = name.strip().rstrip(".").lower()
    if not _HOST.fullmatch(name) or len(name) > 253:
        raise NotNow(f"“{name}” is no host name. Write it like care.example.com, without http:// and without a path.")
    house = settings.BASE_DOMAIN
    if name in (house, "127.0.0.1", f"twitter.{house}") or _IP.fullmatch(name):
        raise NotNow(f"“{name}” is Nightjar's own. Take a host name that belongs to your client.")
    if name.endswith(f".{house}") and not name.endswith(f".{brand.slug}.{house}"):
        raise NotNow(f"Host names under {house} are given by Nightjar. Take one that belongs to your client.")
    try:
        with transaction.atomic():
            domain = Domain.objects.create(name=name, agency_id=brand.agency_id, brand_id=brand.pk)
    except IntegrityError:
        raise NotNow(f"“{name}” leads somewhere already: to this brand, or to another. Choose another.") from None
    _record(AuditKind.BRAND_CHANGED, brand, by=by, now=now, facts={"host_added": name})
    return domain


@transaction.atomic
def remove_host(*, brand: Brand, domain_id: int, by: User, now: datetime) -> None:
    """Take a host name from a brand; the last one stays. Inside the agency."""
    domains = list(Domain.objects.filter(brand_id=brand.pk).order_by("pk"))
    named = next((domain for domain in domains if domain.pk == domain_id), None)
    if named is None:
        raise NotNow("This host name is gone already.")
    if len(domains) == 1:
        raise NotNow("A brand keeps at least one host name: add another first.")
    named.delete()
    _record(AuditKind.BRAND_CHANGED, brand, by=by, now=now, facts={"host_removed": named.name})


def checklist(brand: Brand) -> list[Step]:
    """What a brand needs before it can be set live, in the order in which one does it. Inside the agency."""
    posting = [role for role in Role.values if may(role, Right.POST)]
    members = Membership.objects.filter(agency_id=brand.agency_id, role__in=posting)
    in_brand = members.filter(brand_id=brand.pk) | members.filter(brand__isnull=True)
    handles = Handle.objects.filter(brand_id=brand.pk).exists()
    hosts = Domain.objects.filter(brand_id=brand.pk).exists()
    is_ready = brand.build_state == BuildState.READY
    return [
        Step("built", "Its place is made", is_ready, "Wait a second or two; if it failed, try again."),
        Step("twitter", "Twitter is connected", handles, "Connect the brand's account."),
        Step("host", "It has a host name", hosts, "Add a host name below."),
        Step("people", "Somebody may post", in_brand.exists(), "Invite people who answer."),
    ]


@transaction.atomic
def set_live(*, brand: Brand, by: User, now: datetime) -> None:
    """From now on this brand posts. Refused with what is missing. Inside the agency."""
    row = _locked(brand)
    if row.state != BrandState.PREPARING:
        raise NotNow(f"{row.name} is {row.get_state_display()}: only a brand that is preparing is set live.")
    if missing := [step for step in checklist(row) if not step.is_done]:
        raise NotNow(f"{row.name} cannot go live yet. " + " ".join(step.what_to_do for step in missing))
    Brand.objects.filter(pk=row.pk).update(state=BrandState.LIVE, live_at=now, live_by=by)
    _record(AuditKind.BRAND_LIVE, row, by=by, now=now)


@transaction.atomic
def suspend(*, brand: Brand, by: User, now: datetime) -> None:
    """Nothing of this brand is posted until it is resumed; it goes on receiving. Inside the agency."""
    _move(brand, BrandState.LIVE, BrandState.SUSPENDED, AuditKind.BRAND_SUSPENDED, by=by, now=now)


@transaction.atomic
def resume(*, brand: Brand, by: User, now: datetime) -> None:
    """A suspended brand posts again. Inside the agency."""
    _move(brand, BrandState.SUSPENDED, BrandState.LIVE, AuditKind.BRAND_RESUMED, by=by, now=now)


def retry_brand(*, brand: Brand) -> None:
    """Let the worker try again to make a brand. Inside the agency."""
    _retry(Brand.objects.filter(pk=brand.pk))


def retry_agency(*, agency: Agency) -> None:
    """Let the worker try again to make an agency. Among the operators."""
    _retry(Agency.objects.filter(pk=agency.pk))


def build_waiting() -> int:
    """Make every agency and brand that was founded; returns how many. In the worker, outside of everything.

    Each is one transaction of the owner's that takes the row first: run twice at once, one of them makes it; killed
    half-way, nothing is left and the next run makes it. What cannot be made is FAILED, with the reason.
    """
    agencies, brands = schemas.waiting_to_be_built()
    made = [_built(schemas.build_agency, "tenants_agency", pk) for pk in agencies]
    made += [_built(schemas.build_brand, "tenants_brand", pk) for pk in brands]
    return sum(made)


def _built(build: Callable[[int], bool], table: str, pk: int) -> bool:
    try:
        return build(pk)
    except (psycopg.Error, ValueError) as error:
        reason = str(error).strip().splitlines()[0][:300]
        log.error("%s %s could not be made: %s", table, pk, reason)
        schemas.say_why_not_built(table, pk, reason)
        return False


def _retry(rows: Any) -> None:
    if not rows.filter(build_state=BuildState.FAILED).update(build_state=BuildState.CREATING, build_error=""):
        raise NotNow("There is nothing to try again: it is made, or being made.")


def _move(brand: Brand, old: str, new: str, kind: AuditKind, *, by: User, now: datetime) -> None:
    row = _locked(brand)
    if row.state != old:
        raise NotNow(f"{row.name} is {row.get_state_display()}, not {BrandState(old).label}: look at the page again.")
    Brand.objects.filter(pk=row.pk).update(state=new)
    _record(kind, row, by=by, now=now)


def _locked(brand: Brand) -> Brand:
    return Brand.objects.select_for_update(of=("self",)).get(pk=brand.pk)


def _record(kind: AuditKind, brand: Brand, *, by: User, now: datetime, facts: dict[str, Any] | None = None) -> None:
    audit.record(kind, agency_id=brand.agency_id, brand_id=brand.pk, by_id=by.pk, now=now, facts=facts)


def _check_slug(slug: str) -> None:
    try:
        schemas.check_slug(slug)
    except ValueError:
        raise NotNow("A short name has small letters a–z, digits, and dashes inside; at most 40.") from None


_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"({_LABEL}\.)+{_LABEL}")
_IP = re.compile(r"[0-9.]+")
