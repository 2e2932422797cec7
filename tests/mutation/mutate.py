"""Mutation testing: change the modules that decide, one small change at a time, and run their tests.

`make mutants` runs all; `python tests/mutation/mutate.py cron policy` runs some. It fails if a change survives that
`survivors.toml` does not argue, or if that file argues one that does not survive.

mutmut changes no functions with decorators (which the caches and properties here have) and no values of modules (which
the tables and patterns here are), and names changes by number, so that an argument would not stay with its change.
cosmic-ray starts an interpreter for each change. Here one process imports pytest and the libraries, and a fork of it
per change imports the kit, whose changed module is compiled from a tree and never written.
"""

from __future__ import annotations

import ast
import importlib
import importlib.abc
import importlib.util
import os
import resource
import signal
import sys
import tomllib
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, NamedTuple

from mutations import Mutant, mutants

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import CodeType, ModuleType

ROOT = Path(__file__).parents[2]
SURVIVORS = Path(__file__).with_name("survivors.toml")
TARGETS = {
    "schedule.cron": ["schedule/test_cron.py", "schedule/test_dialects.py", "schedule/test_schedule.py"],
    "schedule.times": ["schedule/test_times.py"],
    "schedule.schedule": ["schedule/test_schedule.py", "schedule/test_describe.py", "schedule/test_transitions.py"],
    "schedule.policy": ["schedule/test_decide.py", "schedule/test_policy.py", "schedule/test_concurrency.py"],
    "schedule.policies": ["schedule/test_decide.py", "schedule/test_policy.py", "schedule/test_concurrency.py"],
    "schedule.concurrency": ["schedule/test_concurrency.py"],
    "schedule.settings": ["schedule/test_settings.py"],
    "filters": ["test_filters.py", "fakes/test_filter_hints.py"],
    "run.redaction": ["run/test_redaction.py", "run/test_encodings.py", "run/test_spellings.py"],
    "run.spellings": ["run/test_encodings.py", "run/test_redaction.py", "run/test_spellings.py"],
}
"""The modules, and the files of tests that hold them, the quickest first."""
_LIBRARIES = ("croniter", "cronsim", "httpx", "hypothesis.strategies", "immutables", "jinja2", "pluggy", "pytest")
_PROCESSES = 2
_SLOWEST = 60
"""A change whose tests need so many seconds of processor time, a loop without end for one, has been noticed."""
_LONGEST = 600
"""So has one that has not ended after so many seconds by the clock: waiting takes no processor time."""
_MEMORY = 3_000_000_000


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module from compiled code in place of its file."""

    def __init__(self, name: str, code: CodeType) -> None:
        self.name, self.code = name, code

    def find_spec(self, name: str, _path: object, _target: object = None) -> importlib.machinery.ModuleSpec | None:
        return importlib.util.spec_from_loader(name, self, origin=self.code.co_filename) if name == self.name else None

    def exec_module(self, module: ModuleType) -> None:
        module.__file__ = self.code.co_filename
        exec(self.code, module.__dict__)  # noqa: S102  the code of the kit itself, with one change


class _TablesFirst:
    """Puts the tests that try many examples at the end: most changes are noticed by a table."""

    @staticmethod
    def pytest_collection_modifyitems(items: list[Any]) -> None:
        items.sort(key=lambda item: hasattr(item.obj, "hypothesis"))


class _Child(NamedTuple):
    mutant: Mutant
    end: float


def survivors(target: str, processes: int = _PROCESSES) -> list[Mutant]:
    """Return the changes of a module that its tests do not notice."""
    path = ROOT / "sbh_jobkit" / f"{target.replace('.', '/')}.py"
    tree = ast.parse(path.read_text(encoding="utf-8"))
    tests = [str(ROOT / "tests" / each) for each in TARGETS[target]]
    running: dict[int, _Child] = {}
    left: list[Mutant] = []
    if not _passes(target, path, tree, tests):
        sys.exit(f"the tests of {target} fail as it is; run pytest {' '.join(TARGETS[target])}")
    for mutant in mutants(tree):
        while len(running) >= processes:
            left += _ended(running)
        running[_fork(target, path, tree, tests)] = _Child(mutant, monotonic() + _LONGEST)
    while running:
        left += _ended(running)
    return left


def _passes(target: str, path: Path, tree: ast.Module, tests: Sequence[str]) -> bool:
    _, status = os.waitpid(_fork(target, path, tree, tests), 0)
    return status == 0


def _fork(target: str, path: Path, tree: ast.Module, tests: Sequence[str]) -> int:
    """Run the tests on the tree as it is now, in a fork; it exits 0 if they pass."""
    code = compile(ast.fix_missing_locations(tree), str(path), "exec")
    if pid := os.fork():
        return pid
    status = 1
    try:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (_SLOWEST, _SLOWEST))
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in range(3):
            os.dup2(nowhere, descriptor)
        sys.meta_path.insert(0, _Changed(f"sbh_jobkit.{target}", code))
        status = _tested(tests)
    finally:
        os._exit(status)


def _tested(tests: Sequence[str]) -> int:
    import pytest
    from hypothesis import HealthCheck, Phase, settings

    settings.register_profile(
        "mutants",
        database=None,
        derandomize=True,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    settings.load_profile("mutants")
    options = ["-xq", "-pno:cacheprovider", "-Wignore::pytest.PytestAssertRewriteWarning"]
    return pytest.main([*options, *tests], plugins=[_TablesFirst()])


def _ended(running: dict[int, _Child]) -> list[Mutant]:
    """Wait a little, and return the changes whose tests have passed."""
    left = []
    for pid, child in list(running.items()):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if not ended and monotonic() > child.end:
            _kill(pid)
            ended, status = os.waitpid(pid, 0)
        if ended:
            del running[pid]
            _kill(pid)  # what its tests may have started
            left += [child.mutant] if status == 0 else []
    sleep(0.005)
    return left


def _kill(group: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def compared(found: dict[str, list[Mutant]], argued: dict[str, dict[str, str]]) -> list[str]:
    """Return what differs between the changes that survived and those that are argued, a line each."""
    lines = []
    for target, left in found.items():
        names = {mutant.name for mutant in left}
        lines += [
            f"survives: {target}:{mutant.line} {mutant.name}"
            for mutant in left
            if mutant.name not in argued.get(target, {})
        ]
        lines += [f"argued, but is noticed: {target} {name}" for name in argued.get(target, {}) if name not in names]
    return lines


def _chosen(words: Iterable[str]) -> list[str]:
    unknown = [word for word in words if not any(word in target for target in TARGETS)]
    if unknown:
        sys.exit(f"no module is named {unknown[0]!r}; use {', '.join(TARGETS)}")
    return [target for target in TARGETS if not words or any(word in target for word in words)]


def main(words: list[str]) -> None:
    """Run the chosen modules, and exit 1 if what survives is not what is argued."""
    os.chdir(ROOT)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # they take longer to load than most tests
    sys.path.insert(0, str(ROOT))
    argued = tomllib.loads(SURVIVORS.read_text(encoding="utf-8"))
    found: dict[str, list[Mutant]] = {}
    with TemporaryDirectory() as folder:
        sys.pycache_prefix, sys.dont_write_bytecode = folder, False  # each fork reads what the first has compiled
        for name in _LIBRARIES:
            importlib.import_module(name)
        for target in _chosen(words):
            begun = monotonic()
            found[target] = survivors(target)
            sys.stdout.write(f"{target}: {len(found[target])} changes survive, {monotonic() - begun:.0f} s\n")
            sys.stdout.flush()
    lines = compared(found, argued)
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.exit(1 if lines else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
