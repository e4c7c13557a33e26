import os

import pytest

from config import environment


def test_a_missing_server_is_explained(variables):
    with pytest.raises(environment.NotSetUp) as refusal:
        environment.text("NIGHTJAR_DATABASE_URL")

    assert str(refusal.value) == (
        "Nightjar's servers are not set up here: run `make run` first, or set NIGHTJAR_DATABASE_URL."
    )


def test_what_is_exported_wins_over_the_file(variables, tmp_path, monkeypatch):
    environment.write(tmp_path, {"NIGHTJAR_PORT": "8000", "NIGHTJAR_SECRET_KEY": "from the file"})
    monkeypatch.setenv("NIGHTJAR_PORT", "8001")

    environment.load(tmp_path)

    assert environment.number("NIGHTJAR_PORT") == 8001
    assert environment.text("NIGHTJAR_SECRET_KEY") == "from the file"
    assert os.environ["NIGHTJAR_HOME"] == str(tmp_path)


def test_databases_of_two_servers_are_never_mixed(tmp_path):
    environment.write(tmp_path, dict.fromkeys(environment.SERVERS, "from the file"))
    given = {"NIGHTJAR_DATABASE_URL": "postgres://elsewhere"}

    environment.load(tmp_path, into=given)

    assert "NIGHTJAR_OWNER_DATABASE_URL" not in given
    assert given["NIGHTJAR_REDIS_URL"] == "from the file"


def test_the_file_is_for_its_owner_alone(tmp_path):
    environment.write(tmp_path, {"NIGHTJAR_SECRET_KEY": "secret=with=signs"})

    assert (tmp_path / "env").stat().st_mode & 0o777 == 0o600
    assert environment.read(tmp_path) == {"NIGHTJAR_SECRET_KEY": "secret=with=signs"}


def test_a_number_that_is_none_is_refused(variables, monkeypatch):
    monkeypatch.setenv("NIGHTJAR_PORT", "eight thousand")

    with pytest.raises(environment.NotSetUp, match="whole number"):
        environment.number("NIGHTJAR_PORT")
