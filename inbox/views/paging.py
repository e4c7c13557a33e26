"""Pages of a long list: a cursor says after which row the next one begins."""

import base64
import binascii
from datetime import UTC, datetime

from tenants.refusals import NotNow

NEVER = "never"


def cursor_of(at: datetime | None, pk: int) -> str:
    """The cursor that continues after this row. Rows without an instant come last in their list, by key."""
    return base64.urlsafe_b64encode(f"{at.isoformat() if at else NEVER} {pk}".encode()).decode()


def read_cursor(text: str) -> tuple[datetime | None, int] | None:
    """The instant and key in a cursor from an address; raises `NotNow` for one that is none of ours."""
    if not text:
        return None
    try:
        at, pk = base64.urlsafe_b64decode(text.encode()).decode().split(" ")
        if not 0 < int(pk) < 2**63:
            raise ValueError("no key is that large")
        return (None if at == NEVER else datetime.fromisoformat(at).astimezone(UTC)), int(pk)
    except (ValueError, OverflowError, binascii.Error) as error:
        raise NotNow("This address does not lead on from any list. Open the list again.") from error
