"""`sbh-jobkit run`: one job, once, at a virtual time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbh_jobkit.cli import options as given
from sbh_jobkit.errors import TimeFormatError
from sbh_jobkit.report.terminal.runs import run_lines
from sbh_jobkit.schedule import times
from sbh_jobkit.simulation.simulator import run_job

if TYPE_CHECKING:
    from argparse import Namespace

    from sbh_jobkit.plugin.job import Job
    from sbh_jobkit.run.run import Run
    from sbh_jobkit.simulation.simulator import Simulator


def run(options: Namespace) -> bool:
    """Run the job, print what happened, and return whether all is ok."""
    if options.start and not options.at:
        msg = "--from replays up to --at: give --at, too"
        raise TimeFormatError(msg)
    done = _replayed(options) if options.start else _alone(options)
    if options.json:
        given.print_json(done.to_dict())
    else:
        print("\n".join(run_lines(done)))
    return done.ok


def _alone(options: Namespace) -> Run:
    simulator = given.simulator(options)  # for the words that it refuses, too
    job, world = simulator.plugin.jobs[options.job], simulator.world
    if world.script is not None and world.script.ticks:
        given.tell("note: the world is as setup made it; --from lives through its @every functions up to --at first")
    return _by_hand(simulator, job, options)


def _replayed(options: Namespace) -> Run:
    """Live from the start up to the run, so that it meets the world that it met in a simulation."""
    simulator = given.simulator(options)
    job, at = simulator.plugin.jobs[options.job], times.instant(options.at, simulator.zone)
    for done in simulator.until(at).runs():
        if done.job == job.name and done.fire_time == at:
            return done
    given.tell(f"note: {job.name} is not due at {at.isoformat()}, so it ran by hand then")
    return _by_hand(simulator, job, options)


def _by_hand(simulator: Simulator, job: Job, options: Namespace) -> Run:
    return run_job(
        job, simulator.world, at=options.at, tz=options.tz, faults=simulator.faults, time_limit=simulator.time_limit
    )
