"""A simulation as a small JSON file that a person can review: one line for each thing that the runs of a job have."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Self

import pytest

from pytest_sbhjobs.differences import differences
from pytest_sbhjobs.things import Things
from sbh_jobkit.report.terminal.comparison import comparison_lines
from sbh_jobkit.simulation.result import Simulation

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from sbh_jobkit.run.run import Run

_MOST_LINES = 30


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SnapshotSimulation(Simulation):
    """What `sbh_simulate` returns: a Simulation that a test can compare with a file."""

    folder: Path = field(compare=False)
    update: bool = field(compare=False)

    @classmethod
    def from_simulation(cls, simulation: Simulation, runs: list[Run], folder: Path, *, update: bool) -> Self:
        """Copy a simulation, with its runs in the form that the test gets."""
        values = {each.name: getattr(simulation, each.name) for each in fields(Simulation) if each.init}
        return cls(**{**values, "runs": runs, "folder": folder, "update": update})

    def assert_matches(self, path: str, *, values: bool = True) -> None:
        """Fail if the file holds another result; `pytest --sbh-update` writes the file.

        A relative path starts at the test's folder. `values=False` leaves out the values that the jobs returned.
        """
        __tracebackhide__ = True
        file = self.folder / path
        text = format_snapshot(self, values=values)
        if self.update:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
            return
        difference = format_difference(file, path, text)
        if difference:
            pytest.fail(difference, pytrace=False)

    def assert_same_effects(self, other: Simulation, *, ignoring: Collection[str] = ()) -> None:
        """Fail if the runs of another simulation did anything else, with what was lost, added or changed.

        `ignoring` leaves out effects by name, kind or job, such as "report.*" or "file".
        """
        __tracebackhide__ = True
        found = self.compared_with(other).without([ignoring] if isinstance(ignoring, str) else ignoring)
        effects = replace(found, runs=())
        if effects:
            lines = [f"the simulations differ: {effects.summary}", "", *comparison_lines(effects)]
            pytest.fail("\n".join(lines), pytrace=False)


def format_snapshot(simulation: Simulation, *, values: bool = True) -> str:
    """Return the text of the file: for each job a line for each thing, with its value in every run."""
    blocks = []
    for due in simulation.due:
        runs = [run for run in simulation.runs if run.job == due.job.name]
        things = Things.from_runs(runs, values=values).lines() if runs else {}
        lines = ",\n".join(f"   {_json(name)}: {_json(text)}" for name, text in things.items())
        blocks.append(f"  {_json(due.job.name)}: {{\n{lines}\n  }}" if lines else f"  {_json(due.job.name)}: {{}}")
    head = {
        "plugin": simulation.plugin.slug,
        "start": simulation.start.isoformat(),
        "end": simulation.end.isoformat(),
        "tz": simulation.zone.key,
    }
    rows = "".join(f" {_json(name)}: {_json(value)},\n" for name, value in head.items())
    jobs = ",\n".join(blocks)
    return f'{{\n{rows} "jobs": {{\n{jobs}\n }}\n}}\n'


def format_difference(file: Path, name: str, text: str) -> str:
    """Explain how a file differs from the text of a simulation; empty if they are equal."""
    if not file.is_file():
        return f"there is no snapshot {name!r} yet: create it with pytest --sbh-update, and review it"
    saved = file.read_text(encoding="utf-8")
    if saved == text:
        return ""
    try:
        lines = list(differences(json.loads(saved), json.loads(text)))
    except (ValueError, TypeError, AttributeError, LookupError):
        return f"{name!r} is not a snapshot of this version: write it with pytest --sbh-update, and review it"
    if not lines:
        return ""
    more = [f"… and {len(lines) - _MOST_LINES:,} more lines"] if len(lines) > _MOST_LINES else []
    advice = "if the new result is right: update the file with pytest --sbh-update, and review the change"
    return "\n".join([f"the simulation differs from {name!r}", "", *lines[:_MOST_LINES], *more, "", advice])


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
