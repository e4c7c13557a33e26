"""How much may still be asked of Twitter: per account, per app, and of the app's direct messages, shared fairly."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from inbox.domain import budgets
from inbox.enums import ReplyWay
from inbox.models import Allowance
from inbox.twitter.metering import CallReport
from tenants import entry, schemas
from tenants.models import AppBudget
from tests.conftest import ACME_HANDLE, NOON

MENTIONS = "GET /2/users/:id/mentions"


def note(status=200, headers=None, endpoint="/2/users/:id/mentions", method="GET", now=NOON, **more):
    budgets.note(CallReport(method, endpoint, status, headers or {}, **more), handle_id=ACME_HANDLE, now=now)


def headers(left: int, *, cap: int = 300, seconds: int = 900) -> dict[str, str]:
    reset = int((NOON + timedelta(seconds=seconds)).timestamp())
    return {"x-rate-limit-limit": str(cap), "x-rate-limit-remaining": str(left), "x-rate-limit-reset": str(reset)}


def send(is_automatic=False, now=NOON):
    return budgets.may_send(ReplyWay.PRIVATE, is_automatic, now)


# --- limits of an account


def test_an_account_that_has_calls_left_may_call(acme):
    note(headers=headers(1))

    assert budgets.may_call(MENTIONS, ACME_HANDLE, NOON) is None


def test_an_account_waits_where_twitter_says_that_nothing_is_left(acme):
    note(headers=headers(0))

    refusal = budgets.may_call(MENTIONS, ACME_HANDLE, NOON)
    assert refusal.until == NOON + timedelta(minutes=15)
    assert "Asking for mentions: 300" in refusal.why
    assert budgets.may_call(MENTIONS, ACME_HANDLE + 1, NOON) is None
    assert budgets.may_call(MENTIONS, ACME_HANDLE, refusal.until) is None


@pytest.mark.parametrize(
    ("said", "until"),
    [
        ({"x-rate-limit-reset": str(int((NOON + timedelta(minutes=7)).timestamp()))}, timedelta(minutes=7)),
        ({}, timedelta(minutes=1)),
        ({"x-rate-limit-reset": "99999999999"}, timedelta(days=1)),
        ({"x-rate-limit-reset": "soon"}, timedelta(minutes=1)),
        ({"x-rate-limit-reset": "1"}, timedelta(seconds=1)),
    ],
)
def test_a_429_is_learned_whatever_its_headers(acme, said, until):
    note(429, said)

    assert budgets.may_call(MENTIONS, ACME_HANDLE, NOON).until == NOON + until


def test_without_headers_the_table_of_limits_is_counted_by(acme):
    for _ in range(15):
        assert budgets.may_call("GET /2/dm_events", ACME_HANDLE, NOON) is None
        note(endpoint="/2/dm_events")

    assert budgets.may_call("GET /2/dm_events", ACME_HANDLE, NOON).until == NOON + timedelta(minutes=15)
    assert budgets.may_call("GET /2/dm_events", ACME_HANDLE, NOON + timedelta(minutes=15)) is None
    note(endpoint="/2/dm_events", now=NOON + timedelta(minutes=15))
    assert Allowance.objects.get(endpoint="GET /2/dm_events").used == 1


def test_the_whole_apps_limit_holds_for_every_brand(acme, house):
    note()
    AppBudget.objects.filter(name=f"app {MENTIONS}").update(used=450)

    assert "all of Nightjar" in budgets.may_call(MENTIONS, ACME_HANDLE + 1, NOON).why
    assert budgets.may_call(MENTIONS, ACME_HANDLE, NOON + timedelta(minutes=15)) is None


def test_posting_asks_for_its_own_limit(acme):
    note(429, endpoint="/2/tweets", method="POST")

    assert budgets.may_send(ReplyWay.PUBLIC, False, NOON, handle_id=ACME_HANDLE) is not None
    assert budgets.may_send(ReplyWay.PUBLIC, False, NOON, handle_id=ACME_HANDLE + 1) is None


def test_the_page_shows_limits_that_run_the_tightest_first(acme):
    note(headers=headers(200))
    note(headers=headers(1), endpoint="/2/tweets")
    note(headers=headers(0, seconds=1), endpoint="/2/users/me")

    later = NOON + timedelta(minutes=5)
    assert [row.endpoint for row in budgets.allowances(later)] == ["GET /2/tweets", MENTIONS]


# --- the app's direct messages


@pytest.fixture
def two_brands(db, house, _transactions_around, settings, request):
    """Ten direct messages a day for two brands: five are guaranteed, two each; six are lent."""
    settings.TWITTER_DM_CAP = 10
    with entry.directory():  # among how many is not for a brand to say
        AppBudget.objects.update_or_create(pk=budgets.SHARES, defaults={"cap": 2, "began_at": NOON, "seconds": 86_400})
    request.getfixturevalue("acme")
    AppBudget.objects.filter(name__in=[budgets.PRIVATES, budgets.GUARANTEES]).update(began_at=NOON - timedelta(days=3))


def as_another_brand(house, **said):
    entry_before = connection.scope
    assert entry_before.brand_id
    connection.stand_in(
        connection.scope.__class__(
            role=f"brand_{house.canary.pk}",
            schema=house.canary.schema_name,
            agency_id=house.agency.pk,
            brand_id=house.canary.pk,
        )
    )
    try:
        return send(**said)
    finally:
        connection.stand_in(entry_before)


def test_a_brand_may_use_its_own_part_and_what_others_leave_but_never_their_part(two_brands, house):
    mine = [send() for _ in range(9)]

    assert [each is None for each in mine] == [True] * 8 + [False]
    assert mine[-1].until == NOON + timedelta(days=1)
    assert "10 a day" in mine[-1].why
    theirs = [as_another_brand(house) for _ in range(3)]
    assert [each is None for each in theirs] == [True, True, False]


def test_automation_leaves_a_part_for_people(two_brands):
    automatic = [send(is_automatic=True) for _ in range(8)]

    # Of two that are its own, one; of six that are lent, four.
    assert [each is None for each in automatic] == [True] * 5 + [False] * 3
    assert "automatic" in automatic[-1].why
    assert send() is None


def test_what_twitter_did_not_take_is_given_back(two_brands):
    for _ in range(8):
        send()
    assert send() is not None

    budgets.used(ReplyWay.PRIVATE, False, NOON)
    budgets.used(ReplyWay.PUBLIC, False, NOON)

    shared = budgets.shared_privates(NOON)
    assert (shared.used, shared.own, shared.guaranteed, shared.left) == (7, 7, 2, 3)
    assert send() is None
    budgets.used(ReplyWay.PRIVATE, True, NOON)
    assert send() is not None


def test_a_day_begins_with_its_first_message_and_ends_after_24_hours(two_brands):
    for _ in range(8):
        send()

    assert send(now=NOON + timedelta(hours=23, minutes=59)) is not None
    assert send(now=NOON + timedelta(hours=24)) is None
    shared = budgets.shared_privates(NOON + timedelta(hours=24))
    assert (shared.used, shared.own, shared.resets_at) == (1, 1, NOON + timedelta(hours=48))
    assert budgets.shared_privates(NOON + timedelta(days=9)).used == 0


def test_where_twitter_counts_more_than_we_do_it_is_believed(two_brands):
    send()
    note(201, {"x-app-limit-24hour-remaining": "0"}, "/2/dm_conversations/with/:id/messages", "POST", billed="dm.send")

    assert budgets.shared_privates(NOON).left == 0
    assert send() is not None


def test_the_number_of_brands_is_written_down_by_the_sweep(db, house, _transactions_around):
    with entry.directory():
        count = budgets.share_out(NOON)
        assert count >= 2
        assert AppBudget.objects.get(pk=budgets.SHARES).cap == count


@pytest.mark.commits
@pytest.mark.django_db(transaction=True)
def test_many_senders_at_once_never_exceed_the_cap(new_brand, settings):
    """Parallel transactions of two brands: each message takes its place before the next is asked for."""
    settings.TWITTER_DM_CAP = 20
    brands = [new_brand(), new_brand()]
    now = datetime.now(UTC)
    _clear()
    with entry.directory():
        AppBudget.objects.update_or_create(pk=budgets.SHARES, defaults={"cap": 2, "began_at": now, "seconds": 86_400})
    sent: list[int] = []

    def sender(brand):
        try:
            for _ in range(10):
                with entry.brand(brand), transaction.atomic():
                    if budgets.may_send(ReplyWay.PRIVATE, False, now) is None:
                        sent.append(brand.pk)
        finally:
            connection.close()

    threads = [threading.Thread(target=sender, args=(brand,)) for brand in brands for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with entry.brand(brands[0]):
        shared = budgets.shared_privates(now)
    _clear()
    assert len(sent) == shared.used == 20
    assert min(sent.count(brand.pk) for brand in brands) >= 5


def _clear() -> None:
    with schemas.as_owner() as cursor:
        cursor.execute("DELETE FROM tenants_appbudget WHERE name LIKE 'dm%'")
