"""What pytest shows if an `==` of runs, events, HTTP calls, files, prompts or faults fails."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import fields
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sbh_jobkit.fakes.persistent_list import PersistentList
from sbh_jobkit.run.run import Event, Fault, FileChange, HttpCall, LlmCall, Run, jsonable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    _Sequence = list[Any] | tuple[Any, ...] | PersistentList[Any]

_LISTS = (list, tuple, PersistentList)
_KINDS: dict[type, tuple[str, Callable[[Any], str]]] = {
    Event: ("event", lambda event: f"{event.at:%Y-%m-%d %H:%M %Z} {event.type} {_json(event.payload)}"),
    Fault: ("fault", lambda fault: fault.line),
    FileChange: ("file change", lambda change: f"{change.action} {change.key} ({change.size:,} bytes)"),
    HttpCall: ("HTTP call", lambda call: f"{call.at:%Y-%m-%d %H:%M %Z} {call.method} {call.url} {call.status}"),
    LlmCall: ("prompt", lambda call: f"{call.at:%Y-%m-%d %H:%M %Z} {call.prompt!r} -> {call.text!r}"),
    Run: ("run", repr),
}


def compare(op: str, left: object, right: object) -> list[str] | None:
    """Explain why two values are not equal; the right one is the expected one. None means: pytest explains it."""
    if op != "==":
        return None
    if isinstance(left, Run) and isinstance(right, Run):
        return [f"{_name(left)} == {_name(right)}", *_fields(left, right)]
    if isinstance(left, _LISTS) and isinstance(right, _LISTS):
        return _sequences(left, right)
    return None


def _name(run: Run) -> str:
    return f"run of {run.job} {run.fire_time:%Y-%m-%d %H:%M %Z}"


def _fields(left: Run, right: Run) -> Iterator[str]:
    for each in fields(Run):
        if each.compare and (mine := getattr(left, each.name)) != (other := getattr(right, each.name)):
            yield f"{each.name}: {_format_value(mine)}, expected {_format_value(other)}"


def _format_value(value: Any) -> str:
    return (
        value.isoformat()
        if isinstance(value, datetime)
        else str(value)
        if isinstance(value, timedelta)
        else repr(value)
    )


def _sequences(left: _Sequence, right: _Sequence) -> list[str] | None:
    kind = next((kind for kind in _KINDS if all(isinstance(item, kind) for item in (*left, *right))), None)
    a, b = type(left).__name__, type(right).__name__
    if not left and not right and a != b:
        return [f"both are empty, but the left is a {a} and the right a {b}: write `not …`, or compare with a {a}"]
    if kind is None or not (left or right):
        return None
    noun, line = _KINDS[kind]
    head = f"{_count(len(left), noun)} == {_count(len(right), noun)}"
    if list(left) == list(right):
        return [head, f"the items are equal, but the left is a {a} and the right a {b}: compare with a {a}"]
    mine, other = list(map(line, left)), list(map(line, right))
    missing, more = list((Counter(other) - Counter(mine)).elements()), list((Counter(mine) - Counter(other)).elements())
    if not missing and not more:
        if mine == other:
            return None  # they differ in something that the lines do not show
        return [head, "the same items in another order:", *mine]
    equal = len(mine) - len(more)
    differences = [*(f"missing: {text}" for text in missing), *(f"not expected: {text}" for text in more)]
    return [head, *differences, *([f"{_count(equal, noun)} as expected"] if equal else [])]


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _json(value: Any) -> str:
    return json.dumps(jsonable(value), ensure_ascii=False)
