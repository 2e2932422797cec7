"""The jobs of a plugin: their status, their runs, runs by hand, and an end to a run."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sbh_jobkit.engines.asking import AlreadyRunning, PluginDisabled
from sbh_jobkit.engines.history import Going, Recorded, Wanted, page_of, read_ended, read_going, read_one
from sbh_jobkit.engines.instants import from_store, now, to_store
from sbh_jobkit.engines.jobs import job_rows
from sbh_jobkit.engines.schema import State
from sbh_jobkit.server.answer import Answer, ApiError, Later
from sbh_jobkit.server.endpoint import Endpoint, Value

if TYPE_CHECKING:
    from sbh_jobkit.engines.planner import Key
    from sbh_jobkit.run.run import Run
    from sbh_jobkit.server.endpoint import Call
    from sbh_jobkit.server.service import Service

_PAGE, _LARGEST_PAGE = 50, 200
_RUN = "/api/plugins/{plugin_id}/jobs/{job_name}/runs/{run_id}"
_LARGEST = 2**53
_MOST_ATTEMPTS = 1_000


def jobs(call: Call) -> Answer:
    """Answer the jobs of a plugin."""
    found = call.service.plugin(call.tenant, call.path["plugin_id"])
    return Answer(data=job_list(call.service, call.tenant, found.plugin.slug))


def job_list(service: Service, tenant: str, slug: str) -> list[dict[str, Any]]:
    """Return the jobs of a plugin that is served, with their status, as the REST API shows them."""
    with service.store.read() as connection:
        rows = job_rows(connection, tenant, now())
    names = ("status", "last_run_at", "next_run_at", "last_error", "runs")
    served = {job for owner, plugin, job in service.engine.jobs if (owner, plugin) == (tenant, slug)}
    return [
        {"name": row["name"], "schedule": row["schedule_cron"], **{name: row[name] for name in names}}
        for row in rows
        if row["plugin_installation_id"] == slug and row["name"] in served
    ]


def run_now(call: Call) -> Answer | Later:
    """Run a job by hand, and answer its result, or at once with `wait=false`."""
    found = call.service.enabled(call.tenant, call.path["plugin_id"])
    job = found.job(call.path["job_name"])
    key = found.key(job.name)
    try:
        fire = call.service.engine.run_now(key, call.caller.name)
    except AlreadyRunning as error:
        raise ApiError(409, f"{error}") from error
    except PluginDisabled as error:  # by somebody else, just now
        raise ApiError(403, f"{error}") from error

    def started() -> Answer:
        return Answer(data=_started(call.service, key, fire), status=202)

    def stopping() -> Answer:
        data = _started(call.service, key, fire)
        where = f"GET {_RUN}".format(plugin_id=quote(key[1]), job_name=quote(key[2], safe=""), run_id=data["run_id"])
        error = (
            f"the server is stopping and cannot wait for the run, which is {data['state']}; it is the store's, so ask"
        )
        return Answer(data=data, status=503, error=f"{error} another server, or this one when it is back: {where}")

    def look() -> Answer | None:
        row = read_row(call.service, key, fire)
        return _result(row) if isinstance(row, Recorded) else None

    return Later(look=look, late=started, stopping=stopping) if call.query.get("wait", True) else started()


def runs(call: Call) -> Answer:
    """Answer the runs of a job, newest first, by pages."""
    found = call.service.plugin(call.tenant, call.path["plugin_id"])
    key = found.key(found.job(call.path["job_name"]).name)
    most, before = call.query.get("limit", _PAGE), call.query.get("before")
    wanted = Wanted(tenant=key[0], plugin=key[1], job=key[2])
    with call.service.store.read() as connection:
        found_ended = read_ended(connection, wanted, before=None if before is None else from_store(before))
        ended, is_more = page_of(found_ended, most)
        going = [] if before is not None else read_going(connection, wanted)
    page = [*map(_going, reversed(going)), *map(_recorded, ended)]
    address = f"/api/plugins/{quote(key[1])}/jobs/{quote(key[2], safe='')}/runs"
    following = f"{address}?limit={most}&before={run_id(ended[-1].run)}" if is_more else None
    return Answer(data=page, more={"next": following})


def run(call: Call) -> Answer:
    """Answer one run."""
    key, fire = _named(call)
    attempt = call.query.get("attempt")
    row = read_row(call.service, key, fire, attempt)
    if row is None:
        which = f", attempt {attempt}" if attempt is not None else ""
        raise ApiError(404, f"the job {key[2]!r} has no run {call.path['run_id']}{which}")
    return Answer(data=_going(row) if isinstance(row, Going) else _recorded(row))


def cancel(call: Call) -> Answer:
    """End a run that waits or goes on."""
    key, fire = _named(call)
    was = call.service.engine.cancel(key, fire, call.caller.name)
    if was is None:
        raise ApiError(404, f"the job {key[2]!r} has no run {call.path['run_id']}")
    if was is State.ENDED:
        raise ApiError(409, "the run has ended already")
    return Answer(data={"job_name": key[2], "run_id": to_store(fire), "was": was}, status=202)


def run_id(run: Run) -> int:
    """Return what names a run among those of its job: its fire time in microseconds."""
    return to_store(run.fire_time.timestamp())


def why_failed(run: Run) -> str:
    """Return why a run is not ok, without that it was by hand."""
    if run.error is not None:
        return run.error.line
    faults = [f"{fault.kind}: {fault.message}" for fault in run.faults if not fault.allowed]
    return "; ".join(faults) or run.reason or run.verdict


def read_row(service: Service, key: Key, fire: float, attempt: int | None = None) -> Recorded | Going | None:
    """Return one run as the store has it, the latest attempt if none is named."""
    with service.store.read() as connection:
        return read_one(connection, key, fire, attempt)


def _named(call: Call) -> tuple[Key, float]:
    found = call.service.plugin(call.tenant, call.path["plugin_id"])
    text = call.path["run_id"]
    if not (text.isascii() and text.isdecimal() and len(text) < 17 and int(text) < _LARGEST):  # noqa: PLR2004  2**53
        raise ApiError(400, "a run's id is its fire time in microseconds since 1970")
    return found.key(found.job(call.path["job_name"]).name), from_store(int(text))


def _started(service: Service, key: Key, fire: float) -> dict[str, Any]:
    row = read_row(service, key, fire)
    state, at = State.DUE, datetime.fromtimestamp(fire, UTC)
    if isinstance(row, Going):
        state, at = row.state, row.fire_time
    elif row is not None:
        state, at = State.ENDED, row.run.fire_time
    return {"job_name": key[2], "run_id": to_store(fire), "fire_time": at.isoformat(), "state": state, "result": None}


def _result(row: Recorded) -> Answer:
    run = row.run
    result = {"result": run.to_dict()["value"], "stdout": run.stdout, "stderr": run.stderr, "success": run.ok}
    why = None if run.ok else why_failed(run)
    if why is not None:
        result["error"] = why
    facts = {name: value for name, value in _facts(run).items() if name != "job_name"}
    return Answer(data={"job_name": run.job, "result": result, **facts}, error=why)


def _facts(run: Run) -> dict[str, Any]:
    row = run.to_dict()
    names = ("fire_time", "attempt", "started_at", "duration", "outcome", "verdict", "reason")
    return {"job_name": run.job, "run_id": run_id(run), "state": State.ENDED, **{name: row[name] for name in names}}


def _recorded(row: Recorded) -> dict[str, Any]:
    late = None if row.late_report is None else row.late_report.to_dict()
    named = {"run_id": run_id(row.run), "state": State.ENDED, "finished_at": row.finished_at.isoformat()}
    named["version"] = row.version
    return {**named, **row.run.to_dict(), "late_report": late}


def _going(row: Going) -> dict[str, Any]:
    return {
        "run_id": to_store(row.fire_time.timestamp()),
        "state": row.state,
        "tenant": row.tenant,
        "plugin": row.plugin,
        "job": row.job,
        "fire_time": row.fire_time.isoformat(),
        "started_at": None if row.started_at is None else row.started_at.isoformat(),
        "reason": row.reason,
        "attempt": row.attempt,
    }


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/api/plugins/{plugin_id}/jobs",
        about="The jobs of a plugin: schedule, status, last and next run.",
        handler=jobs,
        statuses=(404,),
    ),
    Endpoint(
        method="POST",
        path="/api/plugins/{plugin_id}/jobs/{job_name}/run-now",
        about="Run a job by hand, and wait for its result.",
        handler=run_now,
        statuses=(202, 404, 409, 503),
        query={"wait": Value(kind="boolean", about="false: answer 202 at once")},
    ),
    Endpoint(
        method="GET",
        path="/api/plugins/{plugin_id}/jobs/{job_name}/runs",
        about="The runs of a job, newest first; `next` in the envelope is the address of the next page.",
        handler=runs,
        statuses=(404,),
        query={
            "limit": Value(kind="integer", about="how many", least=1, most=_LARGEST_PAGE),
            "before": Value(kind="integer", about="only runs before this id", most=_LARGEST),
        },
    ),
    Endpoint(
        method="GET",
        path=_RUN,
        about="One run, with its output; the latest attempt, if a policy tries failed runs again.",
        handler=run,
        statuses=(404,),
        query={"attempt": Value(kind="integer", about="another attempt", least=1, most=_MOST_ATTEMPTS)},
    ),
    Endpoint(
        method="POST",
        path=f"{_RUN}/cancel",
        about="End a run that waits or goes on.",
        handler=cancel,
        statuses=(202, 404, 409),
    ),
)
