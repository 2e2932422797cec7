"""`sbh-jobkit run`: one job, once, at a virtual time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbh_jobkit.cli import options as given
from sbh_jobkit.cli import streams
from sbh_jobkit.errors import JobkitError, TimeFormatError
from sbh_jobkit.report.terminal.runs import run_lines
from sbh_jobkit.schedule import times
from sbh_jobkit.simulation.conditions import Conditions
from sbh_jobkit.simulation.once import run_under

if TYPE_CHECKING:
    from argparse import Namespace

    from sbh_jobkit.run.run import Run
    from sbh_jobkit.simulation.simulator import Simulator


def run(options: Namespace) -> bool:
    """Run the job, print what happened, and return whether the run is ok."""
    if options.live:
        from sbh_jobkit.cli.live import run_live

        return run_live(options)
    if options.dry:
        msg = "--dry needs --live: a simulation writes nothing real"
        raise JobkitError(msg)
    if options.start and not options.at:
        msg = "--from needs --at: the plugin is simulated from --from up to --at"
        raise TimeFormatError(msg)
    simulator = given.simulator(Conditions.from_options(vars(options)), options.path, options.tenant)
    done = _in_simulation(simulator, options) if options.start else _alone(simulator, options)
    if options.json:
        streams.print_json(done.to_dict())
    else:
        print("\n".join(run_lines(done, bodies=options.bodies)))
    return done.ok


def _alone(simulator: Simulator, options: Namespace) -> Run:
    job, world = simulator.plugin.jobs[options.job], simulator.world
    if world.script is not None and world.script.ticks:
        streams.message("note: only setup(world) has run; add --from ISO to let the world change until --at")
    return run_under(simulator.conditions, job, world, options.at)


def _in_simulation(simulator: Simulator, options: Namespace) -> Run:
    """Simulate up to the run, so that it meets the same world as in the simulation."""
    job, at = simulator.plugin.jobs[options.job], times.instant_in_range(options.at, simulator.zone)
    if at < simulator.start:
        msg = f"--at {options.at} is before --from {options.start}"
        raise TimeFormatError(msg)
    for done in simulator.until(at).runs():
        if done.job == job.name and done.fire_time == at:
            return done
    streams.message(f"note: {job.name} is not due at {at.isoformat()}, so it ran by hand at that time")
    return run_under(simulator.conditions, job, simulator.world, options.at)
