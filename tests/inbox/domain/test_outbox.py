"""The outbox: whatever goes out is done once, wherever its worker dies and whatever Twitter does."""

import httpx
import pytest

from tests.conftest import committed
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
from tests.inbox.domain.posting_scene import Death, Scene, dying_before_the_commit, dying_when
from tests.twitter.playing import SandboxProcess, World

pytestmark = pytest.mark.commits

KINDS = {kind.kind: kind for kind in (Private, Quote, WithPhoto, FurtherPart, Delete, Edit, Hide)}
POINTS = ("before the claim commits", "claimed", "in the call, before Twitter has it", "in the call, Twitter has it",
          "answered", "settled", "nobody dies")  # fmt: skip
FAULTS = ("none", "lost_answer", "server_error", "server_error_after", "too_many", "duplicate", "forbidden")


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory):
    process = SandboxProcess(tmp_path_factory.mktemp("sandbox"))
    process.start()
    yield process
    process.stop()


@pytest.fixture
def scene(house, new_brand, sandbox, settings):
    settings.TWITTER_PLAN = "enterprise"
    with httpx.Client(base_url=sandbox.url, timeout=20) as http, committed(new_brand()) as brand:
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

    if act.on_twitter():
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
