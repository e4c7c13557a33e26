"""The agency's API: brands, desk, people; each as far as the person who made the key may see."""

import pytest

from accounts.domain import desk
from accounts.enums import Role
from tenants import entry
from tests.conftest import NOON
from tests.factories import at
from tests.programs import Program, key_of
from tests.visiting import ACME, AGENCY, count_of, queries_counted, visitor


@pytest.fixture
def waiting(db, house, _transactions_around) -> None:
    """Three conversations of acme's and one of canary's wait, the last one longest."""
    for brand, seconds in ((house.acme, (10, 20, 30)), (house.canary, (5,))):
        with entry.brand(brand):
            desk.put(
                [
                    desk.Waiting(
                        conversation_id=number, urgency=2, language="en", waiting_since=NOON, respond_by=at(number)
                    )
                    for number in seconds
                ]
            )


def test_the_agencys_brands_are_listed_with_their_hosts(program):
    rows = program(agencys=True).get("brands/").json()["results"]

    ours = [row for row in rows if row["slug"] in ("acme", "canary")]
    assert [(row["name"], row["state"]) for row in ours] == [("Acme Air", "live"), ("Canary", "live")]
    assert "care.acme.localhost" in ours[0]["host_url"]


def test_the_desk_comes_in_the_order_of_promises_and_in_pages(program, waiting):
    ours, path, seen = program(agencys=True), "desk/?limit=3", []
    while path:
        said = ours.get(path).json()
        seen += [(row["conversation_id"], row["urgency"]) for row in said["results"]]
        path = (said["next"] or "").removeprefix("/api/v1/")

    assert seen == [("5", "soon"), ("10", "soon"), ("20", "soon"), ("30", "soon")]


@pytest.mark.parametrize(("name", "count"), [("waiting", 4), ("unassigned", 3), ("mine", 1)])
def test_the_desk_has_three_lists(program, waiting, house, admin, name, count):
    with entry.agency(house.agency.pk):
        desk.take(brand_id=house.acme.pk, conversation_id=10, by=admin, now=NOON)

    rows = program(agencys=True).get(f"desk/?list={name}").json()["results"]

    assert len(rows) == count


def test_people_are_listed_with_what_they_are(program, clients_ids, house):
    rows = program(agencys=True).get("people/?limit=100").json()["results"]

    by_id = {row["id"]: row for row in rows}
    viewer = by_id[str(clients_ids[Role.CLIENT_VIEWER])]
    assert viewer["roles"] == [{"brand_id": str(house.acme.pk), "role": "client_viewer"}]
    assert by_id[str(house.agent_id)]["roles"] == [{"brand_id": None, "role": "agent"}]
    assert not {"password", "last_login"} & set(viewer)


@pytest.mark.parametrize("path", ["desk/", "people/", "brands/"])
def test_one_row_costs_as_many_queries_as_three(program, waiting, clients_ids, path):
    ours, costs = program(agencys=True), []
    ours.get(path)
    for limit in (1, 3):
        with queries_counted() as counted:
            answer = ours.get(f"{path}?limit={limit}")
        costs.append(count_of(counted))

    assert answer.status_code == 200
    assert costs[0] == costs[1]


@pytest.mark.parametrize(("path", "status"), [("desk/", 200), ("brands/", 200), ("people/", 403)])
def test_a_key_does_not_more_than_its_person_may(program, house, path, status):
    answer = program(agencys=True, by=house.agent_id).get(path)

    assert answer.status_code == status


def test_clients_people_see_nothing_of_the_agencys(program, clients_ids):
    theirs = program(agencys=True, by=clients_ids[Role.CLIENT_APPROVER])

    assert [theirs.get(path).status_code for path in ("desk/", "people/", "brands/")] == [403, 403, 403]


def test_an_agencys_key_opens_no_brand(house, admin, static_files):
    _, secret = key_of(house, admin.pk, agencys=True)

    answer = Program(ACME, secret).get("brand/")

    assert (answer.status_code, answer.json()["type"]) == (403, "urn:nightjar:problem:host")


# --- the description --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("host", "operations"), [(ACME, 20), (AGENCY, 3)])
def test_every_operation_is_described_whole(db, house, static_files, _transactions_around, host, operations):
    said = visitor(host, house.agent_id).get("/api/schema/").json()

    found = [each for methods in said["paths"].values() for each in methods.values()]
    assert len({each["operationId"] for each in found}) == len(found) == operations
    for each in found:
        assert each["summary"], each
        assert each["description"], each
        assert {"401", "403", "404", "429"} <= set(each["responses"]), each["operationId"]
        for status, answer in each["responses"].items():
            if status >= "400":
                assert set(answer["content"]) == {"application/problem+json"}, each["operationId"]
            elif "content" in answer:
                assert answer["content"]["application/json"]["examples"], each["operationId"]
    assert said["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    assert said["openapi"] == "3.1.0"


@pytest.mark.parametrize("host", [ACME, AGENCY])
def test_the_page_to_read_and_try_it_needs_nothing_from_elsewhere(db, house, static_files, _transactions_around, host):
    answer = visitor(host, house.agent_id).get("/api/docs/")

    assert answer.status_code == 200
    assert "swagger-ui-bundle" in answer.text
    assert "<script>" not in answer.text
    assert "//" not in answer.text.replace("http://www.w3.org", "").replace(f"http://{AGENCY}", "").replace("://", "")


@pytest.mark.parametrize("path", ["/api/docs/", "/api/schema/"])
def test_the_description_is_for_members(db, house, static_files, _transactions_around, path):
    answer = visitor(ACME).get(path)

    assert (answer.status_code, answer.headers["Location"]) == (302, f"/login/?next={path}")
