"""The pages of inbox and desk: what is on them, in which order, at what cost, and how texts from Twitter look."""

import re
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from django.test import Client

from inbox.domain import routing
from inbox.enums import Direction, EventKind, FoundingDisposition, ReplyStatus
from inbox.models import Conversation, Reply
from inbox.queries import PAGE
from inbox.views.desk import PAGE as DESK_PAGE
from tenants import entry
from tenants.models import Brand
from tests.conftest import CANARY_HANDLE, NOON
from tests.factories import (
    AmplificationFactory,
    ConversationFactory,
    CustomerFactory,
    EventFactory,
    MessageFactory,
    ReplyFactory,
    at,
    tweet_id,
)
from tests.visiting import ACME, AGENCY, count_of, queries_counted, visitor

HTMX = {"HX-Request": "true"}


@pytest.fixture
def client(db, house, static_files, _transactions_around) -> Client:
    """An agent on the agency's host."""
    return visitor(AGENCY, house.agent_id)


def a_conversation(number: int, *, text: str = "", handle_id: int | None = None, **fields) -> Conversation:
    """A conversation with one tweet, so many seconds after noon; on the desk as the flow leaves it."""
    pk, said_at = tweet_id(number), at(number)
    fields = {"opened_at": said_at, "last_message_at": said_at, "waiting_since": said_at, "last_message": pk} | fields
    customer = fields.pop("customer", None) or CustomerFactory(id=pk)
    more = {"handle_id": handle_id} if handle_id else {}
    found = ConversationFactory(id=pk, customer=customer, message_count=1, **more, **fields)
    MessageFactory(id=pk, conversation=found, text=text or f"@AcmeAir tweet number {number}", created_at=said_at)
    EventFactory(seq=pk, conversation_id=pk, kind=EventKind.OPENED, message_id=pk)
    routing.offer([pk])
    return found


def page_of(pk: int) -> str:
    return f"/b/acme/conversations/{pk}/"


def numbers_on(text: str) -> list[int]:
    """Which of `a_conversation`'s are listed, in order."""
    ids = [int(pk) for pk in re.findall(r'id="row-\w+-(\d+)"', text)]
    return [((pk >> 22) - (tweet_id() >> 22)) // 1000 for pk in ids]


# --- cost -------------------------------------------------------------------------------------------------------------


def cost(client: Client, address: str, **more) -> int:
    client.get(address, **more)  # whatever is read once
    with queries_counted() as captured:
        assert client.get(address, **more).status_code == 200
    return count_of(captured)


@pytest.mark.parametrize("name", ["waiting", "mine", "unassigned", "open", "closed"])
@pytest.mark.parametrize("page", ["", "rows/"])
def test_a_list_costs_the_same_with_one_row_and_with_three(client, house, name: str, page: str):
    costs = []

    for number in (1, 2, 3):
        with entry.brand(house.acme):
            _fit_for(name, number, house)
        if number != 2:
            costs.append(cost(client, f"/b/acme/{page}?filter={name}"))
            assert len(numbers_on(client.get(f"/b/acme/{page}?filter={name}").text)) == number

    assert costs[0] == costs[1]
    assert costs[1] <= 14


def _fit_for(name: str, number: int, house) -> None:
    taken = {"assignee_id": house.agent_id, "assigned_at": NOON}
    closed = {"closed_at": NOON, "closed_by_id": house.agent_id, "disposition": FoundingDisposition.RESOLVED}
    fields = {"mine": taken, "closed": {**closed, "waiting_since": None}}.get(name, {})
    a_conversation(number, **fields)


def test_a_conversation_costs_the_same_with_one_message_and_with_three(client, house):
    with entry.brand(house.acme):
        found = a_conversation(1)
    costs = [cost(client, page_of(found.pk), headers=HTMX)]

    with entry.brand(house.acme):
        for number in (2, 3):
            reply = ReplyFactory(
                conversation=found,
                answers_id=found.pk,
                author_id=house.supervisor_id if number == 2 else house.agent_id,
                status=ReplyStatus.POSTED,
                approved_by_id=house.agent_id,
                approved_at=NOON,
                twitter_id=tweet_id(number),
                posted_at=NOON,
            )
            MessageFactory(id=tweet_id(number), conversation=found, direction=Direction.OUTBOUND, reply=reply)
            AmplificationFactory(of_id=found.pk)
            EventFactory(conversation_id=found.pk, kind=EventKind.REPLY_POSTED, by_id=house.agent_id)
    costs.append(cost(client, page_of(found.pk), headers=HTMX))

    # With people to name, the agency is asked once more.
    assert costs[1] <= costs[0] + 1
    assert costs[1] <= 23


def test_the_desk_costs_the_same_with_one_row_per_brand_and_with_three(client, house):
    brands = ((house.acme, None), (house.canary, CANARY_HANDLE))
    costs = []

    for count in (1, 3):
        for brand, handle_id in brands:
            with entry.brand(brand):
                for number in range(1 if count == 1 else 2, count + 1):
                    a_conversation(number, handle_id=handle_id)
        costs.append(cost(client, "/desk/rows/"))

    assert len(numbers_on(client.get("/desk/rows/").text)) == 6
    assert costs[0] == costs[1]


def test_each_brand_more_costs_the_desk_three_statements(client, house):
    """Its newest number, even where nobody waits; its conversations with their customers, and their last messages.
    Then once more for the names of who has them. No query joins two brands."""
    costs = []

    for brand, handle_id in ((house.acme, None), (house.canary, CANARY_HANDLE)):
        with entry.brand(brand):
            a_conversation(1, handle_id=handle_id)
        costs.append(cost(client, "/desk/rows/"))

    assert costs[1] - costs[0] == 2
    assert costs[1] <= 17


# --- lists ------------------------------------------------------------------------------------------------------------


def test_each_list_holds_what_its_name_says(client, house):
    mine = {"assignee_id": house.agent_id, "assigned_at": NOON}
    hers = {"assignee_id": house.supervisor_id, "assigned_at": NOON}
    answered = {"waiting_since": None}
    closed = {"closed_at": NOON, "closed_by_id": house.agent_id, "disposition": FoundingDisposition.SPAM, **answered}
    with entry.brand(house.acme):
        for number, fields in enumerate(({}, mine, hers, answered, {**mine, **answered}, closed), 1):
            a_conversation(number, **fields)

    lists = {
        name: numbers_on(client.get(f"/b/acme/?filter={name}").text)
        for name in ("waiting", "mine", "unassigned", "open", "closed", "nonsense")
    }

    assert lists == {
        "waiting": [1, 2, 3],
        "mine": [2, 5],
        "unassigned": [1],
        "open": [5, 4, 3, 2, 1],
        "closed": [6],
        "nonsense": [1, 2, 3],
    }


@pytest.mark.parametrize("name", ["waiting", "mine", "unassigned", "open", "closed"])
def test_paging_through_a_hundred_shows_each_once_and_in_order(client, house, name: str):
    """Many share an instant, and half of what an agent has waits for nobody: neither may cut a list short."""
    with entry.brand(house.acme):
        for number in range(1, 101):
            fields = {"waiting_since": at(number // 10), "last_message_at": at(number // 10)}
            if name == "mine":
                fields |= {"assignee_id": house.agent_id, "assigned_at": NOON}
                fields |= {"waiting_since": None} if number % 2 else {}
            if name == "closed":
                fields |= {"closed_at": NOON, "closed_by_id": house.agent_id}
                fields |= {"disposition": FoundingDisposition.RESOLVED, "waiting_since": None}
            a_conversation(number, **fields)

    pages = list(_pages(client, f"/b/acme/?filter={name}"))

    shown = [number for page in pages for number in page]
    every = list(range(1, 101))
    order = {
        "open": every[::-1],
        "closed": every[::-1],
        "mine": [number for number in every if not number % 2] + [number for number in every if number % 2],
    }
    assert [len(page) for page in pages] == [PAGE, PAGE, 100 - 2 * PAGE]
    assert shown == order.get(name, every)


@pytest.mark.parametrize("name", ["waiting", "unassigned"])
def test_paging_through_the_desk_shows_each_once_and_in_order(client, house, name: str):
    with entry.brand(house.acme):
        for number in range(1, 101, 2):
            a_conversation(number)
    with entry.brand(house.canary):
        for number in range(2, 101, 2):
            a_conversation(number, handle_id=CANARY_HANDLE)

    pages = list(_pages(client, f"/?filter={name}"))

    assert [len(page) for page in pages] == [DESK_PAGE, DESK_PAGE, 100 - 2 * DESK_PAGE]
    assert [number for page in pages for number in page] == list(range(1, 101))


def _pages(client: Client, address: str):
    """As a person goes on: by the link at the end of each page."""
    for _ in range(10):
        text = client.get(address).text
        yield numbers_on(text)
        more = re.search(r'class="list-foot"><a class="button" href="([^"]+)"', text)
        if not more:
            return
        address = more.group(1).replace("&amp;", "&")


def test_the_counts_beside_the_tabs_are_those_of_the_lists(client, house):
    long_ago = NOON - timedelta(days=400)
    with entry.brand(house.acme):
        a_conversation(1, respond_by=long_ago)
        a_conversation(2, assignee_id=house.agent_id, assigned_at=NOON, respond_by=NOON + timedelta(days=4000))
        a_conversation(3, waiting_since=None, assignee_id=house.agent_id, assigned_at=NOON)

    text = client.get("/b/acme/").text

    assert re.findall(r"filter=(\w+)[^>]*>(\w+) <span class=\"tab-count\">(\d+)<", text)[:3] == [
        ("waiting", "Waiting", "2"),
        ("mine", "Mine", "2"),
        ("unassigned", "Unassigned", "1"),
    ]
    assert "1 late" in text


# --- a conversation ---------------------------------------------------------------------------------------------------


def test_who_asks_for_the_part_gets_the_part_and_who_asks_for_the_page_the_page(client, house):
    with entry.brand(house.acme):
        found = a_conversation(1)

    page, part = client.get(page_of(found.pk)), client.get(page_of(found.pk), headers=HTMX)

    assert ("<html" in page.text, "<html" in part.text) == (True, False)
    assert ('id="rows"' in page.text, 'id="rows"' in part.text) == (True, False)
    assert part.text.lstrip().startswith("<article")
    assert "tweet number 1" in page.text
    assert "tweet number 1" in part.text


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("x" * 281, "The reply is 281 characters long as Twitter counts; 280 are allowed."),
        ("字" * 141, "The reply is 282 characters long as Twitter counts; 280 are allowed."),
        ("   \n ", "The reply is empty. Write something first."),
        ("Once said.", "This very reply is already on its way or posted."),
    ],
)
@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_refused_reply_is_refused_on_its_page_and_what_was_typed_is_still_there(
    client, house, text: str, sentence: str, headers
):
    with entry.brand(house.acme):
        found = a_conversation(1)
    fields = {"in_reply_to": str(found.pk)}
    client.post(f"{page_of(found.pk)}replies/", {**fields, "text": "Once said."})

    answer = client.post(f"{page_of(found.pk)}replies/", {**fields, "text": text}, headers=headers)

    assert answer.status_code == 409
    assert sentence in answer.text
    assert f">{text}</textarea>" in answer.text
    with entry.brand(house.acme):
        assert list(Reply.objects.values_list("text", flat=True)) == ["Once said."]


def test_a_reply_without_the_tweet_it_answers_is_refused_and_kept(client, house):
    with entry.brand(house.acme):
        found = a_conversation(1)

    answer = client.post(f"{page_of(found.pk)}replies/", {"text": "To whom?"})

    assert answer.status_code == 409
    assert "It is not clear which tweet you answer." in answer.text
    assert ">To whom?</textarea>" in answer.text


def test_a_closed_conversation_has_no_composer_and_says_why(client, house):
    closed = {"closed_at": NOON, "closed_by_id": house.agent_id, "disposition": FoundingDisposition.RESOLVED}
    with entry.brand(house.acme):
        found = a_conversation(1, **closed, waiting_since=None)

    text = client.get(page_of(found.pk)).text

    assert 'id="composer"' not in text
    assert "This conversation is closed. It opens again when the customer writes." in text
    assert "Closed: resolved" in text


@pytest.mark.parametrize(
    ("status", "words", "offers"),
    [
        (ReplyStatus.APPROVED, "on its way", []),
        (ReplyStatus.POSTING, "being posted", []),
        (ReplyStatus.REFUSED, "refused by Twitter", ["retry", "posted"]),
        (ReplyStatus.UNKNOWN, "fate unknown", ["retry", "posted"]),
    ],
)
def test_a_reply_under_way_says_how_it_stands_and_what_one_can_do(client, house, status, words: str, offers):
    with entry.brand(house.acme):
        found = a_conversation(1)
        reply = ReplyFactory(
            conversation=found,
            answers_id=found.pk,
            author_id=house.supervisor_id,
            status=status,
            why="Twitter says: <b>no</b>.",
            approved_by_id=house.supervisor_id,
            approved_at=NOON,
            posting_since=NOON,
        )

    text = client.get(page_of(found.pk), headers=HTMX).text

    assert words in text
    assert "Supervisor Test" in text
    assert "Twitter says: &lt;b&gt;no&lt;/b&gt;." in text
    assert re.findall(rf'action="/b/acme/replies/{reply.pk}/(\w+)/"', text) == offers
    assert ('name="address"' in text) == ("posted" in offers)


def test_a_person_says_that_a_reply_was_posted_with_the_tweets_address(client, house):
    with entry.brand(house.acme):
        found = a_conversation(1)
        reply = ReplyFactory(
            conversation=found,
            answers_id=found.pk,
            author_id=house.agent_id,
            status=ReplyStatus.UNKNOWN,
            approved_by_id=house.agent_id,
            approved_at=NOON,
            posting_since=NOON,
        )
    address = f"/b/acme/replies/{reply.pk}/posted/"

    refused = client.post(address, {"address": "I saw it"})
    taken = client.post(address, {"address": f"https://x.com/AcmeAir/status/{tweet_id(60)}?s=20"})

    assert (refused.status_code, taken.status_code) == (409, 302)
    assert "Paste the address of the tweet" in refused.text
    with entry.brand(house.acme):
        reply.refresh_from_db()
        assert (reply.status, reply.twitter_id) == (ReplyStatus.POSTED, tweet_id(60))


def test_taking_and_giving_back_is_seen_on_desk_and_inbox(client, house):
    with entry.brand(house.acme):
        found = a_conversation(1)

    client.post(f"{page_of(found.pk)}assignment/")
    mine = numbers_on(client.get("/?filter=mine").text), numbers_on(client.get("/b/acme/?filter=mine").text)
    hers = visitor(AGENCY, house.supervisor_id).post(f"{page_of(found.pk)}assignment/")
    client.post(f"{page_of(found.pk)}assignment/?give_back=1")
    nobodys = numbers_on(client.get("/?filter=unassigned").text)

    assert mine == ([1], [1])
    assert (hers.status_code, "Somebody else has taken this conversation." in hers.text) == (409, True)
    assert nobodys == [1]


# --- texts from Twitter -----------------------------------------------------------------------------------------------

NASTY = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    'https://x.com/" onclick="alert(1)',
    "<a href='javascript:alert(1)'>x</a>",
    "data:text/html,<script>alert(1)</script>",
    "{{ settings.SECRET_KEY }} {% debug %}",
    "</textarea></title></style><svg onload=alert(1)>",
    "@<b>bold</b> #<i>tag</i> http://<script>",
    "http://evil.example/%22%3E%3Cscript%3E",
    "&lt;script&gt;",
    "a" * 4000,
    "\u202egnihtemos\u202c \u2066x\u2069",
    "🏴\u200d☠️" * 50,
]


class _Elements(HTMLParser):
    """The elements and attributes of a page, as a browser would see them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.attributes: list[tuple[str, str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs) -> None:
        self.attributes += [(tag, name, value) for name, value in attrs] or [(tag, "", None)]


@pytest.mark.parametrize("text", NASTY)
def test_no_text_from_twitter_becomes_anything_but_text(client, house, text: str):
    with entry.brand(house.acme):
        plain = a_conversation(1, text="@AcmeAir hello")
        nasty = a_conversation(2, text=text, customer=CustomerFactory(id=7, name=text[:180], username="jo"))
    addresses = (page_of(nasty.pk), "/b/acme/", "/", "/desk/rows/")

    for address in addresses:
        found = _Elements(client.get(address).text).attributes
        quiet = _Elements(client.get(address.replace(str(nasty.pk), str(plain.pk))).text).attributes
        assert [each for each in found if each[1].startswith("on") or each[0] in ("b", "i")] == []
        assert len([each for each in found if each[0] == "script"]) == len([e for e in quiet if e[0] == "script"])
        links = {value for _, name, value in found if name in ("href", "src", "action", "hx-get", "hx-post")}
        assert all(re.match(r"(https?://|/|#|\?)", link) for link in links if link), links
        assert all("evil.example" not in link or link.startswith("http") for link in links if link)


def test_marks_that_turn_the_direction_are_taken_out_of_names_and_kept_apart_in_texts(client, house):
    name, text = "Jo\u202eeoJ\u2066x\u200f", "@AcmeAir \u202eshow me"
    with entry.brand(house.acme):
        found = a_conversation(1, text=text, customer=CustomerFactory(id=7, name=name, username="jo"))

    for address in (page_of(found.pk), "/", "/b/acme/"):
        page = client.get(address).text
        names = re.findall(r"<bdi[^>]*>(Jo[^<]*)</bdi>", page)
        assert names
        assert set(names) == {"JoeoJx"}
    assert '<p class="bubble" dir="auto">' in page_text(client, found)


def page_text(client: Client, found: Conversation) -> str:
    return client.get(page_of(found.pk)).text


def test_links_lead_to_the_web_and_nowhere_else(client, house):
    text = "@AcmeAir see https://a.com/x?a=1&b=2 or b.com and ftp://c.local javascript:alert(1) #late"
    with entry.brand(house.acme):
        found = a_conversation(1, text=text)

    bubble = re.search(r'<p class="bubble" dir="auto">(.*?)</p>', page_text(client, found), re.S)

    assert bubble
    links = re.findall(r'<a href="([^"]+)" target="_blank" rel="noopener noreferrer nofollow">', bubble.group(1))
    assert links == [
        "https://x.com/AcmeAir",
        "https://a.com/x?a=1&amp;b=2",
        "https://b.com",
        "https://x.com/hashtag/late",
    ]


def test_a_deleted_tweet_shows_that_it_was_and_no_word_of_it(client, house):
    with entry.brand(house.acme):
        found = a_conversation(1, text="@AcmeAir do not keep this")
        found.messages.update(text="", deleted_at=NOON)

    for address in (page_of(found.pk), "/", "/b/acme/"):
        assert "do not keep this" not in client.get(address).text
    assert "This tweet was deleted." in page_text(client, found)


def test_a_brands_own_host_shows_the_same_under_short_addresses(client, house):
    with entry.brand(house.acme):
        found = a_conversation(1)
    there = visitor(ACME, house.agent_id)

    assert f'href="/conversations/{found.pk}/"' in there.get("/").text
    assert there.get(f"/conversations/{found.pk}/").status_code == 200
    assert "/b/acme/" not in there.get("/").text


def test_what_is_seen_is_what_the_brand_has(client, house):
    """The canary has the same keys with other words; no page of acme's has any of them."""
    brands: list[tuple[Brand, int | None]] = [(house.acme, None), (house.canary, CANARY_HANDLE)]
    for brand, handle_id in brands:
        with entry.brand(brand):
            customer = CustomerFactory(id=tweet_id(1), name=f"{brand.name} Customer", username=f"{brand.slug}cust")
            a_conversation(1, text=f"only for {brand.slug}", handle_id=handle_id, customer=customer)

    pages = {slug: client.get(f"/b/{slug}/conversations/{tweet_id(1)}/").text for slug in ("acme", "canary")}

    assert ("only for acme" in pages["acme"], "only for canary" in pages["acme"]) == (True, False)
    assert ("only for acme" in pages["canary"], "only for canary" in pages["canary"]) == (False, True)
