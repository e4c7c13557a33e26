"""`manage.py bench [NAME ...]`: measure, and print one JSON line each. `make bench` is the way to start it.

It fills a database, so it works only in a house made for it: without one it hands over to `config.local.bench`.
"""

import json
import os
import sys
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from inbox.management.benches import api_list, inbox_list, ingest_batch, ingest_naive, on_screen, onboard_brand

BENCHES: dict[str, Callable[[], dict[str, Any]]] = {
    "onboard_brand": onboard_brand.measure,
    "ingest_naive": ingest_naive.measure,
    "ingest_batch": ingest_batch.measure,
    "on_screen": on_screen.measure,
    "inbox_list": inbox_list.measure,
    "api_list": api_list.measure,
}


class Command(BaseCommand):
    help = "Measure how fast Nightjar is, on data of its own; one JSON line for each measurement."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("names", nargs="*", metavar="NAME")
        parser.add_argument("--share", metavar="PART/OF", help="used by ingest_batch for its second process")

    def handle(self, *args: Any, names: list[str], share: str | None, **options: Any) -> None:
        if os.environ.get("NIGHTJAR_BENCH") != os.environ["NIGHTJAR_HOME"]:
            os.execv(sys.executable, [sys.executable, "-m", "config.local", "bench", *names])
        if share:
            part, of = share.split("/")
            self.stdout.write(json.dumps(ingest_batch.share(part=int(part), of=int(of))))
            return
        for name in names:
            if name not in BENCHES:
                raise CommandError(f"There is no measurement {name!r} here.")
            self.stdout.write(json.dumps({"name": name, **BENCHES[name]()}))
