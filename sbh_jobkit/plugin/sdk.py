"""The decorators that plugins import as `from src.ext.sdk import job, route, …`.

Each returns the function itself, with the marks set that the platform looks for (its guide's "Job Decorator").
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from types import MethodType
from typing import TYPE_CHECKING, Any, TypeVar

from sbh_jobkit.errors import PluginError, half_pair
from sbh_jobkit.plugin.addresses import explain_name, explain_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_Function = TypeVar("_Function", bound="Callable[..., Any]")
_NAME = "_plugin_job_name"
_EXPLAINED = {"name": explain_name, "path": explain_path}
"""What a parameter must be beyond text."""
_declared: ContextVar[list[Any] | None] = ContextVar("declared", default=None)
_checks: list[Callable[[Any], object]] = []


def job(name: str, schedule: str | None = None) -> Callable[[_Function], _Function]:
    """Make a function a job: `@job("daily_cleanup", schedule="0 2 * * *")`; without a schedule it is manual only."""
    _check_text("job", "name", name)
    if schedule is not None:
        _check_text("job", "schedule", schedule)
    return _marked("job", _plugin_job_type="job", _plugin_job_name=name, _plugin_job_schedule=schedule)


def route(path: str, methods: Sequence[str] | None = None) -> Callable[[_Function], _Function]:
    """Make a function answer HTTP requests below `/ext/<slug>`; GET by default."""
    _check_text("route", "path", path)
    verbs = ["GET"] if methods is None else _verbs(methods)
    return _marked("route", _plugin_route_type="route", _plugin_route_path=path, _plugin_route_methods=verbs)


def hook(event_type: str) -> Callable[[_Function], _Function]:
    """Make a function receive events of a type, called with `(ctx, event_data)`."""
    _check_text("hook", "event_type", event_type)
    return _marked("hook", _plugin_hook_type="event", _plugin_event_type=event_type)


def llm_filter(filter_type: str) -> Callable[[_Function], _Function]:
    """Make a function a filter of the language model's input or output, called with `(ctx, data)`."""
    _check_text("llm_filter", "filter_type", filter_type)
    return _marked("llm_filter", _plugin_hook_type="llm_filter", _plugin_filter_type=filter_type)


def generator_hook(hook_type: str) -> Callable[[_Function], _Function]:
    """Make a function take part in generating an application, called with `(ctx, data)`."""
    _check_text("generator_hook", "hook_type", hook_type)
    return _marked("generator_hook", _plugin_hook_type="generator", _plugin_generator_hook_type=hook_type)


@contextmanager
def declarations() -> Iterator[list[Any]]:
    """Collect every function that is decorated inside, also those that a later function of the same name replaces."""
    seen: list[Any] = []
    token = _declared.set(seen)
    try:
        yield seen
    finally:
        _declared.reset(token)


def check_jobs_by(check: Callable[[Any], object] | None) -> None:
    """Set a function that checks each job when it is decorated, and raises for a problem; None removes it.

    A plugin that is loaded is checked as a whole later; a notebook's cell has no later.
    """
    _checks[:] = [check] if check is not None else []


def _marked(decorator: str, **marks: Any) -> Callable[[_Function], _Function]:
    def mark(function: _Function) -> _Function:
        _check_function(decorator, function, marks.get(_NAME))
        for name, value in marks.items():
            setattr(function, name, value)
        seen = _declared.get()
        if seen is not None:
            seen.append(function)
        elif _NAME in marks:
            for check in _checks:
                check(function)
        return function

    return mark


def _verbs(methods: object) -> list[str]:
    if not isinstance(methods, (list, tuple)) or not methods or not all(isinstance(verb, str) for verb in methods):
        msg = f"@route: methods must be a list of names such as ['GET', 'POST'], got {methods!r}"
        raise PluginError(msg)
    return list(methods)


def _check_function(decorator: str, function: object, name: str | None) -> None:
    if not callable(function) or not hasattr(function, "__dict__") or isinstance(function, MethodType):
        msg = f"@{decorator} must be above a function, got {function!r}"
        raise PluginError(msg)
    before = vars(function).get(_NAME)
    if name and before and name != before:
        msg = f"@job({name!r}): the function is already the job {before!r}; give each job its own function"
        raise PluginError(msg)


def _check_text(decorator: str, parameter: str, value: object) -> None:
    if callable(value):
        msg = f"@{decorator} needs its {parameter}: write @{decorator}('…') above the function, with parentheses"
        raise PluginError(msg)
    if not isinstance(value, str) or not value.strip():
        msg = f"@{decorator}: {parameter} must be text that is not empty, got {value!r}"
        raise PluginError(msg)
    if (half := half_pair(value)) is not None:
        msg = f"@{decorator}: {parameter} has {half}, half of a surrogate pair, which is not a character"
        raise PluginError(msg)
    if parameter in _EXPLAINED and (problem := _EXPLAINED[parameter](value)):
        msg = f"@{decorator}: {parameter} {problem}"
        raise PluginError(msg)
