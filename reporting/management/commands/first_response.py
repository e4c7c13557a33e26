"""`manage.py first_response`: how fast each brand's customers were first answered, as CSV or as a table."""

import csv
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from reporting import queries
from reporting.queries import FirstResponse, Period
from tenants import entry
from tenants.models import Agency, Brand, BuildState

HEADER = ("brand", "n", "median_s", "p90_s")


class Command(BaseCommand):
    help = (
        "For every brand: how many opening tweets of customers were answered (n), and the median and 90th percentile "
        "of the seconds from each to our earliest direct reply, by Twitter's clock."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--format", choices=("csv", "table"), default="table")
        parser.add_argument("--agency", metavar="SLUG", help="only this agency's brands")

    def handle(self, *args: Any, **options: Any) -> None:
        rows = [_row(brand, entry.in_brand(brand, _figures)) for brand in _brands(options["agency"])]
        if options["format"] == "csv":
            writer = csv.writer(self.stdout, lineterminator="\n")
            writer.writerows([HEADER, *rows])
            return
        width = max(len(row[0]) for row in [HEADER, *rows])
        for name, n, median, p90 in [HEADER, *rows]:
            self.stdout.write(f"{name:<{width}}  {n:>7}  {median:>12}  {p90:>12}")


def _brands(agency_slug: str | None) -> list[Brand]:
    with entry.directory():
        brands = Brand.objects.filter(build_state=BuildState.READY).select_related("agency")
        if agency_slug:
            if not Agency.objects.filter(slug=agency_slug).exists():
                raise CommandError(f"There is no agency with the slug {agency_slug!r}.")
            brands = brands.filter(agency__slug=agency_slug)
        return sorted(brands, key=lambda brand: (brand.name.lower(), brand.name, brand.pk))


def _figures() -> FirstResponse:
    return queries.first_response(Period())


def _row(brand: Brand, found: FirstResponse) -> tuple[str, str, str, str]:
    return (_safe(brand.name), str(found.n), _seconds(found.median_s), _seconds(found.p90_s))


def _seconds(value: float | None) -> str:
    """At most three decimals, and none that say nothing."""
    return "" if value is None else f"{value:.3f}".rstrip("0").rstrip(".")


def _safe(name: str) -> str:
    """A spreadsheet takes a cell that begins like this for a formula."""
    return f"'{name}" if name[:1] in "=+-@\t\r" else name
