"""Reads faults from a line of text, as on the command line, or from a table of a plan file."""

from __future__ import annotations

import shlex
from dataclasses import MISSING
from typing import TYPE_CHECKING, Any

from sbh_jobkit.errors import FaultPlanError, did_you_mean
from sbh_jobkit.fakes.faults.kinds import KINDS
from sbh_jobkit.fakes.faults.validation import DURATIONS
from sbh_jobkit.schedule.settings import split_setting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sbh_jobkit.fakes.faults.validation import InjectedFault

_FORM = "NAME=VALUE, such as of=api.example.com"
_WHOLE = {"status", "per_minute", "call"}
_NUMBERS = {"rate", *_WHOLE, *DURATIONS}


def parse(line: str) -> InjectedFault:
    """Read a line that `str(fault)` writes; raises FaultPlanError with what is accepted."""
    try:
        words = shlex.split(line) if isinstance(line, str) else []
    except ValueError as error:
        msg = f"the fault {line!r} has an unclosed quotation mark, or ends with a backslash"
        raise FaultPlanError(msg) from error
    if not words:
        msg = f"a fault is a line such as 'outage of=api.example.com start=… end=…', got {line!r}"
        raise FaultPlanError(msg)
    word, *rest = words
    settings: dict[str, Any] = {}
    for part in rest:
        name, value = split_setting(part, FaultPlanError, f"a setting of {word}", _FORM)
        if name in settings:
            msg = f"{word}: {name} is given twice, as {settings[name]!r} and as {value!r}"
            raise FaultPlanError(msg)
        settings[name] = _number(name, value)
    return read(word, settings)


def read(word: str, settings: Mapping[str, Any]) -> InjectedFault:
    """Make a fault from its word and its settings; raises FaultPlanError with what is accepted."""
    if word not in KINDS:
        hint = did_you_mean(word, KINDS) or f"; use one of {', '.join(KINDS)}"
        msg = f"unknown fault {word!r}{hint}"
        raise FaultPlanError(msg)
    kind = KINDS[word]
    known = {each.name: each.default is MISSING for each in kind.settings()}
    for name in settings:
        if name not in known:
            hint = did_you_mean(name, known) or f"; it takes {', '.join(known)}"
            msg = f"{word} has no setting {name!r}{hint}"
            raise FaultPlanError(msg)
    missing = [name for name, needed in known.items() if needed and name not in settings]
    if missing:
        msg = f"{word} needs {' and '.join(missing)}; it takes {', '.join(known)}"
        raise FaultPlanError(msg)
    return kind(**settings)


def _number(name: str, value: str) -> str | float:
    """Return a number if `value` is one, else the text, so that an error can show it as it was written."""
    if name not in _NUMBERS:
        return value
    try:
        return int(value) if name in _WHOLE else float(value)
    except ValueError:
        return value
