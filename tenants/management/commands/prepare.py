"""`NIGHTJAR_AS=owner manage.py prepare`: bring the database up to this release. Changes nothing the second time."""

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from tenants import walls
from tenants.database.base import connection
from tenants.models import Agency, Brand, BuildState


class Command(BaseCommand):
    help = "Migrate the public tables and every brand's, and build the walls between them. Run as the owner."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.AS_OWNER:
            raise CommandError("This is the owner's work: set NIGHTJAR_AS=owner.")
        call_command("migrate_schemas", shared=True, verbosity=0)
        self._migrate_brands()
        database = str(connection.settings_dict["NAME"])
        connection.set_schema_to_public()
        # In one transaction each: whoever works meanwhile finds every right, before and after.
        with transaction.atomic(), connection.cursor() as wrapped:
            walls.build_shared(wrapped.cursor, database=database)
            for agency_id in Agency.objects.order_by("pk").values_list("pk", flat=True):
                walls.build_agency(wrapped.cursor, agency_id=agency_id, database=database)
        for brand in _made():
            with transaction.atomic(), connection.cursor() as wrapped:
                walls.build_brand(wrapped.cursor, brand=brand, database=database)
        self.stdout.write(f"{database} is prepared: {len(_made())} brands.")

    def _migrate_brands(self) -> None:
        """All at once; or one by one while some are not made yet, which get the newest tables when they are."""
        made = _made()
        if len(made) == Brand.objects.count():
            call_command("migrate_schemas", tenant=True, verbosity=0)
            return
        for brand in made:
            call_command("migrate_schemas", tenant=True, schema_name=brand.schema_name, verbosity=0)


def _made() -> list[Brand]:
    return list(Brand.objects.filter(build_state=BuildState.READY).order_by("pk"))
