"""Amplifications: retweets. They make a message louder, and are never work."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from inbox.domain.events import Line
from inbox.enums import EventKind
from inbox.models import Amplification, Message


def keep(retweets: Sequence[Amplification], *, now: datetime) -> list[Line]:
    """Keep these retweets, and tell those that are new and of a known message. A retweet is never work.

    One of a tweet that is still to arrive is told when that does (`recall`).
    """
    if not retweets:
        return []
    known = set(Amplification.objects.filter(pk__in=[each.pk for each in retweets]).values_list("pk", flat=True))
    fresh = list({each.pk: each for each in retweets if each.pk not in known}.values())
    Amplification.objects.bulk_create(fresh, ignore_conflicts=True)
    home_of = dict(Message.objects.filter(pk__in=[each.of_id for each in fresh]).values_list("pk", "conversation_id"))
    return [
        Line(EventKind.AMPLIFIED, home_of[each.of_id], now, message_id=each.of_id)
        for each in fresh
        if each.of_id in home_of
    ]


def recall(placed: Mapping[int, int], retweeted: Iterable[int], *, now: datetime) -> list[Line]:
    """Tell the retweets that had arrived before these messages did; `retweeted` names a tweet once for each of them.

    `placed` says in which conversation each message is.
    """
    told = sorted(of_id for of_id in retweeted if of_id in placed)
    return [Line(EventKind.AMPLIFIED, placed[of_id], now, message_id=of_id) for of_id in told]
