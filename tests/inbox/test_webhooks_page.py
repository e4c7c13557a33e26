"""The pages of a brand's webhooks: who may open them, what is on them, what bad input is told, at what cost."""

import re

import pytest
from django.test import Client

from accounts.enums import Role
from inbox.models import Delivery, Webhook
from tenants import entry
from tests.conftest import NOON
from tests.factories import DeliveryFactory, EventFactory, WebhookFactory
from tests.visiting import ACME, AGENCY, count_of, one_of_each_role, queries_counted, visitor

ROOT = "/b/acme/settings/webhooks/"
URL = "https://1.1.1.1/nightjar"  # a number: nothing is looked up
FIELDS = {"name": "Orders", "url": URL, "kinds": ["reply_posted", "closed"]}


@pytest.fixture(scope="module")
def people(house, django_db_blocker) -> dict[str, int]:
    with django_db_blocker.unblock():
        return one_of_each_role(house, at="webhooks.test")


@pytest.fixture
def client(db, people, static_files, _transactions_around) -> Client:
    """An agency admin on the agency's host."""
    return visitor(AGENCY, people[Role.ADMIN])


def in_acme(house, question):
    """An answer from inside the brand."""
    with entry.brand(house.acme):
        return question()


def a_webhook(house, **fields) -> Webhook:
    return in_acme(house, lambda: WebhookFactory(kinds=["closed"], **fields))


def secret_on(text: str) -> str:
    found = re.search(r"whsec_[A-Za-z0-9+/=]+", text.replace("&#x2B;", "+"))
    return found[0] if found else ""


def test_a_webhook_is_made_and_its_secret_shown_once(client, house, people):
    page = client.post(ROOT, FIELDS)

    made = in_acme(house, Webhook.objects.get)
    assert page.status_code == 200
    assert len(secret_on(page.text)) == 50
    assert (made.name, made.url, made.kinds, made.made_by_id) == (
        "Orders",
        URL,
        ["closed", "reply_posted"],
        people[Role.ADMIN],
    )
    assert [secret_on(client.get(path).text) for path in (ROOT, f"{ROOT}{made.pk}/")] == ["", ""]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://10.1.2.3/", "private or reserved network"),
        ("https://169.254.169.254/latest/meta-data/", "private or reserved network"),
        ("http://hooks.example.com/", "must begin with https://"),
        ("https://hooks.example.com/" + "a" * 10_000, "too long"),
        ("javascript:alert(1)", "no address that can be called"),
        ("https://hooks.example.com/\x00", "a sign that no text can have"),
        ("", "no address that can be called"),
    ],
)
def test_a_bad_address_is_told_why_and_nothing_typed_is_lost(client, house, url: str, words: str):
    page = client.post(ROOT, {**FIELDS, "url": url})

    assert page.status_code == 409
    assert words in page.text
    assert 'value="Orders"' in page.text
    assert f'value="{url}"' in page.text
    assert re.findall(r'value="(\w+)" checked', page.text) == ["closed", "reply_posted"]
    assert in_acme(house, Webhook.objects.count) == 0


def test_an_address_is_given_once(client, house):
    a_webhook(house, url=URL, name="The first")

    page = client.post(ROOT, FIELDS)

    assert page.status_code == 409
    assert "“The first”" in page.text


@pytest.mark.parametrize("kinds", [[], ["nonsense"], ["closed", "<script>"]])
def test_a_kind_that_is_none_is_refused(client, kinds):
    page = client.post(ROOT, {**FIELDS, "kinds": kinds})

    assert page.status_code == 409
    assert "from the list" in page.text


def test_a_name_is_shown_as_it_was_written_and_does_nothing(client, house):
    webhook = a_webhook(house, name="<script>alert(1)</script>")

    for path in (ROOT, f"{ROOT}{webhook.pk}/"):
        assert "<script>alert" not in client.get(path).text


def test_a_webhook_is_changed_paused_resumed_rolled_and_removed(client, house):
    made = secret_on(client.post(ROOT, FIELDS).text)
    root = f"{ROOT}{in_acme(house, Webhook.objects.get).pk}/"

    changed = client.post(root, {**FIELDS, "name": "Shop"})
    client.post(f"{root}pause/")
    paused = client.get(root).text
    client.post(f"{root}pause/", {"resume": "yes", "skip": "yes"})
    rolled = secret_on(client.post(f"{root}secret/").text)
    again = client.post(f"{root}secret/")
    now = in_acme(house, Webhook.objects.get)
    removed = client.post(f"{root}removal/")

    assert (changed.status_code, changed["location"]) == (302, root)
    assert "Paused by Admin Test." in paused
    assert (now.name, now.paused_at) == ("Shop", None)
    assert rolled not in ("", made)
    assert (again.status_code, secret_on(again.text)) == (409, "")
    assert (removed["location"], in_acme(house, Webhook.objects.count)) == (ROOT, 0)


def test_a_test_is_put_on_its_way_and_is_in_the_log(client, house):
    root = f"{ROOT}{a_webhook(house).pk}/"

    answer = client.post(f"{root}test/")

    assert answer["location"] == root
    assert "webhook.test" in client.get(root).text
    assert in_acme(house, Delivery.objects.get).due_at is not None


def test_the_log_says_what_became_of_each_delivery(client, house):
    webhook = a_webhook(house)
    with entry.brand(house.acme):
        EventFactory(seq=7_001, kind="closed")
        DeliveryFactory(webhook=webhook, event_seq=7_001, due_at=None, given_up_at=NOON, attempts=10, last_status=500)
        DeliveryFactory(webhook=webhook, event_seq=-1, due_at=None, delivered_at=NOON, attempts=1, last_status=204)

    text = client.get(f"{ROOT}{webhook.pk}/").text

    assert "conversation.closed" in text
    assert [words in text for words in ("given up", "10 tries", "HTTP 500", "HTTP 204", "1 try")] == [True] * 5


def test_what_failed_is_sent_again(client, house):
    webhook = a_webhook(house)
    with entry.brand(house.acme):
        one, two = (
            DeliveryFactory(webhook=webhook, event_seq=seq, due_at=None, given_up_at=NOON, attempts=10)
            for seq in (1, 2)
        )

    client.post(f"{ROOT}deliveries/{one.pk}/replay/")
    first = in_acme(house, lambda: Delivery.objects.exclude(due_at=None).count())
    client.post(f"{ROOT}{webhook.pk}/replay/")

    assert (first, in_acme(house, lambda: Delivery.objects.exclude(due_at=None).count())) == (1, 2)


def test_the_log_goes_on_page_by_page(client, house):
    webhook = a_webhook(house)
    with entry.brand(house.acme):
        for seq in range(1, 46):
            DeliveryFactory(webhook=webhook, event_seq=seq)

    first = client.get(f"{ROOT}{webhook.pk}/").text
    onward = re.search(r'href="([^"]+\?after=[^"]+)"', first)[1]
    second = client.get(onward).text

    assert [text.count('class="hook-state"') for text in (first, second)] == [40, 5]
    assert client.get(f"{ROOT}{webhook.pk}/?after=nonsense").status_code == 409


def test_a_list_costs_the_same_with_one_row_and_with_three(client, house):
    costs, log_costs = [], []
    webhook = a_webhook(house)

    for number in (1, 2, 3):
        with entry.brand(house.acme):
            EventFactory(seq=7_000 + number, kind="closed")
            DeliveryFactory(webhook=webhook, event_seq=7_000 + number)
        for path, found in ((ROOT, costs), (f"{ROOT}{webhook.pk}/", log_costs)):
            client.get(path)
            with queries_counted() as captured:
                assert client.get(path).status_code == 200
            found.append(count_of(captured))
        a_webhook(house)

    assert len(set(costs)) == 1
    assert len(set(log_costs)) == 1
    assert max(costs + log_costs) <= 14


@pytest.mark.parametrize("role", [role for role in Role if role != Role.ADMIN])
def test_webhooks_are_for_admins(db, house, people, static_files, role):
    webhook = a_webhook(house)
    host, root = (ACME, "/settings/webhooks/") if role.startswith("client") else (AGENCY, ROOT)
    somebody = visitor(host, people[role])

    answers = [somebody.get(root), somebody.post(root, FIELDS), somebody.post(f"{root}{webhook.pk}/secret/")]

    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert in_acme(house, Webhook.objects.count) == 1


def test_another_brands_webhook_is_not_there(client, house):
    webhook = a_webhook(house)

    answers = [
        client.get(f"/b/canary/settings/webhooks/{webhook.pk}/"),
        client.post(f"/b/canary/settings/webhooks/{webhook.pk}/removal/"),
        client.get(f"{ROOT}99999999999999999999/"),
        client.post(f"{ROOT}deliveries/99999999999999999999/replay/"),
    ]

    assert [answer.status_code for answer in answers] == [404] * 4
