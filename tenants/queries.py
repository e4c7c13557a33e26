"""Questions about agencies, brands and hosts. Asked from the directory."""

from django.db.models import QuerySet

from tenants.models import Agency, Brand, Domain, Handle


def domain_named(name: str) -> Domain | None:
    """Whose host name this is, with its agency and brand."""
    return Domain.objects.select_related("agency", "brand__agency").filter(name=name).first()


def agencies() -> QuerySet[Agency]:
    """Every agency, by name."""
    return Agency.objects.order_by("name", "pk")


def brands_of(agency_id: int) -> QuerySet[Brand]:
    """The brands of an agency, by name, with what is needed to draw their badge."""
    return Brand.objects.filter(agency_id=agency_id).prefetch_related("handles", "domains").order_by("name", "pk")


def all_brands() -> list[Brand]:
    """Every brand, in order of age."""
    return list(Brand.objects.order_by("pk"))


def all_schemas() -> list[str]:
    """The schema of every brand, in order of age."""
    return list(Brand.objects.order_by("pk").values_list("schema_name", flat=True))


def handles_of(brand: Brand) -> list[Handle]:
    """A brand's Twitter accounts, the oldest first."""
    return list(Handle.objects.filter(brand=brand).order_by("twitter_id"))
