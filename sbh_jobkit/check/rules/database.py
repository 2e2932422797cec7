"""Rules for the database: what is asked for, what cannot be asked, and whether all rows were meant."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from sbh_jobkit.check.flow.values import UNSET
from sbh_jobkit.check.loops import changed, counts, exits, names
from sbh_jobkit.errors import FilterError
from sbh_jobkit.filters import parse
from sbh_jobkit.plugin.members import WRITES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sbh_jobkit.check.finding import Finding
    from sbh_jobkit.check.flow.trace import Called
    from sbh_jobkit.check.flow.values import Value
    from sbh_jobkit.check.subject import Subject

_SQL = re.compile(r"\s*(select|insert|update|delete|with|drop|alter)\s", re.IGNORECASE)
_LIKE = {"$like": "$regex", "$ilike": "$regex", "$contains": "$regex", "$startswith": "$regex", "$not_in": "$nin"}
_GOES_THROUGH = {"", *(f"builtins.{name}" for name in ("len", "list", "sorted", "sum", "min", "max", "set", "tuple"))}
_FEW = {"plugin_jobs"}
"""Tables that never have many rows."""
_DEPTH = 8


def findings(subject: Subject) -> Iterator[Finding]:
    """Yield questions to the database that fail, or that are answered with less than was meant."""
    for member in subject.trace.members:
        name = member.path.removeprefix("db.")
        if member.path == f"db.{name}" and name in WRITES and not member.probed:
            message = f"ctx.db is read-only to a job: {name} is not offered; it has query, get_by_id and count"
            advice = "keep what a job makes with ctx.files.upload, or send it to an API with ctx.http"
            yield subject.found(member, "db-write", message, advice=advice)
    for called in subject.trace.calls:
        if called.ours and called.path.startswith("db."):
            yield from _sql(subject, called)
            yield from _filter(subject, called)
            if called.path == "db.query":
                yield from _limit(subject, called)
                yield from _stuck(subject, called)


def _sql(subject: Subject, called: Called) -> Iterator[Finding]:
    table = called.argument(0, "table")
    text = table.literal if table is not None else None
    target = table.target if table is not None and isinstance(table.target, tuple) else ("", "")
    start = text if isinstance(text, str) else f"{target[1]}"
    if _SQL.match(start):
        message = f"ctx.{called.path} takes the name of a table, not SQL"
        advice = 'write ctx.db.query("users", {"plan": "trial"}, limit=1000)'
        yield subject.found(called, "sql", message, called.argument_node(0, "table"), advice=advice)


def _filter(subject: Subject, called: Called) -> Iterator[Finding]:
    if called.path == "db.get_by_id":
        return
    filters = called.argument(1, "filters")
    if filters is None or filters.keys is None:
        return
    try:
        parse(_plain(filters))  # type: ignore[arg-type] # a dict, or parse says what else it is
    except FilterError as error:
        wrong = next((name for name in _LIKE if f"'{name}'" in str(error)), None)
        message = str(error)
        if wrong is not None:
            message = (
                f"{message.partition('unknown operator')[0]}unknown operator {wrong!r}; did you mean {_LIKE[wrong]!r}?"
            )
        yield subject.found_in(filters, called, "filter-invalid", message)


def _plain(value: Value, operator: str = "", depth: int = _DEPTH) -> object:
    """Return a filter as data, with something valid in place of what is not known."""
    if value.keys is not None and depth:
        return {
            key if isinstance(key, str) else "field": _plain(each, key if isinstance(key, str) else "", depth - 1)
            for key, each in value.keys
            if key is not UNSET
        }
    if value.parts is not None and depth:
        return [_plain(each, operator, depth - 1) for each in value.parts] or [{}]
    if value.is_constant:
        return value.literal
    known = {"$in": [], "$nin": [], "$exists": True, "$regex": "", "$and": [{}], "$or": [{}], "$not": {}}
    return known.get(operator, "value")


def _limit(subject: Subject, called: Called) -> Iterator[Finding]:
    """Find questions without a limit whose rows are gone through or counted as if they were all."""
    table = called.argument(0, "table")
    if called.starred or called.argument(2, "limit") or called.argument(3, "offset") or table is None:
        return
    used = [each for each in subject.trace.uses if each.value.origin == called.origin and each.how == "iterate"]
    if table.literal in _FEW or not any(each.name in _GOES_THROUGH for each in used):
        return
    yield subject.found(
        called,
        "default-limit",
        "without a limit, ctx.db.query returns 100 rows at most, and this takes them for all",
        called.call,
        level="warning" if _is_wide(called.argument(1, "filters")) else "note",
        advice="give limit=…, or ask page by page with limit=… and offset=…",
    )


def _is_wide(filters: Value | None) -> bool:
    """Whether a filter lets through a whole class of rows; a value from the run, such as a time, narrows it."""
    if filters is None or filters.is_none:
        return True
    return filters.keys is not None and all(_is_written(each) for _, each in filters.keys)


def _is_written(value: Value) -> bool:
    if value.keys is not None:
        return all(_is_written(each) for _, each in value.keys)
    return value.is_constant or (value.parts is not None and all(_is_written(each) for each in value.parts))


def _stuck(subject: Subject, called: Called) -> Iterator[Finding]:
    """Find a loop over pages in which nothing that is asked for ever changes."""
    loop = called.loops[-1] if called.loops else None
    if not isinstance(loop, ast.While) or called.starred or called.call not in ast.walk(loop):
        return
    ways, moving = [*exits(loop)], changed(loop)
    asked = names(called.call) - {"ctx"}
    counted = any(names(test) & counts(loop) for tests in ways for test in tests)
    if asked & moving or counted or any(not tests for tests in ways) or not ways:
        return
    yield subject.found(
        called,
        "page-stuck",
        "this loop asks for the same rows again and again",
        called.call,
        advice="add the number of rows to the offset: offset += len(rows)",
    )
