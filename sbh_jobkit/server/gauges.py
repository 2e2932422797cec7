"""What a store and its processes are like just now, for Prometheus: read at each scrape, equal on every server."""

from __future__ import annotations

import shutil
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from prometheus_client.core import GaugeMetricFamily
from sqlalchemy import func, or_, select
from sqlalchemy.exc import SQLAlchemyError

from sbh_jobkit.engines.heartbeat import Lives, Role
from sbh_jobkit.engines.instants import from_store, now_in, to_store
from sbh_jobkit.engines.schema import State, job_mark, job_run
from sbh_jobkit.run.run import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy.engine import Connection

    from sbh_jobkit.server.service import Service

_RECENTLY = 600.0
_OPEN = [state for state in State if state is not State.ENDED]
_C = job_run.c
_ready_at = func.coalesce(_C.not_before, _C.fire_time)
_UP = "1 if the store can be read; without it, what it says is missing."
_BLOCKED = "1 while the scheduler of this process decides nothing; its log and /readyz say why."
_ALIVE = "Processes of the store that have given a sign of life within the lease."
_SILENCE = "Seconds since the last sign of life of the process that is silent for longest and still counts as alive."
_ROWS = "Fire times that have come and have not ended, by state."
_OLDEST = "Seconds for which the oldest fire time has been due and nobody has decided on it; 0 where there is none."
_AHEAD = "Seconds for which all jobs are planned ahead, for workers."
_RECENT = "Fire times that have ended within ten minutes, by outcome."
_DISK = "Bytes that are free where this process keeps uploaded plugins."


class Gauges:
    """Reads the numbers when they are asked for."""

    def __init__(self, service: Service, *, workers: bool) -> None:
        """Ask the store of a server; `workers` says whether its runs are those of workers."""
        self._service = service
        self._workers = workers

    def describe(self) -> list[GaugeMetricFamily]:
        """Name nothing ahead: prometheus_client would read the store for that."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield all numbers; where the store cannot be read, only what this process knows itself."""
        blocked = self._service.engine.blocked is not None or not self._service.engine.is_alive
        yield GaugeMetricFamily("sbh_scheduler_blocked", _BLOCKED, float(blocked))
        folder = self._service.address.uploads.folder
        disk = GaugeMetricFamily("sbh_disk_free_bytes", _DISK)
        with suppress(OSError):  # it is made with the first upload
            disk.add_metric([], shutil.disk_usage(folder if folder.is_dir() else folder.parent).free)
        yield disk
        try:
            with self._service.store.read() as connection:
                found = list(self._read(connection))
        except SQLAlchemyError:
            found = []
        yield GaugeMetricFamily("sbh_store_up", _UP, float(bool(found)))
        yield from found

    def _read(self, connection: Connection) -> Iterator[GaugeMetricFamily]:
        at = now_in(connection)
        yield from self._processes(connection, at)
        due = _C.state.in_(_OPEN), _ready_at <= to_store(at)
        counted = connection.execute(select(_C.state, func.count()).where(*due).group_by(_C.state)).all()
        yield _labelled("sbh_rows", _ROWS, "state", dict.fromkeys(_OPEN, 0.0) | {row[0]: row[1] for row in counted})
        undecided = or_(_C.state == State.DUE, _C.state == State.RETRY), _ready_at <= to_store(at)
        oldest = connection.execute(select(func.min(_ready_at)).where(*undecided)).scalar()
        yield GaugeMetricFamily("sbh_oldest_due_seconds", _OLDEST, 0.0 if oldest is None else at - from_store(oldest))
        recent = _C.state == State.ENDED, _C.finished_at >= to_store(at - _RECENTLY)
        outcomes = connection.execute(select(_C.outcome, func.count()).where(*recent).group_by(_C.outcome)).all()
        ended = {row[0]: row[1] for row in outcomes if row[0] is not None}
        yield _labelled("sbh_recent_runs", _RECENT, "outcome", dict.fromkeys(Outcome, 0.0) | ended)
        if self._workers and (ahead := self._ahead(connection, at)) is not None:
            yield GaugeMetricFamily("sbh_planned_ahead_seconds", _AHEAD, ahead)

    def _processes(self, connection: Connection, at: float) -> Iterator[GaugeMetricFamily]:
        roles = list(Role) if self._workers else [Role.SCHEDULER]
        last: dict[str, dict[str, float]] = {role: {} for role in roles}
        for each in Lives.read(connection, at).alive(at):
            role = each.role or Role.SCHEDULER
            if role in last:
                last[role][each.worker] = max(each.end, last[role].get(each.worker, 0.0))
        yield _labelled("sbh_processes_alive", _ALIVE, "role", {role: len(each) for role, each in last.items()})
        silence = {role: max(0.0, at - min(each.values())) for role, each in last.items() if each}
        yield _labelled("sbh_longest_silence_seconds", _SILENCE, "role", silence)

    def _ahead(self, connection: Connection, at: float) -> float | None:
        """Return for how many seconds the job is planned that is planned least far; None where nothing is served."""
        rows = connection.execute(select(job_mark.c.tenant, job_mark.c.plugin, job_mark.c.job, job_mark.c.planned_to))
        marks = {(tenant, plugin, job): planned for tenant, plugin, job, planned in rows}
        to = [marks[key] for key in self._service.engine.jobs if key in marks]
        return from_store(min(to)) - at if to else None


def _labelled(name: str, text: str, label: str, values: Mapping[Any, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=[label])
    for value, number in values.items():
        family.add_metric([str(value)], float(number))
    return family
