import csv
import io
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inbox.enums import Direction, ReplyStatus
from reporting import queries
from reporting.queries import Choice, FirstResponse, Period
from reporting.views import in_words
from tenants import entry
from tests.conftest import ACME_HANDLE, NOON
from tests.factories import ConversationFactory, CustomerFactory, MessageFactory, ReplyFactory, at, tweet_id

EVER = Period()

# Ten conversations, their tweets as (who, seconds after noon, which tweet it replies to); then what they come to,
# worked out by hand.
TEN = (
    [("customer", 0, None), ("brand", 60, 0)],  # 60
    [("customer", 10, None), ("brand", 100, 0), ("brand", 101, 0)],  # 90: the earliest of two parts
    [("customer", 20, None), ("customer", 30, None), ("brand", 140, 0), ("brand", 150, 1)],  # 120 and 120: two openers
    [("customer", 40, None), ("customer", 50, 0), ("brand", 55, 1)],  # none: what opens has no reply of its own
    [("customer", 60, None)],  # none
    [("brand", 65, None), ("customer", 70, 0), ("brand", 80, 1)],  # nothing opens here: the brand began
    [("customer", 80, None), ("brand", 3680, 0)],  # 3600
    [
        ("customer", 90, None),
        ("brand", 91, 0),
        ("customer", 95, 1),
        ("brand", 1000, 2),
    ],  # 1: later replies do not count
    [("customer", 100, None), ("brand", 700, 0)],  # 600
    [("customer", 110, None), ("brand", 110, 0)],  # 0: the same second
)
# Sorted: 0 1 60 90 120 120 600 3600, so eight are answered; the median lies between the fourth and the fifth,
# (90 + 120) / 2, the 90th percentile at place 7 × 0.9 = 6.3 from the first, 600 + 0.3 × 3000.
EXPECTED = FirstResponse(n=8, median_s=105, p90_s=1500, unanswered=2)


def write(tweets, *, start=NOON):
    """One conversation from (who, seconds, which tweet it replies to); its messages."""
    since = (start - NOON).total_seconds()
    conversation = ConversationFactory(opened_at=start, last_message_at=start)
    messages = []
    for number, (who, seconds, parent) in enumerate(tweets):
        is_ours = who == "brand"
        messages.append(
            MessageFactory(
                id=tweet_id(since + seconds, conversation.pk % 1_000_000 + number),
                conversation=conversation,
                direction=Direction.OUTBOUND if is_ours else Direction.INBOUND,
                author_id=ACME_HANDLE if is_ours else conversation.customer_id,
                created_at=at(since + seconds),
                in_reply_to_id=None if parent is None else messages[parent].pk,
            )
        )
    return messages


def test_ten_conversations_come_to_what_a_person_works_out(acme):
    for tweets in TEN:
        write(tweets)

    assert queries.first_response(EVER) == EXPECTED


def test_several_brands_add_up_as_if_they_were_one(acme):
    for tweets in TEN[:5]:
        write(tweets)
    some, unanswered = queries.response_times(EVER)
    others = {1.0: 1, 0.0: 1, 600.0: 1, 3600.0: 1}

    assert (some, unanswered) == ({60.0: 1, 90.0: 1, 120.0: 2}, 2)
    assert queries.together([some, others]) == FirstResponse(n=8, median_s=105, p90_s=1500)
    assert queries.together([]) == FirstResponse(n=0, median_s=None, p90_s=None)


def test_what_nobody_answered_has_no_figures(acme):
    write([("customer", 0, None)])

    assert queries.first_response(EVER) == FirstResponse(n=0, median_s=None, p90_s=None, unanswered=1)


def test_an_automatic_reply_is_no_answer_and_one_typed_on_twitter_is(acme, agent):
    _, automatic, by_agent = write([("customer", 0, None), ("brand", 1, 0), ("brand", 90, 0)])
    for message, author_id in ((automatic, None), (by_agent, agent.pk)):
        message.reply = ReplyFactory(
            conversation=message.conversation,
            author_id=author_id,
            status=ReplyStatus.POSTED,
            approved_by_id=agent.pk,
            approved_at=NOON,
            twitter_id=message.pk,
            posted_at=NOON,
        )
        message.save(update_fields=["reply"])
    write([("customer", 0, None), ("brand", 30, 0)])

    assert queries.response_times(EVER) == ({90.0: 1, 30.0: 1}, 0)


def test_a_period_is_about_when_the_customer_wrote(acme):
    write([("customer", 0, None), ("brand", 90, 0)])
    write([("customer", 60, None), ("brand", 90, 0)])

    assert queries.first_response(Period(at(0), at(60))).median_s == 90
    assert queries.first_response(Period(at(1), at(61))).median_s == 30
    assert queries.first_response(Period(at(61), None)).n == 0


def test_volume_is_told_in_the_brands_own_days_and_hours(acme):
    write([("customer", 0, None), ("brand", 60, 0), ("customer", 90, 1)])

    assert queries.volume(EVER, zone="UTC") == {(1, 12): 2}  # Tuesday, noon
    assert queries.volume(EVER, zone="Asia/Tokyo") == {(1, 21): 2}
    assert queries.volume(EVER, zone="Pacific/Kiritimati") == {(2, 2): 2}  # Wednesday


def test_figures_and_cells_open_to_their_conversations(acme):
    fast, slow, never = (write(TEN[number]) for number in (0, 6, 4))

    def listed(**choice):
        return [line.message_id for line in queries.conversations(EVER, Choice(**choice), zone="UTC")]

    assert listed() == [slow[0].pk, never[0].pk, fast[0].pk]
    assert listed(answered=True) == [slow[0].pk, fast[0].pk]
    assert listed(answered=False) == [never[0].pk]
    assert listed(slower_than=61.0) == [slow[0].pk]
    assert listed(hour=12, day=1) == [slow[0].pk, never[0].pk, fast[0].pk]
    assert listed(hour=13) == []
    assert listed(day=2) == []
    assert listed(before=never[0].pk) == [fast[0].pk]


def test_a_list_is_a_page_and_one_more(acme):
    for number in range(queries.PAGE + 5):
        write([("customer", number, None)])

    assert len(queries.conversations(EVER, Choice(), zone="UTC")) == queries.PAGE + 1


@pytest.mark.parametrize("rows", [1, 3])
def test_reports_ask_as_much_of_three_conversations_as_of_one(acme, rows):
    for number in range(rows):
        write([("customer", number, None), ("brand", 60 + number, 0)])

    with CaptureQueriesContext(connection) as asked:
        queries.first_response(EVER)
        queries.response_times(EVER)
        queries.volume(EVER, zone=acme.zone)
        queries.conversations(EVER, Choice(), zone=acme.zone)

    assert len(asked) == 4


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, ""),
        (0, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (660, "11 min"),
        (3599, "1 h"),
        (3600, "1 h"),
        (3900, "1 h 5 min"),
        (86_399, "1 d"),
        (100_000, "1 d 4 h"),
    ],
)
def test_a_span_of_time_is_told_as_one_reads_it(seconds, words):
    assert in_words(seconds) == words


# -- the command ----------------------------------------------------------------------------------------------------


def printed(**options):
    out = io.StringIO()
    call_command("first_response", stdout=out, **options)
    return out.getvalue()


def test_the_command_prints_one_line_for_every_brand(db, house):
    with entry.brand(house.acme):
        for tweets in TEN[:3] + TEN[6:]:
            write(tweets)
        write([("customer", 0, None), ("brand", 0.5, 0)])

    # Sorted: 0 0.5 1 60 90 120 120 600 3600; the 90th percentile at place 7.2 from the first, 600 + 0.2 × 3000.
    assert printed(format="csv", agency="northlight") == "brand,n,median_s,p90_s\nAcme Air,9,90,1200\nCanary,0,,\n"


def test_the_table_says_the_same(db, house):
    with entry.brand(house.canary):
        for tweets in TEN:
            write(tweets)

    lines = printed(format="table", agency="northlight").splitlines()

    assert [line.split() for line in lines] == [
        ["brand", "n", "median_s", "p90_s"],
        ["Acme", "Air", "0"],
        ["Canary", "8", "105", "1500"],
    ]


def test_an_unknown_agency_is_said(db, house):
    with pytest.raises(CommandError, match="no agency with the slug 'nowhere'"):
        printed(format="csv", agency="nowhere")


def test_the_lines_are_csv(db, house):
    rows = list(csv.DictReader(io.StringIO(printed(format="csv"))))

    assert {"Acme Air", "Canary"} <= {row["brand"] for row in rows}
    assert [row["brand"].lower() for row in rows] == sorted(row["brand"].lower() for row in rows)


# -- the pages ------------------------------------------------------------------------------------------------------

HOST = "northlight.localhost"
BRAND_PAGE = "/b/acme/reports/first-response/"
AGENCY_PAGE = "/reports/first-response/"


@pytest.fixture
def window(client, db, house, _transactions_around, static_files):
    """A browser on the agency's host, where nobody has logged in."""
    client.defaults |= {"HTTP_HOST": HOST}
    return client


def log_in(client, email="supervisor@northlight.test"):
    return client.post("/login/", {"email": email, "password": "secret"})


def recently(seconds: float) -> datetime:
    return datetime.now(ZoneInfo("UTC")).replace(microsecond=0) - timedelta(days=1) + timedelta(seconds=seconds)


@pytest.fixture
def logged_in(window):
    assert log_in(window).status_code == 302
    return window


def test_a_brands_page_has_the_commands_figures(logged_in, house):
    with entry.brand(house.acme):
        for tweets in TEN:
            write(tweets, start=recently(0))

    page = logged_in.get(BRAND_PAGE)

    assert page.status_code == 200
    assert (page.context["n"], page.context["median_s"], page.context["p90_s"]) == (8, 105, 1500)
    assert page.context["unanswered"] == 2
    assert page.context["median_words"] == "2 min"
    assert page.context["period"]["days"] == "30"
    assert sum(cell["count"] for row in page.context["heat"]["cells"] for cell in row) == 13
    assert len(page.context["conversations"]) == 9  # ten, less the one that the brand began


def test_a_brand_where_nobody_wrote_lately_shows_everything(logged_in, house):
    with entry.brand(house.acme):
        write(TEN[0], start=recently(-40 * 86_400))

    page = logged_in.get(BRAND_PAGE)

    assert (page.context["period"]["days"], page.context["n"]) == ("all", 1)
    assert logged_in.get(BRAND_PAGE, {"days": "30"}).context["n"] == 0


def test_the_agencys_page_adds_its_brands_up(logged_in, house):
    for brand, tens in ((house.acme, TEN[:5]), (house.canary, TEN[5:])):
        with entry.brand(brand):
            for tweets in tens:
                write(tweets, start=recently(0))

    page = logged_in.get(AGENCY_PAGE)

    assert (page.context["n"], page.context["median_s"], page.context["p90_s"]) == (8, 105, 1500)
    assert page.context["unanswered"] == 2
    assert [(line["brand"].name, line["n"], line["median_s"]) for line in page.context["per_brand"]] == [
        ("Canary", 4, 300.5),
        ("Acme Air", 4, 105),
    ]
    assert len(page.context["conversations"]) == 9


def test_every_figure_and_cell_opens_to_its_conversations(logged_in, house):
    with entry.brand(house.acme):
        for tweets in TEN:
            write(tweets, start=recently(0))
    page = logged_in.get(BRAND_PAGE)

    opened = {name: logged_in.get(url).context["conversations"] for name, url in page.context["links"].items()}

    assert {name: len(rows) for name, rows in opened.items()} == {
        "answered": 7,  # eight tweets, two of them in one conversation
        "unanswered": 2,
        "slowest": 1,
        "everything": 9,
    }
    for row in page.context["heat"]["cells"]:
        for cell in row:
            if cell["url"]:
                assert logged_in.get(cell["url"]).context["conversations"]


def test_a_long_list_goes_on(logged_in, house):
    with entry.brand(house.acme):
        for number in range(queries.PAGE + 3):
            write([("customer", number, None)], start=recently(0))

    first = logged_in.get(BRAND_PAGE, {"answered": "no"})
    second = logged_in.get(first.context["next_url"])

    assert (len(first.context["conversations"]), len(second.context["conversations"])) == (queries.PAGE, 3)
    assert second.context["next_url"] is None


@pytest.mark.parametrize(
    "asked",
    [{"days": "9"}, {"hour": "24"}, {"day": "-1"}, {"answered": "maybe"}, {"after": "9" * 19}, {"slowest": "<b>"}],
)
def test_what_an_address_asks_wrongly_is_left_out_and_said(logged_in, house, asked):
    with entry.brand(house.acme):
        write(TEN[0], start=recently(0))

    page = logged_in.get(BRAND_PAGE, asked)

    assert page.status_code == 200
    assert page.context["page"]["refusal"] == f"Part of this address is not understood and was left out: {[*asked][0]}."
    assert len(page.context["conversations"]) == 1


@pytest.mark.parametrize("address", [BRAND_PAGE, AGENCY_PAGE])
def test_a_page_asks_as_much_of_three_conversations_as_of_one(logged_in, house, address):
    counts = []
    for number in range(3):
        with entry.brand(house.acme):
            write([("customer", number, None), ("brand", 60 + number, 0)], start=recently(0))
        with CaptureQueriesContext(connection) as asked:
            assert len(logged_in.get(address).context["conversations"]) == number + 1
        counts.append(len(asked))

    assert counts[0] == counts[1] == counts[2]


def test_a_customers_words_stay_text(logged_in, house):
    with entry.brand(house.acme):
        customer = CustomerFactory(name="<b>Jo</b> \u202egnp.exe")
        conversation = ConversationFactory(customer=customer, opened_at=recently(0), last_message_at=recently(0))
        MessageFactory(conversation=conversation, text="<script>alert(1)</script>", created_at=recently(0))

    text = logged_in.get(BRAND_PAGE).content.decode()

    assert "<script>alert" not in text
    assert "<b>Jo" not in text
    assert "\u202e" not in text


def test_a_stranger_sees_no_report(window):
    for address in (BRAND_PAGE, AGENCY_PAGE):
        assert window.get(address).headers["Location"].startswith("/login/")
