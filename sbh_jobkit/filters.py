"""The filter language of `ctx.db.query`: parsed and checked once, then compiled to a fast Python predicate.

`parse` finds every mistake and never sees a row, so that another compiler (SQL) can use the same tree. Times are
datetimes, dates (as their midnight) and ISO 8601 text: a calendar date, alone or with `T` or a space and a time of day.
Other ISO forms stay text, because order numbers look like them, such as `2026-01-02-10`. Times compare as instants; a
naive one is in the zone given to `predicate`, and its `fold` counts if clocks skip or repeat it. A value that cannot be
compared does not match, without an error.
"""

from __future__ import annotations

import operator as op
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from numbers import Number
from typing import TYPE_CHECKING, Any

from sbh_jobkit.errors import FilterError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable

    Compare = Callable[[Any, Any], bool]
    Test = Callable[[Any], bool]
    Predicate = Callable[[Mapping[str, Any]], bool]
    ToInstant = Callable[[Any], timedelta | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One of `$eq $gt $gte $lt $lte $in $exists $regex` on a field; `$ne` and `$nin` become a `$not` of one."""

    field: str
    operator: str
    operand: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Parts joined by `$and` (true without parts) or `$or`, or the single part of a `$not`."""

    operator: str
    parts: tuple[Condition | Group, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """A valid filter."""

    root: Condition | Group

    def predicate(self, tz: tzinfo) -> Predicate:
        """Return a function that is true for rows that match; naive times are in `tz`."""
        return _compile(self.root, tz)


def parse(filters: Mapping[str, Any] | None, *, where: str = "filters") -> Filter:
    """Parse a filter (None and {} match every row); raises FilterError with the path from `where` to the mistake."""
    return Filter(root=_parse_node({} if filters is None else filters, (where,)))


_ORDERINGS: dict[str, Compare] = {"$gt": op.gt, "$gte": op.ge, "$lt": op.lt, "$lte": op.le}
_NEGATIONS = {"$ne": "$eq", "$nin": "$in"}
_IN_A_FIELD = ("$eq", "$ne", *_ORDERINGS, "$in", "$nin", "$exists", "$regex", "$not")
_AT_THE_TOP = ("$and", "$or", "$not")
_MEANT = {
    **dict.fromkeys(("$like", "$ilike", "$contains", "$icontains", "$startswith", "$endswith", "$match"), "$regex"),
    **dict.fromkeys(("$text", "$search", "$glob", "$rlike"), "$regex"),
    **dict.fromkeys(("$is", "$equals", "$equal", "$same", "$="), "$eq"),
    **dict.fromkeys(("$not_equal", "$isnot", "$is_not", "$!="), "$ne"),
    **dict.fromkeys(("$any", "$oneof", "$one_of", "$contained"), "$in"),
    **dict.fromkeys(("$not_in", "$notin", "$none", "$none_of"), "$nin"),
    **dict.fromkeys(("$after", "$greater", "$above", "$>"), "$gt"),
    **dict.fromkeys(("$min", "$from", "$since", "$>="), "$gte"),
    **dict.fromkeys(("$before", "$less", "$below", "$<"), "$lt"),
    **dict.fromkeys(("$max", "$until", "$<="), "$lte"),
    **dict.fromkeys(("$null", "$isnull", "$is_null", "$notnull", "$has"), "$exists"),
    "$nor": "$not",
}
"""Operators of other languages, and the one that means it here."""
_DEEPEST = 100
MISSING = object()
"""What `value_of` returns for a field that a row does not have."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SHAPES = {"--", "--T", "-- "}
_HASHED = (str, int, float, bool, type(None), Number)  # values that are equal only if their hashes are


def _parse_node(value: Any, path: tuple[object, ...], field: str | None = None) -> Condition | Group:
    """Parse a filter, or the value of a `field` in it."""
    if len(path) > _DEEPEST:
        raise _error(path[:1], f"the filter is nested more than {_DEEPEST} levels deep; make it flatter")
    operators = [isinstance(key, str) and key.startswith("$") for key in value] if isinstance(value, Mapping) else []
    if field is None and not isinstance(value, Mapping):
        raise _error(path, f"{value!r} is not a filter; use a dict such as {{'status': 'active'}}")
    if field is not None and not any(operators):
        _refuse_pattern(value, path)
        return Condition(field=field, operator="$eq", operand=value)
    if field is not None and not all(operators):
        raise _error(path, f"{value!r} mixes operators with plain keys; for equality with this dict use {{'$eq': ...}}")
    parts = tuple(_parse_part(key, operand, path, field) for key, operand in value.items())
    return parts[0] if len(parts) == 1 else Group(operator="$and", parts=parts)


def _parse_part(key: Any, operand: Any, path: tuple[object, ...], field: str | None) -> Condition | Group:
    if not isinstance(key, str):
        raise _error(path, f"the field name {key!r} is not text; use a string such as {str(key)!r}")
    allowed = _AT_THE_TOP if field is None else _IN_A_FIELD
    if key.startswith("$") and key not in allowed:
        raise _error(path, _explain_operator(key, allowed))
    below = (*path, key)
    if key == "$not":
        return Group(operator=key, parts=(_parse_node(operand, below, field),))
    if key in _AT_THE_TOP:
        if not isinstance(operand, (list, tuple)) or not operand:
            raise _error(below, f"{operand!r} is not a list of filters; use a list such as [{{'a': 1}}, {{'b': 2}}]")
        return Group(
            operator=key, parts=tuple(_parse_node(part, (*below, number)) for number, part in enumerate(operand))
        )
    if field is None:
        return _parse_node(operand, below, key)
    condition = Condition(field=field, operator=_NEGATIONS.get(key, key), operand=_operand(key, operand, below))
    return Group(operator="$not", parts=(condition,)) if key in _NEGATIONS else condition


def operator_for(name: str) -> str | None:
    """Return the operator that is meant by a name without its `$`, such as `gte`, `>=` or `contains`, or None."""
    written = f"${name.strip().lower()}"
    return written if written in {*_IN_A_FIELD, *_AT_THE_TOP} else _MEANT.get(written)


def _refuse_pattern(value: Any, path: tuple[object, ...]) -> None:
    """Refuse a compiled regular expression where a value is compared: it equals no value of a row."""
    for each in value if isinstance(value, (list, tuple, set, frozenset)) else (value,):
        if isinstance(each, re.Pattern):
            raise _error(path, f"a compiled pattern equals no value; use {{'$regex': {each.pattern!r}}}")


def _operand(operator: str, operand: Any, path: tuple[object, ...]) -> Any:
    if operator != "$regex":
        _refuse_pattern(operand, path)
    if operator in {"$in", "$nin"}:
        if not isinstance(operand, (list, tuple, set, frozenset)):
            raise _error(path, f"{operand!r} is not a list, tuple or set; use [{operand!r}]")
        return tuple(operand)
    if operator == "$exists" and not isinstance(operand, bool):
        raise _error(path, f"{operand!r} is not a bool; use True or False")
    if operator == "$regex":
        if isinstance(operand, re.Pattern):
            raise _error(path, f"a compiled pattern is not text; use {operand.pattern!r}")
        if not isinstance(operand, str):
            raise _error(path, f"{operand!r} is not text; use a regular expression such as '^a'")
        if (why := _regex_problem(operand)) is not None:
            raise _error(path, f"{operand!r} is not a regular expression: {why}; for plain text use re.escape()")
    return operand


@lru_cache(maxsize=1024)
def _regex_problem(pattern: str) -> str | None:
    """Return why a pattern cannot be compiled; a warning of Python's about it counts, too."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            re.compile(pattern)
        except (re.error, OverflowError, RecursionError, Warning) as error:
            return str(error)
    return None


def _explain_operator(name: str, allowed: tuple[str, ...]) -> str:
    if name in _IN_A_FIELD:
        return f"the operator {name!r} needs a field; use {{'name': {{{name!r}: ...}}}}"
    if name in _AT_THE_TOP:
        return f"the operator {name!r} cannot be inside a field; use {{{name!r}: [{{'name': ...}}, {{'name': ...}}]}}"
    meant = _MEANT.get(name.lower())
    hint = f"; did you mean {meant!r}?" if meant in allowed else did_you_mean(name, allowed)
    return f"unknown operator {name!r}{hint or '; use one of ' + ' '.join(allowed)}"


def _error(path: tuple[object, ...], text: str) -> FilterError:
    return FilterError(f"{path[0]}{''.join(f'[{key!r}]' for key in path[1:])}: {text}")


def _compile(node: Condition | Group, tz: tzinfo) -> Predicate:
    if isinstance(node, Condition):
        return _compile_condition(node, tz)
    parts = [_compile(part, tz) for part in node.parts]
    if node.operator == "$not":
        return lambda row: not parts[0](row)
    if node.operator == "$or":
        return lambda row: any(part(row) for part in parts)
    if len(parts) == 2:  # noqa: PLR2004  a range is the usual case: faster without a generator
        first, second = parts
        return lambda row: first(row) and second(row)
    return lambda row: all(part(row) for part in parts)


def _compile_condition(condition: Condition, tz: tzinfo) -> Predicate:
    field, test = condition.field, _test(condition.operator, condition.operand, instant_parser(tz))
    default = MISSING if condition.operator == "$exists" else None
    names = field.split(".") if "." in field else []

    def predicate(row: Mapping[str, Any]) -> bool:
        try:
            return test(_find(row, names, default) if names else row.get(field, default))
        except Exception:  # noqa: BLE001  rows may hold any object, and one whose operators raise does not match
            return False

    return predicate


def value_of(row: Mapping[str, Any], field: str) -> Any:
    """Return the value of a field, which may be a dotted path, or MISSING."""
    return _find(row, field.split("."), MISSING)


def _find(value: Any, names: list[str], default: object) -> Any:
    if isinstance(value, (dict, Mapping)):
        for end in range(len(names), 0, -1):
            key = ".".join(names[:end])
            if key in value:
                return value[key] if end == len(names) else _find(value[key], names[end:], default)
    return default


def _test(operator: str, operand: Any, to_instant: ToInstant) -> Test:
    if operator == "$exists":
        return lambda value: (value is not MISSING) is operand
    if operator == "$regex":
        search = re.compile(operand).search
        return lambda value: isinstance(value, str) and search(value) is not None
    if operator == "$in":
        return _membership(operand, to_instant)
    at = to_instant(operand)
    if operator == "$eq":
        return (lambda value: bool(value == operand)) if at is None else (lambda value: to_instant(value) == at)
    compare = _ORDERINGS[operator]
    if at is not None:
        return _time_ordering(compare, operand, at, to_instant)
    kinds = next(of for of in ((bool,), (int, float, Number), (str,), (type(operand),)) if isinstance(operand, of))
    return lambda value: isinstance(value, kinds) and type(value) is not bool and bool(compare(value, operand))


def _membership(operands: tuple[Any, ...], to_instant: ToInstant) -> Test:
    times = {to_instant(operand) for operand in operands} - {None}
    others = [operand for operand in operands if to_instant(operand) is None]
    hashed = {
        x for x in others if type(x) in _HASHED and op.eq(x, x)
    }  # without NaN, which a set finds although it equals nothing
    all_hashed = all(type(x) in _HASHED for x in others)

    def test(value: Any) -> bool:
        if times and to_instant(value) in times:
            return True
        if all_hashed and isinstance(value, _HASHED):
            return value in hashed
        return any(value == x for x in others)

    return test


def _time_ordering(compare: Compare, operand: Any, at: timedelta, to_instant: ToInstant) -> Test:
    # For speed, text that is more than two days before or after is compared without parsing: offsets are shorter than a
    # day, so the order is the same in any zone. Only `2026-01-02` is compared so: `20260102` sorts after every `2026-`.
    text = operand if isinstance(operand, str) else ""
    low = high = ""
    if text[4:5] == "-":
        day = date.fromisoformat(text[:10]).toordinal()
        low = date.fromordinal(max(day - 2, 1)).isoformat()
        high = date.fromordinal(day + 3).isoformat() if day + 3 <= date.max.toordinal() else "9999-99"
    before, after = compare(0, 1), compare(1, 0)

    def test(value: Any) -> bool:
        if high and type(value) is str:
            if value < low:
                return before
            if value >= high and value[4:5] == "-":
                return after
        if (when := to_instant(value)) is not None:
            return compare(when, at)
        return text != "" and isinstance(value, str) and compare(value, text)

    return test


def instant_parser(tz: tzinfo) -> ToInstant:
    """Return a function from a value to its time since 1970: comparing datetimes ignores `fold` within a zone."""
    naive, local = _EPOCH.replace(tzinfo=None), _EPOCH.replace(tzinfo=tz)
    offset: Callable[[datetime], timedelta] = tz.utcoffset  # type: ignore[assignment]  # None raises below

    def to_instant(value: Any) -> timedelta | None:
        try:
            when = value if type(value) is datetime else _as_datetime(value)
            if when is None:
                return None
            if (zone := when.tzinfo) is None:
                return when - naive - offset(when)
            return when - local - offset(when) if zone is tz and zone is not UTC else when - _EPOCH
        except (
            NotImplementedError,
            TypeError,
            ValueError,
        ):  # text that only looks like ISO 8601, NaT, a zone without offsets
            return None

    return to_instant


def _as_datetime(value: Any) -> datetime | None:
    if isinstance(value, str):
        looks_iso = value[4:11:3] in _SHAPES or (value[8:9] in {"", "T"} and value[:8].isdigit())
        return datetime.fromisoformat(value) if looks_iso else None
    if isinstance(value, datetime):
        return value
    return datetime(value.year, value.month, value.day) if isinstance(value, date) else None  # noqa: DTZ001  midnight
