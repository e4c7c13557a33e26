"""The admin as somebody uses it who is no developer: a word on every page, nothing lost, nothing of others'."""

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.domain import endings
from accounts.domain.people import add_person
from accounts.enums import Role
from accounts.tasks import build_brands, end_brands
from config.rights import ADMIN_RIGHTS
from tenants import badges, entry, schemas
from tenants.models import Agency, AppState, Brand, BrandState, BuildState, Logo, Mark
from tests.accounts.onboarding import break_building, office
from tests.conftest import NOON, handle_of
from tests.visiting import count_of, queries_counted

__all__ = ["office"]
pytestmark = [pytest.mark.commits, pytest.mark.usefixtures("static_files")]

NEW = {
    "name": "Harbour Rail",
    "slug": "harbour",
    "colour": "#0b6e4f",
    "ink": "",
    "zone": "Europe/Lisbon",
    "languages": ["en", "pt"],
    "reopen_hours": "48",
    "marks-TOTAL_FORMS": "3",
    "marks-INITIAL_FORMS": "0",
    "marks-0-kind": "name",
    "marks-0-text": "Harbour",
    "marks-1-kind": "hashtag",
    "marks-1-text": "harbourrail",
    "marks-2-kind": "name",
    "marks-2-text": "",
}


def words_of(answer) -> str:
    """What a page says, without its tags."""
    text = re.sub(r"<script.*?</script>|<[^>]*>", " ", answer.content.decode(), flags=re.S)
    return " ".join(text.replace("&#x27;", "'").replace("&quot;", '"').split())


def made(office) -> Brand:
    with entry.agency(office.agency.pk):
        return Brand.objects.get()


def form_of(brand: Brand) -> str:
    return f"/admin/tenants/brand/{brand.pk}/"


def test_the_front_page_names_what_can_be_set_up(office):
    answer = office.browser().get("/admin/")

    assert answer.status_code == 200
    for part in ("Brands", "People", "Invitations", "Endings"):
        assert part in words_of(answer)


def test_the_operators_front_page_names_agencies(office):
    answer = office.operators_browser().get("/admin/")

    assert answer.status_code == 200
    assert "Agencies" in words_of(answer)
    assert "Brands" not in words_of(answer).replace("brands", "")


def test_how_the_app_stands_at_twitter_is_said_in_words_and_with_its_zone(office):
    with entry.directory():
        AppState.objects.create(name="stream_heard", since=NOON)
        AppState.objects.create(name="stream", since=NOON, why="Twitter closed it.")
    try:
        said = words_of(office.operators_browser().get("/admin/tenants/appstate/"))
    finally:
        with entry.directory():
            AppState.objects.filter(pk__in=["stream", "stream_heard"]).delete()

    assert f"The stream is lost Since {NOON:%-d %b %Y, %H:%M} UTC Until - Why Twitter closed it." in said
    assert "The stream was heard last" in said
    assert "stream_heard" not in said


@pytest.mark.parametrize("way", ["login/", "logout/"])
def test_the_admins_own_log_in_leads_to_ours(office, way):
    answer = office.browser().get(f"/admin/{way}")

    assert (answer.status_code, answer.headers["Location"]) == (302, "/login/" if way == "login/" else "/")


def test_a_brand_is_founded_by_a_form(office):
    answer = office.browser().post("/admin/tenants/brand/add/", NEW)

    brand = made(office)
    assert (answer.status_code, answer.headers["Location"]) == (302, form_of(brand))
    assert (brand.name, brand.slug, brand.zone, brand.languages) == (
        "Harbour Rail",
        "harbour",
        "Europe/Lisbon",
        ["en", "pt"],
    )
    assert (brand.build_state, brand.reopen_window.total_seconds()) == (BuildState.CREATING, 48 * 3600)
    with entry.agency(office.agency.pk):
        assert set(Mark.objects.values_list("kind", "text")) == {("name", "Harbour"), ("hashtag", "#harbourrail")}


def test_its_page_changes_by_itself_until_it_is_made(office):
    browser = office.browser()
    brand = office.found()

    before = browser.get(form_of(brand)).content.decode()
    build_brands()
    after = browser.get(form_of(brand)).content.decode()

    assert ('hx-trigger="every 1s"' in before, 'hx-trigger="every 1s"' in after) == (True, False)
    assert "Getting ready" in after


def test_one_that_could_not_be_made_says_why_and_has_a_button(office):
    brand = office.found()
    break_building(office.row(brand))
    build_brands()

    page = words_of(office.browser().get(form_of(brand)))
    answer = office.browser().post(f"{form_of(brand)}retry/")

    assert "already exists" in page
    assert "Try again" in page
    assert (answer.status_code, office.row(brand).build_state) == (302, BuildState.CREATING)
    schemas.drop_brand(brand=office.row(brand))


def test_the_checklist_leads_to_what_is_missing(office):
    brand = office.ready()
    browser = office.browser()

    page = browser.get(form_of(brand)).content.decode()
    browser.post(f"{form_of(brand)}live/")
    refused = words_of(browser.get(form_of(brand)))

    assert f'href="/b/{brand.slug}/settings/twitter/"' in page
    assert f"{brand.name} cannot go live yet. Connect the brand's account." in refused
    assert office.row(brand).state == BrandState.PREPARING


def test_a_complete_brand_is_set_live_suspended_and_resumed(office):
    brand = office.ready()
    schemas.add_handle(brand=brand, twitter_id=handle_of(brand), username="Harbour")
    browser, states = office.browser(), []

    for act in ("live", "suspend", "resume"):
        assert browser.post(f"{form_of(brand)}{act}/").status_code == 302
        states.append(office.row(brand).state)

    assert states == [BrandState.LIVE, BrandState.SUSPENDED, BrandState.LIVE]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": ""}, "This field is required."),
        ({"slug": "Har bour"}, "Enter a valid “slug”"),
        ({"slug": "-harbour"}, "A short name has small letters a–z, digits, and dashes inside; at most 40."),
        ({"colour": "red"}, "A colour is written like #0b6e4f."),
        ({"colour": "#ffff00", "ink": "#ffffff"}, "#ffffff on #ffff00 has a contrast of 1.1 : 1"),
        ({"zone": "Mars/Base"}, "Select a valid choice."),
        ({"languages": ["tlh"]}, "Select a valid choice."),
        ({"reopen_hours": "-1"}, "Ensure this value is greater than or equal to 1."),
        ({"marks-2-kind": "name", "marks-2-text": "HARBOUR"}, "“HARBOUR” is in the list twice as a name. Remove one."),
        ({"marks-2-kind": "link", "marks-2-text": "no link"}, "Write a link like example.com"),
        ({"name": "x" * 81}, "Ensure this value has at most 80 characters"),
        ({"name": "a\x00b"}, "Null characters are not allowed."),
    ],
)
def test_what_cannot_be_is_said_on_the_same_form_and_nothing_is_lost(office, wrong, said):
    answer = office.browser().post("/admin/tenants/brand/add/", {**NEW, **wrong})

    assert answer.status_code in (200, 409)
    assert said in words_of(answer)
    assert 'value="harbourrail"' in answer.content.decode() or 'value="#harbourrail"' in answer.content.decode()
    with entry.agency(office.agency.pk):
        assert (Brand.objects.count(), Mark.objects.count()) == (0, 0)


def test_a_short_name_that_is_taken_is_refused_on_the_form(office):
    office.ready(slug=NEW["slug"])

    answer = office.browser().post("/admin/tenants/brand/add/", NEW)

    assert answer.status_code == 409
    assert "You have a brand with the short name “harbour” already." in words_of(answer)
    assert 'value="Harbour Rail"' in answer.content.decode()


@pytest.mark.parametrize(
    ("upload", "said"),
    [
        (b"<svg onload=alert(1)>", "This is an SVG or a web page, which can hold scripts."),
        (b"GIF89a;<script>", "This is no picture that we can read."),
        (b"\x89PNG" + b"0" * 2_000_001, "This file is larger than 2 MB."),
    ],
    ids=["svg", "script", "large"],
)
def test_a_logo_that_is_none_is_refused_at_its_field(office, upload, said):
    file = SimpleUploadedFile("logo.png", upload, content_type="image/png")

    answer = office.browser().post("/admin/tenants/brand/add/", {**NEW, "logo": file})

    assert (answer.status_code, said in words_of(answer)) == (200, True)
    with entry.agency(office.agency.pk):
        assert (Brand.objects.count(), Logo.objects.count()) == (0, 0)


def test_a_logo_is_served_on_both_hosts_with_its_hash(office):
    brand, browser = office.ready(), office.browser()
    file = SimpleUploadedFile("x.svg", badges.tile("#0b6e4f"), content_type="image/svg+xml")
    changed = {**NEW, "name": brand.name, "logo": file}
    assert browser.post(form_of(brand), changed).status_code == 302

    answer = browser.get(f"/b/{brand.slug}/logo/")
    public = office.browser_of(brand).get("/logo/")

    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/png")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert public.content == answer.content
    assert browser.get(f"/b/{brand.slug}/logo/", headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304


def test_marks_are_removed_and_the_brand_renamed_on_one_form(office):
    browser = office.browser()
    browser.post("/admin/tenants/brand/add/", NEW)
    brand = made(office)
    with entry.agency(office.agency.pk):
        ids = list(Mark.objects.order_by("kind", "text", "pk").values_list("pk", "kind", "text"))
    lines = {"marks-TOTAL_FORMS": "2", "marks-INITIAL_FORMS": "2"}
    for place, (pk, kind, text) in enumerate(ids):
        lines |= {f"marks-{place}-id": pk, f"marks-{place}-kind": kind, f"marks-{place}-text": text}

    answer = browser.post(form_of(brand), {**NEW, "name": "Harbour", **lines, "marks-0-DELETE": "on"})

    assert answer.status_code == 302
    assert office.row(brand).name == "Harbour"
    with entry.agency(office.agency.pk):
        assert list(Mark.objects.values_list("text", flat=True)) == [ids[1][2]]


def test_host_names_are_added_and_removed(office):
    brand, browser = office.ready(), office.browser()

    browser.post(f"{form_of(brand)}host/", {"name": "care.harbour.example"})
    page = words_of(browser.get(form_of(brand)))
    browser.post(f"{form_of(brand)}host/", {"name": "http://no"})
    refused = words_of(browser.get(form_of(brand)))
    for wanted in ("", "0", "-1", "x", "9" * 30):
        assert browser.post(f"{form_of(brand)}host-removed/", {"domain": wanted}).status_code == 302

    assert "care.harbour.example leads to" in page
    assert "“http://no” is no host name." in refused
    assert len(office.row(brand).domains.all()) == 2


def test_a_brands_own_host_answers_under_the_clients_name(office):
    brand, browser = office.ready(), office.browser()
    browser.post(f"{form_of(brand)}host/", {"name": "care.harbour.example"})

    answer = office.browser_of(brand, host="care.harbour.example").get("/")

    assert (answer.status_code, answer.headers["Location"]) == (302, "/login/?next=/")


def test_a_list_costs_the_same_with_one_and_with_three(office):
    browser = office.browser()
    office.ready()
    browser.get("/admin/tenants/brand/")
    with queries_counted() as with_one:
        browser.get("/admin/tenants/brand/")
    office.ready(), office.ready()

    with queries_counted() as with_three:
        answer = browser.get("/admin/tenants/brand/")

    assert answer.content.decode().count("brand-tile") >= 3
    assert count_of(with_three) == count_of(with_one)


def test_the_agencies_cost_the_same_however_many_brands_they_have(office):
    browser = office.operators_browser()
    browser.get("/admin/tenants/agency/")
    with queries_counted() as before:
        browser.get("/admin/tenants/agency/")
    office.ready(), office.ready()

    with queries_counted() as after:
        answer = browser.get("/admin/tenants/agency/")

    assert office.agency.name in words_of(answer)
    assert count_of(after) == count_of(before)


def test_an_agency_is_founded_by_a_form_and_handed_to_its_admin(office):
    browser, slug = office.operators_browser(), f"{office.agency.slug}-n"
    answer = browser.post("/admin/tenants/agency/add/", {"name": "Northern", "slug": slug})
    build_brands()
    with entry.operators():
        agency = Agency.objects.get(slug=slug)

    page = browser.get(answer.headers["Location"]).content.decode()
    taken = browser.post("/admin/tenants/agency/add/", {"name": "Northern", "slug": slug})

    assert answer.headers["Location"] == f"/admin/tenants/agency/{agency.pk}/"
    assert "Invite its first admin" in page
    assert f"/admin/accounts/invitation/add/?agency={agency.pk}" in page
    assert (taken.status_code, f"There is an agency with the short name “{slug}” already." in words_of(taken)) == (
        409,
        True,
    )
    end_agency_of_form(agency)


def test_an_operator_is_shown_nothing_of_an_agencys_work(office):
    brand = office.ready(name="Secret Brand")

    for address in ("/admin/", "/admin/tenants/agency/", f"/admin/tenants/agency/{office.agency.pk}/"):
        assert brand.name not in words_of(office.operators_browser().get(address))
    assert office.operators_browser().get("/admin/tenants/brand/").status_code == 404


def test_a_brand_of_another_agency_is_not_there(office, house):
    browser = office.browser()

    asked = browser.get(form_of(house.acme))
    acts = [browser.post(f"{form_of(house.acme)}{act}/") for act in ("live", "suspend", "end", "host", "retry")]

    assert (asked.status_code, asked.headers["Location"]) == (302, "/admin/")
    assert [answer.status_code for answer in acts] == [403] * 5
    assert "Acme Air" not in words_of(browser.get("/admin/tenants/brand/"))
    with entry.directory():
        assert Brand.objects.get(pk=house.acme.pk).state == BrandState.LIVE


@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.AGENT, Role.TRAINEE])
def test_the_admin_is_for_admins(office, role):
    person = add_person(
        email=f"{role}@{office.agency.slug}.test",
        name="No Admin",
        password="secret",
        agency_id=office.agency.pk,
        role=role,
    )
    browser = office.browser_as(person)

    assert [browser.get(f"/admin/{page}").status_code for page in ("", "tenants/brand/", "tenants/offboarding/")] == [
        403
    ] * 3


@pytest.mark.parametrize(
    "asked",
    ["accounts/invitation/?word_hash__startswith=a", "accounts/membership/?user__password__startswith=a"],
)
def test_a_list_is_asked_nothing_of_columns(office, asked):
    office_answers = [office.browser().get(f"/admin/{asked}").status_code]
    office_answers.append(office.operators_browser().get("/admin/accounts/user/?password__startswith=a").status_code)

    assert office_answers == [400, 400]


def test_what_is_done_is_done_by_post_alone(office):
    brand = office.ready()

    answers = [
        office.browser().get(f"{form_of(brand)}{act.replace('_', '-')}/").status_code
        for act in ADMIN_RIGHTS["tenants_brand"][1]
    ]

    assert answers == [405] * len(answers)


def test_a_brand_is_ended_page_by_page(office):
    brand, browser = office.ready(name="Leaving Air"), office.browser()
    asked = browser.post(f"{form_of(brand)}end/").headers["Location"]
    waiting = words_of(browser.get(asked))
    end_brands()

    export = browser.post(f"{asked}export/")
    file = b"".join(export.streaming_content)
    browser.post(f"{asked}confirm/", {"typed": "leaving"})
    wrong = words_of(browser.get(asked))
    browser.post(f"{asked}confirm/", {"typed": "Leaving Air"})
    end_brands()
    page = words_of(browser.get(asked))
    certificate = browser.post(f"{asked}certificate/").json()

    assert "Everything is being exported" in waiting
    assert (export.headers["Content-Type"], file[:2]) == ("application/zip", b"PK")
    assert "That is not the brand's name." in wrong
    assert "Certificate of erasure" in page
    assert certificate["brand"] == "Leaving Air"
    assert certificate["certificate"] in page


def test_a_brand_may_be_kept_after_all(office):
    brand, browser = office.ready(), office.browser()
    asked = browser.post(f"{form_of(brand)}end/").headers["Location"]

    browser.post(f"{asked}withdraw/")

    assert "the brand stays" in words_of(browser.get(asked))
    assert office.row(brand).state == BrandState.PREPARING


def test_clients_staff_find_their_brand_closed_while_it_rests(office):
    brand = office.ready()
    client = add_person(
        email=f"client@{office.agency.slug}.test",
        name="Vera Viewer",
        password="secret",
        agency_id=office.agency.pk,
        brand_id=brand.pk,
        role=Role.CLIENT_VIEWER,
    )
    before = office.browser_of(brand, person=client).get("/").status_code
    with entry.agency(office.agency.pk):
        endings.ask(brand=brand, by=office.admin, now=NOON)

    answer = office.browser_of(brand, person=client).get("/")
    staff = office.browser_of(brand, person=office.admin.pk).get("/")

    assert (before, answer.status_code, staff.status_code) == (200, 403, 200)
    assert f"{brand.name} is closed" in words_of(answer)


def test_a_brand_that_is_not_made_is_entered_by_nobody(office):
    brand = office.found()

    answer = office.browser().get(f"/b/{brand.slug}/")

    assert answer.status_code in (403, 404, 409)
    assert office.browser().get("/").status_code == 200


def end_agency_of_form(agency: Agency) -> None:
    with schemas.as_owner() as owner:
        owner.execute("DELETE FROM tenants_domain WHERE agency_id = %s", [agency.pk])
        owner.execute("DELETE FROM tenants_agency WHERE id = %s", [agency.pk])
        owner.execute(f'DROP ROLE "{schemas.database_name()}_agency_{agency.pk}"')
