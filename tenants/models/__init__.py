from tenants.models.agencies import Agency, Brand, BrandState, Domain, Handle
from tenants.models.guarded import BrandModel, BrandQuerySet
from tenants.models.strays import Stray, StrayReason

__all__ = [
    "Agency",
    "Brand",
    "BrandModel",
    "BrandQuerySet",
    "BrandState",
    "Domain",
    "Handle",
    "Stray",
    "StrayReason",
]
