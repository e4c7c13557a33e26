"""Leases: a thing that only one process may do at a time, held for a while by the database's clock.

A holder who dies loses the lease by itself when its time is over; one who was away too long finds out when it renews.
"""

import os
import socket
from datetime import timedelta
from uuid import uuid4

from django.db import connection

from tenants import entry

LASTS = timedelta(seconds=30)

_TAKE = """
INSERT INTO tenants_lease (name, holder, until)
VALUES (%(name)s, %(holder)s, clock_timestamp() + make_interval(secs => %(lasts)s))
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
WHERE tenants_lease.holder = excluded.holder OR tenants_lease.until <= clock_timestamp()
"""


def a_holder() -> str:
    """A name for one holder: this machine, this process, and a word that no other process has had."""
    return f"{socket.gethostname()[:40]}:{os.getpid()}:{uuid4().hex[:8]}"


def take(name: str, *, holder: str, lasts: timedelta = LASTS) -> bool:
    """Take this lease, or renew it; whether it is the holder's now. False: somebody else has it."""
    with entry.directory(), connection.cursor() as cursor:
        cursor.execute(_TAKE, {"name": name, "holder": holder, "lasts": lasts.total_seconds()})
        return bool(cursor.rowcount == 1)


def give_back(name: str, *, holder: str) -> None:
    """Let go of this lease, if it is the holder's still: the next one need not wait until its time is over."""
    with entry.directory(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM tenants_lease WHERE name = %s AND holder = %s", [name, holder])
