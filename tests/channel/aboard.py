"""Inside a Nightjar that has just been started: an agency with three brands on the sandbox, and keys for their robots.

Run by `endurance` with that Nightjar's own settings; prints one JSON line.
"""

import json
import secrets
import sys

from django.conf import settings
from django.utils import timezone

from accounts.domain import keys
from accounts.domain.people import add_person
from accounts.enums import Role
from accounts.models import ApiKey
from inbox.domain import credentials
from inbox.models import ApprovalRule
from inbox.twitter.playground import Playground
from tenants import entry, schemas
from tenants.models import Agency, Brand, BrandState

BRANDS = (
    ("Kiri Mobile", "kiri", "KiriMobile", "#4c3bcf"),
    ("Acme Air", "acme", "AcmeAir", "#0b6e4f"),
    ("Bolt & Brew", "bolt", "BoltAndBrew", "#a8430f"),
)


def come_aboard() -> dict[str, object]:
    """Make the agency, its brands and its keys; what a robot needs to know of them."""
    now = timezone.now()
    agency = schemas.create_agency(name="Harbour", slug="harbour", now=now)
    admin_id = add_person(
        email="ada@harbour.test", name="Ada Min", password=secrets.token_urlsafe(), agency_id=agency.pk, role=Role.ADMIN
    )
    made = {}
    with Playground(base_url=settings.TWITTER_URL) as twitter:
        for name, slug, username, colour in BRANDS:
            brand = schemas.create_brand(
                agency=agency, name=name, slug=slug, colour=colour, zone="UTC", now=now, state=BrandState.LIVE
            )
            account = twitter.people([{"username": username, "name": name, "followers": 84_000}])[0]
            handle_id = int(account["id"])
            schemas.add_handle(brand=brand, twitter_id=handle_id, username=username)
            _connect(brand, handle_id, username, twitter.token_of(handle_id))
            key = _key(agency, brand, admin_id)
            made[slug] = {"handle_id": str(handle_id), "username": username, "name": name, "key": key}
    return {"brands": made}


def _connect(brand: Brand, handle_id: int, username: str, token: str) -> None:
    with entry.brand(brand):
        credentials.store(handle_id=handle_id, username=username, access_token=token, now=timezone.now())
        ApprovalRule.objects.update(undo_seconds=0)
    credentials.subscribe(handle_id)


def _key(agency: Agency, brand: Brand, admin_id: int) -> str:
    secret = keys.BEGINS_WITH + secrets.token_urlsafe(24)
    with entry.agency(agency.pk):
        ApiKey.objects.create(
            agency=agency,
            brand=brand,
            name="a robot",
            beginning=secret[:10],
            secret_hash=keys.hash_of(secret),
            scopes=[scope.value for scope in keys.OF_BRAND],
            made_at=timezone.now(),
            made_by_id=admin_id,
        )
    return secret


if __name__ == "__main__":
    sys.stdout.write(json.dumps(come_aboard()) + "\n")
