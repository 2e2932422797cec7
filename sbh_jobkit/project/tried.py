"""What of an exported notebook no run in the notebook has tried: definitions that are later than the last run.

Python keeps the latest definition, so that is what the next run would use, and what is exported. But the result that
the author has seen came from an earlier one.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from typing import TYPE_CHECKING

from sbh_jobkit.project.code.names import immediate_nodes
from sbh_jobkit.project.notebook import label

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from sbh_jobkit.project.code.cells import Statement
    from sbh_jobkit.project.notebook import Notebook

_ALL_JOBS = {"simulate", "Simulator"}
"""Functions and magics that run all jobs."""
_IMPORTS = (ast.Import, ast.ImportFrom)


def untried(
    notebook: Notebook, jobs: Mapping[str, str], parts: Callable[[Notebook, str], Iterable[Statement]]
) -> Iterator[str]:
    """Yield a note for what was defined since the last run of each job; `jobs` are their names, by function.

    `parts` returns the statements that a function needs in a notebook.
    """
    found: dict[tuple[int, str], list[str]] = defaultdict(list)
    for function, job in jobs.items():
        runs = [statement for statement in notebook.every if statement.ran and job in _runs(statement, jobs)]
        then = notebook.before(runs[-1]) if runs else None
        if then is None or not then.definition(function):
            continue
        known = {statement.text for statement in parts(then, function)}
        new = [each for each in parts(notebook, function) if each.text not in known]
        later = sorted({(each.cell, label(each)) for each in new if not isinstance(each.node, _IMPORTS)})
        if later:
            changed = ", ".join(f"{name} (cell {cell})" for cell, name in later)
            found[runs[-1].cell, changed].append(job)
    for (cell, changed), names in found.items():
        which = ", ".join(map(repr, names))
        yield (
            f"the last run of {which} (cell {cell}) was before {changed}, which is exported: no run in the notebook "
            "has used it; run the job again to see what the exported plugin does"
        )


def _runs(statement: Statement, jobs: Mapping[str, str]) -> set[str]:
    """Return the names of the jobs that a statement runs."""
    return {
        job for node in immediate_nodes(statement.node) if isinstance(node, ast.Call) for job in _called(node, jobs)
    }


def _called(call: ast.Call, jobs: Mapping[str, str]) -> Iterable[str]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name == "run_line_magic":
        magic, line = (getattr(argument, "value", "") for argument in call.args[:2])
        return _called_by_magic(magic, line, jobs)
    if name in _ALL_JOBS:
        return jobs.values()
    if name == "run_job":
        given = {getattr(node, "id", getattr(node, "value", None)) for each in call.args[:1] for node in ast.walk(each)}
        return [job for function, job in jobs.items() if function in given or job in given]
    return [jobs[name]] if name in jobs and isinstance(call.func, ast.Name) else ()


def _called_by_magic(magic: str, line: str, jobs: Mapping[str, str]) -> Iterable[str]:
    if magic not in {"run_job", "simulate"}:
        return ()
    named = [job for job in jobs.values() if job in line.replace("=", " ").split() or repr(job) in line]
    return named if magic == "run_job" or "--job" in line else jobs.values()
