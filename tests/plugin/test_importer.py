"""`from src.ext.sdk import …` works wherever the kit is installed; a real host or the user's own `src` is used first.

Each case runs in its own process, because the order of imports matters.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from sbh_jobkit.plugin import importer

ROOT = Path(__file__).resolve().parents[2]

PLUGIN = """
from src.ext.sdk import PluginContext, generator_hook, hook, job, llm_filter, route

@job("nightly", schedule="0 2 * * *")
def nightly(ctx: PluginContext):
    from src.ext.sdk import job
    return "ran"

@route("/items")
def items(ctx):
    return []

@hook("files.uploaded")
def uploaded(ctx, event_data):
    return event_data
"""

HOST_SDK = '''
"""An SDK like the host's: its decorators wrap, log and set the marks."""
from functools import wraps
from src.ext.context import PluginContext

def marking(**marks):
    def decorator(function):
        @wraps(function)
        def wrapper(*args, **kwargs):
            return ["host", function(*args, **kwargs)]
        vars(wrapper).update(marks)
        return wrapper
    return decorator

def job(name, schedule=None):
    return marking(_plugin_job_type="job", _plugin_job_name=name, _plugin_job_schedule=schedule)

def route(path, methods=None):
    return marking(_plugin_route_type="route", _plugin_route_path=path, _plugin_route_methods=methods or ["GET"])

def hook(event_type):
    return marking(_plugin_hook_type="event", _plugin_event_type=event_type)

def llm_filter(filter_type):
    return marking(_plugin_hook_type="llm_filter", _plugin_filter_type=filter_type)

def generator_hook(hook_type):
    return marking(_plugin_hook_type="generator", _plugin_generator_hook_type=hook_type)
'''

PLUGIN_FILES = {"plugin/plugin.json": '{"slug": "p", "name": "P"}', "plugin/main.py": PLUGIN}
HOST = {"host/src/ext/sdk.py": HOST_SDK, "host/src/ext/context.py": "class PluginContext:\n    pass\n"}
OWN = {"own/src/shop.py": "NAME = 'shop'\n", "own/src/deep/cart.py": "from src.shop import NAME\n"}
INITS = {
    "regular": ["src/__init__.py", "src/ext/__init__.py", "src/deep/__init__.py"],
    "namespace": [],
}

LOAD = """
from sbh_jobkit import Plugin, run_job
plugin = Plugin.load("plugin")
nightly = plugin.jobs["nightly"]
print(nightly.place, nightly.expression, run_job(nightly, at="2026-01-01T00:00Z").value)
print([(route.path, route.methods) for route in plugin.routes], [(hook.kind, hook.name) for hook in plugin.hooks])
"""
LOADED = "main.py:4 0 2 * * * {}\n[('/items', ('GET',))] [('event', 'files.uploaded')]\n"

SDK_FIRST = """
import sbh_jobkit
from src.ext.sdk import job
import src.shop
from src.deep import cart
print(src.shop.NAME, cart.NAME, job.__module__)
"""
OWN_FIRST = """
import src.shop
from src.deep import cart
import sbh_jobkit
from src.ext.sdk import job
print(src.shop.NAME, cart.NAME, job.__module__)
"""


def python(folder, code, *paths):
    """Run code in a process with the kit and some folders on its path; return its output."""
    entries = [*(str(folder / path) for path in paths), str(ROOT)]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", dedent(code)],
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(entries)},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.stderr == ""
    return done.stdout


def write(folder, files, shape="namespace"):
    """Write files, and `__init__.py` in the packages of every `src` where it is regular."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for source in list(folder.glob("*/src")):
        for name in INITS[shape]:
            path = source.parent / name
            if path.parent.is_dir():
                path.write_text("NAME = 'src'\n" if name == "src/__init__.py" else "")
    return folder


# Without a host.


def test_a_plugin_is_loaded_without_a_host(tmp_path):
    """The same file works without a host."""
    assert python(write(tmp_path, PLUGIN_FILES), LOAD) == LOADED.format("ran")


@pytest.mark.parametrize(
    ("statement", "expression"),
    [
        ("from src.ext.sdk import job", "job"),
        ("import src.ext.sdk", "src.ext.sdk.job"),
        ("import src.ext.sdk as sdk", "sdk.job"),
        ("from src.ext import sdk", "sdk.job"),
        ("from src.ext.sdk import *", "job"),
        ("import importlib; sdk = importlib.import_module('src.ext.sdk')", "sdk.job"),
    ],
)
def test_the_sdk_is_imported_in_every_way(tmp_path, statement, expression):
    """After importing the kit, its decorators can be imported in every way."""
    code = f"import sbh_jobkit\n{statement}\nprint({expression} is sbh_jobkit.plugin.sdk.job)"
    assert python(tmp_path, code) == "True\n"


def test_the_sdk_has_the_contracts_names(tmp_path):
    """The SDK has five decorators, the context, and a docstring."""
    code = """
    import sbh_jobkit
    from src.ext import sdk
    print(*sorted(sdk.__all__), isinstance(sbh_jobkit.FakeContext("t"), sdk.PluginContext), bool(sdk.__doc__))
    """
    assert python(tmp_path, code) == "PluginContext generator_hook hook job llm_filter route True True\n"


def test_other_modules_of_the_host_are_missing(tmp_path):
    """Only the SDK is supplied; any other module of the host is a missing module."""
    code = """
    import sbh_jobkit
    for name in ("src.ext.registry", "src.models", "src.ext.sdk.more", "srcs"):
        try:
            __import__(name)
        except ModuleNotFoundError as error:
            print(error)
    """
    assert python(tmp_path, code) == (
        "No module named 'src.ext.registry'\n"
        "No module named 'src.models'\n"
        "No module named 'src.ext.sdk.more'; 'src.ext.sdk' is not a package\n"
        "No module named 'srcs'\n"
    )


def test_importing_the_kit_alone_imports_no_src(tmp_path):
    """The finder imports nothing until the SDK is imported."""
    code = "import sbh_jobkit, sys\nprint([name for name in sys.modules if name.startswith('src')])"
    assert python(tmp_path, code) == "[]\n"


def test_the_finder_is_last_and_only_once(monkeypatch):
    """Python asks the finder last, and installing it twice changes nothing."""
    monkeypatch.setattr(sys, "meta_path", [finder for finder in sys.meta_path if "Sdk" not in type(finder).__name__])
    before = list(sys.meta_path)
    importer.install()
    importer.install()
    assert (sys.meta_path[:-1], [finder.__class__.__name__ for finder in sys.meta_path[-1:]]) == (
        before,
        ["SdkFinder"],
    )


def test_threads_import_the_sdk_at_the_same_time(tmp_path):
    """All threads get the same module."""
    code = """
    import sbh_jobkit
    from concurrent.futures import ThreadPoolExecutor
    def load(_):
        from src.ext.sdk import PluginContext, job
        return job, PluginContext
    with ThreadPoolExecutor(8) as pool:
        print(len(set(pool.map(load, range(32)))))
    """
    assert python(tmp_path, code) == "1\n"


# With a host.


@pytest.mark.parametrize("shape", INITS)
def test_a_host_checkout_wins(tmp_path, shape):
    """The host's decorators are used, and the plugin's jobs, routes and hooks are found by its marks."""
    folder = write(tmp_path, PLUGIN_FILES | HOST, shape)
    assert python(folder, LOAD, "host") == LOADED.format("['host', 'ran']")


@pytest.mark.parametrize("shape", INITS)
def test_other_modules_of_a_host_checkout_are_its_own(tmp_path, shape):
    """No module of the kit is among them."""
    code = """
    import sbh_jobkit
    from src.ext.sdk import PluginContext
    import src.ext.context
    print(PluginContext is src.ext.context.PluginContext, src.ext.sdk.__file__)
    """
    folder = write(tmp_path, HOST, shape)
    assert python(folder, code, "host") == f"True {folder}/host/src/ext/sdk.py\n"


# With a `src` of the user's own.


@pytest.mark.parametrize("code", [SDK_FIRST, OWN_FIRST], ids=["sdk first", "own first"])
@pytest.mark.parametrize("shape", INITS)
def test_a_src_of_the_users_own_stays_importable(tmp_path, shape, code):
    """The modules come from the user's `src`, and `src.ext.sdk` from the kit, in either order."""
    assert python(write(tmp_path, OWN, shape), code, "own") == "shop shop sbh_jobkit.plugin.sdk\n"


@pytest.mark.parametrize("shape", INITS)
def test_a_src_ext_of_the_users_own_stays_importable(tmp_path, shape):
    """If the user's `src.ext` has no `sdk`, only that module is supplied."""
    code = """
    import sbh_jobkit
    from src.ext.sdk import job
    from src.ext.mine import NAME
    print(NAME, job.__module__)
    """
    folder = write(tmp_path, {"own/src/ext/mine.py": "NAME = 'mine'\n"}, shape)
    assert python(folder, code, "own") == "mine sbh_jobkit.plugin.sdk\n"


@pytest.mark.parametrize("shape", INITS)
def test_a_src_that_comes_to_the_path_later_is_found(tmp_path, shape):
    """A folder added to `sys.path` later is found, although `src` was imported before."""
    code = """
    import sys
    import sbh_jobkit
    from src.ext.sdk import job
    sys.path.insert(0, "own")
    import src.shop
    from src.deep import cart
    print(src.shop.NAME, cart.NAME)
    """
    assert python(write(tmp_path, OWN, shape), code) == "shop shop\n"


def test_a_plugin_beside_a_src_of_the_users_own_is_loaded(tmp_path):
    """The repository's code and the plugin work in one process."""
    folder = write(tmp_path, PLUGIN_FILES | OWN, "regular")
    code = LOAD + "import src.shop\nprint(src.shop.NAME)"
    assert python(folder, code, "own") == LOADED.format("ran") + "shop\n"


@pytest.mark.parametrize("shape", INITS)
def test_a_plugin_may_have_a_src_of_its_own(tmp_path, shape):
    """A plugin may have its own modules in `src`, and the SDK is still the kit's."""
    main = PLUGIN + "\nfrom src.stock import NAME\nprint(NAME)\n"
    files = PLUGIN_FILES | {"plugin/main.py": main, "plugin/src/stock.py": "NAME = 'stock'\n"}
    code = f"{LOAD}\nprint(*plugin.warnings)"
    printed = "main.py:{} prints when it is imported\n"
    said = python(write(tmp_path, files | OWN, shape), code, "own")
    assert said == LOADED.format("ran") + printed.format(f"{len(main.splitlines())}:")


# What a user's unit test does with it.


def test_a_context_created_by_a_test_is_a_working_empty_fake(tmp_path):
    """It has every member of the contract, an empty tenant, and keeps what is stored."""
    code = """
    import sbh_jobkit
    from src.ext.sdk import PluginContext
    ctx = PluginContext("t")
    print(ctx.tenant_id, ctx.user_id, ctx.role)
    print(ctx.secrets.get("KEY"), ctx.secrets.get("KEY", "d"), ctx.secrets.has("KEY"), ctx.secrets.list())
    print(ctx.secrets.set("KEY", "hunter22"), ctx.secrets.get("KEY"), ctx.secrets.delete("KEY"))
    print(ctx.files.list(), ctx.files.get("a"), ctx.files.delete("a"))
    print(ctx.files.upload("a", "text"), [row["key"] for row in ctx.files.list()], ctx.files.delete("a"))
    print(ctx.db.query("plugin_jobs"), ctx.db.count("plugin_jobs"), ctx.db.get_by_id("plugin_jobs", 1))
    answer = ctx.http.get("https://api.example.com/data")
    print(answer["status_code"], repr(answer["text"]), answer["json"], "error" in answer)
    print(sorted(ctx.llm.run("hello")), ctx.emit("done", {"a": 1}), ctx.check_memory_usage())
    other = PluginContext("u", user_id="7", role="admin")
    print(other.tenant_id, other.user_id, other.role, isinstance(ctx, PluginContext))
    """
    assert python(tmp_path, code).splitlines() == [
        "t None None",
        "None d False {}",
        "True hunter22 True",
        "[] None False",
        "True ['a'] True",
        "[] 0 None",
        "0 '' None True",
        "['model', 'text', 'usage'] None True",
        "u 7 admin True",
    ]


def test_a_users_unit_test_calls_a_job_with_it(tmp_path):
    """A decorator returns the function itself, so a test can call it."""
    code = """
    import sbh_jobkit
    from src.ext.sdk import PluginContext, job
    @job("greet", schedule="@daily")
    def greet(ctx: PluginContext):
        return f"hello {ctx.tenant_id}"
    print(greet(PluginContext("t")))
    """
    assert python(tmp_path, code) == "hello t\n"
