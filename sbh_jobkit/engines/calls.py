"""What a child process calls: a job, or a route or hook of the plugin, which is wrapped as a job that nobody schedules.

So routes and hooks have the limits, the redaction and the supervision of a run.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from sbh_jobkit.plugin.job import Job
from sbh_jobkit.run.outcome import json_problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sbh_jobkit.plugin.plugin import Plugin

_STATUSES = range(200, 600)
_PAIR = 2
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


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
        data, parts = _arguments(function, call["request"])
        return _shaped(function(ctx, *data, **parts), _answer)

    return answer


def _shaped(value: Any, shape: Callable[[Any], Any]) -> Any:
    if not inspect.iscoroutine(value):
        return shape(value)

    async def awaited() -> Any:
        return shape(await value)

    return awaited()


def _answer(value: Any) -> dict[str, Any]:
    """Return body and status of what a route returned, the body alone or a pair; raises ValueError and TypeError."""
    is_pair = isinstance(value, tuple) and len(value) == _PAIR
    body, status = value if is_pair else (value, 200)
    if not isinstance(status, int) or status not in _STATUSES:
        msg = f"the route returned the HTTP status {status!r}; in a pair, the second is a number from 200 to 599"
        raise ValueError(msg)
    if (problem := json_problem(body)) is not None:
        msg = f"what the route returned is not JSON: {problem}"
        raise TypeError(msg)
    return {"body": body, "answer": int(status)}


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(function).parameters.values())[1:]
    except (TypeError, ValueError):
        return []


def _arguments(function: Callable[..., Any], request: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """Return what a route takes beside the context: the parts of the path by name, and the request's data.

    The data go to the first parameter that is not a part: by position where it comes right after the context, as
    today's host passes them, else by name.
    """
    parts, taken = request["path_params"], _parameters(function)
    named = {each.name: parts[each.name] for each in taken if each.name in parts}
    data = next((each for each in taken if each.name not in parts), None)
    if data is None or data.kind not in _POSITIONAL:
        return [], named
    given = request["json"] if request["json"] is not None else dict(request["query"])
    return ([given], named) if data is taken[0] else ([], {**named, data.name: given})
