"""Inside a running Nightjar: how much is still on its way, over all brands. Prints one JSON line."""

import json
import sys

from django.db.models import Q
from django.utils import timezone

from inbox.enums import ReplyStatus
from inbox.models import Arrival, Reply
from tenants import entry
from tenants.models import Brand


def moving() -> int:
    """Arrivals to carry, and replies that could be posted now or whose fate is being found out."""
    with entry.directory():
        brands = list(Brand.objects.order_by("pk"))
    count = 0
    for brand in brands:
        with entry.brand(brand):
            now = timezone.now()
            due = Q(status=ReplyStatus.APPROVED) & (Q(not_before=None) | Q(not_before__lte=now))
            count += Arrival.objects.filter(carried_at=None).count()
            # A part of a long answer waits for the one before, and with it for a person, if it was stopped.
            in_turn = Q(follows=None) | Q(follows__status=ReplyStatus.POSTED)
            count += Reply.objects.filter(due & in_turn | Q(status=ReplyStatus.POSTING)).count()
    return count


if __name__ == "__main__":
    sys.stdout.write(json.dumps({"moving": moving()}) + "\n")
