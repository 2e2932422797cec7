"""Comparing the numbers of a column with an operand, exactly as Python does; where SQL cannot, the bounds differ."""

from __future__ import annotations

import operator as op
from decimal import Decimal
from math import ceil, floor, isinf, isnan
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Callable

    Sql = sa.ColumnElement[bool]

COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "$eq": op.eq,
    "$gt": op.gt,
    "$gte": op.ge,
    "$lt": op.lt,
    "$lte": op.le,
}
ABOVE = {"$gt", "$gte"}
BIGGEST = 2**63 - 1
NEVER = (sa.false(), sa.false())
UNKNOWN = (sa.false(), sa.true())


def twice(sql: Sql) -> tuple[Sql, Sql]:
    """Return one expression as both bounds."""
    return sql, sql


def bind(number: int) -> Any:
    """Return a whole number of eight bytes."""
    return sa.literal(number, sa.BigInteger)


def integer(sql: Any, operator: str, number: Any) -> tuple[Sql, Sql]:
    """Compare whole numbers with any number."""
    if _is_nan(number):
        return NEVER
    if _is_infinite(number):
        return NEVER if operator == "$eq" else twice(_all_or_none(operator, number))
    if operator == "$eq":
        whole = int(number)
        return twice(sql == bind(whole)) if whole == number and abs(whole) <= BIGGEST else NEVER
    whole = floor(number) if operator in {"$gt", "$lte"} else ceil(number)
    if abs(whole) > BIGGEST:
        return UNKNOWN if whole == -BIGGEST - 1 else twice(_all_or_none(operator, whole))
    return twice(COMPARE[operator](sql, bind(whole)))


def floating(sql: Any, operator: str, number: Any) -> tuple[Sql, Sql]:
    """Compare numbers of eight bytes, of which NaN equals nothing in Python, but itself in PostgreSQL."""
    exact = _as_float(number)
    if exact is None:
        return NEVER if operator == "$eq" else UNKNOWN
    is_number = sql != sa.literal(float("nan"), sa.Double)
    return NEVER if _is_nan(number) else twice(sa.and_(is_number, COMPARE[operator](sql, sa.literal(exact, sa.Double))))


def numeric(sql: Any, operator: str, number: Any) -> tuple[Sql, Sql]:
    """Compare decimal numbers, of which NaN equals nothing in Python."""
    if _is_nan(number):
        return NEVER
    if _is_infinite(number) or abs(number) > BIGGEST:
        return UNKNOWN
    is_number = sql != sa.literal(Decimal("NaN"), sa.Numeric)
    return twice(sa.and_(is_number, COMPARE[operator](sql, sa.literal(Decimal(number), sa.Numeric))))


def any_number(sql: Any, operator: str, number: Any) -> tuple[Sql, Sql]:
    """Compare SQLite's whole numbers and floats, which it compares with each other exactly."""
    if _is_nan(number):
        return NEVER
    if isinstance(number, int) and abs(number) <= BIGGEST:
        return twice(COMPARE[operator](sql, bind(int(number))))
    exact = _as_float(number)
    if exact is None:
        return NEVER if operator == "$eq" else UNKNOWN
    return twice(COMPARE[operator](sql, sa.literal(exact, sa.Double)))


def _is_nan(number: Any) -> bool:
    return number.is_nan() if isinstance(number, Decimal) else isinstance(number, float) and isnan(number)


def _is_infinite(number: Any) -> bool:
    return number.is_infinite() if isinstance(number, Decimal) else isinstance(number, float) and isinf(number)


def _as_float(number: Any) -> float | None:
    """Return the same number as a float (NaN stands for NaN), or None where no float is equal to it."""
    if _is_nan(number):
        return float("nan")
    try:
        exact = float(number)
    except OverflowError:
        return None
    return exact if exact == number else None


def _all_or_none(operator: str, number: Any) -> Sql:
    """Compare with a number beyond all that a column can hold."""
    return sa.true() if (number > 0) == (operator not in ABOVE) else sa.false()
