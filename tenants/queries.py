"""Questions about agencies, brands and hosts. Asked from the directory."""

from django.db.models import QuerySet

from tenants.models import Agency, Brand, Domain


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
