"""Filters as SQL, by two bounds: what a condition *surely* matches, and what it *perhaps* matches.

Where both are the same, the database answers alone. Otherwise it narrows, and the predicate of `sbh_jobkit.filters`
decides on the rows between the two. `$not` swaps the bounds. Between them are: text that is or may be a time, naive
times next to a change of clocks, `$regex` (Python's language, never the database's), dotted paths, JSON, numbers that
the column's type does not hold exactly, and operands of unusual types.

Every expression is true or false and never NULL, so that NOT is the opposite. Text compares by code point.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from sbh_jobkit.filters import Condition, Filter, Group, instant_parser
from sbh_jobkit.live import numbers
from sbh_jobkit.live.columns import Column, Kind
from sbh_jobkit.live.numbers import ABOVE, BIGGEST, COMPARE, NEVER, UNKNOWN, bind, twice
from sbh_jobkit.live.written_times import DAY, EPOCH, at_a_glance, bind_text, days_around, usual_time

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import tzinfo

    Sql = sa.ColumnElement[bool]

_KNOWN = {*(type(None), bool, int, float, Decimal, str, bytes, list, dict, tuple), datetime, date}
"""Types of operands whose comparisons are known; any other may define its own."""
_NUMBERS = {Kind.INTEGER: numbers.integer, Kind.FLOAT: numbers.floating, Kind.NUMERIC: numbers.numeric}
_TEXTUAL = {Kind.TEXT, Kind.UUID, Kind.OTHER, Kind.JSON}
_STEP = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What surely matches, and what perhaps matches; `open` are the conditions for which they differ."""

    surely: Sql
    perhaps: Sql
    open: tuple[Condition, ...] = ()


def compile_filter(wanted: Filter, columns: Mapping[str, Column], tz: tzinfo) -> Bounds:
    """Return the bounds of a filter on a table with these columns; naive times are in `tz`."""
    return _Compiler(columns, tz).node(wanted.root)


def _exactly(sql: Sql) -> Bounds:
    return Bounds(sql, sql)


_NONE, _ALL = _exactly(sa.false()), _exactly(sa.true())


class _Compiler:
    """Compiles the parts of one filter."""

    def __init__(self, columns: Mapping[str, Column], tz: tzinfo) -> None:
        self._columns = columns
        self._tz = tz
        self._to_instant = instant_parser(tz)

    def node(self, node: Condition | Group) -> Bounds:
        if isinstance(node, Condition):
            return self._condition(node)
        parts = [self.node(part) for part in node.parts]
        left = tuple(condition for part in parts for condition in part.open)
        if node.operator == "$not":
            return Bounds(sa.not_(parts[0].perhaps), sa.not_(parts[0].surely), left)
        join, neutral = (sa.or_, sa.false()) if node.operator == "$or" else (sa.and_, sa.true())
        return Bounds(join(neutral, *(x.surely for x in parts)), join(neutral, *(x.perhaps for x in parts)), left)

    def _condition(self, condition: Condition) -> Bounds:
        column = self._columns.get(condition.field)
        if column is None:
            return self._path(condition)
        if condition.operator == "$exists":
            return _ALL if condition.operand else _NONE
        surely, perhaps = self._not_null(column, condition.operator, condition.operand)
        if self._python(condition, {condition.field: None}):
            surely, perhaps = (sa.or_(column.sql.is_(None), bound) for bound in (surely, perhaps))
        else:
            surely, perhaps = (_and(column.sql.is_not(None), bound) for bound in (surely, perhaps))
        return Bounds(surely, perhaps, () if surely.compare(perhaps) else (condition,))

    def _path(self, condition: Condition) -> Bounds:
        """Return the bounds for a field that is no column: a path into one, or missing in every row."""
        names = condition.field.split(".")
        above = [".".join(names[:end]) for end in range(1, len(names))]
        nested = {Kind.JSON, Kind.OTHER}
        if any(name in self._columns and self._columns[name].kind in nested for name in above):
            return Bounds(*UNKNOWN, (condition,))
        return _ALL if self._python(condition, {}) else _NONE

    def _python(self, condition: Condition, row: Mapping[str, Any]) -> bool:
        return Filter(root=condition).predicate(self._tz)(row)

    def _not_null(self, column: Column, operator: str, operand: Any) -> tuple[Sql, Sql]:
        """Return what matches where the column is not NULL."""
        if column.kind is Kind.JSON or (column.kind is Kind.OTHER and not column.dynamic):
            return UNKNOWN
        if operator == "$regex":
            textual = column.dynamic or column.kind in _TEXTUAL
            return sa.false(), _is(column, "text") if textual else sa.false()
        if operator == "$in":
            return self._member(column, operand)
        if type(operand) not in _KNOWN:
            return UNKNOWN
        return (self._dynamic if column.dynamic else self._typed)(column, operator, operand)

    def _member(self, column: Column, operands: tuple[Any, ...]) -> tuple[Sql, Sql]:
        plain = [
            each
            for each in operands
            if type(each) is str and self._to_instant(each) is None and _storable(each, column)
        ]
        whole = [each for each in operands if type(each) is int and abs(each) <= BIGGEST]
        sets: list[Sql] = []
        others = list(operands)
        if plain and column.kind is Kind.TEXT:
            sets.append(_and(_is(column, "text"), _text(column).in_([bind_text(each) for each in plain])))
            others = [each for each in others if each not in plain]
        if whole and column.kind is Kind.INTEGER:
            sets.append(_and(_is(column, "integer", "real"), column.sql.in_([bind(each) for each in whole])))
            others = [each for each in others if type(each) is not int or each not in whole]
        pairs = [self._not_null(column, "$eq", each) for each in others if each is not None]
        return sa.or_(sa.false(), *sets, *(x for x, _ in pairs)), sa.or_(sa.false(), *sets, *(x for _, x in pairs))

    def _dynamic(self, column: Column, operator: str, operand: Any) -> tuple[Sql, Sql]:
        """Return what matches in SQLite, where each value has its own type."""
        if isinstance(operand, (bool, int, float, Decimal)):
            if isinstance(operand, bool) and operator != "$eq":
                return NEVER
            surely, perhaps = numbers.any_number(column.sql, operator, operand)
            guard = _is(column, "integer", "real")
            if column.kind is Kind.BOOLEAN and operator != "$eq":
                guard = sa.and_(guard, column.sql.not_in([0, 1]))
            return _and(guard, surely), _and(guard, perhaps)
        if isinstance(operand, bytes):
            return twice(_and(_is(column, "blob"), COMPARE[operator](column.sql, sa.literal(operand))))
        if isinstance(operand, (str, date)):
            guard, at = _is(column, "text"), self._to_instant(operand)
            surely, perhaps = self._text(column, operator, operand)
            if column.kind in {Kind.NAIVE, Kind.DATE}:
                if at is not None:
                    dashed = isinstance(operand, str) and operand[4:5] == "-"
                    surely, perhaps = self._written_time(column, operator, at, (surely, perhaps), dashed=dashed)
                elif operator != "$eq":
                    surely, perhaps = UNKNOWN  # a value that is a time is not compared as text
            return _and(guard, surely), _and(guard, perhaps)
        return NEVER

    def _typed(self, column: Column, operator: str, operand: Any) -> tuple[Sql, Sql]:
        """Return what matches in PostgreSQL, where all values of a column have its type."""
        kind, sql, at = column.kind, column.sql, self._to_instant(operand)
        found: tuple[Sql, Sql] = NEVER
        if kind is Kind.BOOLEAN:
            condition = Condition(field="b", operator=operator, operand=operand)
            true, false = (self._python(condition, {"b": flag}) for flag in (True, False))
            found = twice(sa.or_(sa.false(), *([sql.is_(True)] * true), *([sql.is_(False)] * false)))
        elif kind in _NUMBERS and isinstance(operand, (bool, int, float, Decimal)):
            ordered = isinstance(operand, bool) and operator != "$eq"
            found = NEVER if ordered else _NUMBERS[kind](sql, operator, operand)
        elif kind is Kind.TEXT and isinstance(operand, (str, date)):
            found = self._text(column, operator, operand)
        elif kind in {Kind.AWARE, Kind.NAIVE, Kind.DATE} and at is not None:
            found = self._time(column, operator, at)
        elif kind is Kind.BYTES and isinstance(operand, bytes):
            found = twice(COMPARE[operator](sql, sa.literal(operand, sa.LargeBinary)))
        elif kind is Kind.UUID and isinstance(operand, str):
            found = self._uuid(column, operator, operand)
        return found

    def _uuid(self, column: Column, operator: str, operand: str) -> tuple[Sql, Sql]:
        text = sa.cast(column.sql, sa.Text)
        if self._to_instant(operand) is not None or not _storable(operand, column):
            return UNKNOWN
        return twice(COMPARE[operator](sa.collate(text, "C"), bind_text(operand)))

    def _text(self, column: Column, operator: str, operand: Any) -> tuple[Sql, Sql]:
        """Return what matches among texts, of which some may be times."""
        at = self._to_instant(operand)
        if at is not None:
            return _text_or_time(column, operator, operand, at)
        if _storable(operand, column):
            return twice(COMPARE[operator](_text(column, ordered=operator != "$eq"), bind_text(operand)))
        return NEVER if operator == "$eq" else UNKNOWN

    def _written_time(
        self, column: Column, operator: str, at: timedelta, others: tuple[Sql, Sql], *, dashed: bool
    ) -> tuple[Sql, Sql]:
        """Return what matches among times that SQLite has as text: those in the usual form sort as they are."""
        try:
            early, late = self._local_times(at)
        except (OverflowError, TypeError):
            return others
        window, (usual, sortable) = days_around(at), usual_time(column.sql)
        if window is None:
            return others
        first, last = (bind_text(when.isoformat(" ", "microseconds")) for when in (early, late))
        own = _between(operator, sortable, first, last, exact=early == late)
        near, sure = at_a_glance(column.sql, operator, window, dashed=dashed)
        surely, perhaps = (
            sa.and_(near, sa.or_(sure, sa.case((usual, one), else_=other)))
            for one, other in zip(own, others, strict=True)
        )
        return surely, perhaps

    def _time(self, column: Column, operator: str, at: timedelta) -> tuple[Sql, Sql]:
        """Return what matches among times, as instants."""
        try:
            if column.kind is Kind.AWARE:
                return twice(COMPARE[operator](column.sql, sa.literal(EPOCH + at, sa.DateTime(timezone=True))))
            early, late = self._local_times(at)
        except (OverflowError, TypeError):  # at the ends of the calendar, or a zone without offsets
            return UNKNOWN
        sql = column.sql if column.kind is Kind.NAIVE else sa.cast(column.sql, sa.DateTime)
        first, last = (sa.literal(when, sa.DateTime()) for when in (early, late))
        return _between(operator, sql, first, last, exact=early == late)

    def _local_times(self, at: timedelta) -> tuple[datetime, datetime]:
        """Return the earliest and the latest naive time that may be this instant."""
        utc = (EPOCH + at).replace(tzinfo=None)
        least, most = self._offsets(utc)
        return utc + least, utc + most

    def _offsets(self, utc: datetime) -> tuple[timedelta, timedelta]:
        """Return the least and the largest offset of naive times that may be this instant."""
        steps = int(2 * DAY / _STEP)
        found = [self._tz.utcoffset(utc - DAY + number * _STEP) for number in range(steps + 1)]
        known = [offset for offset in found if offset is not None]
        if len(known) < len(found):
            raise TypeError
        return min(known), max(known)


def _between(operator: str, sql: Any, first: Any, last: Any, *, exact: bool) -> tuple[Sql, Sql]:
    """Compare with a naive time that lies between two, as an instant."""
    compare = COMPARE[operator]
    if exact:
        return twice(compare(sql, first))
    if operator == "$eq":
        return sa.false(), sa.and_(sql >= first, sql <= last)
    sure, maybe = (last, first) if operator in ABOVE else (first, last)
    return compare(sql, sure), compare(sql, maybe)


def _and(guard: Sql, bound: Sql) -> Sql:
    """Return both, the guard last: the bound rules most rows out, and SQLite asks a function for the guard."""
    return bound if isinstance(bound, sa.False_) else sa.and_(bound, guard)


def _is(column: Column, *types: str) -> Sql:
    """Return whether a value of SQLite has one of these types; in other databases the column's type says so."""
    if not column.dynamic:
        return sa.true()
    kind = sa.func.typeof(column.sql)
    return kind == types[0] if len(types) == 1 else kind.in_(types)


def _storable(text: str, column: Column) -> bool:
    """Whether a database can hold a text: only SQLite has NUL, and UTF-8 has no halves of characters."""
    return (column.dynamic or "\0" not in text) and not any("\ud800" <= character <= "\udfff" for character in text)


def _text(column: Column, *, ordered: bool = False) -> Any:
    """Return a column as text by code point; equality needs no collation where the column has none of its own."""
    if column.dynamic:
        sql = column.sql if column.kind is Kind.TEXT else sa.cast(column.sql, sa.Text)
        return sa.collate(sql, "BINARY")
    return sa.collate(column.sql, "C") if ordered or column.collated else column.sql


def _text_or_time(column: Column, operator: str, operand: Any, at: timedelta) -> tuple[Sql, Sql]:
    """Return what matches among texts where the operand is a time: ISO 8601 sorts by days, so SQL narrows to a few."""
    window = days_around(at)
    if window is None:
        return UNKNOWN
    text, ordered = _text(column), _text(column, ordered=True)
    (low, high), (compact_low, compact_high) = (tuple(map(bind_text, pair)) for pair in window)
    if operator == "$eq":
        compact = sa.and_(ordered >= compact_low, ordered < compact_high)
        near = sa.or_(sa.and_(ordered >= low, ordered < high), compact)
        return (text == bind_text(operand) if isinstance(operand, str) else sa.false()), near
    if not isinstance(operand, str):  # text that is not a time does not match
        return sa.false(), ordered >= low if operator in ABOVE else ordered < compact_high
    if operand[4:5] != "-":
        return UNKNOWN
    before, after = ordered < low, sa.and_(ordered >= high, sa.func.substr(ordered, 5, 1) == bind_text("-"))
    return (after, ordered >= low) if operator in ABOVE else (before, sa.not_(after))
