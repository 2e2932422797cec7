"""What only shows over many runs: files that grow, variables that change, and what a simulation does not call."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from sbh_jobkit.plugin.marks import attributes_of
from sbh_jobkit.simulation.observations.observation import Observation, Observed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sbh_jobkit.run.run import FileChange, Run

_FEWEST = 5
"""In how many runs a file must have grown."""


def growing_files(simulation: Observed) -> Iterator[Observation]:
    """Yield each file that is larger after every run of its job, though the job read no more rows."""
    sizes: defaultdict[tuple[str, str], list[tuple[int, Run]]] = defaultdict(list)
    for run, file in _uploads(simulation):
        sizes[run.job, file.key].append((file.size, run))
    for (job, key), written in sizes.items():
        grows = len(written) >= _FEWEST and all(one[0] < other[0] for one, other in pairwise(written))
        if grows and written[-1][1].rows_read <= written[0][1].rows_read:
            yield Observation(
                kind="file-grows",
                job=job,
                message=f"the file {key!r} grows at every run: {written[0][0]:,} → {written[-1][0]:,} bytes",
                advice="write a new file for each run or day, and delete old ones",
                count=len(written),
                first=written[0][1].fire_time,
            )


def overwritten_files(simulation: Observed) -> Iterator[Observation]:
    """Yield each file that several jobs write, each over what another one wrote."""
    writers: defaultdict[str, list[tuple[str, str, Run]]] = defaultdict(list)
    for run, file in _uploads(simulation):
        if file.size:  # an empty file is a mark
            writers[file.key].append((run.job, file.digest, run))
    for key, written in writers.items():
        over = [
            (one[0], other[0], other[2])
            for one, other in pairwise(written)
            if one[0] != other[0] and one[1] != other[1]
        ]
        jobs = sorted({job for pair in over for job in pair[:2]})
        if len({pair[:2] for pair in over}) > 1:  # in both directions: nobody's content stays
            yield Observation(
                kind="file-overwritten",
                job=None,
                message=f"the file {key!r} is written by {' and '.join(jobs)}, each over what the other wrote",
                advice="give the file of each job a name of its own",
                count=len(over),
                first=over[0][2].fire_time,
            )


def _uploads(simulation: Observed) -> Iterator[tuple[Run, FileChange]]:
    """Yield each upload, with its run."""
    return ((run, file) for run in simulation.runs for file in run.files if file.action == "uploaded")


def changed_variables(simulation: Observed) -> Iterator[Observation]:
    """Yield each variable of the plugin that runs have changed."""
    for name, change in simulation.module_changes:
        yield Observation(
            kind="module-state",
            job=None,
            message=f"the variable {name} keeps state between runs: {change}; a restart loses it",
            advice="keep it in a file or a secret; the platform may run each job in a new process",
        )


def not_called(simulation: Observed) -> Iterator[Observation]:
    """Yield jobs that are never due in the range, and hooks and routes."""
    ran = {run.job for run in simulation.runs}
    for due in simulation.due:
        if due.job.name not in ran and next(_fires(simulation, due.schedule), None) is None:
            following = due.schedule.next_or_none(simulation.end)
            again = f"; next on {following:%Y-%m-%d %H:%M %Z}" if following is not None else ""
            yield Observation(
                kind="job-not-due",
                job=due.job.name,
                message=f"is not due in the range{again}",
                advice="simulate a longer range, or begin it later: --from, --for",
            )
    names = sorted(_marked(simulation.plugin))
    if names:
        yield Observation(
            kind="not-simulated",
            job=None,
            message=f"a simulation does not call {', '.join(names)}",
            advice="test hooks and routes with calls of your own",
        )


def _fires(simulation: Observed, schedule: Any) -> Iterator[int]:
    epochs: Iterator[int] = schedule.epochs(simulation.start.timestamp(), simulation.end.timestamp())
    return epochs


def _marked(plugin: Any) -> Iterator[str]:
    """Yield the hooks and routes that the plugin's modules define, as the author wrote them."""
    for names in {id(job.function.__globals__): job.function.__globals__ for job in plugin.jobs.values()}.values():
        for value in list(names.values()):
            marks = attributes_of(value) if callable(value) else {}
            if marks.get("_plugin_route_type") == "route":
                yield f"the route {marks['_plugin_route_path']!r}"
            elif (hook := marks.get("_plugin_hook_type")) is not None:
                yield f"the hook {value.__name__}" if hook == "event" else f"the {hook} {value.__name__}"
