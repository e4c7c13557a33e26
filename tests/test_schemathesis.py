"""The API does what its description says: each operation of both hosts, called with good and with bad input.

`API_EXAMPLES=200 make test ARGS=tests/test_schemathesis.py` calls it more often than there is time for each day.
"""

import os
from collections.abc import Iterator
from itertools import count

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, settings
from schemathesis.config import SchemathesisConfig

from accounts.api.docs import described
from accounts.domain import desk
from inbox.enums import ReplyStatus
from tenants import entry
from tests.conftest import NOON
from tests.factories import (
    ConversationFactory,
    EventFactory,
    MessageFactory,
    NoteFactory,
    ReplyFactory,
    TagFactory,
    TaggingFactory,
)
from tests.programs import key_of
from tests.visiting import ACME, AGENCY, undone

pytestmark = pytest.mark.slow
EXAMPLES = int(os.environ.get("API_EXAMPLES", "8"))
KNOWN = 7_000_000_007  # the key of everything that there is, beyond those that are counted up
# Good input may still be refused: no such thing, not now, or not under a cursor that nobody gave out.
CONFIG = {
    "generation": {"max-examples": EXAMPLES, "deterministic": "API_EXAMPLES" not in os.environ},
    "checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", "403", "404", "409", "412", "304"]}},
}
HOUSE = settings(
    deadline=None,
    max_examples=EXAMPLES,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
    database=None,
)
_numbers = count()


_made: list[WSGIHandler] = []


def application(environ, start_response):
    """The real one, made once the static files are there. As in Django's own client for tests, the end of a request
    does not close the connection, which the test stands in."""
    if not _made:
        _made.append(WSGIHandler())
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    return _made[0](environ, start_response)


def _schema(kind: str):
    schema = schemathesis.openapi.from_dict(
        described(f"config.urls.{kind}"), config=SchemathesisConfig.from_dict(CONFIG)
    )
    schema.app = application
    return schema


OF_BRAND, OF_AGENCY = _schema("brand"), _schema("agency")


@pytest.fixture
def furnished(db, house, admin, static_files, monkeypatch, _transactions_around) -> Iterator[None]:
    """Something of everything, under one key; and nobody counts the calls."""
    monkeypatch.setattr("django.conf.settings.API_CALLS_A_MINUTE", {"read": 10**9, "write": 10**9})
    with entry.brand(house.acme):
        made = ConversationFactory(id=KNOWN, customer__id=KNOWN)
        MessageFactory(id=KNOWN, conversation=made)
        ReplyFactory(
            id=KNOWN, conversation=made, author_id=house.agent_id, status=ReplyStatus.SUBMITTED, submitted_at=NOON
        )
        NoteFactory(conversation=made, noted_by_id=house.agent_id)
        TaggingFactory(conversation=made, tag=TagFactory(id=KNOWN, name="vip"), tagged_by_id=house.agent_id)
        EventFactory(seq=KNOWN, conversation_id=KNOWN, by_id=house.agent_id)
        desk.put([desk.Waiting(conversation_id=KNOWN, urgency=1, language="en", waiting_since=NOON, respond_by=NOON)])
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@OF_BRAND.parametrize()
@HOUSE
def test_a_brands_api_is_as_described(case, furnished, house, admin):
    _call(case, ACME, key_of(house, admin.pk)[1])


@OF_AGENCY.parametrize()
@HOUSE
def test_an_agencys_api_is_as_described(case, furnished, house, admin):
    _call(case, AGENCY, key_of(house, admin.pk, agencys=True)[1])


def _call(case, host: str, secret: str) -> None:
    if case.meta is None or case.meta.generation.mode.is_positive:
        _make_sense(case)
    with undone():
        case.call_and_validate(base_url=f"http://{host}", headers={"Authorization": f"Bearer {secret}"})


def _make_sense(case) -> None:
    """Good input of which every second asks for what there is; and cursors are for who was given one."""
    if next(_numbers) % 2:
        for name in case.path_parameters or {}:
            case.path_parameters[name] = str(KNOWN)
        if isinstance(case.body, dict):
            for name in {"conversation_id", "answers_id"} & set(case.body):
                case.body[name] = str(KNOWN)
    if case.query:
        case.query.pop("cursor", None)
