"""Rules for jobs that do not end in time: loops without an end, polling, and long sleeps."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from sbh_jobkit.check.loops import changed, counts, exits, names
from sbh_jobkit.check.walk import functions, inside
from sbh_jobkit.plugin import divergences

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sbh_jobkit.check.finding import Finding
    from sbh_jobkit.check.flow.trace import Called
    from sbh_jobkit.check.subject import Subject

_OUTSIDE = ("http.", "llm.", "files.", "db.count", "db.get_by_id")
_CLOCK = {"now", "time", "monotonic", "perf_counter", "utcnow", "today", "check_memory_usage"}

_LOOKS = {"print", "len", "str", "repr", "bool", "sum", "min", "max", "sorted", "any", "all"}
"""Functions that do not change what they are given."""
_HOST_LIMIT = 5.0
"""How many seconds today's host waits for a run."""


def findings(subject: Subject) -> Iterator[Finding]:
    """Yield loops that nothing ends, or only an answer from outside, and sleeps beyond the time limit."""
    stuck: set[ast.AST] = set()
    for file, tree in subject.source.modules.values():
        for function in functions(tree):
            expected, aliased = _ended_by_exceptions(function), _aliased(function)
            for loop in inside(function):
                if not isinstance(loop, ast.While) or loop in expected or names(loop.test) & aliased:
                    continue
                if _never_ends(loop):
                    stuck.add(loop)
                    message = "nothing in this loop brings it to an end"
                    yield subject.source.found(
                        file, loop, "endless-loop", message, advice="leave it by break or return, or change its test"
                    )
    polled: set[ast.AST] = set()
    for called in subject.trace.calls:
        around = called.loops[-1] if called.loops else None
        if called.ours and isinstance(around, ast.While) and around not in stuck | polled and _polls(called, around):
            polled.add(around)
            waits = any(_is_sleep(each) for each in inside(around))
            rest = "" if waits else ", and it waits without a sleep"
            message = f"only the answer of ctx.{called.path} ends this loop{rest}"
            yield subject.found(
                called,
                "endless-poll",
                message,
                called.call,
                level="warning",
                advice="ask a fixed number of times, with time.sleep between: for attempt in range(5)",
            )
    yield from _sleeps(subject)


def _ended_by_exceptions(function: ast.AST) -> set[ast.AST]:
    """Return the loops in a `try` that handles an exception by its name, such as IndexError of `pop`."""
    return {
        loop
        for node in inside(function)
        if isinstance(node, (ast.Try, ast.TryStar)) and any(_is_named(each) for each in node.handlers)
        for statement in node.body
        for loop in (statement, *inside(statement))
        if isinstance(loop, ast.While)
    }


def _aliased(function: ast.AST) -> set[str]:
    """Return the names of objects whose methods have names of their own, such as `pop = waiting.pop`."""
    taken = [node.value for node in inside(function) if isinstance(node, ast.Assign)]
    return {each.value.id for each in taken if isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name)}


def _is_named(handler: ast.ExceptHandler) -> bool:
    return handler.type is not None and not names(handler.type) & {"Exception", "BaseException"}


def _handed_on(loop: ast.While) -> bool:
    """Whether the test is of a list or the like, which a call in the loop is given and may empty."""
    test = loop.test.operand if isinstance(loop.test, ast.UnaryOp) else loop.test
    calls = [node for node in inside(loop) if isinstance(node, ast.Call) and _called_name(node) not in _LOOKS]
    given = [each for node in calls for each in [*node.args, *(word.value for word in node.keywords)]]
    return isinstance(test, ast.Name) and any(isinstance(each, ast.Name) and each.id == test.id for each in given)


def _called_name(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _never_ends(loop: ast.While) -> bool:
    """Whether no way leads out of a loop, or its test is of names that it never changes."""
    if any(isinstance(node, (ast.Yield, ast.YieldFrom, ast.Await)) for node in inside(loop)):
        return False
    ways = [*exits(loop)]
    if not ways:
        return True
    if _handed_on(loop):
        return False
    forever = isinstance(loop.test, ast.Constant)
    simple = all(
        isinstance(
            node,
            (
                ast.Name,
                ast.Constant,
                ast.Compare,
                ast.cmpop,
                ast.BoolOp,
                ast.boolop,
                ast.UnaryOp,
                ast.unaryop,
                ast.expr_context,
            ),
        )
        for node in ast.walk(loop.test)
    )
    return not forever and len(ways) == 1 and simple and bool(names(loop.test)) and not names(loop.test) & changed(loop)


def _polls(called: Called, loop: ast.While) -> bool:
    """Whether a loop asks the same again and again, until the answer is another one."""
    if not called.path.startswith(_OUTSIDE) or called.starred or called.call not in ast.walk(loop):
        return False
    ways = [*exits(loop)]
    tests = [test for way in ways for test in way]
    asked = {
        name for each in [*called.call.args, *(word.value for word in called.call.keywords)] for name in names(each)
    }
    if not ways or any(not way for way in ways) or asked & changed(loop):
        return False
    if any(names(test) & counts(loop) for test in tests) or any(_asks_clock(test) for test in tests):
        return False
    return not any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in inside(loop))


def _asks_clock(node: ast.expr) -> bool:
    return any(isinstance(each, ast.Attribute) and each.attr in _CLOCK for each in ast.walk(node))


def _is_sleep(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and _called_name(node) == "sleep"


def _sleeps(subject: Subject) -> Iterator[Finding]:
    """Find sleeps that are longer than a job may run, alone or in a loop of a known number of times."""
    limit = subject.settings.time_limit
    for called in subject.trace.calls:
        seconds = called.argument(0, "secs") if called.path in {"time.sleep", "asyncio.sleep"} else None
        if seconds is None or not isinstance(seconds.literal, (int, float)) or called.importing:
            continue
        times = 1
        for loop in called.loops:
            times *= _times(loop)
        total = seconds.literal * times
        how = f" ({times} times {seconds.literal:g} s)" if times > 1 else ""
        if _HOST_LIMIT < total <= limit and subject.settings.target == "host":
            message = f"this waits {total:g} s{how}, and today's host waits only {_HOST_LIMIT:g} s for a run"
            advice = divergences.table()["D12"].advice
            yield subject.found(called, "D12", message, called.call, level="warning", advice=advice)
        if total > limit:
            message = f"this waits {total:g} s{how}, and a job may run for {limit:g} s"
            yield subject.found(
                called,
                "sleep-too-long",
                message,
                called.call,
                level="error" if times == 1 else "warning",
                advice="do the rest in a later run: the schedule calls the job again",
            )


def _times(loop: ast.AST) -> int:
    """Return how many times a loop is gone through, if it says so; else 1."""
    iterated = loop.iter if isinstance(loop, ast.For) else None
    if not isinstance(iterated, ast.Call) or getattr(iterated.func, "id", "") != "range" or len(iterated.args) != 1:
        return 1
    number = iterated.args[0].value if isinstance(iterated.args[0], ast.Constant) else 1
    return number if isinstance(number, int) and number > 0 else 1
