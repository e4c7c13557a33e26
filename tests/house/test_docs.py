"""The written word: links that lead somewhere, decisions in their order and of one shape."""

import re

import pytest

from tests.house.source import PROJECT, name_of

PAGES = [*sorted(PROJECT.glob("*.md")), *sorted((PROJECT / "docs").rglob("*.md"))]
DECISIONS = sorted((PROJECT / "docs" / "decisions").glob("*.md"))


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_a_link_leads_somewhere(path):
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", path.read_text())

    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("path", DECISIONS, ids=name_of)
def test_a_decision_says_what_it_was_about(path):
    headings = re.findall(r"^## (.+)$", path.read_text(), flags=re.M)

    assert re.match(rf"# {path.name[:4]} \S", path.read_text())
    assert [name for name in headings if name != "Measured"] == ["Context", "Decision", "Consequences", "Turned down"]


def test_decisions_are_numbered_one_after_another():
    assert [path.name[:4] for path in DECISIONS] == [f"{place:04}" for place in range(1, len(DECISIONS) + 1)]


def test_a_decision_that_code_speaks_of_is_there():
    spoken_of = {
        number
        for path in PROJECT.glob("*/**/*.py")
        if not path.is_relative_to(PROJECT / ".venv") and not path.is_relative_to(PROJECT / "var")
        for number in re.findall(r"[Dd]ecision (\d{4})", path.read_text())
    }

    assert spoken_of - {path.name[:4] for path in DECISIONS} == set()


def test_the_readme_fits_on_a_screen():
    assert len((PROJECT / "README.md").read_text().splitlines()) <= 45
