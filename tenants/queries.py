"""Questions about agencies, brands and hosts. Asked from the directory."""

from django.db.models import Exists, OuterRef, Q, QuerySet

from tenants.models import Agency, Brand, BuildState, Domain, Logo


def domain_named(name: str) -> Domain | None:
    """Whose host name this is, with its agency and brand. One that leads to a brand not made yet is none yet."""
    leads_somewhere = Q(brand=None) | Q(brand__build_state=BuildState.READY)
    return Domain.objects.select_related("agency", "brand__agency").filter(leads_somewhere, name=name).first()


def agencies() -> QuerySet[Agency]:
    """Every agency, by name."""
    return Agency.objects.order_by("name", "pk")


def brands_of(agency_id: int) -> QuerySet[Brand]:
    """The brands of an agency that are made, by name, with what is needed to draw their badge."""
    brands = _ready().filter(agency_id=agency_id).prefetch_related("handles", "domains").order_by("name", "pk")
    return brands.annotate(has_logo=Exists(Logo.objects.filter(brand_id=OuterRef("pk"))))


def all_brands() -> list[Brand]:
    """Every brand that is made, in order of age."""
    return list(_ready().order_by("pk"))


def _ready() -> QuerySet[Brand]:
    return Brand.objects.filter(build_state=BuildState.READY)
