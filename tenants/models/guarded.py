"""Rows that remember which brand they came from.

The database keeps brands apart by role, but a row read in one brand and saved in another would be written there
under a role that may: same table, same primary key. The stamp makes that raise (decision 0003).
"""

from typing import Any, Self, TypeVar

from django.db import models

from tenants.database.base import connection
from tenants.wall import Wall

Row = TypeVar("Row", bound=models.Model, covariant=True)


class BrandQuerySet(models.QuerySet[Row]):
    """A queryset that runs only in the brand in which it was written."""

    _brand_id: int = 0
    _hints: dict[str, Any]

    @property
    def db(self) -> str:
        if self._brand_id and self._brand_id != connection.scope.brand_id:
            raise CrossedBrands("A query written in one brand was run in another, or outside of any.")
        _check_same_brand(self._hints.get("instance"))
        return super().db

    def _clone(self) -> Self:
        clone: Self = super()._clone()  # type: ignore[misc]
        clone._brand_id = self._brand_id
        return clone


_FromQuerySet = models.Manager.from_queryset(BrandQuerySet)


class _BrandManager(_FromQuerySet[Row]):
    def get_queryset(self) -> BrandQuerySet[Row]:
        queryset: BrandQuerySet[Row] = super().get_queryset()  # type: ignore[assignment]
        queryset._brand_id = connection.scope.brand_id
        return queryset


class BrandModel(models.Model):
    """A row of a brand's schema. Read in one brand, it can be neither saved, deleted nor followed in another."""

    wall = Wall(brand="select, insert, update, delete")

    objects = _BrandManager()

    class Meta:
        abstract = True
        base_manager_name = "objects"

    @classmethod
    def from_db(cls, *args: Any, **kwargs: Any) -> Self:
        instance = super().from_db(*args, **kwargs)
        instance._state.brand_id = connection.scope.brand_id  # type: ignore[attr-defined]
        return instance

    def save_base(self, *args: Any, **kwargs: Any) -> None:
        _check_same_brand(self)
        super().save_base(*args, **kwargs)
        self._state.brand_id = connection.scope.brand_id  # type: ignore[attr-defined]

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        _check_same_brand(self)
        return super().delete(*args, **kwargs)

    def refresh_from_db(self, *args: Any, **kwargs: Any) -> None:
        _check_same_brand(self)
        super().refresh_from_db(*args, **kwargs)


class CrossedBrands(RuntimeError):
    """A row or query of one brand was used in another. Always a bug; nothing was read or written."""


def _check_same_brand(instance: models.Model | None) -> None:
    if instance is None:
        return
    stamped = getattr(instance._state, "brand_id", None)
    if stamped is not None and stamped != connection.scope.brand_id:
        raise CrossedBrands(f"{type(instance).__name__} {instance.pk} belongs to another brand than the one entered.")
