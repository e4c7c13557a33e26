"""`manage.py doctor`: what is well and what is not, in sentences, each with what to do. Changes nothing.

Ends with 0 when all works, with 1 when something does not. A check that cannot be made is something that does not.
"""

from collections.abc import Iterator
from typing import Any

import psycopg
from django.core.management.base import BaseCommand
from django.db import DatabaseError, connection
from redis import RedisError

from inbox.management.checks import channel, processes, work
from tenants.management.checks import Check, Finding, bad, database, servers, some

Checks = tuple[tuple[str, Check], ...]
# Without these nothing else can be looked at.
FOUNDATIONS: Checks = (
    ("PostgreSQL", servers.postgres),
    ("The Redis-compatible server", servers.redis),
)
THE_REST: Checks = (
    ("The connection to PostgreSQL", servers.pooler),
    ("The disk", servers.disk),
    ("What was migrated", database.migrations),
    ("What stands between brands", database.standing_walls),
    ("The front door", processes.front_door),
    ("The carrier", processes.carrier),
    ("The worker", processes.worker),
    ("The posting lane", processes.posting),
    ("Beat", processes.beat),
    ("The work of the brands", work.brands),
    ("What strayed", database.strays),
    ("The webhook", work.webhook),
    ("Our own webhook", channel.door),
    ("The stream", channel.stream),
    ("The app at Twitter", channel.states),
    ("Silence", channel.silence),
)


class Command(BaseCommand):
    help = "Say in sentences whether Nightjar is well, and what to do where it is not. Exit code 1: something is not."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        findings = self._made(FOUNDATIONS)
        if not any(finding.is_bad for finding in findings):
            findings += self._made(THE_REST)
        ailing = sum(finding.is_bad for finding in findings)
        asking = sum(bool(finding.todo) and not finding.is_bad for finding in findings)
        self.stdout.write(_in_the_end(ailing, asking))
        if ailing:
            raise SystemExit(1)

    def _made(self, checks: Checks) -> list[Finding]:
        findings = []
        for name, check in checks:
            for finding in made(name, check):
                findings.append(finding)
                self._say(finding)
        return findings

    def _say(self, finding: Finding) -> None:
        mark = "no " if finding.is_bad else "see" if finding.todo else "ok "
        style = self.style.ERROR if finding.is_bad else self.style.WARNING if finding.todo else self.style.SUCCESS
        self.stdout.write(f"{style(mark)}  {finding.sentence}")
        if finding.todo:
            self.stdout.write(f"     → {finding.todo}")


def made(name: str, check: Check) -> Iterator[Finding]:
    """What a check finds. One that cannot be made has found something."""
    try:
        yield from check()
    except (psycopg.Error, DatabaseError, RedisError, OSError, LookupError) as error:
        connection.close()
        why = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        yield bad(f"{name} could not be looked at: {why}.", "Mend what is named above first, then ask again.")


def _in_the_end(ailing: int, asking: int) -> str:
    if ailing:
        return f"Nightjar is not well: {some(ailing, 'thing')} to mend."
    return f"Nightjar is well; {some(asking, 'thing')} to look at." if asking else "Nightjar is well."
