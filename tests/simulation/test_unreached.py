"""Lines that no run reached: which count, which do not, and how they are merged and shown."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from textwrap import dedent

import pytest

from sbh_jobkit import Interrupted, Plugin, World, simulate
from sbh_jobkit.errors import WorldError
from sbh_jobkit.machine.lines import is_cheap
from sbh_jobkit.simulation.unreached import LinesSeen

HEAD = "from src.ext.sdk import job, route, hook, llm_filter\n"
EXAMPLES = Path(__file__).parents[2] / "examples"


def plugin(folder, main, **modules):
    """Write and load a plugin; line 2 is the first of `main`."""
    (folder / "main.py").write_text(HEAD + dedent(main))
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(dedent(text))
    return Plugin.load(folder / "main.py")


def left(loaded, **more):
    """Return the lines that two days of a plugin do not reach, as `place function`, and those of uncalled functions."""
    found = simulate(loaded, World(), duration="2d", unreached=True, **more).unreached
    return [f"{each.place} {each.function}{'' if each.called else ', never called'}" for each in found]


CASES = {
    "everything is reached": (
        """
        @job("a", schedule="0 6 * * *")
        def a(ctx):
            '''A docstring
            of two lines.'''

            # a comment
            if ctx.tenant_id:
                return 1
     """,
        [],
    ),
    "the branch of a failure": (
        """
        @job("a", schedule="0 6 * * *")
        def a(ctx):
            try:
                value = 1
            except ValueError as error:
                print(error)
                return {"status": "error"}
            else:
                value += 1
            finally:
                value += 1
            return value
     """,
        ["main.py:7-9 a"],
    ),
    "a statement of several lines counts whole": (
        """
        @job("a", schedule="0 6 * * *")
        def a(ctx):
            if not ctx:
                return {
                    # why
                    "status": ctx,

                    "other": 1}
     """,
        ["main.py:6-10 a"],
    ),
    "what is between stays between": (
        """
        @job("a", schedule="0 6 * * *")
        def a(ctx):
            n = 0
            if n:
                n += 1
            n += 1

            if n > 1:
                n += 1

                # a comment
                n += 2
     """,
        ["main.py:7, 11-14 a"],
    ),
    "a loop that never turns": (
        """
        @job("a", schedule="0 6 * * *")
        def a(ctx):
            for each in []:
                print(each)
            else:
                pass
            while False:
                pass
     """,
        ["main.py:6 a"],
    ),
    "nobody calls it": (
        """
        @job("a", schedule="0 6 * * *")
        def a(ctx):
            return None

        def helper(x):
            y = x

            return y
     """,
        ["main.py:8-10 helper, never called"],
    ),
    "a function inside another one": (
        """
        @job("a", schedule="0 6 * * *")
        def a(ctx):
            def inner():
                return 1
            def other():
                return 2
            return other()
     """,
        ["main.py:6 a.inner, never called"],
    ),
    "methods and what runs at import": (
        """
        def factory(n):
            def wrap(f):
                return f
            return wrap

        class Client:
            timeout = [n for n in range(3)]
            def __init__(self):
                self.n = 1
            def fetch(self):
                return self.n
            def close(self):
                self.n = 0
            key = lambda self: (
                self.n)

        try:
            import json
        except ImportError:
            json = None

        @job("a", schedule="0 6 * * *")
        @factory(1)
        def a(ctx):
            return Client().fetch()
     """,
        ["main.py:15 Client.close, never called", "main.py:17 Client.<lambda>, never called"],
    ),
    "hooks, routes and what they alone use": (
        """
        @job("a", schedule="0 6 * * *")
        def a(ctx):
            return shared(1)

        @route("/x")
        def x(ctx):
            return page(shared(0))

        @hook("files.uploaded")
        def h(ctx, data):
            return page(1)

        @llm_filter("prompt")
        def f(ctx, data):
            return data

        def page(n):
            return n

        def shared(n):
            if n:
                return 1
            return 2
     """,
        ["main.py:25 shared"],
    ),
    "a job by hand, and one that is not due": (
        """
        @job("a", schedule="0 6 * * *")
        def a(ctx):
            return 1

        @job("by_hand")
        def b(ctx):
            return only_by_hand()

        @job("new_year", schedule="0 0 1 7 *")
        def c(ctx):
            return 3

        def only_by_hand():
            return 2
     """,
        [],
    ),
    "a coroutine and a generator": (
        """
        @job("a", schedule="0 6 * * *")
        async def a(ctx):
            for each in numbers(2):
                if each > 5:
                    return each

        def numbers(n):
            yield from range(n)
            if n > 2:
                yield n
     """,
        ["main.py:7 a", "main.py:12 numbers"],
    ),
    "cases": (
        """
        @job("a", schedule="0 6 * * *")
        def a(ctx):
            match {"kind": "x"}:
                case {"kind": "y"}:
                    return 1
                case {"kind": "x"} if ctx:
                    return 2
                case _:
                    return 3
     """,
        ["main.py:7, 10-11 a"],
    ),
    "a thread": (
        """
        import threading
        @job("a", schedule="0 6 * * *")
        def a(ctx):
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()

        def work():
            if threading:
                return 1
            return 2
     """,
        ["main.py:13 work"],
    ),
    "a decorator's wrapper": (
        """
        import functools

        def careful(function):
            @functools.wraps(function)
            def wrapped(ctx):
                try:
                    return function(ctx)
                except ValueError:
                    return None
            return wrapped

        @job("a", schedule="0 6 * * *")
        @careful
        def a(ctx):
            return 1
     """,
        ["main.py:10-11 careful.wrapped"],
    ),
}


@pytest.mark.parametrize(("main", "expected"), CASES.values(), ids=CASES.keys())
def test_what_counts(tmp_path, main, expected):
    """The table says which lines are left, by the place and the name of their function."""
    assert left(plugin(tmp_path, main)) == expected


MODULES = {
    "helpers": """
        def used(n):
            return n

        def unused(n):
            return n
    """,
    "later": """
        TABLE = {}
        def load():
            if TABLE:
                return 1
            return 2
    """,
}
WITH_MODULES = """
    from helpers import used

    @job("a", schedule="0 6 * * *")
    def a(ctx):
        import later
        return used(later.load())

    @job("b", schedule="0 7 * * *")
    def b(ctx):
        if ctx.files.list():
            return later
"""


def test_files_of_a_plugin(tmp_path):
    """Modules count, too, also those that a job imports itself; the functions stand in the order of files and lines."""
    expected = ["helpers.py:6 unused, never called", "later.py:5 load", "main.py:13 b"]
    assert left(plugin(tmp_path, WITH_MODULES, **MODULES)) == expected


def test_only_the_jobs_that_are_simulated_count(tmp_path):
    """What only other jobs use is left out."""
    loaded = plugin(tmp_path, WITH_MODULES, **MODULES)
    assert left(loaded, jobs=["b"]) == ["helpers.py:6 unused, never called", "main.py:13 b"]


def test_a_second_simulation_begins_anew(tmp_path):
    """What one simulation of a plugin reached is not known to the next one."""
    loaded = plugin(
        tmp_path, "@job('a', schedule='0 6 * * *')\ndef a(ctx):\n if ctx.files.list():\n  return 1\n return 2"
    )
    full = World()
    full.files.write("a.txt", "x")
    both = [simulate(loaded, world, duration="2d", unreached=True) for world in (World(), full, World())]
    assert [[each.place for each in month.unreached] for month in both] == [["main.py:5"], ["main.py:6"], ["main.py:5"]]


def test_a_time_limit_does_not_end_the_watch(tmp_path):
    """Runs after one that was stopped are watched as those before it."""
    loaded = plugin(
        tmp_path,
        """
        @job("a", schedule="0 6 * * *")
        def a(ctx):
            while not ctx.secrets.has("STOP"):
                ctx.secrets.set("STOP", "1")
                while True:
                    pass
            return 1
    """,
    )
    world = World()
    world.time_limit = 0.2
    month = simulate(loaded, world, duration="2d", unreached=True)
    assert [run.outcome.value for run in month.runs] == ["timed_out", "ok"]
    assert month.unreached == ()


CELL = """
    class Box:
        def __init__(self, n):
            self.n = n
        def open(self):
            if self.n:
                return 1
            return 2

    def unused():
        return 1

    @job("a", schedule="0 6 * * *")
    def a(ctx):
        return Box(0).open()
"""


def test_functions_of_cells():
    """Of a plugin without files, the jobs and the functions that they name count."""
    names = {"__name__": "__main__"}
    exec(compile(HEAD + dedent(CELL), "cell.py", "exec"), names)  # noqa: S102  a text of this test
    assert left(Plugin.load(names)) == ["cell.py:8 Box.open"]


def test_values(tmp_path):
    """A value has the source, and is JSON."""
    loaded = plugin(tmp_path, CASES["the branch of a failure"][0])
    (found,) = simulate(loaded, World(), duration="2d", unreached=True).unreached
    source = ["    except ValueError as error:", "        print(error)", '        return {"status": "error"}']
    assert found.ranges == [(7, 9)]
    assert sorted(found.lines) == [7, 8, 9]
    assert found.to_dict() == {
        "file": "main.py",
        "function": "a",
        "called": True,
        "ranges": [{"first": 7, "last": 9, "source": source}],
    }


def test_nobody_asked(tmp_path):
    """Lines are noted without being asked for only where that costs nothing."""
    month = simulate(plugin(tmp_path, CASES["nobody calls it"][0]), World(), duration="2d")
    if is_cheap():
        assert [each.function for each in month.unreached] == ["helper"]
        return
    with pytest.raises(WorldError) as error:
        assert month.unreached
    message = "no lines were noted, so it is not known which no run reached: use simulate(…, unreached=True)"
    assert str(error.value) == message


def test_an_interrupted_simulation(tmp_path):
    """It knows what was reached so far."""
    loaded = plugin(tmp_path, CASES["nobody calls it"][0])

    def stop(_):
        raise KeyboardInterrupt

    with pytest.raises(Interrupted) as stopped:
        simulate(loaded, World(), unreached=True, progress=stop)
    assert [each.function for each in stopped.value.so_far.unreached] == ["helper"]


def test_the_process_is_left_as_it_was(tmp_path):
    """Trace functions that were there are there afterwards."""
    before = sys.gettrace(), threading.gettrace()
    left(plugin(tmp_path, CASES["nobody calls it"][0]))
    assert (sys.gettrace(), threading.gettrace()) == before


def test_an_import_that_works_once_only(tmp_path):
    """Its lines are known all the same, but not those that ran at its import where that was not noted."""
    main = """
        import sys
        sys.once = getattr(sys, "once", 0) + 1
        if sys.once > 1:
            raise RuntimeError("twice")

        def made():
            return 1

        made()

        @job("a", schedule="0 6 * * *")
        def a(ctx):
            return 1
    """
    try:
        assert left(plugin(tmp_path, main)) == ([] if is_cheap() else ["main.py:9 made, never called"])
    finally:
        del sys.once


def seen(loaded, files=()):
    """Return what a plugin leaves over in a world with these files."""
    world = World()
    for name in files:
        world.files.write(name, "x")
    month = simulate(loaded, world, duration="2d", unreached=True)
    return LinesSeen.from_lines(loaded, month.watch.reached)


MERGED = """
    @job("a", schedule="0 6 * * *")
    def a(ctx):
        if ctx.files.list("x"):
            return 1
        if ctx.files.list("y"):
            import later
            return later.load()
        return 2
"""


@pytest.mark.parametrize(
    ("worlds", "expected"),
    [
        ([()], ["main.py:6, 8-9"]),
        ([(), ["x"]], ["main.py:8-9"]),
        ([["x"], ()], ["main.py:8-9"]),
        ([["x"], ["y"]], ["later.py:5", "main.py:10"]),
        ([["y"], ["x"]], ["later.py:5", "main.py:10"]),
        ([["x"], ["y"], ()], ["later.py:5"]),
    ],
)
def test_several_simulations_are_merged(tmp_path, worlds, expected):
    """A line is left if none of them reached it; a file that only some of them imported counts there."""
    plugin(tmp_path, MERGED, later=MODULES["later"])
    first, *others = (seen(Plugin.load(tmp_path / "main.py"), files) for files in worlds)
    for other in others:
        first.merge(other)
    assert [each.place for each in first.after(["a"])] == expected


def test_the_examples_leave_their_failures():
    """What a month of a good plugin does not reach is what happens when something fails."""
    found = simulate(EXAMPLES / "hello", duration="30d", unreached=True).unreached
    assert [(each.place, each.function) for each in found] == []
