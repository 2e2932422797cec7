"""What `%load_ext sbh_jobkit` adds to IPython and `%unload_ext sbh_jobkit` takes away again, all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sbh_jobkit.notebook import session
from sbh_jobkit.notebook.completion import matcher_for
from sbh_jobkit.notebook.magics import JobMagics
from sbh_jobkit.plugin import places, sdk

if TYPE_CHECKING:
    from collections.abc import Callable

_loaded: dict[int, tuple[JobMagics, Callable[..., Any]]] = {}
"""By the shell: a process may have more than one."""


def load(shell: Any) -> None:
    """Add the magics, their completion, names for cells in errors, and a look at each job as it is defined."""
    magics = JobMagics(shell)
    shell.register_magics(magics)
    matcher = matcher_for(magics)
    shell.Completer.custom_matchers.append(matcher)
    places.name_files_by(lambda filename: _cell(shell, filename))
    sdk.judge_jobs_by(session.judge)
    _loaded[id(shell)] = magics, matcher


def unload(shell: Any) -> None:
    """Take all of it away."""
    magics, matcher = _loaded.pop(id(shell))
    magics.ran.stop()
    for dashboard in magics.dashboards:
        dashboard.close()
    for name in magics.magics["line"]:
        del shell.magics_manager.magics["line"][name]
    shell.magics_manager.registry.pop(type(magics).__name__, None)
    shell.configurables.remove(magics)
    shell.Completer.custom_matchers.remove(matcher)
    places.name_files_by(None)
    sdk.judge_jobs_by(None)


def _cell(shell: Any, filename: str) -> str | None:
    """Return `In[3]` for code of a cell."""
    named = shell.compile.format_code_name(filename)
    return named[1] if named else None
