"""The worker's door to what only the owner can do. Each task may run twice, or be killed: the rows say what is left."""

from typing import Any

from django.utils import timezone

from accounts.domain import endings, founding
from tenants.nudge import house_task


@house_task(name="accounts.build_brands")
def build_brands(**_future: Any) -> None:
    """Make the agencies and brands that were founded."""
    founding.build_waiting()


@house_task(name="accounts.end_brands")
def end_brands(**_future: Any) -> None:
    """Export and erase the brands whose end was asked for and confirmed."""
    endings.go_on(clock=timezone.now)
