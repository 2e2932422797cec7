"""`sbh-jobkit parity`: whether a scheduler would decide on each fire time as the simulation does."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from sbh_jobkit.cli import options as given
from sbh_jobkit.cli import streams
from sbh_jobkit.errors import JobkitError, did_you_mean
from sbh_jobkit.live.optional import needed
from sbh_jobkit.live.settings import Settings
from sbh_jobkit.report.terminal.runs import time_with_zone
from sbh_jobkit.report.text import count
from sbh_jobkit.schedule.policies import policy_lookup
from sbh_jobkit.schedule.schedule import Schedule
from sbh_jobkit.simulation.conditions import Conditions

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Iterator, Sequence

    from sbh_jobkit.engines.planner import PlannedJob
    from sbh_jobkit.engines.rehearsal import Decided, Side
    from sbh_jobkit.engines.store import Store
    from sbh_jobkit.run.run import Run
    from sbh_jobkit.simulation.simulator import Simulator

    MakeSide = Callable[[Sequence[PlannedJob]], Side]

_MOST = 20
_ENGINES = ("local", "distributed")


def parity(options: Namespace) -> bool:
    """Print each fire time on which both decide differently, and return whether there is none."""
    with needed("sbh-jobkit parity", "serve"):
        import sbh_jobkit.engines.store  # noqa: F401  that it can be imported is found out before the simulation
    _require_engine(options)
    simulator = given.simulator(Conditions.from_options(vars(options)), options.path, None)
    given.require_jobs(simulator.plugin)
    tenant = Settings.load(options.tenant) if options.tenant else None
    runs = list(simulator.runs())
    with _opened(options.engine, options.store) as (store, side):
        decided = rehearse(store, simulator, runs, tenant, side)
    differing = list(find_differences(runs, decided))
    fires = len({(each.job.job, each.fire) for each in decided})
    if options.json:
        streams.print_json({"fire_times": fires, "differences": [each.to_dict() for each in differing]})
    else:
        _print(simulator, fires, differing)
        if differing and tenant is not None and (words := _policy_words(simulator, tenant)):
            print(f"note: the simulation does not have the policies of {options.tenant}: add {' '.join(words)}")
    return not differing


def _policy_words(simulator: Simulator, tenant: Settings) -> list[str]:
    """Return the options that give the simulation the policies of a tenant, as far as it has others."""
    policy = policy_lookup(tenant.policy, tenant.policy)
    return [
        f"--policy {due.job.name}:{each.name}={value}"
        for due in simulator.due
        for each in fields(due.policy)
        if (value := getattr(policy(due.job.name), each.name)) not in {None, getattr(due.policy, each.name)}
    ]


@contextmanager
def _opened(engine: str, url: str | None) -> Iterator[tuple[Store, MakeSide | None]]:
    """Open an empty store, and leave nothing of it; with an engine, also return how to make the side that uses it."""
    from sbh_jobkit.engines.store import Store

    if engine == "local":
        store = Store.open("sqlite:///:memory:", in_memory=True)
        try:
            yield store, None
        finally:
            store.close()
        return
    with needed("sbh-jobkit parity --engine distributed", "distributed"):
        from sbh_jobkit.engines.distributed.queue import ProcrastinateEngine
        from sbh_jobkit.engines.distributed.rehearsal import QueueSide, empty_store
    with empty_store(url or "") as store:
        yield store, partial(QueueSide, ProcrastinateEngine(store.url))


def _require_engine(options: Namespace) -> None:
    """Raise JobkitError for an engine that is not known, or without what it needs."""
    if options.engine not in _ENGINES:
        hint = did_you_mean(options.engine, _ENGINES) or f"; it is {' or '.join(_ENGINES)}"
        msg = f"there is no engine {options.engine!r}{hint}"
    elif options.engine == "local" and options.store is not None:
        msg = "parity with the local engine uses a database in memory; leave out --store, or add --engine distributed"
    elif options.engine != "local" and options.store is None:
        msg = "parity --engine distributed needs an empty PostgreSQL database; name it with --store postgresql://…"
    else:
        return
    raise JobkitError(msg)


def rehearse(
    store: Store,
    simulator: Simulator,
    runs: Sequence[Run],
    tenant: Settings | None,
    make_side: MakeSide | None = None,
) -> list[Decided]:
    """Let the core decide on the same fire times, with runs that take as long as in the simulation."""
    from sbh_jobkit.engines.planner import PlannedJob
    from sbh_jobkit.engines.rehearsal import Rehearsal, RunEnd

    policy = policy_lookup(tenant.policy, tenant.policy) if tenant is not None else None
    jobs = [
        PlannedJob(
            tenant=simulator.world.tenant_id,
            plugin=simulator.plugin.slug,
            job=due.job.name,
            schedule=due.schedule,
            policy=policy(due.job.name) if policy is not None else due.policy,
        )
        for due in simulator.due
    ]
    ends = {_key(run): RunEnd(run.duration.total_seconds(), run.outcome) for run in runs}
    rehearsal = Rehearsal(
        store,
        jobs,
        simulator.start.timestamp(),
        simulator.end.timestamp(),
        ends=lambda job, fire, attempt: ends.get((job.job, fire, attempt), RunEnd()),
        down=simulator.conditions.plan.downtime(simulator.zone),
        side=make_side(jobs) if make_side is not None else None,
    )
    return rehearsal.run()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Difference:
    """An attempt at a fire time that does not have the same row on both sides."""

    job: str
    fire: float
    attempt: int
    run: Run | None
    row: Decided | None

    @property
    def at(self) -> datetime:
        """The fire time, in the zone of the side that has it."""
        zone = (
            self.run.fire_time.tzinfo if self.run is not None else self.row.at.tzinfo if self.row is not None else UTC
        )
        return datetime.fromtimestamp(self.fire, zone)

    def to_dict(self) -> dict[str, Any]:
        return {
            "job": self.job,
            "fire_time": self.at.isoformat(),
            "attempt": self.attempt,
            "simulation": _shown_run(self.run),
            "scheduler": _shown_row(self.row),
        }


def find_differences(runs: Sequence[Run], decided: Sequence[Decided]) -> Iterator[_Difference]:
    """Yield the attempts on which both decide differently, by time."""
    simulated = {_key(run): run for run in runs}
    rehearsed = {(each.job.job, each.fire, each.attempt): each for each in decided}
    for key in sorted(simulated.keys() | rehearsed.keys(), key=lambda key: (key[1], key[0], key[2])):
        run, row = simulated.get(key), rehearsed.get(key)
        if run is None or row is None or not _is_same(run, row):
            job, fire, attempt = key
            yield _Difference(job=job, fire=fire, attempt=attempt, run=run, row=row)


def _key(run: Run) -> tuple[str, float, int]:
    return run.job, run.fire_time.timestamp(), run.attempt


def _is_same(run: Run, row: Decided) -> bool:
    if not _is_offered_once(row):
        return False
    if run.started_at is None or row.started is None:
        unstarted = run.started_at is None and row.started is None
        return unstarted and (run.outcome, run.reason) == (row.outcome, row.reason)
    schedule = row.job.schedule
    note = (
        schedule.note(run.fire_time) if isinstance(schedule, Schedule) else None
    )  # the runner's own, after the reason of the decision
    reason = "; ".join(filter(None, (row.reason, note)))
    return run.started_at.timestamp() == row.started and (run.reason or "").endswith(reason)


def _is_offered_once(row: Decided) -> bool:
    """Whether an engine was asked once to bring a row, at its fire time; not at all will do for one without a start."""
    if not row.offered:
        return row.offered is None or row.started is None
    return len(row.offered) == 1 and (row.attempt > 1 or row.offered[0] == row.fire)


def _shown_run(run: Run | None) -> str:
    return "not due" if run is None else _shown(run.outcome, run.started_at, run.reason)


def _shown_row(row: Decided | None) -> str:
    if row is None:
        return "not due"
    started = None if row.started is None else datetime.fromtimestamp(row.started, row.job.schedule.tz)
    shown = _shown(row.outcome, started, row.reason)
    if _is_offered_once(row):
        return shown
    return f"{shown} (the queue was asked {len(row.offered or ())} times to bring it)"


def _shown(outcome: str, started: datetime | None, reason: str | None) -> str:
    if started is None:
        return reason or outcome
    return f"started {started:%H:%M:%S}{f': {reason}' if reason else ''}"


def _print(simulator: Simulator, fires: int, differing: Sequence[_Difference]) -> None:
    for each in differing[:_MOST]:
        again = f"  attempt {each.attempt}" if each.attempt > 1 else ""
        print(f"{time_with_zone(each.at)}  {each.job}{again}")
        print(f"  simulation: {_shown_run(each.run)}\n  scheduler:  {_shown_row(each.row)}")
    if len(differing) > _MOST:
        print(f"… and {len(differing) - _MOST:,} more; --json lists them all")
    result = f"{len(differing):,} decided differently" if differing else "no difference"
    print(f"{simulator.plugin.manifest.name}: {count(fires, 'fire time')}, {result}")
