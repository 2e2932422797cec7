"""A repository of plugins, and pytest run in it; its output is compared without times, paths and versions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import pytest

MODULES = ("clock", "plugin", "reporter", "snapshot", "strategies", "tracker")
for module in (
    *(f"pytest_sbhjobs.{name}" for name in MODULES),
    "sbh_jobkit.report.html.simulation",
    "time_machine",
    "asyncio",
):
    import_module(module)  # a run of pytest within this process forgets the modules that it was the first to import

MANIFEST = '{{"slug": "{0}", "name": "{1}"}}'
_MACHINE = re.compile(r"^(platform|rootdir:|plugins:|cachedir:|configfile:|\[gw\d\]) .*\n", re.MULTILINE)
_TIME = re.compile(r"^(=+ )?(.*) in [\d.]+s( =+)?$", re.MULTILINE)


@dataclass
class Repository:
    """A folder with plugins."""

    pytester: pytest.Pytester

    @property
    def path(self):
        """Where it is."""
        return self.pytester.path

    def write(self, files):
        """Write files by their paths; dedented, folders made."""
        for name, text in files.items():
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def plugin(self, main, folder=".", slug="greeter", **more):
        """Write a plugin."""
        files = {"plugin.json": MANIFEST.format(slug, slug.title()), "main.py": main, **more}
        self.write({f"{folder}/{name}": text for name, text in files.items()})

    def run(self, *arguments, cache=False):
        """Run pytest in this process, with no other plugin than ours."""
        quiet = () if cache else ("-p", "no:cacheprovider")
        again = ("-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning")
        return self.pytester.runpytest_inprocess("-p", "pytest_sbhjobs.plugin", *quiet, *arguments, *again)

    def screen(self, *arguments, cache=False):
        """Return the whole screen."""
        result = self.run(*arguments, cache=cache)
        return self.shown(result)

    def tested(self, test, *arguments, **outcomes):
        """Write a test module, run it, and check the outcomes; the default is one passed test."""
        self.write({"tests/test_it.py": test})
        result = self.run(*arguments)
        result.assert_outcomes(**(outcomes or {"passed": 1}))
        return result

    def shown(self, result):
        """Return what a run printed, without what differs from machine to machine."""
        text = "\n".join([*result.outlines, *(line for line in result.errlines if line)]) + "\n"
        text = _MACHINE.sub("", text).replace(str(self.path), "ROOT").replace(f"<Dir {self.path.name}>", "<Dir ROOT>")
        return _TIME.sub(lambda match: f"=== {match[2]} ===", text)


@pytest.fixture
def repository(pytester, monkeypatch):
    """Return an empty repository, in 80 columns, without the variables of a build machine."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("CI", "BUILD_NUMBER", "PYTEST_ADDOPTS"):
        monkeypatch.delenv(name, raising=False)
    return Repository(pytester)


@pytest.fixture
def kept():
    """Compare a screen with the one that is kept in `tests/data/screens`."""

    def compare(name, screen):
        file = Path(__file__).parents[1] / "data/screens" / f"{name}.txt"
        assert screen == file.read_text()

    return compare
