"""Pages of a long list: a cursor says after which row the next one begins."""

import base64
import binascii
from datetime import datetime

from tenants.refusals import NotNow


def cursor_of(at: datetime | None, pk: int) -> str | None:
    """The cursor that continues after this row; none where the list's order ends without an instant."""
    return base64.urlsafe_b64encode(f"{at.isoformat()} {pk}".encode()).decode() if at else None


def read_cursor(text: str) -> tuple[datetime, int] | None:
    """The instant and key in a cursor from an address; raises `NotNow` for one that is none of ours."""
    if not text:
        return None
    try:
        at, pk = base64.urlsafe_b64decode(text.encode()).decode().split(" ")
        return datetime.fromisoformat(at), int(pk)
    except (ValueError, binascii.Error) as error:
        raise NotNow("This address does not lead on from any list. Open the list again.") from error
