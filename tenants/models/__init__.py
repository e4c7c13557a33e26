from tenants.models.agencies import Agency, Brand, BrandState, BuildState, Domain, Handle
from tenants.models.app import AppBudget, AppState, Lease
from tenants.models.guarded import BrandModel, BrandQuerySet
from tenants.models.marks import Logo, Mark, MarkKind, Offboarding
from tenants.models.strays import Stray, StrayReason

__all__ = [
    "Agency",
    "AppBudget",
    "AppState",
    "Brand",
    "BrandModel",
    "BrandQuerySet",
    "BrandState",
    "BuildState",
    "Domain",
    "Handle",
    "Lease",
    "Logo",
    "Mark",
    "MarkKind",
    "Offboarding",
    "Stray",
    "StrayReason",
]
