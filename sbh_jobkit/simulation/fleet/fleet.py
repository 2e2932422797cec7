"""Several plugins at many tenants: each installation is simulated alone, in its own world.

Installations do not see each other, neither here nor on the platform. So the results do not depend on the order or on
the number of processes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Self

from sbh_jobkit.errors import FleetError, Interrupted
from sbh_jobkit.fakes.world import TENANT
from sbh_jobkit.plugin.folders import plugins_below
from sbh_jobkit.schedule import times
from sbh_jobkit.simulation.conditions import Conditions
from sbh_jobkit.simulation.fleet.installation import Installation, Task, run_task
from sbh_jobkit.simulation.fleet.result import FleetSimulation

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping
    from datetime import datetime, timedelta

    from sbh_jobkit.fakes.faults.plan import FaultPlan
    from sbh_jobkit.schedule.policy import Policy
    from sbh_jobkit.simulation.fleet.installation import NotSimulated


class Fleet:
    """Plugins, given by their paths, each installed at every tenant; `tenants` is their number or their names.

    A folder without a `plugin.json` means all plugins below it. A naive time is in the zone of each plugin; use an
    offset or `tz` if all have to start at the same time.
    """

    def __init__(
        self,
        plugins: str | Path | Iterable[str | Path],
        tenants: int | Iterable[str] = (TENANT,),
        *,
        start: str | datetime = times.START,
        end: str | datetime | None = None,
        duration: str | timedelta | None = None,
        tz: str | None = None,
        jobs: Iterable[str] | None = None,
        policy: Policy | Mapping[str, Policy] | None = None,
        faults: FaultPlan | None = None,
        time_limit: float | None = None,
        seed: int = 0,
        target: str | None = None,
        unreached: bool = False,
    ) -> None:
        """Find the plugins; nothing is loaded yet."""
        conditions = Conditions(
            start=start,
            end=end,
            duration=duration,
            tz=tz,
            jobs=jobs,
            policy=policy,
            faults=faults,
            time_limit=time_limit,
            seed=seed,
            target=target,
            unreached=unreached,
        )
        self._prepare(plugins, tenants, conditions)

    @classmethod
    def under(
        cls,
        conditions: Conditions,
        plugins: str | Path | Iterable[str | Path],
        tenants: int | Iterable[str] = (TENANT,),
    ) -> Self:
        """Make a fleet of conditions that are checked already."""
        fleet = cls.__new__(cls)
        fleet._prepare(plugins, tenants, conditions)  # noqa: SLF001  its own class
        return fleet

    def _prepare(
        self, plugins: str | Path | Iterable[str | Path], tenants: int | Iterable[str], conditions: Conditions
    ) -> None:
        given = [plugins] if isinstance(plugins, (str, Path)) else list(plugins)
        self.paths = tuple(dict.fromkeys(found for path in given for found in plugins_in(path)))
        self.tenants = _names(tenants)
        self.conditions = conditions

    def __repr__(self) -> str:
        """Return the numbers of plugins and tenants."""
        return f"<Fleet: {len(self.paths)} plugins at {len(self.tenants)} tenants>"

    def __len__(self) -> int:
        """Return the number of installations."""
        return len(self.paths) * len(self.tenants)

    def results(self, processes: int = 1) -> Generator[Installation | NotSimulated, None, None]:
        """Yield the result of each installation, always in the same order.

        Ctrl-C raises Interrupted, after the results so far.
        """
        if isinstance(processes, bool) or not isinstance(processes, int) or processes < 1:
            msg = f"processes must be a whole number of at least 1, got {processes!r}"
            raise FleetError(msg)
        tasks = (Task(path=path, tenant=tenant, conditions=self.conditions) for path, tenant in self.each())
        if min(processes, len(self)) > 1:
            from sbh_jobkit.simulation.fleet.processes import run_parallel

            yield from run_parallel(tasks, min(processes, len(self)))
            return
        for task in tasks:
            result = run_task(task)
            yield result
            if isinstance(result, Installation) and result.reached is not None:
                raise Interrupted(result.reached)

    def simulate(self, processes: int = 1, progress: Callable[[int], None] | None = None) -> FleetSimulation:
        """Simulate every installation; `progress` is called with the number of installations so far.

        Ctrl-C raises Interrupted, whose `so_far` is the result up to that time.
        """
        simulation = FleetSimulation(asked=len(self))
        try:
            with closing(self.results(processes)) as results:
                for number, result in enumerate(results, start=1):
                    simulation.add(result)
                    if progress is not None:
                        progress(number)
        except KeyboardInterrupt as stop:
            simulation.interrupted = True
            raise Interrupted(None, simulation) from stop
        return simulation

    def each(self) -> Iterator[tuple[str, str]]:
        """Yield the path and the tenant of each installation."""
        return ((path, tenant) for path in self.paths for tenant in self.tenants)


def plugins_in(path: str | Path) -> list[str]:
    """Return the paths of the plugins below a folder; any other path, and a folder that is a plugin, is returned."""
    if not isinstance(path, (str, Path)):
        msg = f"a fleet loads its plugins itself, so it takes their paths, not {path!r}"
        raise FleetError(msg)
    return plugins_below(path)


def _names(tenants: int | Iterable[str]) -> tuple[str, ...]:
    if isinstance(tenants, int) and not isinstance(tenants, bool) and tenants > 0:
        return (TENANT,) if tenants == 1 else tuple(f"tenant-{n:0{len(str(tenants))}}" for n in range(1, tenants + 1))
    given = (tenants,) if isinstance(tenants, str) else tuple(tenants) if isinstance(tenants, Iterable) else ()
    if not given or not all(isinstance(name, str) and name.strip() and name.isprintable() for name in given):
        msg = f"tenants are a number from 1, or names such as 'acme', got {tenants!r}"
        raise FleetError(msg)
    name, times_named = Counter(given).most_common(1)[0]
    if times_named > 1:
        msg = f"the tenant {name!r} is named twice"
        raise FleetError(msg)
    return given
