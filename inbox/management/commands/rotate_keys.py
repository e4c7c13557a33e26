"""`manage.py rotate_keys`: replace the key that seals secrets, in three steps that may each be cut short and repeated.

`--make` makes a new key and keeps the old one beside it; restart Nightjar then. Without a word it seals everything
anew, row by row. `--forget` lets the old key go, once nothing needs it. `docs/running.md` tells when to do which.
"""

import base64
import binascii
import os
import secrets
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from allauth.mfa.models import Authenticator
from cryptography.exceptions import InvalidTag
from django.apps import apps
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import models, transaction
from django.utils import timezone

from accounts.domain import audit
from accounts.enums import AuditKind
from tenants import entry, queries, sealing
from tenants.models import Brand, BrandModel

NEWEST, BEFORE = "NIGHTJAR_SEALING_KEY", "NIGHTJAR_SEALING_KEY_BEFORE"


@dataclass
class Tally:
    """What was done in one place: how many secrets were sealed anew, and which do not open."""

    anew: int = 0
    closed: list[str] = field(default_factory=list)


class Command(BaseCommand):
    help = "Replace the key that seals secrets: --make, restart, then without a word, then --forget."

    def add_arguments(self, parser: ArgumentParser) -> None:
        steps = parser.add_mutually_exclusive_group()
        steps.add_argument("--make", action="store_true", help="make a new key; the old one stays beside it")
        steps.add_argument("--forget", action="store_true", help="let the old key go, where nothing needs it any more")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["make"]:
            self._make()
        elif options["forget"]:
            self._forget()
        else:
            self._seal_anew()

    def _make(self) -> None:
        if settings.SEALING_KEY_BEFORE:
            raise CommandError("A rotation is under way: seal everything anew, then --forget the old key, first.")
        key = base64.b64encode(secrets.token_bytes(32)).decode()
        _write({NEWEST: key, BEFORE: settings.SEALING_KEY})
        self.stdout.write(
            "A new key was made. Restart Nightjar, so that all of it knows both keys; then call me again."
        )

    def _seal_anew(self) -> None:
        tallies = _all_sealed_anew()
        anew = sum(tally.anew for tally in tallies)
        closed = [place for tally in tallies for place in tally.closed]
        self.stdout.write(f"{anew} secrets were sealed anew.")
        for place in closed:
            self.stdout.write(f"Does not open with any key, and was left as it is: {place}")
        if closed:
            raise CommandError(f"{len(closed)} secrets do not open. Keep the old key until they are replaced.")
        if settings.SEALING_KEY_BEFORE:
            self.stdout.write("Nothing needs the old key any more: call me with --forget, then restart Nightjar.")

    def _forget(self) -> None:
        left = sum(1 for _ in _older())
        if left:
            raise CommandError(f"{left} secrets are sealed with an older key still. Call me without a word first.")
        _write({BEFORE: ""})
        self.stdout.write("The old key was let go. Restart Nightjar.")


def _all_sealed_anew() -> list[Tally]:
    tallies = [_people_anew()]
    with entry.directory():
        brands = queries.all_brands()
    tallies += [_brand_anew(brand) for brand in brands]
    anew = sum(tally.anew for tally in tallies)
    if anew:
        with entry.directory():
            audit.record(AuditKind.SECRETS_ROTATED, now=timezone.now(), facts={"secrets": anew})
    return tallies


def _brand_anew(brand: Brand) -> Tally:
    tally = Tally()
    with entry.brand(brand):
        for model, column in _columns():
            for pk in model._default_manager.order_by("pk").values_list("pk", flat=True):
                _row_anew(model, column, pk, brand.schema_name, tally)
        if tally.anew:
            audit.record_here(AuditKind.SECRETS_ROTATED, now=timezone.now(), facts={"secrets": tally.anew})
    return tally


@transaction.atomic
def _row_anew(model: type[models.Model], column: str, pk: Any, schema: str, tally: Tally) -> None:
    row = model._default_manager.select_for_update().filter(pk=pk).first()
    sealed = bytes(getattr(row, column) or b"") if row else b""
    if row is None or not sealed or sealing.is_newest(sealed):
        return
    place = sealing.place_in(schema, row, column)
    try:
        setattr(row, column, sealing.seal(sealing.unseal(sealed, place=place), place=place))
    except InvalidTag:
        tally.closed.append(place)
        return
    row.save(update_fields=[column])
    tally.anew += 1


def _people_anew() -> Tally:
    """Second factors: sealed by the log-in for the person whose they are, inside a JSON column."""
    tally = Tally()
    with entry.directory():
        for pk in [*Authenticator.objects.order_by("pk").values_list("pk", flat=True)]:
            with transaction.atomic():
                factor = Authenticator.objects.select_for_update().filter(pk=pk).first()
                if factor and (anew := _factor_anew(factor, tally)):
                    factor.save(update_fields=["data"])
                    tally.anew += anew
    return tally


def _factor_anew(factor: Authenticator, tally: Tally) -> int:
    """The secrets of one second factor; how many were sealed anew in it."""
    place, anew = _place_of_factor(factor), 0
    for name, sealed in _of_factor(factor):
        if sealing.is_newest(sealed):
            continue
        try:
            secret = sealing.unseal(sealed, place=place)
        except InvalidTag:
            tally.closed.append(f"{place} ({name} of {factor.pk})")
            continue
        _put(factor, name, base64.b64encode(sealing.seal(secret, place=place)).decode())
        anew += 1
    return anew


def _older() -> Iterator[str]:
    """Where something lies that is not sealed with the newest key."""
    with entry.directory():
        brands = queries.all_brands()
        for factor in Authenticator.objects.order_by("pk"):
            yield from (f"{factor.pk}/{name}" for name, each in _of_factor(factor) if not sealing.is_newest(each))
    for brand in brands:
        found = []
        with entry.brand(brand):
            for model, column in _columns():
                rows = model._default_manager.exclude(**{column: None}).exclude(**{column: b""}).order_by("pk")
                found += [sealing.place_in(brand.schema_name, row, column) for row in rows
                          if not sealing.is_newest(getattr(row, column))]  # fmt: skip
        yield from found


def _columns() -> list[tuple[type[models.Model], str]]:
    """Every sealed column of a brand's tables."""
    ours = [model for model in apps.get_models() if issubclass(model, BrandModel)]
    return [(model, column) for model in ours for column in sealing.sealed_columns(model)]


def _of_factor(factor: Authenticator) -> list[tuple[str, bytes]]:
    """The sealed texts of a second factor, by name; a list's members by name and place."""
    named = {name: factor.data.get(name) for name in ("secret", "seed")}
    codes = factor.data.get("migrated_codes") or []
    named |= {f"migrated_codes.{place}": code for place, code in enumerate(codes)}
    found = []
    for name, text in named.items():
        if isinstance(text, str):
            try:
                found.append((name, base64.b64decode(text, validate=True)))
            except binascii.Error:
                found.append((name, text.encode()))
    return found


def _put(factor: Authenticator, name: str, text: str) -> None:
    name, _, place = name.partition(".")
    if place:
        factor.data[name][int(place)] = text
    else:
        factor.data[name] = text


def _place_of_factor(factor: Authenticator) -> str:
    return f"public/mfa_authenticator/{factor.user_id}/data"


def _write(changes: dict[str, str]) -> None:
    """Change the installation's own file of secrets; all of it or nothing is written."""
    path = Path(settings.HOME) / "env"
    lines = path.read_text().splitlines() if path.exists() else []
    kept = [line for line in lines if line.partition("=")[0] not in changes]
    exported = [name for name in changes if name in os.environ and f"{name}={os.environ[name]}" not in lines]
    if exported or not lines:
        raise CommandError(
            "The keys of this installation do not come from its own file. Set the variables yourself: "
            f"{NEWEST} is the new one, {BEFORE} the old one."
        )
    fresh = path.with_suffix(".new")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.writelines(
            f"{line}\n" for line in [*kept, *(f"{name}={value}" for name, value in changes.items() if value)]
        )
    fresh.replace(path)
