"""What a child process calls: a job, or a route or hook of the plugin, which is wrapped as a job that nobody schedules.

So routes and hooks have the limits, the redaction and the supervision of a run.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from sbh_jobkit.plugin.job import Job

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sbh_jobkit.plugin.plugin import Plugin

_STATUSES = range(200, 600)
_PAIR = 2


class Request(dict[str, Any]):
    """The HTTP request that a route serves: `ctx.request["method"]`, or `ctx.request.method`."""

    def __getattr__(self, name: str) -> Any:
        """Return a part of it."""
        if name in self:
            return self[name]
        msg = f"the request has no {name!r}; it has {', '.join(self)}"
        raise AttributeError(msg)


def job_of(plugin: Plugin, name: str, call: Mapping[str, Any] | None) -> Job:
    """Return the job of that name, or the call of a route or hook as a job."""
    if call is None:
        return plugin.jobs[name]
    if call["kind"] == "route":
        answer = _route(plugin.routes[call["index"]].function, call)
    else:
        answer = _hook(plugin.hooks[call["index"]].function, call)
    return Job(name=name, function=_known(answer, call), manifest=plugin.manifest, root=plugin.root)


def _known(answer: Callable[[Any], Any], call: Mapping[str, Any]) -> Callable[[Any], Any]:
    """Let the context say who calls."""

    def called(ctx: Any) -> Any:
        ctx.user_id, ctx.role = call.get("user_id"), call.get("role")
        return answer(ctx)

    return called


def _hook(function: Callable[..., Any], call: Mapping[str, Any]) -> Callable[[Any], Any]:
    return lambda ctx: _shaped(function(ctx, call["data"]), lambda value: {"result": value})


def _route(function: Callable[..., Any], call: Mapping[str, Any]) -> Callable[[Any], Any]:
    def answer(ctx: Any) -> Any:
        ctx.request = Request(call["request"])
        return _shaped(function(ctx, *_data(function, call), **_named(function, call)), _answer)

    return answer


def _shaped(value: Any, shape: Callable[[Any], Any]) -> Any:
    if not inspect.iscoroutine(value):
        return shape(value)

    async def awaited() -> Any:
        return shape(await value)

    return awaited()


def _answer(value: Any) -> dict[str, Any]:
    """Return body and answer; a pair of a body and a number is what a route returns that names its HTTP status."""
    is_pair = isinstance(value, tuple) and len(value) == _PAIR and isinstance(value[1], int)
    body, number = value if is_pair else (value, 200)
    return {"body": body, "answer": number if number in _STATUSES else 200}


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(function).parameters.values())[1:]
    except (TypeError, ValueError):
        return []


def _named(function: Callable[..., Any], call: Mapping[str, Any]) -> dict[str, str]:
    """Return the parts of the path that the function has parameters for."""
    takes = {parameter.name for parameter in _parameters(function)}
    return {name: value for name, value in call["request"]["path_params"].items() if name in takes}


def _data(function: Callable[..., Any], call: Mapping[str, Any]) -> list[Any]:
    """Return the request's data for a function that takes it, as today's host passes it."""
    request = call["request"]
    rest = [parameter for parameter in _parameters(function) if parameter.name not in request["path_params"]]
    if not rest or rest[0].kind is not inspect.Parameter.POSITIONAL_OR_KEYWORD:
        return []
    return [request["json"] if request["json"] is not None else dict(request["query"])]
