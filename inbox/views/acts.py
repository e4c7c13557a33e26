"""What can be done to a message at Twitter besides answering it, as the timeline offers it."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.utils import timezone

from inbox import policies, queries
from inbox.domain.errands import EDITABLE_FOR
from inbox.enums import Direction, ErrandKind, ErrandState
from inbox.models import Errand, Message
from tenants.badges import Badge
from tenants.refusals import Refusal

_STUCK = (ErrandState.REFUSED, ErrandState.UNKNOWN)


def with_acts(
    cards: Sequence[dict[str, Any]], messages: Sequence[Message], badge: Badge, *, role: str
) -> list[dict[str, Any]]:
    """The same cards, each with what this person may have done to its message, and what is being done."""
    under_way = queries.errands_of(messages)
    ours = {message.pk for message in messages if message.direction == Direction.OUTBOUND}
    return [
        {
            **card,
            "errands_url": f"{badge.url}messages/{message.pk}/errands/",
            "acts": _acts(message, ours, under_way, role=role),
            "errand": _errand(under_way.get(message.pk), badge, role=role),
        }
        for card, message in zip(cards, messages, strict=True)
    ]


def _acts(message: Message, ours: set[int], under_way: Mapping[int, Errand], *, role: str) -> list[dict[str, str]]:
    errand = under_way.get(message.pk)
    if message.deleted_at or (errand and errand.state in (ErrandState.WANTED, ErrandState.UNDER_WAY)):
        return []
    return [
        {"kind": str(kind), "words": str(ErrandKind(kind).label).capitalize()}
        for kind in _offered(message, ours)
        if _may(role, kind)
    ]


def _offered(message: Message, ours: set[int]) -> list[ErrandKind]:
    if message.direction == Direction.OUTBOUND:
        is_editable = (
            not message.is_private
            and (message.in_reply_to_id is None or message.in_reply_to_id in ours)
            and timezone.now() < message.created_at + EDITABLE_FOR
        )
        return [ErrandKind.EDIT, ErrandKind.DELETE] if is_editable else [ErrandKind.DELETE]
    if message.is_private:
        return []
    found = []
    if message.in_reply_to_id in ours:
        found.append(ErrandKind.UNHIDE if message.concealed_at else ErrandKind.HIDE)
    if settings.TWITTER_PLAN == "enterprise":
        found.append(ErrandKind.UNLIKE if message.liked_at else ErrandKind.LIKE)
    return found


def _may(role: str, kind: str) -> bool:
    try:
        policies.check_can_run_errand(role, kind)
    except Refusal:
        return False
    return True


def _errand(errand: Errand | None, badge: Badge, *, role: str) -> dict[str, Any] | None:
    if errand is None:
        return None
    is_stuck = errand.state in _STUCK
    root = f"{badge.url}errands/{errand.pk}/"
    return {
        "state": str(errand.state),
        "words": f"{str(errand.get_kind_display()).capitalize()}: {errand.get_state_display()}",
        "why": errand.why,
        "is_stuck": is_stuck,
        "retry_url": f"{root}retry/" if is_stuck and _may(role, errand.kind) else None,
        "done_url": f"{root}done/" if is_stuck and _may(role, errand.kind) else None,
    }
