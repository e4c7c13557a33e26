"""Inside a Nightjar that has just been started: an agency with three brands on the sandbox, and keys for their robots.

Run by `endurance` with that Nightjar's own settings; prints one JSON line.
"""

import json
import secrets
import sys
from collections.abc import Sequence

from django.conf import settings
from django.utils import timezone

from accounts.domain import keys
from accounts.domain.people import add_person
from accounts.enums import Role, Scope
from accounts.models import ApiKey
from inbox.domain import credentials, listening
from inbox.models import ApprovalRule
from inbox.twitter.playground import Playground
from tenants import entry, schemas
from tenants.models import Agency, Brand, BrandState, Mark, MarkKind

BRANDS = (
    ("Kiri Mobile", "kiri", "KiriMobile", "#4c3bcf"),
    ("Acme Air", "acme", "AcmeAir", "#0b6e4f"),
    ("Bolt & Brew", "bolt", "BoltAndBrew", "#a8430f"),
)


# Here nothing goes out before the client has said yes.
APPROVED_BY_THEIR_CLIENT = "acme"


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
            with entry.agency(agency.pk):
                Mark.objects.create(brand=brand, kind=MarkKind.NAME, text=name)
            schemas.add_handle(brand=brand, twitter_id=handle_id, username=username)
            _connect(brand, handle_id, username, twitter.token_of(handle_id))
            made[slug] = {"handle_id": str(handle_id), "username": username, "name": name}
            made[slug]["key"] = _key(agency, brand, admin_id, keys.OF_BRAND)
            if slug == APPROVED_BY_THEIR_CLIENT:
                made[slug]["approver_key"] = _approver_key(agency, brand)
    listening.reconcile(now=now)
    return {"brands": made}


def _connect(brand: Brand, handle_id: int, username: str, token: str) -> None:
    with entry.brand(brand):
        credentials.store(handle_id=handle_id, username=username, access_token=token, now=timezone.now())
        ApprovalRule.objects.update(undo_seconds=0)
    credentials.subscribe(handle_id)


def _approver_key(agency: Agency, brand: Brand) -> str:
    with entry.brand(brand):
        ApprovalRule.objects.update(supervisors_need_approval=True)
    person_id = add_person(
        email="cleo@acme.test", name="Cleo", password=secrets.token_urlsafe(), agency_id=agency.pk, brand_id=brand.pk,
        role=Role.CLIENT_APPROVER,
    )  # fmt: skip
    return _key(agency, brand, person_id, [Scope.REPLIES_READ, Scope.REPLIES_APPROVE])


def _key(agency: Agency, brand: Brand, person_id: int, scopes: Sequence[Scope]) -> str:
    secret = keys.BEGINS_WITH + secrets.token_urlsafe(24)
    with entry.agency(agency.pk):
        ApiKey.objects.create(
            agency=agency,
            brand=brand,
            name="a robot",
            beginning=secret[:10],
            secret_hash=keys.hash_of(secret),
            scopes=[scope.value for scope in scopes],
            made_at=timezone.now(),
            made_by_id=person_id,
        )
    return secret


if __name__ == "__main__":
    sys.stdout.write(json.dumps(come_aboard()) + "\n")
