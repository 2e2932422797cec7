"""The modules of a plugin import each other but not another plugin's, and Python's own tools work with them."""

from __future__ import annotations

import gc
import inspect
import os
import pickle
import sys
import time
import typing
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from types import ModuleType

import pytest

from sbh_jobkit import Plugin, World, clock, run_job
from sbh_jobkit.errors import PluginError
from sbh_jobkit.plugin.modules import ModuleSpace
from sbh_jobkit.plugin.places import call_place, place

SLEEP = time.sleep
UNREADABLE = Path("/proc/self/mem")
MANIFEST = '{"slug": "p", "name": "P"}'
SDK = "from src.ext.sdk import job\n"

SIBLINGS = {
    "helpers.py": "NAME = 'helpers'\ndef name():\n    return NAME\n",
    "pkg/__init__.py": "from .sub import NAME as SUB\nfrom . import deep\nNAME = 'pkg'\n",
    "pkg/sub.py": "import helpers\nNAME = helpers.NAME + '.sub'\n",
    "pkg/deep/__init__.py": "",
    "pkg/deep/down.py": "from ...helpers import NAME\nfrom ..sub import NAME as SUB\nfrom pkg import sub\n",
    "bare/mod.py": "NAME = 'bare'\n",
    "outer/inner/mod.py": "NAME = 'inner'\n",
    "src/extras.py": "NAME = 'extras'\n",
    "json.py": "NAME = 'not the one that everybody means'\n",
}

IMPORTS = [
    ("import helpers", "helpers.NAME", "helpers"),
    ("import helpers as h", "h.NAME", "helpers"),
    ("from helpers import NAME", "NAME", "helpers"),
    ("from helpers import *", "name()", "helpers"),
    ("from . import helpers", "helpers.NAME", "helpers"),
    ("from .helpers import NAME", "NAME", "helpers"),
    ("from .pkg.sub import NAME", "NAME", "helpers.sub"),
    ("import pkg", "pkg.NAME, pkg.SUB", ("pkg", "helpers.sub")),
    ("import pkg.sub", "pkg.NAME, pkg.sub.NAME", ("pkg", "helpers.sub")),
    ("import pkg.sub as s", "s.NAME", "helpers.sub"),
    ("from pkg import sub", "sub.NAME", "helpers.sub"),
    ("from pkg.sub import NAME", "NAME", "helpers.sub"),
    ("import pkg.deep.down", "pkg.deep.down.SUB", "helpers.sub"),
    ("from pkg.deep import down", "down.NAME, down.sub.NAME", ("helpers", "helpers.sub")),
    ("import bare.mod", "bare.mod.NAME", "bare"),
    ("from bare import mod", "mod.NAME", "bare"),
    ("from outer.inner.mod import NAME", "NAME", "inner"),
    ("from src.extras import NAME", "NAME", "extras"),
    ("helpers = __import__('helpers')", "helpers.NAME", "helpers"),
    ("import json", "json.dumps([])", "[]"),
    ("import os.path", "os.path.basename('a/b')", "b"),
    ("from collections import abc", "abc.__name__", "collections.abc"),
    ("import src.ext.sdk as sdk", "sdk.job.__name__", "job"),
    ("from src.ext import sdk", "sdk.job.__name__", "job"),
    ("import src.ext.sdk", "src.ext.sdk.job.__name__", "job"),
]

HINT = "install it, or put {0}.py beside the plugin's entry"
FAILURES = [
    ("import nope", f"main.py:1: ModuleNotFoundError: No module named 'nope'; {HINT.format('nope')}"),
    ("\nfrom .nope import x", f"main.py:2: ModuleNotFoundError: No module named 'nope'; {HINT.format('nope')}"),
    ("import pkg.nope", "main.py:1: ModuleNotFoundError: No module named 'pkg.nope'"),
    ("import json.nope", "main.py:1: ModuleNotFoundError: No module named 'json.nope'"),
    (
        "import helpers.nope",
        "main.py:1: ModuleNotFoundError: No module named 'helpers.nope'; 'helpers' is not a package",
    ),
    ("from helpers import nope", "main.py:1: ImportError: cannot import name 'nope' from 'helpers' (helpers.py)"),
    ("from pkg import nope", "main.py:1: ImportError: cannot import name 'nope' from 'pkg' (pkg/__init__.py)"),
    ("from src.ext.sdk import jop", "main.py:1: ImportError: cannot import name 'jop' from 'src.ext.sdk'"),
    ("\n\ndef run(:\n    pass", "main.py:3: SyntaxError: invalid syntax"),
    ("x = 'caf\xe9'".encode("latin-1"), "main.py:1: SyntaxError: (unicode error) 'utf-8' codec can't decode byte 0xe9"),
    ("x = 1\n  y = 2", "main.py:2: IndentationError: unexpected indent"),
    ("import broken", "broken.py:2: SyntaxError: '(' was never closed"),
    ("\nexec('x =')", "main.py:2: SyntaxError: invalid syntax (<string>, line 1)"),
    ("import raises", "raises.py:2: ZeroDivisionError: division by zero"),
    ("\nint('x')", "main.py:2: ValueError: invalid literal for int() with base 10: 'x'"),
    ("import json\njson.loads('{')", "main.py:2: JSONDecodeError: Expecting property name enclosed in double quotes"),
    ("raise ValueError", "main.py:1: ValueError"),
    ("import sys\nsys.exit(3)", "main.py:2: SystemExit: 3"),
    ("raise SystemExit", "main.py:1: SystemExit"),
    ("raise GeneratorExit", "main.py:1: GeneratorExit"),
    ("import asyncio\nraise asyncio.CancelledError", "main.py:2: CancelledError"),
    ("class Stop(BaseException): pass\nraise Stop('now')", "main.py:2: Stop: now"),
    (b"x = 1\ny = '\0'", "main.py:2: SyntaxError: there is a NUL byte; save the file as UTF-8"),
    ("\nimport nul", "nul.py:1: SyntaxError: there is a NUL byte; save the file as UTF-8"),
    ("\nfrom . import nope", "main.py:2: ImportError: cannot import name 'nope' from '.' (unknown location)"),
    ("open(__file__ + 'x')", "main.py:1: FileNotFoundError: [Errno 2] No such file or directory: 'main.pyx'"),
    ("from src.ext.sdk import job\n@job\ndef run(ctx): pass", "main.py:2: @job needs its name: write @job('…')"),
]
"""The end of some messages comes from Python and depends on its version, so only the start is compared."""

INTROSPECTED = '''
from __future__ import annotations
from dataclasses import dataclass, field
from enum import Enum
from typing import ClassVar, NamedTuple
import helpers


class Colour(Enum):
    RED = "red"


class Pair(NamedTuple):
    left: Row
    right: Colour


@dataclass
class Row:
    seen: ClassVar[int] = 0
    name: str
    colours: list[Colour] = field(default_factory=list)


def rows(first: Row, *others: helpers.Other) -> Pair:
    """Pair them."""
    return Pair(first, Colour.RED)
'''

SLEEPS = [
    ("from time import sleep", "sleep(3600)"),
    ("from time import sleep as nap", "nap(3600)"),
    ("import time", "time.sleep(3600)"),
    ("", "from time import sleep; sleep(3600)"),
    ("import naps", "naps.hour()"),
    ("from naps import nap", "nap(3600)"),
    ("", "from naps import hour; hour()"),
]


def write(folder, files, main=""):
    """Write a plugin's files and return its folder."""
    for name, text in {"plugin.json": MANIFEST, "main.py": main, **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def job(body, top=""):
    """Return a main.py with one job, `run`, that returns an expression, after some imports."""
    return f"{SDK}{top}\n@job('run')\ndef run(ctx):\n    {body}\n"


def run(plugin):
    """Run the job `run` of a plugin and return its value."""
    done = run_job(plugin.jobs["run"], World(), at="2026-01-01T00:00Z")
    assert done.error is None
    return done.value


@pytest.fixture(autouse=True)
def own_sleep():
    """Restore `time.sleep` after each test."""
    yield
    time.sleep = SLEEP


@pytest.fixture
def bystander():
    """Hold a plugin, so that the modules which all plugins share exist already."""
    return Plugin.load({})


@pytest.mark.parametrize(("statement", "expression", "value"), IMPORTS, ids=[case[0] for case in IMPORTS])
def test_siblings_are_imported_in_every_way_at_the_top(tmp_path, statement, expression, value):
    """The entry and the other modules import each other (contract, section 7), and the standard library."""
    plugin = Plugin.load(write(tmp_path, SIBLINGS, job(f"return {expression}", statement)))
    assert run(plugin) == value


@pytest.mark.parametrize(
    ("statement", "expression", "value"),
    [case for case in IMPORTS if "*" not in case[0]],
    ids=[case[0] for case in IMPORTS if "*" not in case[0]],
)
def test_siblings_are_imported_in_every_way_inside_a_job(tmp_path, statement, expression, value):
    """Imports inside a job work too, as in the guide."""
    plugin = Plugin.load(write(tmp_path, SIBLINGS, job(f"{statement}\n    return {expression}")))
    assert run(plugin) == value


def test_a_job_without_a_reference_to_its_plugin_still_imports_its_modules(tmp_path):
    """`run_job(Plugin.load(path).jobs["run"])` only keeps the job."""
    only = Plugin.load(write(tmp_path, SIBLINGS, job("import helpers; return helpers.NAME"))).jobs["run"]
    gc.collect()
    done = run_job(only, World(), at="2026-01-01T00:00Z")
    assert (done.value, done.error) == ("helpers", None)


def test_entry_and_sibling_may_import_each_other(tmp_path):
    """Circular imports work as in any Python program."""
    files = {"helpers.py": "import main\nfrom main import FIRST\ndef last():\n    return FIRST, main.LAST\n"}
    top = "FIRST = 1\nimport helpers\nLAST = 2"
    assert run(Plugin.load(write(tmp_path, files, job("return helpers.last()", top)))) == (1, 2)


def test_two_plugins_do_not_see_each_others_modules(tmp_path):
    """Each of two plugins has its own main.py and helpers.py (the host confuses them: D34)."""
    one, two = (
        Plugin.load(
            write(
                tmp_path / name,
                {"helpers.py": f"NAME = {name!r}\n", "lazy.py": f"NAME = {name!r}\n"},
                job("import lazy; return NAME, lazy.NAME", "from helpers import NAME"),
            )
        )
        for name in ("one", "two")
    )
    assert (run(one), run(two), run(one)) == (("one", "one"), ("two", "two"), ("one", "one"))


def test_one_plugin_loaded_twice_shares_no_state(tmp_path):
    """A change in the modules of one load does not affect the other."""
    write(
        tmp_path, {"helpers.py": "calls = []\n"}, job("calls.append(1); return len(calls)", "from helpers import calls")
    )
    one, two = Plugin.load(tmp_path), Plugin.load(tmp_path)
    assert (run(one), run(one), run(two)) == (1, 2, 1)


def test_loading_leaves_nothing_behind(tmp_path, monkeypatch):
    """Loading adds nothing to sys.path, no module by its plain name, and no cache files."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    write(tmp_path, SIBLINGS, job("import pkg.deep.down; return pkg.NAME", "import helpers"))
    before, searched = set(sys.modules), list(sys.path)
    plugin = Plugin.load(tmp_path)
    assert run(plugin) == "pkg"
    assert sys.path == searched
    plain = {"main", *(name.removesuffix(".py").replace("/", ".") for name in SIBLINGS), "pkg", "pkg.deep", "bare"}
    assert plain & (set(sys.modules) - before) == set()
    assert [path.name for path in tmp_path.rglob("*.pyc")] == []


def test_an_unused_plugin_leaves_no_modules(tmp_path):
    """Loading a plugin a hundred times does not use more memory."""
    write(tmp_path, SIBLINGS, job("return 1", "import pkg"))
    gc.collect()
    before = set(sys.modules)
    plugin = Plugin.load(tmp_path)
    assert set(sys.modules) - before
    del plugin
    gc.collect()
    assert set(sys.modules) - before == set()


@pytest.mark.parametrize(
    "main",
    [
        "import helpers\n1 / 0",
        "import helpers\ndef run(:",
        f"import helpers\n{SDK}@job('run', 'never')\ndef run(ctx): pass",
    ],
    ids=["raises", "does not compile", "is refused"],
)
@pytest.mark.usefixtures("bystander")
def test_a_plugin_that_cannot_be_loaded_leaves_no_modules(tmp_path, main):
    """A plugin that fails to load leaves no modules."""
    write(tmp_path, SIBLINGS, main)
    Plugin.load(write(tmp_path / "good", {}))
    gc.collect()
    before = set(sys.modules)
    with pytest.raises(Exception, match=r"main\.py"):
        Plugin.load(tmp_path)
    gc.collect()
    assert set(sys.modules) - before == set()


@pytest.mark.parametrize("name", ["main.py", "helpers.py", "pkg/sub.py"])
def test_an_edit_within_the_same_second_takes_effect(tmp_path, name):
    """An edit counts even if the size and time of the file stay the same, which Python's cache files compare."""
    files = {"helpers.py": "A = 1\n", "pkg/__init__.py": "", "pkg/sub.py": "B = 1\n"}
    main = job("return A, B, C", "from helpers import A\nfrom pkg.sub import B\nC = 1")
    write(tmp_path, files, main)
    before = (tmp_path / name).stat()
    assert run(Plugin.load(tmp_path)) == (1, 1, 1)
    text = (tmp_path / name).read_text()
    (tmp_path / name).write_text(text.replace("= 1", "= 2"))
    os.utime(tmp_path / name, ns=(before.st_atime_ns, before.st_mtime_ns))
    expected = {"helpers.py": (2, 1, 1), "pkg/sub.py": (1, 2, 1), "main.py": (1, 1, 2)}
    assert run(Plugin.load(tmp_path)) == expected[name]


def test_a_new_file_is_found_by_the_next_load(tmp_path):
    """A missing helpers.py can be added, and the plugin loaded again."""
    write(tmp_path, {}, job("return A", "from helpers import A"))
    with pytest.raises(PluginError):
        Plugin.load(tmp_path)
    (tmp_path / "helpers.py").write_text("A = 1\n")
    assert run(Plugin.load(tmp_path)) == 1


@pytest.mark.parametrize(("main", "message"), FAILURES, ids=[str(case[0]) for case in FAILURES])
def test_a_failing_import_is_an_error_with_the_plugins_own_line(tmp_path, main, message):
    """File, line and names are the author's, also in another module."""
    files = {
        "helpers.py": "",
        "pkg/__init__.py": "",
        "broken.py": "\nx = (\n",
        "nul.py": "\0",
        "raises.py": "\n1 / 0\n",
    }
    with pytest.raises(PluginError) as caught:
        Plugin.load(write(tmp_path, files, main))
    text = str(caught.value)
    ends = ("0xe9", "quotes", "'…')", "sdk'")
    assert (text[: len(message)] if message.endswith(ends) else text) == message
    assert ("sbh_plugins" in text, str(tmp_path) in text) == (False, False)


def test_only_the_keyboard_interrupts_a_load(tmp_path):
    """A person's Ctrl-C comes out as KeyboardInterrupt, and leaves no modules."""
    before = set(sys.modules)
    press = "import os, subprocess\nsubprocess.run(['kill', '-INT', str(os.getpid())])\nwhile True: pass"
    with pytest.raises(KeyboardInterrupt):
        Plugin.load(write(tmp_path, {"helpers.py": ""}, f"import helpers\n{press}"))
    assert {name for name in set(sys.modules) - before if "." in name} == set()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("main.py", "main.py: OSError: [Errno 5] Input/output error"),
        ("plugin.json", "{folder}/plugin.json cannot be read: Input/output error"),
    ],
)
@pytest.mark.skipif(not UNREADABLE.exists(), reason="needs a file that nobody can read")
def test_a_file_that_cannot_be_read_is_an_error(tmp_path, name, message):
    """The error names the file."""
    (write(tmp_path, {}) / name).unlink()
    (tmp_path / name).symlink_to(UNREADABLE)
    with pytest.raises(PluginError) as caught:
        Plugin.load(tmp_path)
    assert str(caught.value) == message.format(folder=tmp_path)


def test_dataclasses_enums_and_hints_work(tmp_path):
    """Dataclasses, enums and type hints find their module by its name."""
    files = {"helpers.py": "class Other:\n    pass\n"}
    module = ModuleSpace(write(tmp_path, files, INTROSPECTED)).load(tmp_path / "main.py")
    row = module.Row("a", [module.Colour.RED])
    assert repr(row) == "Row(name='a', colours=[<Colour.RED: 'red'>])"
    assert typing.get_type_hints(module.Row) == {
        "seen": typing.ClassVar[int],
        "name": str,
        "colours": list[module.Colour],
    }
    assert typing.get_type_hints(module.rows) == {
        "first": module.Row,
        "others": module.helpers.Other,
        "return": module.Pair,
    }


def test_values_of_a_plugin_can_be_pickled(tmp_path):
    """A result can be pickled, for other processes and caches."""
    module = ModuleSpace(write(tmp_path, {"helpers.py": ""}, INTROSPECTED)).load(tmp_path / "main.py")
    pair = module.Pair(module.Row("a"), module.Colour.RED)
    back = pickle.loads(pickle.dumps(pair))  # noqa: S301  our own bytes
    assert (back, type(back), pickle.loads(pickle.dumps(module.rows))) == (pair, module.Pair, module.rows)  # noqa: S301


@pytest.mark.parametrize(
    ("top", "expression"),
    [
        ("import pkgutil", "pkgutil.get_data(__name__, 'data.txt').decode()"),
        ("from importlib import resources", "resources.files(__package__).joinpath('data.txt').read_text()"),
        ("from pathlib import Path", "Path(__file__).with_name('data.txt').read_text()"),
    ],
    ids=["pkgutil", "resources", "pathlib"],
)
def test_data_beside_a_module_is_read(tmp_path, top, expression):
    """A data file in the plugin's folder is found in each of Python's ways."""
    assert run(Plugin.load(write(tmp_path, {"data.txt": "data"}, job(f"return {expression}", top)))) == "data"


SHOWN = {
    "a logger": ("import logging", "logging.getLogger(__name__).warning('low')", ("WARNING main: low",), None, None),
    "an object": ("from helpers import Thing", "return Thing()", (), "<helpers.Thing object>", None),
    "a class": ("class Thing: pass", "return [Thing]", (), ["<class 'main.Thing'>"], None),
    "an error": ("", "from helpers import x", (), None, "cannot import name 'x' from 'helpers' (helpers.py)"),
    "a module": ("", "import helpers.x", (), None, "No module named 'helpers.x'; 'helpers' is not a package"),
}


@pytest.mark.parametrize("case", SHOWN)
def test_what_a_run_shows_has_the_authors_names(tmp_path, case):
    """A run does not show the internal package of a plugin, whose number changes with each load."""
    top, body, logs, value, message = SHOWN[case]
    plugin = Plugin.load(write(tmp_path, {"helpers.py": "class Thing:\n    pass\n"}, job(body, top)))
    done = run_job(plugin.jobs["run"], World(), at="2026-01-01T00:00Z")
    assert (done.logs, done.value, done.error and done.error.message) == (logs, value, message)


def test_source_is_found(tmp_path):
    """`inspect`, debuggers and tracebacks show the author's lines."""
    module = ModuleSpace(write(tmp_path, {"helpers.py": ""}, INTROSPECTED)).load(tmp_path / "main.py")
    assert inspect.getsource(module.rows) == INTROSPECTED[INTROSPECTED.index("def rows") :]
    assert inspect.getsource(module) == INTROSPECTED
    assert inspect.getsourcefile(module.Row) == str(tmp_path / "main.py")
    assert inspect.getmodule(module.rows) is module


def test_many_threads_load_many_plugins(tmp_path):
    """Each thread gets its own plugin, and none waits for ever."""
    for number in range(8):
        top = "import time\ntime.sleep(0.01)\nfrom helpers import N"
        write(tmp_path / str(number), {"helpers.py": f"N = {number}\n"}, job("return N", top))
    with ThreadPoolExecutor(8) as pool:
        plugins = list(pool.map(lambda number: Plugin.load(tmp_path / str(number % 8)), range(32)))
    assert [plugin.jobs["run"].function(None) for plugin in plugins] == [number % 8 for number in range(32)]


def test_many_threads_import_one_sibling_once(tmp_path):
    """Threads that import the same module get one module, which runs once."""
    files = {
        "slow.py": "import time\ntime.sleep(0.05)\nimport helpers\nhelpers.loads.append(1)\n",
        "helpers.py": "loads = []\n",
    }
    plugin = Plugin.load(write(tmp_path, files, job("import slow, helpers; return id(slow), helpers.loads")))
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(plugin.jobs["run"].function, range(16)))
    assert (len({number for number, _ in results}), results[0][1]) == (1, [1])


def test_loads_that_overlap_leave_time_sleep_alone(tmp_path):
    """Loads in several threads go one after the other, use our sleep, and afterwards `time.sleep` is restored."""

    def load(name):
        write(tmp_path / name, {}, job("sleep(3600)", "from time import sleep\nany(range(100_000))"))
        return Plugin.load(tmp_path / name)

    with ThreadPoolExecutor(2) as pool:
        plugins = list(pool.map(load, ["one", "two", "three", "four"]))
    after = time.sleep
    bound = [plugin.jobs["run"].function.__globals__["sleep"] for plugin in plugins]
    assert (after, bound) == (SLEEP, [clock.sleep] * 4)


@pytest.mark.parametrize(("top", "body"), SLEEPS, ids=[" | ".join(case) for case in SLEEPS])
def test_sleep_follows_virtual_time(tmp_path, top, body):
    """An hour of sleep takes an hour of virtual time and no real time, with any kind of import."""
    files = {"naps.py": "from time import sleep as nap\ndef hour():\n    nap(3600)\n"}
    plugin = Plugin.load(write(tmp_path, files, job(body, top)))
    done = run_job(plugin.jobs["run"], World(time_limit=7200), at="2026-01-01T00:00Z")
    assert (done.outcome, done.duration) == ("ok", timedelta(hours=1))


@pytest.mark.parametrize("kind", ["module", "mapping"])
def test_sleep_that_was_imported_before_follows_too(kind):
    """A `sleep` that a notebook or a test module imported before follows virtual time too."""
    module = ModuleType("plugin_of_a_test")
    module.__file__ = None
    exec(job("sleep(3600)", "from time import sleep"), vars(module))  # noqa: S102  what a notebook does
    plugin = Plugin.load(module if kind == "module" else vars(module))
    done = run_job(plugin.jobs["run"], World(time_limit=7200), at="2026-01-01T00:00Z")
    assert (done.outcome, done.duration) == ("ok", timedelta(hours=1))


@pytest.mark.parametrize(
    ("frames", "shown"),
    [
        ([], None),
        ([("/usr/lib/python3/json/__init__.py", 5)], None),
        ([("{root}/main.py", 7), ("/usr/lib/python3/json/__init__.py", 5)], "main.py:7"),
        ([("{root}/main.py", 7), ("{root}/lib/helpers.py", 3)], "lib/helpers.py:3"),
        ([("{root}-two/main.py", 7)], None),
    ],
)
def test_a_place_is_the_last_line_of_the_plugins_own(tmp_path, frames, shown):
    """Frames of libraries are ignored."""
    own = [(name.format(root=tmp_path), line) for name, line in frames]
    assert place(own, tmp_path) == shown


def test_a_call_place_is_the_innermost_line_of_the_plugins_own(tmp_path):
    """The search goes from the innermost frame outwards, and may find nothing."""
    here = inspect.currentframe()
    line = here.f_lineno
    name = inspect.getsourcefile(write)
    folder = type(tmp_path)(name).parent
    assert call_place(here, folder) == f"test_modules.py:{line + 3}"
    assert call_place(here, tmp_path) is None
