"""How fast a program gets the first page of conversations when a brand has a hundred thousand of them."""

import http.client
import json
import time
from typing import Any

from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.domain import keys
from accounts.domain.people import add_person
from accounts.enums import Role, Scope
from accounts.models import ApiKey
from inbox.management.benches import house, inbox_list
from inbox.management.benches.figures import milliseconds
from tenants import entry
from tenants.models import Brand

PAGES = 100
WARM_UP = 10
PATH = "/api/v1/conversations/?list=waiting"
SECRET = f"{keys.BEGINS_WITH}for-measuring-only"


def measure() -> dict[str, Any]:
    """Over real HTTP, through the front door, fifty conversations each time."""
    brand = house.brands(4)[3]
    host = house.brand_host(brand)
    inbox_list.fill(brand)
    _make_key(brand)
    figures = milliseconds(_ask_often(host))
    return {
        "value": figures["p95_ms"],
        "unit": "ms",
        **figures,
        "queries": _queries(host),
        "conversations": inbox_list.CONVERSATIONS,
    }


def _make_key(brand: Brand) -> None:
    """A key with which a program may read, which nobody ever was shown."""
    admin_id = add_person(
        email="api@bench.example", name="Ada", password="never typed", agency_id=brand.agency_id, role=Role.ADMIN
    )
    with entry.agency(brand.agency_id):
        ApiKey.objects.create(
            agency_id=brand.agency_id,
            brand=brand,
            name="bench",
            beginning=SECRET[:10],
            secret_hash=keys.hash_of(SECRET),
            scopes=[Scope.CONVERSATIONS_READ.value],
            made_at=house.NOON,
            made_by_id=admin_id,
        )


def _ask_often(host: str) -> list[float]:
    program = http.client.HTTPConnection("127.0.0.1", settings.PORT, timeout=30)
    took = []
    for _ in range(WARM_UP + PAGES):
        began = time.perf_counter()
        program.request("GET", PATH, headers={"Host": host, "Authorization": f"Bearer {SECRET}"})
        answer = program.getresponse()
        page = answer.read()
        took.append(time.perf_counter() - began)
        assert answer.status == 200, (answer.status, page)
        assert len(json.loads(page)["results"]) == 50
    program.close()
    return took[WARM_UP:]


def _queries(host: str) -> int:
    """How many statements it takes, asked in this process, where they can be counted."""
    client = Client(headers={"host": host, "authorization": f"Bearer {SECRET}"})
    with CaptureQueriesContext(connection) as captured:
        answer = client.get(PATH)
    assert answer.status_code == 200, answer.status_code
    return len(captured)
