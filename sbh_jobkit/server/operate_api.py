"""Operating jobs: pauses of a job or a plugin, and past fire times that run again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sbh_jobkit.engines import backfill, pauses, planner
from sbh_jobkit.engines.backfill import BackfillRefused
from sbh_jobkit.engines.instants import now
from sbh_jobkit.engines.pauses import NotPaused, Pauses, Scope
from sbh_jobkit.errors import TimeFormatError
from sbh_jobkit.schedule import times
from sbh_jobkit.schedule.policy import Window
from sbh_jobkit.server.answer import Answer, ApiError
from sbh_jobkit.server.endpoint import Endpoint, Value

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from sbh_jobkit.engines.planner import Key
    from sbh_jobkit.server.endpoint import Call

_PLUGIN = "/api/plugins/{plugin_id}"
_JOB = f"{_PLUGIN}/jobs/{{job_name}}"


def pause(call: Call) -> Answer:
    """Let fire times of a job, or of all jobs of a plugin, end as skipped."""
    scope = _scope(call)
    with call.service.store.write() as connection:
        begun = pauses.begin(connection, scope, call.caller.name, now())
    return Answer(data=_paused(scope, begun.sentence, paused=True))


def resume(call: Call) -> Answer:
    """Let the jobs start again."""
    scope = _scope(call)
    try:
        with call.service.store.write() as connection:
            pauses.end(connection, scope, call.caller.name, now())
            still = Pauses.read(connection).of((scope.tenant, scope.plugin, scope.job)).current
    except NotPaused as error:
        raise ApiError(409, f"{error}") from error
    return Answer(data=_paused(scope, None if still is None else still.sentence, paused=still is not None))


def run_past(call: Call) -> Answer:
    """Let past fire times of a job run that have not run."""
    key = _key(call)
    planned = call.service.engine.jobs[key].planned

    def ask(connection: Connection) -> backfill.Backfill:
        at, tz = now(), planned.schedule.tz
        planner.plan(connection, [planned], at)  # which knows the job from then on
        start = times.instant_in_range(call.body["start"], tz).timestamp()
        end = times.instant_in_range(call.body["end"], tz, end=True).timestamp() if "end" in call.body else at
        return backfill.ask(connection, key, Window(start=start, end=end), call.caller.name, at)

    try:
        with call.service.store.write() as connection:
            found = ask(connection)
    except (BackfillRefused, TimeFormatError) as error:
        raise ApiError(400, f"{error}") from error
    numbers = {"asked": found.asked, "begun": found.begun, "planned": found.planned}
    return Answer(data={"job_name": key[2], **numbers, "message": found.sentence}, status=202)


def cancel_past(call: Call) -> Answer:
    """Start nothing more of the backfills of a job."""
    key = _key(call)
    with call.service.store.write() as connection:
        number = backfill.cancel(connection, key, call.caller.name, now())
    return Answer(data={"job_name": key[2], "cancelled": number})


def _key(call: Call) -> Key:
    found = call.service.plugin(call.tenant, call.path["plugin_id"])
    return found.key(found.job(call.path["job_name"]).name)


def _scope(call: Call) -> Scope:
    if "job_name" in call.path:
        tenant, plugin, job = _key(call)
        return Scope(tenant=tenant, plugin=plugin, job=job)
    return Scope(tenant=call.tenant, plugin=call.service.plugin(call.tenant, call.path["plugin_id"]).plugin.slug)


def _paused(scope: Scope, sentence: str | None, *, paused: bool) -> dict[str, Any]:
    return {"plugin_id": scope.plugin, "job_name": scope.job or None, "paused": paused, "message": sentence}


def _switch(path: str, what: str) -> tuple[Endpoint, Endpoint]:
    return (
        Endpoint(
            method="POST",
            path=f"{path}/pause",
            about=f"Let the fire times of {what} end as skipped until it is resumed.",
            handler=pause,
            statuses=(404,),
        ),
        Endpoint(
            method="POST",
            path=f"{path}/resume",
            about=f"Let {what} start again.",
            handler=resume,
            statuses=(404, 409),
        ),
    )


ENDPOINTS = (
    *_switch(_JOB, "a job"),
    *_switch(_PLUGIN, "a plugin"),
    Endpoint(
        method="POST",
        path=f"{_JOB}/backfill",
        about="Run past fire times of a job that have not run, each under its own fire time.",
        handler=run_past,
        statuses=(202, 404),
        body={
            "start": Value(kind="string", about="ISO 8601, in the zone of the schedule", required=True, most=60),
            "end": Value(kind="string", about="ISO 8601, not included; without it, now", most=60),
        },
    ),
    Endpoint(
        method="POST",
        path=f"{_JOB}/backfill/cancel",
        about="Start nothing more of the job's backfills; what runs goes on.",
        handler=cancel_past,
        statuses=(404,),
    ),
)
