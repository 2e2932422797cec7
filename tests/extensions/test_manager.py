"""How extensions are found, and the errors for those that cannot be loaded."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import distributions
from textwrap import dedent
from types import ModuleType

import pytest

from sbh_jobkit import hookimpl
from sbh_jobkit.errors import ExtensionError
from sbh_jobkit.extensions.manager import call, loaded, manager

HOOKS = "sbh_configure_world, sbh_engines, sbh_fault_kinds, sbh_live_services, sbh_run, sbh_services"


def extension(**hooks):
    """Make a module that implements hooks."""
    module = ModuleType("probe")
    vars(module).update({name: hookimpl(function) for name, function in hooks.items()})
    return module


class Watcher:
    """Record every run."""

    @hookimpl
    def sbh_run(self, run):
        """Do nothing."""


def nothing():
    """Offer no services."""


def misread(job):
    """Ask for an argument that the hook does not have."""


@dataclass
class Counted:
    """Compare equal to another of the same count."""

    runs: int = 0

    @hookimpl
    def sbh_run(self, run):
        """Do nothing."""


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("sbh_email", "extensions must be a list of modules or objects, got 'sbh_email'"),
        (5, "extensions must be a list of modules or objects, got 5"),
        (["sbh_email"], "an extension is a module or an object, got 'sbh_email'; import the module and give that"),
        ([None], "an extension is a module or an object, got None; import the module and give that"),
        ([sys], f"extension sys has no hook; put @hookimpl above a function of one of the names {HOOKS}"),
        (
            [extension(sbh_servces=nothing)],
            "extension probe: there is no hook 'sbh_servces'; did you mean 'sbh_services'?",
        ),
        ([extension(before=nothing)], f"extension probe: there is no hook 'before'; the hooks are {HOOKS}"),
        (
            [extension(sbh_run=misread)],
            (
                "extension probe: Plugin 'probe' for hook 'sbh_run'; hookimpl definition: misread(job); "
                "Argument(s) {'job'} are declared in the hookimpl but can not be found in the hookspec"
            ),
        ),
        (
            [Counted()],
            "extension Counted is compared by value, so pluggy cannot tell it apart; write @dataclass(eq=False)",
        ),
    ],
)
def test_what_is_no_extension(given, message):
    """Each mistake has an error message of one sentence."""
    with pytest.raises(ExtensionError) as refused:
        manager(given)
    assert str(refused.value) == message


def test_no_extensions():
    """The kit's own tests run where none is installed, and then there is nothing to manage."""
    assert manager() is None


def test_one_given_twice_is_there_once():
    """So it may be given to a world, and be installed later."""
    watcher = Watcher()
    assert manager([watcher, watcher]).list_name_plugin() == [("Watcher", watcher)]


def test_two_of_a_kind_have_names_of_their_own():
    """Two objects of one class get different names."""
    assert [name for name, _ in manager([Watcher(), Watcher(), Watcher()]).list_name_plugin()] == [
        "Watcher",
        "Watcher #2",
        "Watcher #3",
    ]


def test_a_hook_of_a_later_kit_may_be_optional():
    """An extension that marks it so works with this kit, too."""
    module = extension(sbh_run=lambda run: run)
    module.sbh_sunset = hookimpl(optionalhook=True)(lambda: None)
    assert [name for name, _ in manager([module]).list_name_plugin()] == ["probe"]


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Install a package by hand; return its entry points."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(name, module, source):
        (tmp_path / f"{module}.py").write_text(dedent(source))
        folder = tmp_path / f"{module}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (folder / "entry_points.txt").write_text(f"[sbh_jobkit]\nmail = {module}\n")
        return [entry for found in distributions(path=[str(tmp_path)]) for entry in found.entry_points]

    return install


def test_a_package_offers_a_module(package):
    """It has the name of its package."""
    entries = package("acme-mail", "good_mail", "hooked = 1\n")
    assert [(name, module.hooked) for name, module in loaded(entries)] == [("acme-mail", 1)]


@pytest.mark.parametrize(
    ("module", "source", "why"),
    [
        (
            "needy_mail",
            "import os\nimport nowhere_to_be_found\n",
            "raised ModuleNotFoundError: No module named 'nowhere_to_be_found' (needy_mail.py:2)",
        ),
        ("leaving_mail", "raise SystemExit(3)\n", "raised SystemExit: 3 (leaving_mail.py:1)"),
        ("broken_mail", "def\n", "raised SyntaxError: invalid syntax (broken_mail.py, line 1)"),
    ],
)
def test_a_package_that_cannot_be_imported(package, module, source, why):
    """The message names the package, the line, and how to continue without it."""
    entries = package("acme-mail", module, source)
    with pytest.raises(ExtensionError) as refused:
        list(loaded(entries))
    told = f"extension acme-mail cannot be loaded: its entry point mail = {module} {why}"
    assert str(refused.value) == f"{told}; fix it, or pip uninstall acme-mail"


def test_the_one_that_raised_is_named():
    """Also if another extension wraps the hook or raises in its place."""

    class Wrapper:
        @hookimpl(wrapper=True)
        def sbh_run(self, run):
            try:
                return (yield)
            except LookupError:
                raise ValueError(run) from None

    class Broken:
        def __init__(self, error):
            self.error = error

        @hookimpl
        def sbh_run(self):
            raise self.error

    told = []
    for error in (KeyError("k"), OSError("disk")):
        with pytest.raises(ExtensionError) as caught:
            call(manager([Broken(error), Wrapper()]).hook.sbh_run, run="r")
        told.append(str(caught.value).rpartition(" (")[0])
    assert told == ["extension Wrapper: sbh_run raised ValueError: r", "extension Broken: sbh_run raised OSError: disk"]


def test_where_nobody_can_be_named_all_are():
    """An error that pluggy itself raises is in no extension's code, so the message names all of them."""

    class Silent:
        @hookimpl(wrapper=True)
        def sbh_run(self):
            if self is None:
                yield

    with pytest.raises(ExtensionError) as caught:
        call(manager([Watcher(), Silent()]).hook.sbh_run, run="r")
    assert str(caught.value).startswith("extension Watcher or Silent: sbh_run raised RuntimeError: wrap_controller at")


def test_an_interrupt_is_nobodys_mistake():
    """Ctrl-C interrupts an extension's hook."""

    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        call(manager([extension(sbh_run=interrupted)]).hook.sbh_run, run="r")


def printed(code):
    """Return what code prints in a process of its own."""
    done = subprocess.run([sys.executable, "-c", dedent(code)], capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize(
    "code",
    [
        "import sbh_jobkit",
        "from sbh_jobkit import World; world = World(allow=['network']); world.db, repr(world)",
        "from sbh_jobkit import FakeContext; FakeContext('t').files.list()",
        "from sbh_jobkit.cli.main import main\ntry: main(['--version'])\nexcept SystemExit: pass",
    ],
)
def test_nothing_is_looked_for_before_it_is_needed(code):
    """Code that needs no extension loads neither packages nor pluggy."""
    before, after = (
        "import sys; start = set(sys.modules)",
        "print({*sys.modules} - start & {'importlib.metadata', 'pluggy'})",
    )
    assert printed(f"{before}\n{code}\n{after}").endswith("set()\n")


def test_the_packages_are_looked_through_once():
    """The packages are searched once per process, also with many worlds and unknown names."""
    told = printed("""
        import sys
        from sbh_jobkit import World, hookimpl

        read = []
        def hear(event, arguments):
            if event == "open" and str(arguments[0]).endswith("entry_points.txt"):
                read.append(arguments[0])
        sys.addaudithook(hear)

        class Watcher:
            @hookimpl
            def sbh_run(self, run): ...

        World().begin("2026-01-01")
        first = len(read)
        World().begin("2026-01-01")
        World(extensions=[Watcher()]).begin("2026-01-01")
        hasattr(World(), "email")
        print(first > 0, len(read) - first)
    """)
    assert told == "True 0\n"
