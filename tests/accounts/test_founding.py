"""Brands are founded by an agency and made by the worker, whole or not at all; only a complete one goes live."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from django.db import connection

from accounts.domain import founding
from accounts.domain.audit import first_broken
from accounts.enums import AuditKind
from accounts.models import AuditEntry
from accounts.tasks import build_brands
from inbox.models import Conversation
from tenants import badges, entry, queries, schemas
from tenants.models import Agency, Brand, BrandState, BuildState, Domain, Logo, Mark, MarkKind
from tenants.refusals import NotNow
from tests.accounts.onboarding import break_building, mend_building, office
from tests.conftest import NOON, handle_of

__all__ = ["office"]
pytestmark = pytest.mark.commits


def said_in(brand: Brand) -> list[str]:
    with entry.agency(brand.agency_id):
        return list(AuditEntry.objects.filter(chain=f"b{brand.pk}").order_by("number").values_list("kind", flat=True))


def act(office, verb, brand, **values):
    with entry.agency(office.agency.pk):
        return verb(brand=brand, by=office.admin, now=NOON, **values)


def connect_twitter(brand: Brand) -> None:
    schemas.add_handle(brand=brand, twitter_id=handle_of(brand), username=f"Care{brand.pk}")


def test_a_founded_brand_is_a_row_that_nobody_enters_yet(office):
    brand = office.found()

    with entry.directory():
        assert brand.pk not in [each.pk for each in queries.all_brands()]
        assert list(queries.brands_of(office.agency.pk)) == []
    with pytest.raises(entry.UnknownBrand):
        entry.brand_named(office.row(brand).schema_name)
    assert office.row(brand).build_state == BuildState.CREATING
    assert said_in(brand) == [AuditKind.BRAND_FOUNDED]


def test_the_worker_makes_it(office):
    brand = office.found()

    build_brands()

    made = office.row(brand)
    assert (made.build_state, made.build_error, made.state) == (BuildState.READY, "", BrandState.PREPARING)
    assert [domain.name for domain in made.domains.all()] == [f"care.{brand.slug}.localhost"]
    with entry.brand(made):
        assert Conversation.objects.count() == 0


def test_made_twice_at_once_it_is_made_once(office):
    brand = office.found()

    with ThreadPoolExecutor(4) as workers:
        made = list(workers.map(lambda _: schemas.build_brand(brand.pk), range(4)))

    assert sorted(made) == [False, False, False, True]
    assert office.row(brand).build_state == BuildState.READY


def test_killed_half_way_nothing_is_left_and_the_next_run_makes_it(office, monkeypatch):
    brand = office.found()
    monkeypatch.setattr(schemas, "_say_built", _die)
    with pytest.raises(KeyboardInterrupt):
        founding.build_waiting()
    monkeypatch.undo()
    assert office.row(brand).build_state == BuildState.CREATING

    founding.build_waiting()

    assert office.row(brand).build_state == BuildState.READY


def test_one_that_cannot_be_made_says_why_and_may_be_tried_again(office):
    brand, other = office.found(), office.found()
    break_building(office.row(brand))
    founding.build_waiting()
    failed = office.row(brand)
    assert (failed.build_state, failed.build_error) == (
        BuildState.FAILED,
        f'schema "{failed.schema_name}" already exists',
    )
    assert office.row(other).build_state == BuildState.READY

    mend_building(failed)
    with entry.agency(office.agency.pk):
        founding.retry_brand(brand=failed)
    founding.build_waiting()

    assert (office.row(brand).build_state, office.row(brand).build_error) == (BuildState.READY, "")


def test_there_is_nothing_to_try_again_where_nothing_failed(office):
    brand = office.ready()

    with entry.agency(office.agency.pk), pytest.raises(NotNow) as refusal:
        founding.retry_brand(brand=brand)

    assert str(refusal.value) == "There is nothing to try again: it is made, or being made."


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"slug": "-acme"}, "A short name has small letters a–z, digits, and dashes inside; at most 40."),
        ({"slug": "ac me"}, "A short name has small letters"),
        ({"slug": "a" * 41}, "A short name has small letters"),
        ({"slug": "a.b"}, "A short name has small letters"),
        ({"colour": "#ffff00", "ink": "#ffffff"}, "#ffffff on #ffff00 has a contrast of 1.1 : 1"),
    ],
)
def test_a_brand_that_cannot_be_is_refused_in_words(office, values, said):
    with pytest.raises(NotNow) as refusal:
        office.found(**values)

    assert str(refusal.value).startswith(said)
    with entry.agency(office.agency.pk):
        assert Brand.objects.count() == 0


def test_a_short_name_is_one_per_agency(office):
    brand = office.found()

    with pytest.raises(NotNow) as refusal:
        office.found(slug=brand.slug)

    assert str(refusal.value).startswith(f"You have a brand with the short name “{brand.slug}” already.")


def test_a_host_that_another_agency_has_gets_the_agencys_name_in_it(office):
    brand = office.ready(slug="acme")

    assert [domain.name for domain in brand.domains.all()] == [f"care.acme.{office.agency.slug}.localhost"]


def test_a_brand_goes_live_when_nothing_is_missing(office):
    brand = office.ready()
    connect_twitter(brand)

    act(office, founding.set_live, brand)

    live = office.row(brand)
    assert (live.state, live.live_at, live.live_by_id) == (BrandState.LIVE, NOON, office.admin.pk)
    assert said_in(brand) == [AuditKind.BRAND_FOUNDED, AuditKind.BRAND_LIVE]


def test_what_is_missing_is_said(office):
    brand = office.ready()

    with pytest.raises(NotNow) as refusal:
        act(office, founding.set_live, brand)

    assert str(refusal.value) == f"{brand.name} cannot go live yet. Connect the brand's account."
    with entry.agency(office.agency.pk):
        steps = [(step.key, step.is_done) for step in founding.checklist(brand)]
    assert steps == [("built", True), ("twitter", False), ("host", True), ("people", True)]
    assert office.row(brand).state == BrandState.PREPARING


def test_one_that_is_not_made_has_the_whole_list_before_it(office):
    brand = office.found()

    with pytest.raises(NotNow) as refusal:
        act(office, founding.set_live, brand)

    assert "Wait a second or two" in str(refusal.value)
    assert "Add a host name below." in str(refusal.value)


def test_a_live_brand_rests_and_wakes_and_each_is_audited(office):
    brand = office.ready()
    connect_twitter(brand)
    act(office, founding.set_live, brand)

    act(office, founding.suspend, brand)
    rested = office.row(brand).state
    act(office, founding.resume, brand)

    assert (rested, office.row(brand).state) == (BrandState.SUSPENDED, BrandState.LIVE)
    assert said_in(brand)[2:] == [AuditKind.BRAND_SUSPENDED, AuditKind.BRAND_RESUMED]
    with entry.agency(office.agency.pk):
        assert first_broken(f"b{brand.pk}") is None


@pytest.mark.parametrize("verb", [founding.suspend, founding.resume])
def test_what_does_not_fit_the_state_is_refused(office, verb):
    brand = office.ready()

    with pytest.raises(NotNow) as refusal:
        act(office, verb, brand)

    assert str(refusal.value).startswith(f"{brand.name} is preparing, not ")


def test_a_change_is_audited_by_the_names_of_its_columns(office):
    brand = office.ready()

    act(office, founding.change_brand, brand, name="Acme Rail", zone="UTC")

    with entry.agency(office.agency.pk):
        last = AuditEntry.objects.filter(chain=f"b{brand.pk}").order_by("-number").first()
    assert (last.kind, last.facts) == (AuditKind.BRAND_CHANGED, {"changed": ["name"]})
    assert office.row(brand).name == "Acme Rail"


def test_marks_are_what_was_said_last(office):
    brand = office.ready()
    act(office, founding.set_marks, brand, marks=[(MarkKind.NAME, "Acme"), (MarkKind.HASHTAG, "#acme")])

    act(office, founding.set_marks, brand, marks=[(MarkKind.NAME, "acme"), (MarkKind.PRODUCT, "Rocket")])

    with entry.agency(office.agency.pk):
        marks = set(Mark.objects.filter(brand=brand).values_list("kind", "text"))
    assert marks == {("name", "Acme"), ("product", "Rocket")}


def test_a_logo_is_kept_and_taken_away(office):
    brand = office.ready()
    picture = badges.picture_from(badges.tile("#0b6e4f"))

    act(office, founding.set_logo, brand, picture=picture)
    with entry.agency(office.agency.pk):
        kept = bytes(Logo.objects.get(brand=brand).png)
    act(office, founding.set_logo, brand, picture=None)

    assert kept == picture.png
    with entry.agency(office.agency.pk):
        assert not Logo.objects.filter(brand=brand).exists()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("http://care.example.com/", "“http://care.example.com/” is no host name."),
        ("care_example.com", "“care_example.com” is no host name."),
        ("nodots", "“nodots” is no host name."),
        ("127.0.0.1", "“127.0.0.1” is Nightjar's own."),
        ("192.168.1.10", "“192.168.1.10” is Nightjar's own."),
        ("twitter.localhost", "“twitter.localhost” is Nightjar's own."),
        ("northlight.localhost", "Host names under localhost are given by Nightjar."),
        ("care.acme.localhost", "Host names under localhost are given by Nightjar."),
        (f"{'a' * 64}.example.com", "is no host name."),
        ("", "“” is no host name."),
    ],
)
def test_a_host_name_that_cannot_be_is_refused_in_words(office, name, said):
    brand = office.ready()

    with pytest.raises(NotNow) as refusal:
        act(office, founding.add_host, brand, name=name)

    assert said in str(refusal.value)


def test_a_host_name_of_anothers_is_taken(office, house):
    brand, other = office.ready(), office.ready()
    act(office, founding.add_host, brand, name="Care.Example.com.")

    for each in (brand, other):
        with pytest.raises(NotNow) as refusal:
            act(office, founding.add_host, each, name="care.example.com")
        assert str(refusal.value).startswith("“care.example.com” leads somewhere already")

    with entry.directory():
        assert queries.domain_named("care.example.com").brand_id == brand.pk


def test_the_last_host_name_stays(office):
    brand = office.ready()
    [first] = brand.domains.all()

    with pytest.raises(NotNow) as refusal:
        act(office, founding.remove_host, brand, domain_id=first.pk)

    assert str(refusal.value) == "A brand keeps at least one host name: add another first."
    act(office, founding.add_host, brand, name="care.second.example")
    act(office, founding.remove_host, brand, domain_id=first.pk)
    with entry.agency(office.agency.pk):
        assert list(Domain.objects.filter(brand=brand).values_list("name", flat=True)) == ["care.second.example"]


def test_an_agency_is_founded_and_made(office):
    slug = f"{office.agency.slug}-two"
    with entry.operators():
        agency = founding.found_agency(name="Two", slug=slug, by=office.operator, now=NOON)
        assert agency.build_state == BuildState.CREATING

    founding.build_waiting()

    with entry.directory():
        made = Agency.objects.get(pk=agency.pk)
        hosts = list(Domain.objects.filter(agency=agency).values_list("name", flat=True))
    with entry.agency(agency.pk):
        assert Brand.objects.count() == 0
    assert (made.build_state, hosts) == (BuildState.READY, [f"{slug}.localhost"])
    _end(agency)


@pytest.mark.parametrize(
    ("slug", "said"), [("twitter", "“twitter” is a host of Nightjar's own."), ("", "A short name")]
)
def test_an_agency_that_cannot_be_is_refused_in_words(office, slug, said):
    with entry.operators(), pytest.raises(NotNow) as refusal:
        founding.found_agency(name="Two", slug=slug, by=office.operator, now=NOON)

    assert str(refusal.value).startswith(said)


def _die(*_: object) -> None:
    raise KeyboardInterrupt


def _end(agency: Agency) -> None:
    with schemas.as_owner() as owner:
        owner.execute("DELETE FROM tenants_domain WHERE agency_id = %s", [agency.pk])
        owner.execute("DELETE FROM tenants_agency WHERE id = %s", [agency.pk])
        owner.execute(f'DROP ROLE "{schemas.database_name()}_agency_{agency.pk}"')


def test_the_login_role_cannot_make_what_the_worker_makes(office):
    brand = office.found()

    with entry.agency(office.agency.pk), connection.cursor() as cursor, pytest.raises(Exception) as error:
        cursor.execute(f'CREATE SCHEMA "{office.row(brand).schema_name}"')

    assert isinstance(error.value.__cause__, psycopg.errors.InsufficientPrivilege)
