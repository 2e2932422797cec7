"""A job or a module that takes away where Python finds modules, or how deep calls go, harms nobody but itself."""

from __future__ import annotations

import sys

import pytest

from sbh_jobkit import simulate

TAKEN = {
    "an empty path": "sys.path.clear()",
    "another path": "sys.path = ['/nowhere']",
    "no path": "sys.path = None",
    "no finders": "sys.meta_path.clear()",
    "no kinds of folders": "sys.path_hooks = []",
    "a low limit of calls": "sys.setrecursionlimit(sys.getrecursionlimit() - 1)",
}


@pytest.mark.parametrize("where", ["in the job", "at import"])
@pytest.mark.parametrize("taken", TAKEN.values(), ids=TAKEN)
def test_it_is_given_back(loaded, taken, where):
    """When the run or the import has ended; the report can load its templates."""
    before = {name: [*getattr(sys, name)] for name in ("path", "meta_path", "path_hooks")}
    depth, path = sys.getrecursionlimit(), sys.path
    top = "import sys" if where == "in the job" else f"import sys; {taken}"
    simulation = simulate(loaded(taken if where == "in the job" else "pass", top=top), duration="2d")
    missing = [each for name, entries in before.items() for each in entries if each not in getattr(sys, name)]
    path[:], sys.path = before["path"], path
    assert (missing, sys.getrecursionlimit(), simulation.ok) == ([], depth, True)


def test_what_is_added_stays(loaded):
    """A folder of modules that the plugin brings along is found in its runs."""
    loaded("pass", top="import sys; sys.path.append('/nowhere/vendored')")
    assert sys.path.pop() == "/nowhere/vendored"
