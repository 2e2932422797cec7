"""What `%load_ext sbh_jobkit` adds to IPython, completion included, and `%unload_ext sbh_jobkit` removes again."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

from IPython.core.completer import SimpleCompletion, context_matcher

from sbh_jobkit.notebook.magics import JobMagics, options_of
from sbh_jobkit.plugin import places, sdk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from IPython.core.completer import CompletionContext, SimpleMatcherResult

_CALL = re.compile(r"(?:^|=)\s*%(?P<magic>\w+)\s+(?P<before>.*?)(?P<last>[^\s=]*)$")
_TAKES_NAME = ("run_job", "cron_preview")
_loaded: dict[int, tuple[JobMagics, Callable[..., Any]]] = {}
"""Keyed by shell, because a process may have more than one."""


def load(shell: Any) -> None:
    """Add the magics and their completion, name cells in errors, and check each job when its cell runs."""
    magics = JobMagics(shell)
    shell.register_magics(magics)
    matcher = _matcher_for(magics)
    shell.Completer.custom_matchers.append(matcher)
    places.name_files_by(lambda filename: _cell(shell, filename))
    sdk.check_jobs_by(magics.session.define)
    _loaded[id(shell)] = magics, matcher


def unload(shell: Any) -> None:
    """Remove everything that `load` added."""
    magics, matcher = _loaded.pop(id(shell))
    magics.cells.stop()
    for dashboard in magics.dashboards:
        dashboard.close()
    for name in magics.magics["line"]:
        del shell.magics_manager.magics["line"][name]
    shell.magics_manager.registry.pop(type(magics).__name__, None)
    shell.configurables.remove(magics)
    shell.Completer.custom_matchers.remove(matcher)
    places.name_files_by(None)
    sdk.check_jobs_by(None)


def _cell(shell: Any, filename: str) -> str | None:
    """Return a name such as `In[3]` for the code of a cell; None for other files."""
    named = shell.compile.format_code_name(filename)
    return named[1] if named else None


def _matcher_for(magics: JobMagics) -> Callable[[CompletionContext], SimpleMatcherResult]:
    """Return the function that IPython calls for completions: names of jobs, options, zones and targets."""
    names = list(magics.magics["line"])

    @context_matcher()
    def sbh_jobkit_matcher(context: CompletionContext) -> SimpleMatcherResult:
        call = _CALL.search(context.text_until_cursor)
        if call is None or call["magic"] not in names:
            return {"completions": [], "suppress": False}
        found = [text for text in _choices(magics, call) if text.startswith(call["last"])]
        return {
            "completions": [SimpleCompletion(text=text, type="param") for text in found],
            "matched_fragment": call["last"],
            "suppress": bool(found),
        }

    return sbh_jobkit_matcher  # type: ignore[no-any-return]  # IPython's decorator has no types


def _choices(magics: JobMagics, call: re.Match[str]) -> Iterable[str]:
    name, last = call["magic"], call["last"]
    words = call["before"].replace("=", " ").split()
    values: dict[str, Callable[[], Any]] = {
        "--tz": lambda: sorted(available_timezones()),
        "--job": lambda: map(shlex.quote, magics.session.job_names),
        "--target": lambda: ("guide", "host"),
    }
    if words and words[-1].startswith("--"):
        return values.get(words[-1], list)()  # type: ignore[no-any-return]  # strings
    if last.startswith("-"):
        return options_of(getattr(magics, name))
    return values["--job"]() if name in _TAKES_NAME and not words else ()
