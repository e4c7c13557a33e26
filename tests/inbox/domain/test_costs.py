"""What a brand's Twitter costs: counted, forecast, warned about, and stopped when credits are gone."""

from collections import Counter
from datetime import date, timedelta

import pytest

from accounts.enums import Role
from inbox.domain import budgets, costs
from inbox.enums import ReplyWay
from inbox.models import Allowance, ChannelSettings, CostLine
from inbox.twitter import terms
from inbox.twitter.metering import CallReport, endpoint_of, report_of
from tenants.models import AppState
from tenants.refusals import NotNow, NotYours
from tests.conftest import ACME_HANDLE, NOON
from tests.factories import CostLineFactory
from tests.visiting import count_of, queries_counted

TODAY = NOON.date()


def counted() -> dict[str, tuple[int, int]]:
    return {kind: (count, cost) for kind, count, cost in CostLine.objects.values_list("kind", "count", "cost")}


def tell(report, now=NOON):
    costs.tell(report, handle_id=ACME_HANDLE, now=now)


# --- from calls


@pytest.mark.parametrize(
    ("method", "path", "sent", "kind"),
    [
        ("POST", "/2/tweets", {"text": "On our way.", "reply": {}}, "post.create_summoned"),
        ("POST", "/2/tweets", {"text": "See acme.com", "reply": {}}, "post.create_summoned_with_link"),
        ("POST", "/2/tweets", {"text": "Hello"}, "post.create"),
        ("POST", "/2/tweets", {"text": "https://acme.com/a"}, "post.create_with_link"),
        ("DELETE", "/2/tweets/208760050", None, "interaction.delete"),
        ("PUT", "/2/tweets/208760050/hidden", {"hidden": True}, "content.manage"),
        ("POST", "/2/dm_conversations/with/1700/messages", {"text": "acme.com"}, "dm.send"),
        ("POST", "/2/dm_conversations/1700-1800/messages", {"text": "Hi"}, "dm.send"),
        ("POST", "/2/media/upload/99/append", None, ""),
        ("POST", "/2/oauth2/token", None, ""),
    ],
)
def test_what_a_call_is_billed_as(method, path, sent, kind):
    report = report_of(method, path, sent=sent, status=201, headers={}, content=b'{"data":{"id":"1"}}')

    assert (report.billed, report.count) == (kind, int(bool(kind)))


def test_reads_are_billed_by_what_came_with_them():
    content = b'{"data":[{"id":"1"},{"id":"2"}],"includes":{"users":[{"id":"7"},{"id":"7"}],"tweets":[{"id":"3"}]}}'
    report = report_of("GET", "/2/users/1/mentions", sent=None, status=200, headers={}, content=content)

    assert (report.billed, report.resources) == ("post.read", (1, 2))
    assert report.along == {"user.read": (7,), "post.read": (3,)}


def test_a_refused_call_costs_nothing_and_keeps_its_words():
    content = b'{"type":"https://api.x.com/2/problems/credits-depleted","detail":"credits depleted"}'
    report = report_of("POST", "/2/tweets", sent={"text": "x"}, status=402, headers={}, content=content)

    assert (report.billed, report.count, report.problem, report.words) == (
        "",
        0,
        "credits-depleted",
        "credits depleted",
    )


@pytest.mark.parametrize("content", [b"", b"<html>", b"[]", b'{"data":"x"}', b'{"data":[1,{"id":null}]}'])
def test_an_answer_that_cannot_be_read_is_counted_as_nothing_read(content):
    assert report_of("GET", "/2/tweets", sent=None, status=200, headers={}, content=content).count == 0


def test_a_path_is_named_by_its_template():
    assert endpoint_of("/2/users/by/username/jo") == "/2/users/by/username/:username"
    assert endpoint_of("/2/tweets?ids=1,2") == "/2/tweets"


def test_a_resource_is_charged_once_a_day(acme):
    ids = tuple(range(10**15, 10**15 + 3))
    report = CallReport("GET", "/2/users/:id/mentions", 200, {}, "post.read", 3, ids)
    today = NOON + timedelta(days=int(ACME_HANDLE % 7))

    tell(report, today)
    tell(report, today)
    tell(report, today + timedelta(days=1))

    assert sorted(CostLine.objects.values_list("count", "cost")) == [(3, 15_000), (3, 15_000)]


@pytest.fixture(autouse=True)
def _nothing_read_yet():
    for key in costs._redis.scan_iter("*:read:*"):
        costs._redis.delete(key)


def test_what_cannot_be_counted_does_not_disturb_the_call(acme, caplog):
    tell(CallReport("GET", "/2/tweets", 200, {}, "post.read", 2**40))

    assert counted() == {}
    assert "could not be counted" in caplog.text


# --- from events


def test_events_are_counted_in_one_statement(acme):
    batch = Counter({"post.mention.create": 40, "dm.received": 2, "dm.sent": 9, "post.delete": 3, "unheard.of": 1})

    with queries_counted() as first:
        costs.count_events(batch, now=NOON)
    costs.count_events(batch, now=NOON)
    with queries_counted() as free:
        costs.count_events(Counter({"dm.sent": 1}), now=NOON)

    assert (count_of(first), count_of(free)) == (1, 0)
    assert counted() == {"event.post": (80, 400_000), "event.dm": (4, 40_000)}


def test_every_kind_that_is_billed_has_a_price_and_a_name():
    assert set(terms.EVENT_PRICES.values()) <= set(terms.PRICES)
    assert set(terms.PRICE_NAMES) == set(terms.PRICES)


# --- a text


@pytest.mark.parametrize(
    ("text", "way", "micros", "times"),
    [
        ("On our way.", ReplyWay.PUBLIC, 10_000, 1),
        ("See acme.com for more", ReplyWay.PUBLIC, 200_000, 20),
        ("See https://acme.com/a", ReplyWay.PUBLIC, 200_000, 20),
        ("Look at this.", ReplyWay.QUOTE, 15_000, 1),
        ("Look at acme.com", ReplyWay.QUOTE, 200_000, 13),
        ("See acme.com", ReplyWay.PRIVATE, 15_000, 1),
        ("version 2.5 is out.Really", ReplyWay.PUBLIC, 10_000, 1),
    ],
)
def test_a_link_makes_a_public_text_dear(text, way, micros, times):
    cost = costs.cost_of(text, way)

    assert (cost.micros, cost.times, cost.is_dear) == (micros, times, times > 1)


def test_parts_and_descriptions_are_counted():
    cost = costs.cost_of("One.", ReplyWay.PUBLIC, ["A bag", ""], more=["See acme.com"])

    assert (cost.micros, cost.without_links, cost.links) == (10_000 + 200_000 + 5_000, 25_000, ("acme.com",))


# --- a month


def test_a_month_is_summed_by_kind_and_forecast_by_the_rhythm_of_its_weekdays(acme):
    for back in range(1, 29):
        on = TODAY - timedelta(days=back)
        CostLineFactory(on=on, kind="post.read", count=2, cost=10_000 if on.weekday() < 5 else 1_000)
    CostLineFactory(on=TODAY, kind="dm.send", count=1, cost=15_000)

    month = costs.month(NOON)

    assert (month.first, month.total) == (date(2026, 11, 1), 1_000 + 10_000 + 15_000)
    assert month.lines == (("dm.send", 1, 15_000), ("post.read", 4, 11_000))
    workdays = sum(1 for day in range(4, 31) if date(2026, 11, day).weekday() < 5)
    assert month.forecast == 26_000 + workdays * 10_000 + (27 - workdays) * 1_000


def test_a_first_day_is_forecast_from_itself():
    assert costs.forecast({date(2026, 11, 29): 500}, today=date(2026, 11, 29)) == 1_000
    assert costs.forecast({}, today=TODAY) == 0


@pytest.mark.parametrize(
    ("budget", "level"), [(None, "none"), (10_000_000, "well"), (26_000, "tight"), (20_001, "tight"), (20_000, "over")]
)
def test_a_budget_warns_before_it_is_used_up(acme, budget, level):
    CostLineFactory(on=date(2026, 11, 3), cost=20_000)
    ChannelSettings.objects.filter(pk=1).update(monthly_budget=budget)

    assert costs.month(NOON).level == level


@pytest.mark.parametrize(
    ("typed", "micros"), [("250", 250_000_000), ("$1,250.5", 1_250_500_000), ("", None), (".99", 990_000)]
)
def test_an_admin_sets_the_budget_in_dollars(acme, agent, typed, micros):
    assert costs.set_budget(dollars=typed, by=agent, role=Role.ADMIN, now=NOON) == micros
    assert ChannelSettings.objects.get().monthly_budget == micros


@pytest.mark.parametrize("typed", ["0", "-5", "much", "1.234", "12345678", ".", "１２"])
def test_what_is_no_budget_is_refused_in_words(acme, agent, typed):
    with pytest.raises(NotNow, match="budget"):
        costs.set_budget(dollars=typed, by=agent, role=Role.ADMIN, now=NOON)


def test_a_supervisor_sees_the_budget_and_does_not_set_it(acme, agent):
    with pytest.raises(NotYours):
        costs.set_budget(dollars="1", by=agent, role=Role.SUPERVISOR, now=NOON)


# --- credits


@pytest.mark.parametrize(("status", "problem"), [(402, ""), (429, "usage-capped")])
def test_when_credits_are_gone_nothing_billable_is_called_until_one_try_succeeds(acme, status, problem):
    tell(CallReport("POST", "/2/tweets", status, {}, problem=problem, words="credits depleted"))
    later = NOON + timedelta(minutes=20)

    stopped = budgets.may_send(ReplyWay.PUBLIC, False, NOON, handle_id=5)
    assert "credits depleted" in stopped.why
    assert stopped.until > NOON
    assert budgets.may_call("GET /2/tweets", 5, NOON) is not None
    # One caller may try, the next waits for it.
    assert budgets.may_call("GET /2/tweets", 5, later) is None
    assert budgets.may_call("GET /2/tweets", 5, later) is not None

    tell(CallReport("GET", "/2/tweets", 200, {}, "post.read", 1), later)
    assert not AppState.objects.filter(pk="credits").exists()
    assert budgets.may_call("GET /2/tweets", 5, later) is None


def test_a_call_leaves_what_it_says_about_limits(acme):
    headers = {"x-rate-limit-limit": "300", "x-rate-limit-remaining": "299", "x-rate-limit-reset": "1793707200"}
    tell(CallReport("GET", "/2/users/:id/mentions", 200, headers, "post.read", 0))

    assert Allowance.objects.values_list("endpoint", "cap", "used").get() == ("GET /2/users/:id/mentions", 300, 1)
