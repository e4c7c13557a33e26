"""`manage.py bench [NAME ...]`: measure, and print one JSON line each. `make bench` is the way to start it.

It fills a database, so it works only in a house made for it: without one it hands over to `config.local.bench`.
"""

import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from inbox.management.benches import (
    api_list,
    burst,
    disk,
    growth,
    inbox_list,
    ingest_batch,
    ingest_naive,
    knocking,
    noisy_brand,
    on_screen,
    onboard_brand,
    producer,
    stream,
    webhook_door,
    whole,
)

BENCHES: dict[str, Callable[[], dict[str, Any]]] = {
    "onboard_brand": onboard_brand.measure,
    "ingest_naive": ingest_naive.measure,
    "ingest_batch": ingest_batch.measure,
    "burst": burst.measure,
    "noisy_brand": noisy_brand.measure,
    "growth": growth.measure,
    "disk": disk.measure,
    "webhook": webhook_door.measure,
    "whole": whole.measure,
    "on_screen": on_screen.measure,
    "inbox_list": inbox_list.measure,
    "api_list": api_list.measure,
}
# What measurements start as processes of their own.
PARTS: dict[str, Callable[[Sequence[str]], dict[str, Any]]] = {
    "producer": lambda _: producer.run(),
    "carrier": stream.carrier,
    "knocking": lambda _: knocking.run(),
    "watching": lambda _: whole.watch(),
    "reading": lambda _: whole.read(),
}


class Command(BaseCommand):
    help = "Measure how fast Nightjar is, on data of its own; one JSON line for each measurement."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("names", nargs="*", metavar="NAME")
        parser.add_argument("--part", choices=PARTS, help="used by measurements for processes of their own")
        parser.add_argument("--words", default="[]", help="what such a process is told")

    def handle(self, *args: Any, names: list[str], part: str | None, words: str, **options: Any) -> None:
        if os.environ.get("NIGHTJAR_BENCH") != os.environ["NIGHTJAR_HOME"]:
            os.execv(sys.executable, [sys.executable, "-m", "config.local", "bench", *names])
        if part:
            self.stdout.write(json.dumps(PARTS[part](json.loads(words))))
            return
        for name in names:
            if name not in BENCHES:
                raise CommandError(f"There is no measurement {name!r} here.")
            self.stdout.write(json.dumps({"name": name, **BENCHES[name]()}))
