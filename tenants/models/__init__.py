from tenants.models.agencies import Agency, Brand, BrandState, BuildState, Domain, Handle
from tenants.models.guarded import BrandModel, BrandQuerySet
from tenants.models.marks import Logo, Mark, MarkKind, Offboarding
from tenants.models.strays import Stray, StrayReason

__all__ = [
    "Agency",
    "Brand",
    "BrandModel",
    "BrandQuerySet",
    "BrandState",
    "BuildState",
    "Domain",
    "Handle",
    "Logo",
    "Mark",
    "MarkKind",
    "Offboarding",
    "Stray",
    "StrayReason",
]
