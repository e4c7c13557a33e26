"""Whether the database itself is away: then nobody's request is at fault, and it is worth asking again soon."""

import psycopg
from django.db import InterfaceError, OperationalError

# Classes of PostgreSQL's error codes: the connection broke; an operator, a crash or a start came between; no room.
_AWAY = ("08", "57P", "53")


def is_away(error: BaseException | None) -> bool:
    """Whether this was raised because the database could not be reached, or just went or just comes."""
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    cause = error.__cause__
    code = cause.sqlstate if isinstance(cause, psycopg.Error) else None
    return code is None or code.startswith(_AWAY)
