import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from config import environment
from config.local import places, servers

from .standing_in import Supervised


@pytest.fixture
def home(tmp_path) -> Iterator[Path]:
    home = tmp_path / "var"
    yield home
    places.remove(home)


@pytest.fixture(scope="module")
def running(tmp_path_factory) -> Iterator[servers.Servers]:
    with servers.start(tmp_path_factory.mktemp("servers"), throwaway=True) as running:
        yield running


@pytest.fixture
def supervised(home) -> Iterator[Supervised]:
    supervised = Supervised(home)
    yield supervised
    supervised.stop()


@pytest.fixture(scope="module")
def upright(tmp_path_factory) -> Iterator[Supervised]:
    """A supervisor that several tests look at, and that is still there after each."""
    home = tmp_path_factory.mktemp("upright") / "var"
    supervised = Supervised(home).start()
    yield supervised
    supervised.stop()
    places.remove(home)


@pytest.fixture
def variables(monkeypatch) -> None:
    """An environment without any of ours."""
    for name in [*os.environ]:
        if name.startswith("NIGHTJAR_"):
            monkeypatch.delenv(name)
    assert environment.REDIS not in os.environ
