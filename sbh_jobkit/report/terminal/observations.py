"""What a simulation saw that is probably not meant, as plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbh_jobkit.report.terminal.runs import time_with_zone, wrap_line
from sbh_jobkit.report.text import count

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sbh_jobkit.simulation.observations.observation import Observation

_MOST = 12


def observation_lines(found: Sequence[Observation], width: int | None = None) -> Iterator[str]:
    """Write each observation with its place, how often it was made, and what to do."""
    if found:
        yield "observations (nothing failed, but this is probably not meant):"
    for each in found[:_MOST]:
        yield from wrap_line(each.line, "  ", width)
        yield from wrap_line(f"{_when(each)}{each.advice}", "    ", width)
    if len(found) > _MOST:
        yield f"  … and {count(len(found) - _MOST, 'more observation')}"


def _when(each: Observation) -> str:
    if each.first is None:
        return ""
    runs = f"{count(each.count, 'time')}, the first" if each.count > 1 else "once,"
    return f"{runs} on {time_with_zone(each.first)}; "
