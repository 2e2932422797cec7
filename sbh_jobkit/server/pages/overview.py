"""What the first page shows: a row for each job, what matters now, and half a day in both directions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from shutil import disk_usage
from statistics import median
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from sbh_jobkit.engines.history import Wanted, read_ended, read_going, read_verdicts
from sbh_jobkit.engines.instants import now, to_store
from sbh_jobkit.engines.manual import ManualOnly
from sbh_jobkit.engines.pauses import Pauses, Scope
from sbh_jobkit.engines.schema import State, job_run
from sbh_jobkit.report.sentence import sentence
from sbh_jobkit.report.text import distance
from sbh_jobkit.report.verdicts import sign_of
from sbh_jobkit.run.run import Outcome
from sbh_jobkit.server.health import readiness
from sbh_jobkit.server.pages.details import run_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy.engine import Connection

    from sbh_jobkit.engines.history import Going
    from sbh_jobkit.engines.pauses import Pause
    from sbh_jobkit.engines.planner import Key, PlannedJob
    from sbh_jobkit.report.verdicts import Sign
    from sbh_jobkit.run.run import Run
    from sbh_jobkit.server.service import InstalledPlugin, Service

LAST = 20
LEAST_FREE = 200 << 20
"""Bytes that the disk of a store should have left."""
_DAY = 86_400.0
_LATE = 60.0
_HALF = timedelta(hours=12)
_UNDECIDED = (State.DUE, State.WAITING, State.RETRY)
_FINE = (Outcome.OK, Outcome.SKIPPED, Outcome.COALESCED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One run in a row of marks."""

    run: Run
    sign: Sign
    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRow:
    """One job at one tenant."""

    key: Key
    english: str | None
    next_at: datetime | None
    next_in: str
    note: str | None
    """What is special about the next fire time: a gap or a fold."""
    marks: Sequence[Mark]
    """The last runs, the newest last."""
    going: Sequence[Going]
    good: int
    bad: int
    typical: timedelta | None
    is_late: bool
    is_enabled: bool
    paused: Pause | None
    """The pause that goes on, of the job or of more."""

    @property
    def last(self) -> Mark | None:
        """The run that ended last."""
        return self.marks[-1] if self.marks else None

    @property
    def can_pause(self) -> bool:
        """Whether it can be paused or resumed alone: it has a schedule, and is not paused with others."""
        return self.next_at is not None if self.paused is None else self.can_resume

    @property
    def can_resume(self) -> bool:
        """Whether the pause is of this job alone."""
        return self.paused is not None and self.paused.scope == scope_of(self.key)

    @property
    def is_failing(self) -> bool:
        """Whether the last run is not ok, of those that started and that nobody cancelled."""
        for mark in reversed(self.marks):
            if mark.run.started_at is not None and mark.run.outcome is not Outcome.CANCELLED:
                return not mark.run.ok
        return False


def job_rows(service: Service, plugins: Iterable[InstalledPlugin]) -> list[JobRow]:
    """Return a row for each job of the plugins, those that fail or are late first."""
    at, rows = now(), []
    with service.store.read() as connection:
        for each in plugins:
            for job in each.plugin.jobs:
                served = service.engine.jobs.get(each.key(job.name))
                if served is not None:
                    rows.append(_row(connection, served.planned, at, is_enabled=each.installation.enabled))
    return sorted(rows, key=lambda row: (not row.is_failing, not row.is_late, row.key))


def _row(connection: Connection, job: PlannedJob, at: float, *, is_enabled: bool) -> JobRow:
    wanted = Wanted(tenant=job.tenant, plugin=job.plugin, job=job.job)
    runs = [each.run for each in islice(read_ended(connection, wanted, page=LAST), LAST)]
    schedule, moment = job.schedule, datetime.fromtimestamp(at, UTC)
    following = None if isinstance(schedule, ManualOnly) else schedule.next(moment)
    times = [run.duration.total_seconds() for run in runs if run.started_at is not None]
    good, bad = _day(connection, job, at)
    return JobRow(
        key=job.key,
        english=None if isinstance(schedule, ManualOnly) else schedule.describe(),
        next_at=following,
        next_in="" if following is None else distance(following, moment),
        note=None if following is None or isinstance(schedule, ManualOnly) else schedule.note(following),
        marks=[Mark(run=run, sign=sign_of(run), number=run_number(run)) for run in reversed(runs)],
        going=read_going(connection, wanted),
        good=good,
        bad=bad,
        typical=timedelta(seconds=median(times)) if times else None,
        is_late=_is_late(connection, job, at),
        is_enabled=is_enabled,
        paused=Pauses.read(connection).of(job.key).current,
    )


def _day(connection: Connection, job: PlannedJob, at: float) -> tuple[int, int]:
    """Return how many runs of the last 24 hours were good, and how many were bad."""
    c = job_run.c
    since = job.is_in(job_run), c.state == State.ENDED, c.fire_time >= to_store(at - _DAY)
    rows = connection.execute(select(c.outcome, func.count()).where(*since).group_by(c.outcome)).all()
    counts = {row[0]: row[1] for row in rows}
    bad = sum(number for outcome, number in counts.items() if outcome not in _FINE)
    return counts.get(Outcome.OK, 0), bad


def _is_late(connection: Connection, job: PlannedJob, at: float) -> bool:
    c = job_run.c
    late = job.is_in(job_run), c.state.in_(_UNDECIDED), func.coalesce(c.not_before, c.fire_time) < to_store(at - _LATE)
    return connection.execute(select(c.fire_time).where(*late)).first() is not None


def scope_of(key: Key) -> Scope:
    """Return the scope of one job."""
    tenant, plugin, job = key
    return Scope(tenant=tenant, plugin=plugin, job=job)


def plugin_pause(service: Service, each: InstalledPlugin) -> Pause | None:
    """Return the pause of a plugin as a whole that goes on."""
    mine = Scope(tenant=each.installation.tenant, plugin=each.plugin.slug)
    with service.store.read() as connection:
        going = [pause for pause in Pauses.read(connection).pauses if pause.end is None and mine in pause.scope]
    return going[0] if going else None


def warnings(service: Service, tenants: Sequence[str]) -> list[str]:
    """Return what keeps the server from its work, and what these tenants have that is not served, a sentence each."""
    found = [sentence(why) for why in readiness(service).values() if why != "ok"]
    problems = sorted(service.problems.items(), key=str)
    found += [f"{why}." for (tenant, _), why in problems if tenant in {None, *tenants}]
    if (little := _little_room(service)) is not None:
        found.append(little)
    return list(dict.fromkeys(found))


def _little_room(service: Service) -> str | None:
    """Return a sentence where the disk of a store in a file is nearly full."""
    database = service.store.engine.url.database
    if not service.store.is_sqlite or not database:
        return None
    free = disk_usage(Path(database).parent).free
    if free >= LEAST_FREE:
        return None
    return (
        f"The history is nearly full: the disk of the store has {free >> 20:,} MB left; free some, or keep less with"
        " [history] in tenant.toml."
    )


def day_of(service: Service, row: JobRow) -> dict[str, list[float]]:
    """Return the runs of the last 12 hours and the fire times of the next 12 of one job, `next`.

    They are places from 0 to 1000 on the axis of that day, by verdict; what failed comes last, and is drawn on top.
    """
    middle = datetime.fromtimestamp(now(), UTC)
    first = middle - _HALF
    tenant, plugin, job = row.key
    with service.store.read() as connection:
        found = read_verdicts(connection, Wanted(tenant=tenant, plugin=plugin, job=job), first.timestamp())
    schedule = service.engine.jobs[row.key].planned.schedule
    if not isinstance(schedule, ManualOnly):
        found += [(at, "next") for at in schedule.fires(middle, middle + _HALF)]
    places: dict[str, list[float]] = {}
    for at, verdict in found:
        places.setdefault(verdict, []).append(_place(at, first))
    return {verdict: places[verdict] for verdict in sorted(places, key=lambda verdict: verdict not in _FINE)}


def _place(at: datetime, first: datetime) -> float:
    return round((at.timestamp() - first.timestamp()) / (2 * _HALF.total_seconds()) * 1000, 1)
