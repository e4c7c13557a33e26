"""The page that says who may do what is what the tables say."""

import os

from accounts.enums import RIGHTS, Role, Scope
from config.rights import RIGHT_FOR
from tests.house.roles import page
from tests.house.source import PROJECT

PAGE = PROJECT / "docs" / "roles.md"
WRITE = "NIGHTJAR_WRITE=1 make test ARGS=tests/house/test_roles.py"


def test_the_page_of_roles_says_what_the_tables_say():
    if os.environ.get("NIGHTJAR_WRITE"):
        PAGE.write_text(page(WRITE))

    assert PAGE.read_text() == page(WRITE), f"The tables say something else by now. Print the page anew: {WRITE}"


def test_every_role_has_its_line_in_the_table():
    assert set(RIGHTS) == set(Role)


def test_every_scope_needs_a_right_of_its_person():
    assert set(RIGHT_FOR) == set(Scope)
