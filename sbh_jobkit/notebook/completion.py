"""Completion behind the magics: names of jobs, options, zones and targets."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

from IPython.core.completer import SimpleCompletion, context_matcher

from sbh_jobkit.notebook.magics import options_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from IPython.core.completer import CompletionContext, SimpleMatcherResult

    from sbh_jobkit.notebook.magics import JobMagics

_CALL = re.compile(r"(?:^|=)\s*%(?P<magic>\w+)\s+(?P<before>.*?)(?P<last>[^\s=]*)$")
_TAKES_NAME = ("run_job", "cron_preview")


def matcher_for(magics: JobMagics) -> Callable[[CompletionContext], SimpleMatcherResult]:
    """Return what IPython asks for completions."""
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
        return values.get(words[-1], list)()  # type: ignore[no-any-return]  # texts, all of them
    if last.startswith("-"):
        return options_of(getattr(magics, name))
    return values["--job"]() if name in _TAKES_NAME and not words else ()
