"""What all code of a process shares, and a plugin's code changes: the working folder and the time zone."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

EVENTS = frozenset({"os.chdir", "os.putenv", "os.unsetenv"})
"""The audit events of these changes."""
_FOLDER, _ZONE = "the working folder", "the time zone (TZ)"


class SharedState:
    """Remembers how it was before the first change, and restores it."""

    __slots__ = ("before",)

    def __init__(self) -> None:
        """Know of no change."""
        self.before: dict[str, str | None] = {}
        """How it was, of what was changed."""

    def note(self, event: str, arguments: tuple[Any, ...]) -> str | None:
        """Take one of `EVENTS`, which come before the change; return what changes, if it is the first time."""
        what = _FOLDER if event == "os.chdir" else _ZONE if os.fsdecode(arguments[0]) == "TZ" else None
        if what is None or what in self.before:
            return None
        self.before[what] = _folder() if what == _FOLDER else os.environ.get("TZ")
        return what

    def restore(self) -> None:
        """Set what was there before; a folder that is gone stays left."""
        folder, zone = self.before.get(_FOLDER), self.before.get(_ZONE)
        if folder is not None:
            with suppress(OSError):
                os.chdir(folder)
        if _ZONE in self.before:
            if zone is None:
                os.environ.pop("TZ", None)
            else:
                os.environ["TZ"] = zone
            time.tzset()
        self.before.clear()


def _folder() -> str | None:
    try:
        return str(Path.cwd())
    except OSError:  # it was removed
        return None
