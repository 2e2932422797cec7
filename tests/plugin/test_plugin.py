"""A plugin can be loaded from a folder, a file, a zip, a module or a notebook."""

from __future__ import annotations

import json
import sys
import zipfile
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import MappingProxyType, ModuleType

import pytest

from sbh_jobkit import Job, Plugin, World, run_job, simulate
from sbh_jobkit.errors import JobkitError, ManifestError, PluginError, UnknownJobError
from sbh_jobkit.plugin.manifest import PERMISSIONS, Manifest
from sbh_jobkit.schedule.times import zone

MAIN = '''"""Jobs of a hub."""

from src.ext.sdk import PluginContext, generator_hook, hook, job, llm_filter, route


@job("nightly", schedule="0 2 * * *")
def nightly_job(ctx: PluginContext):
    return ctx.tenant_id


@job("by_hand")
def by_hand_job(ctx):
    return "by hand"


@route("/items", methods=["GET", "POST"])
def items(ctx):
    return []


@hook("files.uploaded")
def uploaded(ctx, event_data):
    return event_data


@llm_filter("prompt")
def prompt(ctx, data):
    return data


@generator_hook("before_build")
def before_build(ctx, data):
    return data
'''

MANIFEST = {"slug": "hub-ops", "name": "Hub Ops", "version": "1.2.3"}
SDK = "from src.ext.sdk import job\n"


def write(folder, main=MAIN, manifest=MANIFEST, **files):
    """Write a plugin's folder and return it; a manifest of None is left out."""
    texts = {"main.py": main, **files}
    if manifest is not None:
        texts["plugin.json"] = json.dumps(manifest)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def packed(folder):
    """Return a zip of a plugin's folder."""
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as archive:
        for file in folder.iterdir():
            archive.write(file, file.name)
    return path


def imported(folder):
    """Import a plugin's main.py as a user's test module does."""
    spec = spec_from_file_location("hub.ops", folder / "main.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def names(code):
    """Return the names that the cells of a notebook define."""
    found = {"__name__": "__main__"}
    exec(compile(code, "/tmp/ipykernel_12/345.py", "exec"), found)  # noqa: S102, S108  what a notebook does
    return found


def seen(plugin):
    """Return the parts of a plugin as plain values."""
    return {
        "slug": plugin.slug,
        "version": plugin.manifest.version,
        "jobs": [(job.name, job.expression, job.place) for job in plugin.jobs.values()],
        "routes": [(route.path, route.methods, route.function.__name__) for route in plugin.routes],
        "hooks": [(hook.kind, hook.name, hook.function.__name__) for hook in plugin.hooks],
        "warnings": plugin.warnings,
    }


SEEN = {
    "slug": "hub-ops",
    "version": "1.2.3",
    "jobs": [("nightly", "0 2 * * *", "main.py:6"), ("by_hand", None, "main.py:11")],
    "routes": [("/items", ("GET", "POST"), "items")],
    "hooks": [
        ("event", "files.uploaded", "uploaded"),
        ("llm_filter", "prompt", "prompt"),
        ("generator", "before_build", "before_build"),
    ],
    "warnings": (),
}

SOURCES = {
    "directory": lambda folder: folder,
    "text": str,
    "manifest": lambda folder: folder / "plugin.json",
    "entry": lambda folder: folder / "main.py",
    "zip": packed,
    "module": imported,
}


# Where a plugin comes from.


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_gives_the_same_plugin(tmp_path, source):
    """The manifest, jobs, routes and hooks are the same, with their lines."""
    plugin = Plugin.load(SOURCES[source](write(tmp_path / "hub")))
    assert seen(plugin) == SEEN
    assert run_job(plugin.jobs["nightly"], World("acme"), at="2026-01-01T02:00Z").value == "acme"


def test_cells_of_a_notebook_are_a_plugin():
    """A mapping of names gets a default manifest, and its places are cells."""
    plugin = Plugin.load(names(MAIN))
    assert seen(plugin) == SEEN | {
        "slug": "notebook",
        "version": "0.0.0",
        "jobs": [("nightly", "0 2 * * *", "345.py:6"), ("by_hand", None, "345.py:11")],
    }
    assert (plugin.manifest, plugin.root, plugin.source) == (
        Manifest(slug="notebook", name="Notebook"),
        None,
        "notebook",
    )


@pytest.mark.parametrize(
    "manifest",
    [MANIFEST, MappingProxyType(MANIFEST), Manifest(slug="hub-ops", name="Hub Ops", version="1.2.3")],
    ids=["dict", "mapping", "Manifest"],
)
@pytest.mark.parametrize("wrap", [dict, MappingProxyType])
def test_a_manifest_may_be_given(wrap, manifest):
    """A manifest may be given with a mapping of names, and both may be read-only."""
    plugin = Plugin.load(wrap(names(MAIN)), manifest=manifest)
    assert (plugin.slug, plugin.manifest.version, list(plugin.jobs)) == ("hub-ops", "1.2.3", ["nightly", "by_hand"])


@pytest.mark.parametrize("source", SOURCES)
def test_a_given_manifest_replaces_the_file(tmp_path, source):
    """The manifest in the file is not used."""
    plugin = Plugin.load(SOURCES[source](write(tmp_path / "hub")), manifest={"slug": "given", "name": "Given"})
    assert (plugin.manifest, list(plugin.jobs)) == (Manifest(slug="given", name="Given"), ["nightly", "by_hand"])


def test_a_given_manifest_with_problems_is_an_error():
    """The error calls it the manifest, because it has no file."""
    with pytest.raises(ManifestError) as caught:
        Plugin.load({}, manifest={"name": "P"})
    assert str(caught.value) == "manifest: $.slug: missing; slug and name are required"


@pytest.mark.parametrize(("folder", "slug"), [("hub_ops-2", "hub_ops-2"), ("my hub é", "my-hub--")])
def test_a_file_without_a_manifest_is_a_plugin_named_after_its_folder(tmp_path, folder, slug):
    """A single file needs no plugin.json, and has every permission."""
    plugin = Plugin.load(write(tmp_path / folder, manifest=None) / "main.py")
    assert (plugin.manifest, list(plugin.jobs)) == (
        Manifest(slug=slug, name=slug, entry="main.py", permissions=PERMISSIONS),
        ["nightly", "by_hand"],
    )


def test_a_file_beside_the_manifest_of_another_entry_is_its_own_plugin(tmp_path):
    """The manifest counts only for its own entry."""
    other = f'{SDK}@job("other")\ndef run(ctx): pass\n'
    plugin = Plugin.load(write(tmp_path / "hub", **{"other.py": other}) / "other.py")
    assert (plugin.manifest, list(plugin.jobs)) == (Manifest(slug="hub", name="hub", entry="other.py"), ["other"])


@pytest.mark.parametrize("name", ["my jobs.py", "my-jobs.py", "my.jobs.py", "2026.py", "é.py"])
def test_a_file_of_any_name_is_loaded(tmp_path, name):
    """A file with a name that an import statement cannot use is still a plugin."""
    write(tmp_path / "hub", manifest=None, **{name: MAIN})
    assert list(Plugin.load(tmp_path / "hub" / name).jobs) == ["nightly", "by_hand"]


@pytest.mark.parametrize("source", [".", "plugin.json", "main.py", "../hub", Path("main.py"), Path()])
def test_relative_paths_are_of_the_working_directory(tmp_path, monkeypatch, source):
    """`source` is what the author typed, `root` is the folder."""
    monkeypatch.chdir(write(tmp_path / "hub"))
    plugin = Plugin.load(source)
    assert seen(plugin) == SEEN
    assert (plugin.source, plugin.root) == (str(source), tmp_path / "hub")


def test_an_entry_with_a_dot_in_its_name_and_its_siblings_are_modules(tmp_path):
    """Imports work, also relative ones, if the manifest's entry has a dot in its name."""
    main = f"{SDK}from . import helpers\nfrom my import NAME\n{job('a')}def a(ctx): return helpers.NAME, NAME\n"
    files = {"my.jobs.py": main, "helpers.py": "NAME = 'helpers'\n", "my.py": "NAME = 'my'\n"}
    plugin = Plugin.load(write(tmp_path, manifest=MANIFEST | {"entry": "my.jobs.py"}, **files))
    done = run_job(plugin.jobs["a"], World(), at="2026-01-01T00:00Z")
    assert (plugin.jobs["a"].place, done.value) == ("my.jobs.py:4", ("helpers", "my"))


def test_an_entry_may_be_in_a_folder(tmp_path):
    """Places and imports start at the plugin's folder."""
    write(tmp_path, manifest=MANIFEST | {"entry": "lib/jobs.py"}, **{"helpers.py": "NAME = 'helpers'\n"})
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "jobs.py").write_text(
        f'{SDK}@job("a")\ndef a(ctx):\n    import helpers\n    return helpers.NAME'
    )
    plugin = Plugin.load(tmp_path)
    assert plugin.jobs["a"].place == "lib/jobs.py:2"
    assert run_job(plugin.jobs["a"], World(), at="2026-01-01T00:00Z").value == "helpers"


def test_a_linked_folder_is_a_plugin(tmp_path):
    """The places are the same if the folder is a link."""
    (tmp_path / "link").symlink_to(write(tmp_path / "hub"), target_is_directory=True)
    assert seen(Plugin.load(tmp_path / "link")) == SEEN


def test_a_folder_named_like_a_zip_is_a_folder(tmp_path):
    """A folder whose name ends in .zip is not unpacked."""
    assert seen(Plugin.load(write(tmp_path / "hub.zip"))) == SEEN


def test_a_zip_may_be_written_in_capitals(tmp_path):
    """The name of a zip may be in capitals, as on some systems."""
    path = packed(write(tmp_path / "hub"))
    assert seen(Plugin.load(path.rename(tmp_path / "HUB.ZIP"))) == SEEN


def test_a_module_without_a_file_is_a_plugin():
    """A module needs no file: the `__main__` of a notebook has none."""
    module = ModuleType("hub ops")
    exec(MAIN, vars(module))  # noqa: S102  what a notebook does
    plugin = Plugin.load(module)
    assert (plugin.manifest, plugin.root, list(plugin.jobs)) == (
        Manifest(slug="hub-ops", name="hub ops"),
        None,
        ["nightly", "by_hand"],
    )


def test_a_module_is_not_run_again(tmp_path):
    """Loading a module does not run it again, so a test and the plugin share one state."""
    module = imported(write(tmp_path))
    assert Plugin.load(module).jobs["nightly"].function is module.nightly_job


def test_a_manifest_beside_a_module_is_read(tmp_path):
    """The problems of a manifest beside a module are reported with its path."""
    module = imported(write(tmp_path, manifest={"slug": "p"}))
    with pytest.raises(ManifestError) as caught:
        Plugin.load(module)
    assert str(caught.value) == f"{tmp_path}/plugin.json: $.name: missing; slug and name are required"


NO_SOURCES = [
    ("nope", "no such path: '{path}'; give a plugin's directory, its plugin.json, main.py or zip"),
    ("nope.zip", "no such path: '{path}'; give a plugin's directory, its plugin.json, main.py or zip"),
    ("empty", "{path} has no plugin.json; a plugin is a directory with plugin.json and main.py"),
    ("notes.txt", "{path} is not a plugin; give a directory, a plugin.json, a .py file or a .zip"),
    ("other.json", "{path} is not a plugin; give a directory, a plugin.json, a .py file or a .zip"),
    ("lost", "{path}/plugin.json: $.entry: there is no file 'main.py' in {path}"),
    ("lost/plugin.json", "{folder}/lost/plugin.json: $.entry: there is no file 'main.py' in {folder}/lost"),
    (
        "broken",
        "{path}/plugin.json: line 1 column 2 is not valid JSON: Expecting property name enclosed in double quotes",
    ),
    (
        "broken/main.py",
        (
            "{folder}/broken/plugin.json: line 1 column 2 is not valid JSON: "
            "Expecting property name enclosed in double quotes"
        ),
    ),
]


@pytest.mark.parametrize(("name", "message"), NO_SOURCES, ids=[name for name, _ in NO_SOURCES])
def test_a_path_that_is_not_a_plugin_is_an_error(tmp_path, name, message):
    """The error has the path as it was typed, and what to give instead."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").touch()
    (tmp_path / "other.json").write_text("{}")
    write(tmp_path / "lost")
    (tmp_path / "lost" / "main.py").unlink()
    write(tmp_path / "broken")
    (tmp_path / "broken" / "plugin.json").write_text("{")
    path = tmp_path / name
    with pytest.raises(PluginError) as caught:
        Plugin.load(path)
    assert str(caught.value) == message.format(path=path, folder=tmp_path)


@pytest.mark.parametrize("source", [None, 5, b"hub", ["hub"]], ids=repr)
def test_a_wrong_type_of_source_is_an_error(source):
    """The error has the value."""
    with pytest.raises(PluginError) as caught:
        Plugin.load(source)
    assert str(caught.value) == f"cannot load a plugin from {source!r}; give a path, a module or a mapping of names"


# Which jobs it has.


def job(name, *more):
    """Return the text of a decorator."""
    return f"@job({', '.join(map(repr, (name, *more)))})\n"


FOUND = {
    "in the order of the file": (
        f"{job('b')}def z(ctx): return 'b'\n{job('a')}def y(ctx): return 'a'\n",
        [("b", "main.py:2", "b"), ("a", "main.py:4", "a")],
    ),
    "under one function name": (
        f"{job('a')}def run(ctx): return 'a'\n{job('b')}def run(ctx): return 'b'\n",
        [("a", "main.py:2", "a"), ("b", "main.py:4", "b")],
    ),
    "under two names": (
        f"{job('a')}def run(ctx): return 'a'\nagain = run\n",
        [("a", "main.py:2", "a")],
    ),
    "made by a function": (
        "def make(name):\n    @job(name)\n    def run(ctx): return name\n    return run\na, b = make('a'), make('b')\n",
        [("a", "main.py:3", "a"), ("b", "main.py:3", "b")],
    ),
    "with a decorator below": (
        (
            "from functools import wraps\n"
            "def twice(function):\n"
            "    @wraps(function)\n"
            "    def wrapper(ctx): return function(ctx) * 2\n"
            "    return wrapper\n"
            f"{job('a')}@twice\ndef run(ctx): return 'a'\n"
        ),
        [("a", "main.py:7", "aa")],
    ),
    "with a decorator above": (
        (
            "from functools import wraps\n"
            "def twice(function):\n"
            "    @wraps(function)\n"
            "    def wrapper(ctx): return function(ctx) * 2\n"
            "    return wrapper\n"
            f"@twice\n{job('a')}def run(ctx): return 'a'\n"
        ),
        [("a", "main.py:7", "aa")],
    ),
    "with a decorator above, between others": (
        (
            "from functools import wraps\n"
            "def twice(function):\n"
            "    @wraps(function)\n"
            "    def wrapper(ctx): return function(ctx) * 2\n"
            "    return wrapper\n"
            f"{job('a')}def one(ctx): return 'a'\n"
            f"@twice\n{job('b')}def two(ctx): return 'b'\n"
            f"{job('c')}def three(ctx): return 'c'\n"
        ),
        [("a", "main.py:7", "a"), ("b", "main.py:9", "bb"), ("c", "main.py:12", "c")],
    ),
    "beside what cannot be compared": (
        (
            "class Odd:\n    def __eq__(self, other): raise RuntimeError\n    __hash__ = None\n"
            f"odd = Odd()\nfrom unittest.mock import call\n{job('a')}def run(ctx): return 'a'\n"
        ),
        [("a", "main.py:7", "a")],
    ),
    "as a lambda": ("run = job('a')(lambda ctx: 'a')\n", [("a", "main.py:2", "a")]),
    "async": (f"{job('a')}async def run(ctx): return 'a'\n", [("a", "main.py:2", "a")]),
    "from a sibling": ("from helpers import shared\n", [("shared", "helpers.py:2", "shared")]),
    "none": ("x = 1\n", []),
}


@pytest.mark.parametrize("case", FOUND)
def test_jobs_are_found(tmp_path, case):
    """Every function with `@job` in the entry is found once, with its place."""
    main, jobs = FOUND[case]
    helpers = f"{SDK}{job('shared')}def shared(ctx): return 'shared'\n{job('other')}def other(ctx): pass\n"
    plugin = Plugin.load(write(tmp_path, SDK + main, **{"helpers.py": helpers}))
    ran = [run_job(found, World(), at="2026-01-01T00:00Z").value for found in plugin.jobs.values()]
    assert [(name, found.place, value) for (name, found), value in zip(plugin.jobs.items(), ran, strict=True)] == jobs


REFUSED = {
    "two of one name": (
        f"{job('a')}def one(ctx): pass\n{job('a')}def two(ctx): pass\n",
        "job 'a' is defined twice: at main.py:2 and at main.py:4; rename one",
    ),
    "two of one name and one function name": (
        f"{job('a')}def run(ctx): pass\n{job('a')}def run(ctx): pass\n",
        "job 'a' is defined twice: at main.py:2 and at main.py:4; rename one",
    ),
    "one here and one in a sibling": (
        f"from helpers import shared\n{job('shared')}def run(ctx): pass\n",
        "job 'shared' is defined twice: at main.py:3 and at helpers.py:2; rename one",
    ),
    "not cron": (
        f"{job('a', '61 * * * *')}def run(ctx): pass\n",
        "a (main.py:2): schedule '61 * * * *' is not cron: minute 61 is outside 0-59",
    ),
    "never fires": (
        f"\n{job('a', '0 0 30 2 *')}def run(ctx): pass\n",
        (
            "a (main.py:3): schedule '0 0 30 2 *' is not cron: "
            "day 30 does not exist in month 2, so it never fires; without a schedule a job runs by hand"
        ),
    ),
    "other than the manifest says": (
        f"{job('listed', '0 2 * * *')}def run(ctx): pass\n",
        "job 'listed': the decorator (main.py:2) says '0 2 * * *', the manifest '0 3 * * *'; make them agree",
    ),
    "without parentheses": (
        "@job\ndef run(ctx): pass\n",
        "main.py:2: @job needs its name: write @job('…') above the function, with parentheses",
    ),
    "without a name": (
        f"{job('')}def run(ctx): pass\n",
        "main.py:2: @job: name must be text that is not empty, got ''",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_wrong_jobs_are_errors_with_their_lines(tmp_path, case):
    """A duplicate name (D35), a schedule that differs from the manifest (D30), a wrong schedule."""
    main, message = REFUSED[case]
    helpers = f"{SDK}{job('shared')}def shared(ctx): pass\n"
    manifest = MANIFEST | {"jobs": [{"name": "listed", "schedule": "0 3 * * *"}]}
    with pytest.raises(PluginError) as caught:
        Plugin.load(write(tmp_path, SDK + main, manifest, **{"helpers.py": helpers}))
    assert str(caught.value) == message


def test_a_duplicate_name_in_a_notebook_is_an_error():
    """Two cells define a job of the same name."""
    with pytest.raises(PluginError) as caught:
        Plugin.load(names(f"{SDK}{job('a')}def one(ctx): pass\n{job('a')}def two(ctx): pass\n"))
    assert str(caught.value) == "job 'a' is defined twice: at 345.py:2 and at 345.py:4; rename one"


def test_every_problem_of_a_plugin_is_a_plugin_error(tmp_path):
    """`except PluginError` catches every problem."""
    with pytest.raises(PluginError):
        Plugin.load(write(tmp_path, f"{SDK}{job('a', 'never')}def run(ctx): pass\n"))


SCHEDULES = [
    (("0 2 * * *",), None, "0 2 * * *"),
    ((), "0 2 * * *", "0 2 * * *"),
    (("0 2 * * *",), "0 2 * * *", "0 2 * * *"),
    (("0 2 * * *",), " 0  2 * * * ", "0 2 * * *"),
    ((), None, None),
]


@pytest.mark.parametrize(("decorated", "listed", "expression"), SCHEDULES)
def test_a_schedule_comes_from_the_decorator_else_from_the_manifest(tmp_path, decorated, listed, expression):
    """Both may have the same schedule; spaces do not count; a job without a schedule is manual only."""
    entry = {"name": "a"} if listed is None else {"name": "a", "schedule": listed}
    plugin = Plugin.load(
        write(tmp_path, f"{SDK}{job('a', *decorated)}def run(ctx): pass\n", MANIFEST | {"jobs": [entry]})
    )
    assert plugin.jobs["a"].expression == expression
    assert (plugin.jobs["a"].schedule is None) == (expression is None)


ZONES = [
    ("Asia/Tokyo", "Europe/Paris", "America/New_York", "Asia/Tokyo"),
    ("Asia/Tokyo", None, "America/New_York", "Asia/Tokyo"),
    ("Asia/Tokyo", None, None, "Asia/Tokyo"),
    (None, "Europe/Paris", "America/New_York", "Europe/Paris"),
    (None, "Europe/Paris", None, "Europe/Paris"),
    (None, None, "America/New_York", "America/New_York"),
    (None, None, None, "UTC"),
]


@pytest.mark.parametrize(("own", "caller", "plugins", "expected"), ZONES)
def test_the_nearest_zone_wins(tmp_path, own, caller, plugins, expected):
    """The zone of the job, else of the caller, else of the plugin, else UTC."""
    manifest = MANIFEST | ({} if plugins is None else {"timezone": plugins})
    entry = {"name": "a"} | ({} if own is None else {"timezone": own})
    main = f"{SDK}{job('a', '0 2 * * *')}def run(ctx): pass\n"
    found = Plugin.load(write(tmp_path, main, manifest | {"jobs": [entry]})).jobs["a"]
    assert found.schedule_in(None if caller is None else zone(caller)).tz.key == expected
    assert found.schedule.tz.key == (own or plugins or "UTC")


WARNINGS = [
    (None, (("a", "@daily"), ("b",)), ()),
    (["a", "b"], (("a", "@daily"), ("b",)), ()),
    (["a"], (("a", "@daily"), ("b",)), ()),
    ([], (("a", "@daily"), ("b",)), ("job 'a' (main.py:2) is not in the manifest's jobs; add it there",)),
    (
        ["nightly", "weekly"],
        (("nightli",),),
        (
            "job 'nightly' of the manifest has no function in main.py, so it never runs; did you mean 'nightli'?",
            "job 'weekly' of the manifest has no function in main.py, so it never runs",
        ),
    ),
]


@pytest.mark.parametrize(("listed", "defined", "warnings"), WARNINGS)
def test_a_probable_mistake_is_a_warning(tmp_path, listed, defined, warnings):
    """A job in the manifest without a function, and a scheduled function that the manifest does not list."""
    manifest = MANIFEST if listed is None else MANIFEST | {"jobs": [{"name": name} for name in listed]}
    main = SDK + "".join(f"{job(*arguments)}def f{number}(ctx): pass\n" for number, arguments in enumerate(defined))
    assert Plugin.load(write(tmp_path, main, manifest)).warnings == warnings


@pytest.mark.parametrize(
    ("schedule", "note"),
    [
        ("0 */24 * * *", "hour step 24 is longer than the range 0-23, so only 0 matches"),
        ("4 2-23/24 * * *", "hour step 24 is longer than the range 2-23, so only 2 matches"),
        ("*/120 * * * *", "minute step 120 is longer than the range 0-59, so only 0 matches; write '0 */2 * * *'"),
        ("0 */2 * * *", None),
        ("@daily", None),
    ],
)
@pytest.mark.parametrize("listed", [True, False])
def test_a_step_that_is_too_long_is_a_warning(schedule, note, listed):
    """The plugin loads, and says what the step comes to, whether the decorator or the manifest has the schedule."""
    code = f"from src.ext.sdk import job\n\n@job('a'{'' if listed else f', schedule={schedule!r}'})\ndef a(ctx): pass\n"
    names = {}
    exec(compile(code, "main.py", "exec"), names)  # noqa: S102  a cell
    manifest = {"slug": "p", "name": "P", "jobs": [{"name": "a", "schedule": schedule}]}
    found = Plugin.load(names, manifest=manifest).load_warnings
    expected = [] if note is None else [("schedule-step", f"job 'a' (main.py:3): schedule {schedule!r}: {note}")]
    assert [(each.rule, each.text) for each in found] == expected


ELSEWHERE = {
    "brought": ("from helpers import run, again\n", ()),
    "brought under another name": ("from helpers import run as mine, again\n", ()),
    "imported as a module": (
        "import helpers\n",
        (
            "job 'a' (helpers.py:2) is not in main.py, so it never runs; add to main.py: from helpers import run",
            "job 'b' (helpers.py:4) is not in main.py, so it never runs; add to main.py: from helpers import again",
        ),
    ),
    "brought wrapped": (
        (
            "from functools import wraps\nimport helpers\n"
            "run = wraps(helpers.run)(lambda ctx: 1)\nagain = wraps(helpers.again)(lambda ctx: 1)\n"
        ),
        (),
    ),
    "in a folder": (
        "import lib.more\n",
        ("job 'c' (lib/more.py:2) is not in main.py, so it never runs; add to main.py: from lib.more import run",),
    ),
    "hidden in the entry, where it runs": (
        f"{job('d')}def run(ctx): pass\n{job('e')}def run(ctx): pass\n",
        (),
    ),
    "wrapped in the entry, where it runs": (
        f"from functools import wraps\n@lambda f: wraps(f)(lambda ctx: f(ctx))\n{job('d')}def run(ctx): pass\n",
        (),
    ),
}


@pytest.mark.parametrize("case", ELSEWHERE)
def test_a_job_that_the_entry_does_not_have_is_a_warning(tmp_path, case):
    """The host only finds jobs in the entry; the warning has the line to add."""
    main, warnings = ELSEWHERE[case]
    helpers = f"{SDK}{job('a')}def run(ctx): pass\n{job('b')}def again(ctx): pass\n"
    write(tmp_path, SDK + main, **{"helpers.py": helpers})
    write(tmp_path / "lib", "", None, **{"more.py": f"{SDK}{job('c')}def run(ctx): pass\n"})
    assert Plugin.load(tmp_path).warnings == warnings


UNKNOWN = [
    ("nightli", "the plugin has no job 'nightli'; did you mean 'nightly'?"),
    ("NIGHTLY", "the plugin has no job 'NIGHTLY'; did you mean 'nightly'?"),
    ("xyz", "the plugin has no job 'xyz'; its jobs are nightly, by_hand"),
]


@pytest.mark.parametrize(("name", "message"), UNKNOWN)
def test_an_unknown_job_is_an_error_with_a_suggestion(name, message):
    """`jobs[name]` raises, `name in jobs` and `jobs.get(name)` do not."""
    jobs = Plugin.load(names(MAIN)).jobs
    with pytest.raises(UnknownJobError) as caught:
        jobs[name]
    assert isinstance(caught.value, (PluginError, LookupError))
    assert (str(caught.value), name in jobs, jobs.get(name)) == (message, False, None)


def test_a_plugin_without_jobs_says_so():
    """The error says that the plugin has no jobs."""
    with pytest.raises(UnknownJobError) as caught:
        Plugin.load({}).jobs["nightly"]
    assert str(caught.value) == "the plugin has no job 'nightly'; it has none"


@pytest.mark.parametrize(
    ("main", "shown"),
    [
        (MAIN, "<Plugin hub-ops 1.2.3: 2 jobs>"),
        ("", "<Plugin hub-ops 1.2.3: 0 jobs>"),
        (
            f"{SDK}{job('a')}def run(ctx): pass\n",
            "<Plugin hub-ops 1.2.3: 1 job>",
        ),
    ],
)
def test_a_plugin_shows_its_name_and_number_of_jobs(tmp_path, main, shown):
    """The repr in a terminal or a debugger."""
    assert repr(Plugin.load(write(tmp_path, main))) == shown


def test_a_job_is_a_value(tmp_path):
    """A job has everything that a run needs, without the plugin."""
    plugin = Plugin.load(write(tmp_path))
    found = plugin.jobs["nightly"]
    assert found == Job(
        name="nightly",
        function=found.function,
        manifest=plugin.manifest,
        expression="0 2 * * *",
        timezone=None,
        place="main.py:6",
        root=tmp_path,
    )


# What goes wrong while it is imported.


FAILURES = [
    ("\ndef run(:\n    pass\n", "main.py:2: SyntaxError: invalid syntax"),
    (
        "import nope\n",
        "main.py:1: ModuleNotFoundError: No module named 'nope'; install it, or put nope.py beside the plugin's entry",
    ),
    ("\n\n1 / 0\n", "main.py:3: ZeroDivisionError: division by zero"),
    ("import json\n\njson.dumps(object)\n", "main.py:3: TypeError: Object of type type is not JSON serializable"),
    ("import helpers\nhelpers.fail()\n", "helpers.py:2: RuntimeError: no luck"),
    ("import sys\nsys.exit(3)\n", "main.py:2: SystemExit: 3"),
    ("raise SystemExit('bye')\n", "main.py:1: SystemExit: bye"),
]


@pytest.mark.parametrize("source", ["directory", "manifest", "entry", "zip"])
@pytest.mark.parametrize(("main", "message"), FAILURES, ids=[message.split(": ")[1] for _, message in FAILURES])
def test_a_failing_import_is_an_error_with_the_plugins_line(tmp_path, main, message, source):
    """Any error at the plugin's top level becomes an error with the author's line, not the kit's."""
    helpers = "def fail():\n    raise RuntimeError('no luck')\n"
    with pytest.raises(PluginError) as caught:
        Plugin.load(SOURCES[source](write(tmp_path / "hub", main, **{"helpers.py": helpers})))
    assert isinstance(caught.value, JobkitError)
    assert str(caught.value) == message


def test_the_entry_is_run_once(tmp_path):
    """Loading runs the entry once."""
    Plugin.load(
        write(
            tmp_path,
            "from pathlib import Path\nwith Path(__file__).with_name('log').open('a') as log: log.write('x')\n",
        )
    )
    assert (tmp_path / "log").read_text() == "x"


def test_a_plugin_sees_its_own_file_and_name(tmp_path):
    """`__file__` is the author's file; `__name__` is not `__main__`, so the start-up code of a script does not run."""
    main = f"{SDK}FILE = __file__\nif __name__ == '__main__':\n    1 / 0\n{job('a')}def run(ctx): return FILE\n"
    plugin = Plugin.load(write(tmp_path, main))
    assert run_job(plugin.jobs["a"], World(), at="2026-01-01T00:00Z").value == str(tmp_path / "main.py")
    assert sys.modules[plugin.jobs["a"].function.__module__].__file__ == str(tmp_path / "main.py")


def test_a_plugin_with_an_edited_entry(tmp_path):
    """The file is unchanged, other modules can be imported, and errors call the text `main.py (edited)`."""
    text = "from src.ext.sdk import job\nfrom words import word\n@job('say')\ndef say(ctx): return word\n"
    (tmp_path / "main.py").write_text(text)
    (tmp_path / "words.py").write_text("word = 'moon'\n")
    plugin = Plugin.load(tmp_path / "main.py")
    edited = plugin.edited(text.replace("return word", "return word + ctx.tenant_id + str(1 / 0)"))
    run = run_job(edited.jobs["say"], at="2026-01-01")
    assert (run.error.type, run.error.place) == ("ZeroDivisionError", "main.py (edited):4")
    assert "str(1 / 0)" in run.error.traceback
    assert run_job(plugin.edited(text).jobs["say"], at="2026-01-01").value == "moon"
    assert (run_job(plugin.jobs["say"], at="2026-01-01").value, (tmp_path / "main.py").read_text()) == ("moon", text)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["main.py", "words.py"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def f(:", "main.py (edited):1: SyntaxError: invalid syntax"),
        ("\nimport nowhere", "main.py (edited):2: ModuleNotFoundError: No module named 'nowhere'; install it, or put "),
        ("raise SystemExit(3)", "main.py (edited):1: SystemExit: 3"),
    ],
)
def test_an_edit_that_cannot_be_loaded_is_an_error_with_its_line(tmp_path, text, message):
    """The error is the same as for a file."""
    (tmp_path / "main.py").write_text("")
    with pytest.raises(PluginError) as caught:
        Plugin.load(tmp_path / "main.py").edited(text)
    assert f"{caught.value}".startswith(message)


def test_a_plugin_without_files_cannot_be_edited():
    """Its jobs are in cells."""
    with pytest.raises(PluginError) as caught:
        Plugin.load({}).edited("")
    assert f"{caught.value}" == "notebook has no files, so it cannot be edited; define the job again in a cell"


ANY = "def __getattr__(self, name): raise SystemExit(name)"
ASKED = "def __getattribute__(self, name): raise SystemExit(name)"
UNTOUCHABLE = {
    "an object that answers every name": f"class Lazy:\n    {ANY}\nit = Lazy()",
    "one that is asked for anything": f"class Lazy:\n    {ASKED}\nit = Lazy()",
    "one that can be called": f"class Lazy:\n    {ASKED}\n    def __call__(self): pass\nit = Lazy()",
    "a class with a class of its own": f"class Meta(type):\n    {ASKED}\nclass Lazy(metaclass=Meta): pass",
    "one whose attributes are computed": (
        "class Lazy:\n    @property\n    def __dict__(self): raise SystemExit('dict')\nit = Lazy()"
    ),
}


@pytest.mark.parametrize("what", UNTOUCHABLE)
def test_objects_of_a_module_are_not_asked_for_attributes(tmp_path, what):
    """It would be code of the plugin outside of any run: a loop in it would have no limit."""
    (tmp_path / "plugin.json").write_text('{"slug": "lazy", "name": "Lazy"}')
    job = "\n\nfrom src.ext.sdk import job\n\n@job('look', schedule='0 6 * * *')\ndef look(ctx):\n    return 1\n"
    (tmp_path / "main.py").write_text(UNTOUCHABLE[what] + job)
    month = simulate(Plugin.load(tmp_path), duration="2d", unreached=True)
    assert (month.ok, len(month.runs)) == (True, 2)
    assert [each.kind for each in month.observations] == []


def test_a_module_that_puts_something_else_in_its_place(tmp_path):
    """Is refused in a sentence."""
    (tmp_path / "plugin.json").write_text('{"slug": "gone", "name": "Gone"}')
    (tmp_path / "main.py").write_text("import sys\nsys.modules[__name__] = None\n")
    with pytest.raises(PluginError, match=r"main.py: it replaces itself in sys.modules by a NoneType; leave that out$"):
        Plugin.load(tmp_path)
