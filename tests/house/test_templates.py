"""What a page may hold besides its words."""

import re

import pytest

from tests.house.source import PROJECT, files_like, name_of

TEMPLATES = [path for path in files_like(".html") if path.is_relative_to(PROJECT / "templates")]


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_a_style_attribute_hands_over_values_and_sets_no_style(path):
    declared = [
        declaration.strip()
        for style in re.findall(r'\bstyle="([^"]*)"', path.read_text())
        for declaration in re.sub(r"\{[%#].*?[%#]\}", "", style).split(";")
        if declaration.strip()
    ]

    assert [each for each in declared if not each.startswith("--")] == []


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_a_page_fetches_nothing_from_strangers(path):
    fetched = re.findall(
        r'<(?:script|link|img|iframe|source)\b[^>]*\b(?:src|href)="((?:https?:)?//[^"]*)"', path.read_text()
    )

    assert fetched == []


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_nothing_reaches_a_page_unescaped(path):
    assert re.findall(r"\|\s*safe\b|\{%\s*autoescape off|mark_safe|\|\s*safeseq\b", path.read_text()) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_a_page_runs_no_script_of_its_own(path):
    source = re.sub(r"\{[{%#].*?[}%#]\}", "", path.read_text())

    assert re.findall(r"\son[a-z]+=\"|href=\"javascript:", source) == []
