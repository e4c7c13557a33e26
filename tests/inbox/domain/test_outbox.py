"""The outbox: whatever goes out is done once, wherever its worker dies and whatever Twitter does."""

import os

import httpx
import pytest

from tests.conftest import committed
from tests.house.source import PROJECT
from tests.inbox.domain.outbox_scene import (
    Delete,
    Edit,
    FurtherPart,
    Hide,
    Outgoing,
    Private,
    Quote,
    WithPhoto,
)
from tests.inbox.domain.outbox_table import BEGINS, ENDS, FAULTS, POINTS, is_done_by_itself, printed
from tests.inbox.domain.posting_scene import Death, Scene, dying_before_the_commit, dying_when
from tests.twitter.playing import World

pytestmark = pytest.mark.commits

KINDS = {kind.kind: kind for kind in (Private, Quote, WithPhoto, FurtherPart, Delete, Edit, Hide)}
PAGE = PROJECT / "docs" / "replies.md"
WRITE = "NIGHTJAR_WRITE=1 make test ARGS=tests/inbox/domain/test_outbox.py"


@pytest.fixture
def scene(house, emptied_brand, sandbox, settings):
    settings.TWITTER_PLAN = "enterprise"
    with httpx.Client(base_url=sandbox.url, timeout=20) as http, committed(emptied_brand) as brand:
        http.post("/sandbox/reset")
        yield Scene(brand, World(sandbox.url, http), house.agent_id)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_done_once_and_never_lost(scene, kind, point, fault):
    act = KINDS[kind](scene)
    if fault != "none":
        scene.fault(fault, act=act.fault_act, **({"seconds": 60} if fault == "too_many" else {}))

    _run_and_die(act, point)
    _recover(act)

    assert act.is_known() == is_done_by_itself(kind, point, fault)
    assert act.is_known() or act.is_before_a_person()
    _until_a_person_is_content(act)
    assert act.is_known()
    assert len(act.on_twitter()) == 1
    scene.clock.passes(3600)
    act.sweep()
    assert len(act.on_twitter()) == 1


def _run_and_die(act: Outgoing, point: str) -> None:
    if point == "nobody dies":
        act.run(act.connect())
        return
    dies = {POINTS[2]: "before", POINTS[3]: "after"}.get(point, "")
    try:
        if point == POINTS[0]:
            with dying_before_the_commit():
                act.run(act.connect())
        else:
            act.run(act.connect(dies), passing=dying_when(point))
    except Death:
        return
    pytest.fail(f"nobody died {point}")


def _recover(act: Outgoing) -> None:
    """What the product does by itself, while time passes, until it comes to rest."""
    for seconds in (0, 15, 45, 15, 60, 60, 60):
        act.scene.clock.passes(seconds)
        act.sweep()
        assert len(act.on_twitter()) <= 1
        if act.is_known() or act.is_before_a_person():
            return
    pytest.fail("it does not come to rest")


def _until_a_person_is_content(act: Outgoing) -> None:
    for _ in range(2):
        if not act.is_known():
            act.person_decides()
            if not act.is_known():
                _recover(act)


def test_the_table_of_the_page_is_what_the_matrix_holds():
    text = PAGE.read_text()
    before, rest = text.split(BEGINS)
    _, after = rest.split(ENDS)
    if os.environ.get("NIGHTJAR_WRITE"):
        PAGE.write_text(before + printed() + after)

    assert PAGE.read_text() == before + printed() + after, f"Print the table anew: {WRITE}"
