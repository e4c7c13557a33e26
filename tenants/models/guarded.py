"""Rows that remember which brand they came from.

The database keeps brands apart by role, but a row read in one brand and saved in another would be written there
under a role that may: same table, same primary key. The stamp makes that raise (decision 0003).
"""

from collections.abc import Iterable, Iterator
from typing import Any, Self, TypeVar

from django.db import models
from django.db.models import Q

from tenants.database.base import connection
from tenants.wall import Wall

Row = TypeVar("Row", bound=models.Model, covariant=True)


class BrandQuerySet(models.QuerySet[Row]):
    """A queryset that runs only in the brand in which it was written, alone or as part of another.

    Written outside of any, as in a form's class, it belongs to the brand that first runs it; what it has fetched is
    shown nowhere else.
    """

    _brand_id: int = 0
    _hints: dict[str, Any]

    @property
    def db(self) -> str:
        self._check_brand()
        _check_same_brand(self._hints.get("instance"))
        return super().db

    # Whoever extends, combines or nests a queryset asks for its query.
    @property
    def query(self) -> Any:
        self._check_brand()
        return super().query

    @query.setter
    def query(self, value: Any) -> None:
        models.QuerySet.query.fset(self, value)  # type: ignore[attr-defined]

    @property
    def _result_cache(self) -> list[Any] | None:
        rows = self.__dict__.get("_result_cache")
        if rows is not None:
            self._check_brand()
        return rows

    @_result_cache.setter
    def _result_cache(self, rows: list[Any] | None) -> None:
        if rows is not None:
            self._brand_id = self._brand_id or connection.scope.brand_id
        self.__dict__["_result_cache"] = rows

    def iterator(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        return _within_one_brand(super().iterator(*args, **kwargs))

    def contains(self, obj: models.Model) -> bool:
        _check_same_brand(obj)
        return super().contains(obj)

    def update(self, **values: Any) -> int:
        _check_same_brand(*values.values())
        return super().update(**values)

    update.alters_data = True  # type: ignore[attr-defined]

    def bulk_create(self, objs: Iterable[Any], *args: Any, **kwargs: Any) -> list[Any]:
        rows = list(objs)
        _check_may_be_written(rows)
        made = super().bulk_create(rows, *args, **kwargs)
        for row in made:
            row._state.brand_id = connection.scope.brand_id  # type: ignore[attr-defined]
        return made

    def bulk_update(self, objs: Iterable[Any], *args: Any, **kwargs: Any) -> int:
        rows = list(objs)
        _check_may_be_written(rows)
        return super().bulk_update(rows, *args, **kwargs)

    bulk_update.alters_data = True  # type: ignore[attr-defined]

    def _filter_or_exclude_inplace(self, negate: bool, args: Any, kwargs: dict[str, Any]) -> None:
        _check_same_brand(*_rows_in((*args, *kwargs.values())))
        super()._filter_or_exclude_inplace(negate, args, kwargs)  # type: ignore[misc]

    def _clone(self) -> Self:
        clone: Self = super()._clone()  # type: ignore[misc]
        clone._brand_id = self._brand_id
        return clone

    def _check_brand(self) -> None:
        if self._brand_id and self._brand_id != connection.scope.brand_id:
            raise CrossedBrands("A query written in one brand was used in another, or outside of any.")


_FromQuerySet = models.Manager.from_queryset(BrandQuerySet)


class _BrandManager(_FromQuerySet[Row]):
    def get_queryset(self) -> BrandQuerySet[Row]:
        queryset: BrandQuerySet[Row] = super().get_queryset()  # type: ignore[assignment]
        queryset._brand_id = connection.scope.brand_id
        return queryset


class BrandModel(models.Model):
    """A row of a brand's schema. Made or read in one brand, it is neither saved, deleted nor followed in another."""

    wall = Wall(brand="select, insert, update, delete")

    objects = _BrandManager()

    class Meta:
        abstract = True
        base_manager_name = "objects"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._state.brand_id = connection.scope.brand_id or None  # type: ignore[attr-defined]

    def save_base(self, *args: Any, **kwargs: Any) -> None:
        _check_may_be_written([self])
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


def _check_may_be_written(rows: Iterable[models.Model]) -> None:
    """Rows, and the rows that they were made to point to: those have the same keys in every brand."""
    for row in rows:
        _check_same_brand(row, *row._state.fields_cache.values())


def _check_same_brand(*values: Any) -> None:
    """Of these values, those that are rows with a stamp must be of the brand that we stand in."""
    for value in values:
        stamped = getattr(value._state, "brand_id", None) if isinstance(value, models.Model) else None
        if stamped is not None and stamped != connection.scope.brand_id:
            raise CrossedBrands(f"{type(value).__name__} {value.pk} belongs to another brand than the one entered.")


def _within_one_brand(rows: Iterator[Any]) -> Iterator[Any]:
    """The rows, as long as we stand where the first was asked for: each is stamped when it is made."""
    brand_id = connection.scope.brand_id
    for row in rows:
        yield row
        if connection.scope.brand_id != brand_id:
            raise CrossedBrands("An iterator that was begun in one brand was continued in another, or outside of any.")


def _rows_in(conditions: Iterable[Any]) -> Iterator[models.Model]:
    """The rows that conditions name, however deep."""
    for condition in conditions:
        if isinstance(condition, models.Model):
            yield condition
        elif isinstance(condition, Q):
            yield from _rows_in(child[1] if isinstance(child, tuple) else child for child in condition.children)
        elif isinstance(condition, (list, tuple, set, frozenset)):
            yield from (value for value in condition if isinstance(value, models.Model))
