"""`manage.py welcome`: where everything is, who can log in, what to try first."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import timezone

from accounts import queries
from accounts.domain import invitations
from tenants import entry
from tenants import queries as houses
from tenants.badges import address, badges_of_agency


class Command(BaseCommand):
    help = "Print the addresses, the log-ins of the demonstration, and what to try first."

    def handle(self, *args: Any, **options: Any) -> None:
        with entry.directory():
            people = queries.demonstration_people()
            agencies = [(agency, badges_of_agency(agency)) for agency in houses.agencies()]
        front = address(settings.BASE_DOMAIN)
        self.stdout.write(f"Nightjar is up: {front.rstrip('/')}")
        self.stdout.write(f"  Twitter (sandbox)  {address(f'twitter.{settings.BASE_DOMAIN}')}")
        self.stdout.write(f"  Operators (admin)  {front}admin/")
        for agency, badges in agencies[:5]:
            self.stdout.write(f"  {agency.name + ' (agency)':<18} {address(f'{agency.slug}.{settings.BASE_DOMAIN}')}")
            for badge in badges[:6]:
                self.stdout.write(f"    {badge.name:<16} {badge.host_url}")
            if len(badges) > 6:
                self.stdout.write(f"    and {len(badges) - 6} more brands")
        if people:
            self.stdout.write("  Log-ins (demonstration only)")
            for person in people:
                self.stdout.write(f"    {person['email']:<34} {person['password']:<12} {person['role']}")
            self.stdout.write("  Try first: write to @AcmeAir on the sandbox Twitter, then answer it at the desk")
            self.stdout.write("  as agent@northlight.example. Ctrl-C stops everything; `make reset` starts over.")
        else:
            self.stdout.write("  No demonstration was made.")
        self._invite_first_operator()

    def _invite_first_operator(self) -> None:
        """As long as nobody runs this installation, whoever reads this may: once, at a new address with each start."""
        with entry.operators():
            word = invitations.first_operator(now=timezone.now())
        if word:
            self.stdout.write("  Nobody runs this installation yet. Become its first operator, within 72 hours:")
            self.stdout.write(f"    {address(settings.BASE_DOMAIN)}invitation/{word}/")
