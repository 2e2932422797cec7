"""Functions that answer in place of a service: a mistake in one is not an error that the job should handle.

A function means an error of the network (OSError, and all that httpx raises) when it raises one, and any other error
when it returns it. What else comes out of it is the author's mistake, and the job's run fails for it.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from sbh_jobkit.context.backends import AnswerMistakeError
from sbh_jobkit.errors import format_error
from sbh_jobkit.plugin.job import defined_at
from sbh_jobkit.plugin.places import raised_at

if TYPE_CHECKING:
    from collections.abc import Callable

_RETURN_ERRORS = "fix the function; an error that the job is meant to meet is returned: return ValueError('…')"


def call(function: Callable[..., Any], *arguments: Any, what: Callable[[], str], **named: Any) -> Any:
    """Return what the function answers; raises AnswerMistakeError if it fails by mistake, or is a coroutine function.

    `what()` names the answer in the error, such as `the answer of GET https://api.example.com`.
    """
    try:
        answer = function(*arguments, **named)
    except (Exception, SystemExit) as error:
        if isinstance(error, OSError) or type(error).__module__.partition(".")[0] == "httpx":
            raise
        where = raised_at(error, None) or defined_at(function, None)
        text = format_error(error)
        message = f"{what()} raised {text}{f' ({where})' if where else ''}"
        raise AnswerMistakeError(text, message=message, advice=_RETURN_ERRORS) from error
    if inspect.isawaitable(answer):
        if inspect.iscoroutine(answer):
            answer.close()
        raise mistake(function, f"{what()} is a coroutine", "write the function with def, without async")
    return answer


def mistake(function: Any, wrong: str, advice: str) -> AnswerMistakeError:
    """Return the error for an invalid answer, with the line where the function is defined."""
    where = defined_at(function, None) if callable(function) else None
    return AnswerMistakeError(wrong, message=f"{wrong}{f' ({where})' if where else ''}", advice=advice)
