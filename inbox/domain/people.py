"""What people do on Twitter besides writing, noted about our customers; and what becomes of our own access.

Only those who wrote to the brand are customers: a follower who never did leaves nothing here. The newest of contrary
deeds in a batch wins, as Twitter sends them in their order.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import connection, transaction

from inbox.domain import arrivals, credentials
from inbox.models import Credential, Customer, Message
from inbox.twitter.acts import Act
from inbox.twitter.reading import id_at
from inbox.twitter.shapes import Account
from tenants import entry
from tenants.models import Handle

REVOKED = "Our access was taken away on Twitter. Connect the handle again."

# Which column a deed sets or clears, by whether the brand did it or the customer.
_OF_CUSTOMERS = {"follow": "follows_us_at", "block": "blocks_us_at"}
_OF_OURS = {"block": "blocked_at", "mute": "muted_at"}
_UNDO = {"unfollow": "follow", "unblock": "block", "unmute": "mute"}
_DESCRIBED = ("username", "name", "avatar_url", "is_protected", "takes_private", "suspended_at")
_A_DAY = timedelta(days=1)
_PROFILE = {"handle": ("username", 30), "screenname": ("name", 200), "profile_picture": ("avatar_url", 300)}


def take_in(acts: Iterable[Act], *, now: datetime, ours: frozenset[int] | None = None) -> None:
    """Note these deeds, the oldest first. Set-based: a statement for each column that changes; none for no deeds."""
    deeds = list(acts)
    if not deeds:
        return
    if ours is None:
        ours = frozenset(Handle.objects.filter(brand_id=entry.current_brand_id()).values_list("twitter_id", flat=True))
    columns: dict[str, dict[int, datetime | None]] = {}
    for act in deeds:
        column, customer_id = _column_of(act, ours)
        if column:
            columns.setdefault(column, {})[customer_id] = None if act.kind in _UNDO else act.at or now
    for column, rows in columns.items():
        _set(column, rows)
    liked = {act.tweet_id: act.at or now for act in deeds if act.kind == "like" and act.by_id in ours and act.tweet_id}
    if liked:
        _note_likes(liked)
    for act in deeds:
        if act.kind == "profile":
            _change_profile(act, is_ours=act.by_id in ours)
        elif act.kind == "revoke" and act.by_id in ours:
            credentials.mark_refused(handle_id=act.by_id, why=REVOKED, now=now)


@transaction.atomic
def describe(accounts: Iterable[Account], *, now: datetime) -> None:
    """Bring customers up to what Twitter says of them now. A statement to read them, and one where any changed."""
    said = {account.id: account for account in accounts}
    if not said:
        return
    arrivals.hold()  # a carrier writes customers too, in an order of its own
    changed = []
    for customer in Customer.objects.select_for_update(of=("self",)).filter(pk__in=said).order_by("pk"):
        account = said[customer.pk]
        before = tuple(getattr(customer, name) for name in _DESCRIBED)
        customer.username = account.username or customer.username
        customer.name = account.name or customer.name
        customer.avatar_url = account.avatar_url or customer.avatar_url
        customer.is_protected = account.is_protected
        if account.takes_private is not None:
            customer.takes_private = account.takes_private
        customer.suspended_at = None
        after = tuple(getattr(customer, name) for name in _DESCRIBED)
        # That a description is of today is worth a row only where the one before is of another day.
        if before != after or customer.described_by_id < id_at(now - _A_DAY):
            customer.described_by_id = id_at(now)
            changed.append(customer)
    Customer.objects.bulk_update(changed, [*_DESCRIBED, "described_by_id"])


@transaction.atomic
def suspend(customer_ids: Iterable[int], *, now: datetime) -> None:
    """Twitter has suspended these customers."""
    ids = sorted(customer_ids)
    if ids:
        arrivals.hold()
        Customer.objects.filter(pk__in=ids, suspended_at=None).update(suspended_at=now)


def described_long_ago(handle_id: int, *, before: datetime, most: int) -> list[int]:
    """Customers with an open conversation of whom nobody told us anything since then."""
    waiting = Customer.objects.filter(
        conversations__closed_at=None, conversations__handle_id=handle_id, described_by_id__lt=id_at(before)
    )
    return list(waiting.filter(suspended_at=None).order_by("described_by_id", "pk").values_list("pk", flat=True)[:most])


def _column_of(act: Act, ours: frozenset[int]) -> tuple[str, int]:
    deed = _UNDO.get(act.kind, act.kind)
    if act.by_id in ours and act.of_id not in ours:
        return _OF_OURS.get(deed, ""), act.of_id or 0
    if act.of_id in ours:
        return _OF_CUSTOMERS.get(deed, ""), act.by_id
    return "", 0


def _set(column: str, rows: dict[int, datetime | None]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_SET[column], [list(rows), list(rows.values())])


# Locked in one order, so that two carriers of one brand's rows can never wait for each other.
_SET = {
    column: f"""
        UPDATE inbox_customer c SET {column} = r.at
        FROM (
            SELECT c.id, r.at FROM unnest(%s::bigint[], %s::timestamptz[]) AS r(id, at)
            JOIN inbox_customer c ON c.id = r.id ORDER BY c.id FOR UPDATE OF c
        ) r WHERE c.id = r.id
    """
    for column in ("follows_us_at", "blocks_us_at", "blocked_at", "muted_at")
}


def _note_likes(liked: dict[int, datetime]) -> None:
    rows = list(Message.objects.filter(pk__in=liked, liked_at=None).only("pk", "liked_at"))
    for row in rows:
        row.liked_at = liked[row.pk]
    Message.objects.bulk_update(rows, ["liked_at"])


def _change_profile(act: Act, *, is_ours: bool) -> None:
    column, longest = _PROFILE.get(act.changed, ("", 0))
    after = act.after.strip()
    if not column or not after or len(after) > longest:
        return
    if column == "avatar_url" and not after.startswith("https://"):
        return
    if not is_ours:
        Customer.objects.filter(pk=act.by_id).update(**{column: after})
    elif column == "username":
        Handle.objects.filter(pk=act.by_id).update(username=after)
        Credential.objects.filter(pk=act.by_id).update(username=after)
