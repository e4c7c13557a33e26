import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbooks import queries
from playbooks.domain import canned
from playbooks.domain.canned import blanks_in, check_filled, check_well_formed, fill, plain
from playbooks.models import CannedResponse
from playbooks.models.founding import CANNED, FIRST_KEY
from tenants import schemas, walls
from tenants.refusals import NotNow
from tests.conftest import NOON, committed

TEXT = "Hi {name}, order {order number} left on {day}. – {agent}"


def add(**more) -> CannedResponse:
    given = {"name": "Late parcel", "text": TEXT, "language": "en", "now": NOON} | more
    return canned.add(**given)


# --- blanks


def test_blanks_are_found_in_their_order_and_once():
    assert blanks_in(TEXT) == ["name", "order number", "day", "agent"]
    assert blanks_in("{a} and { b } and {a}") == ["a", "b"]


@pytest.mark.parametrize(
    "text", ["", "no blanks", "{{not one}}", "a { b", "{}", "{ }", "{two\nlines}", "{" + "x" * 41 + "}"]
)
def test_what_is_no_blank_is_not_taken_for_one(text):
    assert blanks_in(text) == []


def test_what_is_known_is_filled_in_and_the_rest_stays():
    assert fill(TEXT, {"name": "Jo", "agent": "Ana"}) == "Hi Jo, order {order number} left on {day}. – Ana"
    assert fill("{ name }", {"name": "Jo"}) == "Jo"
    assert fill("{name}", {"name": ""}) == "{name}"


def test_a_name_that_looks_like_a_blank_is_not_filled_again():
    assert fill("{name} {agent}", {"name": "{agent}", "agent": "Ana"}) == "{agent} Ana"


def test_doubled_braces_go_out_as_single_ones():
    assert plain("Use {{code}} in the app") == "Use {code} in the app"
    assert fill("{{name}}", {"name": "Jo"}) == "{{name}}"


def test_a_blank_that_is_left_blocks_and_is_named():
    with pytest.raises(NotNow, match=r"Fill in \{order number\} first: it is still blank\."):
        check_filled("Order {order number} left on {day}.")

    check_filled("Order 7 left on Monday, use {{code}}.")


@pytest.mark.parametrize("text", ["Hi {name", "Hi {}", "Hi {name, order}}{", "{a {b}}", "{" + "x" * 50 + "}"])
def test_a_brace_that_is_never_closed_is_refused_with_a_sentence(text):
    with pytest.raises(NotNow, match="never closed, or holds no short name|closes nothing"):
        check_well_formed(text)


def test_a_brace_that_closes_nothing_is_refused_with_a_sentence():
    with pytest.raises(NotNow, match="closes nothing"):
        check_well_formed("Hi name}")


@given(st.text(alphabet="{} ab\n", max_size=40))
def test_a_well_formed_text_is_filled_once_its_blanks_are(text):
    try:
        check_well_formed(text)
    except NotNow:
        return
    filled = fill(text, dict.fromkeys(blanks_in(text), "x"))

    check_filled(filled)


# --- the brand's list


def test_a_canned_response_is_added_changed_and_retired(acme):
    kept = add()
    assert kept in queries.canned_responses()

    changed = canned.change(canned=kept, name=" Late  parcel 2 ", text="Hi {name}.", language="en", now=NOON)
    assert (changed.pk, changed.name, changed.text) == (kept.pk, "Late parcel 2", "Hi {name}.")

    canned.retire(canned=changed, now=NOON)
    assert changed not in queries.canned_responses()
    assert CannedResponse.objects.get(pk=kept.pk).retired_at == NOON


def test_a_name_is_taken_once_per_language_whatever_its_case(acme):
    add()
    add(language="es")

    with pytest.raises(NotNow, match="named “late PARCEL” in this language already"):
        add(name="late PARCEL")


def test_a_retired_name_is_free_again(acme):
    canned.retire(canned=add(), now=NOON)

    assert add().retired_at is None


def test_a_retired_one_is_not_changed(acme):
    kept = add()
    canned.retire(canned=kept, now=NOON)

    with pytest.raises(NotNow, match="was retired"):
        canned.change(canned=kept, name="x", text="y", language="en", now=NOON)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"name": "  "}, "needs a name and a text"),
        ({"text": "\n"}, "needs a name and a text"),
        ({"name": "x" * 61}, "The name is too long"),
        ({"text": "x" * 2_001}, "The text is too long"),
        ({"text": "Hi {name"}, "never closed"),
        ({"text": "Hi\x00"}, "cannot be kept"),
        ({"language": "tlh"}, "Choose a language"),
    ],
)
def test_bad_ones_are_refused_with_a_sentence(acme, given, sentence):
    before = CannedResponse.objects.count()

    with pytest.raises(NotNow, match=sentence):
        add(**given)

    assert CannedResponse.objects.count() == before


# --- what every brand begins with


def test_every_brand_begins_with_our_canned_responses(acme):
    ours = CannedResponse.objects.filter(is_founding=True).order_by("pk")

    assert [(row.name, row.text) for row in ours] == list(CANNED)
    assert ours[0].pk == FIRST_KEY


def test_our_canned_responses_are_well_formed_and_leave_room_for_their_blanks():
    for name, text in CANNED:
        check_well_formed(text)
        assert "name" in blanks_in(text), name
        assert len(canned.without_blanks(text)) + 10 * len(blanks_in(text)) <= 280, name


def test_a_row_of_the_brands_own_gets_a_key_of_its_own(acme):
    assert add().pk < FIRST_KEY


@pytest.mark.commits
def test_preparing_a_brand_again_brings_nothing_back_and_changes_nothing(new_brand):
    brand = new_brand()
    with committed(brand):
        first, second = queries.canned_responses()[:2]
        canned.retire(canned=first, now=NOON)
        canned.change(canned=second, name="Ours now", text="Ours.", language="en", now=NOON)

    with schemas.as_owner() as cursor:
        walls.build_brand(cursor, brand=brand, database=schemas.database_name())

    with committed(brand):
        assert first.name not in [row.name for row in queries.canned_responses()]
        assert CannedResponse.objects.get(pk=second.pk).text == "Ours."
        assert add().pk < FIRST_KEY
