"""Every answer that passes by while an outage is played is one that Twitter's own description allows."""

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from inbox.twitter.sandbox.scenarios import format as scenarios
from inbox.twitter.sandbox.scenarios.player import Player
from inbox.twitter.sandbox.scenarios.stage import Stage
from tests.twitter.description import SHARED, Description
from tests.twitter.exercise import exercise
from tests.twitter.playing import Receiver, SandboxProcess, World

pytestmark = [
    pytest.mark.twitter,
    pytest.mark.skipif(not SHARED.exists(), reason="Twitter's OpenAPI files are not beside the project"),
]
BRANDS = ("KiriMobile", "AcmeAir", "BoltAndBrew")


@pytest.fixture(params=["tweet", "post"])
def vocabulary(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def recorded(tmp_path: Path, vocabulary: str) -> Iterator[tuple[World, Path]]:
    """A sandbox of its own, with every answer written down."""
    path = tmp_path / "answers"
    os.environ["NIGHTJAR_RECORDING"] = str(path)
    process = SandboxProcess(tmp_path)
    process.application = "tests.twitter.recorded:application"
    process.start()
    try:
        with httpx.Client(base_url=process.url, timeout=30) as client:
            world = World(process.url, client)
            world.ask("PUT", "/sandbox/settings", json={"vocabulary": vocabulary})
            for name in (*BRANDS, "jodoe"):
                world.person(name)
            yield world, path
    finally:
        process.stop()
        del os.environ["NIGHTJAR_RECORDING"]


def test_every_answer_fits(recorded: tuple[World, Path], receiver: Receiver, vocabulary: str) -> None:
    world, path = recorded
    world.listen(receiver.url, *BRANDS)
    scenario = scenarios.read(scenarios.find("outage"))
    with Stage(world.url) as stage:
        playing = threading.Thread(target=Player(scenario, stage, speed=400, minutes=30).run)
        playing.start()
        for brand in (*BRANDS, *BRANDS):
            exercise(world, brand, receiver.url, vocabulary)
        playing.join(60)
        exercise(world, "KiriMobile", receiver.url, vocabulary)

    description = Description(vocabulary)
    wrong: dict[str, int] = {}
    for line in map(json.loads, path.read_text().splitlines()):
        why = description.wrong_with(line["method"], line["path"], line["status"], line["type"], line["body"])
        for one in why:
            wrong[one] = wrong.get(one, 0) + 1

    assert sorted(wrong) == []
    assert len({operation.rsplit(" ", 1)[0] for operation in description.counted}) >= 35
