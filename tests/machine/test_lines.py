"""Which lines of some code run, by each means that the interpreter offers."""

from __future__ import annotations

import sys
import threading
from textwrap import dedent

import pytest

from sbh_jobkit.machine import lines
from sbh_jobkit.machine.lines import LineWatch, Monitoring, Tracing, is_cheap, nested

MEANS = [Tracing, Monitoring] if is_cheap() else [Tracing]
FILE = "watched.py"


def made(text, name="work"):
    """Return the code of a module, and one of its functions."""
    code = compile(dedent(text), FILE, "exec")
    names = {}
    exec(code, names)  # noqa: S102  a text of this test
    return code, names[name]


def reached(watch):
    """Return the numbers of the lines."""
    assert {file for file, _ in watch.reached} <= {FILE}
    return sorted(line for _, line in watch.reached)


BRANCHES = """
def work(n):
    if n > 1:
        return "many"
    for each in range(n):
        yield_ = [x
                  for x in range(each)]
    else:
        pass
    return {
        "n":
            n,
    }
"""
CASES = [
    (BRANCHES, [2], [3, 4]),
    (BRANCHES, [0], [3, 5, 9, 10, 11, 12]),
    (BRANCHES, [1], [3, 5, 6, 7, 9, 10, 11, 12]),
    (BRANCHES, [2, 0], [3, 4, 5, 9, 10, 11, 12]),
    ("def work(n):\n try:\n  return 1 / n\n except ZeroDivisionError as e:\n  n = e\n finally:\n  n", [1], [2, 3, 7]),
    (
        "def work(n):\n try:\n  return 1 / n\n except ZeroDivisionError as e:\n  n = e\n finally:\n  n",
        [0],
        [2, 3, 4, 5, 7],
    ),
    ("class A:\n def m(self):\n  return 1\n\ndef work(n):\n return A().m()", [1], [3, 6]),
    ("def work(n):\n def inner():\n  return n\n\n return inner", [1], [2, 5]),
]


@pytest.mark.parametrize("means", MEANS)
@pytest.mark.parametrize(("text", "given", "expected"), CASES)
def test_lines_that_run(means, text, given, expected):
    """Each line that ran is noted, also those of functions and classes inside."""
    code, work = made(text)
    with LineWatch([code], means=means) as watch:
        for each in given:
            work(each)
    assert reached(watch) == expected


@pytest.mark.parametrize("means", MEANS)
def test_what_runs_before_and_after_does_not_count(means):
    """A watch notes only while it is open, and may be opened again."""
    code, work = made("def work(n):\n if n:\n  return 1\n return 0")
    watch = LineWatch([code], means=means)
    work(1)
    with watch:
        work(0)
    work(1)
    assert reached(watch) == [2, 4]
    with watch:
        work(1)
    assert reached(watch) == [2, 3, 4]


@pytest.mark.parametrize("means", MEANS)
def test_a_second_watch_sees_all_lines_again(means):
    """What was told to the first one is told to the next one, too."""
    code, work = made("def work(n):\n return n")
    for _ in range(3):
        with LineWatch([code], means=means) as watch:
            work(1)
        assert reached(watch) == [2]


@pytest.mark.parametrize("means", MEANS)
def test_threads_are_watched(means):
    """A thread that the code starts is watched like the code itself."""
    code, work = made(
        "import threading\ndef work(n):\n t = threading.Thread(target=other)\n t.start()\n t.join()\ndef other():\n 1\n"
    )
    with LineWatch([code], means=means) as watch:
        work(1)
    assert reached(watch) == [3, 4, 5, 7]


@pytest.mark.parametrize("means", MEANS)
def test_a_module_that_is_imported_later(means, tmp_path):
    """It is watched if it is of the same folder."""
    code, work = made("def work(n):\n return n")
    later, other = (
        compile("def f():\n return 1", str(folder / "later.py"), "exec") for folder in (tmp_path, tmp_path.parent)
    )
    with LineWatch([code], tmp_path, means) as watch:
        work(1)
        for each in (later, other):
            names = {}
            lines.compiled(each)
            exec(each, names)  # noqa: S102  a text of this test
            names["f"]()
    assert watch.reached == {(FILE, 2), (str(tmp_path / "later.py"), 1), (str(tmp_path / "later.py"), 2)}


@pytest.mark.parametrize("means", MEANS)
def test_the_process_is_left_as_it_was(means):
    """A trace function that was there goes on beside the watch, sees the same, and is there afterwards."""
    code, work = made("def work(n):\n return n")
    seen, before, in_threads = [], sys.gettrace(), threading.gettrace()

    def other(frame, event, _):
        if frame.f_code.co_filename == FILE:
            seen.append((event, frame.f_lineno))
        return other

    sys.settrace(other)
    try:
        with LineWatch([code], means=means) as watch:
            work(1)
            watch.renew()
        after = sys.gettrace()
    finally:
        sys.settrace(before)
    assert after is other
    assert threading.gettrace() is in_threads
    assert reached(watch) == [2]
    assert seen == [("call", 1), ("line", 2), ("return", 2)]


def test_a_trace_function_that_ends_itself():
    """It is not called again, and not put back."""
    code, work = made("def work(n):\n return n")
    calls, before = [], sys.gettrace()

    def once(frame, *_):
        calls.append(frame.f_lineno)
        sys.settrace(None)

    sys.settrace(once)
    try:
        with LineWatch([code], means=Tracing) as watch:
            work(1)
            work(2)
        after = sys.gettrace()
    finally:
        sys.settrace(before)
    assert (after, len(calls), reached(watch)) == (None, 1, [2])


def test_a_debugger_that_begins_meanwhile_stays():
    """Its trace function is not taken away at the end."""
    code, work = made("def work(n):\n return n")
    before = sys.gettrace()

    def debugger(*_):
        return None

    try:
        with LineWatch([code], means=Tracing):
            work(1)
            sys.settrace(debugger)
        after = sys.gettrace()
    finally:
        sys.settrace(before)
    assert after is debugger


@pytest.mark.parametrize("means", MEANS)
def test_an_error_of_a_trace_function_ends_nothing(means):
    """Python removes a trace function that raised, as at a time limit; the next run is watched all the same."""
    code, work = made("def work(n):\n return n")
    before = sys.gettrace()
    try:
        with LineWatch([code], means=means) as watch:
            sys.settrace(None)
            watch.renew()
            work(1)
    finally:
        sys.settrace(before)
    assert reached(watch) == [2]


def test_a_number_of_a_tool_is_free_again():
    """As many watches as one likes can follow one another, and a few can be open at once."""
    code, work = made("def work(n):\n return n")
    for _ in range(10):
        with LineWatch([code]) as outer, LineWatch([code]) as inner:
            work(1)
        assert reached(outer) == reached(inner) == [2]


def test_nested_code():
    """Functions, methods and lambdas are inside the code of their module."""
    code, _ = made("class A:\n def m(self):\n  return lambda: 1\n\ndef work(n):\n return n")
    assert sorted(each.co_name for each in nested(code)) == ["<lambda>", "<module>", "A", "m", "work"]
