"""What is true of every model: a factory, rules that are sentences, instants and persons set together."""

from collections.abc import Iterator

import pytest
from django.apps import apps
from django.db import connection, models
from django.db.models import Q
from factory.django import DjangoModelFactory

from tenants import entry, schemas
from tenants.models import Agency, Brand, BrandModel, Stray
from tests import factories
from tests.house.source import APPS
from tests.walled import OF_AN_AGENCY

OURS = [model for model in apps.get_models() if model._meta.app_label in APPS]
FACTORIES: dict[type[models.Model], type[DjangoModelFactory]] = {
    made._meta.model: made  # type: ignore[attr-defined]
    for made in vars(factories).values()
    if isinstance(made, type) and issubclass(made, DjangoModelFactory) and made._meta.model  # type: ignore[attr-defined]
}
OF_A_BRAND = [model for model in OURS if issubclass(model, BrandModel)]
PUBLIC = [model for model in OURS if model not in OF_A_BRAND]

# `…_by` that names no person: the instant by which something is due.
DUE = {"respond_by", "resolve_by"}


def test_every_model_has_a_factory():
    assert {model.__name__ for model in OURS} - {model.__name__ for model in FACTORIES} == set()


@pytest.mark.parametrize("model", OF_A_BRAND, ids=lambda model: model.__name__)
def test_a_factory_makes_a_row_of_the_brand(acme, model):
    made = FACTORIES[model]()

    assert model.objects.filter(pk=made.pk).exists()


@pytest.mark.commits
@pytest.mark.parametrize("model", PUBLIC, ids=lambda model: model.__name__)
def test_a_factory_makes_a_public_row(own_agency, model):
    made = FACTORIES[model](**_within(own_agency, model))

    with schemas.as_owner() as cursor:
        table = model._meta.db_table
        found = cursor.execute(f"SELECT count(*) FROM {table} WHERE {model._meta.pk.column} = %s", [made.pk]).fetchone()
    assert found == (1,)


@pytest.mark.parametrize("model", OURS, ids=lambda model: model.__name__)
def test_an_instant_and_its_person_are_set_together(model):
    names = {field.name for field in model._meta.get_fields()}
    persons = {
        field.name.removesuffix("_by")
        for field in model._meta.get_fields()
        if field.name.endswith("_by") and field.name not in DUE and isinstance(field, models.ForeignKey)
    }

    assert [name for name in persons if f"{name}_at" not in names] == []
    assert [name for name in persons if not _bound_together(model, f"{name}_at", f"{name}_by")] == []


@pytest.mark.parametrize("model", OURS, ids=lambda model: model.__name__)
def test_a_name_says_whether_it_is_an_instant_or_a_date(model):
    concrete = model._meta.concrete_fields
    odd = [each.name for each in concrete if each.name.endswith("_at") and not isinstance(each, models.DateTimeField)]
    odd += [each.name for each in concrete if each.name.endswith("_on") and type(each) is not models.DateField]

    assert odd == []


@pytest.mark.parametrize("model", OURS, ids=lambda model: model.__name__)
def test_a_rule_is_named_by_a_sentence(model):
    curt = [rule.name for rule in model._meta.constraints if len([*filter(None, rule.name.split("_"))]) < 3]

    assert curt == []


def test_no_two_rules_have_one_name():
    names = [rule.name for model in OURS for rule in model._meta.constraints]

    assert len(names) == len(set(names))


@pytest.mark.parametrize("model", OURS, ids=lambda model: model.__name__)
def test_a_model_says_what_it_is_and_who_may_touch_it(model):
    assert model.__doc__
    assert not model.__doc__.startswith(f"{model.__name__}(")  # what Django writes where nobody wrote anything
    assert "wall" in vars(model) or issubclass(model, BrandModel)


def test_nothing_points_into_a_brand_from_outside():
    inward = [
        f"{model.__name__}.{field.name}"
        for model in PUBLIC
        for field in model._meta.concrete_fields
        if field.related_model in OF_A_BRAND
    ]

    assert inward == []


def test_a_brand_points_at_few_public_tables():
    outward = {
        f"{model.__name__}.{field.name}"
        for model in OF_A_BRAND
        for field in model._meta.concrete_fields
        if field.related_model and field.related_model not in OF_A_BRAND
    }

    # A person, by key: who did it. Nothing else leaves a brand's schema.
    assert outward == {
        "ConnectAttempt.begun_by",
        "Conversation.assignee",
        "Conversation.closed_by",
        "Credential.connected_by",
        "Errand.wanted_by",
        "Event.by",
        "ListeningQuery.made_by",
        "Note.noted_by",
        "Reply.approved_by",
        "Reply.author",
        "Reply.changed_by",
        "Reply.sent_back_by",
        "ReplyMedia.added_by",
        "Tagging.tagged_by",
        "Webhook.made_by",
    }


@pytest.fixture
def own_agency(house, django_db_blocker) -> Iterator[Agency]:
    """An agency that is truly committed, and gone afterwards with everything that hangs on it."""
    with django_db_blocker.unblock():
        yield (agency := factories.AgencyFactory())
        connection.close()
        with entry.directory():
            brands = list(Brand.objects.filter(agency=agency).order_by("pk"))
        connection.close()
        with schemas.as_owner() as cursor:
            cursor.execute("DELETE FROM tenants_stray")
            cursor.execute("DELETE FROM tenants_appbudget WHERE name LIKE 'test %'")
            cursor.execute("DELETE FROM tenants_appstate WHERE name LIKE 'test %'")
            for table in OF_AN_AGENCY:
                cursor.execute(f"DELETE FROM {table} WHERE agency_id = %s", [agency.pk])
            cursor.execute(
                "DELETE FROM accounts_user WHERE email LIKE '%%@factory.test' "
                "AND NOT EXISTS (SELECT FROM accounts_membership m WHERE m.user_id = accounts_user.id)"
            )
        for brand in brands:
            schemas.drop_brand(brand=brand)
        with schemas.as_owner() as cursor:
            cursor.execute("DELETE FROM tenants_domain WHERE agency_id = %s", [agency.pk])
            cursor.execute("DELETE FROM tenants_agency WHERE id = %s", [agency.pk])
            cursor.execute(f"DROP ROLE {schemas.database_name()}_agency_{agency.pk}")


def _within(agency: Agency, model: type[models.Model]) -> dict[str, Agency]:
    """What ties a row to the agency that is cleared away after the test."""
    fields = {field.name for field in model._meta.concrete_fields}
    if "agency" in fields:
        return {"agency": agency}
    return {"brand__agency": agency} if "brand" in fields and model is not Stray else {}


def _bound_together(model: type[models.Model], *names: str) -> bool:
    """Whether one check of this model speaks of all these fields."""
    checks = [rule for rule in model._meta.constraints if isinstance(rule, models.CheckConstraint)]
    return any(set(names) <= _spoken_of(check.condition) for check in checks)


def _spoken_of(condition: Q) -> set[str]:
    found: set[str] = set()
    for child in condition.children:
        found |= _spoken_of(child) if isinstance(child, Q) else {child[0].split("__")[0]}
    return found
