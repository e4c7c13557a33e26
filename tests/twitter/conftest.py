"""The sandbox Twitter as a fixture: its own process, a port of its own, a file that is thrown away.

Nothing here knows Django, so this file works wherever it is put.
"""

from collections.abc import Iterator

import httpx
import pytest

from tests.twitter.playing import Receiver, SandboxProcess, World


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    process = SandboxProcess(tmp_path_factory.mktemp("sandbox"))
    process.start()
    yield process
    process.stop()


@pytest.fixture
def world(sandbox: SandboxProcess) -> Iterator[World]:
    """The sandbox, empty but for a brand and two customers."""
    with httpx.Client(base_url=sandbox.url, timeout=20) as client:
        world = World(sandbox.url, client)
        world.ask("POST", "/sandbox/reset")
        world.person("AcmeCare", id="1700000000000000001")
        world.person("jodoe")
        world.person("passerby")
        yield world
        world.ask("POST", "/sandbox/reset")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()
