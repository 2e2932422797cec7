"""What jobs returned: words that the platform does not know, and items that failed inside a success."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sbh_jobkit.run.run import Outcome, jsonable
from sbh_jobkit.simulation.observations.observation import Observation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sbh_jobkit.run.run import Run

_BAD_WORD = re.compile(
    r"(?i)fail(ed|ure|ing)?|err(or(ed|s)?)?|crash(ed)?|time(d[ _-]?)?out|partial(ly)?|abort(ed)?|invalid|denied"
    r"|refused|unavailable|broken|unhealthy|exception|ko|nok|rejected"
    r"|unsuccessful|not[ _-]?ok|incomplete"
)
_OTHER_NAMES = frozenset({"state", "result", "outcome"})
"""Names that are sometimes used in place of `status`."""
_YES_OR_NO = frozenset({"ok", "success", "successful", "succeeded"})
_NO = frozenset({"false", "0", "no", "none"})
_HTTP_FAILED = 400
_FAILED = re.compile(r"(?i)(.*_)?(failed|failures?|errors?|errored|error_count|failure_count)")
_WORKED = re.compile(
    r"(?i)(.*_)?(done|sent|ok|success(es|ful)?|succeeded|processed|created|updated|written|synced|imported|exported|emitted"
    r"|delivered|handled|completed|made|saved|uploaded|deleted)"
)
_RIGHT = 'return {"status": "error", "error": "…"} where a job fails; the platform takes anything else for success'
_LONGEST = 80


def value_observations(run: Run) -> Iterator[Observation]:
    """Yield what is probably not meant in the value that a run returned."""
    if run.outcome is not Outcome.OK:
        return
    message = _unknown_word(run.value)
    if message is not None:
        yield Observation(kind="status-unknown", job=run.job, message=message, advice=_RIGHT, first=run.fire_time)
    elif isinstance(run.value, Mapping) and (counted := _failed_items(run.value)):
        advice = 'return {"status": "error", …} if no item worked, so that the failure shows'
        message = f"items failed inside a success: {counted}"
        yield Observation(kind="items-failed", job=run.job, message=message, advice=advice, first=run.fire_time)


def _unknown_word(value: Any) -> str | None:
    if value is False:
        return "returned False, which the platform takes for success"
    if not isinstance(value, Mapping):
        return None
    status = value.get("status")
    is_number = isinstance(status, int) and status >= _HTTP_FAILED
    if status is False or is_number or (isinstance(status, str) and _BAD_WORD.fullmatch(status.strip())):
        return f"returned the status {status!r}, which the platform takes for success; its word is 'error'"
    return _without_status(value) if status is None else None


def _without_status(value: Mapping[Any, Any]) -> str | None:
    """Return what is said of a value that has no status, but says that something failed."""
    for name, given in value.items():
        word = name in _OTHER_NAMES and isinstance(given, str) and _BAD_WORD.fullmatch(given.strip())
        if word or (name in _YES_OR_NO and not isinstance(given, (list, dict)) and f"{given}".lower() in _NO):
            return f"returned {{{name!r}: {given!r}}}, which the platform takes for success"
    error = value.get("error") or value.get("errors")
    if value.get("success") is not True and error and not isinstance(error, int):
        text = json.dumps(jsonable(error), ensure_ascii=False)
        return f"returned an error without a status, which the platform takes for success: {_cut(text)}"
    return None


def _failed_items(value: Mapping[Any, Any]) -> str:
    numbers = {f"{name}": each for name, each in value.items() if isinstance(each, int) and not isinstance(each, bool)}
    failed = {name: number for name, number in numbers.items() if _FAILED.fullmatch(name) and number > 0}
    worked = {name: number for name, number in numbers.items() if _WORKED.fullmatch(name) and name not in failed}
    if not failed or not worked or any(worked.values()):
        return ""
    return _cut(", ".join(f"{name} {number}" for name, number in {**worked, **failed}.items()))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
