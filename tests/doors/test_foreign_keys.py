"""Keys of another brand or agency, in the path, in the body and in a filter: found nowhere, and nothing is touched."""

import json

import pytest
from django.apps import apps

from inbox.models import Reply
from tenants import entry
from tenants.models import Brand, BrandModel
from tests.doors.addresses import ELSEWHERE, KINDS, OURS, TABLES, THEIRS, Address, addresses_of
from tests.doors.test_matrix import PROGRAMS, knocked, knocking
from tests.doors.things import word_of
from tests.visiting import ACME, AGENCY

CALLERS = ("an admin", "a supervisor", "a trainee", "an approver of acme's", "a viewer of acme's")
# Whatever a form, a filter or a program may call a thing that it names.
FIELDS = (
    "agency", "answers", "answers_id", "assignee", "brand", "brand_id", "brands", "canned", "conversation",
    "conversation_id", "customer", "disposition", "errand", "file", "handle", "handle_id", "id", "in_reply_to", "key",
    "message", "message_id", "note", "pk", "playbook", "query", "reply", "reply_id", "tag", "tag_id", "user", "webhook",
)  # fmt: skip
GONE = (403, 404, 405, 409)


def keyed(host: str) -> list[Address]:
    """The addresses that name one thing of acme's brand; here with the key of one of canary's."""
    foreign = addresses_of(KINDS[host], key=THEIRS, brand_slug="acme")
    return [address for address in foreign if str(THEIRS) in address.path and not _is_public(address)]


def open_to_acme(host: str) -> list[Address]:
    found = addresses_of(KINDS[host], brand_slug="acme")
    return [each for each in found if (each.is_of_a_brand or host == ACME) and each.name not in PROGRAMS]


@pytest.mark.parametrize("who", CALLERS)
@pytest.mark.parametrize("host", [AGENCY, ACME])
def test_a_key_of_the_other_brand_in_the_path_is_found_nowhere(two_brands, town, house, host: str, who: str):
    client, wrong = knocking(town, who, host), []
    before = everything_in(house.canary)

    for address in keyed(host):
        for method in ("get", "post"):
            answer = knocked(client, method, address.path)
            is_told = word_of("canary").encode() in answer.content
            if answer.status_code not in (GONE if address.name not in PROGRAMS else (401,)) or is_told:
                wrong.append(f"{method} {address.name}: {who} gets {answer.status_code}")

    assert len(keyed(host)) > 10
    assert wrong == [], "\n".join(wrong)
    assert everything_in(house.canary) == before


@pytest.mark.parametrize("who", CALLERS)
@pytest.mark.parametrize("host", [AGENCY, ACME])
def test_a_key_of_the_other_brand_in_the_body_touches_nothing_there(two_brands, town, house, host: str, who: str):
    client, wrong = knocking(town, who, host), []
    before = everything_in(house.canary)
    fields = {**dict.fromkeys(FIELDS, str(THEIRS)), "text": "Hello over there.", "name": "Over there"}

    for address in open_to_acme(host):
        answer = client.post(address.path, fields)
        if answer.status_code >= 500 or word_of("canary").encode() in answer.content:
            wrong.append(f"{address.name}: {who} gets {answer.status_code}")
        client = knocking(town, who, host)

    assert wrong == [], "\n".join(wrong)
    assert everything_in(house.canary) == before


@pytest.mark.parametrize("value", [str(THEIRS), "canary", f"acme,canary,{THEIRS}"])
@pytest.mark.parametrize("host", [AGENCY, ACME])
def test_a_filter_that_names_the_other_brand_shows_nothing_of_it(two_brands, town, host: str, value: str):
    client, wrong = knocking(town, "an approver of acme's", host), []
    filters = {
        **dict.fromkeys(FIELDS, value),
        **dict.fromkeys(("after", "before", "filter", "order", "ordering"), value),
    }

    for address in addresses_of(KINDS[host], brand_slug="acme"):
        answer = client.get(address.path, filters)
        if answer.status_code >= 500 or b"canaryword" in b"".join(answer):
            wrong.append(f"{address.name}: {answer.status_code}")

    assert wrong == [], "\n".join(wrong)


def test_a_tweet_of_the_other_brand_cannot_be_answered(two_brands, town, house):
    client = knocking(town, "an agent", AGENCY)

    fields = {"text": "Hello over there.", "in_reply_to": str(THEIRS)}
    answer = client.post(f"/b/acme/conversations/{OURS}/replies/", fields)

    assert answer.status_code == 409
    assert "The tweet you answer is not in this conversation." in answer.text
    assert "Hello over there." in answer.text
    for brand in (house.acme, house.canary):
        with entry.brand(brand):
            assert Reply.objects.count() == 1


@pytest.mark.parametrize("who", ["an admin", "an admin of another agency"])
def test_a_row_of_another_agency_is_found_in_no_admin(two_brands, town, who: str):
    host, rows = (AGENCY, town.foreign_rows) if who == "an admin" else (ELSEWHERE, town.rows)
    client, wrong = knocking(town, who, host), []
    named = [each for each in addresses_of(KINDS[host], **rows) if each.path.startswith(("/admin/", "/keys/"))]
    keyed_rows = [each for each in named if any(key in each.path.split("/") for key in rows.values())]

    for address in keyed_rows:
        for method in ("get", "post"):
            answer = knocked(client, method, address.path)
            if answer.status_code not in (*GONE, 302) or "doors.test" in answer.text:
                wrong.append(f"{method} {address.name}: {answer.status_code}")

    assert len(keyed_rows) > 5
    assert wrong == [], "\n".join(wrong)


PAGES = ("", "rows/", f"conversations/{OURS}/", f"conversations/{THEIRS}/")


@pytest.mark.parametrize("who", ["an agent", "an agent of canary", "a viewer of acme's"])
def test_no_list_holds_a_word_of_a_brand_that_one_may_not_enter(two_brands, town, who: str):
    client = knocking(town, who, AGENCY)
    may = {"an agent": {"acme", "canary"}, "an agent of canary": {"canary"}, "a viewer of acme's": {"acme"}}[who]

    pages = [f"/b/{slug}/{page}" for slug in ("acme", "canary") for page in PAGES]
    pages += ["/", "/desk/rows/", "/live-since/", "/live-since/?brands=acme", "/reports/first-response/"]
    said = "".join(client.get(page).text for page in pages)

    assert ("acmeword" in said, "canaryword" in said) == ("acme" in may, "canary" in may)
    assert set(json.loads(client.get("/live-since/").text)) == may


@pytest.mark.parametrize(
    "address",
    [
        "/b/acme/conversations/9223372036854775807/",
        "/b/acme/conversations/9223372036854775808/",
        "/b/acme/conversations/99999999999999999999999999/",
        "/b/acme/conversations/0/",
        "/b/nobody/",
        "/b/acme",
        "/b/%00/",
        "/b/acme/?filter=closed%00&after=",
        "/b/acme/?after=%00",
        "/b/acme/?after=bm90aGluZw==",
        "/b/acme/?after=MjAyNi0xMS0wM1QxMjowMDowMCswMDowMCA5OTk5OTk5OTk5OTk5OTk5OTk5OTk=",
        "/b/acme/?after=MDAwMS0wMS0wMVQwMDowMDowMCsyMzowMCA1",
        "/?after=-1",
        "/?after=99999999999999999999",
        "/?filter=closed",
        "/live-since/?brands=acme,nobody,%00",
    ],
)
def test_nonsense_in_an_address_is_answered_and_breaks_nothing(two_brands, town, address: str):
    answer = knocking(town, "an agent", AGENCY).get(address)

    assert answer.status_code in (200, 403, 404, 409)


def everything_in(brand: Brand) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table of a brand."""
    models = [model for model in apps.get_models() if issubclass(model, BrandModel)]
    with entry.brand(brand):
        return {model.__name__: list(model._base_manager.order_by("pk").values_list()) for model in models}


def _is_public(address: Address) -> bool:
    return address.path.startswith(("/admin/", *TABLES))
