"""Why a filter found no row, where its author has probably made a mistake that is no error in itself."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from difflib import get_close_matches
from itertools import islice
from typing import TYPE_CHECKING, Any

from sbh_jobkit.errors import nearest
from sbh_jobkit.filters import MISSING, Condition, Filter, Group, operator_for, value_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    Row = Mapping[str, Any]

_SAMPLE = 200
"""So many rows are looked at."""
_MOST_VALUES = 50
"""A field with more values than this is not a list of words, among which one could be misspelt."""
_NEAR = 0.75
_NUMBER = re.compile(r"\d")
_LEAST = 3
"""A shorter name could be any other."""
_SUFFIX = "__"
"""Django writes `status__in`."""


def explain(table: str | None, rows: Sequence[Row], given: Filter, *, complete: bool = False) -> tuple[str, str] | None:
    """Return what is probably wrong with a filter that matched none of the rows, and what to do; or None.

    `complete` says that every row has all the fields that the table can have.
    """
    sample, of = list(islice(rows, _SAMPLE)), f" of {table!r}" if table is not None else ""
    for condition in _required(given.root) if sample else ():
        present = [value for row in sample if (value := value_of(row, condition.field)) is not MISSING]
        found = _of_values(condition, present) if present else _of_name(condition, sample, of, complete=complete)
        found = found or _of_dict(condition, present, rows)
        if found is not None:
            return found
    return None


def doubt(rows: Iterable[Row], given: Filter) -> tuple[str, str] | None:
    """Return the same, or that a value is spelled a little like one that is there, which may be meant."""
    known = list(rows)
    if (found := explain(None, known, given)) is not None:
        return found
    for condition in _required(given.root):
        if condition.operator == "$eq" and "." not in condition.field:
            values = [row[condition.field] for row in known if row.get(condition.field) is not None]
            if (found := _of_near_values(condition.field, condition.operand, values)) is not None:
                return found
    return None


def _required(node: Condition | Group) -> Iterator[Condition]:
    """Yield the conditions that every matching row must meet, except for those that a missing field can meet."""
    if isinstance(node, Condition):
        if node.operator != "$exists" and node.operand is not None:
            yield node
    elif node.operator == "$and":
        for part in node.parts:
            yield from _required(part)


def _of_name(condition: Condition, sample: list[Row], of: str, *, complete: bool) -> tuple[str, str] | None:
    fields = dict.fromkeys(str(name) for row in sample for name in row)
    if condition.operator == "$eq" and (meant := _joining(condition)) is not None:
        return f"no row{of} has a field {condition.field!r}, and an operator begins with $", f"write {meant}"
    name, suffix, operator = condition.field.partition(_SUFFIX)
    if suffix and name in fields:
        message = f"no row{of} has a field {condition.field!r}"
        return message, f"write {{{name!r}: {{{f'${operator}'!r}: …}}}}"
    parent, _, member = condition.field.rpartition(".")
    above = [value for row in sample if (value := value_of(row, parent)) is not MISSING] if parent else []
    if above and all(isinstance(value, (list, tuple)) for value in above):
        message = f"the field {parent!r} is a list, and a path goes into objects only"
        return message, f"leave it out of the filter, and ask in Python for {member!r} of row[{parent!r}]"
    first = condition.field.partition(".")[0]
    near = nearest(first, fields) if first not in fields and len(first) >= _LEAST else None
    if near is None and complete and first not in fields:
        return f"no row{of} has a field {condition.field!r}; it has {', '.join(fields)}", _CHECK_NAME
    if near is None:
        return None
    return f"no row{of} has a field {condition.field!r}; did you mean {near!r}?", _CHECK_NAME


def _joining(condition: Condition) -> str | None:
    """Return how to write `and`, `or` and `not` in place of a field that has filters for its value."""
    operator, operand = operator_for(condition.field), condition.operand
    if operator == "$not" and isinstance(operand, Mapping):
        return "{'$not': {…}}"
    filters = isinstance(operand, (list, tuple)) and operand and all(isinstance(each, Mapping) for each in operand)
    return f"{{{operator!r}: […]}}" if filters and operator in {"$and", "$or", "$not"} else None


def _of_values(condition: Condition, present: list[Any]) -> tuple[str, str] | None:
    values = [value for value in present if value is not None]
    lists = bool(values) and all(isinstance(value, (list, tuple)) for value in values)
    operand, field = condition.operand, condition.field
    asked = operand if condition.operator == "$in" else (operand,)
    if lists and condition.operator in {"$eq", "$in", "$regex"} and all(isinstance(each, str) for each in asked):
        message = f"the field {field!r} is a list, and a list never equals text: a filter compares the whole list"
        return (
            message,
            f"leave it out of the filter, and ask in Python: {asked[0]!r} in row[{field!r}]" if asked else "",
        )
    if condition.operator == "$eq" and isinstance(operand, (list, tuple)) and _are_single(values):
        written = json.dumps(list(operand), default=repr)
        return f"{written} is a list, and the field {field!r} is not", f'write {{"{field}": {{"$in": {written}}}}}'
    return None


def _are_single(values: list[Any]) -> bool:
    return bool(values) and not any(isinstance(value, (list, tuple, Mapping)) for value in values)


def _of_dict(condition: Condition, present: list[Any], rows: Iterable[Row]) -> tuple[str, str] | None:
    """Return what is wrong with a dict to compare with: its keys are operators without `$`, or no row has a dict."""
    operand, field = condition.operand, condition.field
    if condition.operator != "$eq" or not isinstance(operand, Mapping) or not operand:
        return None
    values = [value for value in present if value is not None]
    meant = [
        operator_for(key) if isinstance(key, str) and key.lower() not in {"and", "or"} else None for key in operand
    ]
    exact = all(operator == f"${key}".lower() for key, operator in zip(operand, meant, strict=True))
    dicts = [value for row in rows if isinstance(value := value_of(row, field), Mapping)]
    if any(key in each for each in dicts for key in operand) or ((dicts or not values) and not exact):
        return None
    if not all(meant):
        message = f"{{{', '.join(map(repr, operand))}: …}} is a dict, and the field {field!r} is not"
        return message, f"write the value itself, or an operator such as {{{field!r}: {{'$gte': …}}}}"
    named, has = " and ".join(map(repr, operand)), "has" if len(operand) == 1 else "have"
    message = f"{named} {has} no $, so the field {field!r} is compared with the whole dict"
    if values and all(isinstance(value, (list, tuple)) for value in values):
        return message, f"leave it out of the filter, and ask in Python of row[{field!r}], which is a list"
    return message, f"write {{{field!r}: {{{', '.join(f'{operator!r}: …' for operator in meant)}}}}}"


def _of_near_values(field: str, value: Any, values: Iterable[Any]) -> tuple[str, str] | None:
    kinds = {type(each) for each in values}
    if isinstance(value, str) and kinds == {str}:
        known = set(values)
        if len(known) > _MOST_VALUES or value in known or _NUMBER.search(value):
            return None
        same = [each for each in known if each.strip().lower() == value.strip().lower()]
        near = same or get_close_matches(value, sorted(known), n=1, cutoff=_NEAR)
        return (f"{field!r} is never {value!r}", f"did you mean {near[0]!r}?") if near else None
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if number and kinds == {str} and str(value) in set(values):
        return f"{field!r} is text, and {value!r} is a number", f"write {str(value)!r}"
    if isinstance(value, str) and kinds <= {int, float} and kinds and value in {f"{each}" for each in values}:
        return f"{field!r} is a number, and {value!r} is text", f"write {value}"
    return None


_CHECK_NAME = "a row without the field never matches; check the name"
