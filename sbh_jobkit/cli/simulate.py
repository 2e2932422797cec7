"""`sbh-jobkit simulate`: a range of dates as a table, JSON, or a report."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sbh_jobkit.cli import options as given
from sbh_jobkit.errors import Interrupted, JobkitError
from sbh_jobkit.report.text import count
from sbh_jobkit.simulation.budget import Budget

if TYPE_CHECKING:
    from argparse import Namespace

    from sbh_jobkit.run.run import Run
    from sbh_jobkit.run.usage import Usage
    from sbh_jobkit.simulation.result import Simulation
    from sbh_jobkit.simulation.simulator import Simulator


def simulate(options: Namespace) -> bool:
    """Simulate, print, and return whether all is ok; Ctrl-C prints what was done so far."""
    fleet, budget = given.fleet(options), Budget.read(options.budget or ())
    if len(fleet) > 1:
        from sbh_jobkit.cli.fleet import simulate_fleet

        return simulate_fleet(options, fleet)
    (options.path,), (options.tenant,) = fleet.paths, fleet.tenants
    if options.stress is not None:
        if options.budget or options.twice or options.html:
            msg = "--stress looks for what breaks: leave --budget, --twice and --html to a simulation without it"
            raise JobkitError(msg)
        from sbh_jobkit.cli.stress import put_under_stress

        return put_under_stress(options)
    simulator = given.simulator(options, duration=options.duration, jobs=options.job, twice=options.twice)
    given.need_jobs(simulator.plugin)
    try:
        simulation = _watched(simulator)
    except Interrupted as stop:
        _report(options, _Found.of(stop.so_far, budget, twice=options.twice), _how_far(simulator, stop.so_far))
        raise
    found = _Found.of(simulation, budget, twice=options.twice)
    _report(options, found)
    return found.ok


def _report(options: Namespace, found: _Found, interrupted: str | None = None) -> None:
    if options.html:
        _write_report(options, found, interrupted)
    if options.json:
        given.print_json(_as_json(options, found))
    else:
        _print_summary(options, found, interrupted)


def _how_far(simulator: Simulator, simulation: Simulation) -> str:
    at = f"{simulation.reached:%Y-%m-%d %H:%M}"
    return f"at {at} virtual time, {len(simulation.runs):,} of {count(simulator.count(), 'due instant')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What came of a simulation, and of what was asked of it besides."""

    simulation: Simulation
    usage: Usage
    budget: Budget
    unsafe: dict[str, list[Run]]
    """The runs whose second run changed something, by job."""

    @classmethod
    def of(cls, simulation: Simulation, budget: Budget, *, twice: bool) -> _Found:
        unsafe = simulation.unsafe_to_repeat if twice else {}
        return cls(simulation=simulation, usage=simulation.usage, budget=budget, unsafe=unsafe)

    @property
    def over(self) -> list[str]:
        return self.budget.exceeded(self.usage)

    @property
    def ok(self) -> bool:
        return self.simulation.ok and not self.unsafe and not self.over


def _watched(simulator: Simulator) -> Simulation:
    if not sys.stderr.isatty():
        return simulator.simulate()
    from sbh_jobkit.report.progress import Progress

    with Progress(simulator.count()) as progress:
        return simulator.simulate(progress.show)


def _write_report(options: Namespace, found: _Found, interrupted: str | None) -> None:
    from sbh_jobkit.report.html.simulation import page

    start = found.simulation.start
    text = page(found.simulation, lambda run: given.rerun(options, start, run), found.budget, interrupted)
    given.write(options.html, text)


def _print_summary(options: Namespace, found: _Found, interrupted: str | None) -> None:
    from rich.console import Console

    from sbh_jobkit.report.headline import headline, title
    from sbh_jobkit.report.idempotency import repeat_lines
    from sbh_jobkit.report.rows import job_lines, summarise
    from sbh_jobkit.report.terminal.runs import (
        expected_runs,
        failing_runs,
        host_differences,
        summary_table,
        time_with_zone,
    )
    from sbh_jobkit.report.usage import usage_lines

    simulation = found.simulation
    failures = simulation.failures
    print(f"{title(simulation)}: {time_with_zone(simulation.start)} to {time_with_zone(simulation.end)}\n")
    Console(highlight=False).print(summary_table(summarise(job_lines(simulation.due), simulation.runs)))
    for line in expected_runs(simulation.runs):
        print(f"\n{line}")
    if failures:
        print()
        print("\n".join([*failing_runs(failures), *host_differences(failures)]))
        print(f"\nrerun the first: {given.rerun(options, simulation.start, failures[0])}")
    if simulation.unused_faults:
        print("\n  ".join(["\nin the fault plan, this did nothing:", *map(str, simulation.unused_faults)]))
    by_hand = [name for name, job in simulation.plugin.jobs.items() if job.expression is None]
    if by_hand:
        print(f"\nby hand only, for want of a schedule: {', '.join(by_hand)}")
    for lines in (usage_lines(found.usage, found.over), repeat_lines(simulation.runs)):
        if text := "\n".join(lines):
            print(f"\n{text}")
    if interrupted:
        print(f"\ninterrupted {interrupted}")
    print(f"\n{headline(simulation.runs, over_budget=bool(found.over))}")
    if options.html:
        print(f"report: {options.html}")


def _as_json(options: Namespace, found: _Found) -> dict[str, Any]:
    simulation = found.simulation
    asked: dict[str, Any] = {"interrupted": simulation.reached.isoformat()} if simulation.reached else {}
    if options.budget:
        asked["over_budget"] = found.over
    if options.twice:
        asked["unsafe_to_repeat"] = {job: len(runs) for job, runs in found.unsafe.items()}
    return {
        "plugin": simulation.plugin.slug,
        "target": simulation.world.target,
        "start": simulation.start.isoformat(),
        "end": simulation.end.isoformat(),
        "tz": simulation.zone.key,
        "interrupted": simulation.reached.isoformat() if simulation.reached else None,
        "ok": found.ok,
        "usage": found.usage.to_dict(),
        **asked,
        "runs": [
            run.to_dict() if run.ok else {**run.to_dict(), "rerun": given.rerun(options, simulation.start, run)}
            for run in simulation.runs
        ],
    }
