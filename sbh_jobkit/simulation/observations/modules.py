"""The variables of a plugin's modules, before and after its runs."""

from __future__ import annotations

import re
from types import FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sbh_jobkit.plugin.plugin import Plugin

_CACHE = re.compile(r"(?i).*(cache|memo|registry|client|session|pool).*")
"""Names of variables that are meant to be kept, and may be lost."""
_SIZED = (list, dict, set, bytearray)
_PLAIN = (int, float, str, bool, type(None))
_LONGEST = 40


class ModuleState:
    """What the variables of the plugin's modules hold: numbers and texts, and how many items containers have."""

    def __init__(self, plugin: Plugin) -> None:
        """Look at the modules of all jobs now."""
        self._functions = [job.function for job in plugin.jobs.values()]
        self._before = dict(self._values())

    def changes(self, redacted: Callable[[str], str] = str) -> list[tuple[str, str]]:
        """Return the variables that hold something else now, and how they changed, in redacted texts."""
        after = dict(self._values())
        found = []
        for name, old in self._before.items():
            new = after.get(name, old)
            if _cut(new) != _cut(old) and not _CACHE.fullmatch(name):
                found.append((name, f"{_cut(redacted(old))} → {_cut(redacted(new))}"))
        return found

    def _values(self) -> Iterator[tuple[str, str]]:
        spaces = {id(names): names for names in map(_globals, self._functions)}
        for names in spaces.values():
            for name, value in list(names.items()):
                if not name.startswith("__") and (text := _summary(value)):
                    yield name, text
                if type(value) is FunctionType and value.__globals__ is names:
                    yield from (
                        (f"{name}'s default argument", text)
                        for each in value.__defaults__ or ()
                        if isinstance(each, _SIZED) and (text := _summary(each))
                    )


def _globals(function: Any) -> Mapping[str, Any]:
    names: Mapping[str, Any] = getattr(function, "__globals__", {})
    return names


def _summary(value: Any) -> str:
    if type(value) in _SIZED:
        return f"{len(value):,} item{'' if len(value) == 1 else 's'}"
    if type(value) in _PLAIN:
        return repr(value)
    return ""


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
