"""How the call of a job ended: by what it returned, by what it raised, or by a limit."""

from __future__ import annotations

import json
import traceback
from collections.abc import Mapping
from types import AsyncGeneratorType, GeneratorType
from typing import TYPE_CHECKING, Any, NamedTuple

from sbh_jobkit.plugin.places import raised_at, shown_path
from sbh_jobkit.run.run import Outcome, RunError

if TYPE_CHECKING:
    from sbh_jobkit.plugin.job import Job

_NOT_FINITE = "JSON cannot write NaN or Infinity"
DEEPEST = 128
"""The most levels of an event or of a returned value."""
TOO_DEEP = f"it is nested more than {DEEPEST} levels deep, which other JSON libraries refuse"
_PLAIN = frozenset({str, bool, type(None)})
_encode = json.JSONEncoder(allow_nan=False).encode


class CallResult(NamedTuple):
    """The end of one call, before it is a run."""

    outcome: Outcome
    value: Any = None
    error: RunError | None = None
    reason: str | None = None
    """The limit that it exceeded."""
    place: str | None = None
    """The plugin's file:line where it ended, unless it returned."""
    exited: bool = False
    """Whether it called `sys.exit`."""


_OK = Outcome.OK
_DONE = CallResult(outcome=_OK)


def classify(value: Any, job: Job) -> CallResult:
    """Return the end of a call that returned; by its value a job can say that it failed (guide, "Error Handling")."""
    if value is None:
        return _DONE
    if isinstance(value, (dict, Mapping)):
        if value.get("status") == "error" or value.get("success") is False:
            message = value.get("error") or value.get("message") or "the job returned a failure without saying why"
            return CallResult(outcome=Outcome.FAILED, value=value, error=RunError(type="", message=str(message)))
    elif isinstance(value, (GeneratorType, AsyncGeneratorType)):
        message = "the job is a generator, so its code never ran; remove `yield`"
        return CallResult(outcome=Outcome.CRASHED, error=RunError(type="", message=message, place=job.place))
    return CallResult(_OK, value)


def json_problem(value: Any) -> str | None:
    """Return why a value is not JSON, such as "Object of type set is not JSON serializable"; None if it is JSON."""
    return None if is_plain(value) else written(value)[1]


def written(value: Any) -> tuple[str, str | None]:
    """Return a value as JSON, and why it cannot be; None if it can."""
    try:
        text = _encode(value)
    except RecursionError:
        return "", TOO_DEEP
    except (TypeError, ValueError) as error:
        return "", _NOT_FINITE if isinstance(error, ValueError) and "float" in str(error) else str(error)
    deep = text.count("[") + text.count("{") > DEEPEST and _is_deep(value)
    return ("", TOO_DEEP) if deep else (text, None)


def _is_deep(value: Any) -> bool:
    """Whether lists and dicts that are JSON are nested deeper than the limit."""
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for each in level
            if isinstance(each, (dict, list, tuple))
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
    return any(isinstance(each, (dict, list, tuple)) for each in level)


def is_plain(value: Any) -> bool:
    """Whether a value is at once seen to be JSON: text, a boolean, None, or a dict of such."""
    if type(value) is not dict:
        return type(value) in _PLAIN
    for name, each in value.items():  # noqa: SIM110  most dicts are small, where a generator costs more than it yields
        if type(name) is not str or type(each) not in _PLAIN:
            return False
    return True


def texts_of(value: Any) -> str:
    """Return all texts of a plain value as one text, in which each of them can be found."""
    return "\n".join(map(str, (*value, *value.values()))) if type(value) is dict else str(value)


def through_json(value: Any) -> tuple[Any, str, str | None]:
    """Return a value as it is when it has been sent as JSON, the text in which to look for secrets, and any problem."""
    if is_plain(value):
        return dict(value) if type(value) is dict else value, texts_of(value), None
    text, why = written(value)
    return (json.loads(text), text, None) if why is None else (None, "", why)


def crashed(error: BaseException, job: Job) -> CallResult:
    """Return the end of a call that raised; of the traceback only the plugin's own frames are kept."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [
        traceback.FrameSummary(shown, frame.lineno or 0, frame.name, line=frame.line)
        for frame in frames
        if (shown := shown_path(frame.filename, job.root)) is not None
    ]
    last = "".join(traceback.format_exception_only(error))  # survives an exception that cannot be shown
    text = "".join(["Traceback (most recent call last):\n", *traceback.format_list(own), last])
    where = raised_at(error, job.root) or job.place
    report = RunError(type=type(error).__name__, message=_message(error), place=where, traceback=text)
    return CallResult(outcome=Outcome.CRASHED, error=report, place=where, exited=isinstance(error, SystemExit))


def timed_out(seconds: float, place: str | None, why: str | None) -> CallResult:
    """Return the end of a call that exceeded its time limit; `why` tells more, such as that real time ran out."""
    where = f", passed at {place}" if place else ""
    reason = f"timed out: the limit is {seconds:g} s{where}{f' ({why})' if why else ''}"
    return CallResult(outcome=Outcome.TIMED_OUT, reason=reason, place=place)


def out_of_memory(megabytes: float, place: str | None) -> CallResult:
    """Return the end of a call that exceeded its memory limit."""
    reason = f"out of memory: the limit is {megabytes:g} MB"
    return CallResult(outcome=Outcome.OUT_OF_MEMORY, reason=reason, place=place)


def _message(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"exit code {error.code}"
    try:
        return str(error)
    except Exception as broken:  # noqa: BLE001  the plugin's own exception class may raise anything
        return f"<its text raised {type(broken).__name__}>"
