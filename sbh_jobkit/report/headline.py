"""The title of a simulation, and the line that sums up its runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbh_jobkit.report.text import count
from sbh_jobkit.run.tally import count_verdicts

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Iterator, Sequence

    from sbh_jobkit.simulation.fleet.result import FleetSimulation
    from sbh_jobkit.simulation.installed import InstalledJob
    from sbh_jobkit.simulation.result import Simulation
    from sbh_jobkit.simulation.verdict import Verdict

_MOST_NAMED = 3


def title(simulation: Simulation) -> str:
    """Return the plugin's name, and "on today's host" if the simulation followed that host's rules."""
    where = " on today's host" if simulation.world.target == "host" else ""
    return f"{simulation.plugin.manifest.name}{where}"


def fleet_title(simulation: FleetSimulation) -> str:
    """Return a name for the fleet, such as `3 plugins at 20 tenants`."""
    plugins = list(simulation.plugins.values())
    tenants = {tenant for plugin in plugins for tenant in plugin.tenants}
    name = plugins[0].name if len(plugins) == 1 else count(len(plugins), "plugin")
    return f"{name} at {count(len(tenants), 'tenant')}"


def headline(jobs: Iterable[InstalledJob], verdict: Verdict | None = None, *, not_simulated: int = 0) -> str:
    """Return one line about the runs of jobs, such as `3 of 2,298 runs failed`.

    `verdict` is what else is wrong; `not_simulated` is a number of installations.
    """
    counts = [job.tally for job in jobs]
    verdicts = count_verdicts(counts)
    unstarted = [f"{verdicts[each]:,} {each}" for each in ("skipped", "coalesced", "missed") if verdicts[each]]
    late = sum(tally.late for tally in counts)
    exceptions = [*unstarted, *([f"{late:,} late"] if late else []), *(_wrong(verdict) if verdict is not None else ())]
    reports = verdict.reports if verdict is not None else 0
    failures, recovered = (sum(getattr(tally, name) for tally in counts) for name in ("failures", "recovered"))
    if recovered:
        them = "" if failures == 1 else "all of them " if recovered == failures else f"{recovered:,} of them "
        exceptions = [f"{them}recovered by a later attempt", *exceptions]
    sentence = _sentence(verdicts, failures, exceptions, reports)
    return f"{sentence}, {count(not_simulated, 'installation')} could not be simulated" if not_simulated else sentence


def _wrong(verdict: Verdict) -> Iterator[str]:
    """Yield what is wrong besides the runs."""
    if verdict.exceeded:
        yield "over budget"
    if verdict.not_idempotent:
        yield f"{count(len(verdict.not_idempotent), 'job')} not idempotent"
    if verdict.observations:
        yield count(len(verdict.observations), "observation")
    if verdict.lost:
        yield f"{count(len(verdict.lost), 'kind')} of effects lost or doubled"


def simulation_headline(simulation: Simulation) -> str:
    """Return one line about the runs of a simulation, and about what else is wrong with it."""
    (plugin,) = simulation.plugins.values()
    return headline(plugin.jobs, simulation.verdict)


def fleet_headline(simulation: FleetSimulation) -> str:
    """Return one line about the runs of all installations."""
    jobs = (job for plugin in simulation.plugins.values() for job in plugin.jobs)
    return headline(jobs, not_simulated=len(simulation.not_simulated))


def _sentence(verdicts: Counter[str], failures: int, exceptions: Sequence[str], reports: int) -> str:
    runs = verdicts.total()
    if not runs:
        return "No run was due"
    if failures and failures == reports:
        them = "it failed" if runs == 1 else f"{failures:,} of them failed"
        return ", ".join([count(runs, "run"), f"{them} because of injected faults", *exceptions])
    if failures:
        exceptions = [*([f"{reports:,} of them because of injected faults"] if reports else []), *exceptions]
        how = "passed unexpectedly" if verdicts["unexpected_ok"] == failures else "failed"
        return ", ".join([f"{failures:,} of {count(runs, 'run')} {how}", *exceptions])
    sentence = "1 run, as expected" if runs == 1 else f"{runs:,} runs, all as expected"
    return f"{sentence}, but {' and '.join(exceptions)}" if exceptions else sentence


def fleet_progress(simulation: FleetSimulation) -> str:
    """Return how much of a fleet was simulated before it was interrupted."""
    parts = [f"{simulation.done:,} of {count(simulation.asked, 'installation')} done"]
    parts += [
        f"{one.plugin} at {one.tenant} up to {one.reached:%Y-%m-%d %H:%M}" for one in simulation.partial[:_MOST_NAMED]
    ]
    more = len(simulation.partial) - _MOST_NAMED
    return ", ".join([*parts, *([f"{more:,} more in part"] if more > 0 else [])])
