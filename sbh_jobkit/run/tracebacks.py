"""The exceptions that ended runs, for a debugger.

They are kept only while somebody asks, because a traceback keeps alive all that the frames of a job hold.
"""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

from sbh_jobkit.plugin.places import shown_path

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sbh_jobkit.plugin.job import Job


class Ending(NamedTuple):
    """An exception that ended a run."""

    job: str
    began: float
    """When the run began, in epoch seconds."""
    error: BaseException
    traceback: TracebackType
    """The plugin's own frames: the last one is where it raised, or called what raised."""


class _Standing(Exception):  # noqa: N818  it is no error
    """Raised at a line of a plugin only to have a frame there."""


_kept: list[Ending] = []
_most = 0


def keep(most: int) -> None:
    """Keep the last so many exceptions from now on; 0 ends it."""
    global _most  # noqa: PLW0603  one debugger a process
    _most = most
    del _kept[: len(_kept) - most]


def note(error: BaseException, job: Job, began: float) -> None:
    """Keep an exception that has ended a run, if somebody asks."""
    if _most and (own := _own(error.__traceback__, job.root)) is not None:
        del _kept[: len(_kept) - _most + 1]
        _kept.append(Ending(job.name, began, error, own))


def find(job: str, began: float) -> Ending | None:
    """Return the exception that ended a run."""
    return next((each for each in reversed(_kept) if (each.job, each.began) == (job, began)), None)


def latest() -> Ending | None:
    """Return the exception that was kept last."""
    return _kept[-1] if _kept else None


def standing_at(place: str, root: Path, names: Mapping[str, Any]) -> TracebackType | None:
    """Return a traceback that ends at a line of a plugin, such as `main.py:7`, in a frame that sees its names."""
    file, _, line = place.rpartition(":")
    if not line.isdecimal():
        return None
    code = compile("\n" * (int(line) - 1) + "raise Standing", str(root / file), "exec")
    try:
        exec(code, {**names, "Standing": _Standing})  # noqa: S102  our own line
    except _Standing as standing:
        return standing.__traceback__.tb_next if standing.__traceback__ is not None else None
    return None


def _own(traceback: TracebackType | None, root: Path | None) -> TracebackType | None:
    """Return a traceback of the plugin's own frames, without those of the kit and of libraries."""
    if traceback is None:
        return None
    rest = _own(traceback.tb_next, root)
    if shown_path(traceback.tb_frame.f_code.co_filename, root) is None:
        return rest
    return TracebackType(rest, traceback.tb_frame, traceback.tb_lasti, traceback.tb_lineno)
