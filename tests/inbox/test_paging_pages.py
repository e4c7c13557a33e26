"""The later parts of a list: they stay what they are when they are drawn again, and lead back."""

import re

import pytest
from django.test import Client

from inbox.queries import PAGE
from inbox.views.desk import PAGE as DESK_PAGE
from tests.factories import at
from tests.inbox.test_pages import HTMX, a_conversation, numbers_on
from tests.visiting import AGENCY, visitor

LISTS = {"/?filter=waiting": DESK_PAGE, "/b/acme/?filter=waiting": PAGE, "/b/acme/?filter=open": PAGE}
BACK = "Back to the first ones"


@pytest.fixture
def client(acme, house, static_files) -> Client:
    """An agent, and more conversations than two pages hold."""
    for number in range(1, 2 * PAGE + 6):
        a_conversation(number, waiting_since=at(number // 10))
    return visitor(AGENCY, house.agent_id)


def on_from(text: str) -> str:
    """The address of the next part."""
    return re.search(r'href="([^"]+)">Show the next ones<', text)[1].replace("&amp;", "&")


def drawn_from(text: str) -> str:
    """The address from which a hint has the list drawn again."""
    return re.search(r'id="rows"[^>]* data-src="([^"]+)"', text)[1].replace("&amp;", "&")


@pytest.mark.parametrize("address", LISTS)
def test_a_later_part_of_a_list_is_drawn_again_as_that_part(client, address: str):
    first = client.get(address).text
    second = client.get(on_from(first)).text
    third = client.get(on_from(second)).text

    for text in (first, second, third):
        again = client.get(drawn_from(text), headers=HTMX).text
        assert numbers_on(again) == numbers_on(text)
        assert drawn_from(again) == drawn_from(text)
    assert len({tuple(numbers_on(text)) for text in (first, second, third)}) == 3


@pytest.mark.parametrize("address", LISTS)
def test_a_later_part_leads_back_to_the_first_one(client, address: str):
    first = client.get(address).text
    second = client.get(on_from(first)).text

    assert BACK not in first
    assert f'href="{address}">{BACK}<' in second


def test_a_later_part_that_has_emptied_does_not_say_that_nobody_waits(client):
    text = client.get("/?filter=waiting&after=400").text

    assert numbers_on(text) == []
    assert "Nothing further here" in text
    assert "Nobody is waiting" not in text
    assert BACK in text


@pytest.mark.parametrize("asked", ["0", "00", "-1", "x", "99999999"])
def test_what_names_no_later_part_is_the_first_one(client, asked: str):
    text = client.get(f"/?filter=waiting&after={asked}").text

    assert numbers_on(text)[:2] == [1, 2]
    assert drawn_from(text) == "/desk/rows/?filter=waiting"
    assert BACK not in text


@pytest.mark.parametrize(("address", "number"), LISTS.items())
def test_a_list_has_a_sentence_ready_for_words_that_none_of_its_rows_has(client, address: str, number: int):
    text = client.get(address).text

    assert f'data-words="Nothing of the {number} shown fits “{{}}”."' in text
    assert "There are more:" in text
