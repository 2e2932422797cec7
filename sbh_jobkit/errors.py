"""What a user can get wrong, each as one sentence: what, which value, where, what to do."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime


class JobkitError(Exception):
    """A user's mistake; its text alone tells what to mend, so callers print it without a traceback."""


class TimeFormatError(JobkitError, ValueError):
    """A time, a duration or a zone that cannot be read."""


class ScheduleError(JobkitError, ValueError):
    """An expression that is not cron, or that can never fire."""


class PolicyError(JobkitError, ValueError):
    """A policy for a job's due instants that is none."""


class BudgetError(JobkitError, ValueError):
    """A limit on what runs may use that is none."""


class FaultPlanError(JobkitError, ValueError):
    """A fault plan, or a fault of one, that is none."""


class FilterError(JobkitError, ValueError):
    """A database filter that is not of the filter language."""


class UnknownTableError(JobkitError, LookupError):
    """A table that the world does not have."""


class PluginError(JobkitError):
    """A plugin that cannot be loaded."""


class UnknownJobError(PluginError, LookupError):
    """A job that the plugin does not have."""


class WorldError(JobkitError):
    """A fake tenant that is described wrongly."""


class ExtensionError(JobkitError):
    """An extension that the kit's hooks cannot use, or that failed; its text names the extension."""


class ManifestError(PluginError):
    """A `plugin.json` with faults: all of them at once, each with its JSON path in `faults`."""

    def __init__(self, where: str, faults: Sequence[str]) -> None:
        """Join the faults to one text; a single one stays on one line."""
        self.where = where
        self.faults = tuple(faults)
        if len(self.faults) == 1:
            super().__init__(f"{where}: {self.faults[0]}")
        else:
            lines = "\n".join(f"  {fault}" for fault in self.faults)
            super().__init__(f"{where} has {len(self.faults)} faults:\n{lines}")


class FleetError(JobkitError):
    """Plugins and tenants that cannot be replayed together, or a process that failed to."""


class ExportError(JobkitError):
    """What of a notebook cannot be exported: all of it at once, a sentence each, in `faults`."""

    def __init__(self, faults: Sequence[str]) -> None:
        """Join the faults to one text; a single one stands for itself."""
        self.faults = tuple(faults)
        if len(self.faults) == 1:
            super().__init__(self.faults[0])
        else:
            lines = "\n".join(f"  {fault}" for fault in self.faults)
            super().__init__(f"{len(self.faults)} things keep the notebook from being exported:\n{lines}")


class MagicError(JobkitError):
    """A magic whose arguments cannot be read."""


class PermissionDenied(JobkitError):  # noqa: N818  the contract's name, section 4
    """A job called a member of its context that its manifest does not permit."""


class LimitExceeded(BaseException):
    """A run may not go on; outside `Exception`, so that a job's `except Exception` cannot swallow it."""


class TimeLimitExceeded(LimitExceeded):
    """A run took longer than its limit, in virtual or in real time."""


class MemoryLimitExceeded(LimitExceeded):
    """A run used more memory than its limit."""


class PlannedCrash(LimitExceeded):
    """A fault plan killed a run."""


class Interrupted(KeyboardInterrupt):
    """Somebody stopped a simulation by Ctrl-C, at a virtual time; `so_far` is what was done until then."""

    def __init__(self, at: datetime | None, so_far: Any = None) -> None:
        """Carry it; a KeyboardInterrupt all the same, to whoever does not ask."""
        super().__init__(f"interrupted at {at.isoformat()} virtual time" if at is not None else "interrupted")
        self.at = at
        self.so_far = so_far


def did_you_mean(name: str, choices: Iterable[str], *, nearness: float = 0.6) -> str:
    """Name the nearest choice as the end of a sentence, or nothing where none is near; 1 is the same name."""
    folded = {choice.casefold(): choice for choice in choices}
    near = get_close_matches(name.casefold(), folded, n=1, cutoff=nearness)
    return f"; did you mean {folded[near[0]]!r}?" if near else ""


def format_error(error: BaseException) -> str:
    """Return an error's class and text; drop its traceback, which would grow each time the same error is raised."""
    error.__traceback__ = None
    return f"{type(error).__name__}: {error}".removesuffix(": ")
