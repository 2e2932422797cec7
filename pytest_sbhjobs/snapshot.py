"""A simulation as a small JSON file that a person reviews: a line for each stretch of runs that went alike."""

from __future__ import annotations

import json
from collections import Counter
from difflib import unified_diff
from itertools import groupby
from typing import TYPE_CHECKING, Any

from sbh_jobkit.run.run import jsonable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from sbh_jobkit.run.run import Run
    from sbh_jobkit.simulation.result import Simulation

_MOST_LINES = 30


def text(simulation: Simulation, *, values: bool = True) -> str:
    """Write the runs by job, each stretch with its first fire time, its length, and what each of its runs did."""
    blocks = []
    for due in simulation.due:
        runs = [run for run in simulation.runs if run.job == due.job.name]
        lines = ",\n".join(f"   {_json(stretch)}" for stretch in _stretches(runs, values=values))
        blocks.append(f"  {_json(due.job.name)}: [\n{lines}\n  ]" if lines else f"  {_json(due.job.name)}: []")
    head = {
        "plugin": simulation.plugin.slug,
        "start": simulation.start.isoformat(),
        "end": simulation.end.isoformat(),
        "tz": simulation.zone.key,
    }
    rows = "".join(f" {_json(name)}: {_json(value)},\n" for name, value in head.items())
    jobs = ",\n".join(blocks)
    return f'{{\n{rows} "jobs": {{\n{jobs}\n }}\n}}\n'


def difference(file: Path, shown: str, told: str) -> str:
    """Say how a file differs from what a simulation tells, or nothing where it does not."""
    if not file.is_file():
        return f"there is no snapshot {shown!r} yet: write it with pytest --sbh-update, and look at it"
    kept = file.read_text(encoding="utf-8")
    if kept == told:
        return ""
    lines = list(
        unified_diff(kept.splitlines(), told.splitlines(), f"{shown}, as kept", "as simulated now", n=1, lineterm="")
    )
    more = [f"… and {len(lines) - _MOST_LINES:,} more lines"] if len(lines) > _MOST_LINES else []
    advice = "if that is as it should be: pytest --sbh-update, and look at the file's difference"
    return "\n".join([f"the simulation is not that of {shown!r}", "", *lines[:_MOST_LINES], *more, "", advice])


def _stretches(runs: Iterable[Run], *, values: bool) -> Iterator[dict[str, Any]]:
    for key, stretch in groupby(runs, lambda run: _json(_content(run, values=values))):
        members = list(stretch)
        yield {"at": members[0].fire_time.isoformat(timespec="minutes"), "runs": len(members), **json.loads(key)}


def _content(run: Run, *, values: bool) -> dict[str, Any]:
    content = {
        "verdict": run.verdict,
        "why": run.summary,
        "took": run.duration.total_seconds(),
        "value": jsonable(run.value) if values else None,
        "emits": dict(sorted(Counter(event.type for event in run.events).items())),
        "http": dict(sorted(Counter(f"{call.method} {call.url} {call.status}" for call in run.http_calls).items())),
        "files": [f"{change.action} {change.key}" for change in run.files],
    }
    return {name: value for name, value in content.items() if value}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
