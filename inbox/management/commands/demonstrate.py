"""`manage.py demonstrate`: an agency with three brands and nine people on the sandbox Twitter, made on first start."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.domain.people import add_person
from accounts.enums import Role
from accounts.models import User
from accounts.queries import DEMONSTRATION_DOMAIN, DEMONSTRATION_PASSWORD
from inbox.domain import credentials
from inbox.domain.demonstration import Past
from inbox.twitter.playground import Playground
from tenants import entry, schemas
from tenants.models import Agency, Brand, BrandState, Mark, MarkKind

BRANDS = (
    ("Acme Air", "acme", "AcmeAir", "#0b6e4f", "Europe/Lisbon"),
    ("Bolt & Brew", "bolt", "BoltAndBrew", "#a8430f", "America/New_York"),
    ("Kiri Mobile", "kiri", "KiriMobile", "#4c3bcf", "Asia/Tokyo"),
)
# Names fit the sign-offs in the past conversations (^MB, ^JO, …).
PEOPLE = (
    ("Ada Lindqvist", "admin", Role.ADMIN, None),
    ("Samira Wolde", "supervisor", Role.SUPERVISOR, None),
    ("Mariana Brito", "agent", Role.AGENT, None),
    ("Jonas Okafor", "jonas", Role.AGENT, None),
    ("Tomoko Kanda", "tomoko", Role.AGENT, "kiri"),
    ("Rui Leal", "trainee", Role.TRAINEE, "acme"),
    ("Clara Prado", "approver", Role.CLIENT_APPROVER, "acme"),
    ("Victor Ames", "viewer", Role.CLIENT_VIEWER, "bolt"),
)
# Runs Nightjar itself, and sees no agency's work.
OPERATOR = ("Olu Adeyemi", "operator")


class Command(BaseCommand):
    help = "Make the demonstration: one agency, three brands, nine people, on the sandbox Twitter. Once."

    def handle(self, *args: Any, **options: Any) -> None:
        made = Path(settings.HOME) / "demonstration.json"
        with entry.directory():
            agency = Agency.objects.filter(slug="northlight").first()
        with Playground(base_url=settings.TWITTER_URL) as playground:
            if not playground.is_there():
                raise CommandError("The demonstration lives on the sandbox Twitter, and none answers here.")
            now = timezone.now()
            if agency is None:
                agency = schemas.create_agency(name="Northlight", slug="northlight", now=now)
            brands = {slug: self._brand(playground, agency, *row) for row in BRANDS for slug in (row[1],)}
        self._people(agency, brands)
        past = Past(made, brands)
        if past.is_to_come:
            self.stdout.write("Writing the last thirty days …")
            past.play()

    def _brand(
        self, playground: Playground, agency: Agency, name: str, slug: str, username: str, colour: str, zone: str
    ) -> Brand:
        with entry.directory():
            brand = Brand.objects.filter(agency=agency, slug=slug).prefetch_related("handles").first()
        account = playground.people([{"username": username, "name": name, "followers": 84_000}])[0]
        handle_id = int(account["id"])
        if brand is None:
            self.stdout.write(f"Making {name} …")
            brand = schemas.create_brand(
                agency=agency,
                name=name,
                slug=slug,
                colour=colour,
                zone=zone,
                now=timezone.now(),
                state=BrandState.LIVE,
            )
            schemas.add_handle(brand=brand, twitter_id=handle_id, username=username)
            with entry.agency(agency.pk):
                Mark.objects.create(brand=brand, kind=MarkKind.NAME, text=name)
            with entry.brand(brand):
                credentials.store(
                    handle_id=handle_id,
                    username=username,
                    access_token=playground.token_of(handle_id),
                    now=timezone.now(),
                )
        credentials.subscribe(handle_id)
        return brand

    def _people(self, agency: Agency, brands: dict[str, Brand]) -> None:
        with entry.agency(agency.pk):
            there = set(agency.memberships.values_list("user__email", flat=True))
        for name, mailbox, role, slug in PEOPLE:
            email = mailbox + DEMONSTRATION_DOMAIN
            if email not in there:
                add_person(
                    email=email,
                    name=name,
                    password=DEMONSTRATION_PASSWORD,
                    agency_id=agency.pk,
                    role=role,
                    brand_id=brands[slug].pk if slug else None,
                    is_demonstration=True,
                )
        with entry.directory():
            is_operated = User.objects.filter(email=OPERATOR[1] + DEMONSTRATION_DOMAIN).exists()
        if not is_operated:
            add_person(
                email=OPERATOR[1] + DEMONSTRATION_DOMAIN,
                name=OPERATOR[0],
                password=DEMONSTRATION_PASSWORD,
                is_operator=True,
                is_demonstration=True,
            )
